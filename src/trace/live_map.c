/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks that live, by address; see live_map.h. */
#include "trace/live_map.h"

#include "base/idmap.h"
#include "base/memory.h"

#define FIRST_PLACES 16

/*
 * Whether the place beside one is taken is a guess for the processor, and wrong guesses take most
 * of the time: three places in four stay free. Where that would be much memory it is one in two.
 */
#define MANY_PLACES (UINT32_C (1) << 20) /* 16 MiB */

static size_t n_places (const struct hs_live_map *map)
{
    return map->places != NULL ? map->mask + 1 : 0;
}

bool hs_live_map_grow (struct hs_live_map *map)
{
    size_t n = map->places != NULL ? n_places (map) * 2 : FIRST_PLACES, place = 0;
    struct hs_live_map larger = { .n = map->n, .mask = n - 1 };
    const struct hs_live_block *block;

    larger.most = n > MANY_PLACES ? n / 2 : n / 4;
    larger.shift = 64 - (unsigned)__builtin_ctzll (n);
    larger.places = hs_alloc_large (n, sizeof *larger.places);
    if (larger.places == NULL)
        return false;
    /* where memory lies is as good as random: no file can be made whose addresses fall together */
    larger.factor = hs_hash_u64 ((uintptr_t)larger.places) | 1;
    for (size_t i = 0; i < n; i++)
        larger.places[i].row = HS_NO_ROW;
    while ((block = hs_live_map_next (map, &place)) != NULL)
        larger.places[hs_live_map_find (&larger, block->address)] = *block;
    hs_live_map_clear (map);
    *map = larger;
    return true;
}

const struct hs_live_block *hs_live_map_next (const struct hs_live_map *map, size_t *place)
{
    while (*place < n_places (map)) {
        const struct hs_live_block *block = &map->places[(*place)++];

        if (block->row != HS_NO_ROW)
            return block;
    }
    return NULL;
}

size_t hs_live_map_bytes (const struct hs_live_map *map)
{
    return n_places (map) * sizeof *map->places;
}

void hs_live_map_clear (struct hs_live_map *map)
{
    hs_free_large (map->places, n_places (map), sizeof *map->places);
    *map = (struct hs_live_map){ .n = 0 };
}
