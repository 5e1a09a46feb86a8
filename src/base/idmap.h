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

/* The value of `key`, or HS_IDMAP_NONE. */
uint32_t hs_idmap_get (const struct hs_idmap *map, uint64_t key);

/* Sets the value (not HS_IDMAP_NONE), replacing an earlier one; false when memory is out. */
bool hs_idmap_set (struct hs_idmap *map, uint64_t key, uint32_t value);

/* Removes the key and returns its value, or HS_IDMAP_NONE when it was not there. */
uint32_t hs_idmap_remove (struct hs_idmap *map, uint64_t key);

/* Walks the map: start with *place = 0; false at the end. The map must not change meanwhile. */
bool hs_idmap_next (const struct hs_idmap *map, size_t *place, uint64_t *ret_key,
                    uint32_t *ret_value);

/* Brings the place of `key` into the cache ahead of its use. */
void hs_idmap_prefetch (const struct hs_idmap *map, uint64_t key);

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

#endif
