/* SPDX-License-Identifier: MIT */
/*
 * One rule out of .eh_frame_hdr and .eh_frame: the Linux Standard Base's exception frames, DWARF 4
 * section 6.4. Nothing is allocated or kept; every read is checked against the module's mapped
 * part.
 */
#include "capture/unwind/unwind.h"

#define MAX_REMEMBERED 8
#define MAX_INSTRUCTIONS 65536 /* of one FDE; most have some dozens, but cc1 has one of 13,000 */

enum {
    REG_RBP = 6,
    REG_RSP = 7,
    REG_RA = 16,
};

struct reader {
    const unsigned char *at, *end;
    int has_overrun;
};

struct cie {
    uint64_t code_align;
    int64_t data_align;
    unsigned pointer_encoding;
    int has_augmentation_size;
    int is_signal_frame;
    struct reader program;
};

enum cfa_kind {
    CFA_REGISTER,
    CFA_PLT,
    CFA_RBP_DEREF,
    CFA_OTHER,
};

struct row { /* of the unwind table */
    enum cfa_kind cfa;
    uint64_t cfa_register;
    int64_t cfa_offset;
    uint64_t tracked;    /* the register whose place is wanted, mostly rbp */
    int64_t saved_at;    /* from the CFA; 0 = unchanged */
    int is_saved_at_rbp; /* at [rbp], by expression */
    int is_odd;          /* somewhere we do not follow */
    int is_ra_undefined;
};

static uint64_t take (struct reader *r, unsigned n)
{
    uint64_t value = 0;

    if ((uintptr_t)(r->end - r->at) < n || r->has_overrun) {
        r->has_overrun = 1;
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)r->at[i] << 8 * i;
    r->at += n;
    return value;
}

static uint64_t take_uleb (struct reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = take (r, 1);

        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80) || r->has_overrun)
            return value;
    }
}

static int64_t take_sleb (struct reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = take (r, 1);

        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80) || r->has_overrun) {
            if ((byte & 0x40) && shift + 7 < 64)
                value |= ~UINT64_C (0) << (shift + 7);
            return (int64_t)value;
        }
    }
}

/* A pointer in one of the encodings that linkers write; 0 and has_overrun for others. */
static uintptr_t take_encoded (struct reader *r, unsigned encoding, uintptr_t data_base)
{
    uintptr_t place = (uintptr_t)r->at;
    uint64_t value;

    switch (encoding & 0x0f) {
    case 0x00: /* absptr */
    case 0x04: /* udata8 */
    case 0x0c: /* sdata8 */
        value = take (r, 8);
        break;
    case 0x02:
        value = take (r, 2);
        break;
    case 0x03:
        value = take (r, 4);
        break;
    case 0x0a:
        value = (uint64_t)(int16_t)take (r, 2);
        break;
    case 0x0b:
        value = (uint64_t)(int32_t)take (r, 4);
        break;
    default:
        r->has_overrun = 1;
        return 0;
    }
    switch (encoding & 0xf0) {
    case 0x00:
        return value;
    case 0x10: /* pcrel */
        return place + value;
    case 0x30: /* datarel */
        return data_base + value;
    default:
        r->has_overrun = 1;
        return 0;
    }
}

static struct reader reader_at (const struct hs_unwind_module *module, uintptr_t at)
{
    struct reader r = { (const unsigned char *)at, (const unsigned char *)module->end, 0 };

    if (at < module->begin || at >= module->end)
        r.has_overrun = 1;
    return r;
}

/* The FDE that may cover `pc`, by the sorted table of .eh_frame_hdr; 0 = none. */
static uintptr_t find_fde (const struct hs_unwind_module *module, uintptr_t pc)
{
    struct reader r = reader_at (module, module->eh_frame_hdr);
    uint64_t low = 0, high, n;
    const unsigned char *table;
    int64_t relative = (int64_t)(pc - module->eh_frame_hdr);

    if (take (&r, 1) != 1)
        return 0;
    unsigned frame_encoding = (unsigned)take (&r, 1), count_encoding = (unsigned)take (&r, 1);
    if (take (&r, 1) != 0x3b) /* sorted pairs of sdata4, relative to the header */
        return 0;
    (void)take_encoded (&r, frame_encoding, module->eh_frame_hdr);
    n = take_encoded (&r, count_encoding, module->eh_frame_hdr);
    table = r.at;
    if (r.has_overrun || n == 0 || n > (uint64_t)(r.end - r.at) / 8)
        return 0;
    for (high = n; high - low > 1;) {
        uint64_t middle = low + (high - low) / 2;
        struct reader entry = { table + 8 * middle, r.end, 0 };

        if ((int32_t)take (&entry, 4) <= relative)
            low = middle;
        else
            high = middle;
    }
    r.at = table + 8 * low;
    if ((int32_t)take (&r, 4) > relative)
        return 0;
    return module->eh_frame_hdr + (uintptr_t)(int64_t)(int32_t)take (&r, 4);
}

/* Narrows the reader to the entry of .eh_frame it stands at; 0 when that is none. */
static int enter (struct reader *r)
{
    uint64_t length = take (r, 4);

    if (r->has_overrun || length == 0 || length == 0xffffffff ||
        length > (uint64_t)(r->end - r->at))
        return 0;
    r->end = r->at + length;
    return 1;
}

static int read_augmentation (struct reader *r, const unsigned char *text, struct cie *cie)
{
    const unsigned char *program;
    uint64_t size;

    if (*text != 'z') /* nothing more to know, or a form from before 2000 */
        return *text == '\0';
    cie->has_augmentation_size = 1;
    size = take_uleb (r);
    if (r->has_overrun || size > (uint64_t)(r->end - r->at))
        return 0;
    program = r->at + size;
    for (text++; *text != '\0'; text++) {
        if (*text == 'R')
            cie->pointer_encoding = (unsigned)take (r, 1);
        else if (*text == 'P')
            (void)take_encoded (r, (unsigned)take (r, 1) & 0x7f, 0);
        else if (*text == 'L')
            (void)take (r, 1);
        else if (*text == 'S')
            cie->is_signal_frame = 1;
        else
            break; /* unknown: its data is skipped by the size */
    }
    r->at = program;
    r->has_overrun = 0;
    return 1;
}

static int read_cie (const struct hs_unwind_module *module, uintptr_t at, struct cie *cie)
{
    struct reader r = reader_at (module, at);
    const unsigned char *augmentation;
    unsigned version;

    *cie = (struct cie){ 0 };
    if (!enter (&r) || take (&r, 4) != 0)
        return 0;
    version = (unsigned)take (&r, 1);
    augmentation = r.at;
    while (take (&r, 1) != 0)
        ;
    if (r.has_overrun)
        return 0;
    cie->code_align = take_uleb (&r);
    cie->data_align = take_sleb (&r);
    if ((version == 1 ? take (&r, 1) : take_uleb (&r)) != REG_RA)
        return 0;
    if (r.has_overrun || !read_augmentation (&r, augmentation, cie))
        return 0;
    cie->program = r;
    return 1;
}

static int equals (struct reader *block, uint64_t size, const unsigned char *wanted, unsigned n)
{
    if (size < n || (uint64_t)(block->end - block->at) < size)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        if (block->at[i] != wanted[i])
            return 0;
    }
    return 1;
}

/* The three expressions that compilers and linkers write on x86-64. */
static void read_cfa_expression (struct reader *r, struct row *row)
{
    static const unsigned char plt[] = {
        0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
    };
    uint64_t size = take_uleb (r);
    struct reader block = *r;

    row->cfa = CFA_OTHER;
    if (r->has_overrun || size > (uint64_t)(r->end - r->at)) {
        r->has_overrun = 1;
        return;
    }
    r->at += size;
    block.end = r->at;
    if (size == sizeof plt && equals (&block, size, plt, sizeof plt)) {
        row->cfa = CFA_PLT;
    } else if (size >= 3 && take (&block, 1) == 0x76) { /* breg6 n; deref */
        row->cfa_offset = take_sleb (&block);
        if (take (&block, 1) == 0x06 && block.at == block.end)
            row->cfa = CFA_RBP_DEREF;
    }
}

static void read_register_expression (struct reader *r, struct row *row)
{
    static const unsigned char at_rbp[] = { 0x76, 0 };
    uint64_t number = take_uleb (r), size = take_uleb (r);

    if (number == row->tracked) {
        row->is_saved_at_rbp = equals (r, size, at_rbp, sizeof at_rbp) && size == sizeof at_rbp;
        row->is_odd = !row->is_saved_at_rbp;
    }
    if (number == REG_RA)
        row->cfa = CFA_OTHER;
    if (r->has_overrun || size > (uint64_t)(r->end - r->at))
        r->has_overrun = 1;
    else
        r->at += size;
}

static void save_register (struct row *row, uint64_t number, int64_t offset)
{
    if (number != row->tracked)
        return;
    row->saved_at = offset;
    row->is_saved_at_rbp = row->is_odd = 0;
}

static void restore_register (struct row *row, const struct row *first, uint64_t number)
{
    if (number != row->tracked)
        return;
    row->saved_at = first->saved_at;
    row->is_saved_at_rbp = first->is_saved_at_rbp;
    row->is_odd = first->is_odd;
}

struct machine {
    struct row row, first;
    struct row remembered[MAX_REMEMBERED];
    unsigned n_remembered;
    uintptr_t location, pc;
    const struct cie *cie;
};

/* An instruction without operands in its opcode byte; 0 = unknown: the row cannot be trusted. */
static int run_extended (struct machine *m, struct reader *r, unsigned opcode)
{
    struct row *row = &m->row;
    uint64_t number;

    switch (opcode) {
    case 0x00: /* nop */
        return 1;
    case 0x01: /* set_loc */
        m->location = take_encoded (r, m->cie->pointer_encoding, 0);
        return 1;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        m->location += take (r, 1u << (opcode - 2)) * m->cie->code_align;
        return 1;
    case 0x05: /* offset_extended */
        number = take_uleb (r);
        save_register (row, number, (int64_t)take_uleb (r) * m->cie->data_align);
        return 1;
    case 0x06: /* restore_extended */
        restore_register (row, &m->first, take_uleb (r));
        return 1;
    case 0x07: /* undefined */
        number = take_uleb (r);
        row->is_ra_undefined |= number == REG_RA;
        row->is_odd |= number == row->tracked;
        return 1;
    case 0x08: /* same_value */
        save_register (row, take_uleb (r), 0);
        return 1;
    case 0x09: /* register */
        row->is_odd |= take_uleb (r) == row->tracked;
        (void)take_uleb (r);
        return 1;
    case 0x0a: /* remember_state */
        if (m->n_remembered == MAX_REMEMBERED)
            return 0;
        m->remembered[m->n_remembered++] = *row;
        return 1;
    case 0x0b: /* restore_state */
        if (m->n_remembered == 0)
            return 0;
        *row = m->remembered[--m->n_remembered];
        return 1;
    case 0x0c: /* def_cfa */
        row->cfa = CFA_REGISTER;
        row->cfa_register = take_uleb (r);
        row->cfa_offset = (int64_t)take_uleb (r);
        return 1;
    case 0x0d: /* def_cfa_register */
        row->cfa_register = take_uleb (r);
        return 1;
    case 0x0e: /* def_cfa_offset */
        row->cfa_offset = (int64_t)take_uleb (r);
        return 1;
    case 0x0f: /* def_cfa_expression */
        read_cfa_expression (r, row);
        return 1;
    case 0x10: /* expression */
        read_register_expression (r, row);
        return 1;
    case 0x2e: /* GNU_args_size: changes nothing for us */
        (void)take_uleb (r);
        return 1;
    default:
        return 0;
    }
}

/* Runs until the location passes pc; 0 when the program cannot be followed. */
static int run (struct machine *m, struct reader program)
{
    for (unsigned n = 0; program.at < program.end && n < MAX_INSTRUCTIONS; n++) {
        unsigned opcode = (unsigned)take (&program, 1);
        unsigned low = opcode & 0x3f;
        int is_known = 1;

        switch (opcode >> 6) {
        case 1:
            m->location += low * m->cie->code_align;
            break;
        case 2:
            save_register (&m->row, low, (int64_t)take_uleb (&program) * m->cie->data_align);
            break;
        case 3:
            restore_register (&m->row, &m->first, low);
            break;
        default:
            is_known = run_extended (m, &program, opcode);
        }
        if (!is_known || program.has_overrun)
            return 0;
        if (m->location > m->pc)
            return 1;
    }
    return program.at >= program.end;
}

static struct hs_unwind_rule rule_of_row (const struct row *row)
{
    struct hs_unwind_rule rule = { .kind = HS_UNWIND_OTHER };

    if (row->is_ra_undefined)
        return (struct hs_unwind_rule){ .kind = HS_UNWIND_END };
    if (row->cfa_offset != (int32_t)row->cfa_offset || row->saved_at != (int32_t)row->saved_at)
        return rule;
    if (row->is_odd || (row->is_saved_at_rbp && row->cfa != CFA_RBP_DEREF))
        return rule;
    if (row->cfa == CFA_REGISTER && row->cfa_register != REG_RSP && row->cfa_register != REG_RBP) {
        if (row->saved_at != 0 || row->cfa_register >= REG_RA)
            return rule;
        rule.rbp_offset = (int32_t)row->cfa_register * 8;
        rule.cfa_offset = (int32_t)row->cfa_offset;
        return rule;
    }
    rule.cfa_offset = (int32_t)row->cfa_offset;
    rule.rbp_offset = (int32_t)row->saved_at;
    if (row->cfa == CFA_PLT)
        rule.kind = HS_UNWIND_PLT;
    else if (row->cfa == CFA_RBP_DEREF && row->is_saved_at_rbp)
        rule.kind = HS_UNWIND_RBP_DEREF;
    else if (row->cfa == CFA_REGISTER && row->cfa_register == REG_RSP)
        rule.kind = HS_UNWIND_RSP;
    else if (row->cfa == CFA_REGISTER)
        rule.kind = HS_UNWIND_RBP;
    else
        return (struct hs_unwind_rule){ .kind = HS_UNWIND_OTHER };
    return rule;
}

/* Whether `pc` is where libc's sa_restorer begins: mov $15,%rax (rt_sigreturn); syscall. */
static int is_restorer (const struct hs_unwind_module *module, uintptr_t pc)
{
    static const unsigned char code[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
    struct reader r = reader_at (module, pc);

    return !r.has_overrun && equals (&r, sizeof code, code, sizeof code);
}

enum row_outcome {
    ROW_FOUND,
    ROW_NONE, /* no table covers the pc */
    ROW_SIGNAL_FRAME,
    ROW_NOT_FOLLOWED,
};

/* The row for a return address, with the place of the register `tracked`. */
static enum row_outcome find_row (const struct hs_unwind_module *module, uintptr_t pc,
                                  uint64_t tracked, struct row *ret)
{
    struct machine m = { .pc = pc - 1, .row.tracked = tracked };
    struct reader r;
    struct cie cie;
    uintptr_t fde, length;

    if (module->eh_frame_hdr == 0 || (fde = find_fde (module, m.pc)) == 0)
        return ROW_NONE;
    r = reader_at (module, fde);
    if (!enter (&r))
        return ROW_NONE;
    uintptr_t cie_place = (uintptr_t)r.at;
    if (!read_cie (module, cie_place - (uintptr_t)take (&r, 4), &cie))
        return ROW_NONE;
    m.location = take_encoded (&r, cie.pointer_encoding, 0);
    length = take_encoded (&r, cie.pointer_encoding & 0x0f, 0);
    if (r.has_overrun || m.pc < m.location || m.pc - m.location >= length)
        return ROW_NONE;
    if (cie.has_augmentation_size) {
        uint64_t size = take_uleb (&r);

        if (r.has_overrun || size > (uint64_t)(r.end - r.at))
            return ROW_NONE;
        r.at += size;
    }
    if (cie.is_signal_frame)
        return ROW_SIGNAL_FRAME;
    m.cie = &cie;
    /* the CIE's program gives the first row: it has no locations of its own */
    uintptr_t location = m.location;
    m.pc = UINTPTR_MAX;
    if (!run (&m, cie.program))
        return ROW_NOT_FOLLOWED;
    m.location = location;
    m.pc = pc - 1;
    m.first = m.row;
    if (!run (&m, r))
        return ROW_NOT_FOLLOWED;
    *ret = m.row;
    return ROW_FOUND;
}

struct hs_unwind_rule hs_unwind_rule_for (const struct hs_unwind_module *module, uintptr_t pc)
{
    struct hs_unwind_rule rule = { .kind = HS_UNWIND_OTHER };
    struct row row;

    switch (find_row (module, pc, REG_RBP, &row)) {
    case ROW_FOUND:
        return rule_of_row (&row);
    case ROW_NONE:
        rule.kind = HS_UNWIND_UNKNOWN;
        break;
    case ROW_SIGNAL_FRAME:
        if (is_restorer (module, pc))
            rule.kind = HS_UNWIND_SIGNAL;
        break;
    case ROW_NOT_FOLLOWED:
        break;
    }
    return rule;
}

int hs_unwind_saved_at (const struct hs_unwind_module *module, uintptr_t pc, unsigned number,
                        int64_t *ret)
{
    struct row row;

    if (find_row (module, pc, number, &row) != ROW_FOUND || row.is_odd || row.is_saved_at_rbp)
        return 0;
    *ret = row.saved_at;
    return 1;
}
