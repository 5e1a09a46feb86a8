/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attaching to a running process; see recorder.h. */
#include "capture/recorder/recorder.h"

#include "capture/inject/inject.h"
#include "capture/recorder/session.h"
#include "capture/ring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UPDATE_NS 30000000 /* between two looks at the loader's list */

struct attachment {
    struct hs_injection *injection;
    int64_t looked_ns;
};

static enum hs_status look (void *self, struct hs_error *err)
{
    struct attachment *attachment = self;
    struct timespec time;
    int64_t now;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    now = time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
    if (now - attachment->looked_ns < UPDATE_NS)
        return HS_OK;
    attachment->looked_ns = now;
    return hs_injection_update (attachment->injection, err);
}

/* The rings stay mapped in the process, which may come back to them; their memory need not stay. */
static void give_back (int fd)
{
    const off_t heads = (off_t)HS_ARENA_PAGE * (1 + HS_RINGS);

    (void)fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, heads,
                     (off_t)HS_ARENA_BYTES - heads);
    (void)close (fd);
}

/* As the agent would say it, if it were not put in from outside. */
static bool tell_bypassed (const struct hs_injection *injection, int arena_fd)
{
    struct hs_injection_figures figures;
    uint32_t is_bypassed;

    hs_injection_get_figures (injection, &figures);
    is_bypassed = figures.is_bypassed;
    return pwrite (arena_fd, &is_bypassed, sizeof is_bypassed,
                   offsetof (struct hs_arena_head, is_bypassed)) == sizeof is_bypassed;
}

static enum hs_status attach (struct hs_injection *injection, struct hs_session *session,
                              const struct hs_session_process *process, int *ret_fd,
                              struct hs_error *err)
{
    int fd = -1;
    enum hs_status status = hs_injection_map (injection, &fd, err);

    if (status != HS_OK)
        return status;
    *ret_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
    status = hs_session_take_arena (session, fd, err);
    if (status == HS_OK && !tell_bypassed (injection, *ret_fd))
        status = hs_error_set_errno (err, errno, "cannot write to the memory of the recording");
    if (status == HS_OK)
        status = hs_session_begin (session, process, err);
    if (status == HS_OK)
        status = hs_injection_hook (injection, err);
    if (status != HS_OK)
        (void)hs_injection_unhook (injection, NULL);
    return status;
}

static enum hs_status record (struct hs_injection *injection, struct hs_session *session,
                              const struct hs_session_process *process,
                              struct hs_record_totals *ret, struct hs_error *err)
{
    int fd = -1;
    struct hs_error unhook_err = { 0 };
    enum hs_status status = attach (injection, session, process, &fd, err), unhooked;

    if (status != HS_OK) {
        hs_session_abandon (session);
    } else {
        status = hs_session_run (session, err);
        unhooked = hs_injection_unhook (injection, &unhook_err);
        status = hs_session_finish (session, status, ret, err);
        if (status == HS_OK && unhooked != HS_OK) {
            status = unhooked;
            if (err != NULL)
                *err = unhook_err;
        }
    }
    if (fd >= 0)
        give_back (fd);
    return status;
}

enum hs_status hs_record_attach (const struct hs_record_options *options, pid_t pid,
                                 const struct hs_cancel *cancel, struct hs_record_totals *ret,
                                 struct hs_attach_figures *ret_figures, struct hs_error *err)
{
    struct attachment attachment = { 0 };
    const struct hs_session_process process = {
        .pid = pid, .origin = HS_SESSION_ATTACHED, .tick = look, .tick_self = &attachment
    };
    struct hs_injection_figures figures;
    struct hs_session *session;
    enum hs_status status =
        hs_injection_open (pid, options->agent_path, &attachment.injection, err);

    if (status != HS_OK)
        return status;
    status = hs_session_new (options, cancel, &session, err);
    if (status == HS_OK)
        status = record (attachment.injection, session, &process, ret, err);
    hs_injection_get_figures (attachment.injection, &figures);
    *ret_figures = (struct hs_attach_figures){
        .n_slots = figures.n_most_slots,
        .n_left = figures.n_left,
        .is_left_to_more = figures.is_left_to_more,
        .longest_ns = figures.longest_ns,
    };
    memcpy (ret_figures->left_to, figures.left_to, sizeof ret_figures->left_to);
    hs_injection_free (attachment.injection);
    return status;
}
