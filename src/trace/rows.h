/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The columns of a trace, laid open for scans (0.5 ns a row is only possible without calls).
 *
 * Row r, in order of birth, 17 bytes:
 *   end      event that ended it, or HS_NO_EVENT. Peek. A process exit does not end rows: look at
 *            the exit event of the row's process (hs_contexts, tables.h) where that matters.
 *   size     bytes asked for; HS_SIZE_LARGE: look up with hs_rows_size
 *   stack    stack slot | HS_ROW_IS_TEMPORARY | HS_ROW_IS_CLAIMED. Peek.
 *   address  low 32 bits; high 32 in the context
 *   end_stack, only where frees carry stacks: stack slot of the event that ended it. Peek.
 *   context  number of (process, heap, thread, source and call, high address) in their columns; one
 *            byte as long as there are 256 of them (narrow.h)
 * Event e: a u16 of ticks since the base of its segment; a bit "gave birth to a row" (with the rank
 * of each word of 64), so the birth of a row costs no column of its own. Budget: PERFORMANCE.md
 * goal 15, 24 B a row + 1 B an event; here 17 B a row + 2.2 B an event.
 */
#ifndef HS_TRACE_ROWS_H
#define HS_TRACE_ROWS_H

#include "base/narrow.h"
#include "event/ids.h"

#define HS_SIZE_LARGE UINT32_MAX
#define HS_ROW_IS_TEMPORARY (UINT32_C (1) << 31)
#define HS_ROW_IS_CLAIMED (UINT32_C (1) << 30) /* not by Alloc, or a ReAlloc summary took it */
#define HS_ROW_SLOT_MASK (HS_ROW_IS_CLAIMED - 1)

/*
 * What lived after some events that follow each other, and in between: an entry each. Counts are
 * since the beginning, or the last RESET. With the times, an entry says what lived at any moment
 * from its last event to the first of the next entry.
 */
struct hs_level_columns {
    struct hs_column min;         /* u64: least live bytes after any event of the entry */
    struct hs_column max;         /* u64 */
    struct hs_column end;         /* u64: live bytes after the last event */
    struct hs_column birth_bytes; /* u64: of all blocks born until then */
    struct hs_column first_time;  /* u64: of the first event, ticks as two's complement */
    struct hs_column last_time;   /* u64 */
    struct hs_column births;      /* u32: blocks born until then */
    struct hs_column live_count;  /* u32: of them, those that live then */
    /* u32: the first event of the entry with `max`; HS_NO_EVENT: there was as much before it */
    struct hs_column peak_event;
};

struct hs_rows {
    struct hs_column end;     /* u32 */
    struct hs_column size;    /* u32 */
    struct hs_column stack;   /* u32 */
    struct hs_column address; /* u32 */
    struct hs_column context; /* narrow.h */
    struct hs_column wider_contexts[HS_NARROW_WIDER];

    /* of the rows below n_end_stacks; not in a closing index */
    struct hs_column end_stack; /* u32 */
    _Atomic uint32_t n_end_stacks;

    /* rows with HS_SIZE_LARGE, in row order */
    struct hs_column large_row;  /* u32 */
    struct hs_column large_size; /* u64 */
    _Atomic uint32_t n_large;

    /* per event */
    struct hs_column time_delta; /* u16: ticks since the segment's base */
    /* per segment: a new one starts when a delta does not fit */
    struct hs_column segment_first; /* u32: its first event */
    struct hs_column segment_base;  /* u64: ticks, as two's complement */
    /* per 64 events */
    struct hs_column birth_bits; /* u64; the newest word still changes: mask with n_events */
    struct hs_column birth_rank; /* u32: rows born before the word */

    /* per context */
    struct hs_column context_process;      /* u32: hs_process_id */
    struct hs_column context_heap;         /* u32: index into hs_tables.heaps */
    struct hs_column context_thread;       /* u32 */
    struct hs_column context_source;       /* u32: hs_event_origin() of the birth */
    struct hs_column context_address_high; /* u32 */

    /*
     * Overview: one entry per HS_OVERVIEW_EVENTS block events of one process (HS_NO_PROCESS: of
     * all together), in order of completion. Values are of that process after each event.
     */
    struct hs_column overview_process; /* u32 */
    struct hs_column overview_first;   /* u32: first event of the block */
    struct hs_column overview_last;    /* u32: last event of the block */
    struct hs_level_columns overview;

    /*
     * Steps: the same for all processes together, one entry per part of the time, however many
     * events that had: what a picture of the whole trace is made of. An entry is no longer than a
     * 4096th of the time that had passed when it began, or of a quarter of a second; so there are
     * no more than some ten thousand in a trace of minutes.
     */
    struct hs_level_columns steps;
};

#define HS_OVERVIEW_EVENTS 1024
#define HS_STEPS 4096

/* Bytes of a row, large ones too. */
uint64_t hs_rows_size (const struct hs_rows *rows, hs_row_no row);

static inline bool hs_rows_have_end_stacks (const struct hs_rows *rows)
{
    return atomic_load_explicit (&rows->n_end_stacks, memory_order_relaxed) > 0;
}

/* The stack slot of the event that ended a row, HS_NO_STACK when it is not known. */
static inline hs_stack_slot hs_rows_end_stack (const struct hs_rows *rows, hs_row_no row)
{
    return row < atomic_load_explicit (&rows->n_end_stacks, memory_order_acquire)
               ? hs_column_peek (&rows->end_stack, row)
               : HS_NO_STACK;
}

static inline uint64_t hs_rows_address (const struct hs_rows *rows, hs_row_no row)
{
    uint32_t context = hs_narrow_get (&rows->context, row);

    return (uint64_t)hs_column_u32 (&rows->context_address_high, context) << 32 |
           hs_column_u32 (&rows->address, row);
}

#endif
