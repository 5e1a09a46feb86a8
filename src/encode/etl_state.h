/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of the ETL encoder share: processes, threads, modules and stacks told so far.
 *
 * Memory is bounded by what the trace names (and by the rings below), never by the number of its
 * events. Private to src/encode/etl_*.c. One thread at a time.
 */
#ifndef HS_ENCODE_ETL_STATE_H
#define HS_ENCODE_ETL_STATE_H

#include "base/array.h"
#include "base/idmap.h"
#include "encode/encoder.h"
#include "encode/etl_writer.h"

struct hs_etl_process {
    uint32_t pid; /* in the file */
    uint32_t source_pid;
    uint32_t parent_pid;
    int32_t exit_status;
    char *image, *command_line; /* NULL = empty */
    bool is_described, has_start, has_ended, is_32bit;
};

/* Latest allocations of a thread: a moving ReAlloc behind one of them is its summary, and stands
 * for nothing more (formats/etl.md 7.4, 3c). ETW writes the three records in a row. */
#define HS_ETL_RECENT_ALLOCS 4

struct hs_etl_recent_alloc {
    uint64_t heap, address, size;
};

struct hs_etl_thread {
    hs_process_id process;
    uint32_t tid;
    int64_t last_stamp; /* of a heap record */
    struct hs_etl_recent_alloc recent[HS_ETL_RECENT_ALLOCS];
    uint8_t next_recent;
    uint8_t alloc_call, free_call; /* told last */
    bool has_ended;
};

struct hs_etl_module {
    hs_process_id process; /* HS_NO_PROCESS = kernel */
    uint64_t base, size;
    char *path, *debug_name;
    uint32_t pdb_age, link_stamp, checksum;
    uint8_t build_id[20];
    uint8_t build_id_size;
    bool is_loaded;
};

/* One per stack slot; the key in the file is the slot's number. */
struct hs_etl_key {
    const uint64_t *frames; /* in stack_frames; NULL until defined */
    uint32_t n_frames;
    bool is_used, is_written;
};

/* Events whose stack is linked later, by ref modulo the ring's size. */
#define HS_ETL_PENDING_EVENTS (UINT32_C (1) << 18)

struct hs_etl_pending {
    uint64_t ref; /* 0 = empty */
    int64_t stamp;
    uint32_t pid, tid;
};

struct hs_etl_state {
    struct hs_etl_writer writer;
    struct hs_etl_payload payload; /* for records of any length */
    struct hs_encode_report report;
    char *log_file_name;
    bool has_started; /* the header buffer is written */
    uint64_t ticks_per_second;
    int64_t zero_filetime;
    uint64_t resolution_ns;
    uint64_t events_lost;
    int64_t flushed_stamp;    /* when the buffer was last written before it was full */
    int64_t last_ticks_stamp; /* of the latest record of the source: where the trace ends */
    int64_t unique_stamp;     /* taken by a record without ids: no other may share it */

    HS_ARRAY (struct hs_etl_process) processes; /* by hs_process_id */
    HS_ARRAY (struct hs_etl_thread) threads;
    struct hs_idmap thread_index; /* process << 32 | tid -> thread */
    uint32_t latest_thread;       /* index of the thread asked for last */
    struct hs_idmap recent_index; /* hash of (heap, address) -> thread * RECENT + place */
    HS_ARRAY (struct hs_etl_module) modules;
    struct hs_idmap module_index;      /* hash of (process, base), probed upwards -> module */
    HS_ARRAY (struct hs_etl_key) keys; /* by slot */
    struct hs_arena stack_frames;
    struct hs_etl_pending *pending; /* NULL until needed */
};

/* etl_encoder.c */
/* Moves the stamp of the next record to the event's time, never back. */
void hs_etl_set_time (struct hs_etl_state *state, int64_t ticks);
int64_t hs_etl_stamp (struct hs_etl_state *state, int64_t ticks);
/* An event of our own provider out of state->payload. */
void hs_etl_own_event (struct hs_etl_state *state, uint16_t event_id, uint32_t pid, uint32_t tid);
void hs_etl_origin_event (struct hs_etl_state *state);

/* etl_world.c */
void hs_etl_process_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_process_end_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_thread_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_module_event (struct hs_etl_state *state, const struct hs_event *event);
/* DC end records of everything that is still there. */
void hs_etl_closing_rundown (struct hs_etl_state *state);
uint32_t hs_etl_pid (const struct hs_etl_state *state, hs_process_id process);
/* The thread (told to the file on first use), or NULL when memory is out. An unknown thread id
 * becomes the process id, as of a first thread on Linux. */
struct hs_etl_thread *hs_etl_thread_of (struct hs_etl_state *state, hs_process_id process,
                                        uint32_t tid);
void hs_etl_world_clear (struct hs_etl_state *state);

/* etl_blocks.c: heap, virtual memory, pool */
void hs_etl_block_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_heap_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_heap_range_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_virtual_event (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_pool_event (struct hs_etl_state *state, const struct hs_event *event);

/* etl_stack_keys.c */
void hs_etl_define_stack (struct hs_etl_state *state, const struct hs_event *event);
void hs_etl_link_stack (struct hs_etl_state *state, const struct hs_event *event);
/* The stack of the event whose record was just written at `stamp`. */
void hs_etl_attach_stack (struct hs_etl_state *state, const struct hs_event *event, int64_t stamp,
                          uint32_t pid, uint32_t tid);
void hs_etl_keys_rundown (struct hs_etl_state *state);

#endif
