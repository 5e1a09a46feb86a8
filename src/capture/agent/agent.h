/* SPDX-License-Identifier: MIT */
/*
 * The inside of the agent: the .so that lives in other people's programs.
 *
 * It has no DT_NEEDED, makes its own system calls, never prints, exits, aborts or changes errno,
 * and stands aside when it cannot work. Per thread there is one struct agent_thread, found through
 * one 8-byte initial-exec TLS word.
 */
#ifndef HS_CAPTURE_AGENT_AGENT_H
#define HS_CAPTURE_AGENT_AGENT_H

#include "capture/ring/ring.h"
#include "capture/unwind/unwind.h"

#include <stddef.h>

/* Known stacks per thread, a power of two; full at three quarters: then all are told anew. */
#define AGENT_STACKS 32768u
#define AGENT_RECENT 1024u /* of them stay near in the cache, a power of two */
#define AGENT_MODULES 64u
#define AGENT_LOADED 1024u /* modules of the process that are looked after */

/* The agent is compiled twice: to be preloaded, and to be put into a running process. */
#ifdef HS_AGENT_ATTACHED
#define AGENT_IS_ATTACHED 1
#else
#define AGENT_IS_ATTACHED 0
#endif

enum agent_busy {
    AGENT_BUSY_NOT,
    AGENT_BUSY_HOOK, /* inside a hooked call: those it makes are not recorded */
    AGENT_BUSY_NEW,  /* the same, inside an operator new */
};

struct agent_thread {
    struct hs_ring_head *ring;
    uint8_t *body;           /* mapped twice */
    uint64_t head;           /* the producer's own copy */
    uint64_t limit;          /* up to here there is room in the ring, as far as is known */
    uint64_t stamp;          /* of the event that is being written */
    uint64_t n_lost;         /* not yet told */
    uint64_t no_wait_before; /* a stamp: up to then a full ring is a loss at once */
    int is_busy;             /* enum agent_busy */
    const void *resized;     /* the old block of a sampled realloc, NULL = it is not recorded */
    uint64_t chance;         /* of sampling */
    int has_no_ring;
    uintptr_t outer_sp; /* of the caller of the hook that made it busy */
    uint32_t module_generation;
    uintptr_t stack_begin, stack_end; /* the proven interval */
    uint32_t n_stacks;                /* told; their ids are 1 to this */
    uint32_t newest_id;               /* that of the newest event's stack, */
    uint64_t newest_hash;             /* and the hash it has */
    uint32_t n_modules;
    uintptr_t modules[AGENT_MODULES]; /* begin of those told through this ring */
    /* The hash's low 15 bits are the place to look from; its high 48 bits are kept, with the id in
     * the low 16: half a cache line holds four. 0 = free. */
    uint64_t stacks[AGENT_STACKS];
    uint64_t recent[AGENT_RECENT]; /* the same of what was met lately, by other bits of the hash */
    struct hs_unwinder unwinder;
};

struct agent_loaded {         /* a module that was told, until it is unloaded */
    _Atomic uintptr_t begin;  /* 0 = free */
    _Atomic uintptr_t frames; /* its .eh_frame_hdr: another module at the same place has its own */
};

/* Of the process; in a fork child it is a copy that nothing is recorded by. */
struct agent {
    struct hs_arena_head *arena;
    struct hs_ring_head *rings;
    uint8_t *bodies;                        /* attached: ring i's goes to i * 2 * HS_RING_BYTES */
    const uint32_t *alive;                  /* a page that reads 0 after fork */
    int has_no_tsc;                         /* then stamps cost a system call */
    uint32_t is_bypassed;                   /* as in the arena */
    struct agent_thread *threads[HS_RINGS]; /* made on a ring's first use, then kept with it */
    uintptr_t exception_alloc; /* where the C++ runtime makes its exceptions; 0 = unknown */
    _Atomic uint32_t module_generation;
    struct agent_loaded loaded[AGENT_LOADED];
    _Atomic uint32_t is_quiet;               /* a system call of ours might be the last one */
    _Atomic uint32_t n_threads;              /* that took a ring, ever */
    _Atomic uint64_t wait_epoch, wait_ticks; /* time spent on full rings in this second */
};

extern struct agent agent __attribute__ ((visibility ("hidden")));

#define AGENT_HIDDEN __attribute__ ((visibility ("hidden")))

/* How the two differ. attached.c: without TLS, dlsym and descriptors; start.c: with them. */
#if AGENT_IS_ATTACHED
struct agent_thread *agent_find_self (void) AGENT_HIDDEN;
void agent_keep_self (struct agent_thread *thread) AGENT_HIDDEN;
int agent_take_attached (void) AGENT_HIDDEN; /* not 0: an arena has come */
#else
#define AGENT_TLS __attribute__ ((visibility ("hidden"), tls_model ("initial-exec")))
extern __thread struct agent_thread *agent_self AGENT_TLS;
int agent_take_forked (void) AGENT_HIDDEN; /* not 0: this fork child has its own arena now */
void agent_forget_self (void) AGENT_HIDDEN;
#endif
/* The function that the hook of this name stands before; NULL when there is none. */
void *agent_find_real (const char *name) AGENT_HIDDEN;
/* The body of ring `number`, mapped twice in a row; NULL when that fails. */
uint8_t *agent_map_body (uint32_t number) AGENT_HIDDEN;

/* agent_ring.c: what all threads share that found no ring */
struct agent_thread *agent_without_ring (void) AGENT_HIDDEN;

/* agent_ring.c: maps the body of ring `number` at `to`, twice in a row; 0 when that fails. */
int agent_mirror_body (uint32_t number, uint8_t *to) AGENT_HIDDEN;

/* agent_ring.c: now, by the clock that is not the TSC */
uint64_t agent_slow_now (void) AGENT_HIDDEN;

/* The calling thread's state, made on first use; NULL when nothing is to be recorded. `sp` is that
 * of the hook's caller: a hook that was left without a return (exception, longjmp) is told from one
 * that is still at work by it. */
struct agent_thread *agent_enter_any (uintptr_t sp) AGENT_HIDDEN;

/* When the thread is inside an operator new: its recording ends here, and 1 is returned. */
int agent_end_new (void) AGENT_HIDDEN;
/* The `sp` that this operator new was entered with; and the thread is inside of it again. */
uintptr_t agent_ended_new (void) AGENT_HIDDEN;
void agent_resume_new (uintptr_t sp) AGENT_HIDDEN;

static inline struct hs_ring_head *agent_ring_head (uint32_t number)
{
    return (void *)((uint8_t *)agent.rings + (size_t)number * HS_ARENA_PAGE);
}

static inline int agent_is_sampling (void)
{
    return (int)__builtin_expect (agent.arena->sample > 1, 0);
}

/* agent_sample.c, only while agent_is_sampling(): whether a new block is recorded; to record this
 * one, whatever chance says; whether the block that ends here was. */
int agent_sample_choose (struct agent_thread *thread, const void *address) AGENT_HIDDEN;
int agent_sample_keep (const void *address) AGENT_HIDDEN;
int agent_sample_take (const void *address) AGENT_HIDDEN;

/* agent_events.c; `call` is hs_ring_call(); the caller's registers lead the walk */
struct agent_frame {
    uintptr_t pc, sp, rbp;
};
void agent_alloc (struct agent_thread *thread, void *address, size_t size, uint8_t call,
                  const struct agent_frame *frame) AGENT_HIDDEN;
void agent_free (struct agent_thread *thread, void *address, uint8_t call,
                 const struct agent_frame *frame) AGENT_HIDDEN;
/* A rare record. `words` has HS_RING_OTHER_WORDS; with a frame, its stack's id becomes word 2. */
void agent_tell (struct agent_thread *thread, enum hs_ring_other what, uint64_t *words,
                 const struct agent_frame *frame) AGENT_HIDDEN;
/* The same with a text. `first` is the word before it. */
void agent_tell_text (struct agent_thread *thread, enum hs_ring_other what, uint64_t first,
                      const char *text) AGENT_HIDDEN;
void agent_realloc_begin (struct agent_thread *thread, void *old)
    __attribute__ ((visibility ("hidden")));
void agent_realloc_end (struct agent_thread *thread, void *address, size_t size,
                        const struct agent_frame *frame) __attribute__ ((visibility ("hidden")));

/* agent_stacks.c: the id of the stack above `frame`, told through the ring when it is new, with
 * thread->stamp; 0 = none */
uint32_t agent_stack_id (struct agent_thread *thread, const struct agent_frame *frame)
    __attribute__ ((visibility ("hidden")));

/* agent_maps.c: the mapping that holds an address; 0 when there is none, or no call may be made */
struct agent_mapping {
    uintptr_t begin, end;
    int is_file;
};
int agent_find_mapping (uintptr_t address, struct agent_mapping *ret) AGENT_HIDDEN;

/* Whether the stack around `sp` is mapped up to thread->stack_end, which is looked up for it. */
int agent_prove_stack (struct agent_thread *thread, uintptr_t sp) AGENT_HIDDEN;

/* agent_stacks.c: after a dlclose, tells which modules are gone. A thread of NULL tells nobody. */
void agent_tell_unloaded (struct agent_thread *thread) AGENT_HIDDEN;

/* agent_ring.c: the slow half of agent_reserve */
uint8_t *agent_make_room (struct agent_thread *thread, uint32_t n) AGENT_HIDDEN;

/* Room for `n` bytes (a multiple of 8), or NULL when the ring is full; thread->stamp is set. */
static inline uint8_t *agent_reserve (struct agent_thread *thread, uint32_t n)
{
    if (__builtin_expect (thread->head + n > thread->limit, 0))
        return agent_make_room (thread, n);
    return thread->body + thread->head % HS_RING_BYTES;
}

/* What was reserved is written, and carries thread->stamp. */
static inline void agent_publish (struct agent_thread *thread, uint32_t n)
{
    struct hs_ring_head *ring = thread->ring;

    thread->head += n;
    atomic_store_explicit (&ring->last_stamp, thread->stamp, memory_order_relaxed);
    atomic_store_explicit (&ring->head, thread->head, memory_order_release);
}

#endif
