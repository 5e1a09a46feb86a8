/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heap of chains behind the merge: the chain whose next record comes first is on top. It keeps
 * its own copy of what it compares, so that a record costs two comparisons of neighbours in memory.
 * Owns `items`; the merge fills it.
 */
#ifndef HS_DECODE_ETL_ETL_QUEUE_H
#define HS_DECODE_ETL_ETL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_etl_chain;

struct hs_etl_queued {
    int64_t time;
    uint64_t rank;
    struct hs_etl_chain *chain;
};

struct hs_etl_queue {
    struct hs_etl_queued *items;
    size_t n, capacity;
};

static inline bool hs_etl_queued_is_before (const struct hs_etl_queued *a,
                                            const struct hs_etl_queued *b)
{
    return a->time < b->time || (a->time == b->time && a->rank < b->rank);
}

/* Puts the item at `at` in its place after its time has grown. */
static inline void hs_etl_queue_sift (struct hs_etl_queue *queue, size_t at)
{
    struct hs_etl_queued *items = queue->items;
    struct hs_etl_queued moved = items[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= queue->n)
            break;
        if (child + 1 < queue->n && hs_etl_queued_is_before (&items[child + 1], &items[child]))
            child++;
        if (!hs_etl_queued_is_before (&items[child], &moved))
            break;
        items[at] = items[child];
        at = child;
    }
    items[at] = moved;
}

/* The latest time up to which the chain on top stays there. */
static inline int64_t hs_etl_queue_until (const struct hs_etl_queue *queue)
{
    int64_t until = INT64_MAX;

    for (size_t i = 1; i < queue->n && i <= 2; i++) {
        const struct hs_etl_queued *other = &queue->items[i];
        /* a later rank waits for the top at an equal time, an earlier one does not */
        int64_t last = queue->items[0].rank < other->rank ? other->time : other->time - 1;

        until = last < until ? last : until;
    }
    return until;
}

#endif
