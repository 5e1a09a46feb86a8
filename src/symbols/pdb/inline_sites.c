/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which functions are inlined at an address: the nested S_INLINESITE records of a procedure and
 * their binary annotations, small programs that say code range by code range which line of the
 * inlined function stands there (cvinfo.h: CodeViewInfo BinaryAnnotationOpcode).
 */
#include "symbols/pdb/codeview.h"
#include "symbols/pdb/pdb_module.h"

#include <stdlib.h>

#define DEEPEST_NESTING 256u

enum {
    BA_END,
    BA_CODE_OFFSET,
    BA_CODE_OFFSET_BASE,
    BA_CHANGE_CODE_OFFSET,
    BA_CHANGE_CODE_LENGTH,
    BA_CHANGE_FILE,
    BA_CHANGE_LINE_OFFSET,
    BA_CHANGE_LINE_END_DELTA,
    BA_CHANGE_RANGE_KIND,
    BA_CHANGE_COLUMN_START,
    BA_CHANGE_COLUMN_END_DELTA,
    BA_CODE_AND_LINE_OFFSET,
    BA_CODE_LENGTH_AND_CODE_OFFSET,
    BA_CHANGE_COLUMN_END,
};

/* A run of annotations: the range that begins at `offset` holds until the next begins, or a length
 * is given. */
struct run {
    uint32_t wanted;                 /* offset in the procedure */
    uint32_t offset;                 /* of the range under way */
    uint32_t file, line;             /* so far */
    uint32_t range_file, range_line; /* when the range under way began */
    bool is_open;                    /* that was at or before `wanted`, and it has not ended */
    bool is_found;                   /* the range under way is the one */
};

/* 1, 2 or 4 bytes, told by the first one's high bits. */
static uint32_t read_operand (struct hs_reader *reader)
{
    uint32_t first = hs_reader_u8 (reader);

    if ((first & 0x80) == 0)
        return first;
    if ((first & 0xc0) == 0x80)
        return (first & 0x3f) << 8 | hs_reader_u8 (reader);
    first = (first & 0x1f) << 24;
    first |= (uint32_t)hs_reader_u8 (reader) << 16;
    first |= (uint32_t)hs_reader_u8 (reader) << 8;
    return first | hs_reader_u8 (reader);
}

static uint32_t signed_operand (uint32_t value)
{
    return value & 1 ? 0 - (value >> 1) : value >> 1;
}

/* The range under way ends at `end`. */
static void end_range (struct run *run, uint32_t end)
{
    if (run->is_open && run->wanted < end)
        run->is_found = true;
    run->is_open = false;
}

static void begin_range (struct run *run, uint32_t delta)
{
    end_range (run, run->offset + delta);
    if (run->is_found)
        return;
    run->offset += delta;
    run->range_file = run->file;
    run->range_line = run->line;
    run->is_open = run->offset <= run->wanted;
}

static void end_after (struct run *run, uint32_t length)
{
    end_range (run, run->offset + length);
    run->offset += length;
}

static void annotate (struct run *run, uint32_t opcode, struct hs_reader *reader)
{
    uint32_t value = read_operand (reader), other;

    switch (opcode) {
    case BA_CODE_OFFSET:
    case BA_CHANGE_CODE_OFFSET:
        begin_range (run, value);
        break;
    case BA_CHANGE_CODE_LENGTH:
        end_after (run, value);
        break;
    case BA_CHANGE_FILE:
        run->file = value;
        break;
    case BA_CHANGE_LINE_OFFSET:
        run->line += signed_operand (value);
        break;
    case BA_CODE_AND_LINE_OFFSET:
        run->line += signed_operand (value >> 4);
        begin_range (run, value & 15);
        break;
    case BA_CODE_LENGTH_AND_CODE_OFFSET:
        other = read_operand (reader);
        begin_range (run, other);
        end_after (run, value);
        run->offset -= value; /* the next delta counts from this range's beginning */
        break;
    default: /* bases, columns and statement kinds say nothing about lines */
        break;
    }
}

/* Whether the site's code holds `offset` of its procedure; *ret then names its line. */
static bool site_holds (const struct hs_pdb_module *module, struct hs_span body, uint32_t offset,
                        uint32_t annotations_at, struct hs_pdb_site *ret)
{
    struct hs_reader reader = hs_reader_init (hs_span_part (body, annotations_at, SIZE_MAX));
    uint32_t id = hs_span_u32_at (body, 8);
    struct run run = { .wanted = offset, .file = HS_PDB_NO_FILE };
    size_t low = 0, high = module->inlinees.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (module->inlinees.items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < module->inlinees.n && module->inlinees.items[low].id == id) {
        run.file = module->inlinees.items[low].file;
        run.line = module->inlinees.items[low].line;
    }
    while (reader.rest.size > 0 && !run.is_found) {
        uint32_t opcode = read_operand (&reader);

        if (opcode == BA_END)
            break;
        annotate (&run, opcode, &reader);
    }
    *ret = (struct hs_pdb_site){ id, run.range_file, run.range_line };
    return run.is_found;
}

size_t hs_pdb_module_sites (const struct hs_pdb_module *module, const struct hs_pdb_proc *proc,
                            uint32_t offset, struct hs_pdb_site *ret, size_t max)
{
    uint32_t at = proc->record, depth = 0, closed_at = 0;
    struct hs_cv_record record;
    size_t n = 0;

    /* depth counts open scopes; inside a site that does not hold the offset nothing is looked at:
     * closed_at is its depth */
    while (hs_cv_next (module->symbols, &at, &record)) {
        switch (record.kind) {
        case CV_S_INLINESITE:
        case CV_S_INLINESITE2:
            depth++;
            if (closed_at == 0 && n < max &&
                !site_holds (module, record.body, offset - proc->offset,
                             record.kind == CV_S_INLINESITE ? 12 : 16, &ret[n]))
                closed_at = depth;
            else if (closed_at == 0 && n < max)
                n++;
            break;
        case CV_S_BLOCK32:
        case CV_S_SEPCODE:
        case CV_S_THUNK32:
        case CV_S_GPROC32:
        case CV_S_LPROC32:
        case CV_S_GPROC32_ID:
        case CV_S_LPROC32_ID:
        case CV_S_LPROC32_DPC:
        case CV_S_LPROC32_DPC_ID:
            depth++;
            break;
        case CV_S_END:
        case CV_S_INLINESITE_END:
        case CV_S_PROC_ID_END:
            if (depth == closed_at)
                closed_at = 0;
            depth = depth > 0 ? depth - 1 : 0;
            if (depth == 0)
                return n;
            break;
        default:
            break;
        }
        if (depth > DEEPEST_NESTING)
            break;
    }
    return n;
}
