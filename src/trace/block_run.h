/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run: block events of one heap, one behind the other. They add the same to the counters of their
 * heap, its process and the trace, so it is counted once, as the difference to where the run began,
 * and added to all three at its end; so are the levels of the overview. The writer's: whoever reads
 * or changes counters or levels ends the run first. An append ends it with its last event.
 */
#ifndef HS_TRACE_BLOCK_RUN_H
#define HS_TRACE_BLOCK_RUN_H

#include "event/ids.h"

#include <stdbool.h>
#include <stdint.h>

#define HS_NO_HEAP UINT32_MAX

struct hs_block_run {
    uint32_t heap; /* HS_NO_HEAP: there is no run */
    hs_process_id process;
    uint64_t handle;
    uint32_t n_events, max_events; /* the last one fills an entry of the overview */
    hs_event_no first, last;
    int64_t first_time;
    uint64_t allocs, frees, temporary;
    uint64_t opened, opened_bytes, closed, closed_bytes;
    /* live bytes above what they were at the beginning: now, and the extremes after an event */
    int64_t level, min, max;
    /* the highest level after a block was opened, when it is above the beginning */
    int64_t peak, peak_time;
    hs_event_no peak_event;
    uint64_t peak_count; /* live blocks then, above those at the beginning */
};

struct hs_trace;

/* There must be none. */
void hs_trace_begin_run (struct hs_trace *trace, uint32_t heap);
/* False when memory is out; what was counted stays. Without a run: true. */
bool hs_trace_end_run (struct hs_trace *trace);

static inline void hs_run_open (struct hs_block_run *run, uint64_t size, hs_event_no event,
                                int64_t time)
{
    run->opened++;
    run->opened_bytes += size;
    run->level += (int64_t)size;
    if (run->level > run->peak) {
        run->peak = run->level;
        run->peak_time = time;
        run->peak_event = event;
        run->peak_count = run->opened - run->closed;
    }
}

static inline void hs_run_close (struct hs_block_run *run, uint64_t size)
{
    run->closed++;
    run->closed_bytes += size;
    run->level -= (int64_t)size;
}

/* All of an event was counted. True: the run is full and must end. */
static inline bool hs_run_add_event (struct hs_block_run *run, hs_event_no event, int64_t time)
{
    if (run->n_events == 0) {
        run->first = event;
        run->first_time = time;
    }
    run->last = event;
    run->min = run->level < run->min ? run->level : run->min;
    run->max = run->level > run->max ? run->level : run->max;
    return ++run->n_events >= run->max_events;
}

#endif
