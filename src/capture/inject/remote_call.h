/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * System calls made by a stopped process on our behalf. No code of the target runs but one
 * `syscall` instruction, or a loop of ours that makes a list of calls in one go: on a busy machine
 * each stop of the target may cost a turn of the scheduler. Between begin and end one task is
 * borrowed; end gives it back in a stop, so that the kernel restarts what the task itself had been
 * waiting in.
 */
#ifndef HS_CAPTURE_INJECT_REMOTE_CALL_H
#define HS_CAPTURE_INJECT_REMOTE_CALL_H

#include "capture/inject/stop.h"

#define HS_REMOTE_CODE_BYTES 4096u  /* of the target: for the loop, readable and executable */
#define HS_REMOTE_TABLE_BYTES 8192u /* behind it: for the list, writable */

struct hs_remote {
    struct hs_stop *stop;
    struct hs_stopped_task *task;
    uint64_t syscall_at; /* a `syscall` instruction in the target */
    uint64_t code;       /* of the loop in the target; 0 = there is none: call by call */
    uint64_t signals;    /* the task's mask, all blocked meanwhile but what the loop ends with */
    uint64_t n_calls;
    int held_signal; /* SIGSTOP that came meanwhile; sent again at the end */
    bool is_at_trap; /* behind the loop */
    bool is_broken;  /* no more calls */
};

/* HS_AGAIN when no task can be borrowed now. */
enum hs_status hs_remote_begin (struct hs_remote *remote, struct hs_stop *stop, uint64_t syscall_at,
                                struct hs_error *err);
/* As the system call returns: -errno on failure; -ESRCH when the task is gone. `arguments`: 6. */
int64_t hs_remote_call (struct hs_remote *remote, long number, const uint64_t *arguments);

struct hs_remote_step {
    long number;
    uint64_t arguments[6];
    uint32_t
        add_to_first; /* 1 + the step of the list whose result is added to argument 0; 0 = no */
    uint32_t add_to_fifth;
    int64_t ret; /* as of hs_remote_call; -ECANCELED when it was not come to */
};

/* Puts the loop at `code` of the target, HS_REMOTE_CODE_BYTES and then HS_REMOTE_TABLE_BYTES: from
 * now on hs_remote_run uses it where it can. */
void hs_remote_use_loop (struct hs_remote *remote, uint64_t code);
/* Makes the calls one after the other, up to the first that fails: its -errno, else 0. */
int64_t hs_remote_run (struct hs_remote *remote, struct hs_remote_step *steps, uint32_t n);
void hs_remote_end (struct hs_remote *remote);

#endif
