/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of a trace, shared by the files that build it: the writer's state beside the published
 * columns and tables. Not for readers. Everything here belongs to the writer's thread; functions
 * return false when memory is out.
 */
#ifndef HS_TRACE_TRACE_PRIVATE_H
#define HS_TRACE_TRACE_PRIVATE_H

#include "base/store.h"
#include "trace/block_run.h"
#include "trace/column_ids.h"
#include "trace/live_map.h"
#include "trace/overview.h"
#include "trace/range_index.h"
#include "trace/ranges.h"
#include "trace/trace.h"

#include <pthread.h>
#include <stdatomic.h>

#define HS_RECENT_REFS (UINT32_C (1) << 16)

struct hs_heap_state { /* beside tables.heaps */
    struct hs_live_map live;
    uint32_t older; /* the heap known before this one under the same hash, UINT32_MAX = none */
    uint32_t next_of_process;
};

struct hs_process_state { /* beside tables.processes */
    uint32_t first_heap;  /* list through next_of_process, UINT32_MAX = none */
    hs_row_no newest_row; /* born by the process's latest block event, HS_NO_ROW otherwise */
    bool is_gap_open;     /* the newest gap has not ended yet */
    uint32_t gap;         /* tables.gaps */
    struct hs_overview_state overview;
    struct hs_ranges reserved, committed;
};

struct hs_thread_state {
    uint64_t free_heap, free_address; /* its latest Free */
    hs_row_no free_rows;              /* rows that existed then */
};

struct hs_stack_ref { /* an event that waits for its stack */
    uint64_t ref;     /* 0 = nobody */
    hs_row_no row;    /* HS_NO_ROW: the event opened none */
    hs_row_no ended;  /* whose end the event is, HS_NO_ROW: of none */
    bool is_counted;  /* Alloc or ReAlloc record */
};

struct hs_context_key {
    uint32_t process, heap, thread, source, address_high;
};

/* What was used last, by some bits of its hash: threads take turns, and a look at the map is dear
 */
#define HS_RECENT_SHIFT 6
#define HS_N_RECENT (1u << HS_RECENT_SHIFT)

struct hs_recent_context {
    struct hs_context_key key;
    uint32_t context; /* UINT32_MAX: none */
};
struct hs_recent_thread {
    uint64_t key;
    uint32_t thread; /* UINT32_MAX: none */
};

/* The chunks of columns that are being filled (rows_writer.h). */
struct hs_tail {
    uint32_t *end, *size, *stack, *address;
    uint16_t *time;
    uint64_t *births; /* of the newest event: its word */
};

/*
 * Pairing waits for memory: the live map and the end of the row that a free ends. Both are asked
 * for so many events ahead.
 */
#define HS_PREFETCH_MAP 16
#define HS_PREFETCH_ROW 8

struct hs_index;

struct hs_trace {
    struct hs_index *index; /* NULL: everything is in memory, or in the store's file */
    struct hs_store store;
    struct hs_range_index range_index;
    struct hs_rows rows;
    struct hs_stacks stacks;
    struct hs_tables tables;
    pthread_mutex_t tables_lock;
    struct hs_snapshot published;
    pthread_mutex_t publish_lock; /* held for a copy of `published` only */
    _Atomic uint64_t names;       /* hs_snapshot.names */
    bool are_modules_dirty;
    bool has_untold_index, has_untold_file; /* shortages that are no findings yet */
    bool has_told_file;
    bool is_closed; /* finished, or memory ran out: nothing more is appended */

    struct hs_tail tail;
    hs_event_no n_events;
    hs_row_no n_rows;
    hs_event_no first_event;
    hs_row_no first_row;
    int64_t newest_event_time;
    int64_t segment_base;
    int64_t first_time, last_time;

    HS_ARRAY (struct hs_heap_state) heaps;
    HS_ARRAY (struct hs_process_state) processes;
    HS_ARRAY (struct hs_thread_state) threads;
    struct hs_idmap heap_index;              /* hash of (process, handle) -> newest heap */
    struct hs_idmap thread_index;            /* process << 32 | thread -> threads */
    struct hs_idmap context_index;           /* hash of hs_context_key -> context */
    struct hs_idmap pid_instances;           /* pid -> processes seen with it */
    struct hs_idmap module_index;            /* hash of (process, base) -> newest module */
    struct hs_idmap fact_index, count_index; /* name -> facts, counts */
    struct hs_overview_state overview, step; /* of all processes together */
    int64_t step_end;                        /* an event from then on begins another one */
    bool has_lost_levels;

    uint32_t n_common_gaps, n_open_gaps;
    uint32_t newest_heap; /* the one used last: most events hit it again */
    struct hs_block_run run;
    struct hs_recent_context recent_contexts[HS_N_RECENT];
    struct hs_recent_thread recent_threads[HS_N_RECENT];
    uint32_t newest_frame_name; /* the chain that deeper inlined frames are added to */
    uint64_t newest_frame_key;

    struct hs_stack_ref *recent_refs; /* ring by ref */
    struct hs_idmap late_refs;        /* ref -> late_ref_rows, those that left the ring */
    HS_ARRAY (struct hs_stack_ref) late_ref_rows;
    uint64_t n_forgotten_refs;
    struct hs_idmap inheritors; /* row -> row that was made of it in place, while it has no stack */
    struct hs_column slot_uses; /* u32 per slot: Alloc and ReAlloc records that wait for it */

    struct hs_idmap pool_live; /* address -> pool_blocks */
    HS_ARRAY (struct hs_pool_block {
        uint64_t size;
        uint32_t tag; /* tables.pool.tags */
        uint32_t next_free;
    })
    pool_blocks;
    uint32_t pool_free;
};

/* trace.c */
void hs_trace_list_columns (const struct hs_trace *trace, struct hs_column *columns[HS_N_COLUMNS]);
void hs_trace_publish (struct hs_trace *trace);
/* Writer: want of memory for the range index, or of room for the store's file, becomes a finding -
 * later, when there is no memory for that either. With the tables locked. */
void hs_trace_note_shortages (struct hs_trace *trace, bool has_index);
void hs_trace_clear_tables (struct hs_tables *tables);
void hs_trace_clear_writer (struct hs_trace *trace);

/* range_peaks.c: at the end, when there are blocks */
bool hs_range_index_set_peaks (struct hs_trace *trace);

/* index_file.c: a trace opened by its closing index */
void hs_index_close (struct hs_index *index); /* NULL is allowed */
/* What happened to the index since becomes a finding. With the tables locked. */
void hs_index_tell (struct hs_index *index, struct hs_trace *trace);

/* blocks.c: formats/etl.md 7.4 */
bool hs_trace_block_event (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_heap_event (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_process_end (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_forget_blocks (struct hs_trace *trace);

/* usual_blocks.c: how many of the events, from the first one on, are usual ones and were taken. */
uint32_t hs_trace_usual_blocks (struct hs_trace *trace, const struct hs_event *events, uint32_t n);

/* describe.c: processes, modules, names, facts, notes */
bool hs_trace_need_process (struct hs_trace *trace, hs_process_id process);
bool hs_trace_describe (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_add_finding (struct hs_trace *trace, enum hs_note_kind kind, uint64_t count,
                           uint64_t file_offset, struct hs_text example);
bool hs_tables_index_modules (struct hs_tables *tables);

/* images.c */
void hs_tables_clear_images (struct hs_tables *tables);

/* address_space.c: VirtualAlloc and pool */
bool hs_trace_name_heap (struct hs_trace *trace, const struct hs_event *event);
bool hs_trace_virtual_event (struct hs_trace *trace, const struct hs_event *event);
void hs_trace_virtual_exit (struct hs_trace *trace, hs_process_id process);
bool hs_trace_pool_event (struct hs_trace *trace, const struct hs_event *event);

#endif
