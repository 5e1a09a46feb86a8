/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which stack belongs to which event (formats/etl.md section 9): stack walk records in one or two
 * parts, keys of the stack cache, stacks inside events.
 *
 * Block events are never held back: an event of the batch at hand gets its slot written in, one
 * that has left gets a STACK_LINK by its ref.
 *
 * Which events wait: every heap, VirtualAlloc and pool event, until 4,096 of its kind in a row got
 * no stack (65,536 if the kind ever got one). From then on the kind is taken for one that carries
 * no stacks in this session (usually Free), until a stack for one of them turns up. So what can be
 * missed is bounded, and Frees neither fill the queue nor take part in ties (9.4.4). Kinds that
 * often carry none (Free, create and destroy, pool free) are asked last when stamps are equal,
 * until one of them has got a stack that nobody else could take.
 * One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_STACKS_H
#define HS_DECODE_ETL_ETL_STACKS_H

#include "decode/etl/etl_process.h"
#include "decode/etl/etl_recent.h"
#include "decode/etl/etl_stack_table.h"
#include "decode/etl/etl_waiting.h"

enum hs_etl_stack_side { HS_ETL_KERNEL_SIDE, HS_ETL_USER_SIDE, HS_ETL_BOTH_SIDES };

struct hs_etl_arrival { /* a stack record on its way to its event */
    struct hs_etl_stack_key key;
    uint8_t side;    /* enum hs_etl_stack_side */
    bool is_in_part; /* otherwise: n_frames in the table's scratch */
    uint32_t n_frames;
    hs_etl_part part;
};

struct hs_etl_half { /* an event with its kernel part, waiting for the user part */
    int64_t time;
    uint64_t owner; /* thread (pid << 32 | thread), or the MatchId */
    struct hs_etl_target target;
    hs_etl_part kernel;
    uint32_t next; /* + 1: next of the owner, or next free */
    bool is_used;
    bool needs_own_stamp; /* logged from user mode: its user part has the event's own stamp */
};

struct hs_etl_stack_state { /* per kind */
    uint32_t n_in_vain;     /* waited since the last one that got a stack */
    bool has_evidence, is_off;
};

struct hs_etl_stack_counts {
    uint64_t walks;       /* full stack records */
    uint64_t references;  /* records that name a key */
    uint64_t definitions; /* key create, delete and rundown */
    uint64_t items;       /* stacks inside memory events */
    uint64_t attached;    /* memory events that got a stack */
    uint64_t orphans;     /* stack records without an event */
};

#define HS_ETL_MAX_EARLY 512

struct hs_etl_stacks {
    struct hs_etl_stack_table table;
    struct hs_etl_waiting waiting;
    struct hs_etl_recent recent;
    struct hs_etl_processes *processes; /* borrowed */
    struct hs_etl_sink *sink;           /* borrowed */
    struct hs_etl_stack_state kinds[HS_ETL_N_STACK_KINDS];
    unsigned useful, doubtful; /* bit per kind: not is_off; asked last */
    HS_ARRAY (struct hs_etl_half) halves;
    struct hs_idmap half_of_thread; /* owner -> first half */
    struct hs_idmap half_of_match;
    uint32_t free_half; /* + 1 */
    uint32_t n_halves;
    struct hs_etl_arrival early[HS_ETL_MAX_EARLY]; /* by stamp not later than "now" */
    uint32_t n_early;
    int64_t now; /* raw stamp of the record at hand */
    struct hs_etl_stack_counts counts;
};

/* False when memory is out. */
bool hs_etl_stacks_init (struct hs_etl_stacks *stacks, struct hs_etl_processes *processes,
                         struct hs_etl_sink *sink);
void hs_etl_stacks_clear (struct hs_etl_stacks *stacks);

/* Not for direct use: settles what came ahead of events that will not come any more. */
void hs_etl_stacks_settle_early (struct hs_etl_stacks *stacks);

/* Not for direct use: time goes on. */
static inline void hs_etl_stacks_advance (struct hs_etl_stacks *stacks, int64_t time)
{
    if (time <= stacks->now)
        return;
    stacks->now = time;
    if (stacks->n_early > 0)
        hs_etl_stacks_settle_early (stacks);
}

/* First of all for every record but those of group 18: time goes on, and the record exists. */
static inline void hs_etl_stacks_tick (struct hs_etl_stacks *stacks,
                                       const struct hs_etl_record *record)
{
    hs_etl_stacks_advance (stacks, record->time);
    if (!hs_etl_recent_add (&stacks->recent, record->time))
        stacks->sink->is_out_of_memory = true;
}

/* Not for direct use: an event whose kind is not off, or that has its stack inside. */
void hs_etl_stacks_await (struct hs_etl_stacks *stacks, const struct hs_etl_record *record,
                          enum hs_etl_stack_kind kind, uint32_t pid, struct hs_event *event);

/* An event that may get a stack, just added to the batch; `pid` is the header's or a hint. */
static inline void hs_etl_stacks_event (struct hs_etl_stacks *stacks,
                                        const struct hs_etl_record *record,
                                        enum hs_etl_stack_kind kind, uint32_t pid,
                                        struct hs_event *event)
{
    hs_etl_recent_set_kind (&stacks->recent, kind);
    if (!stacks->kinds[kind].is_off || record->stack.address_size != 0)
        hs_etl_stacks_await (stacks, record, kind, pid, event);
}

/* Group 18. Adds at most one event directly. */
void hs_etl_stacks_record (struct hs_etl_stacks *stacks, const struct hs_etl_record *record);

/* An event of any provider with a stack inside: it may be the user part of another (3.6). */
void hs_etl_stacks_match (struct hs_etl_stacks *stacks, const struct hs_etl_record *record);

/* End of the trace: what still waits gets what is known. May be called once. */
void hs_etl_stacks_finish (struct hs_etl_stacks *stacks);

#endif
