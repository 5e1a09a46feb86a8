/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the packing of .hst events is relative to: the state that encoder and decoder build up in
 * step, anew in every chunk, so that a damaged chunk takes no other with it. The rules are in
 * decode/hst/FORMAT.md section 6; every change here changes the format. One thread at a time.
 */
#ifndef HS_EVENT_HST_MODEL_H
#define HS_EVENT_HST_MODEL_H

#include "event/heap_event.h"
#include "event/hst_layout.h"

#define HS_HST_PREDICTORS 4096u
#define HS_HST_CLASSES 2048u
#define HS_HST_NO_CLASS UINT16_MAX

enum { HS_HST_FOR_ALLOC, HS_HST_FOR_FREE };

/* What seldom changes from event to event of a thread. */
struct hs_hst_context {
    uint64_t heap;
    uint64_t last_born; /* addresses that were written in full */
    uint64_t last_dead;
    hs_process_id process;
    uint32_t thread;
    uint32_t newest_birth; /* number + 1 of the newest birth not yet freed, as far as known */
    uint16_t source;       /* hs_event_origin() */
    uint16_t successor[2]; /* the context of the next alloc and free */
    uint16_t stack[2];     /* local number of the last alloc's and free's */
    uint16_t class_salt;
    uint8_t flags;
};

struct hs_hst_place {
    uint64_t address;
    uint32_t link; /* births: number + 1 of the context's birth before; deaths: of the class's */
    uint16_t size_class;
};

struct hs_hst_model {
    int64_t time;
    uint64_t ref;      /* last stack_ref */
    uint64_t link_ref; /* last ref of a stack link */
    hs_stack_slot new_slot;
    uint32_t context;
    uint32_t n_contexts;
    uint32_t n_locals;
    uint32_t n_births;
    uint32_t n_deaths;
    uint64_t sizes[HS_HST_PREDICTORS];         /* last size by local stack */
    uint16_t successors[2][HS_HST_PREDICTORS]; /* local stack by the one before */
    uint32_t newest_deaths[HS_HST_CLASSES];    /* number + 1 */
    struct hs_hst_context contexts[HS_HST_MAX_CONTEXTS];
    hs_stack_slot locals[HS_HST_MAX_LOCALS];
    struct hs_hst_place births[HS_HST_MAX_OPS];
    struct hs_hst_place deaths[HS_HST_MAX_OPS];
};

/* To its state at the beginning of a chunk. */
static inline void hs_hst_model_reset (struct hs_hst_model *model, int64_t time)
{
    model->time = time;
    model->ref = model->link_ref = 0;
    model->new_slot = 0;
    model->context = 0;
    model->n_contexts = 1;
    model->n_locals = HS_HST_LOCAL_FIRST_FREE;
    model->n_births = model->n_deaths = 0;
    memset (model->sizes, 0, sizeof model->sizes);
    memset (model->successors, 0, sizeof model->successors);
    memset (model->newest_deaths, 0, sizeof model->newest_deaths);
    model->contexts[0] = (struct hs_hst_context){ .process = HS_NO_PROCESS };
    model->locals[HS_HST_LOCAL_NONE] = model->locals[HS_HST_LOCAL_NEXT_REF] = HS_NO_STACK;
}

/* Takes a context in; there must be room. Its number. */
static inline uint32_t hs_hst_add_context (struct hs_hst_model *model,
                                           const struct hs_hst_context *fields)
{
    uint32_t number = model->n_contexts++;
    struct hs_hst_context *context = &model->contexts[number];

    *context = *fields;
    context->successor[HS_HST_FOR_ALLOC] = context->successor[HS_HST_FOR_FREE] = (uint16_t)number;
    context->class_salt = (uint16_t)(fields->thread * 0x9e37u);
    return number;
}

/* Blocks of one thread and class are handed out again newest first by most allocators. */
static inline uint16_t hs_hst_size_class (const struct hs_hst_context *context, uint64_t size)
{
    return (uint16_t)((((size + 23) >> 4) ^ context->class_salt) & (HS_HST_CLASSES - 1));
}

/* Number + 1 of the death whose address an alloc is expected to get; 0 = none. */
static inline uint32_t hs_hst_expected_death (const struct hs_hst_model *model, uint16_t size_class)
{
    return model->newest_deaths[size_class];
}

/* An alloc took the address of death `number` (of the class or not): what lay above it is not
 * expected any more. */
static inline void hs_hst_take_death (struct hs_hst_model *model, uint32_t number)
{
    const struct hs_hst_place *death = &model->deaths[number];

    if (death->size_class != HS_HST_NO_CLASS)
        model->newest_deaths[death->size_class] = death->link;
}

static inline void hs_hst_add_birth (struct hs_hst_model *model, struct hs_hst_context *context,
                                     uint64_t address, uint16_t size_class)
{
    model->births[model->n_births++] =
        (struct hs_hst_place){ address, context->newest_birth, size_class };
    context->newest_birth = model->n_births;
}

/* The block of birth `number` is freed. */
static inline void hs_hst_add_death (struct hs_hst_model *model, struct hs_hst_context *context,
                                     uint32_t number)
{
    const struct hs_hst_place *birth = &model->births[number];

    context->newest_birth = birth->link;
    model->deaths[model->n_deaths++] =
        (struct hs_hst_place){ birth->address, model->newest_deaths[birth->size_class],
                               birth->size_class };
    model->newest_deaths[birth->size_class] = model->n_deaths;
}

/* A block born before the chunk is freed: its class is not known. */
static inline void hs_hst_add_old_death (struct hs_hst_model *model, uint64_t address)
{
    model->deaths[model->n_deaths++] = (struct hs_hst_place){ address, 0, HS_HST_NO_CLASS };
}

static inline uint32_t hs_hst_expected_stack (const struct hs_hst_model *model,
                                              const struct hs_hst_context *context, unsigned what)
{
    return model->successors[what][context->stack[what] & (HS_HST_PREDICTORS - 1)];
}

static inline void hs_hst_learn_stack (struct hs_hst_model *model, struct hs_hst_context *context,
                                       unsigned what, uint32_t local)
{
    model->successors[what][context->stack[what] & (HS_HST_PREDICTORS - 1)] = (uint16_t)local;
    context->stack[what] = (uint16_t)local;
}

static inline uint64_t *hs_hst_expected_size (struct hs_hst_model *model, uint32_t local)
{
    return &model->sizes[local & (HS_HST_PREDICTORS - 1)];
}

static inline uint64_t hs_hst_zigzag (int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t hs_hst_unzigzag (uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

#endif
