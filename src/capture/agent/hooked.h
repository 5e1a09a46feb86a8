/* SPDX-License-Identifier: MIT */
/*
 * The functions that the agent stands before, one table for all who need their names: the hooks
 * (which export a function of the same name each), and the injector, which turns the slots of
 * running programs to them.
 *
 * X (symbol, result, parameters). Those that take "..." are declared with as many arguments as they
 * can have, which is the same to the machine. C++'s operators stand under their mangled names;
 * std::nothrow_t & is a pointer, std::align_val_t a number.
 */
#ifndef HS_CAPTURE_AGENT_HOOKED_H
#define HS_CAPTURE_AGENT_HOOKED_H

#include <stddef.h>

typedef void (*agent_new_handler) (void); /* a function type cannot be spelt inside the table */

/* In libc. malloc comes last: dlsym may allocate while the others are looked up. */
#define AGENT_HOOKED_C(X)                                                                          \
    X (calloc, void *, (size_t, size_t))                                                           \
    X (realloc, void *, (void *, size_t))                                                          \
    X (reallocarray, void *, (void *, size_t, size_t))                                             \
    X (memalign, void *, (size_t, size_t))                                                         \
    X (aligned_alloc, void *, (size_t, size_t))                                                    \
    X (posix_memalign, int, (void **, size_t, size_t))                                             \
    X (valloc, void *, (size_t))                                                                   \
    X (pvalloc, void *, (size_t))                                                                  \
    X (mmap, void *, (void *, size_t, int, int, int, long))                                        \
    X (mmap64, void *, (void *, size_t, int, int, int, long))                                      \
    X (munmap, int, (void *, size_t))                                                              \
    X (mremap, void *, (void *, size_t, size_t, int, void *))                                      \
    X (mprotect, int, (void *, size_t, int))                                                       \
    X (prctl, int, (int, long, long, long, long))                                                  \
    X (syscall, long, (long, long, long, long, long, long, long))                                  \
    X (dlclose, int, (void *))                                                                     \
    X (free, void, (void *))                                                                       \
    X (malloc, void *, (size_t))

/* In libstdc++ or libc++, or the program's own; absent from most C programs. */
#define AGENT_HOOKED_CPP(X)                                                                        \
    X (_Znwm, void *, (size_t))                                                                    \
    X (_ZnwmRKSt9nothrow_t, void *, (size_t, const void *))                                        \
    X (_ZnwmSt11align_val_t, void *, (size_t, size_t))                                             \
    X (_ZnwmSt11align_val_tRKSt9nothrow_t, void *, (size_t, size_t, const void *))                 \
    X (_Znam, void *, (size_t))                                                                    \
    X (_ZnamRKSt9nothrow_t, void *, (size_t, const void *))                                        \
    X (_ZnamSt11align_val_t, void *, (size_t, size_t))                                             \
    X (_ZnamSt11align_val_tRKSt9nothrow_t, void *, (size_t, size_t, const void *))                 \
    X (_ZdlPv, void, (void *))                                                                     \
    X (_ZdlPvm, void, (void *, size_t))                                                            \
    X (_ZdlPvRKSt9nothrow_t, void, (void *, const void *))                                         \
    X (_ZdlPvSt11align_val_t, void, (void *, size_t))                                              \
    X (_ZdlPvmSt11align_val_t, void, (void *, size_t, size_t))                                     \
    X (_ZdlPvSt11align_val_tRKSt9nothrow_t, void, (void *, size_t, const void *))                  \
    X (_ZdaPv, void, (void *))                                                                     \
    X (_ZdaPvm, void, (void *, size_t))                                                            \
    X (_ZdaPvRKSt9nothrow_t, void, (void *, const void *))                                         \
    X (_ZdaPvSt11align_val_t, void, (void *, size_t))                                              \
    X (_ZdaPvmSt11align_val_t, void, (void *, size_t, size_t))                                     \
    X (_ZdaPvSt11align_val_tRKSt9nothrow_t, void, (void *, size_t, const void *))                  \
    X (_ZSt15get_new_handlerv, agent_new_handler, (void))

/* What heapstrata.h reports: weak references of programs that use it; there is no other one. */
#define AGENT_HOOKED_OWN(X)                                                                        \
    X (heapstrata_agent_heap, void, (const void *, const char *))                                  \
    X (heapstrata_agent_heap_end, void, (const void *))                                            \
    X (heapstrata_agent_alloc, void, (const void *, const void *, size_t))                         \
    X (heapstrata_agent_free, void, (const void *, const void *))                                  \
    X (heapstrata_agent_mark, void, (const char *))

/* All that stand before another function. */
#define AGENT_HOOKED(X) AGENT_HOOKED_C (X) AGENT_HOOKED_CPP (X)

#endif
