/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bump memory that is freed as a whole. Pointers stay valid until hs_arena_clear or
 * hs_arena_reset. One thread at a time.
 */
#ifndef HS_BASE_ARENA_H
#define HS_BASE_ARENA_H

#include <stddef.h>

struct hs_arena_block;

struct hs_arena {
    struct hs_arena_block *newest;
    size_t n_bytes; /* reserved from the allocator */
};

/* `n` bytes aligned to 8, contents undefined; NULL when memory is out. */
void *hs_arena_alloc (struct hs_arena *arena, size_t n);

/* A NUL-terminated copy of `n` bytes; NULL when memory is out. */
char *hs_arena_strndup (struct hs_arena *arena, const char *text, size_t n);

/* Frees everything; the arena can be used again. A zeroed arena is valid. */
void hs_arena_clear (struct hs_arena *arena);

/* As hs_arena_clear, for what is filled again soon: one block of the usual size is kept. */
void hs_arena_reset (struct hs_arena *arena);

#endif
