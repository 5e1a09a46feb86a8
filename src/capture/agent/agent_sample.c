/* SPDX-License-Identifier: MIT */
/*
 * Which blocks are recorded when one in so many is: decided by chance when a block is born, and
 * remembered until it ends, so that exactly their frees are recorded, too. The addresses stand in
 * buckets of a cache line each. A block whose bucket is full is not recorded, and counted.
 */
#include "capture/agent/agent.h"

#include "capture/agent/system.h"

#define BUCKETS 32768u /* a power of two */
#define PLACES 8u      /* a cache line */

static _Alignas(64) struct {
    _Atomic uintptr_t address[PLACES];
} buckets[BUCKETS];

static _Atomic uintptr_t *bucket_of (uintptr_t address)
{
    return buckets[((address >> 4) * UINT64_C (0x9e3779b97f4a7c15)) >> 49].address;
}

_Static_assert(BUCKETS == 1u << (64 - 49), "the top bits of a product");

static int replace (uintptr_t address, uintptr_t from, uintptr_t to)
{
    _Atomic uintptr_t *bucket = bucket_of (address);

    for (uint32_t i = 0; i < PLACES; i++) {
        uintptr_t expected = from;

        if (atomic_load_explicit (&bucket[i], memory_order_relaxed) == from &&
            atomic_compare_exchange_strong (&bucket[i], &expected, to))
            return 1;
    }
    return 0;
}

int agent_sample_keep (const void *address)
{
    if (replace ((uintptr_t)address, 0, (uintptr_t)address))
        return 1;
    atomic_fetch_add (&agent.arena->n_unsampled, 1);
    return 0;
}

int agent_sample_take (const void *address)
{
    return replace ((uintptr_t)address, (uintptr_t)address, 0);
}

int agent_sample_choose (struct agent_thread *thread, const void *address)
{
    uint64_t chance = thread->chance;

    /* left by an end that was not seen: while nothing was recorded, say */
    (void)agent_sample_take (address);
    if (chance == 0)
        chance =
            (agent.has_no_tsc ? agent_slow_now () : read_tsc ()) * UINT64_C (0x9e3779b97f4a7c15) |
            1;
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    thread->chance = chance;
    return (chance >> 32) * agent.arena->sample >> 32 == 0 && agent_sample_keep (address);
}
