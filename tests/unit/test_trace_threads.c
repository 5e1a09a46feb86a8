/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A snapshot answers the same before and after the writer went on, and while it does. Run with the
 * thread sanitizer too.
 */
#include "trace/trace.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define N_BATCHES 200

static struct hs_trace *trace;
static atomic_bool is_over;

static void fill (struct hs_event_batch *batch, uint32_t number)
{
    uint64_t frames[3] = { number, number / 2, 7 };

    hs_batch_reset (batch);
    hs_batch_add_stack (batch, 0, number + 1, frames, 3);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t k = number * 500 + i;
        struct hs_event *event =
            hs_batch_add (batch, k % 3 == 2 ? HS_EVENT_FREE : HS_EVENT_ALLOC, k * 40);

        event->process = 0;
        event->block.heap = 1;
        event->block.address = k % 3 == 2 ? (k - 2) * 16 + 16 : k * 16 + 16;
        event->block.size = k % 100;
        event->stack = k % 3 == 2 ? HS_NO_STACK : number / 2 + 1;
    }
    batch->has_last_time = true;
    batch->last_time = number * 500 * 40;
}

static void *write_all (void *data)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_process_fields fields = { .pid = 1 };

    hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = 0;
    (void)hs_trace_append (trace, batch, NULL);
    for (uint32_t number = 0; number < N_BATCHES; number++) {
        fill (batch, number);
        if (hs_trace_append (trace, batch, NULL) != HS_OK)
            abort ();
    }
    hs_batch_free (batch);
    atomic_store (&is_over, true);
    return data;
}

/* Live bytes, births and stacks of a snapshot folded into one number. */
static uint64_t answer (const struct hs_snapshot *s)
{
    struct hs_birth_walk walk = hs_birth_walk_init (s, 0);
    uint64_t sum = 0;

    for (hs_row_no row = 0; row < s->n_rows; row++) {
        hs_event_no birth = hs_birth_walk_next (&walk);
        hs_event_no end = hs_column_peek (&s->rows->end, row);

        ck_assert_uint_lt (birth, s->n_events);
        if (end >= s->n_events)
            sum += hs_rows_size (s->rows, row);
        sum = sum * 31 + birth + (uint64_t)hs_snapshot_event_time (s, birth);
        sum += hs_rows_address (s->rows, row);
    }
    return sum;
}

START_TEST (a_snapshot_is_fixed_while_the_writer_goes_on)
{
    pthread_t writer;
    uint32_t n_snapshots = 0;

    trace = hs_trace_new ();
    ck_assert_ptr_nonnull (trace);
    ck_assert_int_eq (pthread_create (&writer, NULL, write_all, NULL), 0);
    while (!atomic_load (&is_over) || n_snapshots == 0) {
        struct hs_snapshot s = hs_trace_snapshot (trace);
        uint64_t first = answer (&s);

        ck_assert_uint_eq (hs_trace_lock (trace)->processes.n <= 1, 1);
        hs_trace_unlock (trace);
        ck_assert_uint_eq (answer (&s), first);
        n_snapshots++;
    }
    ck_assert_int_eq (pthread_join (writer, NULL), 0);
    hs_trace_free (trace);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("trace_threads");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 120);
    tcase_add_test (rules, a_snapshot_is_fixed_while_the_writer_goes_on);
    suite_add_tcase (suite, rules);
    return run_suite_as (suite, CK_NOFORK);
}
