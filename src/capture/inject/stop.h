/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stops every task of a process for a moment, or one only, has something done, and lets all go on
 * as if nothing had been: a system call that the stop interrupted goes on with its own remaining
 * time.
 *
 * A try stops the process for 10 ms at most before the work begins, then gives up, lets it run and
 * comes again later. Each try is made by a process of its own (which shares our memory): its end
 * releases every task that is still held, whatever happened, and it comes to it when we are killed.
 */
#ifndef HS_CAPTURE_INJECT_STOP_H
#define HS_CAPTURE_INJECT_STOP_H

#include "capture/inject/target.h"

#include <sys/user.h>

struct hs_stopped_task {
    pid_t tid;
    bool is_stopped;
    bool is_ended;
    bool is_before_signal;             /* of our doing, which must not reach it */
    struct user_regs_struct registers; /* when is_stopped */
};

struct hs_stop {
    const struct hs_target *target;
    HS_ARRAY (struct hs_stopped_task) tasks;
};

enum hs_stop_extent {
    HS_STOP_ALL,
    HS_STOP_ONE, /* some task, rather one that sleeps: the others go on running */
};

/* Called with the tasks stopped, in a process that traces them, while the caller's thread waits.
 * HS_AGAIN: not now, come again. */
typedef enum hs_status (*hs_stop_work) (struct hs_stop *stop, void *data, struct hs_error *err);

/* *ret_stopped_ns: how long the process stood still in the longest of the tries; of one task among
 * others 0. */
enum hs_status hs_stop_run (const struct hs_target *target, enum hs_stop_extent extent,
                            hs_stop_work work, void *data, uint64_t *ret_stopped_ns,
                            struct hs_error *err);

#endif
