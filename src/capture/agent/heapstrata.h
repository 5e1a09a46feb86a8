/* SPDX-License-Identifier: MIT */
/*
 * Tells Heapstrata what it cannot see by itself: blocks that a program hands out of memory of its
 * own (pools, arenas, garbage collected heaps), the names of such heaps, and what it is doing.
 *
 * Nothing is linked. A program that is not being recorded tests one pointer per call. Recorded
 * (`heapstrata record -- PROGRAM`), the calls find their functions in the agent. Any thread may
 * call at any time; nothing here allocates, prints, blocks on a lock, or changes errno.
 *
 *     static struct pool names;
 *
 *     heapstrata_heap (&names, "names");               once, before its first block
 *     ptr = pool_take (&names, n);
 *     heapstrata_alloc (&names, ptr, n);               after the block is yours
 *     heapstrata_free (&names, ptr);                   before it goes back
 *     heapstrata_heap_end (&names);                    all that is left goes at once
 *     heapstrata_mark ("file loaded");
 *
 * A heap is told apart by an address: that of your pool, say, which no other heap has meanwhile.
 * What the pool itself takes from malloc is recorded as ever, in the heap of malloc.
 */
#ifndef HEAPSTRATA_H
#define HEAPSTRATA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The agent's; absent from a program that is not recorded. Call those below instead. */
#define HEAPSTRATA_WEAK __attribute__ ((weak, visibility ("default")))
extern void heapstrata_agent_heap (const void *heap, const char *name) HEAPSTRATA_WEAK;
extern void heapstrata_agent_heap_end (const void *heap) HEAPSTRATA_WEAK;
extern void heapstrata_agent_alloc (const void *heap, const void *ptr, size_t size) HEAPSTRATA_WEAK;
extern void heapstrata_agent_free (const void *heap, const void *ptr) HEAPSTRATA_WEAK;
extern void heapstrata_agent_mark (const char *name) HEAPSTRATA_WEAK;

/* Announces a heap and its name (UTF-8, up to 1024 bytes); again: renames it. */
static inline void heapstrata_heap (const void *heap, const char *name)
{
    if (heapstrata_agent_heap)
        heapstrata_agent_heap (heap, name);
}

/* The heap is gone, with every block that is left in it. */
static inline void heapstrata_heap_end (const void *heap)
{
    if (heapstrata_agent_heap_end)
        heapstrata_agent_heap_end (heap);
}

/* A block of `size` bytes at `ptr` was handed out. */
static inline void heapstrata_alloc (const void *heap, const void *ptr, size_t size)
{
    if (heapstrata_agent_alloc)
        heapstrata_agent_alloc (heap, ptr, size);
}

/* The block at `ptr` is taken back. */
static inline void heapstrata_free (const void *heap, const void *ptr)
{
    if (heapstrata_agent_free)
        heapstrata_agent_free (heap, ptr);
}

/* A mark in the time line. */
static inline void heapstrata_mark (const char *name)
{
    if (heapstrata_agent_mark)
        heapstrata_agent_mark (name);
}

#ifdef __cplusplus
}
#endif

#endif
