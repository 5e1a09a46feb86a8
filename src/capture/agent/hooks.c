/* SPDX-License-Identifier: MIT */
/*
 * The functions that stand before libc's when the agent is preloaded.
 *
 * A release is recorded before the real call, an acquisition after it; realloc is two records
 * (CAPTURE.md 1). While dlsym looks up the real functions it may allocate: that is served from a
 * small static store, which free and realloc know.
 */
#include "capture/agent/agent.h"

#include <stdint.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define STORE_BYTES 65536u

struct real {
    void *(*malloc) (size_t);
    void *(*calloc) (size_t, size_t);
    void *(*realloc) (void *, size_t);
    void *(*reallocarray) (void *, size_t, size_t);
    void *(*memalign) (size_t, size_t);
    void *(*aligned_alloc) (size_t, size_t);
    int (*posix_memalign) (void **, size_t, size_t);
    void *(*valloc) (size_t);
    void *(*pvalloc) (size_t);
    void (*free) (void *);
    int (*dlclose) (void *);
};

static struct real real;
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
    return (const uint8_t *)ptr >= store && (const uint8_t *)ptr < store + STORE_BYTES;
}

/* Sets all pointers; the order matters: whatever dlsym calls meanwhile meets NULL and the store.
 * In an attached process many threads may come here at once: each finds the same, by itself. */
__attribute__ ((visibility ("hidden"))) void agent_look_up (void)
{
    if (is_looked_up && !AGENT_IS_ATTACHED)
        return;
    is_looked_up = 1;
    real.calloc = agent_find_real ("calloc");
    real.realloc = agent_find_real ("realloc");
    real.reallocarray = agent_find_real ("reallocarray");
    real.memalign = agent_find_real ("memalign");
    real.aligned_alloc = agent_find_real ("aligned_alloc");
    real.posix_memalign = agent_find_real ("posix_memalign");
    real.valloc = agent_find_real ("valloc");
    real.pvalloc = agent_find_real ("pvalloc");
    real.dlclose = agent_find_real ("dlclose");
    real.free = agent_find_real ("free");
    real.malloc = agent_find_real ("malloc");
}

/* The caller's registers, as the walker wants them. A macro: it must stand in the hook itself,
 * which is built with a frame pointer. */
#define CALLER_FRAME(name)                                                                         \
    const uintptr_t *base = __builtin_frame_address (0);                                           \
    const struct agent_frame name = { base[1], (uintptr_t)(base + 2), base[0] }

#define AFTER_ALLOC(address, size)                                                                 \
    do {                                                                                           \
        if (thread != NULL) {                                                                      \
            if ((address) != NULL && (size) >= agent.arena->min_size)                              \
                agent_alloc (thread, (address), (size), &frame);                                   \
            thread->is_busy = 0;                                                                   \
        }                                                                                          \
    } while (0)

EXPORT void *malloc (size_t size)
{
    CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter ();
    void *ret;

    if (__builtin_expect (real.malloc == NULL, 0)) {
        agent_look_up ();
        if (real.malloc == NULL) {
            if (thread != NULL)
                thread->is_busy = 0;
            return store_alloc (size);
        }
    }
    ret = real.malloc (size);
    AFTER_ALLOC (ret, size);
    return ret;
}

EXPORT void *calloc (size_t count, size_t size)
{
    CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter ();
    size_t n;
    void *ret;

    if (__builtin_expect (real.calloc == NULL, 0)) {
        agent_look_up ();
        if (real.calloc == NULL) {
            if (thread != NULL)
                thread->is_busy = 0;
            return __builtin_mul_overflow (count, size, &n) ? NULL : store_alloc (n);
        }
    }
    ret = real.calloc (count, size);
    AFTER_ALLOC (ret, count * size);
    return ret;
}

EXPORT void free (void *ptr)
{
    struct agent_thread *thread;

    if (ptr == NULL || is_stored (ptr))
        return;
    thread = agent_enter ();
    if (real.free == NULL)
        agent_look_up ();
    if (thread != NULL)
        agent_free (thread, ptr);
    if (real.free != NULL)
        real.free (ptr);
    if (thread != NULL)
        thread->is_busy = 0;
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
    struct agent_thread *thread = agent_enter ();
    void *ret;

    if (real.realloc == NULL)
        agent_look_up ();
    if (real.realloc == NULL) {
        if (thread != NULL)
            thread->is_busy = 0;
        return ptr == NULL ? store_alloc (size) : NULL;
    }
    if (thread == NULL)
        return real.realloc (ptr, size);
    if (ptr != NULL)
        agent_realloc_begin (thread, ptr);
    ret = real.realloc (ptr, size);
    if (ptr != NULL)
        agent_realloc_end (thread, ret, size, frame);
    else if (ret != NULL)
        agent_alloc (thread, ret, size, frame);
    thread->is_busy = 0;
    return ret;
}

EXPORT void *realloc (void *ptr, size_t size)
{
    CALLER_FRAME (frame);

    return is_stored (ptr) ? leave_store (ptr, size) : resize (ptr, size, &frame);
}

EXPORT void *reallocarray (void *ptr, size_t count, size_t size)
{
    CALLER_FRAME (frame);
    size_t n;

    if (__builtin_mul_overflow (count, size, &n)) { /* the real one fails, and says why */
        agent_look_up ();
        return real.reallocarray != NULL ? real.reallocarray (ptr, count, size) : NULL;
    }
    return is_stored (ptr) ? leave_store (ptr, n) : resize (ptr, n, &frame);
}

/* The aligned family differs in names only. */
#define ALIGNED(name, parameters, arguments, size)                                                 \
    EXPORT void *name parameters                                                                   \
    {                                                                                              \
        CALLER_FRAME (frame);                                                                      \
        struct agent_thread *thread = agent_enter ();                                              \
        void *ret = NULL;                                                                          \
                                                                                                   \
        if (real.name == NULL)                                                                     \
            agent_look_up ();                                                                      \
        if (real.name != NULL)                                                                     \
            ret = real.name arguments;                                                             \
        AFTER_ALLOC (ret, size);                                                                   \
        return ret;                                                                                \
    }

ALIGNED (memalign, (size_t alignment, size_t n), (alignment, n), n)
ALIGNED (aligned_alloc, (size_t alignment, size_t n), (alignment, n), n)
ALIGNED (valloc, (size_t n), (n), n)
ALIGNED (pvalloc, (size_t n), (n), n)

EXPORT int posix_memalign (void **ret_ptr, size_t alignment, size_t n)
{
    CALLER_FRAME (frame);
    struct agent_thread *thread = agent_enter ();
    void *ptr;
    int ret = 12; /* ENOMEM; errno itself is libc's business */

    if (real.posix_memalign == NULL)
        agent_look_up ();
    if (real.posix_memalign != NULL)
        ret = real.posix_memalign (ret_ptr, alignment, n);
    ptr = ret == 0 ? *ret_ptr : NULL;
    AFTER_ALLOC (ptr, n);
    return ret;
}

EXPORT int dlclose (void *handle)
{
    int ret;

    if (real.dlclose == NULL)
        agent_look_up ();
    ret = real.dlclose != NULL ? real.dlclose (handle) : -1;
    /* rules and paths learnt from the module are wrong for what is loaded there next */
    atomic_fetch_add (&agent.module_generation, 1);
    return ret;
}
