/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The core's allocator: libc's, with overflow checks and a failure switch for tests. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The one exception to "no static state": a test switch must reach every allocation. */
static _Atomic uint64_t n_allocations;
static _Atomic uint64_t fail_at = UINT64_MAX;
static _Atomic uint64_t fail_until = UINT64_MAX; /* that one too */

static int must_fail (void)
{
    uint64_t number = atomic_fetch_add_explicit (&n_allocations, 1, memory_order_relaxed) + 1;

    return number >= atomic_load_explicit (&fail_at, memory_order_relaxed) &&
           number <= atomic_load_explicit (&fail_until, memory_order_relaxed);
}

void *hs_alloc_zeroed (size_t count, size_t size)
{
    if (must_fail ())
        return NULL;
    return calloc (count > 0 ? count : 1, size > 0 ? size : 1);
}

void *hs_alloc_array (size_t count, size_t size)
{
    size_t n_bytes;

    if (must_fail () || __builtin_mul_overflow (count, size, &n_bytes))
        return NULL;
    return malloc (n_bytes > 0 ? n_bytes : 1);
}

void *hs_realloc_array (void *ptr, size_t count, size_t size)
{
    size_t n_bytes;

    if (must_fail () || __builtin_mul_overflow (count, size, &n_bytes))
        return NULL;
    return realloc (ptr, n_bytes > 0 ? n_bytes : 1);
}

char *hs_strndup (const char *text, size_t n)
{
    char *copy = hs_alloc_array (n + 1, 1);

    if (copy == NULL)
        return NULL;
    if (n > 0)
        memcpy (copy, text, n);
    copy[n] = '\0';
    return copy;
}

void hs_free (void *ptr)
{
    free (ptr);
}

void *hs_reserve (size_t size)
{
    void *ptr;

    if (must_fail ())
        return NULL;
    ptr = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
    return ptr != MAP_FAILED ? ptr : NULL;
}

void hs_reserve_most (void *ptr, size_t size)
{
    (void)madvise (ptr, size, MADV_HUGEPAGE);
}

void hs_unreserve (void *ptr, size_t size)
{
    if (ptr != NULL)
        (void)munmap (ptr, size);
}

#define LARGE_BYTES ((size_t)4 << 20)

void *hs_alloc_large (size_t count, size_t size)
{
    size_t n_bytes;
    void *ptr;

    if (__builtin_mul_overflow (count, size, &n_bytes))
        return NULL;
    if (n_bytes < LARGE_BYTES)
        return hs_alloc_array (count, size);
    ptr = hs_reserve (n_bytes);
    if (ptr != NULL)
        hs_reserve_most (ptr, n_bytes);
    return ptr;
}

void hs_free_large (void *ptr, size_t count, size_t size)
{
    if (count * size < LARGE_BYTES)
        hs_free (ptr);
    else
        hs_unreserve (ptr, count * size);
}

static void fail_between (uint64_t first, uint64_t last)
{
    atomic_store (&n_allocations, 0);
    atomic_store (&fail_at, first);
    atomic_store (&fail_until, last);
}

void hs_memory_fail_at (uint64_t n)
{
    fail_between (n, UINT64_MAX);
}

void hs_memory_fail_once (uint64_t n)
{
    fail_between (n, n);
}

void hs_memory_fail_never (void)
{
    fail_between (UINT64_MAX, UINT64_MAX);
}

uint64_t hs_memory_n_allocations (void)
{
    return atomic_load (&n_allocations);
}
