/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which allocations a question is about. A value; zeroed by hs_filter_all().
 *
 * A time range [from, to] in ticks is turned into events [begin, end): begin is the first event at
 * or after `from`, end the first after `to`. WPA's classes for a row (formats/etl.md 7.5): AIFI
 * born inside, ended inside       AIFO born inside, not ended before `end` AOFI born before, ended
 * inside       AOFO born before, not ended before `end` A block that only the exit of its process
 * closed counts as never ended (outstanding).
 */
#ifndef HS_ANALYSIS_FILTER_H
#define HS_ANALYSIS_FILTER_H

#include "base/cancel.h"
#include "trace/range_index.h"
#include "trace/trace.h"

enum hs_class_mask {
    HS_CLASS_AIFI = 1 << 0,
    HS_CLASS_AIFO = 1 << 1,
    HS_CLASS_AOFI = 1 << 2,
    HS_CLASS_AOFO = 1 << 3,
    HS_CLASS_ALL = 15,
};

#define HS_FILTER_TEXT 64

struct hs_filter {
    hs_process_id process; /* HS_NO_PROCESS = all */
    bool has_range;
    int64_t from, to;            /* ticks, inclusive; `from` > `to` is empty */
    uint64_t size_min, size_max; /* bytes, inclusive */
    bool has_thread;
    uint32_t thread;
    bool has_heap;
    uint64_t heap; /* handle */
    /* names on the stack of the allocation, see stack_filter.h; "" = any */
    char frames[HS_FILTER_TEXT], module[HS_FILTER_TEXT];
    uint64_t lifetime_min, lifetime_max; /* ns, inclusive, see lifetime_filter.h */
    enum hs_class_mask classes;          /* lists and trees only; sums always tell all four */
};

/* Everything: all processes, the whole trace, any size. */
struct hs_filter hs_filter_all (void);

bool hs_filter_is_same (const struct hs_filter *a, const struct hs_filter *b);

/* Whether it looks at names of functions, which may be found later than the blocks. */
bool hs_filter_has_names (const struct hs_filter *filter);
/* Whether blocks of one process pass or fail together, but for time and class. */
bool hs_filter_is_of_process (const struct hs_filter *filter);
/* Whether every process passes, as far as the trace knows any. */
bool hs_filter_is_of_all (const struct hs_filter *filter, const struct hs_trace *trace);

/* A filter made ready for scans of one snapshot. */
struct hs_scan {
    struct hs_snapshot snapshot;
    hs_event_no begin, end; /* events of the range */
    hs_row_no row_begin;    /* rows born before `begin`: a row is AO… when its number is lower */
    hs_row_no row_end;      /* rows born before `end`; rows of interest are [first_row, row_end) */
    uint64_t size_min, size_max;
    uint8_t *context_passes;   /* per context: 1 when process, thread and heap pass */
    hs_event_no *context_exit; /* per context: exit event of its process, HS_NO_EVENT = none */
    uint8_t *slot_passes;      /* per stack slot; NULL: every stack passes */
    uint64_t *row_passes;      /* a bit per row: its lifetime passes; NULL: every one does */
    bool passes_all;           /* every context passes: scans need not look */
    bool passes_sizes;         /* every size and lifetime does, and no sum of sizes can overflow */
    bool passes_by_process;    /* a context passes when its process is `process`, or it is none */
    hs_process_id process;
    bool has_exits; /* some context has an exit event */
};
/* Looks at every stack where names are filtered, and at every row where lifetimes are. */
enum hs_status hs_scan_init (struct hs_scan *scan, const struct hs_snapshot *snapshot,
                             const struct hs_filter *filter, const struct hs_cancel *cancel,
                             struct hs_error *err);
void hs_scan_clear (struct hs_scan *scan);

/*
 * The rows from `first` on that lie in one chunk of the columns, up to `end`: what a tight loop
 * runs over, and how often it looks at its cancel flag. Index each with 0 .. n - 1.
 */
struct hs_row_run {
    hs_row_no first;
    uint32_t n;
    const uint32_t *end, *size, *stack;
    struct hs_narrow_values context;
};
struct hs_row_run hs_row_run_at (const struct hs_snapshot *snapshot, hs_row_no first,
                                 hs_row_no end);

/* The largest block (range_index.h) that begins with `first`, of rows up to `end`, when the sums of
 * whole blocks answer for this filter; else NULL, and *ret_run are the rows to be read. */
const struct hs_range_block *hs_scan_block (const struct hs_scan *scan, hs_row_no first,
                                            hs_row_no end, struct hs_row_run *ret_run);

/* The same for the values of blocks (range_index.h): sums, and survivors. */
struct hs_sum_run {
    uint32_t n;
    const uint64_t *bytes;
    const uint32_t *slot, *process, *count, *temporary, *last_row;
};
struct hs_survivor_run {
    uint32_t n;
    bool has_ends; /* `stack` and `end` are those of the rows */
    const uint32_t *row, *size, *stack, *end;
    struct hs_narrow_values context;
};
struct hs_sum_run hs_sum_run_at (const struct hs_snapshot *snapshot, uint64_t first, uint64_t end);
struct hs_survivor_run hs_survivor_run_at (const struct hs_snapshot *snapshot, uint64_t first,
                                           uint64_t end);

/* Whether the index knows what lived at the peak of all processes, for this filter. */
bool hs_scan_has_peaks (const struct hs_scan *scan, uint32_t n_processes);
/* When it does: whether the range is the whole trace, of which it has the sums, too. */
bool hs_scan_is_whole (const struct hs_scan *scan);

/* A value of a run that the writer may still change (end, stack). */
static inline uint32_t hs_run_peek (const uint32_t *values, uint32_t i)
{
    return __atomic_load_n (&values[i], __ATOMIC_RELAXED);
}

/* Bytes of row i of a run. */
static inline uint64_t hs_run_size (const struct hs_snapshot *snapshot,
                                    const struct hs_row_run *run, uint32_t i)
{
    uint32_t size = run->size[i];

    return size != HS_SIZE_LARGE ? size : hs_rows_size (snapshot->rows, run->first + i);
}

/* Whether a stack passes, by the value of a row's stack column. */
static inline bool hs_scan_stack_passes (const struct hs_scan *scan, uint32_t stack)
{
    uint32_t slot = stack & HS_ROW_SLOT_MASK;

    return scan->slot_passes == NULL || (slot < scan->snapshot.n_slots && scan->slot_passes[slot]);
}

/* Whether the lifetime of a row of the snapshot passes. */
static inline bool hs_scan_lifetime_passes (const struct hs_scan *scan, hs_row_no row)
{
    return scan->row_passes == NULL || (scan->row_passes[row / 64] >> row % 64 & 1) != 0;
}

/* As peeked by the scans: when a row of that context ends for the memory: its own end, or the exit
 * of its process. HS_NO_EVENT: not within the snapshot. */
static inline hs_event_no hs_scan_gone (const struct hs_scan *scan, uint32_t context,
                                        hs_event_no ended)
{
    if (ended < scan->snapshot.n_events)
        return ended;
    return scan->has_exits ? scan->context_exit[context] : HS_NO_EVENT;
}

/* Whether process, thread, heap, stack, lifetime and size of row i of a run pass; *ret_size are its
 * bytes. */
static inline bool hs_scan_passes (const struct hs_scan *scan, const struct hs_row_run *run,
                                   uint32_t i, uint64_t *ret_size)
{
    *ret_size = hs_run_size (&scan->snapshot, run, i);
    return (scan->passes_all || scan->context_passes[hs_narrow_at (run->context, i)]) &&
           *ret_size >= scan->size_min && *ret_size <= scan->size_max &&
           hs_scan_stack_passes (scan, hs_run_peek (run->stack, i)) &&
           hs_scan_lifetime_passes (scan, run->first + i);
}

/* Row i of a run of survivors, in one piece. */
struct hs_survivor_row {
    uint64_t size;
    uint32_t stack;          /* as the row's column has it */
    hs_event_no ended, gone; /* gone: hs_scan_gone */
    bool passes;             /* where blocks answer for the filter at all */
};

static inline struct hs_survivor_row hs_survivor_at (const struct hs_scan *scan,
                                                     const struct hs_survivor_run *run, uint32_t i)
{
    const struct hs_rows *rows = scan->snapshot.rows;
    struct hs_survivor_row row;

    /* two columns read at random are most of what a survivor costs */
    row.stack =
        run->has_ends ? hs_run_peek (run->stack, i) : hs_column_peek (&rows->stack, run->row[i]);
    row.ended =
        run->has_ends ? hs_run_peek (run->end, i) : hs_column_peek (&rows->end, run->row[i]);
    row.gone = hs_scan_gone (scan, hs_narrow_at (run->context, i), row.ended);
    row.size = run->size[i] != HS_SIZE_LARGE ? run->size[i] : hs_rows_size (rows, run->row[i]);
    row.passes = (scan->passes_all || scan->context_passes[hs_narrow_at (run->context, i)]) &&
                 hs_scan_stack_passes (scan, row.stack);
    return row;
}

#endif
