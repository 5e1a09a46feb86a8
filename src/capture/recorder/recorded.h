/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One process instance of a recording: its shared memory, its place in the trace, and how its end
 * is noticed. An exec ends an instance and may begin another of the same pid. Owned by the session;
 * one thread.
 */
#ifndef HS_CAPTURE_RECORDER_RECORDED_H
#define HS_CAPTURE_RECORDER_RECORDED_H

#include "capture/recorder/event_order.h"
#include "capture/recorder/process_info.h"
#include "capture/recorder/session.h"

enum hs_recorded_state {
    HS_RECORDED_RUNS,
    HS_RECORDED_EXITED,
    HS_RECORDED_EXECED, /* the process goes on as another program */
};

struct hs_recorded {
    struct hs_ring_reader reader;
    struct hs_event_order *order;
    pid_t pid;
    enum hs_session_origin origin;
    int pidfd, mem_fd;
    bool has_arena, is_ending;
    unsigned n_exec_looks; /* how often the agent was found on its way into an exec */
    uint64_t horizon, next_stamp;
    struct hs_process_texts *texts; /* until it is described */
    struct {
        uint32_t owner, tid; /* of the ring, as told in the trace; 0 = none */
        unsigned n_looks;    /* at its name, which often comes after the first allocations */
        char name[HS_THREAD_NAME_BYTES];
    } threads[HS_RINGS];
    struct hs_recorded *next;
};

/* Makes the shared memory (fd < 0), or takes that behind `fd`, which it then owns. */
enum hs_status hs_recorded_new (struct hs_order_trace *trace, int fd, struct hs_recorded **ret,
                                struct hs_error *err);
void hs_recorded_free (struct hs_recorded *process);

/* Watches it from now on, and keeps what can be said of it. */
enum hs_status hs_recorded_watch (struct hs_recorded *process,
                                  const struct hs_session_process *described, struct hs_error *err);

/* Describes it in the trace: its place is before its first record. */
enum hs_status hs_recorded_describe (struct hs_recorded *process, struct hs_error *err);

/* Looks whether it has ended. */
enum hs_recorded_state hs_recorded_look (struct hs_recorded *process);

/* Copies out what the rings hold. */
enum hs_status hs_recorded_drain (struct hs_recorded *process, uint64_t *n_bytes,
                                  struct hs_error *err);

/* Tells what was lost, before the records of this drain are passed. Those older than `passed` were
 * passed already. */
enum hs_status hs_recorded_tell_loss (struct hs_recorded *process, uint64_t passed,
                                      struct hs_error *err);

/* Tells how many blocks sampling could not remember, if any, and of a malloc that is not seen;
 * `is_mark`: the file holds no notes. */
enum hs_status hs_recorded_tell_unseen (struct hs_recorded *process, bool is_mark,
                                        struct hs_error *err);

/* Gives rings of threads that are gone to new ones. */
enum hs_status hs_recorded_reclaim_rings (struct hs_recorded *process, struct hs_error *err);

/* Adds its counts to `totals`. */
void hs_recorded_add_totals (const struct hs_recorded *process, struct hs_record_totals *totals);

#endif
