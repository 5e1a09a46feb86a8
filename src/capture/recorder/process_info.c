/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading /proc; see process_info.h. */
#include "capture/recorder/process_info.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's first bytes with a NUL behind them; returns how many. */
static size_t read_file (pid_t pid, const char *name, char *out, size_t size)
{
    size_t n = 0;
    char path[64];
    int fd;

    (void)snprintf (path, sizeof path, "/proc/%d/%s", (int)pid, name);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n < size - 1) {
        ssize_t got = read (fd, out + n, size - 1 - n);

        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (fd >= 0)
        (void)close (fd);
    out[n] = '\0';
    return n;
}

static pid_t read_parent (pid_t pid)
{
    char text[512];
    const char *end;

    (void)read_file (pid, "stat", text, sizeof text);
    end = strrchr (text, ')'); /* the name before it may hold anything */
    if (end == NULL || strlen (end) < 5)
        return 0;
    return (pid_t)strtol (end + 4, NULL, 10);
}

void hs_process_read_texts (pid_t pid, struct hs_process_texts *ret)
{
    char path[64];
    ssize_t n_exe;
    size_t n;

    ret->parent = read_parent (pid);
    (void)snprintf (path, sizeof path, "/proc/%d/exe", (int)pid);
    n_exe = readlink (path, ret->exe, sizeof ret->exe - 1);
    ret->exe[n_exe > 0 ? n_exe : 0] = '\0';
    n = read_file (pid, "cmdline", ret->command_line, sizeof ret->command_line);
    while (n > 0 && ret->command_line[n - 1] == '\0')
        n--;
    for (size_t i = 0; i < n; i++) {
        if (ret->command_line[i] == '\0')
            ret->command_line[i] = ' ';
    }
}

uint64_t hs_process_resident_bytes (pid_t pid)
{
    char text[128];
    const char *second;

    (void)read_file (pid, "statm", text, sizeof text);
    second = strchr (text, ' ');
    return second != NULL ? strtoull (second, NULL, 10) * (uint64_t)sysconf (_SC_PAGESIZE) : 0;
}

bool hs_process_has_thread (pid_t pid, uint32_t tid)
{
    char path[64];

    (void)snprintf (path, sizeof path, "/proc/%d/task/%u", (int)pid, tid);
    return access (path, F_OK) == 0;
}

void hs_process_thread_name (pid_t pid, uint32_t tid, char ret[HS_THREAD_NAME_BYTES])
{
    char name[32];
    size_t n;

    (void)snprintf (name, sizeof name, "task/%u/comm", tid);
    n = read_file (pid, name, ret, HS_THREAD_NAME_BYTES);
    if (n > 0 && ret[n - 1] == '\n')
        ret[n - 1] = '\0';
}

bool hs_process_is_running (int pidfd, pid_t pid)
{
    struct pollfd polled = { pidfd, POLLIN, 0 };

    if (pidfd < 0)
        return kill (pid, 0) == 0 || errno == EPERM;
    return poll (&polled, 1, 0) == 0;
}
