/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System calls made by a stopped process on our behalf. No code of the target runs but one
 * `syscall` instruction. Between begin and end one task is borrowed; end gives it back in a stop,
 * so that the kernel restarts what the task itself had been waiting in.
 */
#ifndef HS_CAPTURE_INJECT_REMOTE_CALL_H
#define HS_CAPTURE_INJECT_REMOTE_CALL_H

#include "capture/inject/stop.h"

struct hs_remote {
    struct hs_stop *stop;
    struct hs_stopped_task *task;
    uint64_t syscall_at; /* a `syscall` instruction in the target */
    uint64_t signals;    /* the task's mask, all blocked meanwhile */
    uint64_t n_calls;
    int held_signal; /* SIGSTOP that came meanwhile; sent again at the end */
    bool is_broken;  /* no more calls */
};

/* HS_AGAIN when no task can be borrowed now. */
enum hs_status hs_remote_begin (struct hs_remote *remote, struct hs_stop *stop, uint64_t syscall_at,
                                struct hs_error *err);
/* As the system call returns: -errno on failure; -ESRCH when the task is gone. `arguments`: 6. */
int64_t hs_remote_call (struct hs_remote *remote, long number, const uint64_t *arguments);
void hs_remote_end (struct hs_remote *remote);

#endif
