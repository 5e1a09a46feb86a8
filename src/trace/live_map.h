/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The blocks of a heap that live: address to row, and beside it what the end of a block asks about
 * its birth, so that it looks at one line of memory more, that of the row's end. As base/idmap.h:
 * open addressing, linear probing, removal by shifting back. One thread: the writer's.
 */
#ifndef HS_TRACE_LIVE_MAP_H
#define HS_TRACE_LIVE_MAP_H

#include "event/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_live_block { /* 16 bytes: never in two lines */
    uint64_t address;
    hs_row_no row;  /* HS_NO_ROW: a free place */
    uint32_t birth; /* hs_live_birth() */
};

/* The function in three bits, and the size, if it is not too large for the others. */
#define HS_LIVE_SIZE_BITS 29
#define HS_LIVE_SIZE_LARGE ((UINT32_C (1) << HS_LIVE_SIZE_BITS) - 1)

static inline uint32_t hs_live_birth (uint64_t size, unsigned call)
{
    return (uint32_t)(size < HS_LIVE_SIZE_LARGE ? size : HS_LIVE_SIZE_LARGE) |
           call << HS_LIVE_SIZE_BITS;
}

/* HS_LIVE_SIZE_LARGE: to be looked up in the row. */
static inline uint32_t hs_live_birth_size (uint32_t birth)
{
    return birth & HS_LIVE_SIZE_LARGE;
}

static inline uint8_t hs_live_birth_call (uint32_t birth)
{
    return (uint8_t)(birth >> HS_LIVE_SIZE_BITS);
}

/* Zeroed: empty. */
struct hs_live_map {
    struct hs_live_block *places;
    size_t n, most; /* of them; for one more than `most` there must be more places */
    size_t mask;    /* places - 1 */
    unsigned shift; /* of a hash, to its place */
    uint64_t factor;
};

/* Not for direct use: makes room for one more; false when memory is out. */
bool hs_live_map_grow (struct hs_live_map *map);

/* The place of an address, or the free one where it belongs. Of a map that has places. */
static inline size_t hs_live_map_home (const struct hs_live_map *map, uint64_t address)
{
    return (size_t)(address * map->factor >> map->shift); /* its low bits say little */
}

static inline size_t hs_live_map_find (const struct hs_live_map *map, uint64_t address)
{
    size_t at = hs_live_map_home (map, address);

    while (map->places[at].row != HS_NO_ROW && map->places[at].address != address)
        at = (at + 1) & map->mask;
    return at;
}

/* The row that lives at the address, or HS_NO_ROW. */
static inline hs_row_no hs_live_map_get (const struct hs_live_map *map, uint64_t address)
{
    return map->places != NULL ? map->places[hs_live_map_find (map, address)].row : HS_NO_ROW;
}

/* Puts a block in the place of the one that is there: *ret_old, whose row may be HS_NO_ROW. */
static inline bool hs_live_map_exchange (struct hs_live_map *map, const struct hs_live_block *block,
                                         struct hs_live_block *ret_old)
{
    size_t at;

    if (map->n == map->most && !hs_live_map_grow (map))
        return false;
    at = hs_live_map_find (map, block->address);
    *ret_old = map->places[at];
    map->n += ret_old->row == HS_NO_ROW;
    map->places[at] = *block;
    return true;
}

/* Not for direct use: takes out the block at a place that is not free. */
static inline void hs_live_map_clear_place (struct hs_live_map *map, size_t hole)
{
    size_t at;

    /* later members of the run move back when the hole lies between their home and them */
    for (at = (hole + 1) & map->mask; map->places[at].row != HS_NO_ROW; at = (at + 1) & map->mask) {
        size_t home = hs_live_map_home (map, map->places[at].address);

        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->places[hole] = map->places[at];
            hole = at;
        }
    }
    map->places[hole].row = HS_NO_ROW;
    map->n--;
}

/* Takes out the block at the address, and returns it; its row is HS_NO_ROW when there is none. */
static inline struct hs_live_block hs_live_map_remove (struct hs_live_map *map, uint64_t address)
{
    struct hs_live_block found = { .row = HS_NO_ROW };
    size_t at;

    if (map->places == NULL)
        return found;
    at = hs_live_map_find (map, address);
    found = map->places[at];
    if (found.row != HS_NO_ROW)
        hs_live_map_clear_place (map, at);
    return found;
}

/* Walks the map: start with *place = 0; NULL at the end. The map must not change meanwhile. */
const struct hs_live_block *hs_live_map_next (const struct hs_live_map *map, size_t *place);

size_t hs_live_map_bytes (const struct hs_live_map *map);

/* Frees everything; the map is empty and can be used again. */
void hs_live_map_clear (struct hs_live_map *map);

/* Ahead of a look at the address. */
static inline void hs_live_map_prefetch (const struct hs_live_map *map, uint64_t address)
{
    if (map->places != NULL)
        __builtin_prefetch (&map->places[hs_live_map_home (map, address)], 1);
}

/* A guess at the row, without searching for it: HS_NO_ROW, or perhaps that of another address. */
static inline hs_row_no hs_live_map_guess (const struct hs_live_map *map, uint64_t address)
{
    const struct hs_live_block *at;

    if (map->places == NULL)
        return HS_NO_ROW;
    at = &map->places[hs_live_map_home (map, address)];
    return at->address == address ? at->row : HS_NO_ROW;
}

#endif
