/* SPDX-License-Identifier: MIT */
/*
 * Programs that lock themselves in (CAPTURE.md 1). Strict seccomp and PR_SET_TSC make rdtsc a
 * fault: recording goes off before either, and on again if it did not come to that. A filter may
 * kill for any system call: before one is set we make our last. Where stamps are system calls, too,
 * recording goes off.
 */
#include "capture/agent/hooks.h"
#include "capture/agent/system.h"

#include <linux/prctl.h>
#include <linux/seccomp.h>

/* The page that also tells a fork child: 0 = off. It is not there when nothing is recorded. */
static void set_on (uint32_t is_on)
{
    if (agent.alive != NULL)
        *(volatile uint32_t *)(uintptr_t)agent.alive = is_on;
}

static void tell (enum hs_ring_unseen reason)
{
    uint64_t words[HS_RING_OTHER_WORDS] = { reason };
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    if (thread != NULL)
        agent_tell (thread, HS_OTHER_UNSEEN, words, NULL);
    agent_leave (thread);
}

/* Goes off; 0 when it was off already, and is to stay so. */
static int go_off (enum hs_ring_unseen reason)
{
    if (agent.alive == NULL || *agent.alive == 0)
        return 0;
    tell (reason);
    set_on (0);
    return 1;
}

static void go_on (void)
{
    set_on (1);
    tell (HS_UNSEEN_NOTHING);
}

/* A stack that is not proven yet could only be proven by system calls. */
static void go_quiet (void)
{
    struct agent_thread *thread = agent_enter (AGENT_CALLER_SP ());

    agent_leave (thread);
    atomic_store (&agent.is_quiet, 1);
}

static __attribute__ ((noinline)) int prctl_unseen (enum hs_ring_unseen reason, int option,
                                                    const long *a)
{
    int was_on = go_off (reason);
    int ret = agent_real.prctl (option, a[0], a[1], a[2], a[3]);

    if (was_on && ret != 0)
        go_on ();
    return ret;
}

AGENT_EXPORT int prctl (int option, long a, long b, long c, long d)
{
    const long rest[] = { a, b, c, d };

    if (__builtin_expect (agent_real.prctl == NULL, 0))
        agent_look_up ();
    if (agent_real.prctl == NULL)
        return (int)sys6 (SYS_prctl, option, a, b, c, d, 0);
    if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT)
        return prctl_unseen (HS_UNSEEN_STRICT_SECCOMP, option, rest);
    if (option == PR_SET_SECCOMP && agent.has_no_tsc)
        return prctl_unseen (HS_UNSEEN_FILTER, option, rest);
    if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV && !agent.has_no_tsc)
        return prctl_unseen (HS_UNSEEN_NO_TSC, option, rest);
    if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_FILTER)
        go_quiet ();
    return agent_real.prctl (option, a, b, c, d);
}

/* seccomp(2), for which libc has no function: programs come by syscall(). */
__attribute__ ((used)) AGENT_HIDDEN long agent_seccomp (long number, long operation, long flags,
                                                        long arguments)
{
    long ret;
    int was_on = 0;

    if (operation == SECCOMP_SET_MODE_STRICT)
        was_on = go_off (HS_UNSEEN_STRICT_SECCOMP);
    else if (operation == SECCOMP_SET_MODE_FILTER && agent.has_no_tsc)
        was_on = go_off (HS_UNSEEN_FILTER);
    else if (operation == SECCOMP_SET_MODE_FILTER)
        go_quiet ();
    ret = agent_real.syscall (number, operation, flags, arguments, 0, 0, 0);
    if (was_on && ret != 0)
        go_on ();
    return ret;
}

/* What agent_look_up() found, where the lines below reach it. */
__attribute__ ((used)) AGENT_HIDDEN void *agent_real_syscall;

/*
 * All other system calls pass straight on, without a frame of ours: in C, the hand-over of a
 * seventh argument would write to the stack of callers that have not passed one.
 */
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, @function\n"
        "syscall:\n"
        ".cfi_startproc\n"
        "    cmpq $317, %rdi\n" /* SYS_seccomp */
        "    movq agent_real_syscall(%rip), %rax\n"
        "    je 2f\n"
        "1:  testq %rax, %rax\n"
        "    jz 3f\n"
        "    jmp *%rax\n"
        "2:  testq %rax, %rax\n"
        "    jz 3f\n"
        "    jmp agent_seccomp\n"
        "3:  pushq %rdi\n    .cfi_adjust_cfa_offset 8\n"
        "    pushq %rsi\n    .cfi_adjust_cfa_offset 8\n"
        "    pushq %rdx\n    .cfi_adjust_cfa_offset 8\n"
        "    pushq %rcx\n    .cfi_adjust_cfa_offset 8\n"
        "    pushq %r8\n     .cfi_adjust_cfa_offset 8\n"
        "    pushq %r9\n     .cfi_adjust_cfa_offset 8\n"
        "    subq $8, %rsp\n .cfi_adjust_cfa_offset 8\n"
        "    call agent_look_up\n"
        "    addq $8, %rsp\n .cfi_adjust_cfa_offset -8\n"
        "    popq %r9\n      .cfi_adjust_cfa_offset -8\n"
        "    popq %r8\n      .cfi_adjust_cfa_offset -8\n"
        "    popq %rcx\n     .cfi_adjust_cfa_offset -8\n"
        "    popq %rdx\n     .cfi_adjust_cfa_offset -8\n"
        "    popq %rsi\n     .cfi_adjust_cfa_offset -8\n"
        "    popq %rdi\n     .cfi_adjust_cfa_offset -8\n"
        "    movq agent_real_syscall(%rip), %rax\n"
        "    testq %rax, %rax\n"
        "    jnz 4f\n"
        "    movq $-1, %rax\n" /* no libc that has it, and still somebody calls */
        "    ret\n"
        "4:  cmpq $317, %rdi\n"
        "    je agent_seccomp\n"
        "    jmp *%rax\n"
        ".cfi_endproc\n"
        ".size syscall, . - syscall\n");
