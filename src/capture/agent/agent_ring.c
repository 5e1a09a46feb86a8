/* SPDX-License-Identifier: MIT */
/* A thread's ring: taking one, room in it, waiting when it is full. */
#include "capture/agent/agent.h"

#include "capture/agent/system.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#define WAIT_MS_PER_SECOND 50u    /* at most, for all threads together */
#define HEARTBEAT_MS 1000u        /* an older one: the recorder is gone */
#define SMALLEST_WAIT_TURNS 200u  /* spins before the clock is looked at */
#define SLEEP_NS 50000            /* then: the recorder may need our core to make room */
#define RETRY_EVENTS 64u          /* of threads without a ring: then one looks for a ring again */
#define NESTED_BYTES 4096u        /* so near below a hook's caller its nested calls come from */
#define EXCEPTION_CODE_BYTES 256u /* of the functions that agent.exception_alloc begins */
#define LOST_BYTES 16u /* kept free, so that losses can be told when there is room again */

/* Stands for all threads that found no ring: its one page that is ever touched holds the flag. */
static struct agent_thread without_ring;

#if !AGENT_IS_ATTACHED
__thread struct agent_thread *agent_self AGENT_TLS;

static inline struct agent_thread *agent_find_self (void)
{
    return agent_self;
}

static inline void agent_keep_self (struct agent_thread *thread)
{
    agent_self = thread;
}

/* Instead of an arena that is put in from outside: one that a fork child asks for. */
static inline int agent_take_attached (void)
{
    return agent_take_forked ();
}

void agent_forget_self (void)
{
    agent_self = NULL;
}
#endif

/* Takes a free ring; NULL when all are in use. */
static struct hs_ring_head *take_ring (uint32_t *ret)
{
    for (uint32_t i = 0; i < HS_RINGS; i++) {
        struct hs_ring_head *ring = agent_ring_head (i);
        uint32_t expected = HS_RING_FREE;

        if (atomic_compare_exchange_strong (&ring->state, &expected, HS_RING_OWNED)) {
            *ret = i;
            return ring;
        }
    }
    return NULL;
}

/* The memory of a ring's thread: that of the thread before, emptied, or new. */
static struct agent_thread *take_memory (uint32_t number)
{
    struct agent_thread *thread = agent.threads[number];

    if (thread != NULL && sys3 (SYS_madvise, (long)thread, sizeof *thread, MADV_DONTNEED) == 0)
        return thread;
    thread =
        sys_map (NULL, sizeof *thread, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys_is_error (thread))
        return NULL;
    agent.threads[number] = thread;
    return thread;
}

int agent_mirror_body (uint32_t number, uint8_t *to)
{
    uint8_t *from = (uint8_t *)agent.arena + (size_t)HS_ARENA_PAGE * (1 + HS_RINGS) +
                    (size_t)number * HS_RING_BYTES;

    for (unsigned half = 0; half < 2; half++) {
        /* a length of 0 makes a second mapping of shared memory, without a descriptor */
        if (sys_is_error ((void *)sys6 (SYS_mremap, (long)from, 0, HS_RING_BYTES,
                                        MREMAP_MAYMOVE | MREMAP_FIXED,
                                        (long)(to + (size_t)half * HS_RING_BYTES), 0)))
            return 0;
    }
    return 1;
}

struct agent_thread *agent_without_ring (void)
{
    without_ring.has_no_ring = 1;
    return &without_ring;
}

static struct agent_thread *give_up_thread (struct hs_ring_head *ring)
{
    if (ring != NULL) {
        atomic_fetch_add (&ring->owner, 1); /* no ring before one in use looks as if never taken */
        atomic_store (&ring->state, HS_RING_FREE);
    }
    return agent_without_ring ();
}

static struct agent_thread *make_thread (void)
{
    struct agent_thread *thread;
    struct hs_ring_head *ring;
    uint32_t number;

    ring = agent.is_quiet ? NULL : take_ring (&number);
    if (ring == NULL)
        return give_up_thread (NULL);
    thread = take_memory (number);
    if (thread == NULL)
        return give_up_thread (ring);
    thread->body = agent_map_body (number);
    if (thread->body == NULL)
        return give_up_thread (ring);
    thread->ring = ring;
    thread->head = atomic_load_explicit (&ring->head, memory_order_relaxed);
    thread->limit = 0; /* learnt with the first record */
    atomic_fetch_add (&agent.n_threads, 1);
    atomic_fetch_add (&ring->owner, 1);
    atomic_store (&ring->tid, (uint32_t)sys3 (SYS_gettid, 0, 0, 0));
    return thread;
}

static int is_on (void)
{
    /* in a fork child the page reads 0, and the arena is not even mapped */
    if (__builtin_expect (agent.alive == NULL || *agent.alive == 0, 0) && !agent_take_attached ())
        return 0;
    return (atomic_load_explicit (&agent.arena->control, memory_order_relaxed) & HS_CONTROL_ON) !=
           0;
}

static int is_on_known_stack (const struct agent_thread *thread, uintptr_t sp)
{
    return sp >= thread->stack_begin && sp < thread->stack_end;
}

/* Whether `sp` is on a signal handler's own stack, and the outer hook is not: it was interrupted.
 */
static int is_in_handler (const struct agent_thread *thread)
{
    stack_t other = { 0 };

    return sys3 (SYS_sigaltstack, 0, (long)&other, 0) == 0 && (other.ss_flags & SS_ONSTACK) &&
           thread->outer_sp - (uintptr_t)other.ss_sp > other.ss_size;
}

/*
 * Whether the hook that made the thread busy is no more, now that one is called from `sp`: an
 * exception or longjmp went through it. On its stack that is so when its frame is gone. On another
 * stack a coroutine has taken over, and allocators do not switch: but then nothing is touched that
 * is half written.
 */
static __attribute__ ((noinline, cold)) int is_abandoned (struct agent_thread *thread, uintptr_t sp)
{
    int is_quiet = (int)atomic_load_explicit (&agent.is_quiet, memory_order_relaxed);
    int is_same;

    if (!is_on_known_stack (thread, sp))
        (void)agent_prove_stack (thread, sp);
    is_same = is_on_known_stack (thread, sp) && is_on_known_stack (thread, thread->outer_sp);
    if (is_same && sp < thread->outer_sp)
        return 0;
    if (is_quiet ? !is_same : is_in_handler (thread))
        return 0;
    return is_same || atomic_load_explicit (&thread->ring->pending, memory_order_relaxed) == 0;
}

/* Whether a call from `sp`, nested in a hook, is the program's own nevertheless. */
static inline int is_own_call (struct agent_thread *thread, uintptr_t sp)
{
    if (thread->outer_sp - sp - 1 >= NESTED_BYTES)
        return is_abandoned (thread, sp);
    /* an operator new that is about to throw: what it makes here outlives it */
    return thread->is_busy == AGENT_BUSY_NEW &&
           ((const uintptr_t *)sp)[-1] - agent.exception_alloc < EXCEPTION_CODE_BYTES;
}

struct agent_thread *agent_enter_any (uintptr_t sp)
{
    struct agent_thread *thread;

    if (!is_on ())
        return NULL;
    thread = agent_find_self ();
    if (__builtin_expect (thread == NULL, 0)) {
        thread = make_thread ();
        agent_keep_self (thread);
    }
    if (thread->is_busy && !is_own_call (thread, sp))
        return NULL;
    if (__builtin_expect (thread->has_no_ring, 0)) {
        if (atomic_fetch_add_explicit (&agent.arena->n_unrecorded, 1, memory_order_relaxed) %
                RETRY_EVENTS ==
            0)
            agent_keep_self (make_thread ()); /* from the next event on */
        return NULL;
    }
    thread->outer_sp = sp;
    __asm__ volatile("" ::: "memory"); /* a handler that comes between must not read the old one */
    thread->is_busy = AGENT_BUSY_HOOK;
    return thread;
}

int agent_end_new (void)
{
    struct agent_thread *thread = agent_find_self (); /* also when recording was paused meanwhile */

    if (thread == NULL || thread->is_busy != AGENT_BUSY_NEW)
        return 0;
    thread->is_busy = AGENT_BUSY_NOT;
    return 1;
}

uintptr_t agent_ended_new (void)
{
    struct agent_thread *thread = agent_find_self ();

    return thread != NULL ? thread->outer_sp : 0;
}

void agent_resume_new (uintptr_t sp)
{
    struct agent_thread *thread = agent_enter_any (sp);

    if (thread != NULL)
        thread->is_busy = AGENT_BUSY_NEW;
}

__attribute__ ((noinline, cold)) uint64_t agent_slow_now (void)
{
    struct timespec time = { 0, 0 };

    (void)sys3 (SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t read_now (void)
{
    return agent.has_no_tsc ? agent_slow_now () : read_tsc ();
}

/* Whether this process may wait some more in this second; counts the wait. When it may not, the
 * thread need not ask again before the next. */
static int may_wait (struct agent_thread *thread, uint64_t ticks)
{
    uint64_t per_ms = agent.arena->ticks_per_ms;
    uint64_t now = read_now (), epoch;

    if (per_ms == 0)
        return 0;
    if ((int64_t)(now - atomic_load (&agent.arena->heartbeat)) > (int64_t)(HEARTBEAT_MS * per_ms)) {
        /* nobody drains: tracing costs nothing more until a recorder that lives switches it on */
        atomic_store (&agent.arena->control, 0);
        return 0;
    }
    epoch = now / (1000 * per_ms);
    if (atomic_exchange (&agent.wait_epoch, epoch) != epoch)
        atomic_store (&agent.wait_ticks, 0);
    if (atomic_fetch_add (&agent.wait_ticks, ticks) + ticks < WAIT_MS_PER_SECOND * per_ms)
        return 1;
    thread->no_wait_before = (epoch + 1) * 1000 * per_ms;
    return 0;
}

/* Whether there is room, and some more to tell of losses. */
static int has_room (struct agent_thread *thread, uint32_t n)
{
    uint64_t tail = atomic_load_explicit (&thread->ring->tail, memory_order_acquire);

    thread->limit = tail + HS_RING_BYTES - LOST_BYTES;
    return thread->head + n <= thread->limit;
}

static int wait_for_room (struct agent_thread *thread, uint32_t n)
{
    const struct timespec nap = { .tv_nsec = SLEEP_NS };
    uint64_t begin = thread->stamp;

    if (begin < thread->no_wait_before || !may_wait (thread, 0))
        return 0; /* this second's waiting is used up: no turn more */
    for (;;) {
        uint64_t now;

        for (unsigned i = 0; i < SMALLEST_WAIT_TURNS; i++) {
            if (has_room (thread, n))
                return 1;
            __builtin_ia32_pause ();
        }
        if (!atomic_load_explicit (&agent.is_quiet, memory_order_relaxed))
            (void)sys3 (SYS_nanosleep, (long)&nap, 0, 0);
        now = read_now ();
        if (!may_wait (thread, now - begin))
            return 0;
        begin = now;
    }
}

static void write_lost (struct agent_thread *thread)
{
    uint64_t *record = (void *)(thread->body + thread->head % HS_RING_BYTES);

    record[0] = thread->stamp << 4 | HS_REC_LOST;
    record[1] = thread->n_lost;
    thread->n_lost = 0;
    thread->head += LOST_BYTES;
}

uint8_t *agent_make_room (struct agent_thread *thread, uint32_t n)
{
    if (!has_room (thread, n) && !wait_for_room (thread, n)) {
        thread->n_lost++;
        thread->limit = 0; /* come here again, to tell of it */
        atomic_fetch_add_explicit (&thread->ring->n_lost, 1, memory_order_relaxed);
        return NULL;
    }
    if (thread->n_lost > 0)
        write_lost (thread);
    return thread->body + thread->head % HS_RING_BYTES;
}
