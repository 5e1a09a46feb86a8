/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lived after which events, written down as they come: overview and steps (rows.h). The
 * writer's. */
#include "trace/overview.h"

#include "trace/gaps.h"
#include "trace/trace_private.h"

static struct hs_level level_of (const struct hs_overview_state *state,
                                 const struct hs_counters *counters)
{
    return (struct hs_level){ .n_events = state->n,
                              .min = state->min,
                              .max = state->max,
                              .end = counters->live_bytes,
                              .birth_bytes = counters->opened_bytes,
                              .first_time = state->first_time,
                              .last_time = state->last_time,
                              .births = (uint32_t)counters->opened,
                              .live_count = (uint32_t)counters->live_count,
                              .peak_event = state->peak_event };
}

struct hs_level hs_trace_level_of (const struct hs_trace *trace,
                                   const struct hs_overview_state *state)
{
    return level_of (state, &trace->tables.totals);
}

static bool push (struct hs_level_columns *columns, const struct hs_level *level)
{
    return hs_column_append_u64 (&columns->min, level->min) &&
           hs_column_append_u64 (&columns->max, level->max) &&
           hs_column_append_u64 (&columns->end, level->end) &&
           hs_column_append_u64 (&columns->birth_bytes, level->birth_bytes) &&
           hs_column_append_u64 (&columns->first_time, (uint64_t)level->first_time) &&
           hs_column_append_u64 (&columns->last_time, (uint64_t)level->last_time) &&
           hs_column_append_u32 (&columns->births, level->births) &&
           hs_column_append_u32 (&columns->live_count, level->live_count) &&
           hs_column_append_u32 (&columns->peak_event, level->peak_event);
}

/* `counters`: those of the process. */
static bool push_overview (struct hs_trace *trace, struct hs_overview_state *state,
                           hs_process_id process, const struct hs_counters *counters)
{
    struct hs_rows *rows = &trace->rows;
    struct hs_level level = level_of (state, counters);

    if (!push (&rows->overview, &level) ||
        !hs_column_append_u32 (&rows->overview_first, state->first) ||
        !hs_column_append_u32 (&rows->overview_last, state->last) ||
        !hs_column_append_u32 (&rows->overview_process, process))
        return false;
    state->n = 0;
    return true;
}

static bool push_step (struct hs_trace *trace)
{
    struct hs_level level = level_of (&trace->step, &trace->tables.totals);

    trace->step.n = 0;
    return push (&trace->rows.steps, &level);
}

static void add (struct hs_overview_state *state, const struct hs_levels *levels, int64_t last_time)
{
    if (state->n == 0) {
        state->first = levels->first;
        state->first_time = levels->first_time;
        state->min = levels->min;
        state->max = levels->max;
        state->peak_event = levels->peak_event;
    }
    if (levels->max > state->max) { /* so it is above what was before those */
        state->max = levels->max;
        state->peak_event = levels->peak_event;
    }
    state->min = levels->min < state->min ? levels->min : state->min;
    state->last = levels->last;
    state->last_time = last_time;
    state->n += levels->n;
}

bool hs_trace_note_levels (struct hs_trace *trace, hs_process_id process,
                           const struct hs_levels *levels)
{
    bool is_of_all = process == HS_NO_PROCESS;
    struct hs_overview_state *state =
        is_of_all ? &trace->overview : &trace->processes.items[process].overview;

    add (state, levels, trace->newest_event_time);
    if (is_of_all)
        add (&trace->step, levels, trace->newest_event_time);
    return state->n < HS_OVERVIEW_EVENTS ||
           push_overview (trace, state, process,
                          is_of_all ? &trace->tables.totals
                                    : &hs_trace_process_of (trace, process)->counters);
}

/* Ticks that a step may have which begins at a time. */
static uint64_t step_ticks (const struct hs_trace *trace, int64_t time)
{
    uint64_t passed = (uint64_t)time - (uint64_t)trace->first_time;
    uint64_t least = trace->tables.ticks_per_second / 4;

    if (time < trace->first_time || passed < least)
        passed = least;
    return passed / HS_STEPS + 1;
}

bool hs_trace_begin_step (struct hs_trace *trace, int64_t time)
{
    uint64_t ticks = step_ticks (trace, time);
    uint32_t heap = trace->run.heap;

    if (!hs_trace_end_run (trace) || (trace->step.n > 0 && !push_step (trace)))
        return false;
    trace->step_end =
        ticks < (uint64_t)INT64_MAX - (uint64_t)time ? time + (int64_t)ticks : INT64_MAX;
    if (heap != HS_NO_HEAP)
        hs_trace_begin_run (trace, heap);
    return true;
}

bool hs_trace_flush_overview (struct hs_trace *trace)
{
    for (size_t i = 0; i < trace->processes.n; i++) {
        struct hs_overview_state *state = &trace->processes.items[i].overview;

        if (state->n > 0 && !push_overview (trace, state, (hs_process_id)i,
                                            &trace->tables.processes.items[i].counters))
            return false;
    }
    return (trace->overview.n == 0 ||
            push_overview (trace, &trace->overview, HS_NO_PROCESS, &trace->tables.totals)) &&
           (trace->step.n == 0 || push_step (trace));
}
