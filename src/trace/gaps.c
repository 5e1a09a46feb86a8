/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Times in which not everything was recorded. A block that was live then may have been freed
 * unseen: it is unsure until something later ends it. What would be an error without a gap (a free
 * of nobody's block, an allocation of a live address) is explained by one and counted apart.
 */
#include "trace/gaps.h"

#include "base/limits.h"

static bool is_unsure (struct hs_trace *trace, uint32_t heap, hs_row_no row)
{
    hs_process_id process = trace->tables.heaps.items[heap].process;

    return trace->processes.items[process].is_gap_open ||
           row < hs_trace_process_of (trace, process)->unsure_rows;
}

/* Everything that lives in the process now is unsure from now on. */
static void doubt_process (struct hs_trace *trace, hs_process_id process)
{
    struct hs_process_info *info = hs_trace_process_of (trace, process);
    struct hs_unsure old = info->unsure, *total = &trace->tables.unsure;

    if (info->exit_event != HS_NO_EVENT)
        return;
    info->has_gap = true;
    info->unsure_rows = trace->n_rows;
    info->unsure = (struct hs_unsure){ info->counters.live_count, info->counters.live_bytes };
    total->count += info->unsure.count - old.count;
    total->bytes += info->unsure.bytes - old.bytes;
}

static void end_gap (struct hs_trace *trace, hs_process_id process)
{
    struct hs_process_state *state = &trace->processes.items[process];

    if (!state->is_gap_open)
        return;
    state->is_gap_open = false;
    trace->n_open_gaps--;
    trace->tables.gaps.items[state->gap].rows = trace->n_rows;
    doubt_process (trace, process);
}

void hs_trace_pass_gap (struct hs_trace *trace, hs_process_id process, int64_t time)
{
    const struct hs_process_state *state = &trace->processes.items[process];

    if (state->is_gap_open && time > trace->tables.gaps.items[state->gap].end)
        end_gap (trace, process);
}

void hs_trace_end_gaps (struct hs_trace *trace)
{
    for (size_t i = 0; i < trace->processes.n && trace->n_open_gaps > 0; i++)
        end_gap (trace, (hs_process_id)i);
}

/* A gap of every process costs a walk over them; a file with many is made to cost time. */
static bool doubt_all (struct hs_trace *trace)
{
    static const char sentence[] = "too many gaps of all processes; further ones change no block";

    if (trace->n_common_gaps++ >= HS_LIMIT_COMMON_GAPS)
        return hs_trace_add_finding (trace, HS_NOTE_VALUE_ABSURD, 1, HS_NO_OFFSET,
                                     (struct hs_text){ sentence, sizeof sentence - 1 });
    for (size_t i = 0; i < trace->processes.n; i++)
        doubt_process (trace, (hs_process_id)i);
    return true;
}

/* A gap may be told when it begins: blocks born before it ends are as unsure as older ones. */
static void open_gap (struct hs_trace *trace, hs_process_id process, uint32_t gap)
{
    struct hs_process_state *state = &trace->processes.items[process];

    doubt_process (trace, process);
    if (hs_trace_process_of (trace, process)->exit_event != HS_NO_EVENT)
        return;
    state->is_gap_open = true;
    state->gap = gap;
    trace->n_open_gaps++;
    trace->tables.gaps.items[gap].rows = HS_NO_ROW;
}

bool hs_trace_add_gap (struct hs_trace *trace, const struct hs_event *event)
{
    hs_process_id process = event->process;
    uint32_t gap = (uint32_t)trace->tables.gaps.n;
    struct hs_gap *last;

    if (!hs_array_reserve (&trace->tables.gaps, 1) ||
        (process != HS_NO_PROCESS && !hs_trace_need_process (trace, process)))
        return false;
    last = gap > 0 ? &trace->tables.gaps.items[gap - 1] : NULL;
    if (process != HS_NO_PROCESS && trace->processes.items[process].is_gap_open) {
        if (last->process == process && event->time <= last->end) { /* it only goes on */
            last->end = event->end_time > last->end ? event->end_time : last->end;
            return true;
        }
        end_gap (trace, process);
    }
    trace->tables.gaps.items[trace->tables.gaps.n++] =
        (struct hs_gap){ event->time, event->end_time, process, trace->n_events, trace->n_rows };
    if (process == HS_NO_PROCESS)
        return doubt_all (trace);
    open_gap (trace, process, gap);
    return true;
}

static void take_unsure (struct hs_unsure *unsure, uint64_t size)
{
    unsure->count--;
    unsure->bytes -= size;
}

void hs_trace_close_unsure (struct hs_trace *trace, uint32_t heap, hs_row_no row, uint64_t size)
{
    struct hs_heap_info *info = &trace->tables.heaps.items[heap];

    /* at the end of an open gap all is counted anew */
    if (trace->processes.items[info->process].is_gap_open || !is_unsure (trace, heap, row))
        return;
    take_unsure (&hs_trace_process_of (trace, info->process)->unsure, size);
    take_unsure (&trace->tables.unsure, size);
}

void hs_trace_count_unmatched_free (struct hs_trace *trace, uint32_t heap)
{
    const struct hs_process_info *process =
        hs_trace_process_of (trace, trace->tables.heaps.items[heap].process);

    if (process->has_gap)
        HS_TRACE_COUNT (trace, heap, unseen_allocs, 1);
    else if (process->is_forked)
        HS_TRACE_COUNT (trace, heap, inherited_frees, 1);
    else
        HS_TRACE_COUNT (trace, heap, unmatched_frees, 1);
}

void hs_trace_count_duplicate_alloc (struct hs_trace *trace, uint32_t heap, hs_row_no old)
{
    if (is_unsure (trace, heap, old))
        HS_TRACE_COUNT (trace, heap, unseen_frees, 1);
    else
        HS_TRACE_COUNT (trace, heap, duplicate_allocs, 1);
}
