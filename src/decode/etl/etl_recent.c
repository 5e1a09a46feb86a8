/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stamps of the latest records; see etl_recent.h. */
#include "decode/etl/etl_recent.h"

#include "base/memory.h"

#define FIRST_BLOCKS 16
/* Stacks that must be told from orphans come within 0.1 s, or with a thread that slept: a million
 * records back is more than any trace looked at needed. */
#define MAX_BLOCKS (UINT32_C (1) << 14)
/* Records with one stamp that are looked at: hostile files make all the same. */
#define MAX_TIES 1024

void hs_etl_recent_clear (struct hs_etl_recent *recent)
{
    hs_free (recent->blocks);
    *recent = (struct hs_etl_recent){ 0 };
}

/* Only while nothing has been overwritten: the ring begins at place 0. */
static bool grow (struct hs_etl_recent *recent)
{
    size_t capacity = recent->capacity == 0 ? FIRST_BLOCKS : recent->capacity * 2;
    struct hs_etl_recent_block *blocks =
        hs_realloc_array (recent->blocks, capacity, sizeof *blocks);

    if (blocks == NULL)
        return false;
    recent->blocks = blocks;
    recent->capacity = capacity;
    return true;
}

static struct hs_etl_recent_block *block_at (const struct hs_etl_recent *recent, uint64_t i)
{
    return &recent->blocks[i & (recent->capacity - 1)];
}

bool hs_etl_recent_begin (struct hs_etl_recent *recent, int64_t time)
{
    struct hs_etl_recent_block *block;

    if (recent->n_begun >= recent->capacity && recent->capacity < MAX_BLOCKS && !grow (recent)) {
        recent->newest = NULL;
        return false;
    }
    block = block_at (recent, recent->n_begun++);
    block->first = time;
    block->n = 1;
    block->marks[0] = HS_ETL_STACK_OF_OTHER;
    recent->newest = block;
    return true;
}

/* The block in which the first record that is not earlier may stand, or the next one. */
static uint64_t find_block (const struct hs_etl_recent *recent, int64_t time)
{
    uint64_t oldest = recent->n_begun > recent->capacity ? recent->n_begun - recent->capacity : 0;
    uint64_t low = oldest;
    uint64_t high = recent->n_begun;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (block_at (recent, middle)->first < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low > oldest ? low - 1 : low;
}

unsigned hs_etl_recent_kinds (const struct hs_etl_recent *recent, int64_t time)
{
    unsigned kinds = 0, n_ties = 0;

    for (uint64_t i = find_block (recent, time); i < recent->n_begun; i++) {
        const struct hs_etl_recent_block *block = block_at (recent, i);
        uint64_t wanted = (uint64_t)time - (uint64_t)block->first;

        if (block->first > time)
            break;
        for (uint32_t k = 0; k < block->n && n_ties < MAX_TIES; k++) {
            uint64_t after = block->marks[k] >> HS_ETL_RECENT_KIND_BITS;

            if (after > wanted)
                return kinds;
            if (after == wanted) {
                kinds |= 1u << (block->marks[k] & ((1u << HS_ETL_RECENT_KIND_BITS) - 1));
                n_ties++;
            }
        }
    }
    return kinds;
}
