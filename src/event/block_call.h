/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By which function a block was born or ended: hs_event.call, a byte of enum hs_block_call and of
 * the alignment that was asked for, as its power of two, above it.
 */
#ifndef HS_EVENT_BLOCK_CALL_H
#define HS_EVENT_BLOCK_CALL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Born (ALLOC, REALLOC), or ended (FREE). What one family gave only the same family may take back.
 * Numbers of the formats (.hst, own provider), at most 7.
 */
enum hs_block_call {
    HS_CALL_UNKNOWN, /* the format does not tell */
    HS_CALL_MALLOC,  /* ended: free */
    HS_CALL_CALLOC,
    HS_CALL_REALLOC,
    HS_CALL_MEMALIGN,  /* memalign, aligned_alloc, posix_memalign, valloc, pvalloc */
    HS_CALL_NEW,       /* ended: delete */
    HS_CALL_NEW_ARRAY, /* ended: delete[] */
    HS_CALL_POOL,      /* told by the program itself through heapstrata.h */
    HS_N_CALLS,
};

#define HS_CALL_MASK 7
#define HS_CALL_ALIGNMENT_SHIFT 3

/* Whether a block born by `birth` may end by `end`; both with or without alignment. Every free is
 * asked: a bit for each birth, in a byte for each end. */
static inline bool hs_block_calls_match (uint8_t birth, uint8_t end)
{
    const uint64_t matching = UINT64_C (0x8141211f1f1f1fff);

    return (matching >> (end & HS_CALL_MASK) * 8 >> (birth & HS_CALL_MASK) & 1) != 0;
}

/* "malloc", "new[]" …; for an end "free", "delete[]" …. Never NULL. */
const char *hs_block_call_name (uint8_t birth);
const char *hs_block_end_name (uint8_t end);

#endif
