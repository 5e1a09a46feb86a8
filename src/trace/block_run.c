/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts block events of one heap together; see block_run.h. */
#include "trace/block_run.h"

#include "trace/gaps.h"
#include "trace/trace_private.h"
#include "base/units.h"

void hs_trace_begin_run (struct hs_trace *trace, uint32_t heap)
{
    const struct hs_heap_info *info = &trace->tables.heaps.items[heap];
    uint32_t n_of_process = trace->processes.items[info->process].overview.n;
    uint32_t n_of_all = trace->overview.n;

    trace->run = (struct hs_block_run){
        .heap = heap,
        .process = info->process,
        .handle = info->handle,
        .max_events = HS_OVERVIEW_EVENTS - (n_of_process > n_of_all ? n_of_process : n_of_all),
        .min = INT64_MAX,
        .max = INT64_MIN,
    };
}

static void add_to_counters (const struct hs_block_run *run, struct hs_counters *counters)
{
    if (run->peak > 0 && counters->live_bytes + (uint64_t)run->peak > counters->peak_bytes) {
        counters->peak_bytes = counters->live_bytes + (uint64_t)run->peak;
        counters->peak_time = run->peak_time;
        counters->peak_event = run->peak_event;
        counters->peak_count = counters->live_count + run->peak_count;
    }
    counters->allocs += run->allocs;
    counters->frees += run->frees;
    counters->temporary += run->temporary;
    counters->opened += run->opened;
    counters->opened_bytes = hs_add_saturated (counters->opened_bytes, run->opened_bytes);
    counters->closed += run->closed;
    counters->closed_bytes = hs_add_saturated (counters->closed_bytes, run->closed_bytes);
    counters->live_count += run->opened - run->closed;
    if (run->level > 0)
        counters->live_bytes = hs_add_saturated (counters->live_bytes, (uint64_t)run->level);
    else
        counters->live_bytes -= (uint64_t)-run->level;
}

/* A block that is opened is the last that an event does: after the peak's comes no higher level. */
static struct hs_levels levels_of (const struct hs_block_run *run, uint64_t begin)
{
    return (struct hs_levels){ .first = run->first,
                               .last = run->last,
                               .peak_event = run->peak > 0 ? run->peak_event : HS_NO_EVENT,
                               .first_time = run->first_time,
                               .n = run->n_events,
                               .min = begin + (uint64_t)run->min,
                               .max = begin + (uint64_t)run->max };
}

bool hs_trace_end_run (struct hs_trace *trace)
{
    struct hs_block_run *run = &trace->run;
    struct hs_counters *process, *totals = &trace->tables.totals;
    uint64_t process_begin, begin;
    struct hs_levels levels;

    if (run->heap == HS_NO_HEAP)
        return true;
    process = &hs_trace_process_of (trace, run->process)->counters;
    process_begin = process->live_bytes;
    begin = totals->live_bytes;
    add_to_counters (run, &trace->tables.heaps.items[run->heap].counters);
    add_to_counters (run, process);
    add_to_counters (run, totals);
    run->heap = HS_NO_HEAP;
    if (run->n_events == 0)
        return true;
    levels = levels_of (run, process_begin);
    if (!hs_trace_note_levels (trace, run->process, &levels))
        return false;
    levels = levels_of (run, begin);
    return hs_trace_note_levels (trace, HS_NO_PROCESS, &levels);
}
