/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening by the closing index, and adding it; see closing_index.h. */
#include "load/closing_index.h"

#include "base/memory.h"
#include "load/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

struct recording {
    int fd;
};

/* By its descriptor, for the name may belong to another file by now. */
static struct hs_trace *load_whole (void *self)
{
    struct recording *recording = self;
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;
    char path[64];
    const char *const paths[] = { path };
    enum hs_status status;

    if (trace == NULL)
        return NULL;
    (void)snprintf (path, sizeof path, "/proc/self/fd/%d", recording->fd);
    status = hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, NULL);
    if (status == HS_OK) {
        hs_loader_leave_index (loader);
        status = hs_loader_run (loader, NULL);
        hs_loader_free (loader);
    }
    if (status == HS_END)
        return trace;
    hs_trace_free (trace);
    return NULL;
}

static void free_recording (void *self)
{
    struct recording *recording = self;

    (void)close (recording->fd);
    hs_free (recording);
}

enum hs_status hs_closing_index_open (struct hs_decoder *decoder, struct hs_trace *trace,
                                      struct hs_error *err)
{
    struct hs_index_fallback fallback = { .load = load_whole, .free = free_recording };
    struct recording *recording;
    struct hs_extent extent;
    int fd;
    enum hs_status status = hs_decoder_index (decoder, &extent, &fd, err);

    if (status != HS_OK)
        return status;
    if (extent.index_bytes == 0) {
        (void)close (fd);
        return HS_END;
    }
    recording = HS_NEW (struct recording);
    if (recording == NULL) {
        (void)close (fd);
        return hs_error_no_memory (err);
    }
    recording->fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
    fallback.self = recording;
    return hs_index_open_take (trace, fd, &extent, &fallback, err);
}

/* Where the recording ends, and its file for writing, locked: two that write at once would leave
 * neither's index. */
static enum hs_status open_closed (const char *path, struct hs_decoder **ret_decoder, int *ret_fd,
                                   struct hs_extent *ret, struct hs_error *err)
{
    const char *const paths[] = { path };
    int fd, reading_fd;
    enum hs_status status = hs_decoder_open (paths, 1, HS_SOURCE_WHOLE, ret_decoder, err);

    if (status != HS_OK)
        return status;
    status = hs_decoder_index (*ret_decoder, ret, &reading_fd, err);
    if (status == HS_OK)
        (void)close (reading_fd);
    fd = status == HS_OK ? open (path, O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    if (status == HS_END)
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "only a .hst recording that was closed can have an index");
    else if (status == HS_OK && fd < 0)
        status = hs_error_set_errno (err, errno, "cannot write the index");
    else if (status == HS_OK && flock (fd, LOCK_EX | LOCK_NB) != 0)
        status = hs_error_set_errno (err, errno, "somebody else writes the index");
    if (status == HS_OK) {
        *ret_fd = fd;
        return HS_OK;
    }
    if (fd >= 0)
        (void)close (fd);
    hs_decoder_close (*ret_decoder);
    return status;
}

static enum hs_status cut (int fd, const struct hs_extent *extent, struct hs_error *err)
{
    if (extent->index_bytes == 0 || ftruncate (fd, (off_t)extent->recording_bytes) == 0)
        return HS_OK;
    return hs_error_set_errno (err, errno, "cannot write the index");
}

static enum hs_status add (struct hs_trace *trace, int fd, const struct hs_extent *extent,
                           uint64_t *ret_bytes, struct hs_error *err)
{
    enum hs_status status = hs_index_write (trace, fd, extent, ret_bytes, err);

    if (status != HS_OK)
        (void)!ftruncate (fd, (off_t)extent->recording_bytes);
    return status;
}

enum hs_status hs_closing_index_add (const char *path, uint64_t *ret_bytes, struct hs_error *err)
{
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;
    struct hs_decoder *decoder;
    struct hs_extent extent;
    enum hs_status status;
    int fd;

    if (trace == NULL)
        return hs_error_no_memory (err);
    status = open_closed (path, &decoder, &fd, &extent, err);
    if (status == HS_OK) {
        status = cut (fd, &extent, err);
        if (status == HS_OK)
            status = hs_loader_new_take (decoder, trace, &loader, err);
        else
            hs_decoder_close (decoder);
        if (status == HS_OK) {
            status = hs_loader_run (loader, err);
            hs_loader_free (loader);
        }
        if (status == HS_END)
            status = add (trace, fd, &extent, ret_bytes, err);
        (void)close (fd);
    }
    hs_trace_free (trace);
    return status;
}

enum hs_status hs_closing_index_remove (const char *path, struct hs_error *err)
{
    struct hs_decoder *decoder;
    struct hs_extent extent;
    int fd;
    enum hs_status status = open_closed (path, &decoder, &fd, &extent, err);

    if (status != HS_OK)
        return status;
    status = cut (fd, &extent, err);
    hs_decoder_close (decoder);
    (void)close (fd);
    return status;
}
