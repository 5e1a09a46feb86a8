/* SPDX-License-Identifier: MIT */
/*
 * Events into the ring. The stack is taken first and may write records of its own; then `pending`
 * is set, the stamp taken, the record published, `pending` cleared (ring.h, CAPTURE.md 2).
 */
#include "capture/agent/agent.h"

#include "capture/agent/system.h"

static void end_pending (struct agent_thread *thread)
{
    atomic_store_explicit (&thread->ring->pending, 0, memory_order_release);
}

static uint64_t word (uint64_t stamp, enum hs_rec_kind kind)
{
    return stamp << 4 | (uint64_t)kind;
}

void agent_alloc (struct agent_thread *thread, void *address, size_t size,
                  const struct agent_frame *frame)
{
    uint64_t *record, stamp;
    uint32_t stack = agent_stack_id (thread, frame);

    record = (void *)agent_reserve (thread, 32);
    if (record == NULL)
        return;
    agent_begin_stamp (thread);
    stamp = read_tsc_after ();
    record[1] = (uintptr_t)address;
    if (__builtin_expect (size <= UINT32_MAX, 1)) {
        record[0] = word (stamp, HS_REC_ALLOC);
        record[2] = (uint64_t)size << 32 | stack;
        agent_publish (thread, 24, stamp);
    } else {
        record[0] = word (stamp, HS_REC_ALLOC_LARGE);
        record[2] = size;
        record[3] = stack;
        agent_publish (thread, 32, stamp);
    }
    end_pending (thread);
}

static void write_release (struct agent_thread *thread, void *address, enum hs_rec_kind kind)
{
    uint64_t *record = (void *)agent_reserve (thread, 16), stamp;

    if (record == NULL)
        return;
    agent_begin_stamp (thread);
    stamp = read_tsc ();
    record[0] = word (stamp, kind);
    record[1] = (uintptr_t)address;
    agent_publish (thread, 16, stamp);
    end_pending (thread);
}

void agent_free (struct agent_thread *thread, void *address)
{
    write_release (thread, address, HS_REC_FREE);
}

void agent_realloc_begin (struct agent_thread *thread, void *old)
{
    write_release (thread, old, HS_REC_REALLOC_BEGIN);
}

void agent_realloc_end (struct agent_thread *thread, void *address, size_t size,
                        const struct agent_frame *frame)
{
    uint32_t stack = address != NULL ? agent_stack_id (thread, frame) : 0;
    uint64_t *record = (void *)agent_reserve (thread, 32), stamp;

    if (record == NULL)
        return;
    agent_begin_stamp (thread);
    stamp = read_tsc_after ();
    record[0] = word (stamp, HS_REC_REALLOC_END);
    record[1] = (uintptr_t)address;
    record[2] = size;
    record[3] = stack;
    agent_publish (thread, 32, stamp);
    end_pending (thread);
}
