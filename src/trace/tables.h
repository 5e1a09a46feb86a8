/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What rows refer to and what was counted: processes, heaps, modules, names, findings, facts.
 * Plain arrays, read under hs_trace_lock. Strings are numbers in `strings` (base/intern.h).
 */
#ifndef HS_TRACE_TABLES_H
#define HS_TRACE_TABLES_H

#include "base/array.h"
#include "base/idmap.h"
#include "base/intern.h"
#include "event/heap_event.h"
#include "trace/image_table.h"

#define HS_N_SIZE_CLASSES 65 /* class k at [k + 1]: 2^k .. 2^(k+1)-1 bytes; [0] = size 0 */

/* The counters of formats/etl.md section 13; also kept per process and in total. */
struct hs_counters {
    uint64_t allocs, frees, reallocs; /* records */
    uint64_t realloc_inplace, realloc_summary, realloc_standalone, realloc_failed;
    uint64_t opened, opened_bytes; /* blocks that came into being; sums saturate */
    uint64_t closed, closed_bytes; /* ended by free, realloc or destroy */
    uint64_t unmatched_frees, duplicate_allocs;
    uint64_t unseen_allocs, unseen_frees; /* the same, but explained by a gap in the recording */
    uint64_t inherited_frees; /* by a fork child, of blocks that it has from its parent */
    uint64_t destroy_count, destroy_bytes;
    uint64_t exit_count, exit_bytes;
    uint64_t live_count, live_bytes;
    uint64_t temporary; /* freed with no other block event of the process in between */
    uint64_t peak_bytes;
    int64_t peak_time;      /* ticks; meaningless while peak_bytes is 0 */
    hs_event_no peak_event; /* the event that first reached it, HS_NO_EVENT = none */
    uint64_t peak_count;    /* live blocks at that moment */
};

struct hs_unsure { /* of live and exit: blocks older than a gap, perhaps freed unseen */
    uint64_t count, bytes;
};

struct hs_heap_info {
    hs_process_id process;
    uint64_t handle;
    uint32_t instance, name; /* 0, 1 … of the same handle in one process; string, 0 = none */
    bool is_created, is_destroyed;
    int64_t created, destroyed; /* ticks, when so */
    struct hs_counters counters;
    uint64_t histogram[HS_N_SIZE_CLASSES]; /* opened blocks */
};

struct hs_virtual_counters {
    uint64_t allocs, frees; /* records */
    uint64_t commit_bytes, reserve_bytes;
    uint64_t peak_commit, peak_reserve;
    uint64_t exit_commit; /* committed when the process ended */
};

struct hs_process_info {
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t instance; /* 0, 1 … of the same pid */
    uint32_t image;    /* string */
    uint32_t command_line;
    bool has_start, has_end, is_32bit, is_known; /* is_known: a PROCESS event described it */
    bool has_virtual;
    bool is_forked;         /* began as a copy of its parent, with its parent's blocks */
    int64_t start, end;     /* ticks */
    hs_event_no exit_event; /* HS_NO_EVENT while it runs: blocks live then are "exit" */
    enum hs_process_end_reason end_reason;
    struct hs_counters counters;
    struct hs_virtual_counters virtual_memory;
    uint32_t n_modules;
    bool has_gap;
    hs_row_no unsure_rows; /* its rows below this one are older than its newest gap */
    struct hs_unsure unsure;
};

struct hs_module_info {
    hs_process_id process; /* HS_NO_PROCESS = kernel */
    uint64_t base, size;
    int64_t load, unload; /* ticks; INT64_MIN / INT64_MAX when not seen */
    bool is_rundown_only; /* known from the end of the trace only: asked last */
    uint32_t path;        /* string */
    uint32_t debug_name;  /* string */
    uint8_t build_id[20];
    uint8_t build_id_size;
    uint32_t pdb_age, link_stamp, checksum;
};

struct hs_module_order { /* modules by (process, base); brought up to date by hs_trace_lock */
    uint32_t module;
    uint64_t furthest_end; /* largest end of this and all before it of the same process */
};

struct hs_thread_info {
    hs_process_id process;
    uint32_t thread;
    uint32_t name; /* string */
};

struct hs_pool_tag {
    char tag[4];
    uint64_t allocs, frees, live_count, live_bytes;
};

struct hs_pool_info {
    bool is_present;
    uint64_t allocs, frees, alloc_bytes, live_count, live_bytes, peak_bytes, unmatched_frees;
    HS_ARRAY (struct hs_pool_tag) tags;
};

struct hs_finding {
    enum hs_note_kind kind;
    uint64_t count;
    uint64_t file_offset; /* of the first */
    uint32_t example;     /* string: the first one's sentence */
};

struct hs_fact {
    uint32_t name; /* string, dotted: "header.perf_freq" */
    enum hs_fact_type type;
    int64_t number;
    uint32_t text; /* string */
};

struct hs_mark {
    int64_t time;
    uint32_t name;
};

struct hs_sample { /* resident set */
    int64_t time;
    hs_process_id process;
    uint64_t bytes;
};

struct hs_gap { /* not everything was recorded from begin to end (ticks) */
    int64_t begin, end;
    hs_process_id process; /* HS_NO_PROCESS = all */
    hs_event_no event;     /* the first after it */
    hs_row_no rows;        /* rows born before it */
};

struct hs_tables {
    struct hs_intern strings;
    HS_ARRAY (struct hs_process_info) processes; /* by hs_process_id */
    HS_ARRAY (struct hs_heap_info) heaps;
    HS_ARRAY (struct hs_module_info) modules; /* in order of arrival */
    HS_ARRAY (struct hs_module_order) module_order;
    HS_ARRAY (struct hs_allocator_rule) allocators; /* the last that fits counts */
    HS_ARRAY (struct hs_thread_info) threads;
    HS_ARRAY (struct hs_frame_name) frame_names;
    HS_ARRAY (struct hs_image) images;
    struct hs_idmap image_index;           /* hash of path and build id -> images */
    HS_ARRAY (struct hs_finding) findings; /* one per kind, in order of first appearance */
    HS_ARRAY (struct hs_fact) facts;       /* FACT: newest value per name */
    HS_ARRAY (struct hs_fact) counts;      /* COUNT: newest value per name */
    HS_ARRAY (struct hs_mark) marks;
    HS_ARRAY (struct hs_sample) samples;
    HS_ARRAY (struct hs_gap) gaps;
    HS_ARRAY (uint32_t) suppressions; /* strings */
    struct hs_counters totals;        /* over all processes; the peak is that of the sum */
    struct hs_unsure unsure;
    struct hs_pool_info pool;
    uint64_t stack_events;     /* Alloc and ReAlloc records */
    uint64_t stack_events_set; /* … with a non-empty stack */
    uint64_t lost_events;
    uint64_t ticks_per_second;
    int64_t zero_filetime;
    bool has_invented_addresses;
    struct hs_idmap frame_index; /* hash of (process, address) -> innermost frame_names entry */
};

/* The module that covers an address at a time (load <= time < unload; end rundown last; kernel
 * images for every process), or NULL. */
const struct hs_module_info *hs_tables_module_at (const struct hs_tables *tables,
                                                  hs_process_id process, uint64_t address,
                                                  int64_t time);

/* The name of a frame, innermost first (follow .next), or NULL. */
const struct hs_frame_name *hs_tables_frame_name (const struct hs_tables *tables,
                                                  hs_process_id process, uint64_t address);

/* The key of a frame in frame_index: a hash, so two frames might share a name by crafted input. */
static inline uint64_t hs_tables_frame_key (hs_process_id process, uint64_t address)
{
    return hs_hash_u64 (address + process * UINT64_C (0x9e3779b97f4a7c15));
}

/* Size class of formats/etl.md 13 as an index into a histogram: 0 for size 0, else k + 1. */
static inline unsigned hs_size_class (uint64_t size)
{
    return size == 0 ? 0 : 64 - (unsigned)__builtin_clzll (size);
}

#endif
