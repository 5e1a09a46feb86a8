/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stamps of the latest records of any kind, and what kinds they were: tells a stack whose event
 * is not shown, or was not waited for, from one that belongs to nothing. Written for every record
 * and asked for few, so what counts is how many bytes it writes.
 * Stamps come in ascending order. One thread; belongs to struct hs_etl_stacks.
 */
#ifndef HS_DECODE_ETL_ETL_RECENT_H
#define HS_DECODE_ETL_ETL_RECENT_H

#include "decode/etl/etl_waiting.h"

#define HS_ETL_RECENT_MARKS 61
#define HS_ETL_RECENT_KIND_BITS 3
_Static_assert(HS_ETL_N_STACK_KINDS <= 1 << HS_ETL_RECENT_KIND_BITS, "a kind fits");

struct hs_etl_recent_block { /* 256 bytes */
    int64_t first;           /* stamp */
    uint32_t n;
    uint32_t marks[HS_ETL_RECENT_MARKS]; /* ticks after the first, and the kind below */
};

struct hs_etl_recent {                  /* zeroed = empty */
    struct hs_etl_recent_block *blocks; /* ring */
    struct hs_etl_recent_block *newest; /* of them; NULL = none yet */
    size_t capacity;                    /* 0 or a power of two */
    uint64_t n_begun;                   /* blocks; the newest is at (n - 1) & (capacity - 1) */
};

/* Not for direct use: adds to a new block. */
bool hs_etl_recent_begin (struct hs_etl_recent *recent, int64_t time);

/* Notes that a record with this stamp exists. False: no memory. */
static inline bool hs_etl_recent_add (struct hs_etl_recent *recent, int64_t time)
{
    struct hs_etl_recent_block *block = recent->newest;
    uint64_t after;

    if (block == NULL || block->n == HS_ETL_RECENT_MARKS)
        return hs_etl_recent_begin (recent, time);
    after = (uint64_t)time - (uint64_t)block->first;
    if (after > UINT32_MAX >> HS_ETL_RECENT_KIND_BITS)
        return hs_etl_recent_begin (recent, time);
    block->marks[block->n++] = (uint32_t)after << HS_ETL_RECENT_KIND_BITS | HS_ETL_STACK_OF_OTHER;
    return true;
}

/* The newest record's kind. */
static inline void hs_etl_recent_set_kind (struct hs_etl_recent *recent,
                                           enum hs_etl_stack_kind kind)
{
    struct hs_etl_recent_block *block = recent->newest;

    if (block != NULL) {
        uint32_t *mark = &block->marks[block->n - 1];

        *mark = *mark >> HS_ETL_RECENT_KIND_BITS << HS_ETL_RECENT_KIND_BITS | kind;
    }
}

/* Bits of the kinds of recent records with that stamp; 0 = there was none. */
unsigned hs_etl_recent_kinds (const struct hs_etl_recent *recent, int64_t time);

void hs_etl_recent_clear (struct hs_etl_recent *recent);

#endif
