/* SPDX-License-Identifier: MIT */
/*
 * The agent that was put into a running process: no loader knows it, so there is no constructor, no
 * TLS and no dlsym. Everything comes from the head that the injector filled in.
 *
 * Threads are found by what fs:0 points to and by their id in it: the address alone is used again
 * for the next thread on the same stack. Entries of threads that are gone are taken over. Whose an
 * entry is, its ring's head tells, which is there for ever; the memory of a thread that is gone is
 * given to another, or back to the system.
 */
#include "capture/agent/agent.h"

#include "capture/agent/hooks.h"
#include "capture/agent/system.h"
#include "capture/ring/attach_head.h"

#include <sys/mman.h>

#define TABLE 1024u /* a power of two, four times the rings */
#define PROBES 16u
#define BEING_WRITTEN 1u

#define NO_RING UINT32_MAX

struct entry {
    _Atomic uintptr_t pointer; /* fs:0; 0 = never used */
    _Atomic uint32_t tid;
    _Atomic uint32_t ring; /* its number */
};

struct agent agent;

static struct entry table[TABLE];

__attribute__ ((visibility ("default"))) struct hs_attach_head heapstrata_attach_head = {
    .magic = HS_ATTACH_MAGIC,
    .told = (uint64_t)&agent.module_generation,
    .threads = (uint64_t)table,
    .threads_size = sizeof table,
    .memories = (uint64_t)agent.threads,
    .memory_size = sizeof (struct agent_thread),
};

static uint32_t taken_generation;

static int is_same_text (const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

void *agent_find_real (const char *name)
{
    const struct hs_attach_head *head = &heapstrata_attach_head;

    for (uint32_t i = 0; i < head->n_reals && i < HS_ATTACH_REALS; i++) {
        if (is_same_text (head->reals[i].name, name))
            return (void *)head->reals[i].address;
    }
    return NULL;
}

/* Several threads may do this at once: all write the same. */
int agent_take_attached (void)
{
    const struct hs_attach_head *head = &heapstrata_attach_head;
    uint32_t generation = atomic_load_explicit (&head->generation, memory_order_acquire);

    /* a fork child that nobody has attached to has a page of zeroes, and no arena */
    if (generation == taken_generation || *(const volatile uint32_t *)head->alive == 0)
        return 0;
    agent.arena = (void *)head->arena;
    agent.has_no_tsc = agent.arena->clock != HS_RING_CLOCK_TSC;
    agent.rings = (void *)(head->arena + HS_ARENA_PAGE);
    agent.bodies = (void *)head->bodies;
    agent_gate.control = &agent.arena->control;
    __asm__ volatile("" ::: "memory");
    agent_gate.alive = agent.alive = (void *)head->alive;
    taken_generation = generation;
    return 1;
}

static uintptr_t thread_pointer (void)
{
    uintptr_t ret;

    __asm__("mov %%fs:0, %0" : "=r"(ret));
    return ret;
}

static uint32_t thread_id (uintptr_t pointer)
{
    return *(const volatile uint32_t *)(pointer + heapstrata_attach_head.tid_offset);
}

static struct entry *entry_at (uintptr_t pointer, uint32_t i)
{
    return &table[((pointer >> 6 ^ pointer >> 12 ^ pointer >> 21) + i) & (TABLE - 1)];
}

/* Whether the thread that the entry was made for has its ring still. */
static int has_ring (uint32_t number, uint32_t tid)
{
    const struct hs_ring_head *ring;

    if (number >= HS_RINGS)
        return 0;
    ring = agent_ring_head (number);
    return atomic_load (&ring->state) == HS_RING_OWNED && atomic_load (&ring->tid) == tid;
}

struct agent_thread *agent_find_self (void)
{
    uintptr_t pointer = thread_pointer ();
    uint32_t tid = thread_id (pointer);

    for (uint32_t i = 0; i < PROBES; i++) {
        struct entry *entry = entry_at (pointer, i);
        uint32_t number;

        if (atomic_load_explicit (&entry->pointer, memory_order_acquire) != pointer ||
            atomic_load_explicit (&entry->tid, memory_order_relaxed) != tid)
            continue;
        /* without a ring it is for others to take, also just now */
        number = atomic_load_explicit (&entry->ring, memory_order_relaxed);
        if (number == NO_RING)
            return agent_without_ring ();
        if (has_ring (number, tid))
            return agent.threads[number];
    }
    return NULL;
}

/* When no entry is free the thread is met as a new one each time: it then finds no ring either. */
void agent_keep_self (struct agent_thread *thread)
{
    uintptr_t pointer = thread_pointer ();
    uint32_t number = NO_RING;

    if (!thread->has_no_ring)
        number = (uint32_t)(((uintptr_t)thread->ring - (uintptr_t)agent.rings) / HS_ARENA_PAGE);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct entry *entry = entry_at (pointer, i);
        uintptr_t found = atomic_load_explicit (&entry->pointer, memory_order_acquire);

        if (found == BEING_WRITTEN ||
            (found != 0 && found != pointer &&
             has_ring (atomic_load (&entry->ring), atomic_load (&entry->tid))) ||
            !atomic_compare_exchange_strong (&entry->pointer, &found, BEING_WRITTEN))
            continue;
        atomic_store (&entry->tid, thread_id (pointer));
        atomic_store (&entry->ring, number);
        atomic_store_explicit (&entry->pointer, pointer, memory_order_release);
        return;
    }
}

uint8_t *agent_map_body (uint32_t number)
{
    uint8_t *to = agent.bodies + (size_t)number * 2 * HS_RING_BYTES;

    return agent_mirror_body (number, to) ? to : NULL;
}
