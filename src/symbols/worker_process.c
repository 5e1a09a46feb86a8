/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child on a socket pair; see worker_process.h. */
#include "symbols/worker_process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "heapstrata-symbols"

const char *hs_worker_process_find (char path[HS_WORKER_PATH_SIZE])
{
    const char *folder = getenv ("HEAPSTRATA_LIBEXEC");

    if (folder == NULL)
        folder = HS_LIBEXEC_DIR;
    (void)snprintf (path, HS_WORKER_PATH_SIZE, "%s/" PROGRAM, folder);
    if (access (path, X_OK) != 0) /* in a build folder each program lies where it is built */
        (void)snprintf (path, HS_WORKER_PATH_SIZE, "%s/../symbols/" PROGRAM, folder);
    return path;
}

void hs_worker_process_init (struct hs_worker_process *worker)
{
    *worker = (struct hs_worker_process){ .pid = -1, .fd = -1 };
}

bool hs_worker_process_is_running (const struct hs_worker_process *worker)
{
    return worker->fd >= 0;
}

/* Signals as a fresh program has them, whatever the thread that asks has blocked or ignored. */
static void set_signals (posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    (void)sigemptyset (&none);
    (void)sigfillset (&all);
    (void)posix_spawnattr_setsigmask (attributes, &none);
    (void)posix_spawnattr_setsigdefault (attributes, &all);
    (void)posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

bool hs_worker_process_start (struct hs_worker_process *worker, const char *program)
{
    char *const arguments[] = { (char *)program, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int ends[2], status;

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    (void)posix_spawn_file_actions_init (&actions);
    (void)posix_spawnattr_init (&attributes);
    set_signals (&attributes);
    (void)posix_spawn_file_actions_adddup2 (&actions, ends[1], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2 (&actions, ends[1], STDOUT_FILENO);
    status = posix_spawn (&worker->pid, program, &actions, &attributes, arguments, environ);
    (void)posix_spawn_file_actions_destroy (&actions);
    (void)posix_spawnattr_destroy (&attributes);
    (void)close (ends[1]);
    if (status != 0) {
        (void)close (ends[0]);
        worker->pid = -1;
        return false;
    }
    worker->fd = ends[0];
    return true;
}

bool hs_worker_process_send (struct hs_worker_process *worker, const void *bytes, size_t n)
{
    const char *at = bytes;

    /* one packet is under way at a time, so the socket has room unless something is wrong */
    while (n > 0) {
        ssize_t done = send (worker->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

long hs_worker_process_receive (struct hs_worker_process *worker, void *bytes, size_t n)
{
    ssize_t done;

    do
        done = recv (worker->fd, bytes, n, MSG_DONTWAIT);
    while (done < 0 && errno == EINTR);
    if (done > 0)
        return done;
    return done < 0 && errno == EAGAIN ? 0 : -1;
}

/* A process that has ended a moment ago shall be asked why before it is killed. */
static bool wait_a_moment (struct hs_worker_process *worker)
{
    for (int i = 0; i < 50; i++) {
        struct timespec pause = { .tv_nsec = 1000000 };
        pid_t pid = waitpid (worker->pid, &worker->exit_status, WNOHANG);

        if (pid != 0)
            return true;
        (void)nanosleep (&pause, NULL);
    }
    return false;
}

void hs_worker_process_stop (struct hs_worker_process *worker)
{
    if (worker->fd < 0)
        return;
    (void)close (worker->fd); /* the end of its input */
    worker->fd = -1;
    worker->exit_status = 0;
    if (!wait_a_moment (worker)) {
        (void)kill (worker->pid, SIGKILL);
        (void)waitpid (worker->pid, &worker->exit_status, 0);
    }
    worker->pid = -1;
}
