/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A running process seen from outside: its memory, what it has mapped, and whether it can be
 * attached to at all. Nothing here stops it.
 *
 * The memory is bound to the program that ran when it was opened: after an exec all reads fail.
 */
#ifndef HS_CAPTURE_INJECT_TARGET_H
#define HS_CAPTURE_INJECT_TARGET_H

#include "base/array.h"
#include "base/error.h"

#include <sys/types.h>

struct hs_target_map { /* a line of /proc/PID/maps */
    uint64_t begin, end;
    uint64_t inode;
    uint32_t device; /* major << 20 | minor */
    bool is_executable;
    char name[96]; /* the path's end when it is longer */
};

struct hs_target {
    pid_t pid;
    int memory_fd; /* /proc/PID/mem */
    int pid_fd;
    HS_ARRAY (struct hs_target_map) maps; /* as of the last hs_target_read_maps */
};

/*
 * Refuses, in one sentence with the remedy and without having touched it, a process that is not
 * there, is somebody else's, is traced, ends, is 32-bit, static, has another C library, lives in
 * another mount or pid namespace, filters its system calls, or is this one.
 */
enum hs_status hs_target_open (pid_t pid, struct hs_target *ret, struct hs_error *err);
void hs_target_close (struct hs_target *target);

bool hs_target_read (const struct hs_target *target, uint64_t address, void *out, size_t n);
/* Also into pages that the target itself cannot write. */
bool hs_target_write (const struct hs_target *target, uint64_t address, const void *from, size_t n);
bool hs_target_read_u64 (const struct hs_target *target, uint64_t address, uint64_t *ret);

/* Reads `n` objects of `size` bytes each into `out`, all of them in few system calls. Only while
 * the process is stopped: it might begin another program. */
void hs_target_gather (const struct hs_target *target, const uint64_t *addresses, size_t n,
                       size_t size, void *out, bool *ret_is_read);

enum hs_status hs_target_read_maps (struct hs_target *target, struct hs_error *err);
/* The mapping that holds `address`, or NULL. */
const struct hs_target_map *hs_target_map_at (const struct hs_target *target, uint64_t address);
/* The first mapping whose name is, or ends with, `name`; NULL when there is none. */
const struct hs_target_map *hs_target_map_named (const struct hs_target *target, const char *name);

/* A number out of /proc/PID/task/TID/status, `base` 10 or 16; 0 when it is not there. */
uint64_t hs_task_status_number (pid_t pid, pid_t tid, const char *key, int base);
/* The letter of the task's state ('R', 'S', 'D', 'Z' …); 0 when it is gone. */
char hs_task_state (pid_t pid, pid_t tid);

/* Why ptrace or /proc/PID/mem said EPERM. */
enum hs_status hs_target_explain_refusal (pid_t pid, struct hs_error *err);

#endif
