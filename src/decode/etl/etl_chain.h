/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One chain of an ETL file: the buffers of one processor of one session, in their order, and the
 * two of them that are in memory - the current one and the one ahead. Time stamps inside a chain
 * do not decrease in sound files; where they do, records are put in order inside a buffer and
 * between the two (formats/etl.md 4.1 and 4.2). Disorder that reaches further is left to the merge.
 */
#ifndef HS_DECODE_ETL_ETL_CHAIN_H
#define HS_DECODE_ETL_ETL_CHAIN_H

#include "decode/etl/etl_ahead.h"
#include "decode/etl/etl_buffers.h"
#include "decode/etl/etl_records.h"

struct hs_etl_place { /* where a buffer lies: 32 bytes for each buffer of the file are kept */
    uint64_t offset;
    int64_t sequence;
    uint32_t size;
    uint32_t filled;
    uint16_t run;
    uint16_t cpu;
    bool is_packed;
    bool is_truncated;
    bool is_header;
    bool has_records;
};

struct hs_etl_chain {
    uint64_t rank; /* order among equal times: processor, file, first appearance */
    uint16_t file;
    bool is_queued;    /* in the merge's heap */
    int64_t last_time; /* of the last record that was listed */
    size_t next_place; /* first buffer not loaded yet */
    HS_ARRAY (struct hs_etl_place) places;
    struct hs_etl_page pages[2]; /* [current] goes first among equal times */
    unsigned current;
    struct hs_etl_job *job; /* owned: makes the page of the next buffer; NULL until there is one */
};

/* What chains share: the merge's. */
struct hs_etl_loading {
    struct hs_source *source; /* of the chain's file; borrowed */
    struct hs_etl_time_range range;
    struct hs_note_pile *notes;
    uint8_t *packed; /* owned: packed bytes of the buffer that is being unpacked */
    size_t packed_capacity;
    uint64_t page_bytes; /* memory of all pages of all chains */
    uint64_t job_bytes;  /* of all jobs, which count for no limit of pages: whether there are any
                            must not change what is read */
    struct hs_etl_ahead *ahead; /* owned: for the jobs; NULL: none yet, or unpacked here */
    bool has_tried_ahead;
    uint64_t done_bytes; /* of the files: loaded so far */
};

/* Puts the buffers into the order of their numbers; once, before the first load. */
void hs_etl_chain_sort (struct hs_etl_chain *chain);

/* Loads what pages are used up. Records lent before are gone after that. */
enum hs_status hs_etl_chain_refill (struct hs_etl_chain *chain, struct hs_etl_loading *loading,
                                    struct hs_error *err);

/* Not while a job of the chain is with `loading->ahead`. */
void hs_etl_chain_clear (struct hs_etl_chain *chain);

/* The page whose next record comes first; NULL when there is none. */
static inline struct hs_etl_page *hs_etl_chain_first (struct hs_etl_chain *chain)
{
    struct hs_etl_page *page = &chain->pages[chain->current];
    struct hs_etl_page *ahead = &chain->pages[chain->current ^ 1];

    if (page->next >= page->entries.n)
        return ahead->next < ahead->entries.n ? ahead : NULL;
    if (ahead->next < ahead->entries.n &&
        ahead->entries.items[ahead->next].time < page->entries.items[page->next].time)
        return ahead;
    return page;
}

/* The latest time up to which `page`, the chain's first, stays that. */
static inline int64_t hs_etl_chain_until (const struct hs_etl_chain *chain,
                                          const struct hs_etl_page *page)
{
    bool is_current = page == &chain->pages[chain->current];
    const struct hs_etl_page *other = &chain->pages[chain->current ^ is_current];

    if (other->next >= other->entries.n)
        return INT64_MAX;
    return other->entries.items[other->next].time - !is_current;
}

/* Whether refilling has something to do. */
static inline bool hs_etl_chain_is_low (const struct hs_etl_chain *chain)
{
    const struct hs_etl_page *page = &chain->pages[chain->current];
    const struct hs_etl_page *ahead = &chain->pages[chain->current ^ 1];

    return page->next >= page->entries.n ||
           (ahead->next >= ahead->entries.n && chain->next_place < chain->places.n);
}

#endif
