/* SPDX-License-Identifier: MIT */
/*
 * C++'s operators new and delete in all forms. Only the outermost call counts: what malloc and the
 * simpler forms do for it is not recorded.
 *
 * operator new may throw, through the frames here. Asking for the new-handler, or memory for an
 * exception, ends the recorded call; else agent_enter() sees that it was left. What the handler
 * allocates and frees is the program's own and is recorded.
 */
#include "capture/agent/hooks.h"

extern void free (void *ptr); /* the hook */

#define FIND(name)                                                                                 \
    do {                                                                                           \
        if (__builtin_expect (agent_real.name == NULL, 0))                                         \
            *(void **)&agent_real.name = agent_find_real (#name);                                  \
    } while (0)

/* there when a C++ library was loaded with us */
extern void *__cxa_allocate_exception __attribute__ ((weak));

void agent_look_up_cpp (void)
{
    /* each failing look-up would leave an error's text in the heap */
    if (&__cxa_allocate_exception == NULL)
        return;
    agent.exception_alloc = (uintptr_t)&__cxa_allocate_exception;
#define LOOK_UP(name, result, parameters) FIND (name);
    AGENT_HOOKED_CPP (LOOK_UP)
#undef LOOK_UP
}

/* Without a C++ library someone calls us by name only: serve it as malloc does. */
static void *allocate (size_t size, size_t alignment)
{
    if (agent_real.malloc == NULL)
        agent_look_up ();
    if (alignment == 0)
        return agent_real.malloc != NULL ? agent_real.malloc (size) : NULL;
    return agent_real.memalign != NULL ? agent_real.memalign (alignment, size) : NULL;
}

#define NEW(name, call, parameters, arguments, alignment)                                          \
    AGENT_GATED (void *, name, parameters, arguments)                                              \
    {                                                                                              \
        AGENT_CALLER_FRAME (frame);                                                                \
        struct agent_thread *thread;                                                               \
        void *ret;                                                                                 \
                                                                                                   \
        FIND (name);                                                                               \
        thread = agent_enter (frame.sp);                                                           \
        if (thread != NULL)                                                                        \
            thread->is_busy = AGENT_BUSY_NEW;                                                      \
        ret = agent_real.name != NULL ? agent_real.name arguments : allocate (size, alignment);    \
        AGENT_AFTER_ALLOC (ret, size, hs_ring_call (call, alignment));                             \
        return ret;                                                                                \
    }

#define NEW_FORMS(base, call)                                                                      \
    NEW (base##m, call, (size_t size), (size), 0)                                                  \
    NEW (base##mRKSt9nothrow_t, call, (size_t size, const void *tag), (size, tag), 0)              \
    NEW (base##mSt11align_val_t, call, (size_t size, size_t alignment), (size, alignment),         \
         alignment)                                                                                \
    NEW (base##mSt11align_val_tRKSt9nothrow_t, call,                                               \
         (size_t size, size_t alignment, const void *tag), (size, alignment, tag), alignment)

NEW_FORMS (_Znw, HS_RING_CALL_NEW)
NEW_FORMS (_Zna, HS_RING_CALL_NEW_ARRAY)

#define DELETE(name, call, parameters, arguments)                                                  \
    AGENT_GATED (void, name, parameters, arguments)                                                \
    {                                                                                              \
        AGENT_CALLER_FRAME (frame);                                                                \
        struct agent_thread *thread;                                                               \
                                                                                                   \
        FIND (name);                                                                               \
        thread = agent_enter (frame.sp);                                                           \
        if (thread != NULL && ptr != NULL)                                                         \
            agent_free (thread, ptr, call, &frame);                                                \
        if (agent_real.name != NULL)                                                               \
            agent_real.name arguments;                                                             \
        else                                                                                       \
            free (ptr);                                                                            \
        agent_leave (thread);                                                                      \
    }

#define DELETE_FORMS(base, call)                                                                   \
    DELETE (base##Pv, call, (void *ptr), (ptr))                                                    \
    DELETE (base##Pvm, call, (void *ptr, size_t size), (ptr, size))                                \
    DELETE (base##PvRKSt9nothrow_t, call, (void *ptr, const void *tag), (ptr, tag))                \
    DELETE (base##PvSt11align_val_t, call, (void *ptr, size_t alignment), (ptr, alignment))        \
    DELETE (base##PvmSt11align_val_t, call, (void *ptr, size_t size, size_t alignment),            \
            (ptr, size, alignment))                                                                \
    DELETE (base##PvSt11align_val_tRKSt9nothrow_t, call,                                           \
            (void *ptr, size_t alignment, const void *tag), (ptr, alignment, tag))

DELETE_FORMS (_Zdl, HS_RING_CALL_NEW)
DELETE_FORMS (_Zda, HS_RING_CALL_NEW_ARRAY)

/* Stands for the program's handler while an operator new is at work: what it does is recorded. */
static void handle (void)
{
    agent_new_handler handler = agent_real._ZSt15get_new_handlerv ();
    uintptr_t sp = agent_ended_new ();

    if (handler != NULL)
        handler ();
    agent_resume_new (sp); /* its own calls may come from where the handler was called */
}

AGENT_EXPORT agent_new_handler _ZSt15get_new_handlerv (void)
{
    agent_new_handler handler;

    FIND (_ZSt15get_new_handlerv);
    if (agent_real._ZSt15get_new_handlerv == NULL)
        return NULL;
    handler = agent_real._ZSt15get_new_handlerv ();
    return agent_end_new () && handler != NULL ? handle : handler;
}
