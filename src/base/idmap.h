/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open-addressing hash map from 64-bit keys to 32-bit values. Any key is allowed.
 * Linear probing with backward-shift deletion: no tombstones, so a map that lives through many
 * inserts and removals (live heap blocks) stays as quick as it was. One thread at a time.
 */
#ifndef HS_BASE_IDMAP_H
#define HS_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HS_IDMAP_NONE UINT32_MAX

struct hs_idmap_place { /* 12 bytes side by side: one cache line per look-up, not two */
    uint32_t value;     /* HS_IDMAP_NONE marks a free place, so it cannot be stored */
    uint32_t key[2];
};

struct hs_idmap {
    struct hs_idmap_place *places;
    size_t capacity; /* 0 or a power of two; at most half of it is used */
    size_t n;
};

/* Sets the value (not HS_IDMAP_NONE), replacing an earlier one; false when memory is out. */
bool hs_idmap_set (struct hs_idmap *map, uint64_t key, uint32_t value);

/* As hs_idmap_set; *ret_old is the value that was there, or HS_IDMAP_NONE. */
bool hs_idmap_exchange (struct hs_idmap *map, uint64_t key, uint32_t value, uint32_t *ret_old);

/* Removes the key and returns its value, or HS_IDMAP_NONE when it was not there. */
uint32_t hs_idmap_remove (struct hs_idmap *map, uint64_t key);

/* Walks the map: start with *place = 0; false at the end. The map must not change meanwhile. */
bool hs_idmap_next (const struct hs_idmap *map, size_t *place, uint64_t *ret_key,
                    uint32_t *ret_value);

/* Frees everything; the map is empty and can be used again. A zeroed map is valid. */
void hs_idmap_clear (struct hs_idmap *map);

/* A well-mixed 64-bit hash of a 64-bit key. */
static inline uint64_t hs_hash_u64 (uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C (0xd6e8feb86659fd93);
    key ^= key >> 32;
    key *= UINT64_C (0xd6e8feb86659fd93);
    return key ^ key >> 32;
}

/* Not for direct use: the place of the key, or the free one where it belongs. Of a map that is not
 * empty. */
static inline size_t hs_idmap_find (const struct hs_idmap *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)hs_hash_u64 (key) & mask;

    while (map->places[at].value != HS_IDMAP_NONE &&
           memcmp (map->places[at].key, &key, sizeof key) != 0)
        at = (at + 1) & mask;
    return at;
}

/* The value of `key`, or HS_IDMAP_NONE. */
static inline uint32_t hs_idmap_get (const struct hs_idmap *map, uint64_t key)
{
    return map->capacity > 0 ? map->places[hs_idmap_find (map, key)].value : HS_IDMAP_NONE;
}

/* Brings the place of `key` into the cache ahead of its use. */
static inline void hs_idmap_prefetch (const struct hs_idmap *map, uint64_t key)
{
    if (map->capacity > 0)
        __builtin_prefetch (&map->places[hs_hash_u64 (key) & (map->capacity - 1)]);
}

#endif
