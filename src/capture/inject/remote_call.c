/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Injected system calls; see remote_call.h. */
#include "capture/inject/remote_call.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
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
    remote->is_at_trap = false;
    if (ptrace (PTRACE_SETREGS, remote->task->tid, NULL, &registers) != 0) {
        remote->is_broken = true;
        return -ESRCH;
    }
    if (!run_to_call (remote) || !run_to_call (remote) ||
        ptrace (PTRACE_GETREGS, remote->task->tid, NULL, &registers) != 0)
        return -ESRCH;
    return (int64_t)registers.rax;
}

/* ---- a list in one go ------------------------------------------------------------------ */

/*
 * rbx: the step, r13: the table, whose first word is zero, r14: how many steps. Ends with int3
 * after the last, or the first that fails.
 */
extern const uint8_t hs_remote_loop[] __attribute__ ((visibility ("hidden")));
extern const uint8_t hs_remote_loop_end[] __attribute__ ((visibility ("hidden")));
__asm__(".pushsection .rodata\n"
        ".globl hs_remote_loop, hs_remote_loop_end\n"
        ".hidden hs_remote_loop, hs_remote_loop_end\n"
        "hs_remote_loop:\n"
        "1: mov 0(%rbx), %rax\n"
        "   mov 8(%rbx), %rdi\n"
        "   mov 16(%rbx), %rsi\n"
        "   mov 24(%rbx), %rdx\n"
        "   mov 32(%rbx), %r10\n"
        "   mov 40(%rbx), %r8\n"
        "   mov 48(%rbx), %r9\n"
        "   mov 56(%rbx), %rcx\n"
        "   add (%r13,%rcx), %rdi\n"
        "   mov 64(%rbx), %rcx\n"
        "   add (%r13,%rcx), %r8\n"
        "   syscall\n"
        "   mov %rax, 72(%rbx)\n"
        "   cmp $-4095, %rax\n"
        "   jae 2f\n"
        "   add $80, %rbx\n"
        "   dec %r14\n"
        "   jnz 1b\n"
        "2: int3\n"
        "hs_remote_loop_end:\n"
        ".popsection");

struct table_step { /* as the loop has it */
    uint64_t number, arguments[6];
    uint64_t at_first, at_fifth; /* from the table's begin */
    int64_t ret;
};

#define TABLE_HEAD 16u
#define TABLE_STEPS ((HS_REMOTE_TABLE_BYTES - TABLE_HEAD) / sizeof (struct table_step))
#define TRAP_BIT (UINT64_C (1) << (SIGTRAP - 1))

/* The kernel would set aside a task's wish to ignore or hold back the signal of an int3. */
static bool may_trap (const struct hs_remote *remote)
{
    pid_t pid = remote->stop->target->pid, tid = remote->task->tid;
    uint64_t set = hs_task_status_number (pid, tid, "SigIgn", 16) |
                   hs_task_status_number (pid, tid, "SigPnd", 16) |
                   hs_task_status_number (pid, tid, "ShdPnd", 16);

    return (set & TRAP_BIT) == 0;
}

void hs_remote_use_loop (struct hs_remote *remote, uint64_t code)
{
    uint64_t all_but_trap = ~TRAP_BIT;
    size_t n = (size_t)(hs_remote_loop_end - hs_remote_loop);

    if (remote->is_broken || !may_trap (remote) ||
        !hs_target_write (remote->stop->target, code, hs_remote_loop, n) ||
        ptrace (PTRACE_SETSIGMASK, remote->task->tid, (void *)sizeof all_but_trap, &all_but_trap) !=
            0)
        return;
    remote->code = code;
}

/* Lets the task run to the int3. */
static bool run_to_trap (struct hs_remote *remote)
{
    uint64_t end = remote->code + (uint64_t)(hs_remote_loop_end - hs_remote_loop);

    for (;;) {
        struct user_regs_struct registers;
        int status;

        if (ptrace (PTRACE_CONT, remote->task->tid, NULL, NULL) != 0)
            break;
        status = wait_for_stop (remote);
        if (status < 0)
            break;
        if (status >> 16 != 0)
            continue;
        if (WSTOPSIG (status) == SIGTRAP &&
            ptrace (PTRACE_GETREGS, remote->task->tid, NULL, &registers) == 0 &&
            registers.rip == end) {
            remote->is_at_trap = true;
            return true;
        }
        remote->held_signal = WSTOPSIG (status);
        if (WSTOPSIG (status) != SIGSTOP && WSTOPSIG (status) != SIGTRAP) {
            remote->is_broken = true;
            return false;
        }
    }
    remote->is_broken = remote->task->is_ended = true;
    return false;
}

/* The result that is added: of a step of this go, or of one before. */
static void refer (const struct hs_remote_step *steps, uint32_t first, uint32_t number,
                   uint64_t *argument, uint64_t *ret_at)
{
    *ret_at = 0;
    if (number == 0)
        return;
    if (number - 1 < first)
        *argument += (uint64_t)steps[number - 1].ret;
    else
        *ret_at = TABLE_HEAD + (number - 1 - first) * sizeof (struct table_step) +
                  offsetof (struct table_step, ret);
}

/* Steps `first` to first + n, which fit the table. */
static int64_t run_some (struct hs_remote *remote, struct hs_remote_step *steps, uint32_t first,
                         uint32_t n)
{
    struct {
        uint64_t head[TABLE_HEAD / 8];
        struct table_step steps[TABLE_STEPS];
    } table = { { 0 }, { { 0 } } };
    struct user_regs_struct registers = remote->task->registers;
    uint64_t at = remote->code + HS_REMOTE_CODE_BYTES,
             size = TABLE_HEAD + n * sizeof table.steps[0];

    for (uint32_t i = 0; i < n; i++) {
        const struct hs_remote_step *step = &steps[first + i];
        struct table_step *to = &table.steps[i];

        to->number = (uint64_t)step->number;
        memcpy (to->arguments, step->arguments, sizeof to->arguments);
        refer (steps, first, step->add_to_first, &to->arguments[0], &to->at_first);
        refer (steps, first, step->add_to_fifth, &to->arguments[4], &to->at_fifth);
        to->ret = -ECANCELED;
    }
    registers.rip = remote->code;
    registers.orig_rax = ~0ul;
    registers.rbx = at + TABLE_HEAD;
    registers.r13 = at;
    registers.r14 = n;
    remote->n_calls++;
    if (!hs_target_write (remote->stop->target, at, &table, size))
        return -EFAULT;
    if (ptrace (PTRACE_SETREGS, remote->task->tid, NULL, &registers) != 0 ||
        !run_to_trap (remote) || !hs_target_read (remote->stop->target, at, &table, size)) {
        remote->is_broken = true;
        return -ESRCH;
    }
    for (uint32_t i = 0; i < n; i++) {
        steps[first + i].ret = table.steps[i].ret;
        if (table.steps[i].ret < 0 && table.steps[i].ret > -4096)
            return table.steps[i].ret;
    }
    return 0;
}

static int64_t run_one (struct hs_remote *remote, struct hs_remote_step *steps, uint32_t number)
{
    struct hs_remote_step *step = &steps[number];
    uint64_t arguments[6], at;

    memcpy (arguments, step->arguments, sizeof arguments);
    refer (steps, number, step->add_to_first, &arguments[0], &at);
    refer (steps, number, step->add_to_fifth, &arguments[4], &at);
    step->ret = hs_remote_call (remote, step->number, arguments);
    return step->ret < 0 && step->ret > -4096 ? step->ret : 0;
}

int64_t hs_remote_run (struct hs_remote *remote, struct hs_remote_step *steps, uint32_t n)
{
    uint32_t most = remote->code != 0 ? (uint32_t)TABLE_STEPS : 1;
    int64_t error = 0;

    for (uint32_t i = 0; i < n; i++)
        steps[i].ret = -ECANCELED;
    for (uint32_t i = 0; i < n && error == 0; i += most) {
        if (remote->is_broken)
            error = -ESRCH;
        else if (remote->code != 0)
            error = run_some (remote, steps, i, n - i < most ? n - i : most);
        else
            error = run_one (remote, steps, i);
    }
    return error;
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
        if (status >> 16 == 0)
            remote->held_signal = WSTOPSIG (status);
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
    /* at the loop's end it stands before a signal, where the kernel looks at that as well */
    if (remote->n_calls > 0 && !remote->is_at_trap)
        return_to_stop (remote);
    if (remote->task->is_ended)
        return;
    (void)ptrace (PTRACE_SETREGS, tid, NULL, &remote->task->registers);
    (void)ptrace (PTRACE_SETSIGMASK, tid, (void *)sizeof remote->signals, &remote->signals);
    remote->task->is_before_signal = remote->is_at_trap || remote->is_broken;
    if (remote->held_signal != 0)
        (void)syscall (SYS_tgkill, remote->stop->target->pid, tid, remote->held_signal);
}
