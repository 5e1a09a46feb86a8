/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Order, damage, packing, growth and joining of ETL files made by hand (formats/etl.md 1, 2, 4,
 * 10). */
#include "base/memory.h"
#include "handmade_etl.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- order ---- */

START_TEST (chains_are_merged_and_ties_go_to_the_lower_processor)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 2, 1);
    etl_add_perf (maker, ETL_T0 + 1, 1, 0);
    etl_add_perf (maker, ETL_T0 + 5, 5, 0);
    etl_add_perf (maker, ETL_T0 + 5, 6, 0);
    etl_begin_buffer (maker, 0x0801, 2); /* Windows 7: processor 1, alignment 8 */
    etl_last_buffer (maker)[0x34] = 0;
    etl_add_perf (maker, ETL_T0 + 2, 2, 0);
    etl_add_perf (maker, ETL_T0 + 5, 4, 0);
    etl_begin_buffer (maker, 2, 3);
    etl_add_perf (maker, ETL_T0 + 5, 7, 0);
    etl_begin_buffer (maker, 1, 4);
    etl_add_perf (maker, ETL_T0 + 6, 8, 0);
    etl_begin_buffer (maker, 0, 5);
    etl_add_perf (maker, ETL_T0 + 3, 3, 0);
    seen = etl_read_file (maker);
    ck_assert_int_eq (seen->status, HS_END);
    etl_expect_opcodes (seen, "1 2 3 4 5 6 7 8");
    ck_assert_uint_eq (seen->records[2].cpu, 1);
    ck_assert_uint_eq (seen->n_buffers, 6);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    free (seen);
}
END_TEST

START_TEST (circular_files_follow_the_numbers)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    hs_put_u32 (etl_log_of (maker) + 0x20, 2);
    hs_put_u32 (etl_log_of (maker) + 0x24, 99);
    for (unsigned i = 0; i < 4; i++) {
        unsigned sequence = 20 + (i + 2) % 4;

        etl_begin_buffer (maker, 0, sequence);
        etl_add_perf (maker, ETL_T0 + 10 * sequence, sequence, 0);
        etl_add_perf (maker, ETL_T0 + 10 * sequence + 9, sequence + 100, 0);
    }
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "20 120 21 121 22 122 23 123");
    ck_assert_uint_eq (seen->notes[HS_NOTE_OUT_OF_ORDER], 0);
    ck_assert_uint_eq (seen->notes[HS_NOTE_SEQUENCE_GAP], 0);
    free (seen);
}
END_TEST

START_TEST (disorder_nearby_is_repaired)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 0, 1);
    etl_add_perf (maker, ETL_T0 + 3, 3, 0);
    etl_add_perf (maker, ETL_T0 + 1, 1, 0);
    etl_add_perf (maker, ETL_T0 + 1, 2, 0);
    etl_add_perf (maker, ETL_T0 + 6, 6, 0);
    etl_begin_buffer (maker, 0, 2);
    etl_add_perf (maker, ETL_T0 + 5, 5, 0);
    etl_add_perf (maker, ETL_T0 + 4, 4, 0);
    etl_add_perf (maker, ETL_T0 + 9, 9, 0);
    etl_begin_buffer (maker, 0, 3);
    etl_add_perf (maker, ETL_T0 + 8, 8, 0);
    etl_add_perf (maker, ETL_T0 + 7, 7, 0);
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "1 2 3 4 5 6 7 8 9");
    ck_assert_uint_eq (seen->notes[HS_NOTE_OUT_OF_ORDER], 0);
    free (seen);
}
END_TEST

START_TEST (disorder_far_away_is_clamped_and_noted)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    for (unsigned i = 1; i <= 4; i++) {
        etl_begin_buffer (maker, 0, i);
        etl_add_perf (maker, i == 4 ? ETL_T0 + 5 : ETL_T0 + 10 * i, i, 0);
    }
    etl_add_perf (maker, ETL_T0 + 50, 5, 0);
    seen = etl_read_file (maker);
    /* the fourth buffer is only seen when the second one has been delivered */
    etl_expect_opcodes (seen, "1 2 4 3 5");
    ck_assert_int_eq (seen->records[3].time, ETL_T0 + 20);
    ck_assert_int_eq (seen->records[3].raw_time, ETL_T0 + 5);
    ck_assert_int_eq (seen->records[4].time, ETL_T0 + 30);
    ck_assert_int_eq (seen->records[5].time, ETL_T0 + 50);
    ck_assert_uint_eq (seen->notes[HS_NOTE_OUT_OF_ORDER], 1);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    free (seen);
}
END_TEST

START_TEST (an_absurd_time_holds_nothing_up)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 0, 1);
    etl_add_perf (maker, ETL_T0 + 1, 1, 0);
    etl_add_perf (maker, INT64_MAX, 2, 0);
    etl_add_perf (maker, INT64_MIN, 3, 0);
    etl_add_perf (maker, ETL_T0 + 4, 4, 0);
    etl_begin_buffer (maker, 1, 2);
    etl_add_perf (maker, ETL_T0 + 3, 9, 0);
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "1 2 3 9 4");
    ck_assert_int_eq (seen->records[3].time, ETL_T0 + 1);
    ck_assert_uint_eq (seen->notes[HS_NOTE_CLOCK], 2);
    free (seen);
}
END_TEST

START_TEST (without_processor_buffers_there_is_one_chain)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    hs_put_u32 (etl_log_of (maker) + 0x20, 0x10000001);
    etl_begin_buffer (maker, 3, 1);
    etl_add_perf (maker, ETL_T0 + 1, 1, 0);
    etl_begin_buffer (maker, 0, 2);
    etl_add_perf (maker, ETL_T0 + 1, 2, 0);
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "1 2");
    ck_assert_uint_eq (seen->records[1].cpu, 3);
    ck_assert_uint_eq (seen->records[2].cpu, 0);
    free (seen);
}
END_TEST

/* ---- damaged buffers ---- */

static struct etl_file *four_buffers (bool is_packed)
{
    struct etl_file *maker = etl_new_file (2);

    if (is_packed)
        hs_put_u32 (etl_log_of (maker) + 0x20, 0x4000001);
    for (unsigned i = 1; i <= 4; i++) {
        etl_begin_buffer (maker, 0, i);
        etl_add_perf (maker, ETL_T0 + 10 * i, i, 40);
        etl_add_perf (maker, ETL_T0 + 10 * i + 5, i + 100, 1);
        if (is_packed)
            etl_pack_last (maker);
    }
    return maker;
}

START_TEST (a_damaged_plain_buffer_is_stepped_over)
{
    for (unsigned i = 0; i < 6; i++) {
        struct etl_file *maker = four_buffers (false);
        uint8_t *at = maker->bytes + 2 * ETL_SIZE;
        struct etl_seen *seen;

        if (i == 0)
            memset (at, 0, ETL_HEAD);
        if (i == 1)
            memset (at, 0x5a, ETL_HEAD);
        if (i == 2)
            hs_put_u32 (at, 0x47);
        if (i == 3)
            hs_put_u32 (at + 0x30, ETL_SIZE + 8);
        if (i == 4)
            hs_put_u16 (at + 0x36, 8);
        if (i == 5)
            memset (at, 0, ETL_SIZE);
        seen = etl_read_file (maker);
        etl_expect_opcodes (seen, "1 101 3 103 4 104");
        ck_assert_uint_eq (seen->notes[HS_NOTE_BUFFER_DAMAGED], 1);
        ck_assert_uint_eq (etl_n_issues (seen), 1);
        ck_assert_uint_eq (seen->n_buffers, 4);
        free (seen);
    }
}
END_TEST

START_TEST (a_plain_buffer_of_the_wrong_size_is_read)
{
    struct etl_file *maker = four_buffers (false);
    struct etl_seen *seen;

    hs_put_u32 (maker->bytes + 2 * ETL_SIZE, 0x10000);
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "1 101 2 102 3 103 4 104");
    ck_assert_uint_eq (seen->notes[HS_NOTE_BUFFER_DAMAGED], 1);
    ck_assert_uint_eq (etl_n_issues (seen), 1);
    ck_assert_uint_eq (seen->n_buffers, 5);
    free (seen);
}
END_TEST

START_TEST (empty_space_at_the_end_is_nothing)
{
    for (unsigned fill = 0; fill <= 0xff; fill += 0xff) {
        struct etl_file *maker = four_buffers (false);
        struct etl_seen *seen;

        memset (maker->bytes + maker->n, (int)fill, 2 * ETL_SIZE + 20);
        maker->n += 2 * ETL_SIZE + 20;
        seen = etl_read_file (maker);
        etl_expect_opcodes (seen, "1 101 2 102 3 103 4 104");
        ck_assert_uint_eq (etl_n_issues (seen), 0);
        free (seen);
    }
}
END_TEST

START_TEST (packed_buffers_unpack)
{
    struct etl_seen *seen = etl_read_file (four_buffers (true));

    etl_expect_opcodes (seen, "1 101 2 102 3 103 4 104");
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    ck_assert_uint_eq (seen->records[1].file_offset, ETL_SIZE);
    free (seen);
}
END_TEST

START_TEST (a_damaged_packed_buffer_is_stepped_over)
{
    for (unsigned i = 0; i < 4; i++) {
        struct etl_file *maker = four_buffers (true);
        uint8_t *at = maker->bytes + ETL_SIZE;
        struct etl_seen *seen;

        at += hs_get_u32 (at); /* the second one */
        if (i == 0)
            at[ETL_HEAD + 3] = 0x80; /* a match as the first thing */
        if (i == 1)
            hs_put_u32 (at + 0x30, hs_get_u32 (at + 0x30) + 64);
        if (i == 2)
            memset (at, 0x5a, 20);
        if (i == 3)
            hs_put_u32 (at, 0xffffffff);
        seen = etl_read_file (maker);
        etl_expect_opcodes (seen, "1 101 3 103 4 104");
        ck_assert_uint_eq (etl_n_issues (seen), 1);
        ck_assert_uint_eq (seen->notes[i < 2 ? HS_NOTE_DECOMPRESSION : HS_NOTE_BUFFER_DAMAGED], 1);
        free (seen);
    }
}
END_TEST

START_TEST (a_file_cut_anywhere_gives_what_is_complete)
{
    for (unsigned is_packed = 0; is_packed <= 1; is_packed++) {
        struct etl_file *maker = four_buffers (is_packed != 0);
        size_t n_before = 0;

        for (size_t n = 0; n <= maker->n; n++) {
            struct etl_seen *seen = etl_read_bytes (maker->bytes, n);

            if (seen->status == HS_END) {
                ck_assert_uint_ge (seen->n, n_before);
                n_before = seen->n;
                ck_assert_uint_le (etl_n_issues (seen), 1);
            } else {
                ck_assert (hs_status_is_error (seen->status));
                ck_assert_uint_lt (n, ETL_SIZE);
            }
            free (seen);
        }
        ck_assert_uint_eq (n_before, 9);
        free (maker);
    }
}
END_TEST

START_TEST (any_byte_may_be_wrong)
{
    srand (1);
    for (unsigned round = 0; round < 3000; round++) {
        struct etl_file *maker = four_buffers (round % 2 != 0);

        for (unsigned i = 0; i < 1 + round % 5; i++)
            maker->bytes[(size_t)rand () % maker->n] = (uint8_t)rand ();
        free (etl_read_file (maker));
    }
}
END_TEST

/* ---- several files, growing files, no memory ---- */

START_TEST (files_of_one_session_are_joined)
{
    struct etl_file *kernel = etl_new_file (2), *user = etl_new_file (2);
    struct hs_source *sources[2];
    struct hs_etl_merge *merge;
    struct etl_seen *seen = calloc (1, sizeof *seen);
    struct hs_error err;

    etl_begin_buffer (kernel, 0, 1);
    etl_add_perf (kernel, ETL_T0 + 1, 1, 0);
    etl_add_perf (kernel, ETL_T0 + 3, 3, 0);
    etl_begin_buffer (user, 0, 1);
    etl_add_perf (user, ETL_T0 + 2, 2, 0);
    etl_add_perf (user, ETL_T0 + 3, 4, 0);
    (void)hs_source_open_memory ((struct hs_span){ kernel->bytes, kernel->n }, "k", &sources[0],
                                 NULL);
    (void)hs_source_open_memory ((struct hs_span){ user->bytes, user->n }, "u", &sources[1], NULL);
    ck_assert_int_eq (hs_etl_merge_open (sources, 2, &merge, NULL), HS_OK);
    etl_drain (merge, seen);
    hs_etl_merge_close (merge);
    etl_expect_opcodes (seen, "0 1 2 3 4");
    ck_assert_uint_eq (seen->records[3].file, 1);
    ck_assert_uint_eq (seen->n_buffers, 4);
    /* another clock; another start of the system */
    hs_put_u64 (etl_log_of (user) + 0x100, 3000000);
    ck_assert_int_eq (hs_etl_merge_open (sources, 2, &merge, &err), HS_UNSUPPORTED);
    ck_assert_ptr_nonnull (strstr (err.text, "ticks per second"));
    hs_put_u64 (etl_log_of (user) + 0x100, 10000000);
    hs_put_u64 (etl_log_of (user) + 0x108, 133600000000000000);
    ck_assert_int_eq (hs_etl_merge_open (sources, 2, &merge, &err), HS_UNSUPPORTED);
    ck_assert_int_eq (strncmp (err.text, "u: ", 3), 0);
    hs_source_close (sources[0]);
    hs_source_close (sources[1]);
    free (kernel);
    free (user);
    free (seen);
}
END_TEST

/* Two processors, written slice by slice: the same records in the same order as when whole. */
START_TEST (a_growing_file_gives_the_same)
{
    char path[] = "/tmp/hs-etl-XXXXXX";
    int fd = mkstemp (path);
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen = calloc (1, sizeof *seen);
    struct hs_etl_merge *merge = NULL;
    struct hs_source *source;
    size_t n_waits = 0;

    for (unsigned i = 1; i <= 6; i++) {
        etl_begin_buffer (maker, i % 2, i);
        etl_add_perf (maker, ETL_T0 + 10 * i, i, 40);
        etl_add_perf (maker, ETL_T0 + 10 * i + 15, i + 100, 1);
    }
    hs_put_u32 (etl_log_of (maker) + 0x0c, 2);
    hs_put_u32 (etl_log_of (maker) + 0x24, 7);
    ck_assert_int_eq (hs_source_open_file (path, HS_SOURCE_FOLLOW, &source, NULL), HS_OK);
    for (size_t n = 0; n < maker->n; n += 111) {
        size_t slice = maker->n - n < 111 ? maker->n - n : 111;

        ck_assert_int_eq (write (fd, maker->bytes + n, slice), (ssize_t)slice);
        if (merge == NULL)
            seen->status = hs_etl_merge_open (&source, 1, &merge, &seen->err);
        if (merge != NULL)
            etl_drain (merge, seen);
        ck_assert_int_eq (seen->status, n + slice < maker->n ? HS_AGAIN : HS_END);
        n_waits += seen->n > 1 && seen->status == HS_AGAIN;
    }
    ck_assert_uint_gt (n_waits, 10); /* some came before the end */
    etl_expect_opcodes (seen, "1 2 101 3 102 4 103 5 104 6 105 106");
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    ck_assert_uint_eq (seen->notes[HS_NOTE_OUT_OF_ORDER], 0);
    hs_etl_merge_close (merge);
    hs_source_close (source);
    close (fd);
    unlink (path);
    free (maker);
    free (seen);
}
END_TEST

START_TEST (running_out_of_memory_is_an_error)
{
    struct etl_file *maker = four_buffers (true);
    struct hs_source *source;
    enum hs_status status = HS_NO_MEMORY;

    (void)hs_source_open_memory ((struct hs_span){ maker->bytes, maker->n }, "x", &source, NULL);
    for (uint64_t n = 1; status == HS_NO_MEMORY; n++) {
        struct hs_etl_merge *merge = NULL;
        struct hs_etl_record records[4];
        size_t n_records;
        static struct hs_event_batch batch;

        hs_memory_fail_at (n);
        status = hs_etl_merge_open (&source, 1, &merge, NULL);
        while (status == HS_OK)
            status = hs_etl_merge_next (merge, &batch, 4, records, &n_records, NULL);
        hs_memory_fail_never ();
        hs_batch_reset (&batch);
        hs_etl_merge_close (merge);
    }
    ck_assert_int_eq (status, HS_END);
    hs_source_close (source);
    free (maker);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_container");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 60);
    tcase_add_test (rules, chains_are_merged_and_ties_go_to_the_lower_processor);
    tcase_add_test (rules, circular_files_follow_the_numbers);
    tcase_add_test (rules, disorder_nearby_is_repaired);
    tcase_add_test (rules, disorder_far_away_is_clamped_and_noted);
    tcase_add_test (rules, an_absurd_time_holds_nothing_up);
    tcase_add_test (rules, without_processor_buffers_there_is_one_chain);
    tcase_add_test (rules, a_damaged_plain_buffer_is_stepped_over);
    tcase_add_test (rules, a_plain_buffer_of_the_wrong_size_is_read);
    tcase_add_test (rules, empty_space_at_the_end_is_nothing);
    tcase_add_test (rules, packed_buffers_unpack);
    tcase_add_test (rules, a_damaged_packed_buffer_is_stepped_over);
    tcase_add_test (rules, a_file_cut_anywhere_gives_what_is_complete);
    tcase_add_test (rules, any_byte_may_be_wrong);
    tcase_add_test (rules, files_of_one_session_are_joined);
    tcase_add_test (rules, a_growing_file_gives_the_same);
    tcase_add_test (rules, running_out_of_memory_is_an_error);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
