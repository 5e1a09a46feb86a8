/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Columns beyond their share of memory lie in a mapped file without a name: a trace is the same
 * wherever its columns are, and without room on the disk too.
 */
#include "base/memory.h"
#include "trace/trace_private.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#define CHUNK ((size_t)1 << 18)

START_TEST (memory_first_then_the_file)
{
    struct hs_store store;
    uint8_t *chunks[300];

    hs_store_init (&store);
    store.budget = 40 * CHUNK;
    for (unsigned i = 0; i < 300; i++) {
        chunks[i] = hs_store_take (&store, CHUNK);
        ck_assert_ptr_nonnull (chunks[i]);
        for (size_t k = 0; k < CHUNK; k += 4096)
            ck_assert_uint_eq (chunks[i][k], 0);
        memset (chunks[i], (int)i + 1, CHUNK);
    }
    ck_assert_uint_eq (store.n_bytes, store.budget);
    ck_assert_uint_ge (store.n_file_bytes, 260 * CHUNK);
    for (unsigned i = 0; i < 300; i++)
        ck_assert (chunks[i][0] == (uint8_t)(i + 1) && chunks[i][CHUNK - 1] == (uint8_t)(i + 1));
    hs_store_clear (&store);
    ck_assert_uint_eq (store.n_file_bytes, 0);
}
END_TEST

START_TEST (of_what_is_reserved_the_excess_is_of_the_file)
{
    struct hs_store store;
    uint8_t *bytes;

    hs_store_init (&store);
    store.budget = 40 * CHUNK;
    bytes = hs_store_reserve (&store, 30 * CHUNK);
    ck_assert_ptr_nonnull (bytes);
    ck_assert_uint_eq (store.n_file_bytes, 0);
    bytes = hs_store_reserve (&store, 100 * CHUNK - 1);
    ck_assert_ptr_nonnull (bytes);
    ck_assert_uint_eq (store.n_file_bytes, 60 * CHUNK);
    for (size_t i = 0; i < 100 * CHUNK - 1; i += 4096) {
        ck_assert_uint_eq (bytes[i], 0);
        bytes[i] = (uint8_t)(i / CHUNK + 1);
    }
    for (size_t i = 0; i < 100 * CHUNK - 1; i += 4096)
        ck_assert_uint_eq (bytes[i], i / CHUNK + 1);
    hs_store_clear (&store);
}
END_TEST

START_TEST (memory_is_touched_ahead_but_not_far)
{
    struct hs_store store;
    uint8_t *chunk;
    unsigned n = 0;

    hs_store_init (&store);
    ck_assert (!hs_store_touch_ahead (&store)); /* nothing was asked for */
    chunk = hs_store_take (&store, CHUNK);
    ck_assert_ptr_nonnull (chunk);
    memset (chunk, 7, CHUNK);
    while (hs_store_touch_ahead (&store))
        n++;
    ck_assert_uint_le (n, 4); /* 2 MiB each; none on an old kernel */
    for (size_t i = 0; i < CHUNK; i++)
        ck_assert_uint_eq (chunk[i], 7);
    hs_store_clear (&store);
    store.budget = 0;
    ck_assert_ptr_nonnull (hs_store_take (&store, CHUNK));
    if (store.file_error == 0) /* what the file holds may be put on the disk */
        ck_assert (!hs_store_touch_ahead (&store));
    hs_store_clear (&store);
}
END_TEST

START_TEST (the_share_is_told_by_the_environment)
{
    struct hs_store store;

    ck_assert_int_eq (setenv ("HEAPSTRATA_MEMORY", "512M", 1), 0);
    hs_store_init (&store);
    ck_assert_uint_eq (store.budget, UINT64_C (512) << 20);
    ck_assert_int_eq (setenv ("HEAPSTRATA_MEMORY", "much", 1), 0);
    hs_store_init (&store);
    ck_assert_uint_gt (store.budget, UINT64_C (1) << 28); /* half of the machine's */
}
END_TEST

START_TEST (without_a_folder_memory_is_used)
{
    struct hs_store store;

    ck_assert_int_eq (setenv ("TMPDIR", "/proc/nowhere", 1), 0);
    ck_assert_int_eq (setenv ("XDG_CACHE_HOME", "/proc/nowhere", 1), 0);
    ck_assert_int_eq (setenv ("HOME", "/proc", 1), 0);
    hs_store_init (&store);
    store.budget = 0;
    for (unsigned i = 0; i < 200; i++) /* /var/tmp and /tmp are tried, then memory */
        ck_assert_ptr_nonnull (hs_store_take (&store, CHUNK));
    hs_store_clear (&store);
}
END_TEST

START_TEST (want_of_memory_is_told)
{
    struct hs_store store;

    hs_store_init (&store);
    hs_memory_fail_at (1);
    ck_assert_ptr_null (hs_store_take (&store, CHUNK));
    hs_memory_fail_never ();
    ck_assert_ptr_nonnull (hs_store_take (&store, CHUNK));
    hs_store_clear (&store);
}
END_TEST

/* No more than `n_bytes` for any file; the signal that comes with it would end the program. */
static void limit_files (rlim_t n_bytes)
{
    struct rlimit limit;

    ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = n_bytes;
    ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
}

START_TEST (a_file_that_cannot_grow_is_left)
{
    struct hs_store store;
    uint8_t *reserved;

    limit_files (40 << 20); /* one slab, not two */
    hs_store_init (&store);
    store.budget = 10 * CHUNK;
    reserved = hs_store_reserve (&store, 300 * CHUNK);
    ck_assert_ptr_nonnull (reserved);
    memset (reserved, 1, 300 * CHUNK);
    ck_assert_int_eq (store.file_error, EFBIG);
    hs_store_clear (&store);
    hs_store_init (&store);
    store.budget = 0;
    hs_memory_fail_never ();
    for (unsigned i = 0; i < 400; i++) {
        uint8_t *chunk = hs_store_take (&store, CHUNK);

        ck_assert_ptr_nonnull (chunk);
        memset (chunk, 1, CHUNK);
    }
    ck_assert_int_eq (store.file_error, EFBIG);
    ck_assert_uint_gt (store.n_file_bytes, 0);
    ck_assert_uint_ge (store.n_bytes, 200 * CHUNK);
    ck_assert_uint_le (hs_memory_n_allocations (), 10); /* 100 MiB are some slabs, not hundreds */
    hs_store_clear (&store);
}
END_TEST

static void add_events (struct hs_trace *trace, uint32_t n)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_process_fields fields = { .pid = 1 };

    ck_assert_ptr_nonnull (batch);
    hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool is_free = i % 4 == 3;
        struct hs_event *event =
            hs_batch_add (batch, is_free ? HS_EVENT_FREE : HS_EVENT_ALLOC, i * 7);

        event->process = 0;
        event->block.heap = 1;
        event->block.address = 0x10000 + UINT64_C (16) * (is_free ? i / 2 : i);
        event->block.size = i % 1000;
        if (hs_batch_has_room (batch, 2) && i + 1 < n)
            continue;
        ck_assert_int_eq (hs_trace_append (trace, batch, NULL), HS_OK);
        hs_batch_reset (batch);
    }
    ck_assert_int_eq (hs_trace_finish (trace, NULL), HS_OK);
    hs_batch_free (batch);
}

static void assert_same (const struct hs_trace *trace, const struct hs_trace *expected)
{
    struct hs_column *one[HS_N_COLUMNS], *other[HS_N_COLUMNS];

    hs_trace_list_columns (trace, one);
    hs_trace_list_columns (expected, other);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        ck_assert_uint_eq (one[id]->n, other[id]->n);
        for (uint64_t i = 0; i < one[id]->n; i += HS_COLUMN_CHUNK_VALUES)
            ck_assert_int_eq (memcmp (hs_column_chunk (one[id], i), hs_column_chunk (other[id], i),
                                      (size_t)hs_column_run (i, one[id]->n) * one[id]->value_size),
                              0);
    }
}

/* In a file, and where the file cannot take it (a full disk is the same to the store). */
START_TEST (a_trace_in_a_file_is_the_same)
{
    struct hs_trace *in_file = hs_trace_new (), *in_memory = hs_trace_new ();
    struct hs_trace *refused = hs_trace_new ();
    const struct hs_tables *tables;

    ck_assert (in_file != NULL && in_memory != NULL && refused != NULL);
    in_file->store.budget = refused->store.budget = 0;
    add_events (in_file, 600000);
    add_events (in_memory, 600000);
    limit_files (16 << 20);
    add_events (refused, 600000);
    ck_assert_uint_gt (in_file->store.n_file_bytes, 0);
    ck_assert_uint_eq (in_memory->store.n_file_bytes, 0);
    ck_assert_uint_eq (refused->store.n_file_bytes, 0);
    assert_same (in_file, in_memory);
    assert_same (refused, in_memory);
    ck_assert_uint_eq (hs_trace_lock (in_memory)->findings.n, 0);
    hs_trace_unlock (in_memory);
    ck_assert_uint_eq (hs_trace_lock (in_file)->findings.n, 0);
    hs_trace_unlock (in_file);
    tables = hs_trace_lock (refused);
    ck_assert_uint_eq (tables->findings.n, 1);
    ck_assert_int_eq (tables->findings.items[0].kind, HS_NOTE_SHORTAGE);
    ck_assert_uint_eq (tables->findings.items[0].count, 1);
    ck_assert_str_eq (hs_intern_text (&tables->strings, tables->findings.items[0].example),
                      "The temporary file for columns cannot grow (File too large); memory is used "
                      "instead.");
    hs_trace_unlock (refused);
    hs_trace_free (in_file);
    hs_trace_free (in_memory);
    hs_trace_free (refused);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("store");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 100);
    tcase_add_test (rules, memory_first_then_the_file);
    tcase_add_test (rules, memory_is_touched_ahead_but_not_far);
    tcase_add_test (rules, of_what_is_reserved_the_excess_is_of_the_file);
    tcase_add_test (rules, the_share_is_told_by_the_environment);
    tcase_add_test (rules, without_a_folder_memory_is_used);
    tcase_add_test (rules, want_of_memory_is_told);
    tcase_add_test (rules, a_file_that_cannot_grow_is_left);
    tcase_add_test (rules, a_trace_in_a_file_is_the_same);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
