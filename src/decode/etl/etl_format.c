/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ETL as a format of the table: pulls records out of the merge and hands them to their meaning.
 * Facts and counts are told about once a second of decoding, so that a growing trace shows them.
 */
#include "decode/format.h"

#include "base/memory.h"
#include "base/text.h"
#include "decode/etl/etl_meaning.h"

#include <time.h>

#define TELL_EVERY_NS INT64_C (1000000000)
#define RUN_RECORDS 32 /* read at once; they fit into the nearest cache */
#define BUFFER_HEADER_BYTES 0x48
#define HEADER_RECORD_BYTES 0x20
#define BUFFER_TYPE_HEADER 4

enum phase { READING, FINISHING, DONE };

struct etl {
    struct hs_etl_merge *merge;
    struct hs_etl_meaning *meaning;
    int64_t told_ns; /* when facts were told last */
    bool is_telling; /* a round of facts did not fit into the last batch */
    struct hs_etl_record records[RUN_RECORDS];
    size_t n_records, next_record; /* of them */
    enum phase phase;
    enum hs_status end_status; /* HS_END, or the error that ended the trace */
    struct hs_error end_error;
};

static int64_t now_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A buffer header of type HEADER, and in it a SYSTEM record of group 0, opcode 0. */
static int etl_probe (struct hs_span head)
{
    uint32_t size = hs_span_u32_at (head, 0);
    uint8_t type = hs_span_u8_at (head, BUFFER_HEADER_BYTES + 2);

    if (!hs_span_has (head, 0, BUFFER_HEADER_BYTES + HEADER_RECORD_BYTES) ||
        hs_span_u16_at (head, 0x36) != BUFFER_TYPE_HEADER || size < BUFFER_HEADER_BYTES)
        return 0;
    if (hs_span_u8_at (head, BUFFER_HEADER_BYTES + 3) != 0xc0 || (type != 1 && type != 2) ||
        hs_span_u16_at (head, BUFFER_HEADER_BYTES + 6) != 0)
        return 30; /* the buffer looks right and its record does not: let open say what is wrong */
    return 100;
}

static void etl_close (void *self)
{
    struct etl *etl = self;

    if (etl == NULL)
        return;
    hs_etl_meaning_free (etl->meaning);
    if (etl->merge != NULL)
        hs_etl_merge_close (etl->merge);
    hs_free (etl);
}

static enum hs_status etl_open (struct hs_source *const *sources, size_t n, void **ret,
                                struct hs_error *err)
{
    struct etl *etl = HS_NEW (struct etl);
    enum hs_status status;

    if (etl == NULL)
        return hs_error_no_memory (err);
    status = hs_etl_merge_open (sources, n, &etl->merge, err);
    if (status == HS_OK) {
        etl->meaning = hs_etl_meaning_new (hs_etl_merge_header (etl->merge));
        if (etl->meaning == NULL)
            status = hs_error_no_memory (err);
    }
    if (status != HS_OK) {
        etl_close (etl);
        return status;
    }
    *ret = etl;
    return HS_OK;
}

/* HS_OK: the batch is full. */
static enum hs_status read_records (struct etl *etl, struct hs_event_batch *out,
                                    struct hs_error *err)
{
    while (hs_etl_meaning_has_room (etl->meaning)) {
        size_t n_read;

        if (etl->next_record == etl->n_records) {
            enum hs_status status;

            etl->n_records = etl->next_record = 0;
            status = hs_etl_merge_next (etl->merge, out, RUN_RECORDS, etl->records, &etl->n_records,
                                        err);
            if (status != HS_OK)
                return status;
        }
        if (!hs_etl_meaning_read (etl->meaning, etl->records + etl->next_record,
                                  etl->n_records - etl->next_record, &n_read))
            return hs_error_no_memory (err);
        etl->next_record += n_read;
        if (!hs_etl_meaning_drain (etl->meaning))
            return HS_OK;
    }
    return HS_OK;
}

static bool tell (struct etl *etl)
{
    etl->is_telling = !hs_etl_meaning_tell (etl->meaning, hs_etl_merge_n_buffers (etl->merge));
    etl->told_ns = now_ns ();
    return !etl->is_telling;
}

/* An error ends the trace only after all that was read has been delivered. */
static enum hs_status finish (struct etl *etl, struct hs_error *err)
{
    if (!tell (etl))
        return HS_OK;
    etl->phase = DONE;
    if (etl->end_status != HS_END && err != NULL)
        *err = etl->end_error;
    return etl->end_status;
}

static enum hs_status etl_next (void *self, struct hs_event_batch *out, struct hs_error *err)
{
    struct etl *etl = self;
    struct hs_error error = { 0 };
    enum hs_status status;

    hs_etl_meaning_begin (etl->meaning, out);
    if (!hs_etl_meaning_drain (etl->meaning))
        return HS_OK;
    if (etl->phase != READING)
        return etl->phase == FINISHING ? finish (etl, err) : etl->end_status;
    if ((etl->is_telling || now_ns () - etl->told_ns >= TELL_EVERY_NS) && !tell (etl))
        return HS_OK;
    status = read_records (etl, out, &error);
    if (status == HS_OK)
        return HS_OK;
    if (status == HS_AGAIN) {
        if (hs_etl_meaning_has_news (etl->meaning) && !tell (etl))
            return HS_OK;
        return HS_AGAIN;
    }
    if (status == HS_NO_MEMORY || !hs_etl_meaning_finish (etl->meaning))
        return hs_error_no_memory (err);
    etl->phase = FINISHING;
    etl->end_status = status;
    etl->end_error = error;
    return hs_etl_meaning_drain (etl->meaning) ? finish (etl, err) : HS_OK;
}

static double etl_progress (const void *self)
{
    const struct etl *etl = self;

    return hs_etl_merge_progress (etl->merge);
}

static const char *const extensions[] = { "etl", NULL };

const struct hs_format hs_etl_format = {
    .name = "etl",
    .description = N_ ("Windows event trace log (ETL)"),
    .extensions = extensions,
    .probe = etl_probe,
    .open = etl_open,
    .next = etl_next,
    .progress = etl_progress,
    .close = etl_close,
    .joins_files = true,
};
