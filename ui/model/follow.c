/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads files as long as somebody writes them; see follow.h. */
#include "model/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* A look is one fstat: cheaper than a watch, and it works on shares, where no watch tells. */
#define LOOK_INTERVAL_US 50000

/* How often the kernel is asked for a writer of a file that does not change. */
#define ASK_INTERVAL_US 500000

/* A writer that opens its file anew for every piece is seen between two of them. */
#define QUIET_UNWRITTEN_US (5 * G_USEC_PER_SEC)
/* Where the kernel cannot tell: Windows flushes its buffers at least once a minute by default. */
#define QUIET_UNKNOWN_US (75 * G_USEC_PER_SEC)

typedef enum { WRITTEN, UNWRITTEN, UNKNOWN } Writer;

typedef struct {
    gint64 changed_us; /* wall clock, of the newest change; 0: none of the files is there */
    guint64 bytes;
} Look;

static Look look_at (char **paths)
{
    Look look = { 0 };
    struct stat info;

    for (guint i = 0; paths[i] != NULL; i++) {
        if (stat (paths[i], &info) != 0)
            continue;
        look.bytes += (guint64)MAX (0, info.st_size);
        look.changed_us = MAX (look.changed_us, (gint64)info.st_mtim.tv_sec * G_USEC_PER_SEC +
                                                    info.st_mtim.tv_nsec / 1000);
    }
    return look;
}

static Writer writer_of_one (const char *path)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    Writer writer = UNKNOWN;

    if (fd < 0)
        return UNKNOWN;
    /* whoever opens the file while we hold the lease makes the kernel send a signal: one that is
     * ignored by default */
    (void)fcntl (fd, F_SETSIG, SIGURG);
    if (fcntl (fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl (fd, F_SETLEASE, F_UNLCK);
        writer = UNWRITTEN;
    } else if (errno == EAGAIN) {
        writer = WRITTEN;
    }
    (void)close (fd);
    return writer;
}

static Writer writer_of (char **paths)
{
    Writer writer = UNWRITTEN;

    for (guint i = 0; paths[i] != NULL; i++) {
        Writer one = writer_of_one (paths[i]);

        if (one == WRITTEN)
            return WRITTEN;
        if (one == UNKNOWN)
            writer = UNKNOWN;
    }
    return writer;
}

/* Whether more may come after `quiet_us` without a change. */
static bool may_grow (HsFollow *self, gint64 quiet_us)
{
    if (atomic_load (&self->is_told_to_end))
        return false;
    if (self->mode == HS_FOLLOW_UNTIL_TOLD)
        return true;
    switch (writer_of (self->paths)) {
    case WRITTEN:
        return true;
    case UNWRITTEN:
        return quiet_us < QUIET_UNWRITTEN_US;
    case UNKNOWN:
        return quiet_us < QUIET_UNKNOWN_US;
    }
    return false;
}

/* A file that is only just being made has no header yet: asks again as long as it may grow. */
static enum hs_status open_when_there (HsFollow *self, struct hs_trace *trace,
                                       struct hs_loader **ret, struct hs_error *err)
{
    for (;;) {
        Look look = look_at (self->paths);
        bool is_followed = may_grow (self, g_get_real_time () - look.changed_us);
        const struct hs_files files = {
            .paths = (const char *const *)self->paths,
            .n = g_strv_length (self->paths),
            .mode = is_followed ? HS_SOURCE_FOLLOW : HS_SOURCE_WHOLE,
            .cancel = &self->cancel,
        };
        enum hs_status status = hs_loader_open_files (&files, trace, ret, err);

        atomic_store (&self->file_bytes, look.bytes);
        /* what stands there in full does not become a trace by growing */
        if (status == HS_OK || !is_followed ||
            (self->mode == HS_FOLLOW_WHILE_WRITTEN && status != HS_AGAIN && look.bytes > 0))
            return status;
        if (hs_cancel_is_set (&self->cancel))
            return HS_CANCELLED;
        g_usleep (LOOK_INTERVAL_US);
    }
}

/* Notes the files' size; true when nothing changed and nothing more is to come. */
static bool has_ended (HsFollow *self, gint64 *changed_at, gint64 *asked_at)
{
    gint64 now = g_get_monotonic_time ();
    guint64 bytes = look_at (self->paths).bytes;

    if (bytes != atomic_load (&self->file_bytes)) {
        atomic_store (&self->file_bytes, bytes);
        *changed_at = now;
        return false;
    }
    if (!atomic_load (&self->is_told_to_end) && now - *asked_at < ASK_INTERVAL_US)
        return false;
    *asked_at = now;
    return !may_grow (self, now - *changed_at);
}

enum hs_status hs_follow_run (HsFollow *self, struct hs_trace *trace, struct hs_error *err)
{
    struct hs_loader *loader = NULL;
    gint64 changed_at = g_get_monotonic_time (), asked_at = 0;
    enum hs_status status = open_when_there (self, trace, &loader, err);

    if (status != HS_OK)
        return status;
    atomic_store (&self->loader, loader);
    while (status == HS_OK || status == HS_AGAIN) {
        if (hs_cancel_is_set (&self->cancel))
            return HS_CANCELLED;
        /* asked before the step: what was written until then is read by it */
        if (status == HS_AGAIN && has_ended (self, &changed_at, &asked_at))
            hs_loader_stop_following (loader);
        status = hs_loader_step (loader, err);
        if (status == HS_AGAIN) {
            atomic_store (&self->is_caught_up, true);
            g_usleep (LOOK_INTERVAL_US);
        }
    }
    return status;
}
