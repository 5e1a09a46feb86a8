/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of event_order.h share: the state of a trace and of its processes, the clock, and
 * how an event of a ring's thread begins.
 */
#ifndef HS_CAPTURE_RECORDER_ORDER_PRIVATE_H
#define HS_CAPTURE_RECORDER_ORDER_PRIVATE_H

#include "base/array.h"
#include "capture/recorder/event_order.h"
#include "capture/recorder/order_modules.h"
#include "event/block_call.h"

#define HS_ORDER_HEAP UINT64_C (0x6d616c6c6f63) /* "malloc": the one heap of the malloc family */
#define HS_ORDER_STAMP_MASK ((UINT64_C (1) << 60) - 1)
#define HS_ORDER_BRIEFS 128u
#define HS_ORDER_ROOM 8u /* events that one record may become */

struct hs_clock_pair {
    uint64_t tsc;
    int64_t ns; /* CLOCK_MONOTONIC */
};

struct hs_order_ring {
    uint32_t owner;
    int64_t newest_time;
    bool is_resizing; /* between REALLOC_BEGIN and _END */
    bool is_old_gone; /* another thread was given the old address meanwhile */
    uint64_t old_address;
    HS_ARRAY (hs_stack_slot) slots; /* this owner's, by its stack id */
};

struct hs_order_trace {
    struct hs_order_target target;
    struct hs_event_batch *batch;
    struct hs_clock_pair first, before, now;
    uint64_t ticks_per_ms;
    double ns_per_tick; /* between the two newest clock readings */
    int64_t newest_time;
    uint32_t n_slots;
    hs_process_id n_processes;
    bool has_put; /* blocks went by no batch since the last flush */
};

struct hs_event_order {
    struct hs_order_trace *trace; /* shared by all processes of the recording */
    struct hs_ring_reader *reader;
    struct hs_event_batch *batch; /* the trace's */
    struct hs_record_totals totals;
    hs_process_id process;
    struct hs_brief_block briefs[HS_ORDER_BRIEFS]; /* on their way, after what the batch holds */
    uint32_t n_briefs;
    uint64_t newest_stamp;
    uint32_t n_resizing;
    bool has_free_stacks; /* a free came with its stack */
    uint64_t unseen;      /* enum hs_ring_unseen: now, since a time */
    int64_t unseen_since;
    struct hs_idmap stacks; /* hash of frames -> slot; a slot of a lost race is only told twice */
    struct hs_order_modules modules;
    char exe_path[4096];
    struct hs_order_ring rings[HS_RINGS];
};

/* Nanoseconds since the trace's zero, on the line through the two newest clock readings. */
static inline int64_t hs_order_time_of (const struct hs_event_order *order, uint64_t stamp)
{
    const struct hs_order_trace *trace = order->trace;
    int64_t ticks = (int64_t)(stamp - (trace->before.tsc & HS_ORDER_STAMP_MASK));

    return trace->before.ns - trace->first.ns + (int64_t)((double)ticks * trace->ns_per_tick);
}

/* Between records of different processes the batch goes on: it leaves when it is full. */
static inline enum hs_status hs_order_make_room (struct hs_event_order *order, struct hs_error *err)
{
    return hs_batch_has_room (order->batch, HS_ORDER_ROOM + HS_RINGS)
               ? HS_OK
               : hs_order_trace_flush (order->trace, err);
}

static inline struct hs_event *hs_order_add (struct hs_event_order *order, enum hs_event_kind kind,
                                             int64_t time, uint32_t ring)
{
    struct hs_event *event = hs_batch_add (order->batch, kind, time);

    event->process = order->process;
    event->thread = order->reader->queues[ring].tid;
    return event;
}

static inline struct hs_event *hs_order_add_block (struct hs_event_order *order,
                                                   enum hs_event_kind kind, int64_t time,
                                                   uint32_t ring,
                                                   const struct hs_block_fields *block,
                                                   hs_stack_slot stack)
{
    struct hs_event *event = hs_order_add (order, kind, time, ring);

    event->block = *block;
    event->block.heap = HS_ORDER_HEAP;
    event->stack = stack;
    event->call = HS_CALL_REALLOC;
    return event;
}

static inline hs_stack_slot hs_order_slot_of (const struct hs_order_ring *ring, uint64_t id)
{
    return id < ring->slots.n ? ring->slots.items[id] : HS_NO_STACK;
}

/* ns since the trace's zero. */
int64_t hs_order_trace_now (const struct hs_order_trace *trace);

/* order_other.c: a rare record; the end of what a program hid, when the process ends. */
void hs_order_take_other (struct hs_event_order *order, uint32_t ring, int64_t time,
                          const uint64_t *words);
void hs_order_end_unseen (struct hs_event_order *order);

#endif
