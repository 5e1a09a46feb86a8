/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events that wait for their stack record.
 *
 * Records come in time order, so a queue ordered by arrival is ordered by stamp: a stack record
 * finds its event by searching back from the newest, which nearly always is the one. Events that
 * got their stack leave at once; the queue is a few entries long in a healthy trace.
 * One thread; belongs to struct hs_etl_stacks.
 */
#ifndef HS_DECODE_ETL_ETL_WAITING_H
#define HS_DECODE_ETL_ETL_WAITING_H

#include "event/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of events that may carry stacks; OTHER stands for everything that is not shown. */
enum hs_etl_stack_kind {
    HS_ETL_STACK_OF_ALLOC,
    HS_ETL_STACK_OF_REALLOC,
    HS_ETL_STACK_OF_FREE,
    HS_ETL_STACK_OF_HEAP, /* create, destroy; the last of those logged from user mode */
    HS_ETL_STACK_OF_VIRTUAL,
    HS_ETL_STACK_OF_POOL,
    HS_ETL_STACK_OF_POOL_FREE,
    HS_ETL_STACK_OF_OTHER,
    HS_ETL_N_STACK_KINDS,
};

/* The event itself: reachable in its batch, or by its ref once that has left. */
struct hs_etl_target {
    uint64_t batch_number;
    uint64_t ref;
    uint32_t index;        /* in its batch */
    hs_process_id process; /* HS_NO_PROCESS: that of the stack record */
};

struct hs_etl_waiter {
    int64_t time; /* raw */
    uint32_t pid, thread;
    uint16_t cpu;
    uint8_t kind; /* enum hs_etl_stack_kind */
    bool has_ids; /* pid and thread are the header's; otherwise pid is a hint */
    bool is_done;
    struct hs_etl_target target;
};

struct hs_etl_waiting {
    struct hs_etl_waiter *items; /* ring */
    size_t capacity;             /* 0 or a power of two */
    size_t head, n;
    uint64_t n_given_up; /* left without a stack because the queue was full */
};

/* What a stack record looks for. */
struct hs_etl_stack_key {
    int64_t time;
    uint32_t pid, thread;
    uint16_t cpu;
};

/* Not for direct use: make room. */
bool hs_etl_waiting_make_room (struct hs_etl_waiting *waiting, unsigned useful);

/* The newest waiter, to be filled in; NULL: no memory. `useful`: bit per kind that is worth keeping
 * when the queue must be tidied. */
static inline struct hs_etl_waiter *hs_etl_waiting_add (struct hs_etl_waiting *waiting,
                                                        unsigned useful)
{
    if (waiting->n == waiting->capacity && !hs_etl_waiting_make_room (waiting, useful))
        return NULL;
    return &waiting->items[(waiting->head + waiting->n++) & (waiting->capacity - 1)];
}

/*
 * The event a stack belongs to (formats/etl.md 9.4), or NULL: of equal stamps the first with the
 * same ids, then one without ids on the same CPU, in the same process. `doubtful`: bit per kind
 * that is asked last, `with_doubtful` whether at all. Lent until the next add or take.
 */
enum hs_etl_find { HS_ETL_FIND_SURE, HS_ETL_FIND_ANY };
struct hs_etl_waiter *hs_etl_waiting_find (struct hs_etl_waiting *waiting,
                                           const struct hs_etl_stack_key *key, unsigned doubtful,
                                           enum hs_etl_find find);

/* The event has got its stack. */
void hs_etl_waiting_take (struct hs_etl_waiting *waiting, struct hs_etl_waiter *waiter);

void hs_etl_waiting_clear (struct hs_etl_waiting *waiting);

#endif
