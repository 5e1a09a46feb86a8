/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory and mappings of a running process; see target.h. */
#include "capture/inject/target.h"

#include "base/limits.h"
#include "capture/inject/refusals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define GATHERED 256u /* in one system call */

enum hs_status hs_target_open (pid_t pid, struct hs_target *ret, struct hs_error *err)
{
    struct hs_target target = { .pid = pid, .memory_fd = -1, .pid_fd = -1 };
    enum hs_status status = hs_refuse_by_looking (pid, err);
    char path[64];

    if (status != HS_OK)
        return status;
    (void)snprintf (path, sizeof path, "/proc/%d/mem", (int)pid);
    target.memory_fd = open (path, O_RDWR | O_CLOEXEC);
    if (target.memory_fd < 0)
        return hs_target_explain_refusal (pid, err);
    target.pid_fd = (int)syscall (SYS_pidfd_open, pid, 0);
    status = target.pid_fd < 0 ? hs_error_set_errno (err, errno, "cannot open process %d", (int)pid)
                               : hs_target_read_maps (&target, err);
    if (status == HS_OK)
        status = hs_refuse_by_maps (&target, err);
    if (status != HS_OK) {
        hs_target_close (&target);
        return status;
    }
    *ret = target;
    return HS_OK;
}

void hs_target_close (struct hs_target *target)
{
    if (target->memory_fd >= 0)
        (void)close (target->memory_fd);
    if (target->pid_fd >= 0)
        (void)close (target->pid_fd);
    target->memory_fd = target->pid_fd = -1;
    hs_array_clear (&target->maps);
}

bool hs_target_read (const struct hs_target *target, uint64_t address, void *out, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got =
            pread (target->memory_fd, (char *)out + done, n - done, (off_t)(address + done));

        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

bool hs_target_write (const struct hs_target *target, uint64_t address, const void *from, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t put = pwrite (target->memory_fd, (const char *)from + done, n - done,
                              (off_t)(address + done));

        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

bool hs_target_read_u64 (const struct hs_target *target, uint64_t address, uint64_t *ret)
{
    return hs_target_read (target, address, ret, sizeof *ret);
}

void hs_target_gather (const struct hs_target *target, const uint64_t *addresses, size_t n,
                       size_t size, void *out, bool *ret_is_read)
{
    struct iovec to[GATHERED], from[GATHERED];
    bool is_allowed = true;
    size_t done = 0;

    while (done < n) {
        size_t m = n - done < GATHERED ? n - done : GATHERED, n_read;
        ssize_t got;

        for (size_t i = 0; i < m; i++) {
            to[i] = (struct iovec){ (char *)out + (done + i) * size, size };
            from[i] = (struct iovec){ (void *)(uintptr_t)addresses[done + i], size };
        }
        got = is_allowed ? process_vm_readv (target->pid, to, m, from, m, 0) : -1;
        is_allowed = got >= 0 || errno == EFAULT;
        n_read = got > 0 ? (size_t)got / size : 0;
        for (size_t i = 0; i < n_read; i++)
            ret_is_read[done + i] = true;
        done += n_read;
        if (n_read < m) { /* the next cannot be read so, if at all */
            ret_is_read[done] =
                hs_target_read (target, addresses[done], (char *)out + done * size, size);
            done++;
        }
    }
}

/* "begin-end rwxp offset major:minor inode   path" */
static bool parse_map (const char *line, struct hs_target_map *ret)
{
    unsigned long long begin, end, inode;
    unsigned major, minor;
    char access[5];
    int n = 0;
    size_t length;
    const char *name;

    if (sscanf (line, "%llx-%llx %4s %*x %x:%x %llu%n", &begin, &end, access, &major, &minor,
                &inode, &n) < 6 ||
        n == 0)
        return false;
    *ret = (struct hs_target_map){ .begin = begin,
                                   .end = end,
                                   .inode = inode,
                                   .device = major << 20 | minor,
                                   .is_executable = access[2] == 'x' };
    name = line + n + strspn (line + n, " ");
    length = strcspn (name, "\n");
    if (length >= sizeof ret->name) {
        name += length - (sizeof ret->name - 1);
        length = sizeof ret->name - 1;
    }
    memcpy (ret->name, name, length);
    ret->name[length] = '\0';
    return true;
}

enum hs_status hs_target_read_maps (struct hs_target *target, struct hs_error *err)
{
    enum hs_status status = HS_OK;
    size_t size = 0;
    char path[64], *line = NULL;
    FILE *file;

    (void)snprintf (path, sizeof path, "/proc/%d/maps", (int)target->pid);
    file = fopen (path, "re");
    if (file == NULL)
        return hs_error_set_errno (err, errno, "cannot read %s", path);
    target->maps.n = 0;
    while (status == HS_OK && getline (&line, &size, file) > 0) {
        struct hs_target_map map;

        if (!parse_map (line, &map))
            continue;
        if (target->maps.n >= HS_LIMIT_MAPPINGS || !hs_array_reserve (&target->maps, 1))
            status = hs_error_no_memory (err);
        else
            target->maps.items[target->maps.n++] = map;
    }
    free (line);
    (void)fclose (file);
    return status;
}

const struct hs_target_map *hs_target_map_at (const struct hs_target *target, uint64_t address)
{
    size_t low = 0, high = target->maps.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hs_target_map *map = &target->maps.items[middle];

        if (address < map->begin)
            high = middle;
        else if (address >= map->end)
            low = middle + 1;
        else
            return map;
    }
    return NULL;
}

const struct hs_target_map *hs_target_map_named (const struct hs_target *target, const char *name)
{
    size_t n = strlen (name);

    for (size_t i = 0; i < target->maps.n; i++) {
        const char *found = target->maps.items[i].name;
        size_t length = strlen (found);

        if (length >= n && strcmp (found + length - n, name) == 0)
            return &target->maps.items[i];
    }
    return NULL;
}

/* What the kernel says of a task in a file of /proc; "" when it is gone. */
static void read_task_file (pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t got = 0;
    int fd;

    (void)snprintf (path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read (fd, text, size - 1);
        (void)close (fd);
    }
    text[got > 0 ? got : 0] = '\0';
}

uint64_t hs_task_status_number (pid_t pid, pid_t tid, const char *key, int base)
{
    char text[4096];
    const char *line;
    size_t n = strlen (key);

    read_task_file (pid, tid, "status", text, sizeof text);
    for (line = text; line != NULL; line = strchr (line, '\n')) {
        line += *line == '\n';
        if (strncmp (line, key, n) == 0 && line[n] == ':')
            return strtoull (line + n + 1, NULL, base);
        if (*line == '\0')
            break;
    }
    return 0;
}

char hs_task_state (pid_t pid, pid_t tid)
{
    char text[512];
    const char *end;

    read_task_file (pid, tid, "stat", text, sizeof text);
    end = strrchr (text, ')'); /* the name before it may hold anything */
    return end != NULL && end[1] == ' ' ? end[2] : '\0';
}
