/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stopping every task; see stop.h. */
#include "capture/inject/stop.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_NS 10000000       /* of one try, until all stand */
#define FIRST_LOOK_NS 20000    /* between two looks at those that do not stand yet; doubled: */
#define LONGEST_LOOK_NS 200000 /* they may wait for the very processor that we look on */
#define LATEST_NS 500000000    /* those that a try in vain has woken stand by then */
#define MOST_LOOKED_AT 64u     /* for one that can be borrowed */
#define FIRST_PAUSE_NS 5000000 /* between tries; doubled each time */
#define LONGEST_PAUSE_NS 200000000
#define ALL_TRIES_NS INT64_C (5000000000)
#define STACK_BYTES (UINT64_C (1) << 20)

struct
try {
    struct hs_stop stop;
    hs_stop_work work;
    void *data;
    enum hs_status status;
    struct hs_error err;
    enum hs_stop_extent extent;
    unsigned number; /* of the try */
    bool is_whole;   /* no task goes on running */
    int64_t begin_ns, stopped_ns;
    const char *reason; /* of HS_AGAIN */
};

static int64_t now_ns (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

static void pause_ns (int64_t ns)
{
    struct timespec time = { ns / 1000000000, ns % 1000000000 };

    (void)nanosleep (&time, NULL);
}

static struct hs_stopped_task *task_of (struct hs_stop *stop, pid_t tid)
{
    for (size_t i = 0; i < stop->tasks.n; i++) {
        if (stop->tasks.items[i].tid == tid && !stop->tasks.items[i].is_ended)
            return &stop->tasks.items[i];
    }
    return NULL;
}

/* Takes hold of a task. HS_END: it is going, and need not be held. */
static enum hs_status seize (struct try *try, pid_t tid)
{
    pid_t pid = try->stop.target->pid;

    if (!hs_array_reserve (&try->stop.tasks, 1))
        return hs_error_no_memory (&try->err);
    if (ptrace (PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) {
        char state = hs_task_state (pid, tid);

        if (errno == ESRCH || state == '\0' || state == 'Z' || state == 'X')
            return HS_END;
        if (hs_task_status_number (pid, tid, "TracerPid", 10) != 0) {
            try->reason = "is traced by another program: end the debugger (or strace) first";
            return HS_AGAIN;
        }
        /* a thread that just ends answers EPERM, too: whoever may open the memory may trace */
        try->reason = "does not let itself be stopped: try again";
        return HS_AGAIN;
    }
    try->stop.tasks.items[try->stop.tasks.n++] = (struct hs_stopped_task){ .tid = tid };
    return HS_OK;
}

/* Seizes the tasks that are not held yet, which go on running; *ret_n_new: how many those were. */
static enum hs_status seize_new (struct try *try, size_t *ret_n_new)
{
    enum hs_status status = HS_OK;
    struct dirent *entry;
    char path[64];
    DIR *folder;

    *ret_n_new = 0;
    (void)snprintf (path, sizeof path, "/proc/%d/task", (int)try->stop.target->pid);
    folder = opendir (path);
    if (folder == NULL)
        return hs_error_set_errno (&try->err, ESRCH, "process %d has ended",
                                   (int)try->stop.target->pid);
    while ((status == HS_OK || status == HS_END) && (entry = readdir (folder)) != NULL) {
        pid_t tid = (pid_t)strtol (entry->d_name, NULL, 10);

        if (tid <= 0 || task_of (&try->stop, tid) != NULL)
            continue;
        status = seize (try, tid);
        *ret_n_new += status == HS_OK;
    }
    (void)closedir (folder);
    return status == HS_END ? HS_OK : status;
}

/* One look at a task that does not stand yet. */
static void look_at (struct hs_stopped_task *task)
{
    int status;
    pid_t got = waitpid (task->tid, &status, __WALL | WNOHANG);

    if (got < 0) {
        task->is_ended = true;
    } else if (got == task->tid && (WIFEXITED (status) || WIFSIGNALED (status))) {
        task->is_ended = true;
    } else if (got == task->tid && WIFSTOPPED (status)) {
        if (status >> 16 == PTRACE_EVENT_STOP) {
            task->is_stopped = true;
            if (ptrace (PTRACE_GETREGS, task->tid, NULL, &task->registers) != 0)
                task->is_ended = true;
        } else { /* a signal was on its way: it is delivered, and the stop comes after */
            (void)ptrace (PTRACE_CONT, task->tid, NULL, (void *)(intptr_t)WSTOPSIG (status));
        }
    }
}

static enum hs_status wait_for_all (struct try *try)
{
    int64_t look_ns = FIRST_LOOK_NS;

    for (;;) {
        size_t n_waiting = 0;

        for (size_t i = 0; i < try->stop.tasks.n; i++) {
            struct hs_stopped_task *task = &try->stop.tasks.items[i];

            if (!task->is_stopped && !task->is_ended)
                look_at (task);
            n_waiting += !task->is_stopped && !task->is_ended;
        }
        if (n_waiting == 0)
            return HS_OK;
        if (now_ns () - try->begin_ns > STOP_NS) {
            try->reason = "could not be stopped: a thread of it waits in the kernel; try again";
            return HS_AGAIN;
        }
        pause_ns (look_ns);
        look_ns = look_ns * 2 < LONGEST_LOOK_NS ? look_ns * 2 : LONGEST_LOOK_NS;
    }
}

static enum hs_status interrupt_from (struct try *try, size_t first)
{
    for (size_t i = first; i < try->stop.tasks.n; i++) {
        pid_t tid = try->stop.tasks.items[i].tid;

        if (ptrace (PTRACE_INTERRUPT, tid, NULL, NULL) != 0 && errno != ESRCH)
            return hs_error_set_errno (&try->err, errno, "cannot interrupt task %d", (int)tid);
    }
    return HS_OK;
}

/* Until no task is new while all stand: then nobody is left who could make one. What can be done
 * before any has to stand is. */
static enum hs_status stop_all (struct try *try)
{
    size_t n_new, n_standing = 0;
    enum hs_status status = seize_new (try, &n_new);

    try->is_whole = true;
    try->begin_ns = now_ns ();
    while (status == HS_OK && n_new > 0) {
        status = interrupt_from (try, n_standing);
        n_standing = try->stop.tasks.n;
        if (status == HS_OK)
            status = wait_for_all (try);
        if (status == HS_OK)
            status = seize_new (try, &n_new);
    }
    return status;
}

/* How gladly a task is borrowed: one that sleeps misses nothing, and gets the processor sooner. */
static int eagerness (pid_t pid, pid_t tid)
{
    switch (hs_task_state (pid, tid)) {
    case 'S':
        return 2;
    case 'R':
    case 'T':
        return 1;
    default:
        return 0;
    }
}

/* Another one in each try; 0 when there is none. */
static pid_t choose_one (struct try *try)
{
    pid_t pid = try->stop.target->pid, ret = 0;
    unsigned n_tasks = 0, best = 0;
    struct dirent *entry;
    char path[64];
    DIR *folder;

    (void)snprintf (path, sizeof path, "/proc/%d/task", (int)pid);
    folder = opendir (path);
    while (folder != NULL && n_tasks < MOST_LOOKED_AT && (entry = readdir (folder)) != NULL) {
        pid_t tid = (pid_t)strtol (entry->d_name, NULL, 10);
        unsigned rank;

        if (tid <= 0)
            continue;
        /* in turns: a task that was tried in vain is not at once tried again */
        rank = (unsigned)eagerness (pid, tid) * 2 + (n_tasks % 4 == try->number % 4);
        n_tasks++;
        if (rank >= 2 && rank > best) {
            best = rank;
            ret = tid;
        }
    }
    if (folder != NULL)
        (void)closedir (folder);
    try->is_whole = n_tasks <= 1;
    return ret;
}

static enum hs_status stop_one (struct try *try)
{
    pid_t tid = choose_one (try);
    enum hs_status status;

    if (tid == 0) {
        try->reason = hs_task_state (try->stop.target->pid, try->stop.target->pid) == '\0'
                          ? "has ended"
                          : "could not be stopped: its threads wait in the kernel; try again";
        return HS_AGAIN;
    }
    status = seize (try, tid);
    try->begin_ns = now_ns ();
    if (status == HS_OK)
        status = interrupt_from (try, 0);
    if (status == HS_OK)
        status = wait_for_all (try);
    return status == HS_END ? HS_AGAIN : status;
}

/*
 * System calls that a stop ends with EINTR where others are restarted by the kernel. When no signal
 * waits, they can only have been ended by us, and begin again - those with a time limit with all of
 * it: how much was left is known to nobody.
 */
static bool is_ended_by_stop (const struct hs_stop *stop, const struct hs_stopped_task *task)
{
    static const uint16_t calls[] = {
        SYS_epoll_wait,
        SYS_epoll_pwait,
        441 /* epoll_pwait2 */,
        SYS_rt_sigtimedwait,
        SYS_semop,
        SYS_semtimedop,
        SYS_io_getevents,
        333 /* io_pgetevents */,
        426 /* io_uring_enter */,
        /* of sockets with a time limit */
        SYS_read,
        SYS_recvfrom,
        SYS_recvmsg,
        SYS_recvmmsg,
        SYS_accept,
        SYS_accept4,
    };
    pid_t pid = stop->target->pid, tid = task->tid;
    uint64_t waiting;

    if ((int64_t)task->registers.rax != -EINTR)
        return false;
    waiting = hs_task_status_number (pid, tid, "SigPnd", 16) |
              hs_task_status_number (pid, tid, "ShdPnd", 16);
    if ((waiting & ~hs_task_status_number (pid, tid, "SigBlk", 16)) != 0)
        return false;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (task->registers.orig_rax == calls[i])
            return true;
    }
    return false;
}

static void begin_again (const struct hs_stop *stop, struct hs_stopped_task *task)
{
    if (!is_ended_by_stop (stop, task))
        return;
    task->registers.rax = task->registers.orig_rax;
    task->registers.rip -= 2; /* of `syscall` */
    (void)ptrace (PTRACE_SETREGS, task->tid, NULL, &task->registers);
}

/*
 * Makes the tasks ready to go on. They go when the process that traces them ends: all at once,
 * while one after the other the first would take the processor from us and keep the others
 * standing.
 */
static void make_ready (struct hs_stop *stop)
{
    for (size_t i = 0; i < stop->tasks.n; i++) {
        struct hs_stopped_task *task = &stop->tasks.items[i];

        if (task->is_ended || !task->is_stopped)
            continue;
        begin_again (stop, task);
        if (task->is_before_signal)
            (void)ptrace (PTRACE_DETACH, task->tid, NULL, NULL);
    }
}

/* After a try in vain: those that stand go on at once. The others have been woken, and are waited
 * for: a system call that they are woken from is to begin again as well. */
static void release_each (struct hs_stop *stop)
{
    int64_t begin = now_ns ();
    size_t n_waiting;

    do {
        n_waiting = 0;
        for (size_t i = 0; i < stop->tasks.n; i++) {
            struct hs_stopped_task *task = &stop->tasks.items[i];

            if (!task->is_stopped && !task->is_ended)
                look_at (task);
            n_waiting += !task->is_stopped && !task->is_ended;
            if (!task->is_stopped || task->is_ended)
                continue;
            begin_again (stop, task);
            (void)ptrace (PTRACE_DETACH, task->tid, NULL, NULL);
            task->is_ended = true;
        }
        if (n_waiting > 0)
            pause_ns (LONGEST_LOOK_NS);
    } while (n_waiting > 0 && now_ns () - begin < LATEST_NS);
}

static int run_try (void *data)
{
    struct try *try = data;

    (void)setpgid (0, 0); /* whoever kills our group does not mean us */
    /* where we may, before others: the process stands still for as long as we do */
    (void)setpriority (PRIO_PROCESS, 0, -20);
    try->status = try->extent == HS_STOP_ALL ? stop_all (try) : stop_one (try);
    if (try->status == HS_OK) {
        try->status = try->work (&try->stop, try->data, &try->err);
        make_ready (&try->stop);
        try->stopped_ns = try->is_whole ? now_ns () - try->begin_ns : 0;
    } else {
        try->stopped_ns = try->is_whole ? now_ns () - try->begin_ns : 0;
        release_each (&try->stop);
    }
    return 0;
}

/*
 * The try's process shares our memory and descriptors, and our thread's own data: we wait for it.
 * When we are killed in the middle it still comes to its end: a task that we have borrowed would
 * go on where it was sent, and bring the program down.
 */
static enum hs_status run_in_process (struct try *try, struct hs_error *err)
{
    uint8_t *stack = mmap (NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    sigset_t all, before;
    int status = 0, error;
    pid_t process;

    if (stack == MAP_FAILED)
        return hs_error_no_memory (err);
    (void)sigfillset (&all);
    (void)pthread_sigmask (SIG_SETMASK, &all, &before);
    process = clone (run_try, stack + STACK_BYTES, CLONE_VM | CLONE_FS | CLONE_FILES, try);
    error = errno;
    while (process > 0 && waitpid (process, &status, __WALL) < 0 && errno == EINTR)
        ;
    (void)pthread_sigmask (SIG_SETMASK, &before, NULL);
    (void)munmap (stack, STACK_BYTES);
    if (process < 0)
        return hs_error_set_errno (err, error, "cannot make a process");
    if (WIFSIGNALED (status))
        return hs_error_set (err, HS_IO, HS_NO_OFFSET,
                             "process %d was let go of in the middle: what stopped it was killed",
                             (int)try->stop.target->pid);
    if (err != NULL && try->status != HS_OK)
        *err = try->err;
    return try->status;
}

enum hs_status hs_stop_run (const struct hs_target *target, enum hs_stop_extent extent,
                            hs_stop_work work, void *data, uint64_t *ret_stopped_ns,
                            struct hs_error *err)
{
    int64_t begin = now_ns (), wait = FIRST_PAUSE_NS;

    *ret_stopped_ns = 0;
    for (unsigned number = 0;; number++) {
        struct try try = {
            .stop.target = target,
            .extent = extent,
            .number = number,
            .work = work,
            .data = data,
        };
        enum hs_status status = run_in_process (&try, err);

        hs_array_clear (&try.stop.tasks);
        if ((uint64_t)try.stopped_ns > *ret_stopped_ns)
            *ret_stopped_ns = (uint64_t)try.stopped_ns;
        if (status != HS_AGAIN)
            return status;
        if (now_ns () - begin > ALL_TRIES_NS)
            return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "process %d %s",
                                 (int)target->pid,
                                 try.reason != NULL        ? try.reason
                                 : try.err.text[0] != '\0' ? try.err.text
                                                           : "is busy: try again");
        pause_ns (wait);
        wait = wait * 2 < LONGEST_PAUSE_NS ? wait * 2 : LONGEST_PAUSE_NS;
    }
}
