/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A trace does not depend on how its events are cut into batches: handed over by ones and twos they
 * are taken one by one (blocks.c), in large batches in bursts of usual ones (usual_blocks.c). Every
 * column and counter must be equal.
 */
#include "event/block_call.h"
#include "trace/trace_private.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_EVENTS 80000u
#define N_ADDRESSES 600u
#define N_STACKS 40u
#define N_PROCESSES 2u

static uint64_t seed;
static const uint64_t frames[N_STACKS] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static uint32_t draw (uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) * below >> 32);
}

/* Seldom what a usual block is not. */
static void spoil (struct hs_event *event, int64_t *time)
{
    static const uint64_t sizes[] = { 0,          (1u << 29) - 2,     (1u << 29) - 1, 1u << 29,
                                      UINT32_MAX, UINT64_C (1) << 40, UINT64_MAX };

    switch (draw (14)) {
    case 0:
        event->block.heap = 0x2000 + draw (2);
        break;
    case 1:
        event->process = draw (N_PROCESSES);
        break;
    case 2:
        event->block.size = sizes[draw (7)];
        break;
    case 3:
        event->stack = draw (2) == 0 ? HS_NO_STACK : N_STACKS + 3; /* never told */
        break;
    case 4:
        event->flags = HS_EVENT_COUNTS_TEMPORARY;
        break;
    case 5:
        event->time -= 50;
        break;
    case 6:
        *time += draw (3) * 70000;
        break;
    case 7:
        event->call = (uint8_t)draw (8);
        break;
    case 8:
        event->thread = draw (400);
        break;
    case 9:
        event->block.address = 0;
        break;
    case 10:
        event->block.address |= (uint64_t)draw (3) << 33;
        break;
    case 11:
        event->kind = HS_EVENT_HEAP_DESTROY;
        event->heap = (struct hs_heap_fields){ .heap = 0x2000 };
        break;
    case 12:
        event->kind = HS_EVENT_GAP;
        event->end_time = event->time + 500;
        break;
    default:
        event->kind = HS_EVENT_FREE;
        event->stack = draw (N_STACKS);
        break;
    }
}

/* Blocks of a few addresses, so they are used again at once. */
static void make_events (struct hs_event *events)
{
    static bool is_live[N_ADDRESSES];
    int64_t time = 0;

    memset (is_live, 0, sizeof is_live);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        struct hs_event *event = &events[i];
        uint32_t number = draw (draw (2) == 0 ? 8 : N_ADDRESSES), kind = draw (64);

        time += draw (40);
        *event =
            (struct hs_event){ .time = time, .thread = 1 + i / 100 % 3, .call = HS_CALL_MALLOC };
        event->kind = is_live[number] ? HS_EVENT_FREE : HS_EVENT_ALLOC;
        event->block = (struct hs_block_fields){ 0x1000, 0x7000 + number * 48, draw (300), 0, 0 };
        if (kind == 0) {
            event->kind = HS_EVENT_REALLOC;
            event->block.old_address = 0x7000 + draw (N_ADDRESSES) * 48;
        }
        if (event->kind != HS_EVENT_FREE)
            event->stack = 1 + draw (N_STACKS);
        is_live[number] = event->kind != HS_EVENT_FREE;
        if (kind == 1)
            spoil (event, &time);
    }
}

static struct hs_trace *new_trace (struct hs_event_batch *batch)
{
    struct hs_trace *trace = hs_trace_new ();
    struct hs_process_fields process = { .pid = 42 };

    hs_batch_reset (batch);
    for (uint32_t i = 0; i < N_PROCESSES; i++)
        hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &process)->process = i;
    for (uint32_t i = 0; i < N_STACKS; i++)
        hs_batch_add_stack (batch, 0, i + 1, &frames[i / 2], 1 + i % 2);
    ck_assert_int_eq (hs_trace_append (trace, batch, NULL), HS_OK);
    return trace;
}

static struct hs_trace *load (const struct hs_event *events, uint32_t most)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_trace *trace = new_trace (batch);

    for (uint32_t i = 0; i < N_EVENTS; i += batch->n) {
        uint32_t n = 1 + draw (most);

        batch->n = n < N_EVENTS - i ? n : N_EVENTS - i;
        memcpy (batch->events, &events[i], batch->n * sizeof *events);
        ck_assert_int_eq (hs_trace_append (trace, batch, NULL), HS_OK);
    }
    ck_assert_int_eq (hs_trace_finish (trace, NULL), HS_OK);
    hs_batch_free (batch);
    return trace;
}

/* The moment of the highest level of an entry is told or not, as there was as much before it in the
 * same batch. */
static bool is_left_out (unsigned column, const struct hs_column *a, const struct hs_column *b,
                         uint64_t i)
{
    return (column == HS_COLUMN_OVERVIEW_PEAK_EVENT || column == HS_COLUMN_STEP_PEAK_EVENT) &&
           (hs_column_u32 (a, i) == HS_NO_EVENT || hs_column_u32 (b, i) == HS_NO_EVENT);
}

static void compare_columns (const struct hs_trace *a, const struct hs_trace *b)
{
    struct hs_column *of_a[HS_N_COLUMNS], *of_b[HS_N_COLUMNS];

    hs_trace_list_columns (a, of_a);
    hs_trace_list_columns (b, of_b);
    for (unsigned k = 0; k < HS_N_COLUMNS; k++) {
        ck_assert_msg (of_a[k]->n == of_b[k]->n, "column %u", k);
        for (uint64_t i = 0; i < of_a[k]->n; i++) {
            const struct hs_column *x = hs_narrow_part (of_a[k], i),
                                   *y = hs_narrow_part (of_b[k], i);
            size_t at = (i & (HS_COLUMN_CHUNK_VALUES - 1)) * x->value_size;

            ck_assert_uint_eq (x->value_size, y->value_size);
            ck_assert_msg (is_left_out (k, x, y, i) ||
                               memcmp ((const char *)hs_column_chunk (x, i) + at,
                                       (const char *)hs_column_chunk (y, i) + at,
                                       x->value_size) == 0,
                           "column %u, value %llu", k, (unsigned long long)i);
        }
    }
}

static void compare_counters (const struct hs_counters *a, const struct hs_counters *b)
{
    ck_assert_mem_eq (a, b, offsetof (struct hs_counters, peak_event));
    ck_assert_uint_eq (a->peak_event, b->peak_event);
    ck_assert_uint_eq (a->peak_count, b->peak_count);
}

static void compare_tables (const struct hs_tables *a, const struct hs_tables *b)
{
    compare_counters (&a->totals, &b->totals);
    ck_assert_uint_eq (a->stack_events, b->stack_events);
    ck_assert_uint_eq (a->stack_events_set, b->stack_events_set);
    ck_assert_uint_eq (a->heaps.n, b->heaps.n);
    ck_assert_uint_eq (a->findings.n, b->findings.n);
    for (size_t i = 0; i < a->heaps.n; i++) {
        compare_counters (&a->heaps.items[i].counters, &b->heaps.items[i].counters);
        ck_assert_mem_eq (a->heaps.items[i].histogram, b->heaps.items[i].histogram,
                          sizeof a->heaps.items[i].histogram);
    }
    for (size_t i = 0; i < a->processes.n; i++)
        compare_counters (&a->processes.items[i].counters, &b->processes.items[i].counters);
    for (size_t i = 0; i < a->findings.n; i++)
        ck_assert_uint_eq (a->findings.items[i].count, b->findings.items[i].count);
}

START_TEST (batches_of_any_size_make_the_same_trace)
{
    struct hs_event *events = malloc (N_EVENTS * sizeof *events);
    struct hs_trace *one_by_one, *in_bursts;

    seed = UINT64_C (0x9e3779b97f4a7c15) + (uint64_t)_i;
    make_events (events);
    one_by_one = load (events, 3);
    in_bursts = load (events, HS_BATCH_EVENTS);
    compare_columns (one_by_one, in_bursts);
    compare_tables (&one_by_one->tables, &in_bursts->tables);
    ck_assert_uint_gt (in_bursts->tables.totals.temporary, N_EVENTS / 100);
    ck_assert_uint_gt (in_bursts->tables.totals.unmatched_frees, 10);
    ck_assert_uint_gt (in_bursts->tables.totals.closed, N_EVENTS / 3);
    hs_trace_free (one_by_one);
    hs_trace_free (in_bursts);
    free (events);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("batches");
    TCase *rules = tcase_create ("rules");

    tcase_add_loop_test (rules, batches_of_any_size_make_the_same_trace, 0, 3);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
