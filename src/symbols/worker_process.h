/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process behind a symbolizer: starting it, talking to it, ending it. One thread at a time. */
#ifndef HS_SYMBOLS_WORKER_PROCESS_H
#define HS_SYMBOLS_WORKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/wait.h>

struct hs_worker_process {
    pid_t pid;
    int fd;          /* our end, -1 = it is not running */
    int exit_status; /* of the last one, as wait(2) has it */
};

#define HS_WORKER_PATH_SIZE 4096

/* Where the program is: in the folder HEAPSTRATA_LIBEXEC when set (a build folder), else where it
 * was installed. Returns `path`. */
const char *hs_worker_process_find (char path[HS_WORKER_PATH_SIZE]);

void hs_worker_process_init (struct hs_worker_process *worker);
bool hs_worker_process_is_running (const struct hs_worker_process *worker);

/* False: there is no such program, or the system refuses. */
bool hs_worker_process_start (struct hs_worker_process *worker, const char *program);

/* All bytes, or false: it does not take them. */
bool hs_worker_process_send (struct hs_worker_process *worker, const void *bytes, size_t n);

/* What is there: the number of bytes, 0 = nothing now, -1 = it has ended. */
long hs_worker_process_receive (struct hs_worker_process *worker, void *bytes, size_t n);

/* Kills it unless it has ended by itself; sets exit_status. */
void hs_worker_process_stop (struct hs_worker_process *worker);

#endif
