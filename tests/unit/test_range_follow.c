/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recording that is followed while it grows, in slices of any size and while it is asked, has in
 * the end what the same file has that is opened at once: the same sums of blocks, the same answers.
 * Run with the thread sanitizer too. The file is made here, by the encoder that records.
 */
#include "analysis/histogram.h"
#include "analysis/stack_sums.h"
#include "encode/encoder.h"
#include "load/loader.h"
#include "../lib/run_suite.h"
#include "trace/trace_private.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define N_EVENTS 40000u
#define N_PLACES 1200u
#define N_STACKS 60u
#define BLOCK_SHIFT 6
#define N_QUESTIONS 60

static char whole_path[] = "range_follow.XXXXXX";
static char growing_path[] = "range_follow.XXXXXX";
static atomic_bool is_over;

static uint32_t draw (uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 32) * below >> 32);
}

static void put (void *encoder, struct hs_event_batch *batch)
{
    ck_assert_int_eq (hs_hst_encoder.append (encoder, batch, NULL), HS_OK);
    hs_batch_reset (batch);
}

static void put_descriptions (void *encoder, struct hs_event_batch *batch)
{
    struct hs_process_fields fields = { .pid = 7 };

    for (hs_process_id process = 0; process < 2; process++)
        hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = process;
    for (uint32_t slot = 1; slot <= N_STACKS; slot++) {
        uint64_t frames[3] = { 0x1000 + slot, 0x2000 + slot / 4, 0x3000 };

        hs_batch_add_stack (batch, slot % 2, slot, frames, 3);
    }
    put (encoder, batch);
}

/* Each place is a block that comes and goes; far ones live long. */
static void put_event (struct hs_event_batch *batch, uint64_t *seed, uint64_t *live, int64_t time)
{
    uint32_t place = draw (seed, draw (seed, 8) > 0 ? 60 : N_PLACES);
    bool is_free = live[place] != 0;
    struct hs_event *event = hs_batch_add (batch, is_free ? HS_EVENT_FREE : HS_EVENT_ALLOC, time);

    event->process = place % 2;
    event->thread = 1 + draw (seed, 3);
    event->block.heap = 1;
    event->block.address = is_free ? live[place] : 0x10000 + (uint64_t)time * 16;
    live[place] = is_free ? 0 : event->block.address;
    if (is_free)
        return;
    event->block.size = draw (seed, 4000);
    event->stack = 1 + (draw (seed, N_STACKS) | 1) - event->process;
}

static void make_recording (void)
{
    struct hs_event_batch *batch = hs_batch_new ();
    uint64_t live[N_PLACES] = { 0 }, seed = 21;
    void *encoder;

    ck_assert_ptr_nonnull (batch);
    ck_assert_int_eq (hs_hst_encoder.open (whole_path, &encoder, NULL), HS_OK);
    put_descriptions (encoder, batch);
    for (uint32_t i = 1; i <= N_EVENTS; i++) {
        put_event (batch, &seed, live, i * 10);
        batch->has_last_time = true;
        batch->last_time = i * 10;
        if (i % 700 == 0)
            put (encoder, batch);
        if (i % 2100 == 0) /* else it would all be one chunk */
            ck_assert_int_eq (hs_hst_encoder.flush (encoder, NULL), HS_OK);
    }
    put (encoder, batch);
    ck_assert_int_eq (hs_hst_encoder.finish (encoder, NULL, NULL), HS_OK);
    hs_batch_free (batch);
}

static struct hs_trace *new_trace (void)
{
    struct hs_trace *trace = hs_trace_new ();

    ck_assert_ptr_nonnull (trace);
    trace->range_index.shift = trace->range_index.max_shift = BLOCK_SHIFT;
    return trace;
}

static struct hs_filter draw_filter (uint64_t *seed, const struct hs_snapshot *snapshot)
{
    struct hs_filter filter = hs_filter_all ();
    uint32_t span = (uint32_t)snapshot->last_time + 20;

    filter.has_range = draw (seed, 6) > 0;
    filter.from = draw (seed, span);
    filter.to = filter.from + draw (seed, span);
    if (draw (seed, 3) == 0)
        filter.process = draw (seed, 2);
    if (draw (seed, 5) == 0)
        filter.size_min = draw (seed, 3000);
    return filter;
}

static bool are_equal (const struct hs_stack_sums *one, const struct hs_stack_sums *other)
{
    bool is_equal = one->n == other->n && one->peak_event == other->peak_event &&
                    memcmp (&one->total, &other->total, sizeof one->total) == 0;

    for (uint32_t i = 0; is_equal && i < one->n; i++)
        is_equal =
            one->stacks[i].node == other->stacks[i].node &&
            one->stacks[i].row == other->stacks[i].row &&
            memcmp (&one->stacks[i].sums, &other->stacks[i].sums, sizeof one->stacks[i].sums) == 0;
    return is_equal;
}

static void ask_both (const struct hs_snapshot *one, const struct hs_snapshot *other,
                      const struct hs_filter *filter)
{
    struct hs_stack_sums *sums[2];
    struct hs_histogram *histograms[2];

    if (hs_stack_sums (one, filter, NULL, &sums[0], NULL) != HS_OK ||
        hs_stack_sums (other, filter, NULL, &sums[1], NULL) != HS_OK ||
        hs_histogram (one, filter, NULL, &histograms[0], NULL) != HS_OK ||
        hs_histogram (other, filter, NULL, &histograms[1], NULL) != HS_OK)
        abort ();
    if (!are_equal (sums[0], sums[1]) ||
        memcmp (histograms[0], histograms[1], sizeof *histograms[0]) != 0)
        abort (); /* on a thread of its own, too */
    for (int i = 0; i < 2; i++) {
        hs_stack_sums_free (sums[i]);
        hs_histogram_unref (histograms[i]);
    }
}

/* The same question about one snapshot, now and when more is there. */
static void *ask_meanwhile (void *trace)
{
    uint64_t seed = 5;

    while (!atomic_load (&is_over)) {
        struct hs_snapshot snapshot = hs_trace_snapshot (trace);
        struct hs_filter filter = draw_filter (&seed, &snapshot);

        filter.size_min = 0;
        ask_both (&snapshot, &snapshot, &filter);
    }
    return NULL;
}

/* The next `n` bytes of the recording go into the growing file; false at its end. */
static bool grow (FILE *from, FILE *to, size_t n)
{
    static char bytes[30000];

    n = fread (bytes, 1, n < sizeof bytes ? n : sizeof bytes, from);
    ck_assert_uint_eq (fwrite (bytes, 1, n, to), n);
    ck_assert_int_eq (fflush (to), 0);
    return n > 0;
}

/* Slice by slice; each time all that is there is read. */
static void follow (struct hs_loader *loader, FILE *from, FILE *to, uint64_t seed)
{
    enum hs_status status = HS_AGAIN;

    while (grow (from, to, 1 + draw (&seed, 30000))) {
        do
            status = hs_loader_step (loader, NULL);
        while (status == HS_OK);
        ck_assert (status == HS_AGAIN || status == HS_END);
    }
    ck_assert_int_eq (status, HS_END); /* it was closed */
}

static void check_growing (const struct hs_snapshot *whole, uint64_t seed)
{
    const char *path = growing_path;
    FILE *from = fopen (whole_path, "rb"), *to = fopen (growing_path, "wb");
    struct hs_trace *trace = new_trace ();
    struct hs_snapshot snapshot;
    struct hs_loader *loader;
    pthread_t reader;

    ck_assert (from != NULL && to != NULL && grow (from, to, 64)); /* so that it has a format */
    ck_assert_int_eq (hs_loader_open (&path, 1, HS_SOURCE_FOLLOW, trace, &loader, NULL), HS_OK);
    atomic_store (&is_over, false);
    ck_assert_int_eq (pthread_create (&reader, NULL, ask_meanwhile, trace), 0);
    follow (loader, from, to, seed);
    atomic_store (&is_over, true);
    ck_assert_int_eq (pthread_join (reader, NULL), 0);
    snapshot = hs_trace_snapshot (trace);
    ck_assert_uint_eq (snapshot.n_events, whole->n_events);
    ck_assert_uint_eq (trace->range_index.n_built, whole->trace->range_index.n_built);
    for (int i = 0; i < N_QUESTIONS; i++) {
        struct hs_filter filter = draw_filter (&seed, whole);

        ask_both (&snapshot, whole, &filter);
    }
    fclose (from);
    fclose (to);
    hs_loader_free (loader);
    hs_trace_free (trace);
}

START_TEST (a_growing_file_has_the_index_of_the_whole)
{
    const char *path = whole_path;
    struct hs_trace *trace = new_trace ();
    struct hs_snapshot snapshot;
    struct hs_loader *loader;

    close (mkstemp (whole_path));
    close (mkstemp (growing_path));
    make_recording ();
    ck_assert_int_eq (hs_loader_open (&path, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
    ck_assert_int_eq (hs_loader_run (loader, NULL), HS_END);
    snapshot = hs_trace_snapshot (trace);
    ck_assert_uint_ge (snapshot.n_events, N_EVENTS);
    ck_assert_uint_gt (trace->range_index.n_built, 200);
    for (uint64_t seed = 1; seed <= 4; seed++)
        check_growing (&snapshot, seed * 77);
    hs_loader_free (loader);
    hs_trace_free (trace);
    unlink (whole_path);
    unlink (growing_path);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("range_follow");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 120);
    tcase_add_test (rules, a_growing_file_has_the_index_of_the_whole);
    suite_add_tcase (suite, rules);
    return run_suite_as (suite, CK_NOFORK);
}
