/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packed buffers that another thread unpacks ahead: what is read is the same as without it, damaged
 * buffers and want of memory included. Run with the thread sanitizer too.
 */
#include "base/memory.h"
#include "decode/etl/etl_layout.h"
#include "../lib/handmade_etl.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define N_BUFFERS 15u
#define PER_BUFFER 12u
#define NONE UINT32_MAX

/* Buffers of `n_cpus` processors in turn, packed; their records come in the order of opcodes. */
static struct etl_file *packed_file (unsigned n_cpus)
{
    struct etl_file *maker = etl_new_file (2);

    hs_put_u32 (etl_log_of (maker) + 0x20, ETL_MODE_PACKED | 1);
    for (unsigned i = 0; i < N_BUFFERS; i++) {
        etl_begin_buffer (maker, i % n_cpus, i + 1);
        for (unsigned k = 0; k < PER_BUFFER; k++)
            etl_add_perf (maker, ETL_T0 + 1 + i * PER_BUFFER + k, i * PER_BUFFER + k, 8);
        etl_pack_last (maker);
    }
    return maker;
}

/* All but those of buffer `without`. */
static void expect (const struct etl_seen *seen, unsigned without)
{
    char wanted[N_BUFFERS * PER_BUFFER * 4 + 1] = "";
    size_t n = 0;

    for (unsigned i = 0; i < N_BUFFERS * PER_BUFFER; i++) {
        if (i / PER_BUFFER != without)
            n += (size_t)snprintf (wanted + n, sizeof wanted - n, n > 0 ? " %u" : "%u", i);
    }
    etl_expect_opcodes (seen, wanted);
}

/* The buffer behind the log file header with that number. */
static uint8_t *buffer_at (struct etl_file *maker, unsigned number)
{
    uint8_t *at = maker->bytes + ETL_SIZE;

    while (number-- > 0)
        at += hs_get_u32 (at);
    return at;
}

START_TEST (all_that_is_packed_is_read)
{
    for (unsigned n_cpus = 1; n_cpus <= 3; n_cpus++) {
        struct etl_seen *seen = etl_read_file (packed_file (n_cpus));

        expect (seen, NONE);
        ck_assert_uint_eq (etl_n_issues (seen), 0);
        for (size_t i = 1; i < seen->n; i++)
            ck_assert_uint_eq (seen->records[i].cpu, (i - 1) / PER_BUFFER % n_cpus);
        free (seen);
    }
}
END_TEST

START_TEST (a_damaged_one_is_noted_once_and_stepped_over)
{
    for (unsigned n_cpus = 1; n_cpus <= 2; n_cpus++) {
        for (unsigned number = 0; number < N_BUFFERS; number++) {
            struct etl_file *maker = packed_file (n_cpus);
            struct etl_seen *seen;

            buffer_at (maker, number)[ETL_HEAD + 3] = 0x80; /* a match as the first thing */
            seen = etl_read_file (maker);
            expect (seen, number);
            ck_assert_uint_eq (etl_n_issues (seen), 1);
            ck_assert_uint_eq (seen->notes[HS_NOTE_DECOMPRESSION], 1);
            free (seen);
        }
    }
}
END_TEST

/* Sound as packed bytes, but a record inside is none. */
START_TEST (a_damaged_record_in_one_is_noted)
{
    for (unsigned number = 0; number < N_BUFFERS; number++) {
        struct etl_file *maker = packed_file (1);
        struct etl_seen *seen;

        /* 32 literals follow each word of flags: the marker of the first record */
        buffer_at (maker, number)[ETL_HEAD + 4 + 3] = 0x5a;
        seen = etl_read_file (maker);
        expect (seen, number);
        ck_assert_uint_eq (seen->notes[HS_NOTE_RECORD_DAMAGED], 1);
        free (seen);
    }
}
END_TEST

START_TEST (closing_in_the_middle_waits_for_the_thread)
{
    struct etl_file *maker = packed_file (2);
    struct hs_event_batch *batch = hs_batch_new ();

    for (unsigned n_records = 0; n_records < 100; n_records++) {
        struct hs_source *source;
        struct hs_etl_record record;
        struct hs_etl_merge *merge;
        size_t n;

        ck_assert_int_eq (
            hs_source_open_memory ((struct hs_span){ maker->bytes, maker->n }, "m", &source, NULL),
            HS_OK);
        ck_assert_int_eq (hs_etl_merge_open (&source, 1, &merge, NULL), HS_OK);
        for (unsigned i = 0; i < n_records; i++)
            ck_assert_int_eq (hs_etl_merge_next (merge, batch, 1, &record, &n, NULL), HS_OK);
        hs_etl_merge_close (merge);
        hs_source_close (source);
    }
    hs_batch_free (batch);
    free (maker);
}
END_TEST

/* Either it is said, or everything is there. */
START_TEST (want_of_memory_loses_nothing_in_silence)
{
    for (uint64_t n = 1; n < 80; n++) {
        struct etl_file *maker = packed_file (2);
        struct hs_source *source;
        struct hs_etl_merge *merge;
        struct etl_seen *seen = calloc (1, sizeof *seen);

        ck_assert_int_eq (
            hs_source_open_memory ((struct hs_span){ maker->bytes, maker->n }, "m", &source, NULL),
            HS_OK);
        hs_memory_fail_once (n);
        if (hs_etl_merge_open (&source, 1, &merge, NULL) == HS_OK) {
            struct hs_event_batch *batch = hs_batch_new ();
            size_t n_more;

            while (batch != NULL && (seen->status = hs_etl_merge_next (
                                         merge, batch, ETL_MAX_RECORDS - seen->n,
                                         seen->records + seen->n, &n_more, &seen->err)) == HS_OK)
                seen->n += n_more;
            if (batch != NULL && seen->status == HS_END)
                expect (seen, NONE);
            else
                ck_assert (batch == NULL || seen->status == HS_NO_MEMORY);
            hs_batch_free (batch);
            hs_etl_merge_close (merge);
        }
        hs_memory_fail_never ();
        hs_source_close (source);
        free (seen);
        free (maker);
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_ahead");
    TCase *rules = tcase_create ("rules");

    tcase_add_test (rules, all_that_is_packed_is_read);
    tcase_add_test (rules, a_damaged_one_is_noted_once_and_stepped_over);
    tcase_add_test (rules, a_damaged_record_in_one_is_noted);
    tcase_add_test (rules, closing_in_the_middle_waits_for_the_thread);
    tcase_add_test (rules, want_of_memory_loses_nothing_in_silence);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
