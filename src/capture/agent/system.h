/* SPDX-License-Identifier: MIT */
/* System calls of the agent's own: no libc, no errno. Results below 0 are -errno. */
#ifndef HS_CAPTURE_AGENT_SYSTEM_H
#define HS_CAPTURE_AGENT_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long sys6 (long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

static inline long sys3 (long number, long a, long b, long c)
{
    return sys6 (number, a, b, c, 0, 0, 0);
}

static inline void *sys_map (void *at, size_t n, int protection, int flags, int fd, long offset)
{
    return (void *)sys6 (SYS_mmap, (long)at, (long)n, protection, flags, fd, offset);
}

static inline int sys_is_error (const void *mapping)
{
    return (uintptr_t)mapping > (uintptr_t)-4096;
}

static inline uint64_t read_tsc (void)
{
    return __builtin_ia32_rdtsc ();
}

/* A stamp that is not taken before earlier loads and calls are done: the fence costs some 7 ns, and
 * without it stamps contradict the order of locks (CAPTURE.md 1). */
static inline uint64_t read_tsc_after (void)
{
    __asm__ volatile("lfence" ::: "memory");
    return __builtin_ia32_rdtsc ();
}

#endif
