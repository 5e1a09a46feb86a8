/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packs allocs and frees (decode/hst/FORMAT.md section 6.2): the hot path of a recorder, so runs of
 * them are put with what lasts from one to the next in registers. There must be room for the whole
 * run; hst_encoder.c sees to that.
 */
#include "encode/hst_codes.h"

struct run {
    struct hs_hst_state *state;
    struct hs_hst_model *model;
    const struct hs_event *common; /* process, flags and heap of all */
    uint64_t ref;                  /* stack_ref of its one event, else 0 */
    uint8_t *at;
    int64_t time;
    uint32_t context;
    uint32_t known; /* a context that was compared: that of `thread` and `origin` */
    uint32_t thread;
    uint16_t origin;
};

/* The context is none of those expected. */
static __attribute__ ((noinline)) uint8_t *put_other_context (struct hs_hst_state *state,
                                                              uint8_t *at,
                                                              const struct hs_event *common,
                                                              const struct hs_brief_block *block,
                                                              uint32_t *ret_number)
{
    struct hs_event event = *common;

    event.thread = block->thread;
    event.source = (uint8_t)block->origin;
    event.call = (uint8_t)(block->origin >> 8);
    return hs_hst_put_context (state, at, &event, common->block.heap, ret_number);
}

static inline void put_next_context (struct run *run, const struct hs_brief_block *block,
                                     unsigned what, uint8_t *op)
{
    struct hs_hst_context *contexts = run->model->contexts;
    struct hs_hst_context *before = &contexts[run->context];
    uint32_t number = before->successor[what];

    if (number != run->known || block->thread != run->thread || block->origin != run->origin) {
        const struct hs_hst_context *found = &contexts[number];

        if (found->thread != block->thread || found->source != block->origin ||
            found->heap != run->common->block.heap || found->process != run->common->process ||
            found->flags != run->common->flags) {
            *op |= HS_HST_OP_CONTEXT;
            run->at = put_other_context (run->state, run->at, run->common, block, &number);
            before->successor[what] = (uint16_t)number;
        }
        run->known = number;
        run->thread = block->thread;
        run->origin = block->origin;
    }
    run->context = number;
}

static inline void put_time (struct run *run, int64_t time, uint8_t *op)
{
    uint64_t delta = (uint64_t)time - (uint64_t)run->time;

    run->time = time;
    if (delta == 0)
        return;
    if (delta <= UINT8_MAX) {
        *op |= 1 << HS_HST_OP_TIME_SHIFT;
        *run->at++ = (uint8_t)delta;
    } else if (delta <= UINT16_MAX) {
        *op |= 2 << HS_HST_OP_TIME_SHIFT;
        hs_put_u16 (run->at, (uint16_t)delta);
        run->at += 2;
    } else {
        *op |= 3 << HS_HST_OP_TIME_SHIFT;
        run->at = hs_hst_write_varint (run->at, hs_hst_zigzag ((int64_t)delta));
    }
}

/* Returns the local number. */
static inline uint32_t put_next_stack (struct run *run, struct hs_hst_context *context,
                                       hs_stack_slot slot, unsigned what, uint8_t *op)
{
    struct hs_hst_model *model = run->model;
    uint32_t expected = hs_hst_expected_stack (model, context, what), local = expected;
    bool is_expected;

    if (run->ref != 0)
        is_expected =
            expected == HS_HST_LOCAL_NEXT_REF && slot == HS_NO_STACK && run->ref == model->ref + 1;
    else
        is_expected = expected != HS_HST_LOCAL_NEXT_REF && model->locals[expected] == slot;
    if (!is_expected) {
        *op |= HS_HST_OP_STACK;
        run->at = hs_hst_put_stack (run->state, run->at, slot, run->ref, &local);
    } else if (run->ref != 0) {
        model->ref++;
    }
    hs_hst_learn_stack (model, context, what, local);
    return local;
}

/* How far back an address was born or died; every distance fits. */
_Static_assert(HS_HST_MAX_OPS <= UINT16_MAX, "in 16 bits");
static inline void put_distance (struct run *run, uint32_t distance, uint8_t *op)
{
    hs_put_u16 (run->at, (uint16_t)distance);
    run->at += distance <= UINT8_MAX ? 1 : 2;
    *op |= (uint8_t)((distance <= UINT8_MAX ? 1 : 2) << HS_HST_OP_ADDRESS_SHIFT);
}

static inline void put_alloc (struct run *run, const struct hs_brief_block *block)
{
    struct hs_hst_model *model = run->model;
    uint8_t *start = run->at++, op = 0;
    uint64_t address = block->address, size = block->size, *expected_size;
    uint32_t death, *memory = hs_hst_place_memory (run->state, address);
    struct hs_hst_context *context;
    uint16_t size_class;

    put_next_context (run, block, HS_HST_FOR_ALLOC, &op);
    context = &model->contexts[run->context];
    put_time (run, block->time, &op);
    expected_size = hs_hst_expected_size (
        model, put_next_stack (run, context, block->stack, HS_HST_FOR_ALLOC, &op));
    if (*expected_size != size) {
        op |= HS_HST_OP_SIZE;
        run->at = hs_hst_write_varint (run->at, size);
        *expected_size = size;
    }
    size_class = hs_hst_size_class (context, size);
    death = hs_hst_expected_death (model, size_class);
    if (death == 0 || model->deaths[death - 1].address != address) {
        death = hs_hst_find_place (run->state, *memory, address, true);
        if (death != 0) {
            put_distance (run, model->n_deaths - (death - 1), &op);
        } else {
            op |= 3 << HS_HST_OP_ADDRESS_SHIFT;
            run->at = hs_hst_put_full_address (run->at, address, &context->last_born);
        }
    }
    if (death != 0)
        hs_hst_take_death (model, death - 1);
    *memory = model->n_births << 1;
    hs_hst_add_birth (model, context, address, size_class);
    *start = op;
}

static inline void put_free (struct run *run, const struct hs_brief_block *block)
{
    struct hs_hst_model *model = run->model;
    uint8_t *start = run->at++, op = HS_HST_OP_FREE;
    uint64_t address = block->address;
    uint32_t birth, *memory = hs_hst_place_memory (run->state, address);
    struct hs_hst_context *context;

    put_next_context (run, block, HS_HST_FOR_FREE, &op);
    context = &model->contexts[run->context];
    put_time (run, block->time, &op);
    (void)put_next_stack (run, context, block->stack, HS_HST_FOR_FREE, &op);
    birth = context->newest_birth;
    if (birth == 0 || model->births[birth - 1].address != address) {
        birth = hs_hst_find_place (run->state, *memory, address, false);
        if (birth != 0) {
            put_distance (run, model->n_births - (birth - 1), &op);
        } else {
            op |= 3 << HS_HST_OP_ADDRESS_SHIFT;
            run->at = hs_hst_put_full_address (run->at, address, &context->last_dead);
        }
    }
    *memory = model->n_deaths << 1 | 1;
    if (birth != 0)
        hs_hst_add_death (model, context, birth - 1);
    else
        hs_hst_add_old_death (model, address);
    *start = op;
}

/* Where an address was seen last is too much for the nearest caches: asked for some events ahead.
 */
#define PLACES_AHEAD 8

static inline void put_run (struct hs_hst_state *state, const struct hs_event *common,
                            const struct hs_brief_block *blocks, uint32_t n, uint64_t ref)
{
    struct hs_hst_model *model = state->model;
    int64_t last_time;
    uint32_t n_frees = 0;
    struct run run = { .state = state, .model = model, .common = common, .ref = ref };

    hs_hst_begin_events (state, blocks[0].time);
    last_time = state->last_time;
    run.at = state->events + state->n_event_bytes;
    run.time = model->time;
    run.context = model->context;
    run.known = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (n - i > PLACES_AHEAD)
            __builtin_prefetch (hs_hst_place_memory (state, blocks[i + PLACES_AHEAD].address));
        if (blocks[i].is_free)
            put_free (&run, &blocks[i]);
        else
            put_alloc (&run, &blocks[i]);
        n_frees += blocks[i].is_free;
        last_time = run.time > last_time ? run.time : last_time;
    }
    model->time = run.time;
    model->context = run.context;
    state->n_event_bytes = (size_t)(run.at - state->events);
    state->last_time = last_time;
    state->n_ops += n;
    state->n_block_events += n;
    state->n_by_op[0] += n - n_frees;
    state->n_by_op[1] += n_frees;
}

void hs_hst_put_blocks (struct hs_hst_state *state, const struct hs_event *common,
                        const struct hs_brief_block *blocks, uint32_t n)
{
    put_run (state, common, blocks, n, 0);
}

void hs_hst_put_block (struct hs_hst_state *state, const struct hs_event *event)
{
    const struct hs_brief_block block = {
        .time = event->time,
        .address = event->block.address,
        .size = event->block.size,
        .stack = event->stack,
        .thread = event->thread,
        .origin = hs_event_origin (event),
        .is_free = event->kind == HS_EVENT_FREE,
    };

    put_run (state, event, &block, 1, event->stack_ref);
}
