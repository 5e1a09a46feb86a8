/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bump memory; see arena.h. */
#include "base/arena.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES (64u << 10)

struct hs_arena_block {
    struct hs_arena_block *older;
    size_t used;
    size_t size;
    uint64_t data[];
};

void *hs_arena_alloc (struct hs_arena *arena, size_t n)
{
    struct hs_arena_block *block = arena->newest;
    size_t rounded;
    void *ret;

    if (n > SIZE_MAX / 2)
        return NULL;
    rounded = (n + 7) & ~(size_t)7;
    if (block == NULL || rounded > block->size - block->used) {
        size_t size = rounded > BLOCK_BYTES / 4 ? rounded : BLOCK_BYTES;

        block = hs_alloc_array (1, sizeof *block + size);
        if (block == NULL)
            return NULL;
        block->used = 0;
        block->size = size;
        block->older = arena->newest;
        arena->newest = block;
        arena->n_bytes += sizeof *block + size;
    }
    ret = (uint8_t *)block->data + block->used;
    block->used += rounded;
    return ret;
}

char *hs_arena_strndup (struct hs_arena *arena, const char *text, size_t n)
{
    char *copy = hs_arena_alloc (arena, n + 1);

    if (copy == NULL)
        return NULL;
    if (n > 0)
        memcpy (copy, text, n);
    copy[n] = '\0';
    return copy;
}

void hs_arena_clear (struct hs_arena *arena)
{
    struct hs_arena_block *block = arena->newest;

    while (block != NULL) {
        struct hs_arena_block *older = block->older;

        hs_free (block);
        block = older;
    }
    *arena = (struct hs_arena){ 0 };
}

void hs_arena_reset (struct hs_arena *arena)
{
    struct hs_arena_block *block = arena->newest, *kept = NULL;

    while (block != NULL) {
        struct hs_arena_block *older = block->older;

        if (kept == NULL && block->size == BLOCK_BYTES)
            kept = block;
        else
            hs_free (block);
        block = older;
    }
    *arena = (struct hs_arena){ .newest = kept };
    if (kept != NULL) {
        kept->older = NULL;
        kept->used = 0;
        arena->n_bytes = sizeof *kept + kept->size;
    }
}
