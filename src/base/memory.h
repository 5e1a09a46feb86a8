/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only allocator of the core.
 *
 * All functions return NULL when memory is out (or a product overflows) and never abort; callers
 * turn that into HS_NO_MEMORY. Tests can make the n-th allocation of the process fail.
 * Thread-safe.
 */
#ifndef HS_BASE_MEMORY_H
#define HS_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* `count` objects of `size` bytes, zeroed. A count or size of 0 gives a valid pointer. */
void *hs_alloc_zeroed (size_t count, size_t size);

/* `count` objects of `size` bytes, contents undefined. */
void *hs_alloc_array (size_t count, size_t size);

/* As realloc for arrays; on failure `ptr` is untouched and still owned by the caller. */
void *hs_realloc_array (void *ptr, size_t count, size_t size);

/* A NUL-terminated copy of `n` bytes. */
char *hs_strndup (const char *text, size_t n);

/* NULL is allowed. */
void hs_free (void *ptr);

/*
 * Room for `size` bytes (> 0) that are zero and cost memory only where they are touched: for
 * what comes from a file piece by piece. To be given back with hs_unreserve and the same size.
 */
void *hs_reserve (size_t size);

/* Tells that most of such room will be touched: large pages, where the system has them, are cleared
 * quicker, and longer where little is touched. */
void hs_reserve_most (void *ptr, size_t size);
void hs_unreserve (void *ptr, size_t size); /* NULL is allowed */

/*
 * As hs_alloc_array, for what is large and asked at random: in large pages where there are any, of
 * which the processor remembers more. To be given back with hs_free_large and the same numbers.
 */
void *hs_alloc_large (size_t count, size_t size);
void hs_free_large (void *ptr, size_t count, size_t size); /* NULL is allowed */

#define HS_NEW(type) ((type *)hs_alloc_zeroed (1, sizeof (type)))

/*
 * Test hook: the allocation with number `n` (1 = the next one) fails, and all later ones too
 * until hs_memory_fail_never(); or that one alone. hs_memory_n_allocations() counts since the last
 * call.
 */
void hs_memory_fail_at (uint64_t n);
void hs_memory_fail_once (uint64_t n);
void hs_memory_fail_never (void);
uint64_t hs_memory_n_allocations (void);

#endif
