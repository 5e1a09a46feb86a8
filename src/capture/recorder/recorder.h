/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records a program, launched for it or running already: makes the arena, brings in the agent,
 * drains the rings, orders by time, hands batches to an encoder. One recorder per process recorded;
 * one thread.
 */
#ifndef HS_CAPTURE_RECORDER_RECORDER_H
#define HS_CAPTURE_RECORDER_RECORDER_H

#include "base/cancel.h"
#include "base/error.h"
#include "capture/recorder/obstacle.h"
#include "encode/encoder.h"

#include <stdbool.h>
#include <sys/types.h>

struct hs_record_options {
    const char *output;      /* path; the encoder follows from its extension */
    const char *agent_path;  /* heapstrata-agent.so */
    double duration_seconds; /* 0 = until the program ends */
    uint64_t max_bytes;      /* of output; 0 = no limit (asked between drains) */
    uint64_t newest_bytes;   /* .hst only: keep the newest part, 0 = all */
    int64_t newest_ns;       /* likewise */
    uint32_t min_size;       /* bytes; smaller blocks are not recorded */
    uint32_t sample;         /* record one block in so many; 0 and 1 = all */
    bool free_stacks;        /* of frees, too */
    bool follow;             /* children, and what an exec makes of them, too */
};

struct hs_record_totals {
    uint64_t n_allocs, n_frees, n_reallocs;
    uint64_t n_lost;       /* events that found their ring full */
    uint64_t n_unrecorded; /* events of threads that got no ring */
    uint64_t n_unsampled;  /* blocks that sampling chose and could not remember: not recorded */
    uint64_t n_broken;     /* rings that made no sense */
    uint64_t n_late;       /* events that came after their place in time was written */
    uint64_t n_processes;  /* instances: an exec begins another */
    uint64_t n_unfollowed; /* children that could not be recorded */
    uint64_t n_bypassed;   /* of the processes: with a malloc of their own, which is not seen */
    bool has_execed;       /* the program became another, which was not recorded */
    uint64_t n_stacks, n_truncated_stacks, n_modules, n_threads;
    uint64_t duration_ns;
    int pid_left;              /* of the child that runs on, 0 = none */
    int wait_status;           /* of the child, as waitpid gives it; -1 when it runs on */
    enum hs_obstacle obstacle; /* when nothing at all was seen: why, if that is known */
};

/*
 * Launches argv[0] (looked up in PATH) and records until it ends, the duration is over or `cancel`
 * is set. The child then goes on without being recorded. HS_IO with system_errno when it cannot be
 * started: then nothing was written. SIGINT and SIGTERM are the caller's business.
 */
enum hs_status hs_record_launch (const struct hs_record_options *options, char *const *argv,
                                 const struct hs_cancel *cancel, struct hs_record_totals *ret,
                                 struct hs_error *err);

struct hs_attach_figures {
    uint64_t n_slots;     /* that were hooked */
    uint64_t n_left;      /* that lead to other functions: not recorded */
    char left_to[64];     /* the file that has the first of those */
    bool is_left_to_more; /* and others have some, too */
    uint64_t longest_ns;  /* that the process stood still for at a time */
};

/*
 * Attaches to a running process and records until it ends, the duration is over, somebody asks for
 * the end, or `cancel` is set; then the process goes on as it was. options->agent_path is
 * heapstrata-attached.so. When it cannot be attached to nothing was written, and err says in one
 * sentence why and what to do. *ret_figures are valid after success.
 */
enum hs_status hs_record_attach (const struct hs_record_options *options, pid_t pid,
                                 const struct hs_cancel *cancel, struct hs_record_totals *ret,
                                 struct hs_attach_figures *ret_figures, struct hs_error *err);

#endif
