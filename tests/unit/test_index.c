/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The closing index: a trace that was opened by it is the one that a full load gives - every value
 * of every column, every table, hence every answer. Damaged anywhere, the trace is still that, and
 * says that the index was not used.
 */
#include "analysis/call_tree.h"
#include "analysis/histogram.h"
#include "analysis/timeline.h"
#include "base/memory.h"
#include "encode/hst_encoder.h"
#include "index_mend.h"
#include "load/closing_index.h"
#include "load/loader.h"
#include "trace/index_private.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_LIVE 3000u

static char path[] = "test_index.XXXXXX.hst";
static uint64_t seed;
static uint32_t n_threads;

static uint64_t draw (uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

static void setup (void)
{
    int fd;

    seed = UINT64_C (0x9e3779b97f4a7c15);
    n_threads = 3;
    memcpy (path + strlen ("test_index."), "XXXXXX", 6);
    fd = mkstemps (path, 4);
    ck_assert_int_ge (fd, 0);
    close (fd);
}

static void teardown (void)
{
    unlink (path);
}

/* ---- a recording ------------------------------------------------------------------------------
 */

struct story {
    struct hs_event_batch *batch;
    void *encoder;
    uint64_t live[N_LIVE];
    uint64_t next_address;
    int64_t time;
    hs_stack_slot n_slots;
};

static void hand_over (struct story *story)
{
    ck_assert_int_eq (hs_hst_encoder.append (story->encoder, story->batch, NULL), HS_OK);
    hs_batch_reset (story->batch);
}

static void describe (struct story *story)
{
    struct hs_process_fields process = { .pid = 77, .image = { "story", 5 }, .has_start = true };
    struct hs_module_fields module = { .base = 0x400000, .size = 0x10000, .path = { "/m/a", 4 } };
    struct hs_event *event = hs_batch_add (story->batch, HS_EVENT_CLOCK, 0);

    event->clock = (struct hs_clock_fields){ 1000000000, 133000000000000000, 1 };
    for (hs_process_id i = 0; i < 2; i++) {
        process.pid += i;
        hs_batch_add_process (story->batch, HS_EVENT_PROCESS, 0, &process)->process = i;
        hs_batch_add_module (story->batch, 0, &module)->process = i;
    }
    hs_batch_add_fact_text (story->batch, "a.fact", "of text");
    hs_batch_add_fact_number (story->batch, "a.number", -7);
    hs_batch_add_note (story->batch, HS_NOTE_CLOCK, 12, "the clock is odd");
    for (uint64_t i = 0; i < 20; i++) {
        struct hs_frame_fields frame = { .address = 0x400000 + i * 16,
                                         .function = { "function of it", 9 + (uint32_t)i % 5 },
                                         .file = { "file.c", 6 },
                                         .line = (uint32_t)i,
                                         .inline_depth = i % 3 == 2 };

        frame.address -= i % 3 == 2 ? 16 : 0;
        hs_batch_add_frame (story->batch, &frame)->process = 0;
    }
    hand_over (story);
}

static void add_stack (struct story *story)
{
    uint64_t frames[12];
    uint32_t n = 1 + (uint32_t)draw (12);

    for (uint32_t i = 0; i < n; i++)
        frames[i] = 0x400000 + draw (4 + i) * 16;
    hs_batch_add_stack (story->batch, (hs_process_id)draw (2), ++story->n_slots, frames, n);
}

static void add_block_event (struct story *story)
{
    uint64_t *place = &story->live[draw (N_LIVE)];
    bool is_free = *place != 0;
    struct hs_event *event;

    story->time += draw (200) == 0 ? (int64_t)draw (1000000) : (int64_t)draw (3000);
    event = hs_batch_add (story->batch, is_free ? HS_EVENT_FREE : HS_EVENT_ALLOC, story->time);
    event->process = (hs_process_id)(place - story->live) % 2;
    event->thread = 10 + (uint32_t)draw (n_threads);
    event->block = (struct hs_block_fields){ .heap = 0x1000 };
    if (is_free && draw (20) == 0) {
        event->kind = HS_EVENT_REALLOC;
        event->block.address = event->block.old_address = *place;
        event->block.size = draw (90000);
        event->stack = 1 + (uint32_t)draw (story->n_slots);
        return;
    }
    if (!is_free) {
        *place = story->next_address += 16 + draw (100) * (draw (1000) == 0 ? 1 << 26 : 1);
        event->block.size = draw (5000) == 0 ? UINT64_C (0xfffffff0) + draw (64) : draw (90000);
        event->stack = draw (50) > 0 ? 1 + (uint32_t)draw (story->n_slots) : HS_NO_STACK;
    }
    event->block.address = *place;
    if (is_free)
        *place = 0;
}

static void add_rare (struct story *story)
{
    struct hs_event *event;

    switch (draw (4)) {
    case 0:
        hs_batch_add (story->batch, HS_EVENT_MARK, story->time)->text =
            (struct hs_text){ "a mark", 6 };
        break;
    case 1:
        event = hs_batch_add (story->batch, HS_EVENT_MEMORY_SAMPLE, story->time);
        event->process = 0;
        event->number = draw (1 << 20);
        break;
    case 2:
        hs_batch_add (story->batch, HS_EVENT_GAP, story->time)->end_time = story->time + 5;
        break;
    default:
        add_stack (story);
    }
}

/* `reset_at`: after so many events nothing before counts. */
static void record (uint32_t n_events, uint32_t reset_at)
{
    struct story story = { .batch = hs_batch_new (), .next_address = 0x10000000 };

    ck_assert_int_eq (hs_hst_encoder.open (path, &story.encoder, NULL), HS_OK);
    describe (&story);
    for (int i = 0; i < 300; i++)
        add_stack (&story);
    for (uint32_t i = 0; i < n_events; i++) {
        if (!hs_batch_has_room (story.batch, 4))
            hand_over (&story);
        add_block_event (&story);
        if (draw (400) == 0)
            add_rare (&story);
        if (i + 1 == reset_at)
            (void)hs_batch_add (story.batch, HS_EVENT_RESET, story.time);
    }
    if (n_events > 10) {
        struct hs_process_fields end = { .exit_status = 3 };

        hs_batch_add_process (story.batch, HS_EVENT_PROCESS_END, story.time, &end)->process = 1;
    }
    hand_over (&story);
    ck_assert_int_eq (hs_hst_encoder.finish (story.encoder, NULL, NULL), HS_OK);
    hs_batch_free (story.batch);
}

/* ---- traces -----------------------------------------------------------------------------------
 */

enum way { BY_INDEX, IN_FULL };

static struct hs_trace *open_trace (enum way way)
{
    const char *const paths[] = { path };
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;

    ck_assert_ptr_nonnull (trace);
    ck_assert_int_eq (hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
    if (way == IN_FULL)
        hs_loader_leave_index (loader);
    ck_assert_int_eq (hs_loader_run (loader, NULL), HS_END);
    hs_loader_free (loader);
    return trace;
}

static bool has_index_finding (struct hs_trace *trace)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool has = false;

    for (size_t i = 0; i < tables->findings.n; i++)
        has |= tables->findings.items[i].kind == HS_NOTE_INDEX;
    hs_trace_unlock (trace);
    return has;
}

static bool is_narrow (unsigned id)
{
    return id == HS_COLUMN_CONTEXT || id == HS_COLUMN_SURVIVOR_CONTEXT;
}

static void compare_columns (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_column *columns[HS_N_COLUMNS], *of_whole[HS_N_COLUMNS];

    hs_trace_list_columns (trace, columns);
    hs_trace_list_columns (whole, of_whole);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        ck_assert_uint_eq (columns[id]->n, of_whole[id]->n);
        for (uint64_t i = 0; i < columns[id]->n && is_narrow (id); i++)
            ck_assert_uint_eq (hs_narrow_get (columns[id], i), hs_narrow_get (of_whole[id], i));
        for (uint64_t i = 0; i < columns[id]->n && !is_narrow (id); i += HS_COLUMN_CHUNK_VALUES) {
            uint64_t n = columns[id]->n - i;

            n = n < HS_COLUMN_CHUNK_VALUES ? n : HS_COLUMN_CHUNK_VALUES;
            ck_assert_msg (memcmp (hs_column_chunk (columns[id], i),
                                   hs_column_chunk (of_whole[id], i),
                                   n * columns[id]->value_size) == 0,
                           "column %u differs behind %lu", id, (unsigned long)i);
        }
    }
}

static void compare_tables (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_index_bytes one = { 0 }, other = { 0 };

    ck_assert (hs_index_write_tables (hs_trace_lock (trace), &one));
    hs_trace_unlock (trace);
    ck_assert (hs_index_write_tables (hs_trace_lock (whole), &other));
    hs_trace_unlock (whole);
    ck_assert_uint_eq (one.bytes.n, other.bytes.n);
    /* the order of the frame index is that of a hash; sorted otherwise, it is as long */
    ck_assert_int_eq (memcmp (one.bytes.items, other.bytes.items, one.bytes.n), 0);
    hs_array_clear (&one.bytes);
    hs_array_clear (&other.bytes);
}

static void compare_snapshots (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_snapshot one = hs_trace_snapshot (trace), other = hs_trace_snapshot (whole);

    ck_assert_uint_eq (atomic_load (&trace->rows.n_large), atomic_load (&whole->rows.n_large));
    ck_assert_uint_eq (one.n_events, other.n_events);
    ck_assert_uint_eq (one.n_rows, other.n_rows);
    ck_assert_uint_eq (one.first_event, other.first_event);
    ck_assert_uint_eq (one.first_row, other.first_row);
    ck_assert_uint_eq (one.n_segments, other.n_segments);
    ck_assert_uint_eq (one.n_contexts, other.n_contexts);
    ck_assert_uint_eq (one.n_overview, other.n_overview);
    ck_assert_uint_eq (one.n_nodes, other.n_nodes);
    ck_assert_uint_eq (one.n_slots, other.n_slots);
    ck_assert_int_eq (one.first_time, other.first_time);
    ck_assert_int_eq (one.last_time, other.last_time);
    ck_assert_uint_eq (one.ticks_per_second, other.ticks_per_second);
}

static void compare_answers (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_snapshot snapshots[] = { hs_trace_snapshot (trace), hs_trace_snapshot (whole) };
    struct hs_timeline_query query = { .from = snapshots[0].first_time,
                                       .to = snapshots[0].last_time,
                                       .n_columns = 40,
                                       .max_replay_events = 1 };
    struct hs_call_tree_query tree_query = { .direction = HS_TREE_BOTTOM_UP };
    struct hs_filter filter = hs_filter_all ();
    struct hs_histogram *histograms[2];
    struct hs_timeline *timelines[2];
    struct hs_call_tree *trees[2];

    filter.has_range = true;
    filter.from = snapshots[0].last_time / 3;
    filter.to = snapshots[0].last_time / 2;
    for (int i = 0; i < 2; i++) {
        const struct hs_snapshot *of = &snapshots[i];

        ck_assert_int_eq (hs_histogram (of, &filter, NULL, &histograms[i], NULL), HS_OK);
        ck_assert_int_eq (hs_timeline (of, &filter, &query, NULL, &timelines[i], NULL), HS_OK);
        ck_assert_int_eq (hs_call_tree (of, &filter, &tree_query, NULL, &trees[i], NULL), HS_OK);
    }
    ck_assert_int_eq (memcmp (histograms[0], histograms[1], sizeof *histograms[0]), 0);
    ck_assert_int_eq (memcmp (timelines[0], timelines[1],
                              sizeof *timelines[0] + 40 * sizeof timelines[0]->columns[0]),
                      0);
    ck_assert_uint_eq (trees[0]->n_nodes, trees[1]->n_nodes);
    ck_assert_int_eq (
        memcmp (trees[0]->nodes, trees[1]->nodes, trees[0]->n_nodes * sizeof trees[0]->nodes[0]),
        0);
    for (int i = 0; i < 2; i++) {
        hs_histogram_unref (histograms[i]);
        hs_timeline_unref (timelines[i]);
        hs_call_tree_unref (trees[i]);
    }
}

static void compare (struct hs_trace *trace, struct hs_trace *whole)
{
    compare_snapshots (trace, whole);
    compare_answers (trace, whole);
    compare_columns (trace, whole);
}

static uint64_t add_index (void)
{
    struct hs_error err = { 0 };
    uint64_t n_bytes = 0;
    enum hs_status status = hs_closing_index_add (path, &n_bytes, &err);

    ck_assert_msg (status == HS_OK, "%s", err.text);
    return n_bytes;
}

static uint8_t *read_file (size_t *ret_n)
{
    FILE *file = fopen (path, "rb");
    uint8_t *bytes;

    ck_assert_ptr_nonnull (file);
    ck_assert_int_eq (fseek (file, 0, SEEK_END), 0);
    *ret_n = (size_t)ftell (file);
    rewind (file);
    bytes = malloc (*ret_n);
    ck_assert_ptr_nonnull (bytes);
    ck_assert_uint_eq (fread (bytes, 1, *ret_n, file), *ret_n);
    (void)fclose (file);
    return bytes;
}

static void write_file (const uint8_t *bytes, size_t n)
{
    FILE *file = fopen (path, "wb");

    ck_assert_ptr_nonnull (file);
    ck_assert_uint_eq (fwrite (bytes, 1, n, file), n);
    ck_assert_int_eq (fclose (file), 0);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void check_equal (uint32_t n_events, uint32_t reset_at)
{
    struct hs_trace *trace, *whole;

    record (n_events, reset_at);
    whole = open_trace (BY_INDEX);
    ck_assert_ptr_null (whole->index); /* there is none yet */
    (void)add_index ();
    trace = open_trace (BY_INDEX);
    ck_assert_ptr_nonnull (trace->index);
    compare_tables (trace, whole);
    compare (trace, whole);
    ck_assert (!has_index_finding (trace));
    hs_trace_free (trace);
    trace = open_trace (IN_FULL); /* what stands behind the recording is passed over */
    ck_assert_ptr_null (trace->index);
    compare_tables (trace, whole);
    compare (trace, whole);
    hs_trace_free (trace);
    hs_trace_free (whole);
}

START_TEST (a_trace_by_its_index_is_the_one_of_a_full_load)
{
    check_equal (150000, 0); /* columns of several chunks */
    check_equal (70000, 65536);
    check_equal (64, 0);
    check_equal (3, 3); /* nothing counts */
    check_equal (0, 0);
}
END_TEST

/* More than fit into one byte a row, and into two. */
START_TEST (contexts_may_be_many)
{
    struct hs_trace *trace;

    n_threads = 200;
    check_equal (5000, 0);
    n_threads = 60000;
    check_equal (150000, 0);
    trace = open_trace (IN_FULL);
    ck_assert_uint_gt (hs_trace_snapshot (trace).n_contexts, 65536);
    hs_trace_free (trace);
}
END_TEST

START_TEST (opening_reads_no_column)
{
    struct hs_trace *trace;

    record (150000, 0);
    (void)add_index ();
    trace = open_trace (BY_INDEX);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        struct hs_column *columns[HS_N_COLUMNS];

        hs_trace_list_columns (trace, columns);
        ck_assert_uint_eq (hs_column_bytes (columns[id]), 0);
    }
    hs_trace_free (trace);
}
END_TEST

START_TEST (the_recording_stays_as_it_was)
{
    size_t n_before, n_after;
    uint8_t *before, *after;
    uint64_t n_index;

    record (2000, 0);
    before = read_file (&n_before);
    n_index = add_index ();
    after = read_file (&n_after);
    ck_assert_uint_eq (n_after, n_before + n_index);
    ck_assert_int_eq (memcmp (before, after, n_before), 0);
    ck_assert_uint_eq (index_begin (after, n_after), n_before);
    free (after);
    ck_assert_uint_eq (add_index (), n_index); /* in the place of the first */
    after = read_file (&n_after);
    ck_assert_uint_eq (n_after, n_before + n_index);
    free (after);
    ck_assert_int_eq (hs_closing_index_remove (path, NULL), HS_OK);
    after = read_file (&n_after);
    ck_assert_uint_eq (n_after, n_before);
    free (after);
    free (before);
}
END_TEST

START_TEST (damage_anywhere_is_noticed_and_changes_no_number)
{
    size_t n, begin;
    uint8_t *bytes;
    struct hs_trace *whole;
    unsigned n_told = 0, n_runs = 0;

    record (3000, 0);
    whole = open_trace (IN_FULL);
    (void)add_index ();
    bytes = read_file (&n);
    begin = index_begin (bytes, n);
    for (size_t at = begin; at < n; at += 1 + (at < n - 1500 ? draw (n / 150) : draw (8))) {
        const uint8_t keep = bytes[at];
        struct hs_trace *trace;

        bytes[at] ^= (uint8_t)(1 + draw (255));
        write_file (bytes, n);
        trace = open_trace (BY_INDEX);
        compare (trace, whole);
        n_told += has_index_finding (trace);
        n_runs++;
        hs_trace_free (trace);
        bytes[at] = keep;
    }
    /* the 16 bytes at its beginning are for readers that pass over it */
    ck_assert_uint_ge (n_told + 16, n_runs);
    free (bytes);
    hs_trace_free (whole);
}
END_TEST

/* Writes an index with blocks of 2^shift rows; returns the trace that was read in full. */
static struct hs_trace *add_blocks (uint8_t shift)
{
    const char *const paths[] = { path };
    struct hs_trace *whole = hs_trace_new ();
    struct hs_loader *loader;
    uint64_t n_bytes;

    ck_assert_ptr_nonnull (whole);
    whole->range_index.shift = shift;
    whole->range_index.max_shift = shift;
    ck_assert_int_eq (hs_loader_open (paths, 1, HS_SOURCE_WHOLE, whole, &loader, NULL), HS_OK);
    hs_loader_leave_index (loader);
    ck_assert_int_eq (hs_loader_run (loader, NULL), HS_END);
    ck_assert_int_eq (hs_loader_write_index (loader, &n_bytes, NULL), HS_OK);
    hs_loader_free (loader);
    return whole;
}

static void compare_blocks (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_range_index *one = &trace->range_index, *other = &whole->range_index;
    uint32_t n = 0;

    ck_assert_uint_eq (one->shift, other->shift);
    for (uint32_t i = 0; i < HS_RANGE_MAX_BLOCKS; i++) {
        const struct hs_range_block *left = one->blocks[i], *right = other->blocks[i];

        ck_assert_int_eq (left == NULL, right == NULL);
        if (left == NULL)
            continue;
        n++;
        ck_assert_uint_eq (left->first, right->first);
        ck_assert_uint_eq (left->n_rows, right->n_rows);
        ck_assert_uint_eq (left->max_slot, right->max_slot);
        ck_assert_uint_eq (left->n_sums, right->n_sums);
        ck_assert_uint_eq (left->n_survivors, right->n_survivors);
        for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
            ck_assert_uint_eq (left->classes[k].bytes, right->classes[k].bytes);
            ck_assert_uint_eq (left->classes[k].count, right->classes[k].count);
        }
    }
    ck_assert_uint_gt (n, 8); /* of more than one level */
}

/* Many ranges, against the recording read in full with its index turned off. */
static void compare_ranges (struct hs_trace *trace, struct hs_trace *whole)
{
    struct hs_snapshot one = hs_trace_snapshot (trace), other = hs_trace_snapshot (whole);

    uint64_t span = (uint64_t)hs_snapshot_event_time (&one, one.n_events - 1);

    hs_range_index_turn_off (&whole->range_index);
    for (int i = 0; i < 6; i++) {
        struct hs_filter filter = hs_filter_all ();
        struct hs_stack_sums *sums[2];

        filter.has_range = i > 0;
        filter.from = (int64_t)draw (span);
        filter.to = filter.from + (int64_t)draw (span);
        filter.process = i == 5 ? 1 : HS_NO_PROCESS;
        ck_assert_int_eq (hs_stack_sums (&one, &filter, NULL, &sums[0], NULL), HS_OK);
        ck_assert_int_eq (hs_stack_sums (&other, &filter, NULL, &sums[1], NULL), HS_OK);
        ck_assert_uint_eq (sums[0]->n, sums[1]->n);
        ck_assert_int_eq (memcmp (&sums[0]->total, &sums[1]->total, sizeof sums[0]->total), 0);
        for (uint32_t k = 0; k < sums[0]->n; k++)
            ck_assert_int_eq (memcmp (&sums[0]->stacks[k].sums, &sums[1]->stacks[k].sums,
                                      sizeof sums[0]->stacks[k].sums),
                              0);
        hs_stack_sums_free (sums[0]);
        hs_stack_sums_free (sums[1]);
    }
    compare_answers (trace, whole);
}

START_TEST (sums_of_blocks_come_back)
{
    struct hs_trace *trace, *whole;

    record (60000, 0);
    whole = add_blocks (9);
    trace = open_trace (BY_INDEX);
    ck_assert_ptr_nonnull (trace->index);
    compare_blocks (trace, whole);
    compare (trace, whole);
    compare_ranges (trace, whole);
    ck_assert (!has_index_finding (trace));
    ck_assert (!trace->range_index.is_off);
    hs_trace_free (trace);
    hs_trace_free (whole);
}
END_TEST

/* Damage that check sums tell, and damage that they do not. */
START_TEST (damaged_sums_of_blocks_cost_time_only)
{
    size_t n, begin;
    uint8_t *bytes;
    struct hs_trace *whole;
    unsigned n_off = 0, n_told = 0;

    record (12000, 0);
    whole = add_blocks (8);
    bytes = read_file (&n);
    begin = index_begin (bytes, n);
    for (int i = 0; i < 25; i++) {
        /* the second half: columns of blocks, tables, blocks, head */
        size_t at = begin + (n - begin) / 2 + draw ((n - begin) / 2);
        const uint8_t keep = bytes[at];
        struct hs_trace *trace;

        bytes[at] ^= (uint8_t)(1 + draw (255));
        write_file (bytes, n);
        trace = open_trace (BY_INDEX);
        compare_ranges (trace, whole);
        n_off += trace->range_index.is_off;
        n_told += has_index_finding (trace);
        hs_trace_free (trace);
        bytes[at] = keep;
    }
    ck_assert_uint_gt (n_off, 0);
    ck_assert_uint_ge (n_told, n_off);
    for (int i = 0; i < 25; i++) { /* with sums mended: any number, but no harm */
        struct hs_trace *trace;
        struct hs_snapshot snapshot;
        struct hs_filter filter = hs_filter_all ();
        struct hs_stack_sums *sums;
        size_t at = begin + (n - begin) / 2 + draw ((n - begin) / 2);
        uint8_t *copy = malloc (n);

        ck_assert_ptr_nonnull (copy);
        memcpy (copy, bytes, n);
        copy[at] ^= (uint8_t)(1 + draw (255));
        index_mend (copy, n);
        write_file (copy, n);
        free (copy);
        trace = open_trace (BY_INDEX);
        snapshot = hs_trace_snapshot (trace);
        filter.has_range = true;
        filter.from = hs_snapshot_event_time (&snapshot, snapshot.n_events / 3);
        filter.to = hs_snapshot_event_time (&snapshot, snapshot.n_events / 2);
        if (hs_stack_sums (&snapshot, &filter, NULL, &sums, NULL) == HS_OK)
            hs_stack_sums_free (sums);
        hs_trace_free (trace);
    }
    free (bytes);
    hs_trace_free (whole);
}
END_TEST

START_TEST (a_cut_index_is_passed_over)
{
    size_t n, begin;
    uint8_t *bytes;
    struct hs_trace *whole;

    record (500, 0);
    whole = open_trace (IN_FULL);
    (void)add_index ();
    bytes = read_file (&n);
    begin = index_begin (bytes, n);
    for (size_t end = begin; end < n; end += 1 + draw (n / 100)) {
        struct hs_trace *trace;

        write_file (bytes, end);
        trace = open_trace (BY_INDEX);
        ck_assert_ptr_null (trace->index);
        ck_assert_int_eq (has_index_finding (trace), end >= begin + 8);
        compare (trace, whole);
        hs_trace_free (trace);
    }
    free (bytes);
    hs_trace_free (whole);
}
END_TEST

START_TEST (a_recording_that_is_lost_under_an_open_trace_gives_no_answer)
{
    struct hs_filter filter = hs_filter_all ();
    struct hs_error err = { 0 };
    struct hs_histogram *histogram;
    struct hs_snapshot snapshot;
    struct hs_trace *trace;

    record (150000, 0);
    (void)add_index ();
    trace = open_trace (BY_INDEX);
    snapshot = hs_trace_snapshot (trace);
    ck_assert_int_eq (truncate (path, 1000), 0);
    ck_assert_int_eq (hs_histogram (&snapshot, &filter, NULL, &histogram, &err), HS_DAMAGED);
    ck_assert_ptr_nonnull (strstr (err.text, "cannot be read any more"));
    hs_trace_free (trace);
}
END_TEST

START_TEST (an_index_lost_under_an_open_trace_is_made_good)
{
    struct hs_trace *trace, *whole;

    record (150000, 0);
    whole = open_trace (IN_FULL);
    (void)add_index ();
    trace = open_trace (BY_INDEX);
    ck_assert_int_eq (hs_closing_index_remove (path, NULL), HS_OK);
    compare (trace, whole);
    ck_assert (has_index_finding (trace));
    hs_trace_free (trace);
    hs_trace_free (whole);
}
END_TEST

START_TEST (an_index_of_another_recording_is_not_used)
{
    size_t n, n_index, n_other;
    uint8_t *bytes, *other, *joined;
    struct hs_trace *trace, *whole;

    record (500, 0);
    (void)add_index ();
    bytes = read_file (&n);
    n_index = n - index_begin (bytes, n);
    seed = 4711;
    record (501, 0);
    whole = open_trace (IN_FULL);
    other = read_file (&n_other);
    joined = malloc (n_other + n_index);
    ck_assert_ptr_nonnull (joined);
    memcpy (joined, other, n_other);
    memcpy (joined + n_other, bytes + n - n_index, n_index);
    hs_put_u64 (joined + n_other + n_index - 32 + 8, n_other);
    index_mend (joined, n_other + n_index);
    write_file (joined, n_other + n_index);
    trace = open_trace (BY_INDEX);
    ck_assert_ptr_null (trace->index);
    ck_assert (has_index_finding (trace));
    compare (trace, whole);
    hs_trace_free (trace);
    hs_trace_free (whole);
    free (bytes);
    free (other);
    free (joined);
}
END_TEST

/* Opened, read in full, and the index kept when that is worth it; then whether there is one. */
static bool keeps_index (void)
{
    const char *const paths[] = { path };
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;
    bool has_index;

    ck_assert_int_eq (hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
    ck_assert_int_eq (hs_loader_run (loader, NULL), HS_END);
    hs_loader_keep_index (loader);
    hs_loader_free (loader);
    hs_trace_free (trace);
    trace = open_trace (BY_INDEX);
    has_index = trace->index != NULL;
    hs_trace_free (trace);
    return has_index;
}

START_TEST (an_index_is_kept_where_it_is_worth_it)
{
    size_t n, begin;
    uint8_t *bytes;

    record (100000, 0);
    ck_assert (!keeps_index ());
    record (501000, 0);
    ck_assert_int_eq (chmod (path, 0400), 0);
    if (geteuid () != 0) /* root may write everything */
        ck_assert (!keeps_index ());
    ck_assert_int_eq (chmod (path, 0600), 0);
    ck_assert (keeps_index ());
    ck_assert (keeps_index ()); /* it stays */
    bytes = read_file (&n);
    begin = index_begin (bytes, n);
    ck_assert_uint_lt (begin, n);
    write_file (bytes, begin + (n - begin) / 2); /* torn, as by a crash: made new */
    ck_assert (keeps_index ());
    bytes[begin / 2] ^= 1; /* a recording with damage is left alone */
    write_file (bytes, begin);
    ck_assert (!keeps_index ());
    free (bytes);
}
END_TEST

START_TEST (without_memory_the_recording_is_read)
{
    const char *const paths[] = { path };

    record (500, 0);
    (void)add_index ();
    for (uint64_t fail = 1;; fail++) {
        struct hs_trace *trace = hs_trace_new ();
        struct hs_loader *loader;
        uint64_t n;

        ck_assert_int_eq (hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
        hs_memory_fail_at (fail);
        (void)hs_loader_run (loader, NULL);
        n = hs_memory_n_allocations ();
        hs_memory_fail_never ();
        hs_loader_free (loader);
        hs_trace_free (trace);
        if (n < fail)
            break;
        ck_assert_uint_lt (fail, 1000);
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("index");
    TCase *rules = tcase_create ("rules");

    tcase_add_checked_fixture (rules, setup, teardown);
    tcase_set_timeout (rules, 100);
    tcase_add_test (rules, a_trace_by_its_index_is_the_one_of_a_full_load);
    tcase_add_test (rules, contexts_may_be_many);
    tcase_add_test (rules, opening_reads_no_column);
    tcase_add_test (rules, the_recording_stays_as_it_was);
    tcase_add_test (rules, damage_anywhere_is_noticed_and_changes_no_number);
    tcase_add_test (rules, sums_of_blocks_come_back);
    tcase_add_test (rules, damaged_sums_of_blocks_cost_time_only);
    tcase_add_test (rules, a_cut_index_is_passed_over);
    tcase_add_test (rules, a_recording_that_is_lost_under_an_open_trace_gives_no_answer);
    tcase_add_test (rules, an_index_lost_under_an_open_trace_is_made_good);
    tcase_add_test (rules, an_index_of_another_recording_is_not_used);
    tcase_add_test (rules, an_index_is_kept_where_it_is_worth_it);
    tcase_add_test (rules, without_memory_the_recording_is_read);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
