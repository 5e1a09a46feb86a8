/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Procedures and line tables of one module; see pdb_module.h. Inline sites: inline_sites.c. */
#include "symbols/pdb/pdb_module.h"

#include "symbols/pdb/codeview.h"

#include <stdlib.h>
#include <string.h>

#define C13_LINES 0xf2u
#define C13_CHECKSUMS 0xf4u
#define C13_INLINEES 0xf6u
#define C13_IMPORTS 0xf7u
#define C13_EXPORTS 0xf8u
#define LINES_HAVE_COLUMNS 1u
#define INLINEES_HAVE_FILES 1u
#define ID_IS_IMPORTED 0x80000000u /* then 11 bits: from which module; 20: which of its ids */
#define LINE_MASK 0xffffffu
#define LINE_NEVER_STEP_INTO 0xfeefeeu
#define LINE_ALWAYS_STEP_INTO 0xf00f00u

static int compare (uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static uint64_t key_of (uint16_t section, uint32_t offset)
{
    return (uint64_t)section << 32 | offset;
}

/* ---- symbols ---------------------------------------------------------------------------- */

static bool is_proc (uint16_t kind)
{
    return kind == CV_S_GPROC32 || kind == CV_S_LPROC32 || kind == CV_S_GPROC32_ID ||
           kind == CV_S_LPROC32_ID || kind == CV_S_LPROC32_DPC || kind == CV_S_LPROC32_DPC_ID;
}

static bool add_proc (struct hs_pdb_module *module, const struct hs_cv_record *record)
{
    struct hs_pdb_proc proc = { .record = record->at };

    if (is_proc (record->kind) && record->body.size > CV_PROC_NAME) {
        proc.size = hs_get_u32 (record->body.data + 12);
        proc.offset = hs_get_u32 (record->body.data + 28);
        proc.section = hs_get_u16 (record->body.data + 32);
    } else if (record->kind == CV_S_THUNK32 && record->body.size > CV_THUNK_NAME) {
        proc.offset = hs_get_u32 (record->body.data + 12);
        proc.section = hs_get_u16 (record->body.data + 16);
        proc.size = hs_get_u16 (record->body.data + 18);
    } else {
        return true;
    }
    if (!hs_array_reserve (&module->procs, 1))
        return false;
    module->procs.items[module->procs.n++] = proc;
    return true;
}

static bool read_symbols (struct hs_pdb_module *module)
{
    struct hs_cv_record record;
    uint32_t at = 4; /* after the signature */

    while (hs_cv_next (module->symbols, &at, &record)) {
        if (!add_proc (module, &record))
            return false;
    }
    return true;
}

/* ---- lines ------------------------------------------------------------------------------ */

static bool add_line (struct hs_pdb_module *module, uint32_t offset, uint32_t line, uint32_t file)
{
    if (!hs_array_reserve (&module->lines, 1))
        return false;
    if (line == LINE_NEVER_STEP_INTO || line == LINE_ALWAYS_STEP_INTO)
        line = 0;
    module->lines.items[module->lines.n] =
        (struct hs_pdb_line){ offset, line, file, (uint32_t)module->lines.n };
    module->lines.n++;
    return true;
}

/* Of lines at one address their order counts. */
static int compare_lines (const void *a, const void *b)
{
    const struct hs_pdb_line *x = a, *y = b;
    int order = compare (x->offset, y->offset);

    return order != 0 ? order : compare (x->number, y->number);
}

/* One subsection: a piece of code, its lines in blocks by file. */
static bool read_lines (struct hs_pdb_module *module, struct hs_span part)
{
    struct hs_reader reader = hs_reader_init (part);
    struct hs_pdb_table table = { .first_line = module->lines.n };
    uint16_t flags;

    table.offset = hs_reader_u32 (&reader);
    table.section = hs_reader_u16 (&reader);
    flags = hs_reader_u16 (&reader);
    table.size = hs_reader_u32 (&reader);
    while (!reader.has_overrun && reader.rest.size > 0) {
        uint32_t file = hs_reader_u32 (&reader), n = hs_reader_u32 (&reader);
        uint32_t n_bytes = hs_reader_u32 (&reader);
        uint64_t n_columns = flags & LINES_HAVE_COLUMNS ? n : 0;

        if (n_bytes < 12 + 8 * (uint64_t)n + 4 * n_columns || n_bytes - 12 > reader.rest.size)
            break;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t offset = hs_get_u32 (reader.rest.data + 8 * (size_t)i);
            uint32_t line = hs_get_u32 (reader.rest.data + 8 * (size_t)i + 4) & LINE_MASK;

            if (!add_line (module, offset, line, file))
                return false;
        }
        (void)hs_reader_take (&reader, n_bytes - 12);
    }
    table.n_lines = module->lines.n - table.first_line;
    if (table.n_lines == 0)
        return true;
    if (!hs_array_reserve (&module->tables, 1))
        return false;
    qsort (module->lines.items + table.first_line, table.n_lines, sizeof *module->lines.items,
           compare_lines);
    module->tables.items[module->tables.n++] = table;
    return true;
}

static bool read_inlinees (struct hs_pdb_module *module, struct hs_span part)
{
    struct hs_reader reader = hs_reader_init (part);
    uint32_t has_files = hs_reader_u32 (&reader) & INLINEES_HAVE_FILES;

    while (reader.rest.size >= 12) {
        struct hs_pdb_inlinee inlinee = { .id = hs_reader_u32 (&reader) };

        inlinee.file = hs_reader_u32 (&reader);
        inlinee.line = hs_reader_u32 (&reader);
        if (has_files)
            (void)hs_reader_take (&reader, 4 * (size_t)hs_reader_u32 (&reader));
        if (!hs_array_reserve (&module->inlinees, 1))
            return false;
        module->inlinees.items[module->inlinees.n++] = inlinee;
    }
    return true;
}

static bool read_c13 (struct hs_pdb_module *module, struct hs_span c13)
{
    struct hs_reader reader = hs_reader_init (c13);

    while (reader.rest.size >= 8) {
        uint32_t kind = hs_reader_u32 (&reader), size = hs_reader_u32 (&reader);
        struct hs_span part = hs_span_part (reader.rest, 0, size);
        bool is_done = true;

        if (kind == C13_LINES)
            is_done = read_lines (module, part);
        else if (kind == C13_INLINEES)
            is_done = read_inlinees (module, part);
        else if (kind == C13_CHECKSUMS)
            module->checksums = part;
        else if (kind == C13_IMPORTS)
            module->imports = part;
        else if (kind == C13_EXPORTS)
            module->exports = part;
        if (!is_done)
            return false;
        (void)hs_reader_take (&reader, ((size_t)size + 3) & ~(size_t)3);
    }
    return true;
}

/* ---- order ------------------------------------------------------------------------------ */

static int compare_places (const struct hs_pdb_proc *x, const struct hs_pdb_proc *y)
{
    return compare (key_of (x->section, x->offset), key_of (y->section, y->offset));
}

static int compare_procs (const void *a, const void *b)
{
    const struct hs_pdb_proc *x = a, *y = b;
    int order = compare_places (x, y);

    return order != 0 ? order : compare (x->record, y->record);
}

/* Functions that were folded into one have tables at one place: the first comes first. */
static int compare_tables (const void *a, const void *b)
{
    const struct hs_pdb_table *x = a, *y = b;
    int order = compare (key_of (x->section, x->offset), key_of (y->section, y->offset));

    return order != 0 ? order : compare (x->first_line, y->first_line);
}

static int compare_inlinees (const void *a, const void *b)
{
    return compare (((const struct hs_pdb_inlinee *)a)->id, ((const struct hs_pdb_inlinee *)b)->id);
}

struct hs_pdb_module *hs_pdb_module_new_take (uint8_t *bytes, uint32_t n_symbols, uint32_t n_c11,
                                              uint32_t n_c13)
{
    struct hs_pdb_module *module = HS_NEW (struct hs_pdb_module);
    struct hs_span c13 = { bytes + n_symbols + n_c11, n_c13 };

    if (module == NULL) {
        hs_free (bytes);
        return NULL;
    }
    module->bytes = bytes;
    module->symbols = (struct hs_span){ bytes, n_symbols };
    if (!read_symbols (module) || !read_c13 (module, c13)) {
        hs_pdb_module_free (module);
        return NULL;
    }
    if (module->procs.n > 0)
        qsort (module->procs.items, module->procs.n, sizeof *module->procs.items, compare_procs);
    if (module->tables.n > 0)
        qsort (module->tables.items, module->tables.n, sizeof *module->tables.items,
               compare_tables);
    if (module->inlinees.n > 0)
        qsort (module->inlinees.items, module->inlinees.n, sizeof *module->inlinees.items,
               compare_inlinees);
    return module;
}

void hs_pdb_module_free (struct hs_pdb_module *module)
{
    if (module == NULL)
        return;
    hs_array_clear (&module->procs);
    hs_array_clear (&module->lines);
    hs_array_clear (&module->tables);
    hs_array_clear (&module->inlinees);
    hs_free (module->bytes);
    hs_free (module);
}

/* ---- questions -------------------------------------------------------------------------- */

const struct hs_pdb_proc *hs_pdb_module_proc (const struct hs_pdb_module *module, uint16_t section,
                                              uint32_t offset)
{
    uint64_t key = key_of (section, offset);
    size_t low = 0, high = module->procs.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hs_pdb_proc *proc = &module->procs.items[middle];

        if (key_of (proc->section, proc->offset) <= key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    low--;
    /* of several folded into one the first, as with lines */
    while (low > 0 &&
           compare_places (&module->procs.items[low - 1], &module->procs.items[low]) == 0)
        low--;
    return module->procs.items[low].section == section &&
                   offset - module->procs.items[low].offset < module->procs.items[low].size
               ? &module->procs.items[low]
               : NULL;
}

const char *hs_pdb_proc_name (const struct hs_pdb_module *module, const struct hs_pdb_proc *proc)
{
    struct hs_cv_record record;
    uint32_t at = proc->record;

    if (!hs_cv_next (module->symbols, &at, &record))
        return "";
    return hs_cv_text (record.body, record.kind == CV_S_THUNK32 ? CV_THUNK_NAME : CV_PROC_NAME);
}

static const struct hs_pdb_table *table_of (const struct hs_pdb_module *module, uint16_t section,
                                            uint32_t offset)
{
    uint64_t key = key_of (section, offset);
    const struct hs_pdb_table *tables = module->tables.items;
    size_t low = 0, high = module->tables.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key_of (tables[middle].section, tables[middle].offset) <= key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    for (low--; low > 0 && tables[low - 1].section == tables[low].section &&
                tables[low - 1].offset == tables[low].offset;)
        low--;
    return tables[low].section == section && offset - tables[low].offset < tables[low].size
               ? &tables[low]
               : NULL;
}

const struct hs_pdb_line *hs_pdb_module_line (const struct hs_pdb_module *module, uint16_t section,
                                              uint32_t offset)
{
    const struct hs_pdb_table *table = table_of (module, section, offset);
    const struct hs_pdb_line *lines;
    size_t low = 0, high;

    if (table == NULL)
        return NULL;
    lines = module->lines.items + table->first_line;
    offset -= table->offset;
    for (high = table->n_lines; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (lines[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) /* the first line holds from the beginning: what stands before it is inlined */
        return &lines[0];
    /* of several lines at just this address the first, as llvm-symbolizer has it */
    for (low--; low > 0 && lines[low].offset == offset && lines[low - 1].offset == offset;)
        low--;
    return &lines[low];
}

bool hs_pdb_module_file (const struct hs_pdb_module *module, uint32_t file, uint32_t *ret_name)
{
    if (!hs_span_has (module->checksums, file, 4))
        return false;
    *ret_name = hs_get_u32 (module->checksums.data + file);
    return true;
}

bool hs_pdb_module_import (const struct hs_pdb_module *module, uint32_t id, uint32_t *ret_name,
                           uint32_t *ret_local)
{
    struct hs_reader reader = hs_reader_init (module->imports);
    uint32_t from = (id & ~ID_IS_IMPORTED) >> 20, which = id & 0xfffffu;

    if ((id & ID_IS_IMPORTED) == 0)
        return false;
    for (uint32_t i = 0; reader.rest.size >= 8; i++) {
        uint32_t name = hs_reader_u32 (&reader), n = hs_reader_u32 (&reader);

        if (i == from) {
            *ret_name = name;
            *ret_local = hs_span_u32_at (reader.rest, 4 * (size_t)which);
            return which < n && hs_span_has (reader.rest, 4 * (size_t)which, 4);
        }
        (void)hs_reader_take (&reader, 4 * (size_t)n);
    }
    return false;
}

bool hs_pdb_module_export (const struct hs_pdb_module *module, uint32_t local, uint32_t *ret_id)
{
    for (size_t at = 0; hs_span_has (module->exports, at, 8); at += 8) {
        if (hs_get_u32 (module->exports.data + at) == local) {
            *ret_id = hs_get_u32 (module->exports.data + at + 4);
            return true;
        }
    }
    return false;
}
