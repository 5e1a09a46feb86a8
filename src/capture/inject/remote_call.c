/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Injected system calls; see remote_call.h. */
#include "capture/inject/remote_call.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define GET_RSEQ 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13 */
#define RSEQ_CS 8       /* offset of rseq_cs in struct rseq */

struct rseq_configuration {
    uint64_t address;
    uint32_t size, signature, flags, padding;
};

/* Inside a restartable sequence the task must not be sent elsewhere: the kernel would forget that
 * it has to be restarted. */
static bool is_in_sequence (const struct hs_stop *stop, pid_t tid)
{
    struct rseq_configuration rseq = { 0 };
    uint64_t sequence = 0;

    if (ptrace (GET_RSEQ, tid, (void *)sizeof rseq, &rseq) <= 0 || rseq.address == 0)
        return false;
    return hs_target_read_u64 (stop->target, rseq.address + RSEQ_CS, &sequence) && sequence != 0;
}

enum hs_status hs_remote_begin (struct hs_remote *remote, struct hs_stop *stop, uint64_t syscall_at,
                                struct hs_error *err)
{
    uint64_t all = ~UINT64_C (0);
    uint8_t code[2] = { 0 };

    *remote = (struct hs_remote){ .stop = stop, .syscall_at = syscall_at };
    /* the memory is that of the program that was looked at: after an exec it cannot be read */
    if (!hs_target_read (stop->target, syscall_at, code, sizeof code) || code[0] != 0x0f ||
        code[1] != 0x05)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "process %d has just begun another program: try again",
                             (int)stop->target->pid);
    for (size_t i = 0; i < stop->tasks.n && remote->task == NULL; i++) {
        struct hs_stopped_task *task = &stop->tasks.items[i];

        if (task->is_stopped && !task->is_ended && task->registers.cs == 0x33 &&
            !is_in_sequence (stop, task->tid))
            remote->task = task;
    }
    if (remote->task == NULL) {
        (void)hs_error_set (err, HS_AGAIN, HS_NO_OFFSET,
                            "has no thread that can be borrowed now: try "
                            "again");
        return HS_AGAIN;
    }
    if (ptrace (PTRACE_GETSIGMASK, remote->task->tid, (void *)sizeof remote->signals,
                &remote->signals) != 0 ||
        ptrace (PTRACE_SETSIGMASK, remote->task->tid, (void *)sizeof all, &all) != 0)
        return hs_error_set_errno (err, errno, "cannot hold back the signals of task %d",
                                   (int)remote->task->tid);
    return HS_OK;
}

/* Waits for a stop of the borrowed task; returns its status, -1 when the task is gone. */
static int wait_for_stop (struct hs_remote *remote)
{
    int status;

    while (waitpid (remote->task->tid, &status, __WALL) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFSTOPPED (status) ? status : -1;
}

/* Lets the task run to the next begin or end of a system call. */
static bool run_to_call (struct hs_remote *remote)
{
    for (;;) {
        int status;

        if (ptrace (PTRACE_SYSCALL, remote->task->tid, NULL, NULL) != 0)
            break;
        status = wait_for_stop (remote);
        if (status < 0)
            break;
        if (WSTOPSIG (status) == SYSCALL_STOP)
            return true;
        /* all are blocked but SIGSTOP, SIGKILL and those that an instruction causes */
        if (status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP) {
            remote->held_signal = SIGSTOP;
        } else if (status >> 16 == 0) {
            remote->is_broken = true;
            return false;
        }
    }
    remote->is_broken = remote->task->is_ended = true;
    return false;
}

int64_t hs_remote_call (struct hs_remote *remote, long number, const uint64_t *arguments)
{
    struct user_regs_struct registers = remote->task->registers;

    if (remote->is_broken)
        return -ESRCH;
    registers.rip = remote->syscall_at;
    registers.rax = (unsigned long)number;
    registers.orig_rax = ~0ul; /* else the kernel would restart the task's own call first */
    registers.rdi = arguments[0];
    registers.rsi = arguments[1];
    registers.rdx = arguments[2];
    registers.r10 = arguments[3];
    registers.r8 = arguments[4];
    registers.r9 = arguments[5];
    remote->n_calls++;
    if (ptrace (PTRACE_SETREGS, remote->task->tid, NULL, &registers) != 0) {
        remote->is_broken = true;
        return -ESRCH;
    }
    if (!run_to_call (remote) || !run_to_call (remote) ||
        ptrace (PTRACE_GETREGS, remote->task->tid, NULL, &registers) != 0)
        return -ESRCH;
    return (int64_t)registers.rax;
}

/*
 * Out of the end of the last system call into a stop of the kind that the task was found in: only
 * on the way out of that one the kernel looks at whether a call is to be restarted.
 */
static void return_to_stop (struct hs_remote *remote)
{
    pid_t tid = remote->task->tid;

    if (ptrace (PTRACE_INTERRUPT, tid, NULL, NULL) != 0 ||
        ptrace (PTRACE_CONT, tid, NULL, NULL) != 0)
        return;
    for (;;) {
        int status = wait_for_stop (remote);

        if (status < 0) {
            remote->task->is_ended = true;
            return;
        }
        if (status >> 16 == PTRACE_EVENT_STOP)
            return;
        if (status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP)
            remote->held_signal = SIGSTOP;
        if (ptrace (PTRACE_CONT, tid, NULL, NULL) != 0)
            return;
    }
}

void hs_remote_end (struct hs_remote *remote)
{
    pid_t tid;

    if (remote->task == NULL || remote->task->is_ended)
        return;
    tid = remote->task->tid;
    if (remote->n_calls > 0)
        return_to_stop (remote);
    if (remote->task->is_ended)
        return;
    (void)ptrace (PTRACE_SETREGS, tid, NULL, &remote->task->registers);
    (void)ptrace (PTRACE_SETSIGMASK, tid, (void *)sizeof remote->signals, &remote->signals);
    if (remote->held_signal != 0)
        (void)syscall (SYS_tgkill, remote->stop->target->pid, tid, remote->held_signal);
}
