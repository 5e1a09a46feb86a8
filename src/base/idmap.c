/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hash map from 64-bit keys to 32-bit values; see idmap.h. */
#include "base/idmap.h"

#include "base/memory.h"

#define FIRST_CAPACITY 16

static size_t find (const struct hs_idmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)hs_hash_u64 (key) & mask;

    while (map->values[at] != HS_IDMAP_NONE && map->keys[at] != key)
        at = (at + 1) & mask;
    return at;
}

static bool grow (struct hs_idmap *map)
{
    struct hs_idmap larger = { 0 };

    larger.capacity = map->capacity == 0 ? FIRST_CAPACITY : map->capacity * 2;
    larger.keys = hs_alloc_array (larger.capacity, sizeof *larger.keys);
    larger.values = hs_alloc_array (larger.capacity, sizeof *larger.values);
    if (larger.keys == NULL || larger.values == NULL) {
        hs_idmap_clear (&larger);
        return false;
    }
    for (size_t i = 0; i < larger.capacity; i++)
        larger.values[i] = HS_IDMAP_NONE;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->values[i] != HS_IDMAP_NONE) {
            size_t at = find (&larger, map->keys[i]);

            larger.keys[at] = map->keys[i];
            larger.values[at] = map->values[i];
        }
    }
    larger.n = map->n;
    hs_idmap_clear (map);
    *map = larger;
    return true;
}

uint32_t hs_idmap_get (const struct hs_idmap *map, uint64_t key)
{
    return map->capacity > 0 ? map->values[find (map, key)] : HS_IDMAP_NONE;
}

bool hs_idmap_set (struct hs_idmap *map, uint64_t key, uint32_t value)
{
    size_t at;

    if (map->n + map->n / 2 >= map->capacity && !grow (map))
        return false;
    at = find (map, key);
    if (map->values[at] == HS_IDMAP_NONE) {
        map->keys[at] = key;
        map->n++;
    }
    map->values[at] = value;
    return true;
}

uint32_t hs_idmap_remove (struct hs_idmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t hole, at;
    uint32_t value;

    if (map->capacity == 0)
        return HS_IDMAP_NONE;
    hole = find (map, key);
    value = map->values[hole];
    if (value == HS_IDMAP_NONE)
        return HS_IDMAP_NONE;
    /* Move later members of the run back when the hole lies between their home and them. */
    for (at = (hole + 1) & mask; map->values[at] != HS_IDMAP_NONE; at = (at + 1) & mask) {
        size_t home = (size_t)hs_hash_u64 (map->keys[at]) & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->keys[hole] = map->keys[at];
            map->values[hole] = map->values[at];
            hole = at;
        }
    }
    map->values[hole] = HS_IDMAP_NONE;
    map->n--;
    return value;
}

bool hs_idmap_next (const struct hs_idmap *map, size_t *place, uint64_t *ret_key,
                    uint32_t *ret_value)
{
    for (; *place < map->capacity; (*place)++) {
        if (map->values[*place] != HS_IDMAP_NONE) {
            *ret_key = map->keys[*place];
            *ret_value = map->values[*place];
            (*place)++;
            return true;
        }
    }
    return false;
}

void hs_idmap_prefetch (const struct hs_idmap *map, uint64_t key)
{
    if (map->capacity > 0) {
        size_t at = (size_t)hs_hash_u64 (key) & (map->capacity - 1);

        __builtin_prefetch (&map->keys[at]);
        __builtin_prefetch (&map->values[at]);
    }
}

void hs_idmap_clear (struct hs_idmap *map)
{
    hs_free (map->keys);
    hs_free (map->values);
    *map = (struct hs_idmap){ 0 };
}
