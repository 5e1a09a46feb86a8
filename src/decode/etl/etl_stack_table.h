/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks of an ETL file as slots: each distinct (process instance, frames) gets one slot and is
 * sent once. Keys of Windows' stack cache stand for stacks that are told later (formats/etl.md
 * 9.3): a stack with such a part gets a slot of its own at once, filled in when the key is defined.
 * Knows nothing of events. One thread; belongs to struct hs_etl_stacks.
 */
#ifndef HS_DECODE_ETL_ETL_STACK_TABLE_H
#define HS_DECODE_ETL_ETL_STACK_TABLE_H

#include "base/idmap.h"
#include "decode/etl/etl_sink.h"

/* A part of a stack, kernel or user: 0 = none, a list of frames, or a key (HS_ETL_PART_IS_KEY). */
typedef uint32_t hs_etl_part;
#define HS_ETL_NO_PART 0u
#define HS_ETL_PART_IS_KEY (UINT32_C (1) << 31)

enum hs_etl_key_space { HS_ETL_KERNEL_KEYS, HS_ETL_USER_KEYS, HS_ETL_N_KEY_SPACES };

struct hs_etl_frame_list { /* interned */
    const uint64_t *frames;
    uint32_t n;
    hs_process_id process; /* HS_NO_PROCESS: a part */
    hs_stack_slot slot;    /* 0: none yet */
};

struct hs_etl_stack_place { /* of a list in the table: one line of the cache for both */
    uint32_t hash;
    uint32_t list;          /* 0 = free */
    const uint64_t *frames; /* of the list: they are fetched together with it, not after it */
};

struct hs_etl_key { /* one life of a key value, up to its delete */
    uint32_t list;  /* 0 = not defined yet */
    uint32_t n_references;
    uint32_t first_stack; /* + 1: stacks that wait for it; 0 = none */
    /* Of a user key: the open stack that it was last part of, which is most often the next one,
     * too; HS_NO_STACK = none. */
    hs_stack_slot slot;
    hs_process_id process;
    hs_etl_part kernel;
    uint8_t space;
};

struct hs_etl_open_stack { /* has a slot, waits for one key or two */
    hs_process_id process;
    hs_stack_slot slot;
    hs_etl_part parts[HS_ETL_N_KEY_SPACES]; /* kernel, user */
    uint32_t next[HS_ETL_N_KEY_SPACES];     /* + 1: the next that waits for the same key */
    bool is_sent;
};

struct hs_etl_stack_table {
    HS_ARRAY (struct hs_etl_frame_list) lists; /* from 1 */
    struct hs_etl_stack_place *places;
    uint64_t seed; /* of the hash */
    size_t n_places;
    struct hs_arena frames;
    HS_ARRAY (struct hs_etl_key) keys;              /* from 1 */
    struct hs_idmap key_index[HS_ETL_N_KEY_SPACES]; /* key value -> keys */
    HS_ARRAY (struct hs_etl_open_stack) open;
    struct hs_idmap open_index; /* hash of (process, parts) -> open, while it is open */
    uint64_t *scratch;          /* HS_LIMIT_STACK_DEPTH frames */
    uint32_t n_slots;
    uint64_t n_references, n_resolved;
};

bool hs_etl_stack_table_init (struct hs_etl_stack_table *table);
void hs_etl_stack_table_clear (struct hs_etl_stack_table *table);

/* Frames of 4 or 8 bytes into table->scratch; returns how many. */
uint32_t hs_etl_stack_table_read (struct hs_etl_stack_table *table, struct hs_span addresses,
                                  unsigned address_size);

/* The slot of a whole stack; HS_NO_STACK when it is empty or memory is out. `frames` may be the
 * scratch. */
hs_stack_slot hs_etl_stack_table_slot (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                       hs_process_id process, const uint64_t *frames, uint32_t n);

/* The slot of a stack out of parts, either of which may be HS_ETL_NO_PART. */
hs_stack_slot hs_etl_stack_table_join (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                       hs_process_id process, hs_etl_part kernel, hs_etl_part user);

/* A part out of frames. */
hs_etl_part hs_etl_stack_table_part (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                     const uint64_t *frames, uint32_t n);

/* A part out of a key, which is counted as a reference. */
hs_etl_part hs_etl_stack_table_refer (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                      enum hs_etl_key_space space, uint64_t key);

/* Create and rundown: the key is known from here on. Delete: it serves what waits and is gone. */
enum hs_etl_definition { HS_ETL_KEY_STAYS, HS_ETL_KEY_ENDS };
void hs_etl_stack_table_define (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                enum hs_etl_key_space space, uint64_t key, uint32_t n_frames,
                                enum hs_etl_definition definition); /* frames in the scratch */

/* End of the trace: keys that never came count as missing parts. */
void hs_etl_stack_table_finish (struct hs_etl_stack_table *table, struct hs_etl_sink *sink);

#endif
