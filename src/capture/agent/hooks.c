/* SPDX-License-Identifier: MIT */
/*
 * The functions that stand before libc's when the agent is preloaded.
 *
 * A release is recorded before the real call, an acquisition after it; realloc is two records
 * (CAPTURE.md 1). While dlsym looks up the real functions it may allocate: that is served from a
 * small static store, which free and realloc know.
 */
#include "capture/agent/hooks.h"

#include <stdint.h>

#define STORE_BYTES 65536u
#define PAGE_BYTES 4096u

static const _Atomic uint32_t zero;

struct agent_real agent_real;
struct agent_gate agent_gate = { (const uint32_t *)&zero, &zero };

static int is_looked_up;
static _Alignas(16) uint8_t store[STORE_BYTES];
static _Atomic size_t store_used;

/* Memory for dlsym's own needs: never given back, never recorded. */
static void *store_alloc (size_t n)
{
    size_t rounded = (n + 15) & ~(size_t)15, at;

    if (n > STORE_BYTES)
        return NULL;
    at = atomic_fetch_add (&store_used, rounded + 16);
    if (at + rounded + 16 > STORE_BYTES)
        return NULL;
    *(size_t *)(store + at) = n;
    return store + at + 16;
}

static int is_stored (const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)store < STORE_BYTES;
}

/* Sets all pointers; the order matters: whatever dlsym calls meanwhile meets NULL and the store.
 * In an attached process many threads may come here at once: each finds the same, by itself. */
void agent_look_up (void)
{
    if (is_looked_up && !AGENT_IS_ATTACHED)
        return;
    is_looked_up = 1;
#define LOOK_UP(name, result, parameters) agent_real.name = agent_find_real (#name);
    AGENT_HOOKED_C (LOOK_UP)
#undef LOOK_UP
    agent_real_syscall = (void *)agent_real.syscall;
}

AGENT_GATED (void *, malloc, (size_t size), (size))
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter (frame.sp);
    void *ret;

    if (__builtin_expect (agent_real.malloc == NULL, 0)) {
        agent_look_up ();
        if (agent_real.malloc == NULL) {
            agent_leave (thread);
            return store_alloc (size);
        }
    }
    ret = agent_real.malloc (size);
    AGENT_AFTER_ALLOC (ret, size, HS_RING_CALL_MALLOC);
    return ret;
}

AGENT_GATED (void *, calloc, (size_t count, size_t size), (count, size))
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter (frame.sp);
    size_t n;
    void *ret;

    if (__builtin_expect (agent_real.calloc == NULL, 0)) {
        agent_look_up ();
        if (agent_real.calloc == NULL) {
            if (thread != NULL)
                thread->is_busy = 0;
            return __builtin_mul_overflow (count, size, &n) ? NULL : store_alloc (n);
        }
    }
    ret = agent_real.calloc (count, size);
    AGENT_AFTER_ALLOC (ret, count * size, HS_RING_CALL_CALLOC);
    return ret;
}

AGENT_GATED_IF (!is_stored (ptr), void, free, (void *ptr), (ptr))
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread;

    if (ptr == NULL || is_stored (ptr))
        return;
    thread = agent_enter (frame.sp);
    if (agent_real.free == NULL)
        agent_look_up ();
    if (thread != NULL)
        agent_free (thread, ptr, HS_RING_CALL_MALLOC, &frame);
    if (agent_real.free != NULL)
        agent_real.free (ptr);
    agent_leave (thread);
}

/* What was given out of the store moves to the heap. */
static void *leave_store (const void *ptr, size_t size)
{
    size_t old = *(const size_t *)((const uint8_t *)ptr - 16);
    uint8_t *ret = malloc (size);

    for (size_t i = 0; ret != NULL && i < old && i < size; i++)
        ret[i] = ((const uint8_t *)ptr)[i];
    return ret;
}

/* realloc and reallocarray after their arguments are checked; `frame` is their caller. */
static void *resize (void *ptr, size_t size, const struct agent_frame *frame)
{
    struct agent_thread *thread = agent_enter (frame->sp);
    void *ret;

    if (agent_real.realloc == NULL)
        agent_look_up ();
    if (agent_real.realloc == NULL) {
        agent_leave (thread);
        return ptr == NULL ? store_alloc (size) : NULL;
    }
    if (thread == NULL)
        return agent_real.realloc (ptr, size);
    if (ptr != NULL)
        agent_realloc_begin (thread, ptr);
    ret = agent_real.realloc (ptr, size);
    if (ptr != NULL)
        agent_realloc_end (thread, ret, size, frame);
    else if (ret != NULL)
        agent_alloc (thread, ret, size, HS_RING_CALL_REALLOC, frame);
    agent_leave (thread);
    return ret;
}

AGENT_GATED_IF (!is_stored (ptr), void *, realloc, (void *ptr, size_t size), (ptr, size))
{
    AGENT_CALLER_FRAME (frame);

    return is_stored (ptr) ? leave_store (ptr, size) : resize (ptr, size, &frame);
}

AGENT_GATED_IF (!is_stored (ptr), void *, reallocarray, (void *ptr, size_t count, size_t size),
                (ptr, count, size))
{
    AGENT_CALLER_FRAME (frame);
    size_t n;

    if (__builtin_mul_overflow (count, size, &n)) { /* the real one fails, and says why */
        agent_look_up ();
        return agent_real.reallocarray != NULL ? agent_real.reallocarray (ptr, count, size) : NULL;
    }
    return is_stored (ptr) ? leave_store (ptr, n) : resize (ptr, n, &frame);
}

/* The aligned family differs in names only. */
#define ALIGNED(name, parameters, arguments, size, alignment)                                      \
    AGENT_GATED (void *, name, parameters, arguments)                                              \
    {                                                                                              \
        AGENT_CALLER_FRAME (frame);                                                                \
        struct agent_thread *thread = agent_enter (frame.sp);                                      \
        void *ret = NULL;                                                                          \
                                                                                                   \
        if (agent_real.name == NULL)                                                               \
            agent_look_up ();                                                                      \
        if (agent_real.name != NULL)                                                               \
            ret = agent_real.name arguments;                                                       \
        AGENT_AFTER_ALLOC (ret, size, hs_ring_call (HS_RING_CALL_MEMALIGN, alignment));            \
        return ret;                                                                                \
    }

ALIGNED (memalign, (size_t alignment, size_t n), (alignment, n), n, alignment)
ALIGNED (aligned_alloc, (size_t alignment, size_t n), (alignment, n), n, alignment)
ALIGNED (valloc, (size_t n), (n), n, PAGE_BYTES)
ALIGNED (pvalloc, (size_t n), (n), n, PAGE_BYTES)

AGENT_GATED (int, posix_memalign, (void **ret_ptr, size_t alignment, size_t n),
             (ret_ptr, alignment, n))
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter (frame.sp);
    void *ptr;
    int ret = 12; /* ENOMEM; errno itself is libc's business */

    if (agent_real.posix_memalign == NULL)
        agent_look_up ();
    if (agent_real.posix_memalign != NULL)
        ret = agent_real.posix_memalign (ret_ptr, alignment, n);
    ptr = ret == 0 ? *ret_ptr : NULL;
    AGENT_AFTER_ALLOC (ptr, n, hs_ring_call (HS_RING_CALL_MEMALIGN, alignment));
    return ret;
}

AGENT_EXPORT int dlclose (void *handle)
{
    AGENT_CALLER_FRAME (frame);
    struct agent_thread *thread;
    int ret;

    if (agent_real.dlclose == NULL)
        agent_look_up ();
    ret = agent_real.dlclose != NULL ? agent_real.dlclose (handle) : -1;
    /* rules and paths learnt from the module are wrong for what is loaded there next */
    atomic_fetch_add (&agent.module_generation, 1);
    /* not before: what destructors of the module did is recorded */
    thread = agent_enter (frame.sp);
    agent_tell_unloaded (thread);
    agent_leave (thread);
    return ret;
}
