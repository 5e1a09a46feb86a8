/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files that pack events share: the codes of contexts, stacks and addresses
 * (decode/hst/FORMAT.md section 6). Each takes the place to write at and returns the place behind.
 * Of the encoder; one thread.
 */
#ifndef HS_ENCODE_HST_CODES_H
#define HS_ENCODE_HST_CODES_H

#include "encode/hst_state.h"

static inline bool hs_hst_is_context (const struct hs_hst_context *context,
                                      const struct hs_event *event, uint64_t heap)
{
    return context->process == event->process && context->thread == event->thread &&
           context->heap == heap && context->source == hs_event_origin (event) &&
           context->flags == event->flags;
}

/* The code of an event's context; defines it when it is new. Sets *ret_number. */
uint8_t *hs_hst_put_context (struct hs_hst_state *state, uint8_t *at, const struct hs_event *event,
                             uint64_t heap, uint32_t *ret_number);

/* The full code of a stack and ref; sets the local number that the model learns. */
uint8_t *hs_hst_put_stack (struct hs_hst_state *state, uint8_t *at, hs_stack_slot slot,
                           uint64_t ref, uint32_t *ret_local);

/* An alloc or free. */
void hs_hst_put_block (struct hs_hst_state *state, const struct hs_event *event);

/* Before something is put: begins the segment, places definitions among its events. */
void hs_hst_begin_events (struct hs_hst_state *state, int64_t time);

/* An address relative to the one before that was written in full. */
static inline uint8_t *hs_hst_put_full_address (uint8_t *at, uint64_t address, uint64_t *last)
{
    uint64_t delta = address - *last;

    *last = address;
    if ((delta & 15) == 0)
        return hs_hst_write_varint (at, hs_hst_zigzag ((int64_t)delta >> 4) << 1);
    *at++ = 1;
    return hs_hst_write_varint (at, hs_hst_zigzag ((int64_t)delta));
}

/* What is remembered of an address; it may be wrong. */
static inline uint32_t *hs_hst_place_memory (struct hs_hst_state *state, uint64_t address)
{
    return &state->place_memory[(address >> 3) * UINT64_C (0x9e3779b97f4a7c15) >>
                                (64 - HS_HST_PLACE_MEMORY_BITS)];
}

/* Number + 1 of a birth or death at that address in this chunk, or 0. */
static inline uint32_t hs_hst_find_place (const struct hs_hst_state *state, uint32_t memory,
                                          uint64_t address, bool is_death)
{
    const struct hs_hst_model *model = state->model;
    uint32_t number = memory >> 1;

    if ((memory & 1) != is_death || number >= (is_death ? model->n_deaths : model->n_births))
        return 0;
    return (is_death ? model->deaths : model->births)[number].address == address ? number + 1 : 0;
}

#endif
