/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory that the program maps by itself, as records of address space. What allocators
 * map inside of a hooked call is theirs and is not recorded; what libc and the loader map does not
 * come here.
 */
#include "capture/agent/hooks.h"
#include "capture/agent/system.h"

/* libc's own declarations take "...", or stand for mmap64 */
#define mremap declared_mremap
#define mmap declared_mmap
#include <sys/mman.h>
#undef mmap
#undef mremap

/* Windows' words for it (heap_event.h) */
#define COMMIT 0x1000u
#define RESERVE 0x2000u
#define DECOMMIT 0x4000u
#define RELEASE 0x8000u

static void tell (struct agent_thread *thread, enum hs_ring_other what, const void *at, size_t n,
                  unsigned flags, const struct agent_frame *frame)
{
    uint64_t words[HS_RING_OTHER_WORDS] = { (uintptr_t)at, n, 0, flags };

    if (thread != NULL && n > 0)
        agent_tell (thread, what, words, frame);
}

static void tell_map (struct agent_thread *thread, const void *ret, size_t n, unsigned protection,
                      unsigned flags, const struct agent_frame *frame)
{
    if (ret == MAP_FAILED)
        return;
    if (flags & MAP_ANONYMOUS)
        tell (thread, HS_OTHER_MAP, ret, n, protection == PROT_NONE ? RESERVE : RESERVE | COMMIT,
              frame);
    else if (flags & MAP_FIXED) /* a file takes the place of what was there */
        tell (thread, HS_OTHER_UNMAP, ret, n, DECOMMIT, NULL);
}

#define MMAP(name)                                                                                 \
    AGENT_GATED (void *, name,                                                                     \
                 (void *at, size_t n, int protection, int flags, int fd, long offset),             \
                 (at, n, protection, flags, fd, offset))                                           \
    {                                                                                              \
        AGENT_CALLER_FRAME (frame);                                                                \
        struct agent_thread *thread = agent_enter (frame.sp);                                      \
        void *ret;                                                                                 \
                                                                                                   \
        if (__builtin_expect (agent_real.name == NULL, 0))                                         \
            agent_look_up ();                                                                      \
        if (agent_real.name != NULL)                                                               \
            ret = agent_real.name (at, n, protection, flags, fd, offset);                          \
        else if (sys_is_error (ret = sys_map (at, n, protection, flags, fd, offset)))              \
            ret = MAP_FAILED;                                                                      \
        tell_map (thread, ret, n, (unsigned)protection, (unsigned)flags, &frame);                  \
        agent_leave (thread);                                                                      \
        return ret;                                                                                \
    }

MMAP (mmap)
MMAP (mmap64)

AGENT_EXPORT int munmap (void *at, size_t n)
{
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());
    int ret;

    if (__builtin_expect (agent_real.munmap == NULL, 0))
        agent_look_up ();
    tell (thread, HS_OTHER_UNMAP, at, n, RELEASE, NULL);
    if (agent_real.munmap != NULL)
        ret = agent_real.munmap (at, n);
    else
        ret = sys3 (SYS_munmap, (long)at, (long)n, 0) == 0 ? 0 : -1;
    agent_leave (thread);
    return ret;
}

/* What is not moved, because it fails, is told again. */
AGENT_EXPORT void *mremap (void *old, size_t old_size, size_t size, int flags, void *at)
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter (frame.sp);
    void *ret = MAP_FAILED;

    if (__builtin_expect (agent_real.mremap == NULL, 0))
        agent_look_up ();
    tell (thread, HS_OTHER_UNMAP, old, old_size, RELEASE, NULL);
    if (agent_real.mremap != NULL)
        ret = agent_real.mremap (old, old_size, size, flags, at);
    if (ret == MAP_FAILED)
        tell (thread, HS_OTHER_MAP, old, old_size, RESERVE | COMMIT, &frame);
    else
        tell (thread, HS_OTHER_MAP, ret, size, RESERVE | COMMIT, &frame);
    agent_leave (thread);
    return ret;
}
