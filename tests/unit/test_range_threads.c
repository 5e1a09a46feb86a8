/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ranges are asked while the writer appends and sums up blocks: a snapshot answers the same while
 * the trace grows, when more is there, and at the end. Run with the thread sanitizer too.
 */
#include "analysis/histogram.h"
#include "analysis/stack_sums.h"
#include "trace/trace_private.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#define N_EVENTS 60000u
#define N_PLACES 900u
#define N_STACKS 40u
#define N_READERS 2
#define N_KEPT 24

static struct hs_trace *trace;
static atomic_bool is_over;
static bool has_late_stacks; /* of which a snapshot does not say when they came */

static uint32_t draw (uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 32) * below >> 32);
}

static void append (struct hs_event_batch *batch)
{
    if (hs_trace_append (trace, batch, NULL) != HS_OK)
        abort ();
    hs_batch_reset (batch);
}

static void describe (struct hs_event_batch *batch)
{
    struct hs_process_fields fields = { .pid = 1 };

    hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = 0;
    for (uint32_t slot = 1; slot <= N_STACKS; slot++) {
        uint64_t frames[3] = { 0x1000 + slot, 0x2000 + slot / 4, 0x3000 };

        hs_batch_add_stack (batch, 0, slot, frames, 3);
    }
    append (batch);
}

static void *write_all (void *data)
{
    struct hs_event_batch *batch = hs_batch_new ();
    uint64_t seed = 11, ref = 0, late = 0;
    bool is_live[N_PLACES] = { false };

    describe (batch);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        uint32_t place = draw (&seed, draw (&seed, 8) > 0 ? 60 : N_PLACES);
        struct hs_event *event =
            hs_batch_add (batch, is_live[place] ? HS_EVENT_FREE : HS_EVENT_ALLOC, i * 10);

        event->process = 0;
        event->block.heap = 1;
        event->block.address = 0x1000 + place * 16;
        event->block.size = draw (&seed, 4000);
        if (!is_live[place] && has_late_stacks && i % 500 == 0 && late == 0)
            late = event->stack_ref = ++ref; /* its stack comes when its block was summed up */
        else if (!is_live[place])
            event->stack = 1 + draw (&seed, N_STACKS);
        is_live[place] = !is_live[place];
        batch->has_last_time = true;
        batch->last_time = i * 10;
        if (late != 0 && i % 2000 == 1999) {
            hs_batch_add_stack_link (batch, late, 1 + draw (&seed, N_STACKS));
            late = 0;
        }
        if (i % 400 == 399)
            append (batch);
    }
    append (batch);
    hs_batch_free (batch);
    if (hs_trace_finish (trace, NULL) != HS_OK)
        abort ();
    atomic_store (&is_over, true);
    return data;
}

struct kept {
    struct hs_snapshot snapshot;
    struct hs_filter filter;
    struct hs_sums total;
    struct hs_size_class_sums sizes;
    uint64_t stacks; /* a digest of all that is told of each stack */
};

static uint64_t digest_of (const struct hs_stack_sums *sums)
{
    uint64_t digest = sums->n;

    for (uint32_t i = 0; i < sums->n && !has_late_stacks; i++) {
        const struct hs_stack_sum *stack = &sums->stacks[i];
        struct hs_sums values = stack->sums;
        const uint64_t *words = (const uint64_t *)&values;

        values.temporary = 0;
        digest = hs_hash_u64 (digest ^ ((uint64_t)stack->node << 32 | stack->row));
        for (size_t k = 0; k < sizeof values / sizeof *words; k++)
            digest = hs_hash_u64 (digest ^ words[k]);
    }
    return has_late_stacks ? 0 : digest;
}

static void ask (struct kept *kept)
{
    struct hs_stack_sums *sums;
    struct hs_histogram *histogram;

    if (hs_stack_sums (&kept->snapshot, &kept->filter, NULL, &sums, NULL) != HS_OK ||
        hs_histogram (&kept->snapshot, &kept->filter, NULL, &histogram, NULL) != HS_OK)
        abort ();
    kept->total = sums->total;
    kept->total.temporary = 0; /* a flag of the block's, which the snapshot does not date */
    kept->sizes = histogram->total;
    kept->stacks = digest_of (sums);
    hs_stack_sums_free (sums);
    hs_histogram_unref (histogram);
}

static void ask_again (const struct kept *kept)
{
    struct kept again = *kept;

    ask (&again);
    if (memcmp (&again.total, &kept->total, sizeof again.total) != 0 ||
        memcmp (&again.sizes, &kept->sizes, sizeof again.sizes) != 0 ||
        again.stacks != kept->stacks)
        abort ();
}

static void *read_all (void *data)
{
    struct kept kept[N_KEPT];
    uint64_t seed = (uint64_t)(uintptr_t)data * 77 + 5;
    unsigned n = 0;

    while (!atomic_load (&is_over) || n < 2) {
        struct kept *next = &kept[n < N_KEPT ? n : draw (&seed, N_KEPT)];
        uint32_t span;

        next->snapshot = hs_trace_snapshot (trace);
        next->filter = hs_filter_all ();
        span = next->snapshot.n_events * 10 + 10;
        next->filter.has_range = draw (&seed, 4) > 0;
        next->filter.from = draw (&seed, span);
        next->filter.to = next->filter.from + draw (&seed, span);
        ask (next);
        n += n < N_KEPT;
        ask_again (&kept[draw (&seed, n)]);
    }
    for (unsigned i = 0; i < n; i++)
        ask_again (&kept[i]);
    return NULL;
}

START_TEST (ranges_answer_the_same_while_the_writer_goes_on)
{
    pthread_t writer, readers[N_READERS];

    has_late_stacks = _i == 1;
    is_over = false;
    trace = hs_trace_new ();
    ck_assert_ptr_nonnull (trace);
    trace->range_index.shift = 6;
    trace->range_index.max_shift = 8;
    ck_assert_int_eq (pthread_create (&writer, NULL, write_all, NULL), 0);
    for (uintptr_t i = 0; i < N_READERS; i++)
        ck_assert_int_eq (pthread_create (&readers[i], NULL, read_all, (void *)i), 0);
    ck_assert_int_eq (pthread_join (writer, NULL), 0);
    for (int i = 0; i < N_READERS; i++)
        ck_assert_int_eq (pthread_join (readers[i], NULL), 0);
    ck_assert_uint_gt (trace->range_index.n_built, 50);
    ck_assert (!trace->range_index.is_off);
    hs_trace_free (trace);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("range_threads");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 120);
    tcase_add_loop_test (rules, ranges_answer_the_same_while_the_writer_goes_on, 0, 2);
    suite_add_tcase (suite, rules);
    return run_suite_as (suite, CK_NOFORK);
}
