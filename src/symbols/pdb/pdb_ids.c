/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Item ids and types by number; see pdb_ids.h. */
#include "symbols/pdb/pdb_ids.h"

#include "base/memory.h"
#include "symbols/pdb/codeview.h"

#include <stdio.h>

#define TPI_STREAM 2u
#define IPI_STREAM 4u
#define FIXED_HEADER_BYTES 20u

/* Finds where each record begins; what cannot be read counts as absent. */
static void read_records (struct hs_pdb_records *records, const struct hs_msf *msf, uint32_t stream)
{
    struct hs_cv_record record;
    struct hs_span all;
    uint32_t header, at, n = 0;

    records->is_read = true;
    if (hs_msf_read (msf, stream, &records->bytes, NULL) != HS_OK || records->bytes == NULL)
        return;
    records->size = hs_msf_stream_size (msf, stream);
    all = (struct hs_span){ records->bytes, records->size };
    if (records->size < FIXED_HEADER_BYTES)
        return;
    header = hs_get_u32 (records->bytes + 4);
    records->first = hs_get_u32 (records->bytes + 8);
    for (at = header; hs_cv_next (all, &at, &record);)
        n++;
    records->offsets = hs_alloc_array (n, sizeof *records->offsets);
    if (records->offsets == NULL)
        return;
    for (at = header; records->n < n && hs_cv_next (all, &at, &record); records->n++)
        records->offsets[records->n] = record.at;
}

static bool find (const struct hs_pdb_records *records, uint32_t number, struct hs_cv_record *ret)
{
    struct hs_span all = { records->bytes, records->size };
    uint32_t at;

    if (number < records->first || number - records->first >= records->n)
        return false;
    at = records->offsets[number - records->first];
    return hs_cv_next (all, &at, ret);
}

/* Bytes of a numeric leaf: small values stand for themselves, others follow their kind. */
static size_t numeric_size (struct hs_span body, size_t at)
{
    static const uint8_t sizes[] = { 1, 2, 2, 4, 4, 4, 8, 10, 16, 8, 8 };
    uint32_t kind = hs_span_u16_at (body, at);

    if (kind < 0x8000)
        return 2;
    return kind - 0x8000 < sizeof sizes ? 2u + sizes[kind - 0x8000] : 2;
}

static const char *type_name (const struct hs_pdb_records *types, uint32_t number)
{
    struct hs_cv_record record;

    if (!find (types, number, &record))
        return "";
    switch (record.kind) {
    case CV_LF_CLASS:
    case CV_LF_STRUCTURE:
    case CV_LF_INTERFACE:
        return hs_cv_text (record.body, 16 + numeric_size (record.body, 16));
    case CV_LF_UNION:
        return hs_cv_text (record.body, 8 + numeric_size (record.body, 8));
    case CV_LF_ENUM:
        return hs_cv_text (record.body, 12);
    default:
        return "";
    }
}

void hs_pdb_ids_name (struct hs_pdb_ids *ids, const struct hs_msf *msf, uint32_t id, char *ret,
                      size_t size)
{
    struct hs_cv_record record, scope;
    const char *outer = "";

    *ret = '\0';
    if (!ids->items.is_read)
        read_records (&ids->items, msf, IPI_STREAM);
    if (!find (&ids->items, id, &record))
        return;
    if (record.kind == CV_LF_MFUNC_ID) {
        if (!ids->types.is_read)
            read_records (&ids->types, msf, TPI_STREAM);
        outer = type_name (&ids->types, hs_span_u32_at (record.body, 0));
    } else if (record.kind == CV_LF_FUNC_ID) {
        if (find (&ids->items, hs_span_u32_at (record.body, 0), &scope) &&
            scope.kind == CV_LF_STRING_ID)
            outer = hs_cv_text (scope.body, 4);
    } else {
        return;
    }
    (void)snprintf (ret, size, "%s%s%s", outer, *outer != '\0' ? "::" : "",
                    hs_cv_text (record.body, 8));
}

static void clear_records (struct hs_pdb_records *records)
{
    hs_free (records->bytes);
    hs_free (records->offsets);
    *records = (struct hs_pdb_records){ 0 };
}

void hs_pdb_ids_clear (struct hs_pdb_ids *ids)
{
    clear_records (&ids->items);
    clear_records (&ids->types);
}
