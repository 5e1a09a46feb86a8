/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packs the events of a segment: decode/hst/FORMAT.md sections 5 and 6; alloc and free are in
 * hst_blocks.c. A segment has room for HS_HST_MAX_OP_BYTES more whenever something is put here;
 * hst_encoder.c sees to that.
 */
#include "encode/hst_codes.h"

uint8_t *hs_hst_put_context (struct hs_hst_state *state, uint8_t *at, const struct hs_event *event,
                             uint64_t heap, uint32_t *ret_number)
{
    struct hs_hst_model *model = state->model;
    uint64_t key = heap ^ (uint64_t)event->thread << 32 ^ (uint64_t)event->process << 16 ^
                   hs_event_origin (event) ^ (uint64_t)event->flags << 56;
    uint16_t *memory = &state->context_memory[hs_hash_u64 (key) % HS_HST_CONTEXT_MEMORY];
    struct hs_hst_context fields = { .heap = heap,
                                     .process = event->process,
                                     .thread = event->thread,
                                     .source = hs_event_origin (event),
                                     .flags = event->flags };

    if (*memory < model->n_contexts && hs_hst_is_context (&model->contexts[*memory], event, heap)) {
        *ret_number = *memory;
        return hs_hst_write_varint (at, (uint64_t)*memory + 1);
    }
    *at++ = 0;
    at = hs_hst_write_varint (at, event->process == HS_NO_PROCESS ? 0 : event->process + 1ull);
    at = hs_hst_write_varint (at, event->thread);
    at = hs_hst_write_varint (at, heap);
    at = hs_hst_write_varint (at, hs_event_origin (event));
    at = hs_hst_write_varint (at, event->flags);
    *ret_number = hs_hst_add_context (model, &fields);
    *memory = (uint16_t)*ret_number;
    return at;
}

/* The local number of a slot that the chunk knows, or 0. */
static uint32_t find_local (const struct hs_hst_state *state, hs_stack_slot slot)
{
    uint32_t local = state->local_memory[slot % HS_HST_LOCAL_MEMORY];

    return local >= HS_HST_LOCAL_FIRST_FREE && local < state->model->n_locals &&
                   state->model->locals[local] == slot
               ? local
               : 0;
}

static uint8_t *put_new_stack (struct hs_hst_state *state, uint8_t *at, hs_stack_slot slot)
{
    struct hs_hst_model *model = state->model;

    *at++ = HS_HST_STACK_NEW;
    at = hs_hst_write_varint (at, hs_hst_zigzag ((int64_t)slot - (int64_t)model->new_slot));
    model->new_slot = slot;
    state->local_memory[slot % HS_HST_LOCAL_MEMORY] = (uint16_t)model->n_locals;
    model->locals[model->n_locals++] = slot;
    return at;
}

uint8_t *hs_hst_put_stack (struct hs_hst_state *state, uint8_t *at, hs_stack_slot slot,
                           uint64_t ref, uint32_t *ret_local)
{
    struct hs_hst_model *model = state->model;
    uint32_t local;

    *ret_local = HS_HST_LOCAL_NONE;
    if (ref != 0 && (slot != HS_NO_STACK || ref != model->ref + 1)) {
        *at++ = HS_HST_STACK_WIDE;
        at = hs_hst_write_varint (at, slot);
        at = hs_hst_write_varint (at, hs_hst_zigzag ((int64_t)(ref - model->ref)));
        model->ref = ref;
        return at;
    }
    if (ref != 0) {
        model->ref = ref;
        local = HS_HST_LOCAL_NEXT_REF;
    } else {
        local = slot == HS_NO_STACK ? HS_HST_LOCAL_NONE : find_local (state, slot);
        if (local == 0 && slot != HS_NO_STACK) {
            *ret_local = model->n_locals;
            return put_new_stack (state, at, slot);
        }
    }
    *ret_local = local;
    return hs_hst_write_varint (at, local + (uint64_t)HS_HST_STACK_FIRST_LOCAL);
}

/* Op byte, time, context and stack of everything but alloc and free. */
static uint8_t *begin_op (struct hs_hst_state *state, const struct hs_event *event,
                          enum hs_hst_op op, uint64_t heap)
{
    struct hs_hst_model *model = state->model;
    uint8_t *at = state->events + state->n_event_bytes;
    uint32_t local;

    *at++ = (uint8_t)(HS_HST_OP_OTHER | op);
    at = hs_hst_write_varint (
        at, hs_hst_zigzag ((int64_t)((uint64_t)event->time - (uint64_t)model->time)));
    model->time = event->time;
    at = hs_hst_put_context (state, at, event, heap, &model->context);
    return hs_hst_put_stack (state, at, event->stack, event->stack_ref, &local);
}

static void end_op (struct hs_hst_state *state, const uint8_t *at)
{
    state->n_event_bytes = (size_t)(at - state->events);
}

static void put_realloc (struct hs_hst_state *state, const struct hs_event *event)
{
    struct hs_hst_model *model = state->model;
    const struct hs_block_fields *block = &event->block;
    uint32_t *old_memory = hs_hst_place_memory (state, block->old_address);
    uint32_t *new_memory = hs_hst_place_memory (state, block->address);
    uint32_t birth = hs_hst_find_place (state, *old_memory, block->old_address, false);
    uint32_t death = hs_hst_find_place (state, *new_memory, block->address, true);
    bool is_in_place = block->address == block->old_address;
    uint8_t *at = begin_op (state, event, HS_HST_OP_REALLOC, block->heap);
    struct hs_hst_context *context = &model->contexts[model->context];
    uint16_t size_class = hs_hst_size_class (context, block->size);

    at = hs_hst_write_varint (at, birth != 0 ? model->n_births - (birth - 1) : 0);
    if (birth == 0)
        at = hs_hst_put_full_address (at, block->old_address, &context->last_dead);
    at = hs_hst_write_varint (at, is_in_place  ? 1
                                  : death != 0 ? model->n_deaths - (death - 1) + 1ull
                                               : 0);
    if (!is_in_place && death == 0)
        at = hs_hst_put_full_address (at, block->address, &context->last_born);
    at = hs_hst_write_varint (at, block->size);
    at = hs_hst_write_varint (at, block->old_size);
    end_op (state, at);
    state->n_by_op[2]++;
    if (is_in_place && birth != 0) {
        model->births[birth - 1].size_class = size_class;
        return;
    }
    if (!is_in_place) {
        if (death != 0)
            hs_hst_take_death (model, death - 1);
        *old_memory = model->n_deaths << 1 | 1;
        if (birth != 0)
            hs_hst_add_death (model, context, birth - 1);
        else
            hs_hst_add_old_death (model, block->old_address);
    }
    *new_memory = model->n_births << 1;
    hs_hst_add_birth (model, context, block->address, size_class);
}

static void put_address_space (struct hs_hst_state *state, const struct hs_event *event)
{
    uint8_t *at;

    if (event->kind == HS_EVENT_HEAP_RANGE) {
        at = begin_op (state, event, HS_HST_OP_HEAP_RANGE, event->heap.heap);
        at = hs_hst_write_varint (at, event->heap.address);
        at = hs_hst_write_varint (at, event->heap.size);
        *at++ = (uint8_t)event->heap.op;
    } else if (event->kind == HS_EVENT_VIRTUAL) {
        at = begin_op (state, event, HS_HST_OP_VIRTUAL, 0);
        at = hs_hst_write_varint (at, event->virtual_memory.address);
        at = hs_hst_write_varint (at, event->virtual_memory.size);
        at = hs_hst_write_varint (at, event->virtual_memory.flags);
        *at++ = (uint8_t)event->virtual_memory.op;
    } else {
        at = begin_op (state, event, HS_HST_OP_POOL, 0);
        at = hs_hst_write_varint (at, event->pool.address);
        at = hs_hst_write_varint (at, event->pool.size);
        memcpy (at, event->pool.tag, sizeof event->pool.tag);
        at += sizeof event->pool.tag;
        *at++ = (uint8_t)((event->pool.is_free ? HS_HST_POOL_FREE : 0) |
                          (event->pool.is_session ? HS_HST_POOL_SESSION : 0));
    }
    end_op (state, at);
}

static void put_heap_or_end (struct hs_hst_state *state, const struct hs_event *event)
{
    uint8_t *at;

    if (event->kind == HS_EVENT_PROCESS_END) {
        at = begin_op (state, event, HS_HST_OP_PROCESS_END, 0);
        *at++ = (uint8_t)event->process_info->end_reason;
        at = hs_hst_write_varint (at, hs_hst_zigzag (event->process_info->exit_status));
    } else if (event->kind == HS_EVENT_MEMORY_SAMPLE) {
        at = begin_op (state, event, HS_HST_OP_MEMORY_SAMPLE, 0);
        at = hs_hst_write_varint (at, event->number);
    } else {
        at = begin_op (state, event,
                       event->kind == HS_EVENT_HEAP_CREATE    ? HS_HST_OP_HEAP_CREATE
                       : event->kind == HS_EVENT_HEAP_DESTROY ? HS_HST_OP_HEAP_DESTROY
                                                              : HS_HST_OP_HEAP_SEEN,
                       event->heap.heap);
    }
    end_op (state, at);
}

static void put_stack_link (struct hs_hst_state *state, const struct hs_event *event)
{
    struct hs_hst_model *model = state->model;
    uint8_t *at = state->events + state->n_event_bytes;
    uint64_t ref = event->stack_info.ref;
    uint32_t local;

    *at++ = HS_HST_OP_OTHER | HS_HST_OP_STACK_LINK;
    at = hs_hst_write_varint (at, hs_hst_zigzag ((int64_t)(ref - model->link_ref - 1)));
    model->link_ref = ref;
    end_op (state, hs_hst_put_stack (state, at, event->stack_info.slot, 0, &local));
}

static void put_pending_definitions (struct hs_hst_state *state)
{
    uint8_t *at = state->events + state->n_event_bytes;

    *at++ = HS_HST_OP_OTHER | HS_HST_OP_DEFINITIONS;
    end_op (state, hs_hst_write_varint (at, state->n_pending));
    state->n_pending = 0;
    state->n_ops++;
}

void hs_hst_begin_events (struct hs_hst_state *state, int64_t time)
{
    if (state->n_ops == 0) {
        state->n_event_bytes = HS_HST_EVENTS_HEADER_BYTES;
        state->first_time = state->last_time = time;
        hs_hst_model_reset (state->model, time);
    }
    if (state->n_pending > 0)
        put_pending_definitions (state);
}

void hs_hst_put_event (struct hs_hst_state *state, const struct hs_event *event)
{
    bool is_block = event->kind >= HS_EVENT_ALLOC && event->kind <= HS_EVENT_PROCESS_END;

    if (event->kind == HS_EVENT_ALLOC || event->kind == HS_EVENT_FREE) {
        hs_hst_put_block (state, event);
        return;
    }
    hs_hst_begin_events (state, event->time);
    if (event->kind == HS_EVENT_REALLOC)
        put_realloc (state, event);
    else if (event->kind == HS_EVENT_STACK_LINK)
        put_stack_link (state, event);
    else if (is_block || event->kind == HS_EVENT_MEMORY_SAMPLE)
        put_heap_or_end (state, event);
    else
        put_address_space (state, event);
    state->n_ops++;
    state->n_block_events += is_block;
    if (event->time > state->last_time && event->kind != HS_EVENT_STACK_LINK)
        state->last_time = event->time;
}
