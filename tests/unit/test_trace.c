/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of the block model (formats/etl.md 7.4) and of snapshots, one test each. */
#include "base/memory.h"
#include "event/block_call.h"
#include "trace/ranges.h"
#include "trace/trace.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define HEAP UINT64_C (0x1000)

struct fixture {
    struct hs_trace *trace;
    struct hs_event_batch *batch;
    int64_t time;
    uint32_t thread;
};

static struct fixture begin (void)
{
    struct fixture f = { hs_trace_new (), hs_batch_new (), 0, 1 };
    struct hs_process_fields fields = { .pid = 42, .image = { "test.exe", 8 } };

    ck_assert_ptr_nonnull (f.trace);
    hs_batch_add_process (f.batch, HS_EVENT_PROCESS, 0, &fields)->process = 0;
    return f;
}

static struct hs_event *add (struct fixture *f, enum hs_event_kind kind)
{
    struct hs_event *event = hs_batch_add (f->batch, kind, f->time++);

    event->process = 0;
    event->thread = f->thread;
    return event;
}

static struct hs_event *alloc (struct fixture *f, uint64_t address, uint64_t size)
{
    struct hs_event *event = add (f, HS_EVENT_ALLOC);

    event->block = (struct hs_block_fields){ HEAP, address, size, 0, 0 };
    return event;
}

static void release (struct fixture *f, uint64_t address)
{
    add (f, HS_EVENT_FREE)->block = (struct hs_block_fields){ HEAP, address, 0, 0, 0 };
}

static struct hs_event *resize (struct fixture *f, uint64_t old, uint64_t address, uint64_t size)
{
    struct hs_event *event = add (f, HS_EVENT_REALLOC);

    event->block = (struct hs_block_fields){ HEAP, address, size, old, 0 };
    return event;
}

static void heap_op (struct fixture *f, enum hs_event_kind kind)
{
    add (f, kind)->heap = (struct hs_heap_fields){ .heap = HEAP };
}

static void flush (struct fixture *f)
{
    f->batch->has_last_time = true;
    f->batch->last_time = f->time;
    ck_assert_int_eq (hs_trace_append (f->trace, f->batch, NULL), HS_OK);
    hs_batch_reset (f->batch);
}

static struct hs_counters totals (struct fixture *f)
{
    struct hs_counters counters;

    flush (f);
    counters = hs_trace_lock (f->trace)->totals;
    hs_trace_unlock (f->trace);
    return counters;
}

static void end (struct fixture *f)
{
    hs_trace_free (f->trace);
    hs_batch_free (f->batch);
}

START_TEST (alloc_and_free_pair)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 100);
    alloc (&f, 0x20, 50);
    release (&f, 0x10);
    release (&f, 0x99);
    c = totals (&f);
    ck_assert_uint_eq (c.live_count, 1);
    ck_assert_uint_eq (c.live_bytes, 50);
    ck_assert_uint_eq (c.peak_bytes, 150);
    ck_assert_int_eq (c.peak_time, 1);
    ck_assert_uint_eq (c.peak_count, 2);
    ck_assert_uint_eq (c.unmatched_frees, 1);
    ck_assert_uint_eq (c.frees, 2);
    end (&f);
}
END_TEST

START_TEST (alloc_over_a_live_block_closes_it)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 100);
    alloc (&f, 0x10, 1);
    c = totals (&f);
    ck_assert_uint_eq (c.duplicate_allocs, 1);
    ck_assert_uint_eq (c.live_bytes, 1);
    ck_assert_uint_eq (c.opened, 2);
    end (&f);
}
END_TEST

static struct hs_tables tables (struct fixture *f)
{
    struct hs_tables copy;

    flush (f);
    copy = *hs_trace_lock (f->trace);
    hs_trace_unlock (f->trace);
    return copy;
}

static void gap (struct fixture *f, hs_process_id process)
{
    struct hs_event *event = add (f, HS_EVENT_GAP);

    event->process = process;
    event->end_time = f->time;
}

/* What would be errors is explained by a gap, and what is older than it is unsure until it ends. */
START_TEST (a_gap_makes_older_blocks_unsure)
{
    struct fixture f = begin ();
    struct hs_tables t;

    for (uint64_t i = 1; i <= 5; i++)
        alloc (&f, 0x10 * i, 1);
    release (&f, 0x10);
    gap (&f, 0);
    f.time++;
    t = tables (&f);
    ck_assert_uint_eq (t.unsure.count, 4);
    alloc (&f, 0x20, 100); /* the free of the old one was lost */
    release (&f, 0x30);
    release (&f, 0x90);            /* born in the gap */
    resize (&f, 0x70, 0x40, 1000); /* both ends of it */
    alloc (&f, 0x80, 10);          /* younger than the gap: sure */
    t = tables (&f);
    ck_assert_uint_eq (t.totals.duplicate_allocs, 0);
    ck_assert_uint_eq (t.totals.unmatched_frees, 0);
    ck_assert_uint_eq (t.totals.unseen_frees, 2);
    ck_assert_uint_eq (t.totals.unseen_allocs, 1);
    ck_assert_uint_eq (t.unsure.count, 1);
    ck_assert_uint_eq (t.unsure.bytes, 1);
    ck_assert_uint_eq (t.totals.live_count, 4);
    ck_assert_uint_eq (t.processes.items[0].unsure.count, 1);
    alloc (&f, 0x80, 10); /* a real error, gap or not */
    ck_assert_uint_eq (totals (&f).duplicate_allocs, 1);
    end (&f);
}
END_TEST

/* Told when it begins, as the recorder does; parts of it that touch are one. */
START_TEST (blocks_born_inside_a_gap_are_unsure_too)
{
    struct fixture f = begin ();
    struct hs_event *event;
    struct hs_tables t;

    alloc (&f, 0x10, 1); /* at 0 */
    event = add (&f, HS_EVENT_GAP);
    event->end_time = 4;
    alloc (&f, 0x20, 1); /* at 2 */
    alloc (&f, 0x20, 1); /* the free between was lost */
    event = add (&f, HS_EVENT_GAP);
    event->end_time = 8;
    for (uint64_t i = 5; i <= 8; i++)
        alloc (&f, 0x20 + i, 1);
    alloc (&f, 0x50, 1); /* at 9: sure */
    alloc (&f, 0x50, 1);
    release (&f, 0x28);
    t = tables (&f);
    ck_assert_uint_eq (t.gaps.n, 1);
    ck_assert_int_eq (t.gaps.items[0].end, 8);
    ck_assert_uint_eq (t.totals.unseen_frees, 1);
    ck_assert_uint_eq (t.totals.duplicate_allocs, 1);
    ck_assert_uint_eq (t.unsure.count, 5);
    ck_assert_uint_eq (t.gaps.items[0].rows, 7);
    end (&f);
}
END_TEST

START_TEST (a_gap_is_of_its_process_or_of_all)
{
    struct fixture f = begin ();
    struct hs_process_fields fields = { .pid = 43 };
    struct hs_tables t;

    hs_batch_add_process (f.batch, HS_EVENT_PROCESS, 0, &fields)->process = 1;
    alloc (&f, 0x10, 1);
    alloc (&f, 0x10, 5)->process = 1;
    gap (&f, 1);
    t = tables (&f);
    ck_assert_uint_eq (t.unsure.bytes, 5);
    ck_assert_uint_eq (t.processes.items[0].unsure.count, 0);
    hs_batch_add_process (f.batch, HS_EVENT_PROCESS_END, f.time, &fields)->process = 1;
    alloc (&f, 0x20, 2);
    gap (&f, HS_NO_PROCESS);
    t = tables (&f);
    ck_assert_uint_eq (t.processes.items[0].unsure.count, 2);
    ck_assert_uint_eq (t.processes.items[1].unsure.count, 1); /* left at exit, and unsure */
    ck_assert_uint_eq (t.unsure.bytes, 8);
    end (&f);
}
END_TEST

/* A fork child frees what its parent allocated. */
START_TEST (a_fork_child_may_free_its_parents_blocks)
{
    struct fixture f = begin ();
    struct hs_process_fields fields = { .pid = 7, .is_forked = true };
    struct hs_counters c;

    hs_batch_add_process (f.batch, HS_EVENT_PROCESS, 0, &fields)->process = 0;
    release (&f, 0x10);
    c = totals (&f);
    ck_assert_uint_eq (c.inherited_frees, 1);
    ck_assert_uint_eq (c.unmatched_frees, 0);
    end (&f);
}
END_TEST

START_TEST (moving_realloc_is_one_block)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 100);
    alloc (&f, 0x20, 200);
    release (&f, 0x10);
    resize (&f, 0x10, 0x20, 200);
    c = totals (&f);
    ck_assert_uint_eq (c.realloc_summary, 1);
    ck_assert_uint_eq (c.live_count, 1);
    ck_assert_uint_eq (c.live_bytes, 200);
    ck_assert_uint_eq (c.unmatched_frees, 0);
    end (&f);
}
END_TEST

START_TEST (summary_leaves_a_reused_old_address_alone)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 100);
    alloc (&f, 0x20, 200);
    release (&f, 0x10);
    f.thread = 2;
    alloc (&f, 0x10, 7);
    f.thread = 1;
    resize (&f, 0x10, 0x20, 200);
    c = totals (&f);
    ck_assert_uint_eq (c.realloc_summary, 1);
    ck_assert_uint_eq (c.live_bytes, 207);
    end (&f);
}
END_TEST

START_TEST (summary_closes_the_old_block_when_its_free_was_lost)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 100);
    alloc (&f, 0x20, 200);
    resize (&f, 0x10, 0x20, 200);
    c = totals (&f);
    ck_assert_uint_eq (c.realloc_summary, 1);
    ck_assert_uint_eq (c.live_bytes, 200);
    end (&f);
}
END_TEST

START_TEST (a_block_is_claimed_by_one_summary_only)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x20, 200);
    resize (&f, 0x10, 0x20, 200);
    resize (&f, 0x10, 0x20, 200);
    c = totals (&f);
    ck_assert_uint_eq (c.realloc_summary, 1);
    ck_assert_uint_eq (c.realloc_standalone, 1);
    ck_assert_uint_eq (c.duplicate_allocs, 1);
    ck_assert_uint_eq (c.live_bytes, 200);
    end (&f);
}
END_TEST

START_TEST (realloc_in_place_inherits_the_stack)
{
    struct fixture f = begin ();
    const uint64_t frames[] = { 0xa, 0xb };
    struct hs_snapshot s;
    uint64_t got[4];

    alloc (&f, 0x10, 100)->stack_ref = 1;
    resize (&f, 0x10, 0x10, 300)->stack_ref = 2;
    resize (&f, 0x10, 0x10, 400)->stack_ref = 3;
    hs_batch_add_stack (f.batch, 0, 1, frames, 2);
    hs_batch_add_stack_link (f.batch, 1, 1);
    flush (&f);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_eq (s.n_rows, 3);
    for (hs_row_no row = 0; row < 3; row++) {
        uint32_t node = hs_snapshot_row_node (&s, row);

        ck_assert_uint_eq (hs_stacks_frames (s.stacks, node, got, 4), 2);
        ck_assert_uint_eq (got[0], 0xa);
        ck_assert_uint_eq (hs_stacks_process (s.stacks, node), 0);
    }
    ck_assert_uint_eq (hs_trace_lock (f.trace)->stack_events_set, 1);
    hs_trace_unlock (f.trace);
    end (&f);
}
END_TEST

START_TEST (a_slot_may_be_defined_after_its_use)
{
    struct fixture f = begin ();
    const uint64_t frames[] = { 0xa };
    struct hs_snapshot s;

    alloc (&f, 0x10, 100)->stack = 5;
    flush (&f);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_eq (hs_snapshot_row_node (&s, 0), HS_NODE_NONE);
    hs_batch_add_stack (f.batch, 0, 5, frames, 1);
    flush (&f);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_ne (hs_snapshot_row_node (&s, 0), HS_NODE_NONE);
    ck_assert_uint_eq (hs_trace_lock (f.trace)->stack_events_set, 1);
    hs_trace_unlock (f.trace);
    end (&f);
}
END_TEST

START_TEST (a_stack_finds_its_event_after_the_ring_turned)
{
    struct fixture f = begin ();
    const uint64_t frames[] = { 0xa };
    struct hs_snapshot s;

    for (uint32_t i = 0; i < 200000; i++) {
        if (!hs_batch_has_room (f.batch, 1))
            flush (&f);
        alloc (&f, 0x1000 + i * 16, 1)->stack_ref = i + 1;
    }
    flush (&f);
    hs_batch_add_stack (f.batch, 0, 1, frames, 1);
    hs_batch_add_stack_link (f.batch, 3, 1);
    hs_batch_add_stack_link (f.batch, 200000, 1);
    flush (&f);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_ne (hs_snapshot_row_node (&s, 2), HS_NODE_NONE);
    ck_assert_uint_ne (hs_snapshot_row_node (&s, 199999), HS_NODE_NONE);
    ck_assert_uint_eq (hs_snapshot_row_node (&s, 3), HS_NODE_NONE);
    end (&f);
}
END_TEST

START_TEST (destroy_frees_and_the_handle_is_a_new_heap)
{
    struct fixture f = begin ();
    struct hs_counters c;
    const struct hs_tables *tables;

    alloc (&f, 0x10, 100);
    heap_op (&f, HS_EVENT_HEAP_CREATE); /* logged after first use: keeps the block */
    alloc (&f, 0x20, 10);
    heap_op (&f, HS_EVENT_HEAP_DESTROY);
    alloc (&f, 0x10, 1);
    c = totals (&f);
    ck_assert_uint_eq (c.destroy_count, 2);
    ck_assert_uint_eq (c.destroy_bytes, 110);
    ck_assert_uint_eq (c.live_bytes, 1);
    tables = hs_trace_lock (f.trace);
    ck_assert_uint_eq (tables->heaps.n, 2);
    ck_assert_uint_eq (tables->heaps.items[1].instance, 1);
    hs_trace_unlock (f.trace);
    end (&f);
}
END_TEST

START_TEST (exit_leaves_blocks_outstanding)
{
    struct fixture f = begin ();
    struct hs_process_fields fields = { .end_reason = HS_PROCESS_EXITED };
    struct hs_counters c;
    struct hs_snapshot s;

    alloc (&f, 0x10, 100);
    hs_batch_add_process (f.batch, HS_EVENT_PROCESS_END, f.time++, &fields)->process = 0;
    alloc (&f, 0x20, 1); /* must not be: left out, with a finding */
    c = totals (&f);
    ck_assert_uint_eq (c.live_count, 0);
    ck_assert_uint_eq (c.exit_count, 1);
    ck_assert_uint_eq (c.exit_bytes, 100);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_eq (hs_column_peek (&s.rows->end, 0), HS_NO_EVENT);
    ck_assert_uint_eq (hs_trace_lock (f.trace)->processes.items[0].exit_event, 1);
    hs_trace_unlock (f.trace);
    ck_assert_uint_eq (s.n_rows, 1);
    end (&f);
}
END_TEST

START_TEST (temporary_is_freed_with_nothing_between)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, 1);
    release (&f, 0x10);
    alloc (&f, 0x10, 1);
    alloc (&f, 0x20, 1);
    release (&f, 0x10);
    release (&f, 0x20);
    c = totals (&f);
    ck_assert_uint_eq (c.temporary, 1);
    end (&f);
}
END_TEST

static uint64_t n_mismatched (struct fixture *f)
{
    const struct hs_tables *tables;
    uint64_t n = 0;

    flush (f);
    tables = hs_trace_lock (f->trace);
    for (size_t i = 0; i < tables->findings.n; i++)
        if (tables->findings.items[i].kind == HS_NOTE_MISMATCHED_FREE)
            n += tables->findings.items[i].count;
    hs_trace_unlock (f->trace);
    return n;
}

START_TEST (only_its_own_family_may_end_a_block)
{
    static const struct {
        uint8_t birth, end, is_wrong;
    } cases[] = {
        { HS_CALL_MALLOC, HS_CALL_MALLOC, 0 },     { HS_CALL_CALLOC, HS_CALL_MALLOC, 0 },
        { HS_CALL_MEMALIGN, HS_CALL_REALLOC, 0 },  { HS_CALL_MALLOC, HS_CALL_NEW, 1 },
        { HS_CALL_NEW, HS_CALL_MALLOC, 1 },        { HS_CALL_NEW, HS_CALL_NEW_ARRAY, 1 },
        { HS_CALL_NEW_ARRAY, HS_CALL_NEW, 1 },     { HS_CALL_NEW | 6 << 3, HS_CALL_NEW, 0 },
        { HS_CALL_NEW_ARRAY, HS_CALL_REALLOC, 1 }, { HS_CALL_UNKNOWN, HS_CALL_NEW, 0 },
        { HS_CALL_NEW, HS_CALL_UNKNOWN, 0 },       { HS_CALL_POOL, HS_CALL_POOL, 0 },
    };
    struct fixture f = begin ();
    uint64_t wanted = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alloc (&f, 0x10, 16)->call = cases[i].birth;
        release (&f, 0x10);
        f.batch->events[f.batch->n - 1].call = cases[i].end;
        wanted += cases[i].is_wrong;
        ck_assert_uint_eq (n_mismatched (&f), wanted);
    }
    alloc (&f, 0x10, 16)->call = HS_CALL_NEW;
    resize (&f, 0x10, 0x10, 32)->call = HS_CALL_REALLOC;
    ck_assert_uint_eq (n_mismatched (&f), wanted + 1);
    end (&f);
}
END_TEST

START_TEST (absurd_sizes_count_nothing)
{
    struct fixture f = begin ();
    struct hs_counters c;

    alloc (&f, 0x10, UINT64_MAX);
    alloc (&f, 0x20, UINT64_C (1) << 40);
    release (&f, 0x10);
    c = totals (&f);
    ck_assert_uint_eq (c.live_bytes, UINT64_C (1) << 40);
    ck_assert_uint_eq (hs_trace_lock (f.trace)->findings.n, 1);
    hs_trace_unlock (f.trace);
    release (&f, 0x20);
    c = totals (&f);
    ck_assert_uint_eq (c.live_bytes, 0);
    end (&f);
}
END_TEST

/* Sizes are kept in fewer bits where blocks are looked up. */
START_TEST (every_size_goes_as_it_came)
{
    struct fixture f = begin ();

    for (unsigned bit = 0; bit < 47; bit++) {
        for (unsigned step = 0; step < 3; step++) {
            uint64_t size = (UINT64_C (1) << bit) + step - 1;

            alloc (&f, 0x10, size)->call = HS_CALL_POOL;
            ck_assert_uint_eq (totals (&f).live_bytes, size);
            release (&f, 0x10);
            f.batch->events[f.batch->n - 1].call = HS_CALL_POOL;
            ck_assert_uint_eq (totals (&f).live_bytes, 0);
        }
    }
    ck_assert_uint_eq (n_mismatched (&f), 0);
    end (&f);
}
END_TEST

START_TEST (times_and_births_are_found)
{
    struct fixture f = begin ();
    struct hs_snapshot s;
    struct hs_birth_walk walk;
    enum { N = 1000 };
    hs_event_no births[N];
    int64_t times[2 * N];
    uint32_t n_rows = 0, n_events = 0;

    for (int i = 0; i < N; i++) {
        f.time += i % 7 == 0 ? 100000 : i % 3;
        times[n_events] = f.time;
        births[n_rows++] = n_events++;
        alloc (&f, (uint64_t)i * 16 + 16, 1);
        if (i % 2 == 0) {
            times[n_events++] = f.time;
            release (&f, (uint64_t)i * 16 + 16);
        }
        if (!hs_batch_has_room (f.batch, 4))
            flush (&f);
    }
    flush (&f);
    s = hs_trace_snapshot (f.trace);
    ck_assert_uint_eq (s.n_events, n_events);
    walk = hs_birth_walk_init (&s, 17);
    for (uint32_t row = 17; row < n_rows; row++)
        ck_assert_uint_eq (hs_birth_walk_next (&walk), births[row]);
    for (uint32_t row = 0; row < n_rows; row++) {
        ck_assert_uint_eq (hs_snapshot_birth (&s, row), births[row]);
        ck_assert_uint_eq (hs_snapshot_rows_before (&s, births[row]), row);
        ck_assert_uint_eq (hs_snapshot_rows_before (&s, births[row] + 1), row + 1);
    }
    for (uint32_t event = 0; event < n_events; event++) {
        hs_event_no first = event, after = event;

        while (first > 0 && times[first - 1] == times[event])
            first--;
        while (after < n_events && times[after] == times[event])
            after++;
        ck_assert_int_eq (hs_snapshot_event_time (&s, event), times[event]);
        ck_assert_uint_eq (hs_snapshot_event_at_or_after (&s, times[event]), first);
        ck_assert_uint_eq (hs_snapshot_event_after (&s, times[event]), after);
    }
    ck_assert_uint_eq (hs_snapshot_event_after (&s, INT64_MAX), n_events);
    ck_assert_uint_eq (hs_snapshot_event_at_or_after (&s, INT64_MIN), 0);
    end (&f);
}
END_TEST

START_TEST (modules_are_found_by_address_and_time)
{
    struct fixture f = begin ();
    struct hs_module_fields fields = { .base = 0x1000, .size = 0x1000, .path = { "a", 1 } };
    const struct hs_tables *tables;

    hs_batch_add_module (f.batch, 10, &fields)->process = 0;
    fields.op = HS_MODULE_UNLOAD;
    hs_batch_add_module (f.batch, 20, &fields)->process = 0;
    fields.op = HS_MODULE_LOAD;
    fields.path = (struct hs_text){ "b", 1 };
    fields.size = 0x800;
    hs_batch_add_module (f.batch, 30, &fields)->process = 0;
    fields = (struct hs_module_fields){ .base = UINT64_C (0xffff000000000000),
                                        .size = 0x1000,
                                        .path = { "k", 1 },
                                        .op = HS_MODULE_RUNDOWN_END };
    hs_batch_add_module (f.batch, 90, &fields)->process = HS_NO_PROCESS;
    flush (&f);
    tables = hs_trace_lock (f.trace);
#define PATH(time, address)                                                                        \
    (hs_tables_module_at (tables, 0, address, time) == NULL                                        \
         ? "none"                                                                                  \
         : hs_intern_text (&tables->strings,                                                       \
                           hs_tables_module_at (tables, 0, address, time)->path))
    ck_assert_str_eq (PATH (15, 0x1fff), "a");
    ck_assert_str_eq (PATH (15, 0x2000), "none");
    ck_assert_str_eq (PATH (25, 0x1000), "none");
    ck_assert_str_eq (PATH (35, 0x1000), "b");
    ck_assert_str_eq (PATH (35, 0x1900), "none");
    ck_assert_str_eq (PATH (5, UINT64_C (0xffff000000000010)), "k");
    hs_trace_unlock (f.trace);
    end (&f);
}
END_TEST

START_TEST (ranges_equal_a_page_table)
{
    enum { N_PAGES = 64 };
    bool model[N_PAGES] = { false };
    struct hs_ranges ranges = { 0 };
    uint32_t random = 7;

    for (int step = 0; step < 20000; step++) {
        uint64_t begin, end, n = 0;

        random = random * 1103515245u + 12345u;
        begin = random >> 16 & (N_PAGES - 1);
        random = random * 1103515245u + 12345u;
        end = begin + (random >> 16) % (N_PAGES - begin + 1);
        random = random * 1103515245u + 12345u;
        if (random >> 16 & 1)
            ck_assert (hs_ranges_add (&ranges, begin, end));
        else
            ck_assert (hs_ranges_remove (&ranges, begin, end));
        for (uint64_t page = begin; page < end; page++)
            model[page] = random >> 16 & 1;
        for (uint64_t page = 0; page < N_PAGES; page++) {
            uint64_t b, e;

            n += model[page];
            ck_assert_int_eq (hs_ranges_find (&ranges, page, &b, &e), model[page]);
        }
        ck_assert_uint_eq (ranges.n_bytes, n);
    }
    hs_ranges_clear (&ranges);
}
END_TEST

START_TEST (running_out_of_memory_keeps_what_was_published)
{
    for (uint64_t n = 1; n < 400; n++) {
        struct fixture f;
        struct hs_snapshot s;
        enum hs_status status = HS_OK;

        f = begin ();
        for (int i = 0; i < 50; i++)
            alloc (&f, (uint64_t)i * 16 + 16, 8)->stack_ref = (uint64_t)i + 1;
        hs_memory_fail_at (n);
        status = hs_trace_append (f.trace, f.batch, NULL);
        hs_memory_fail_never ();
        s = hs_trace_snapshot (f.trace);
        ck_assert (status == HS_OK || status == HS_NO_MEMORY);
        if (status == HS_OK)
            n = 400;
        for (hs_row_no row = 0; row < s.n_rows; row++)
            ck_assert_uint_lt (hs_snapshot_birth (&s, row), s.n_events);
        end (&f);
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("trace");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 60);
    tcase_add_test (rules, alloc_and_free_pair);
    tcase_add_test (rules, alloc_over_a_live_block_closes_it);
    tcase_add_test (rules, a_fork_child_may_free_its_parents_blocks);
    tcase_add_test (rules, a_gap_makes_older_blocks_unsure);
    tcase_add_test (rules, blocks_born_inside_a_gap_are_unsure_too);
    tcase_add_test (rules, a_gap_is_of_its_process_or_of_all);
    tcase_add_test (rules, moving_realloc_is_one_block);
    tcase_add_test (rules, summary_leaves_a_reused_old_address_alone);
    tcase_add_test (rules, summary_closes_the_old_block_when_its_free_was_lost);
    tcase_add_test (rules, a_block_is_claimed_by_one_summary_only);
    tcase_add_test (rules, realloc_in_place_inherits_the_stack);
    tcase_add_test (rules, a_slot_may_be_defined_after_its_use);
    tcase_add_test (rules, a_stack_finds_its_event_after_the_ring_turned);
    tcase_add_test (rules, destroy_frees_and_the_handle_is_a_new_heap);
    tcase_add_test (rules, exit_leaves_blocks_outstanding);
    tcase_add_test (rules, temporary_is_freed_with_nothing_between);
    tcase_add_test (rules, only_its_own_family_may_end_a_block);
    tcase_add_test (rules, absurd_sizes_count_nothing);
    tcase_add_test (rules, every_size_goes_as_it_came);
    tcase_add_test (rules, times_and_births_are_found);
    tcase_add_test (rules, modules_are_found_by_address_and_time);
    tcase_add_test (rules, ranges_equal_a_page_table);
    tcase_add_test (rules, running_out_of_memory_keeps_what_was_published);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
