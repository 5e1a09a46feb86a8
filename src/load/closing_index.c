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

/* The file again, for writing, and locked: two that write at once would leave neither's index. */
static enum hs_status open_to_write (int reading_fd, int *ret, struct hs_error *err)
{
    char path[64];
    int fd;

    (void)snprintf (path, sizeof path, "/proc/self/fd/%d", reading_fd);
    fd = open (path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return hs_error_set_errno (err, errno, "cannot write the index");
    if (flock (fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close (fd);
        return hs_error_set_errno (err, errno, "somebody else writes the index");
    }
    *ret = fd;
    return HS_OK;
}

static enum hs_status cut (int fd, const struct hs_extent *extent, struct hs_error *err)
{
    return ftruncate (fd, (off_t)extent->recording_bytes) == 0
               ? HS_OK
               : hs_error_set_errno (err, errno, "cannot write the index");
}

enum hs_status hs_closing_index_write (struct hs_decoder *decoder, const struct hs_trace *trace,
                                       const struct hs_cancel *cancel, uint64_t *ret_bytes,
                                       struct hs_error *err)
{
    struct hs_extent extent;
    int reading_fd, fd;
    enum hs_status status = hs_decoder_index (decoder, &extent, &reading_fd, err);

    if (status == HS_END)
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "only a .hst recording that was closed can have an index");
    if (status != HS_OK)
        return status;
    status = open_to_write (reading_fd, &fd, err);
    (void)close (reading_fd);
    if (status != HS_OK)
        return status;
    status = cut (fd, &extent, err);
    if (status == HS_OK) {
        status = hs_index_write (trace, fd, &extent, cancel, ret_bytes, err);
        if (status != HS_OK)
            (void)cut (fd, &extent, NULL);
    }
    (void)close (fd);
    return status;
}

enum hs_status hs_closing_index_add (const char *path, uint64_t *ret_bytes, struct hs_error *err)
{
    const char *const paths[] = { path };
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;
    enum hs_status status;

    if (trace == NULL)
        return hs_error_no_memory (err);
    status = hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, err);
    if (status == HS_OK) {
        hs_loader_leave_index (loader);
        status = hs_loader_run (loader, err);
        if (status == HS_END)
            status = hs_loader_write_index (loader, ret_bytes, err);
        hs_loader_free (loader);
    }
    hs_trace_free (trace);
    return status;
}

enum hs_status hs_closing_index_remove (const char *path, struct hs_error *err)
{
    const char *const paths[] = { path };
    struct hs_decoder *decoder;
    struct hs_extent extent;
    int reading_fd, fd;
    enum hs_status status = hs_decoder_open (paths, 1, HS_SOURCE_WHOLE, &decoder, err);

    if (status != HS_OK)
        return status;
    status = hs_decoder_index (decoder, &extent, &reading_fd, err);
    if (status == HS_END)
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "this is no .hst recording that was closed");
    if (status == HS_OK) {
        status = open_to_write (reading_fd, &fd, err);
        (void)close (reading_fd);
    }
    if (status == HS_OK) {
        status = cut (fd, &extent, err);
        (void)close (fd);
    }
    hs_decoder_close (decoder);
    return status;
}
