/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who gets which stack; see stack_links.h. Refs live in a ring, because stacks usually follow
 * within a few events; those that leave it wait in a map of limited size.
 */
#include "trace/stack_links.h"

#include "base/limits.h"

static bool set_slot_use (struct hs_trace *trace, hs_stack_slot slot, uint32_t use)
{
    while (trace->slot_uses.n <= slot) {
        if (!hs_column_append_u32 (&trace->slot_uses, 0))
            return false;
    }
    hs_column_poke (&trace->slot_uses, slot, use);
    return true;
}

bool hs_trace_await_stack (struct hs_trace *trace, hs_stack_slot slot)
{
    uint32_t use = hs_trace_slot_use (trace, slot);

    /* room for the slot, in case it is used before it is defined */
    return hs_stacks_set_slot (&trace->stacks, slot, HS_NODE_NONE) &&
           set_slot_use (trace, slot, use + 1);
}

/* Sets the slot of a row, and of the rows made of it in place that still have none of their own. */
static void set_row_slot (struct hs_trace *trace, hs_row_no row, hs_stack_slot slot)
{
    hs_row_no heir;

    for (;;) {
        uint32_t flags = hs_column_u32 (&trace->rows.stack, row) & ~HS_ROW_SLOT_MASK;

        hs_column_poke (&trace->rows.stack, row, flags | slot);
        hs_range_index_stale (&trace->range_index, row);
        heir = trace->inheritors.n > 0 ? hs_idmap_remove (&trace->inheritors, row) : HS_NO_ROW;
        if (heir == HS_NO_ROW ||
            (hs_column_u32 (&trace->rows.stack, heir) & HS_ROW_SLOT_MASK) != HS_NO_STACK)
            return;
        row = heir;
    }
}

static bool inherit (struct hs_trace *trace, hs_row_no row, hs_row_no from)
{
    hs_stack_slot slot = hs_column_u32 (&trace->rows.stack, from) & HS_ROW_SLOT_MASK;

    if (slot == HS_NO_STACK)
        return hs_idmap_set (&trace->inheritors, from, row);
    set_row_slot (trace, row, slot);
    return true;
}

static bool spill (struct hs_trace *trace, const struct hs_stack_ref *ref)
{
    static const char sentence[] =
        "too many events wait for their call stacks; the oldest are left without";

    if (trace->late_ref_rows.n >= HS_LIMIT_PENDING_STACKS) {
        trace->n_forgotten_refs++;
        return trace->n_forgotten_refs > 1 ||
               hs_trace_add_finding (trace, HS_NOTE_STACK_UNRESOLVED, 1, HS_NO_OFFSET,
                                     (struct hs_text){ sentence, sizeof sentence - 1 });
    }
    if (!hs_array_reserve (&trace->late_ref_rows, 1) ||
        !hs_idmap_set (&trace->late_refs, ref->ref, (uint32_t)trace->late_ref_rows.n))
        return false;
    trace->late_ref_rows.items[trace->late_ref_rows.n++] = *ref;
    return true;
}

/* An event that opened a row may have ended another one, which it tells just before. */
static bool remember_ref (struct hs_trace *trace, const struct hs_stack_ref *ref)
{
    struct hs_stack_ref *place = &trace->recent_refs[ref->ref % HS_RECENT_REFS];
    hs_row_no ended = ref->ended;

    if (place->ref == ref->ref && place->row == HS_NO_ROW && !place->is_counted) {
        ended = place->ended;
        place->ref = 0;
    }

    if (place->ref != 0 && !spill (trace, place))
        return false;
    *place = *ref;
    place->ended = ended;
    return true;
}

static bool set_end_slot (struct hs_trace *trace, hs_row_no row, hs_stack_slot slot)
{
    struct hs_rows *rows = &trace->rows;

    while (rows->end_stack.n <= row) {
        if (!hs_column_append_u32 (&rows->end_stack, HS_NO_STACK))
            return false;
    }
    hs_column_poke (&rows->end_stack, row, slot);
    atomic_store_explicit (&rows->n_end_stacks, (uint32_t)rows->end_stack.n, memory_order_release);
    /* room for the slot, in case it is used before it is defined */
    return hs_stacks_set_slot (&trace->stacks, slot, HS_NODE_NONE);
}

bool hs_trace_take_some_end_stack (struct hs_trace *trace, const struct hs_event *event,
                                   hs_row_no row)
{
    const struct hs_stack_ref ref = { .ref = event->stack_ref, .row = HS_NO_ROW, .ended = row };

    if (event->stack != HS_NO_STACK)
        return set_end_slot (trace, row, event->stack);
    return remember_ref (trace, &ref);
}

bool hs_trace_take_stack (struct hs_trace *trace, const struct hs_event *event, hs_row_no row,
                          hs_row_no inherits_from)
{
    struct hs_stack_ref ref = { event->stack_ref, HS_NO_ROW, HS_NO_ROW, true };

    if (event->stack != HS_NO_STACK) {
        if (event->stack >= HS_LIMIT_STACK_SLOTS)
            return false;
        if (row != HS_NO_ROW)
            set_row_slot (trace, row, event->stack);
        return hs_trace_count_stack (trace, event->stack);
    }
    if (inherits_from != HS_NO_ROW && !inherit (trace, row, inherits_from))
        return false;
    ref.row = row;
    return event->stack_ref == 0 || remember_ref (trace, &ref);
}

bool hs_trace_link_stack (struct hs_trace *trace, uint64_t ref, hs_stack_slot slot)
{
    struct hs_stack_ref *place = &trace->recent_refs[ref % HS_RECENT_REFS];
    struct hs_stack_ref found = *place;

    if (ref == 0 || slot == HS_NO_STACK)
        return true;
    if (found.ref == ref) {
        place->ref = 0;
    } else {
        uint32_t late = hs_idmap_remove (&trace->late_refs, ref);

        if (late == HS_IDMAP_NONE)
            return true;
        found = trace->late_ref_rows.items[late];
        /* the last one takes the free place */
        trace->late_ref_rows.n--;
        if (late < trace->late_ref_rows.n) {
            trace->late_ref_rows.items[late] = trace->late_ref_rows.items[trace->late_ref_rows.n];
            if (!hs_idmap_set (&trace->late_refs, trace->late_ref_rows.items[late].ref, late))
                return false;
        }
    }
    if (slot >= HS_LIMIT_STACK_SLOTS)
        return false;
    if (found.row != HS_NO_ROW)
        set_row_slot (trace, found.row, slot);
    if (found.ended != HS_NO_ROW && !set_end_slot (trace, found.ended, slot))
        return false;
    return found.is_counted ? hs_trace_count_stack (trace, slot)
                            : hs_stacks_set_slot (&trace->stacks, slot, HS_NODE_NONE);
}

bool hs_trace_define_stack (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_stack_fields *stack = &event->stack_info;
    uint32_t node, use = hs_trace_slot_use (trace, stack->slot);

    if (stack->slot == HS_NO_STACK || use == HS_SLOT_IS_FILLED)
        return true;
    if (!hs_trace_need_process (trace, event->process) ||
        !hs_stacks_add (&trace->stacks, event->process, stack->frames, stack->n_frames, &node) ||
        !hs_stacks_set_slot (&trace->stacks, stack->slot, node))
        return false;
    if (stack->n_frames == 0)
        return true;
    trace->tables.stack_events_set += use;
    return set_slot_use (trace, stack->slot, HS_SLOT_IS_FILLED);
}
