/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ring records to events; see event_order.h. */
#include "capture/recorder/event_order.h"

#include "base/array.h"
#include "base/memory.h"
#include "base/text.h"
#include "event/block_call.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEAP UINT64_C (0x6d616c6c6f63) /* "malloc": the one heap of the malloc family */
#define STAMP_MASK ((UINT64_C (1) << 60) - 1)
#define ROOM 8u    /* events that one record may become */
#define BATCH 512u /* events handed on at once: that many stay in the nearest cache */
#define CALIBRATION_NS 2000000
#define CLOCK_TRIES 8           /* to read both clocks without being interrupted */
#define UNINTERRUPTED_TICKS 300 /* that takes no longer */
#define GAP_SLACK_NS 1000 /* a stamp of now may be a moment later by the next reading of clocks */
#define EPOCH_1601_TO_1970 INT64_C (116444736000000000) /* in 100 ns */

_Static_assert((int)HS_RING_CALL_POOL == (int)HS_CALL_POOL &&
                   HS_RING_ALIGNMENT_SHIFT == HS_CALL_ALIGNMENT_SHIFT,
               "the same numbers");

struct clock_pair {
    uint64_t tsc;
    int64_t ns; /* CLOCK_MONOTONIC */
};

struct ring_state {
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
    struct clock_pair first, before, now;
    uint64_t ticks_per_ms;
    double ns_per_tick; /* between the two newest clock readings */
    int64_t newest_time;
    uint32_t n_slots;
    hs_process_id n_processes;
};

struct hs_event_order {
    struct hs_order_trace *trace; /* shared by all processes of the recording */
    struct hs_ring_reader *reader;
    struct hs_event_batch *batch; /* the trace's */
    struct hs_record_totals totals;
    hs_process_id process;
    uint64_t newest_stamp;
    uint32_t n_resizing;
    uint64_t unseen; /* enum hs_ring_unseen: now, since a time */
    int64_t unseen_since;
    struct hs_idmap stacks;  /* hash of frames -> slot; a slot of a lost race is only told twice */
    struct hs_idmap modules; /* hash of range and build id: told already */
    char exe_path[4096];
    struct ring_state rings[HS_RINGS];
};

/* The reading that was interrupted least. */
static struct clock_pair read_clocks (void)
{
    struct clock_pair best = { 0 };
    uint64_t shortest = UINT64_MAX;

    for (unsigned i = 0; i < CLOCK_TRIES && shortest > UNINTERRUPTED_TICKS; i++) {
        struct timespec time;
        uint64_t before = __builtin_ia32_rdtsc (), after;

        (void)clock_gettime (CLOCK_MONOTONIC, &time);
        after = __builtin_ia32_rdtsc ();
        if (after - before < shortest) {
            shortest = after - before;
            best = (struct clock_pair){ before + shortest / 2,
                                        time.tv_sec * INT64_C (1000000000) + time.tv_nsec };
        }
    }
    return best;
}

static void take_slope (struct hs_order_trace *trace)
{
    int64_t span = (int64_t)(trace->now.tsc - trace->before.tsc);

    trace->ns_per_tick = (double)(trace->now.ns - trace->before.ns) / (double)(span > 0 ? span : 1);
}

static void calibrate (struct hs_order_trace *trace)
{
    struct timespec wait = { 0, CALIBRATION_NS };
    struct clock_pair begin = read_clocks ();

    (void)nanosleep (&wait, NULL);
    trace->first = trace->before = begin;
    trace->now = read_clocks ();
    trace->ticks_per_ms =
        (trace->now.tsc - begin.tsc) * 1000000 / (uint64_t)(trace->now.ns - begin.ns + 1);
    take_slope (trace);
}

void hs_order_trace_tick (struct hs_order_trace *trace)
{
    struct clock_pair now = read_clocks ();

    /* short spans would turn jitter into slope */
    if (now.ns - trace->now.ns < 1000000)
        return;
    trace->before = trace->now;
    trace->now = now;
    take_slope (trace);
}

/* Nanoseconds since the trace's zero, on the line through the two newest clock readings. */
static int64_t time_of (const struct hs_event_order *order, uint64_t stamp)
{
    const struct hs_order_trace *trace = order->trace;
    int64_t ticks = (int64_t)(stamp - (trace->before.tsc & STAMP_MASK));

    return trace->before.ns - trace->first.ns + (int64_t)((double)ticks * trace->ns_per_tick);
}

enum hs_status hs_order_trace_flush (struct hs_order_trace *trace, struct hs_error *err)
{
    struct hs_event_batch *batch = trace->batch;
    enum hs_status status = HS_OK;

    if (batch->is_out_of_memory)
        return hs_error_no_memory (err);
    if (batch->n > 0) {
        batch->has_last_time = true;
        batch->last_time = trace->newest_time;
        status = trace->target.append (trace->target.self, batch, err);
    }
    hs_batch_reset (batch);
    return status;
}

/* Between records of different processes the batch goes on: it leaves when it is full. */
static enum hs_status make_room (struct hs_event_order *order, struct hs_error *err)
{
    return hs_batch_has_room (order->batch, ROOM + HS_RINGS)
               ? HS_OK
               : hs_order_trace_flush (order->trace, err);
}

enum hs_status hs_order_trace_new (const struct hs_order_target *target,
                                   struct hs_order_trace **ret, struct hs_error *err)
{
    struct hs_order_trace *trace = HS_NEW (struct hs_order_trace);
    struct hs_event *clock;
    struct timespec wall;

    if (trace != NULL)
        trace->batch = hs_batch_new ();
    if (trace == NULL || trace->batch == NULL) {
        hs_free (trace);
        return hs_error_no_memory (err);
    }
    trace->target = *target;
    calibrate (trace);
    (void)clock_gettime (CLOCK_REALTIME, &wall);
    clock = hs_batch_add (trace->batch, HS_EVENT_CLOCK, 0);
    clock->clock = (struct hs_clock_fields){
        .ticks_per_second = 1000000000,
        .zero_filetime = wall.tv_sec * INT64_C (10000000) + wall.tv_nsec / 100 +
                         EPOCH_1601_TO_1970 - (read_clocks ().ns - trace->first.ns) / 100,
        .resolution_ticks = 1,
    };
    *ret = trace;
    return HS_OK;
}

void hs_order_trace_free (struct hs_order_trace *trace)
{
    if (trace == NULL)
        return;
    hs_batch_free (trace->batch);
    hs_free (trace);
}

uint64_t hs_order_trace_ticks_per_ms (const struct hs_order_trace *trace)
{
    return trace->ticks_per_ms;
}

uint64_t hs_order_trace_end (struct hs_order_trace *trace)
{
    int64_t time = read_clocks ().ns - trace->first.ns;

    if (time > trace->newest_time)
        trace->newest_time = time;
    return (uint64_t)trace->newest_time;
}

enum hs_status hs_event_order_new (struct hs_order_trace *trace, struct hs_ring_reader *reader,
                                   struct hs_event_order **ret, struct hs_error *err)
{
    struct hs_event_order *order = HS_NEW (struct hs_event_order);

    if (order == NULL)
        return hs_error_no_memory (err);
    order->trace = trace;
    order->batch = trace->batch;
    order->reader = reader;
    order->totals.wait_status = -1;
    *ret = order;
    return HS_OK;
}

void hs_event_order_free (struct hs_event_order *order)
{
    if (order == NULL)
        return;
    for (uint32_t i = 0; i < HS_RINGS; i++)
        hs_array_clear (&order->rings[i].slots);
    hs_idmap_clear (&order->stacks);
    hs_idmap_clear (&order->modules);
    hs_free (order);
}

enum hs_status hs_event_order_begin (struct hs_event_order *order,
                                     const struct hs_process_fields *process, const char *exe_path,
                                     struct hs_error *err)
{
    struct hs_process_fields fields = *process;
    struct hs_event *heap;
    enum hs_status status = make_room (order, err);
    int64_t now = read_clocks ().ns - order->trace->first.ns;

    if (status != HS_OK)
        return status;
    order->process = order->trace->n_processes++;
    /* the first of a trace was begun with it */
    fields.start = fields.has_start && order->process > 0 ? now : 0;
    (void)snprintf (order->exe_path, sizeof order->exe_path, "%s", exe_path);
    hs_batch_add_process (order->batch, HS_EVENT_PROCESS, fields.start, &fields)->process =
        order->process;
    heap = hs_batch_add (order->batch, HS_EVENT_HEAP_CREATE, order->trace->newest_time);
    heap->process = order->process;
    heap->thread = fields.pid;
    heap->heap = (struct hs_heap_fields){ .heap = HEAP };
    return HS_OK;
}

static struct hs_event *add (struct hs_event_order *order, enum hs_event_kind kind, int64_t time,
                             uint32_t ring)
{
    struct hs_event *event = hs_batch_add (order->batch, kind, time);

    event->process = order->process;
    event->thread = order->reader->queues[ring].tid;
    return event;
}

static struct hs_event *add_block (struct hs_event_order *order, enum hs_event_kind kind,
                                   int64_t time, uint32_t ring, const struct hs_block_fields *block,
                                   hs_stack_slot stack)
{
    struct hs_event *event = add (order, kind, time, ring);

    event->block = *block;
    event->block.heap = HEAP;
    event->stack = stack;
    event->call = HS_CALL_REALLOC;
    return event;
}

static hs_stack_slot slot_of (const struct ring_state *ring, uint64_t id)
{
    return id < ring->slots.n ? ring->slots.items[id] : HS_NO_STACK;
}

static enum hs_status set_slot (struct ring_state *ring, uint32_t id, hs_stack_slot slot,
                                struct hs_error *err)
{
    if (id > HS_RING_STACK_ID_MAX) /* no agent of ours */
        return HS_OK;
    if (id >= ring->slots.n && !hs_array_reserve (&ring->slots, id + 1 - ring->slots.n))
        return hs_error_no_memory (err);
    while (ring->slots.n <= id)
        ring->slots.items[ring->slots.n++] = HS_NO_STACK;
    ring->slots.items[id] = slot;
    return HS_OK;
}

static enum hs_status take_stack (struct hs_event_order *order, uint32_t ring,
                                  const uint64_t *words, struct hs_error *err)
{
    uint32_t id = (uint32_t)words[1], n = (uint32_t)(words[1] >> 32 & 0x7fffffff), slot;
    uint64_t hash = n;

    order->totals.n_truncated_stacks += words[1] >> 63;
    for (uint32_t i = 0; i < n; i++)
        hash = hs_hash_u64 (hash ^ words[2 + i]);
    slot = hs_idmap_get (&order->stacks, hash);
    if (slot == HS_IDMAP_NONE) {
        slot = ++order->trace->n_slots;
        order->totals.n_stacks++;
        if (!hs_idmap_set (&order->stacks, hash, slot))
            return hs_error_no_memory (err);
        hs_batch_add_stack (order->batch, order->process, slot, words + 2, n);
    }
    return set_slot (&order->rings[ring], id, slot, err);
}

static enum hs_status take_module (struct hs_event_order *order, int64_t time,
                                   const uint64_t *words, struct hs_error *err)
{
    const char *path = (const char *)(words + 1) + sizeof (struct hs_ring_module);
    struct hs_module_fields fields = { .op = HS_MODULE_LOAD };
    struct hs_ring_module module;
    uint64_t key;

    memcpy (&module, words + 1, sizeof module);
    if (module.end <= module.begin || module.build_id_length > sizeof module.build_id)
        return HS_OK;
    fields.base = module.begin;
    fields.size = module.end - module.begin;
    fields.path = (struct hs_text){ path, module.path_length };
    if (module.path_length == 0)
        fields.path = (struct hs_text){ order->exe_path, (uint32_t)strlen (order->exe_path) };
    fields.build_id_size = (uint8_t)(module.build_id_length < 20 ? module.build_id_length : 20);
    memcpy (fields.build_id, module.build_id, fields.build_id_size);
    /* every thread tells the modules it meets: one mapping is one module */
    key = hs_hash_u64 (module.begin ^ module.end << 20) ^ hs_get_u64 (module.build_id);
    if (hs_idmap_get (&order->modules, key) != HS_IDMAP_NONE)
        return HS_OK;
    if (!hs_idmap_set (&order->modules, key, 1))
        return hs_error_no_memory (err);
    order->totals.n_modules++;
    hs_batch_add_module (order->batch, order->totals.n_modules == 1 ? 0 : time, &fields)->process =
        order->process;
    return HS_OK;
}

/* Another thread is given an address whose realloc is still under way: it was freed before. */
static void free_resized (struct hs_event_order *order, uint64_t address, int64_t time)
{
    for (uint32_t i = 0; i < HS_RINGS && order->n_resizing > 0; i++) {
        struct ring_state *ring = &order->rings[i];

        if (ring->is_resizing && !ring->is_old_gone && ring->old_address == address) {
            struct hs_block_fields block = { .address = address };

            ring->is_old_gone = true;
            add_block (order, HS_EVENT_FREE, time, i, &block, HS_NO_STACK);
        }
    }
}

/* `place`: address and call. */
static void take_alloc (struct hs_event_order *order, uint32_t ring, int64_t time, uint64_t place,
                        uint64_t size, uint64_t stack)
{
    uint64_t address = place & HS_RING_ADDRESS_MASK;
    struct hs_block_fields block = { .address = address, .size = size };

    if (order->n_resizing > 0)
        free_resized (order, address, time);
    order->totals.n_allocs++;
    add_block (order, HS_EVENT_ALLOC, time, ring, &block, slot_of (&order->rings[ring], stack))
        ->call = (uint8_t)(place >> HS_RING_CALL_SHIFT);
}

static void take_free (struct hs_event_order *order, uint32_t ring, int64_t time, uint64_t place,
                       uint64_t stack)
{
    struct hs_block_fields block = { .address = place & HS_RING_ADDRESS_MASK };

    order->totals.n_frees++;
    add_block (order, HS_EVENT_FREE, time, ring, &block, slot_of (&order->rings[ring], stack))
        ->call = (uint8_t)(place >> HS_RING_CALL_SHIFT);
}

static void begin_resize (struct hs_event_order *order, uint32_t ring, uint64_t address)
{
    struct ring_state *state = &order->rings[ring];

    order->n_resizing += !state->is_resizing;
    state->is_resizing = true;
    state->is_old_gone = false;
    state->old_address = address;
}

static void end_resize (struct hs_event_order *order, uint32_t ring, int64_t time,
                        const uint64_t *words)
{
    struct ring_state *state = &order->rings[ring];
    uint64_t address = words[1], size = words[2], old = state->old_address;
    struct hs_block_fields block = { .address = address, .size = size, .old_address = old };
    hs_stack_slot stack = slot_of (state, words[3]);
    bool is_old_gone = state->is_old_gone;

    if (!state->is_resizing) { /* its begin was lost: the old address is unknown */
        if (address != 0)
            take_alloc (order, ring, time,
                        address | (uint64_t)HS_RING_CALL_REALLOC << HS_RING_CALL_SHIFT, size,
                        words[3]);
        return;
    }
    state->is_resizing = false;
    order->n_resizing--;
    if (address == 0) {
        if (size == 0 && !is_old_gone)
            take_free (order, ring, time,
                       old | (uint64_t)HS_RING_CALL_REALLOC << HS_RING_CALL_SHIFT, 0);
        return;
    }
    order->totals.n_reallocs++;
    if (address == old && !is_old_gone) {
        add_block (order, HS_EVENT_REALLOC, time, ring, &block, stack);
        return;
    }
    if (order->n_resizing > 0)
        free_resized (order, address, time);
    add_block (order, HS_EVENT_ALLOC, time, ring, &block, stack);
    if (is_old_gone)
        return;
    block.address = old;
    add_block (order, HS_EVENT_FREE, time + 1, ring, &block, HS_NO_STACK);
    block.address = address;
    add_block (order, HS_EVENT_REALLOC, time + 2, ring, &block, stack);
    order->trace->newest_time = state->newest_time = time + 2;
}

/* Events of this thread are missing here: what belongs together must not be put together across. */
static void forget_resize (struct hs_event_order *order, uint32_t ring)
{
    struct ring_state *state = &order->rings[ring];

    order->n_resizing -= state->is_resizing;
    state->is_resizing = false;
}

static struct hs_text text_of (const uint64_t *words, uint64_t n_words, char *buffer, size_t size)
{
    uint64_t length = words[0];

    if (length > (n_words - 1) * 8)
        length = (n_words - 1) * 8;
    length =
        hs_text_from_utf8 ((struct hs_span){ (const uint8_t *)(words + 1), length }, buffer, size);
    return (struct hs_text){ buffer, (uint32_t)length };
}

static void take_heap (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, uint64_t n_words)
{
    char buffer[3 * HS_RING_OTHER_TEXT_MAX + 1];
    struct hs_text name = text_of (words + 1, n_words - 1, buffer, sizeof buffer);
    struct hs_event *event;

    add (order, HS_EVENT_HEAP_SEEN, time, ring)->heap = (struct hs_heap_fields){ .heap = words[0] };
    event = add (order, HS_EVENT_HEAP_NAME, time, ring);
    event->heap_name.heap = words[0];
    event->heap_name.name = hs_batch_text (order->batch, name.bytes, name.length);
}

static void take_mark (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, uint64_t n_words)
{
    char buffer[3 * HS_RING_OTHER_TEXT_MAX + 1];
    struct hs_text name = text_of (words + 1, n_words - 1, buffer, sizeof buffer);

    add (order, HS_EVENT_MARK, time, ring)->text =
        hs_batch_text (order->batch, name.bytes, name.length);
}

static void take_pool (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, enum hs_event_kind kind)
{
    struct hs_block_fields block = { .address = words[0], .size = words[1] };
    struct hs_event *event =
        add_block (order, kind, time, ring, &block, slot_of (&order->rings[ring], words[2]));

    event->block.heap = words[3];
    event->call = HS_CALL_POOL;
    order->totals.n_allocs += kind == HS_EVENT_ALLOC;
    order->totals.n_frees += kind == HS_EVENT_FREE;
}

static void take_virtual (struct hs_event_order *order, uint32_t ring, int64_t time,
                          const uint64_t *words, enum hs_virtual_op op)
{
    struct hs_event *event = add (order, HS_EVENT_VIRTUAL, time, ring);

    event->virtual_memory =
        (struct hs_virtual_fields){ words[0], words[1], (uint32_t)words[3], op };
    event->stack = slot_of (&order->rings[ring], words[2]);
}

/* Between two of these, or up to the end, the process was not seen. */
static void take_unseen (struct hs_event_order *order, int64_t time, uint64_t reason)
{
    struct hs_event *gap;

    if (order->unseen != HS_UNSEEN_NOTHING) {
        gap = hs_batch_add (order->batch, HS_EVENT_GAP, order->unseen_since);
        gap->process = order->process;
        gap->end_time = time;
    }
    order->unseen_since = time;
    order->unseen = reason;
}

static void end_unseen (struct hs_event_order *order)
{
    if (order->unseen == HS_UNSEEN_NOTHING)
        return;
    hs_batch_add_note (order->batch, HS_NOTE_UNSEEN, HS_NO_OFFSET,
                       order->unseen == HS_UNSEEN_NO_TSC
                           ? "the program forbade itself to read the time stamp counter: nothing "
                             "that it did then was recorded"
                           : "the program entered strict seccomp: nothing that it did then was "
                             "recorded");
    take_unseen (order, order->trace->newest_time, HS_UNSEEN_NOTHING);
}

static void take_other (struct hs_event_order *order, uint32_t ring, int64_t time,
                        const uint64_t *words)
{
    uint64_t n_words = words[1] >> 32;
    enum hs_ring_other what = (enum hs_ring_other) (words[1] & UINT32_MAX);
    const uint64_t *w = words + 2;

    if (n_words < (what == HS_OTHER_HEAP || what == HS_OTHER_MARK ? 2 : HS_RING_OTHER_WORDS))
        return;
    switch (what) {
    case HS_OTHER_MAP:
        take_virtual (order, ring, time, w, HS_VIRTUAL_ALLOC);
        break;
    case HS_OTHER_UNMAP:
        take_virtual (order, ring, time, w, HS_VIRTUAL_FREE);
        break;
    case HS_OTHER_POOL_ALLOC:
        take_pool (order, ring, time, w, HS_EVENT_ALLOC);
        break;
    case HS_OTHER_POOL_FREE:
        take_pool (order, ring, time, w, HS_EVENT_FREE);
        break;
    case HS_OTHER_HEAP:
        take_heap (order, ring, time, w, n_words);
        break;
    case HS_OTHER_HEAP_END:
        add (order, HS_EVENT_HEAP_DESTROY, time, ring)->heap =
            (struct hs_heap_fields){ .heap = w[0] };
        break;
    case HS_OTHER_MARK:
        take_mark (order, ring, time, w, n_words);
        break;
    case HS_OTHER_UNSEEN:
        take_unseen (order, time, w[0]);
        break;
    }
}

static enum hs_status take_record (struct hs_event_order *order, uint32_t ring,
                                   const uint64_t *words, struct hs_error *err)
{
    struct ring_state *state = &order->rings[ring];
    uint64_t stamp = words[0] >> 4;
    int64_t time = time_of (order, stamp);

    if (stamp < order->newest_stamp)
        order->totals.n_late++;
    else
        order->newest_stamp = stamp;
    /* never backwards, and no two stamps of one thread alike */
    if (time < order->trace->newest_time)
        time = order->trace->newest_time;
    if (time <= state->newest_time)
        time = state->newest_time + 1;
    order->trace->newest_time = state->newest_time = time;
    switch ((enum hs_rec_kind) (words[0] & 15)) {
    case HS_REC_ALLOC:
        take_alloc (order, ring, time, words[1], words[2] >> 32, words[2] & UINT32_MAX);
        break;
    case HS_REC_ALLOC_LARGE:
        take_alloc (order, ring, time, words[1], words[2], words[3]);
        break;
    case HS_REC_FREE:
        take_free (order, ring, time, words[1], 0);
        break;
    case HS_REC_FREE_STACK:
        take_free (order, ring, time, words[1], words[2]);
        break;
    case HS_REC_REALLOC_BEGIN:
        begin_resize (order, ring, words[1]);
        break;
    case HS_REC_REALLOC_END:
        end_resize (order, ring, time, words);
        break;
    case HS_REC_STACK:
        return take_stack (order, ring, words, err);
    case HS_REC_MODULE:
        return take_module (order, time, words, err);
    case HS_REC_LOST:
        forget_resize (order, ring);
        break;
    case HS_REC_OTHER:
        take_other (order, ring, time, words);
        break;
    case HS_REC_NONE:
    case HS_N_REC_KINDS:
        break;
    }
    return HS_OK;
}

/* A ring that changed hands: the new thread's ids are its own. */
static void meet_owner (struct hs_event_order *order, uint32_t i)
{
    struct ring_state *ring = &order->rings[i];

    if (ring->owner == order->reader->queues[i].owner)
        return;
    ring->owner = order->reader->queues[i].owner;
    forget_resize (order, i);
    ring->slots.n = 0;
    order->totals.n_threads++;
}

/* The ring whose next record is the oldest below the horizon; HS_RINGS when there is none.
 * *ret_limit: the oldest of the others, so that a run of one ring's records is taken without asking
 * again. */
static uint32_t oldest_ring (struct hs_event_order *order, uint64_t horizon, uint64_t *ret_limit)
{
    uint64_t oldest = horizon & STAMP_MASK, second = oldest;
    uint32_t found = HS_RINGS, n_words;

    for (uint32_t n = 0; n < order->reader->n_seen; n++) {
        uint32_t i = order->reader->seen[n];
        const uint64_t *words;

        words = hs_ring_queue_peek (&order->reader->queues[i], &n_words);
        if (words == NULL)
            continue;
        if (words[0] >> 4 < oldest) {
            second = oldest;
            oldest = words[0] >> 4;
            found = i;
        } else if (words[0] >> 4 < second) {
            second = words[0] >> 4;
        }
    }
    *ret_limit = second;
    return found;
}

enum hs_status hs_event_order_pass (struct hs_event_order *order, uint64_t horizon,
                                    struct hs_error *err)
{
    uint64_t limit;
    uint32_t i;

    while ((i = oldest_ring (order, horizon, &limit)) < HS_RINGS) {
        struct hs_ring_queue *queue = &order->reader->queues[i];
        const uint64_t *words;
        uint32_t n_words;

        meet_owner (order, i);
        while ((words = hs_ring_queue_peek (queue, &n_words)) != NULL && words[0] >> 4 <= limit) {
            enum hs_status status = take_record (order, i, words, err);

            hs_ring_queue_take (queue, n_words);
            if (status == HS_OK && order->batch->n >= BATCH) {
                status = hs_order_trace_flush (order->trace, err);
                if (status == HS_OK)
                    status = hs_ring_reader_absorb (order->reader, err);
            }
            if (status != HS_OK)
                return status;
        }
    }
    return HS_OK;
}

/* Never before what was told already. */
static int64_t time_between (const struct hs_event_order *order, uint64_t stamp)
{
    int64_t time = time_of (order, stamp & STAMP_MASK);

    return time > order->trace->newest_time ? time : order->trace->newest_time;
}

enum hs_status hs_event_order_sample (struct hs_event_order *order, uint64_t stamp,
                                      uint64_t resident_bytes, struct hs_error *err)
{
    struct hs_event *sample =
        hs_batch_add (order->batch, HS_EVENT_MEMORY_SAMPLE, time_between (order, stamp));

    sample->process = order->process;
    sample->number = resident_bytes;
    return make_room (order, err);
}

enum hs_status hs_event_order_thread (struct hs_event_order *order, uint32_t tid, const char *name,
                                      bool is_end, struct hs_error *err)
{
    struct hs_event *thread =
        hs_batch_add (order->batch, HS_EVENT_THREAD, order->trace->newest_time);

    thread->process = order->process;
    thread->thread = tid;
    thread->thread_info = (struct hs_thread_fields){
        .name = hs_batch_text (order->batch, name, strlen (name)),
        .is_end = is_end,
    };
    return make_room (order, err);
}

enum hs_status hs_event_order_mark (struct hs_event_order *order, uint64_t stamp, const char *name,
                                    struct hs_error *err)
{
    struct hs_event *mark = hs_batch_add (order->batch, HS_EVENT_MARK, time_between (order, stamp));

    mark->process = order->process;
    mark->text = hs_batch_text (order->batch, name, strlen (name));
    return make_room (order, err);
}

static enum hs_status add_gap (struct hs_event_order *order, int64_t begin, int64_t end,
                               struct hs_error *err)
{
    struct hs_event *gap = hs_batch_add (order->batch, HS_EVENT_GAP, begin);

    gap->process = order->process;
    gap->end_time = end;
    return make_room (order, err);
}

enum hs_status hs_event_order_gap (struct hs_event_order *order, uint64_t begin_stamp,
                                   uint64_t end_stamp, struct hs_error *err)
{
    return add_gap (order, time_of (order, begin_stamp & STAMP_MASK),
                    time_between (order, end_stamp), err);
}

enum hs_status hs_event_order_loss (struct hs_event_order *order, const struct hs_ring_loss *loss,
                                    struct hs_error *err)
{
    int64_t time = time_between (order, loss->begin);
    struct hs_event *event;

    if (loss->n_lost + loss->n_unrecorded > 0) {
        event = hs_batch_add (order->batch, HS_EVENT_LOST, time);
        event->process = order->process;
        event->number = loss->n_lost + loss->n_unrecorded;
    }
    if (loss->n_broken > 0)
        hs_batch_add_notes (order->batch, HS_NOTE_EVENTS_LOST, loss->n_broken, HS_NO_OFFSET,
                            "the shared memory of a thread made no sense and was given up");
    order->totals.n_lost += loss->n_lost;
    order->totals.n_broken += loss->n_broken;
    /* from a time that nothing was told after, to a time that everything seen so far lies before */
    return add_gap (order, time, time_between (order, loss->end) + GAP_SLACK_NS, err);
}

enum hs_status hs_event_order_gap_at_start (struct hs_event_order *order, struct hs_error *err)
{
    return add_gap (order, 0, 0, err);
}

enum hs_status hs_event_order_end (struct hs_event_order *order, uint64_t stamp,
                                   enum hs_process_end_reason reason, int exit_status,
                                   struct hs_error *err)
{
    struct hs_process_fields fields = { .exit_status = exit_status, .end_reason = reason };
    struct hs_order_trace *trace = order->trace;

    trace->newest_time = time_between (order, stamp);
    if (order->totals.n_late > 0)
        hs_batch_add_notes (order->batch, HS_NOTE_OUT_OF_ORDER, (uint32_t)order->totals.n_late,
                            HS_NO_OFFSET,
                            "a thread told of an event after later ones were written");
    end_unseen (order);
    hs_batch_add_process (order->batch, HS_EVENT_PROCESS_END, trace->newest_time, &fields)
        ->process = order->process;
    return make_room (order, err);
}

uint64_t hs_event_order_next_stamp (struct hs_event_order *order)
{
    uint64_t ignored, stamp = UINT64_MAX;
    uint32_t i = oldest_ring (order, STAMP_MASK, &ignored), n_words;

    if (i < HS_RINGS)
        stamp = hs_ring_queue_peek (&order->reader->queues[i], &n_words)[0] >> 4;
    return stamp;
}

const struct hs_record_totals *hs_event_order_totals (const struct hs_event_order *order)
{
    return &order->totals;
}
