/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overview and steps (rows.h) while they are written: what is added up until an entry is complete.
 * The writer's. Functions return false when memory is out.
 */
#ifndef HS_TRACE_OVERVIEW_H
#define HS_TRACE_OVERVIEW_H

#include "trace/trace.h"

struct hs_overview_state { /* of one process, or of all */
    hs_event_no first, last, peak_event;
    int64_t first_time, last_time;
    uint32_t n;
    uint64_t min, max;
};

struct hs_levels { /* of a process, or of all, after some events, the newest one last */
    hs_event_no first, last;
    hs_event_no peak_event; /* the first with `max`; HS_NO_EVENT: there was as much before */
    int64_t first_time;
    uint32_t n;
    uint64_t min, max;
};

/* `levels` has no more events than fit into the entry; the counters have them. */
bool hs_trace_note_levels (struct hs_trace *trace, hs_process_id process,
                           const struct hs_levels *levels);
/* Before an event at or after step_end. */
bool hs_trace_begin_step (struct hs_trace *trace, int64_t time);
bool hs_trace_flush_overview (struct hs_trace *trace);
/* Of all processes. */
struct hs_level hs_trace_level_of (const struct hs_trace *trace,
                                   const struct hs_overview_state *state);

#endif
