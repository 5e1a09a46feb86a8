/* SPDX-License-Identifier: MIT */
/*
 * What hooks have in common. A hook is entered through the program's call of a function of
 * hooked.h; agent_enter() tells whether this call is to be recorded, and only the outermost of
 * nested hooked calls of a thread is.
 */
#ifndef HS_CAPTURE_AGENT_HOOKS_H
#define HS_CAPTURE_AGENT_HOOKS_H

#include "capture/agent/agent.h"
#include "capture/agent/hooked.h"

#define AGENT_EXPORT __attribute__ ((visibility ("default")))

/* The functions that the hooks stand before; NULL = not looked up, or there is none. */
struct agent_real {
#define AGENT_REAL(name, result, parameters) result (*name) parameters;
    AGENT_HOOKED (AGENT_REAL)
#undef AGENT_REAL
};

extern struct agent_real agent_real AGENT_HIDDEN;

/* Finds what AGENT_HOOKED_C names. */
void agent_look_up (void) AGENT_HIDDEN;
/* Finds C++'s operators when the program begins with a C++ library; else each is found when it is
 * first called. */
void agent_look_up_cpp (void) AGENT_HIDDEN;

extern void *agent_real_syscall AGENT_HIDDEN; /* = agent_real.syscall */

/*
 * What every call passes first. `alive` reads 0 in a fork child and `control` is the recorder's
 * word: two loads that do not wait for each other. Both point to a zero until there is an arena.
 */
struct agent_gate {
    const uint32_t *alive;
    const _Atomic uint32_t *control;
};

extern struct agent_gate agent_gate AGENT_HIDDEN;

/* Switched off, for sure: agent_enter() would say the same. */
static inline int agent_is_off (void)
{
    return __builtin_expect (*(const volatile uint32_t *)agent_gate.alive != 0, 1) &&
           (atomic_load_explicit (agent_gate.control, memory_order_relaxed) & HS_CONTROL_ON) == 0;
}

/* agent_enter_any(), of which the usual case is here. */
static inline struct agent_thread *agent_enter (uintptr_t sp)
{
#if !AGENT_IS_ATTACHED
    struct agent_thread *thread = agent_self;

    if (__builtin_expect (thread != NULL && *(const volatile uint32_t *)agent_gate.alive != 0, 1) &&
        (thread->is_busy | thread->has_no_ring) == 0 && !agent_is_off ()) {
        thread->outer_sp = sp;
        __asm__ volatile("" ::: "memory"); /* see agent_enter_any() */
        thread->is_busy = AGENT_BUSY_HOOK;
        return thread;
    }
#endif
    return agent_enter_any (sp);
}

/*
 * Begins the hook `name`. While tracing is off the call jumps on to the real function, without a
 * frame of ours; else it jumps to what is recorded, whose body follows: there the caller is still
 * the caller, so AGENT_CALLER_FRAME is right.
 */
#define AGENT_GATED(result, name, parameters, arguments)                                           \
    AGENT_GATED_IF (1, result, name, parameters, arguments)
#define AGENT_GATED_IF(is_real, result, name, parameters, arguments)                               \
    static __attribute__ ((noinline)) result name##_recorded parameters;                           \
    AGENT_EXPORT result name parameters                                                            \
    {                                                                                              \
        if (agent_is_off () && (is_real) && agent_real.name != NULL)                               \
            return agent_real.name arguments;                                                      \
        return name##_recorded arguments;                                                          \
    }                                                                                              \
    static result name##_recorded parameters

/* After agent_enter(), which may have given NULL. */
static inline void agent_leave (struct agent_thread *thread)
{
    if (thread != NULL)
        thread->is_busy = 0;
}

/* The caller's registers, as the walker wants them. A macro: it must stand in the hook itself,
 * which is built with a frame pointer. */
#define AGENT_CALLER_FRAME(name)                                                                   \
    const uintptr_t *base = __builtin_frame_address (0);                                           \
    const struct agent_frame name = { base[1], (uintptr_t)(base + 2), base[0] }

/* For hooks that walk no stack: agent_enter()'s argument. */
#define AGENT_CALLER_SP() ((uintptr_t)__builtin_frame_address (0) + 16)

/* Ends a hook with `thread` and `frame`: records the block and leaves. */
#define AGENT_AFTER_ALLOC(address, size, call)                                                     \
    do {                                                                                           \
        if (thread != NULL) {                                                                      \
            if ((address) != NULL && (size) >= agent.arena->min_size)                              \
                agent_alloc (thread, (address), (size), (call), &frame);                           \
            thread->is_busy = 0;                                                                   \
        }                                                                                          \
    } while (0)

#endif
