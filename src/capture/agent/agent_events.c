/* SPDX-License-Identifier: MIT */
/*
 * Events into the ring: `pending` is set, the stamp taken, the record published, `pending` cleared
 * (ring.h, CAPTURE.md 2). Whatever is told between (stacks, modules) carries the event's stamp, so
 * that stamps never run backwards within a ring. The stack is walked after the stamp: the fence
 * before that then waits for the real call only, and the walk overlaps with what the program does
 * next.
 */
#include "capture/agent/agent.h"

#include "capture/agent/system.h"

static inline void begin_release (struct agent_thread *thread)
{
    atomic_store_explicit (&thread->ring->pending, 1, memory_order_relaxed);
    __asm__ volatile("" ::: "memory");
    thread->stamp = __builtin_expect (agent.has_no_tsc, 0) ? agent_slow_now () : read_tsc ();
}

/*
 * Another thread's release must not get a stamp after this one when it made this acquisition
 * possible: hence the fence. It was in the ring, and its thread counted, before the real call
 * could give us its block; a thread alone is ordered by its ring.
 */
static inline void begin_acquisition (struct agent_thread *thread)
{
    atomic_store_explicit (&thread->ring->pending, 1, memory_order_relaxed);
    __asm__ volatile("" ::: "memory");
    if (__builtin_expect (agent.has_no_tsc, 0))
        thread->stamp = agent_slow_now ();
    else if (atomic_load_explicit (&agent.n_threads, memory_order_relaxed) > 1)
        thread->stamp = read_tsc_after ();
    else
        thread->stamp = read_tsc ();
}

static inline void end_event (struct agent_thread *thread)
{
    atomic_store_explicit (&thread->ring->pending, 0, memory_order_release);
}

static inline uint64_t word (const struct agent_thread *thread, enum hs_rec_kind kind)
{
    return thread->stamp << 4 | (uint64_t)kind;
}

/* With the call in the byte that addresses of programs do not use. */
static inline uint64_t place (const void *address, uint8_t call)
{
    return (uint64_t)call << HS_RING_CALL_SHIFT | (uintptr_t)address;
}

void agent_alloc (struct agent_thread *thread, void *address, size_t size, uint8_t call,
                  const struct agent_frame *frame)
{
    uint64_t *record;
    uint32_t stack;

    if (agent_is_sampling () && !agent_sample_choose (thread, address))
        return;
    begin_acquisition (thread);
    stack = agent_stack_id (thread, frame);
    record = (void *)agent_reserve (thread, 32);
    if (record != NULL && __builtin_expect (size <= UINT32_MAX, 1)) {
        record[0] = word (thread, HS_REC_ALLOC);
        record[1] = place (address, call);
        record[2] = (uint64_t)size << 32 | stack;
        agent_publish (thread, 24);
    } else if (record != NULL) {
        record[0] = word (thread, HS_REC_ALLOC_LARGE);
        record[1] = place (address, call);
        record[2] = size;
        record[3] = stack;
        agent_publish (thread, 32);
    }
    end_event (thread);
}

static inline void write_release (struct agent_thread *thread, uint64_t address,
                                  enum hs_rec_kind kind)
{
    uint64_t *record;

    begin_release (thread);
    record = (void *)agent_reserve (thread, 16);
    if (record != NULL) {
        record[0] = word (thread, kind);
        record[1] = address;
        agent_publish (thread, 16);
    }
    end_event (thread);
}

static void free_with_stack (struct agent_thread *thread, uint64_t address,
                             const struct agent_frame *frame)
{
    uint64_t *record;
    uint32_t stack;

    begin_release (thread);
    stack = agent_stack_id (thread, frame);
    record = (void *)agent_reserve (thread, 24);
    if (record != NULL) {
        record[0] = word (thread, HS_REC_FREE_STACK);
        record[1] = address;
        record[2] = stack;
        agent_publish (thread, 24);
    }
    end_event (thread);
}

void agent_free (struct agent_thread *thread, void *address, uint8_t call,
                 const struct agent_frame *frame)
{
    if (agent_is_sampling () && !agent_sample_take (address))
        return;
    if (__builtin_expect (atomic_load_explicit (&agent.arena->control, memory_order_relaxed) &
                              HS_CONTROL_FREE_STACKS,
                          0))
        free_with_stack (thread, place (address, call), frame);
    else
        write_release (thread, place (address, call), HS_REC_FREE);
}

void agent_realloc_begin (struct agent_thread *thread, void *old)
{
    thread->resized = old;
    if (agent_is_sampling () && !agent_sample_take (old))
        thread->resized = NULL;
    if (thread->resized != NULL)
        write_release (thread, (uintptr_t)old, HS_REC_REALLOC_BEGIN);
}

/* A block that is recorded stays so under its new address. 0: there is nothing to tell. */
static int end_sampled_resize (struct agent_thread *thread, void **address, size_t *size)
{
    if (thread->resized == NULL)
        return 0;
    if (*address == NULL && *size != 0) { /* it failed: the old one lives on */
        if (!agent_sample_keep (thread->resized))
            *size = 0; /* as below */
    } else if (*address != NULL) {
        (void)agent_sample_take (*address);
        if (!agent_sample_keep (*address)) { /* for the trace it was freed */
            *address = NULL;
            *size = 0;
        }
    }
    return 1;
}

void agent_realloc_end (struct agent_thread *thread, void *address, size_t size,
                        const struct agent_frame *frame)
{
    uint64_t *record;
    uint32_t stack;

    if (agent_is_sampling () && !end_sampled_resize (thread, &address, &size))
        return;
    begin_acquisition (thread);
    stack = address != NULL ? agent_stack_id (thread, frame) : 0;
    record = (void *)agent_reserve (thread, 32);
    if (record != NULL) {
        record[0] = word (thread, HS_REC_REALLOC_END);
        record[1] = (uintptr_t)address;
        record[2] = size;
        record[3] = stack;
        agent_publish (thread, 32);
    }
    end_event (thread);
}

void agent_tell (struct agent_thread *thread, enum hs_ring_other what, uint64_t *words,
                 const struct agent_frame *frame)
{
    uint64_t *record;

    if (frame != NULL)
        begin_acquisition (thread);
    else
        begin_release (thread);
    if (frame != NULL)
        words[2] = agent_stack_id (thread, frame);
    record = (void *)agent_reserve (thread, 8 * (2 + HS_RING_OTHER_WORDS));
    if (record != NULL) {
        record[0] = word (thread, HS_REC_OTHER);
        record[1] = (uint64_t)HS_RING_OTHER_WORDS << 32 | what;
        for (unsigned i = 0; i < HS_RING_OTHER_WORDS; i++)
            record[2 + i] = words[i];
        agent_publish (thread, 8 * (2 + HS_RING_OTHER_WORDS));
    }
    end_event (thread);
}

void agent_tell_text (struct agent_thread *thread, enum hs_ring_other what, uint64_t first,
                      const char *text)
{
    uint32_t length = 0, n_words;
    uint64_t *record;

    while (length < HS_RING_OTHER_TEXT_MAX && text[length] != '\0')
        length++;
    n_words = 2 + (length + 7) / 8;
    begin_release (thread);
    record = (void *)agent_reserve (thread, 8 * (2 + n_words));
    if (record != NULL) {
        record[0] = word (thread, HS_REC_OTHER);
        record[1] = (uint64_t)n_words << 32 | what;
        record[2] = first;
        record[3] = length;
        if (length > 0)
            record[1 + n_words] = 0; /* the padding */
        for (uint32_t i = 0; i < length; i++)
            ((volatile char *)(record + 4))[i] = text[i];
        agent_publish (thread, 8 * (2 + n_words));
    }
    end_event (thread);
}
