/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counting what happens to blocks, and what may have happened to them unseen in a gap of the
 * recording. The writer's, like trace_private.h; functions return false when memory is out.
 */
#ifndef HS_TRACE_GAPS_H
#define HS_TRACE_GAPS_H

#include "trace/trace_private.h"

static inline struct hs_process_info *hs_trace_process_of (struct hs_trace *trace,
                                                           hs_process_id process)
{
    return &trace->tables.processes.items[process];
}

/* Adds `n` to the same counter of the heap, its process and the total. */
#define HS_TRACE_COUNT(trace, heap, counter, n)                                                    \
    do {                                                                                           \
        struct hs_heap_info *of_heap = &(trace)->tables.heaps.items[heap];                         \
                                                                                                   \
        of_heap->counters.counter += (n);                                                          \
        hs_trace_process_of (trace, of_heap->process)->counters.counter += (n);                    \
        (trace)->tables.totals.counter += (n);                                                     \
    } while (0)

/* A gap: its blocks are unsure from now on. */
bool hs_trace_add_gap (struct hs_trace *trace, const struct hs_event *event);

/* An event of the process: a gap that ended before is over. */
void hs_trace_pass_gap (struct hs_trace *trace, hs_process_id process, int64_t time);

/* Nothing more will come. */
void hs_trace_end_gaps (struct hs_trace *trace);

/* A block of `size` bytes ends: unsure no longer. */
void hs_trace_close_unsure (struct hs_trace *trace, uint32_t heap, hs_row_no row, uint64_t size);

/* A free of nobody's block, an allocation over row `old`: errors, or explained by a gap. */
void hs_trace_count_unmatched_free (struct hs_trace *trace, uint32_t heap);
void hs_trace_count_duplicate_alloc (struct hs_trace *trace, uint32_t heap, hs_row_no old);

#endif
