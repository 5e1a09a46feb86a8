/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of session.h share: its state, what waits for its place in time, and requests. */
#ifndef HS_CAPTURE_RECORDER_SESSION_PRIVATE_H
#define HS_CAPTURE_RECORDER_SESSION_PRIVATE_H

#include "base/array.h"
#include "capture/control/control.h"
#include "capture/recorder/followers.h"
#include "capture/recorder/recorded.h"
#include "capture/recorder/session.h"
#include "capture/recorder/trace_clock.h"

/* What has its place in time among the records of the rings, and waits for it. */
struct hs_session_moment {
    enum { HS_MOMENT_BEGIN, HS_MOMENT_MARK, HS_MOMENT_GAP, HS_MOMENT_SAMPLE, HS_MOMENT_END } kind;
    uint64_t stamp; /* TSC */
    struct hs_recorded *process;
    union {
        uint64_t begin_stamp;    /* GAP */
        uint64_t resident_bytes; /* SAMPLE */
        char *name;              /* MARK, owned */
        enum hs_process_end_reason reason;
    };
};

struct hs_session {
    const struct hs_record_options *options;
    const struct hs_cancel *cancel;
    const struct hs_encoder_class *encoder;
    void *encoder_self;
    struct hs_order_trace *trace;
    enum hs_ring_clock clock;
    struct hs_control_server *control;
    struct hs_follow *follow;
    int waker;                     /* epoll: ends of processes, children that come */
    struct hs_recorded *processes; /* that have not ended */
    struct hs_recorded *first;     /* the root, while it is among them */
    uint32_t n_processes;
    struct hs_session_process root;
    int wait_status;
    bool is_reaped; /* the launched program: its status is known */
    bool is_paused, is_told_to_end;
    uint32_t n_expected, n_arrived; /* children of those that have ended; all that came */
    int64_t empty_since_ns;         /* 0: some process is there */
    uint64_t pause_stamp;
    uint64_t passed; /* records with older stamps were passed on; 0: none yet */
    bool is_behind;  /* what was copied out is passed on in parts */
    int64_t begin_ns, newest_sample_ns, newest_reclaim_ns;
    HS_ARRAY (struct hs_session_moment) moments; /* oldest first */
    struct hs_record_totals totals;              /* of what has ended */
};

static inline uint32_t hs_session_control_bits (const struct hs_session *session)
{
    return HS_CONTROL_ON | (session->options->free_stacks ? HS_CONTROL_FREE_STACKS : 0);
}

/* CLOCK_MONOTONIC */
int64_t hs_session_now_ns (void);
uint64_t hs_session_file_bytes (const struct hs_session *session);
/* A process that has ended: its figures stay. */
void hs_session_remove_process (struct hs_session *session, struct hs_recorded *process);

/* session_moments.c. False when too much waits already; begin and end always find their place. */
bool hs_session_add_moment (struct hs_session *session, struct hs_session_moment moment);
/* Hands on records and moments below the horizon, by time. */
enum hs_status hs_session_pass (struct hs_session *session, uint64_t horizon, struct hs_error *err);

/* session_requests.c. A hs_control_answer. */
void hs_session_answer (void *self, const char *request, char *reply, size_t size);
/* Tells all agents. */
void hs_session_set_control (struct hs_session *session, uint32_t bits);
/* What was not recorded since the pause began, in every process. */
bool hs_session_add_gaps (struct hs_session *session);
/* Of what has ended and what has not. */
struct hs_record_totals hs_session_all_totals (const struct hs_session *session);

#endif
