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

#define RESERVATIONS 64u

/* Places that the program reserved (PROT_NONE): what it makes accessible of them is a commit. Also
 * those of guard pages, which are released with their stack. Never full for long: the oldest goes.
 */
static struct {
    _Atomic uintptr_t begin, end;
} reserved[RESERVATIONS];
static _Atomic uint32_t n_reserved;

static void reserve (const void *at, size_t n)
{
    uint32_t i = atomic_fetch_add (&n_reserved, 1) % RESERVATIONS;

    atomic_store (&reserved[i].end, 0); /* never a begin and an end that do not belong together */
    atomic_store (&reserved[i].begin, (uintptr_t)at);
    atomic_store (&reserved[i].end, (uintptr_t)at + n);
}

static int is_reserved (const void *at, size_t n)
{
    uint32_t used = atomic_load_explicit (&n_reserved, memory_order_relaxed);

    for (uint32_t i = 0; i < used && i < RESERVATIONS; i++) {
        if ((uintptr_t)at >= atomic_load (&reserved[i].begin) &&
            (uintptr_t)at + n <= atomic_load (&reserved[i].end))
            return 1;
    }
    return 0;
}

static void release (const void *at, size_t n)
{
    uint32_t used = atomic_load_explicit (&n_reserved, memory_order_relaxed);

    for (uint32_t i = 0; i < used && i < RESERVATIONS; i++) {
        if (atomic_load (&reserved[i].begin) >= (uintptr_t)at &&
            atomic_load (&reserved[i].end) <= (uintptr_t)at + n)
            atomic_store (&reserved[i].end, 0);
    }
}

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
    if (protection == PROT_NONE && (flags & MAP_ANONYMOUS)) {
        if (flags & MAP_FIXED) /* what was there is gone */
            tell (thread, HS_OTHER_UNMAP, ret, n, DECOMMIT, NULL);
        reserve (ret, n);
    }
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
    release (at, n);
    if (agent_real.munmap != NULL)
        ret = agent_real.munmap (at, n);
    else
        ret = sys3 (SYS_munmap, (long)at, (long)n, 0) == 0 ? 0 : -1;
    agent_leave (thread);
    return ret;
}

/* Of reserved memory, what becomes accessible is committed, and what does not is no more. Other
 * protections are none of our business: code that is written, what the loader does. */
AGENT_EXPORT int mprotect (void *at, size_t n, int protection)
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread;
    int ret;

    if (__builtin_expect (agent_real.mprotect == NULL, 0))
        agent_look_up ();
    if (agent_real.mprotect != NULL)
        ret = agent_real.mprotect (at, n, protection);
    else
        ret = sys3 (SYS_mprotect, (long)at, (long)n, protection) == 0 ? 0 : -1;
    if (ret != 0 || !is_reserved (at, n))
        return ret;
    thread = agent_enter (frame.sp);
    if (protection != PROT_NONE)
        tell (thread, HS_OTHER_MAP, at, n, COMMIT, &frame);
    else
        tell (thread, HS_OTHER_UNMAP, at, n, DECOMMIT, NULL);
    agent_leave (thread);
    return ret;
}

/* Files are not told of. What is not moved, because it fails, is told again. */
AGENT_EXPORT void *mremap (void *old, size_t old_size, size_t size, int flags, void *at)
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter (frame.sp);
    struct agent_mapping mapping;
    void *ret = MAP_FAILED;

    if (__builtin_expect (agent_real.mremap == NULL, 0))
        agent_look_up ();
    if (thread != NULL && agent_find_mapping ((uintptr_t)old, &mapping) && mapping.is_file) {
        agent_leave (thread);
        thread = NULL;
    }
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
