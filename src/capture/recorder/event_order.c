/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ring records to events; see event_order.h. */
#include "capture/recorder/event_order.h"

#include "base/memory.h"
#include "capture/recorder/order_private.h"
#include "event/block_call.h"

#include <stdio.h>

#define BATCH 512u /* records handed on at once: that many stay in the nearest cache */

_Static_assert((int)HS_RING_CALL_POOL == (int)HS_CALL_POOL &&
                   HS_RING_ALIGNMENT_SHIFT == HS_CALL_ALIGNMENT_SHIFT,
               "the same numbers");

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
    hs_order_modules_clear (&order->modules);
    hs_free (order);
}

enum hs_status hs_event_order_begin (struct hs_event_order *order,
                                     const struct hs_process_fields *process, const char *exe_path,
                                     struct hs_error *err)
{
    struct hs_process_fields fields = *process;
    struct hs_event *heap;
    enum hs_status status = hs_order_make_room (order, err);
    int64_t now = hs_order_trace_now (order->trace);

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
    heap->heap = (struct hs_heap_fields){ .heap = HS_ORDER_HEAP };
    return HS_OK;
}

static enum hs_status set_slot (struct hs_order_ring *ring, uint32_t id, hs_stack_slot slot,
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
        hash = hs_hash_u64 (hash ^ words[2 + i] ^
                            hs_order_times_left (&order->modules, words[2 + i]) << 48);
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

/* Another thread is given an address whose realloc is still under way: it was freed before. */
static void free_resized (struct hs_event_order *order, uint64_t address, int64_t time)
{
    for (uint32_t i = 0; i < HS_RINGS && order->n_resizing > 0; i++) {
        struct hs_order_ring *ring = &order->rings[i];

        if (ring->is_resizing && !ring->is_old_gone && ring->old_address == address) {
            struct hs_block_fields block = { .address = address };

            ring->is_old_gone = true;
            hs_order_add_block (order, HS_EVENT_FREE, time, i, &block, HS_NO_STACK);
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
    hs_order_add_block (order, HS_EVENT_ALLOC, time, ring, &block,
                        hs_order_slot_of (&order->rings[ring], stack))
        ->call = (uint8_t)(place >> HS_RING_CALL_SHIFT);
}

static void take_free (struct hs_event_order *order, uint32_t ring, int64_t time, uint64_t place,
                       uint64_t stack)
{
    struct hs_block_fields block = { .address = place & HS_RING_ADDRESS_MASK };

    order->totals.n_frees++;
    hs_order_add_block (order, HS_EVENT_FREE, time, ring, &block,
                        hs_order_slot_of (&order->rings[ring], stack))
        ->call = (uint8_t)(place >> HS_RING_CALL_SHIFT);
}

static void begin_resize (struct hs_event_order *order, uint32_t ring, uint64_t address)
{
    struct hs_order_ring *state = &order->rings[ring];

    order->n_resizing += !state->is_resizing;
    state->is_resizing = true;
    state->is_old_gone = false;
    state->old_address = address;
}

static void end_resize (struct hs_event_order *order, uint32_t ring, int64_t time,
                        const uint64_t *words)
{
    struct hs_order_ring *state = &order->rings[ring];
    uint64_t address = words[1], size = words[2], old = state->old_address;
    struct hs_block_fields block = { .address = address, .size = size, .old_address = old };
    hs_stack_slot stack = hs_order_slot_of (state, words[3]);
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
        hs_order_add_block (order, HS_EVENT_REALLOC, time, ring, &block, stack);
        return;
    }
    if (order->n_resizing > 0)
        free_resized (order, address, time);
    hs_order_add_block (order, HS_EVENT_ALLOC, time, ring, &block, stack);
    if (is_old_gone)
        return;
    block.address = old;
    hs_order_add_block (order, HS_EVENT_FREE, time + 1, ring, &block,
                        order->has_free_stacks ? stack : HS_NO_STACK);
    block.address = address;
    hs_order_add_block (order, HS_EVENT_REALLOC, time + 2, ring, &block, stack);
    order->trace->newest_time = state->newest_time = time + 2;
}

/* Events of this thread are missing here: what belongs together must not be put together across. */
static void forget_resize (struct hs_event_order *order, uint32_t ring)
{
    struct hs_order_ring *state = &order->rings[ring];

    order->n_resizing -= state->is_resizing;
    state->is_resizing = false;
}

/* When a record's event happened: never backwards, and no two of one thread at the same time. */
static inline int64_t next_time (struct hs_event_order *order, struct hs_order_ring *state,
                                 uint64_t stamp)
{
    int64_t time = hs_order_time_of (order, stamp);

    if (stamp < order->newest_stamp)
        order->totals.n_late++;
    else
        order->newest_stamp = stamp;
    if (time < order->trace->newest_time)
        time = order->trace->newest_time;
    if (time <= state->newest_time)
        time = state->newest_time + 1;
    order->trace->newest_time = state->newest_time = time;
    return time;
}

static enum hs_status take_record (struct hs_event_order *order, uint32_t ring,
                                   const uint64_t *words, struct hs_error *err)
{
    struct hs_order_ring *state = &order->rings[ring];
    int64_t time = next_time (order, state, words[0] >> 4);

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
        order->has_free_stacks = true;
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
        return hs_order_take_module (order, time, words, err);
    case HS_REC_LOST:
        forget_resize (order, ring);
        break;
    case HS_REC_OTHER:
        hs_order_take_other (order, ring, time, words);
        break;
    case HS_REC_NONE:
    case HS_N_REC_KINDS:
        break;
    }
    return HS_OK;
}

/* The briefs come after what the batch holds. */
static enum hs_status send_briefs (struct hs_event_order *order, struct hs_error *err)
{
    struct hs_order_trace *trace = order->trace;
    const struct hs_event common = { .process = order->process, .block.heap = HS_ORDER_HEAP };
    uint32_t n = order->n_briefs;
    enum hs_status status = HS_OK;

    if (n == 0)
        return HS_OK;
    if (order->batch->n > 0)
        status = hs_order_trace_flush (trace, err);
    order->n_briefs = 0;
    trace->has_put = true;
    if (status == HS_OK)
        status = trace->target.put_blocks (trace->target.self, &common, order->briefs, n, err);
    return status;
}

/*
 * Most of what a recording holds: plain allocs and frees of one ring, up to `limit`, without the
 * detour by the batch. Stops before any other record, and when the briefs are full.
 */
static void take_briefs (struct hs_event_order *order, uint32_t i, uint64_t limit)
{
    struct hs_ring_queue *queue = &order->reader->queues[i];
    struct hs_order_ring *state = &order->rings[i];
    const uint64_t *w = queue->words.next, *end = queue->words.end;
    struct hs_brief_block *brief = &order->briefs[order->n_briefs];
    const struct hs_brief_block *last = &order->briefs[HS_ORDER_BRIEFS];
    uint32_t n_frees = 0, n = 0;

    for (; brief < last && end - w >= 3; brief++) {
        uint64_t kind = w[0] & 15;

        if ((kind != HS_REC_ALLOC && kind != HS_REC_FREE) || w[0] >> 4 > limit)
            break;
        brief->time = next_time (order, state, w[0] >> 4);
        brief->address = w[1] & HS_RING_ADDRESS_MASK;
        brief->thread = queue->tid;
        brief->origin = (uint16_t)(w[1] >> HS_RING_CALL_SHIFT << 8);
        brief->is_free = kind == HS_REC_FREE;
        brief->size = brief->is_free ? 0 : w[2] >> 32;
        brief->stack = brief->is_free ? HS_NO_STACK : hs_order_slot_of (state, w[2] & UINT32_MAX);
        n_frees += brief->is_free;
        w += 3 - brief->is_free;
        n++;
    }
    queue->words.next = w;
    order->n_briefs += n;
    order->totals.n_frees += n_frees;
    order->totals.n_allocs += n - n_frees;
}

/* Sends what was taken, and makes room in the rings. */
static enum hs_status hand_on (struct hs_event_order *order, struct hs_error *err)
{
    enum hs_status status = send_briefs (order, err);

    if (status == HS_OK)
        status = hs_order_trace_flush (order->trace, err);
    if (status == HS_OK)
        status = hs_ring_reader_absorb (order->reader, err);
    return status;
}

/* The records of one ring up to `limit`. *n_taken counts them between two hand_on(). */
static enum hs_status pass_ring (struct hs_event_order *order, uint32_t i, uint64_t limit,
                                 uint32_t *n_taken, struct hs_error *err)
{
    struct hs_ring_queue *queue = &order->reader->queues[i];
    enum hs_status status = HS_OK;

    while (status == HS_OK) {
        uint32_t n_words, n_before = order->n_briefs;
        const uint64_t *words;

        if (order->n_resizing == 0 && order->trace->target.put_blocks != NULL)
            take_briefs (order, i, limit);
        *n_taken += order->n_briefs - n_before;
        if (order->n_briefs == HS_ORDER_BRIEFS) {
            status = send_briefs (order, err);
        } else {
            words = hs_ring_queue_peek (order->reader, i, &n_words);
            if (words == NULL || words[0] >> 4 > limit)
                break;
            status = send_briefs (order, err);
            if (status == HS_OK)
                status = take_record (order, i, words, err);
            hs_ring_queue_take (queue, n_words);
            ++*n_taken;
        }
        if (status == HS_OK && (*n_taken >= BATCH || order->batch->n >= BATCH)) {
            *n_taken = 0;
            status = hand_on (order, err);
        }
    }
    return status;
}

/* A ring that changed hands: the new thread's ids are its own. */
static void meet_owner (struct hs_event_order *order, uint32_t i)
{
    struct hs_order_ring *ring = &order->rings[i];

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
    uint64_t oldest = horizon & HS_ORDER_STAMP_MASK, second = oldest;
    uint32_t found = HS_RINGS, n_words;

    for (uint32_t n = 0; n < order->reader->n_seen; n++) {
        uint32_t i = order->reader->seen[n];
        const uint64_t *words;

        words = hs_ring_queue_peek (order->reader, i, &n_words);
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
    enum hs_status status = HS_OK;
    uint32_t i, n_taken = 0;
    uint64_t limit;

    while (status == HS_OK && (i = oldest_ring (order, horizon, &limit)) < HS_RINGS) {
        meet_owner (order, i);
        status = pass_ring (order, i, limit, &n_taken, err);
    }
    return status == HS_OK ? send_briefs (order, err) : status;
}

uint64_t hs_event_order_next_stamp (struct hs_event_order *order)
{
    uint64_t ignored, stamp = UINT64_MAX;
    uint32_t i = oldest_ring (order, HS_ORDER_STAMP_MASK, &ignored), n_words;

    if (i < HS_RINGS)
        stamp = hs_ring_queue_peek (order->reader, i, &n_words)[0] >> 4;
    return stamp;
}

const struct hs_record_totals *hs_event_order_totals (const struct hs_event_order *order)
{
    return &order->totals;
}
