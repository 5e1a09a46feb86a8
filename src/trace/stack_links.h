/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who gets which stack. An event may know its slot at once, name it later by its ref, or (a ReAlloc
 * in place) inherit that of the block it was made of. Like trace_private.h: the writer's, and false
 * when memory is out.
 */
#ifndef HS_TRACE_STACK_LINKS_H
#define HS_TRACE_STACK_LINKS_H

#include "trace/trace_private.h"

/* In slot_uses: the slot stands for a stack with frames. Looked at once per allocation, so one
 * small column answers instead of slot -> node -> parent. */
#define HS_SLOT_IS_FILLED UINT32_MAX

/* Not for direct use. */
bool hs_trace_await_stack (struct hs_trace *trace, hs_stack_slot slot);

static inline uint32_t hs_trace_slot_use (const struct hs_trace *trace, hs_stack_slot slot)
{
    return slot < trace->slot_uses.n ? hs_column_u32 (&trace->slot_uses, slot) : 0;
}

/* An Alloc or ReAlloc record has got this slot: counts it now, or when the slot is defined. */
static inline bool hs_trace_count_stack (struct hs_trace *trace, hs_stack_slot slot)
{
    if (hs_trace_slot_use (trace, slot) != HS_SLOT_IS_FILLED)
        return hs_trace_await_stack (trace, slot);
    trace->tables.stack_events_set++;
    return true;
}

bool hs_trace_take_stack (struct hs_trace *trace, const struct hs_event *event, hs_row_no row,
                          hs_row_no inherits_from);
/* Not for direct use: there is a stack, or will be. */
bool hs_trace_take_some_end_stack (struct hs_trace *trace, const struct hs_event *event,
                                   hs_row_no row);

/* Of an event that ended a row: who freed it. */
static inline bool hs_trace_take_end_stack (struct hs_trace *trace, const struct hs_event *event,
                                            hs_row_no row)
{
    return (event->stack == HS_NO_STACK && event->stack_ref == 0) ||
           hs_trace_take_some_end_stack (trace, event, row);
}
bool hs_trace_define_stack (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_link_stack (struct hs_trace *trace, uint64_t ref, hs_stack_slot slot);

#endif
