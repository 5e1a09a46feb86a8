/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hash map from 64-bit keys to 32-bit values; see idmap.h. */
#include "base/idmap.h"

#include "base/memory.h"

#define FIRST_CAPACITY 16

static uint64_t key_at (const struct hs_idmap *map, size_t at)
{
    uint64_t key;

    memcpy (&key, map->places[at].key, sizeof key);
    return key;
}

static void put_at (struct hs_idmap *map, size_t at, uint64_t key, uint32_t value)
{
    memcpy (map->places[at].key, &key, sizeof key);
    map->places[at].value = value;
}

static bool grow (struct hs_idmap *map)
{
    struct hs_idmap larger = { 0 };

    larger.capacity = map->capacity == 0 ? FIRST_CAPACITY : map->capacity * 2;
    larger.places = hs_alloc_large (larger.capacity, sizeof *larger.places);
    if (larger.places == NULL)
        return false;
    for (size_t i = 0; i < larger.capacity; i++)
        larger.places[i].value = HS_IDMAP_NONE;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->places[i].value != HS_IDMAP_NONE) {
            uint64_t key = key_at (map, i);

            put_at (&larger, hs_idmap_find (&larger, key), key, map->places[i].value);
        }
    }
    larger.n = map->n;
    hs_idmap_clear (map);
    *map = larger;
    return true;
}

bool hs_idmap_exchange (struct hs_idmap *map, uint64_t key, uint32_t value, uint32_t *ret_old)
{
    size_t at;

    if (map->n * 2 >= map->capacity && !grow (map))
        return false;
    at = hs_idmap_find (map, key);
    *ret_old = map->places[at].value;
    map->n += *ret_old == HS_IDMAP_NONE;
    put_at (map, at, key, value);
    return true;
}

bool hs_idmap_set (struct hs_idmap *map, uint64_t key, uint32_t value)
{
    uint32_t old;

    return hs_idmap_exchange (map, key, value, &old);
}

uint32_t hs_idmap_remove (struct hs_idmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t hole, at;
    uint32_t value;

    if (map->capacity == 0)
        return HS_IDMAP_NONE;
    hole = hs_idmap_find (map, key);
    value = map->places[hole].value;
    if (value == HS_IDMAP_NONE)
        return HS_IDMAP_NONE;
    /* Move later members of the run back when the hole lies between their home and them. */
    for (at = (hole + 1) & mask; map->places[at].value != HS_IDMAP_NONE; at = (at + 1) & mask) {
        size_t home = (size_t)hs_hash_u64 (key_at (map, at)) & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->places[hole] = map->places[at];
            hole = at;
        }
    }
    map->places[hole].value = HS_IDMAP_NONE;
    map->n--;
    return value;
}

bool hs_idmap_next (const struct hs_idmap *map, size_t *place, uint64_t *ret_key,
                    uint32_t *ret_value)
{
    for (; *place < map->capacity; (*place)++) {
        if (map->places[*place].value != HS_IDMAP_NONE) {
            *ret_key = key_at (map, *place);
            *ret_value = map->places[*place].value;
            (*place)++;
            return true;
        }
    }
    return false;
}

void hs_idmap_clear (struct hs_idmap *map)
{
    hs_free_large (map->places, map->capacity, sizeof *map->places);
    *map = (struct hs_idmap){ 0 };
}
