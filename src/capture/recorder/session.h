/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One recording, whichever way in: the file, the shared memory of the recorded process, the loop
 * that drains it, samples of the resident set, and what is asked over the control socket.
 *
 * Children are followed when the options say so: then the recording goes on until all have ended.
 * Order of calls: new; make_arena (launch) or take_arena (attach); begin; run; finish. After a
 * failure before begin: abandon. One thread. What has no process yet has no file worth keeping.
 */
#ifndef HS_CAPTURE_RECORDER_SESSION_H
#define HS_CAPTURE_RECORDER_SESSION_H

#include "capture/recorder/recorder.h"
#include "capture/ring/ring.h"

#include <sys/types.h>

struct hs_session;

enum hs_session_origin {
    HS_SESSION_LAUNCHED, /* our child: waited for with waitpid */
    HS_SESSION_ATTACHED, /* was running before: what it had allocated is unknown */
    HS_SESSION_FORKED,   /* followed: a copy of its parent, with its parent's blocks */
    HS_SESSION_EXECED,   /* followed: began with an exec */
};

/* Called some hundred times a second while a session runs. HS_END: the process is another one now,
 * and the recording is over. */
typedef enum hs_status (*hs_session_tick) (void *self, struct hs_error *err);

struct hs_session_process {
    pid_t pid;
    enum hs_session_origin origin;
    const char *exe;          /* when /proc cannot tell any more; may be NULL */
    const char *command_line; /* NULL: as /proc has it */
    hs_session_tick tick;     /* may be NULL */
    void *tick_self;
};

/* Opens the file and reads the clocks. `options` and `cancel` live as long as the session. */
enum hs_status hs_session_new (const struct hs_record_options *options,
                               const struct hs_cancel *cancel, struct hs_session **ret,
                               struct hs_error *err);

/* Shared memory for a program to be launched; *ret_fd stays the session's. */
enum hs_status hs_session_make_arena (struct hs_session *session, int *ret_fd,
                                      struct hs_error *err);

/* Shared memory that was made in the target: HS_ARENA_BYTES, sealed. The descriptor becomes the
 * session's, also on failure. */
enum hs_status hs_session_take_arena (struct hs_session *session, int fd, struct hs_error *err);

/* The head of the shared memory, for what passes between injector and agent. */
struct hs_arena_head *hs_session_arena (struct hs_session *session);

/* Begins the process in the file and listens on its control socket; then the agent may record.
 * HS_UNSUPPORTED: another recorder has the process. */
enum hs_status hs_session_begin (struct hs_session *session,
                                 const struct hs_session_process *process, struct hs_error *err);

/* Before a launch: what the program becomes by exec is recorded, too, and its children when the
 * options say so. */
enum hs_status hs_session_follow (struct hs_session *session, struct hs_error *err);

/* Where a followed process asks for its memory: for its environment; NULL when not following. */
const char *hs_session_follow_path (const struct hs_session *session);

/* Drains until the process ends, a limit is reached, somebody asks for the end, or `cancel` is set.
 * The agent has been told to stop when this returns; what it still writes is taken by finish. */
enum hs_status hs_session_run (struct hs_session *session, struct hs_error *err);

/* Takes what is left, completes the file, hangs up, frees. `so_far` is what run returned: after a
 * failure the file is completed as well as it can be, and that failure returned. */
enum hs_status hs_session_finish (struct hs_session *session, enum hs_status so_far,
                                  struct hs_record_totals *ret, struct hs_error *err);

/* Frees, and removes the file. NULL is allowed. */
void hs_session_abandon (struct hs_session *session);

#endif
