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

    return row < hs_trace_process_of (trace, process)->unsure_rows;
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

bool hs_trace_add_gap (struct hs_trace *trace, const struct hs_event *event)
{
    if (!hs_array_reserve (&trace->tables.gaps, 1) ||
        (event->process != HS_NO_PROCESS && !hs_trace_need_process (trace, event->process)))
        return false;
    trace->tables.gaps.items[trace->tables.gaps.n++] =
        (struct hs_gap){ event->time, event->end_time, event->process, trace->n_events,
                         trace->n_rows };
    if (event->process != HS_NO_PROCESS) {
        doubt_process (trace, event->process);
        return true;
    }
    return doubt_all (trace);
}

static void take_unsure (struct hs_unsure *unsure, uint64_t size)
{
    unsure->count--;
    unsure->bytes -= size;
}

void hs_trace_close_unsure (struct hs_trace *trace, uint32_t heap, hs_row_no row, uint64_t size)
{
    struct hs_heap_info *info = &trace->tables.heaps.items[heap];

    if (!is_unsure (trace, heap, row))
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
