/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What /proc says of a process. Nothing here fails: what cannot be read is empty or 0. */
#ifndef HS_CAPTURE_RECORDER_PROCESS_INFO_H
#define HS_CAPTURE_RECORDER_PROCESS_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HS_THREAD_NAME_BYTES 32

struct hs_process_texts {
    char exe[4096];
    char command_line[8192]; /* arguments with a space between them, cut when longer */
    pid_t parent;
};

void hs_process_read_texts (pid_t pid, struct hs_process_texts *ret);
uint64_t hs_process_resident_bytes (pid_t pid);
bool hs_process_has_thread (pid_t pid, uint32_t tid);

/* As pthread_setname_np gave it; empty when the thread is gone. */
void hs_process_thread_name (pid_t pid, uint32_t tid, char ret[HS_THREAD_NAME_BYTES]);

/* By its pidfd; by its number when there is none (-1). A zombie does not run. */
bool hs_process_is_running (int pidfd, pid_t pid);

#endif
