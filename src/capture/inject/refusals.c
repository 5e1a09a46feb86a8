/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom not to attach to; see refusals.h. */
#include "capture/inject/refusals.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum hs_status refuse (struct hs_error *err, pid_t pid, const char *why)
{
    return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "process %d %s", (int)pid, why);
}

static enum hs_status refuse_permission (struct hs_error *err, pid_t pid, const char *why)
{
    (void)refuse (err, pid, why);
    if (err != NULL)
        err->system_errno = EPERM;
    return HS_UNSUPPORTED;
}

static bool is_other_namespace (pid_t pid, const char *name)
{
    char path[64];
    struct stat own, other;

    (void)snprintf (path, sizeof path, "/proc/self/ns/%s", name);
    if (stat (path, &own) != 0)
        return false;
    (void)snprintf (path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return stat (path, &other) == 0 && own.st_ino != other.st_ino;
}

static int yama_scope (void)
{
    char text[16] = "";
    int fd = open ("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read (fd, text, sizeof text - 1) <= 0)
        text[0] = '\0';
    (void)close (fd);
    return (int)strtol (text, NULL, 10);
}

enum hs_status hs_target_explain_refusal (pid_t pid, struct hs_error *err)
{
    int scope = yama_scope ();

    if (hs_task_state (pid, pid) == 0)
        return refuse (err, pid, "has ended");
    if (hs_task_status_number (pid, pid, "Uid", 10) != geteuid () && geteuid () != 0)
        return refuse_permission (err, pid,
                                  "belongs to another user: attach as that user or as root");
    if (scope >= 3)
        return refuse_permission (
            err, pid,
            "cannot be attached to: kernel.yama.ptrace_scope = 3 forbids it until "
            "the next boot; use `heapstrata record`");
    if (scope >= 1 && geteuid () != 0)
        return refuse_permission (
            err, pid,
            "cannot be attached to: kernel.yama.ptrace_scope restricts it; attach "
            "as root, or run `sysctl kernel.yama.ptrace_scope=0`");
    if (geteuid () == 0)
        return refuse_permission (err, pid,
                                  "may not be traced from here: that needs CAP_SYS_PTRACE in the "
                                  "user namespace of the process");
    return refuse_permission (
        err, pid,
        "is protected (it changed its user, or asked not to be dumped): attach as "
        "root");
}

/* By the ELF header of its program; /proc/PID/exe of another user cannot be read, which is told
 * apart later. */
static enum hs_status refuse_by_program (pid_t pid, struct hs_error *err)
{
    enum hs_status status = HS_OK;
    char path[64], interpreter[PATH_MAX] = "";
    Elf64_Ehdr head;
    int fd;

    (void)snprintf (path, sizeof path, "/proc/%d/exe", (int)pid);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? refuse (err, pid, "is a thread of the kernel: it has no heap")
                               : hs_target_explain_refusal (pid, err);
    if (pread (fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp (head.e_ident, ELFMAG, SELFMAG) != 0) {
        status = refuse (err, pid, "does not run an ELF program");
    } else if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64) {
        status = refuse (err, pid, "is no 64-bit x86 program: only those can be recorded");
    } else {
        for (unsigned i = 0; i < head.e_phnum; i++) {
            Elf64_Phdr part;

            if (pread (fd, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) !=
                (ssize_t)sizeof part)
                break;
            if (part.p_type == PT_INTERP && part.p_filesz < sizeof interpreter &&
                pread (fd, interpreter, part.p_filesz, (off_t)part.p_offset) < 0)
                interpreter[0] = '\0';
        }
        if (interpreter[0] == '\0')
            status = refuse (err, pid,
                             "is statically linked: nothing stands between it and its allocator; "
                             "link it dynamically, or report its heap through heapstrata.h");
        else if (strstr (interpreter, "/ld-musl-") != NULL)
            status = refuse (err, pid,
                             "uses musl as its C library: only the GNU C library is supported; use "
                             "`heapstrata record`");
    }
    (void)close (fd);
    return status;
}

enum hs_status hs_refuse_by_looking (pid_t pid, struct hs_error *err)
{
    char state = pid > 0 ? hs_task_state (pid, pid) : '\0';
    uint64_t group = pid > 0 ? hs_task_status_number (pid, pid, "Tgid", 10) : 0;

    if (state == '\0') {
        (void)hs_error_set_errno (err, ESRCH, "there is no process %d", (int)pid);
        return HS_IO;
    }
    if (group != (uint64_t)pid)
        return refuse (err, pid, "is a thread: attach to its process (Tgid in /proc/PID/status)");
    if (pid == getpid ())
        return refuse (err, pid, "is heapstrata itself");
    if ((state == 'Z' || state == 'X') && hs_task_status_number (pid, pid, "Threads", 10) <= 1)
        return refuse (err, pid, "has ended already");
    if (hs_task_status_number (pid, pid, "TracerPid", 10) != 0)
        return refuse (err, pid,
                       "is traced by another program: end the debugger (or strace) first");
    if (is_other_namespace (pid, "pid"))
        return refuse (err, pid,
                       "lives in another pid namespace: run heapstrata inside its container");
    if (is_other_namespace (pid, "mnt"))
        return refuse (err, pid,
                       "lives in another mount namespace: run heapstrata inside it, with "
                       "`nsenter -t PID -m heapstrata attach PID`");
    if (hs_task_status_number (pid, pid, "Seccomp", 10) != 0)
        return refuse (err, pid,
                       "filters its system calls (seccomp): use `heapstrata record`, which begins "
                       "before the filter");
    return refuse_by_program (pid, err);
}

enum hs_status hs_refuse_by_maps (const struct hs_target *target, struct hs_error *err)
{
    if (hs_target_map_named (target, "/libc.so.6") != NULL)
        return HS_OK;
    return refuse (err, target->pid,
                   "has not loaded the GNU C library (libc.so.6): only that one is supported");
}
