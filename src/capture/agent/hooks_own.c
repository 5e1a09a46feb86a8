/* SPDX-License-Identifier: MIT */
/* What programs report by heapstrata.h: heaps of their own, their blocks, and marks. */
#include "capture/agent/hooks.h"

#include "capture/agent/heapstrata.h"

AGENT_EXPORT void heapstrata_agent_heap (const void *heap, const char *name)
{
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    if (thread != NULL)
        agent_tell_text (thread, HS_OTHER_HEAP, (uintptr_t)heap, name != NULL ? name : "");
    agent_leave (thread);
}

AGENT_EXPORT void heapstrata_agent_heap_end (const void *heap)
{
    uint64_t words[HS_RING_OTHER_WORDS] = { (uintptr_t)heap };
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    if (thread != NULL)
        agent_tell (thread, HS_OTHER_HEAP_END, words, NULL);
    agent_leave (thread);
}

AGENT_EXPORT void heapstrata_agent_alloc (const void *heap, const void *ptr, size_t size)
{
    AGENT_CALLER_FRAME (frame);
    uint64_t words[HS_RING_OTHER_WORDS] = { (uintptr_t)ptr, size, 0, (uintptr_t)heap };
    struct agent_thread *thread = agent_enter (frame.sp);

    if (thread != NULL && ptr != NULL && size >= agent.arena->min_size &&
        (!agent_is_sampling () || agent_sample_choose (thread, ptr)))
        agent_tell (thread, HS_OTHER_POOL_ALLOC, words, &frame);
    agent_leave (thread);
}

AGENT_EXPORT void heapstrata_agent_free (const void *heap, const void *ptr)
{
    uint64_t words[HS_RING_OTHER_WORDS] = { (uintptr_t)ptr, 0, 0, (uintptr_t)heap };
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    if (thread != NULL && ptr != NULL && (!agent_is_sampling () || agent_sample_take (ptr)))
        agent_tell (thread, HS_OTHER_POOL_FREE, words, NULL);
    agent_leave (thread);
}

AGENT_EXPORT void heapstrata_agent_mark (const char *name)
{
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    if (thread != NULL)
        agent_tell_text (thread, HS_OTHER_MARK, 0, name != NULL ? name : "");
    agent_leave (thread);
}
