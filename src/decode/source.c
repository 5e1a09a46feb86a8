/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte sources; see source.h. */
#include "decode/source.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VIEW_LIMIT (64u << 20)
#define WINDOW_MIN (256u << 10) /* read ahead: one pread for many small views */

struct hs_source {
    const struct hs_source_class *class;
    void *self;
    char *name;
    enum hs_source_mode mode;
    const struct hs_cancel *cancel;
};

struct file_source {
    int fd;
};

struct memory_source {
    struct hs_span bytes;
};

static enum hs_status file_read (void *self, uint64_t offset, void *buffer, size_t n, size_t *ret_n,
                                 struct hs_error *err)
{
    struct file_source *file = self;
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread (file->fd, (uint8_t *)buffer + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hs_error_set_errno (err, errno, "cannot read");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_n = done;
    return done > 0 ? HS_OK : HS_END;
}

static uint64_t file_size (void *self)
{
    struct file_source *file = self;
    struct stat info;

    return fstat (file->fd, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

static double file_progress (void *self, uint64_t offset)
{
    uint64_t size = file_size (self);

    return size == 0 || offset >= size ? 1.0 : (double)offset / (double)size;
}

static void file_close (void *self)
{
    struct file_source *file = self;

    (void)close (file->fd);
    hs_free (file);
}

static int file_dup_fd (void *self)
{
    return fcntl (((struct file_source *)self)->fd, F_DUPFD_CLOEXEC, 0);
}

static void file_will_need (void *self, uint64_t offset, size_t n)
{
    (void)posix_fadvise (((struct file_source *)self)->fd, (off_t)offset, (off_t)n,
                         POSIX_FADV_WILLNEED);
}

static const struct hs_source_class file_class = {
    .read = file_read,
    .size = file_size,
    .progress = file_progress,
    .close = file_close,
    .dup_fd = file_dup_fd,
    .will_need = file_will_need,
};

static enum hs_status memory_read (void *self, uint64_t offset, void *buffer, size_t n,
                                   size_t *ret_n, struct hs_error *err)
{
    struct memory_source *memory = self;
    struct hs_span part;

    (void)err;
    if (offset >= memory->bytes.size) {
        *ret_n = 0;
        return HS_END;
    }
    part = hs_span_part (memory->bytes, (size_t)offset, n);
    memcpy (buffer, part.data, part.size);
    *ret_n = part.size;
    return HS_OK;
}

static uint64_t memory_size (void *self)
{
    return ((struct memory_source *)self)->bytes.size;
}

static double memory_progress (void *self, uint64_t offset)
{
    uint64_t size = memory_size (self);

    return size == 0 || offset >= size ? 1.0 : (double)offset / (double)size;
}

static const struct hs_source_class memory_class = {
    .read = memory_read,
    .size = memory_size,
    .progress = memory_progress,
    .close = hs_free,
};

enum hs_status hs_source_new (const struct hs_source_class *class, void *self, const char *name,
                              enum hs_source_mode mode, struct hs_source **ret,
                              struct hs_error *err)
{
    struct hs_source *source = HS_NEW (struct hs_source);

    if (source != NULL)
        source->name = hs_strndup (name, strlen (name));
    if (source == NULL || source->name == NULL) {
        hs_free (source);
        return hs_error_no_memory (err);
    }
    source->class = class;
    source->self = self;
    source->mode = mode;
    *ret = source;
    return HS_OK;
}

enum hs_status hs_source_open_file (const char *path, enum hs_source_mode mode,
                                    struct hs_source **ret, struct hs_error *err)
{
    struct file_source *file;
    struct stat info;
    enum hs_status status;
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return hs_error_set_errno (err, errno, "cannot open");
    if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)) {
        (void)close (fd);
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "not a regular file");
    }
    file = HS_NEW (struct file_source);
    if (file == NULL) {
        (void)close (fd);
        return hs_error_no_memory (err);
    }
    file->fd = fd;
    status = hs_source_new (&file_class, file, path, mode, ret, err);
    if (status != HS_OK) {
        file_close (file);
        return status;
    }
    return HS_OK;
}

enum hs_status hs_source_open_memory (struct hs_span bytes, const char *name,
                                      struct hs_source **ret, struct hs_error *err)
{
    struct memory_source *memory = HS_NEW (struct memory_source);
    enum hs_status status;

    if (memory == NULL)
        return hs_error_no_memory (err);
    memory->bytes = bytes;
    status = hs_source_new (&memory_class, memory, name, HS_SOURCE_WHOLE, ret, err);
    if (status != HS_OK)
        hs_free (memory);
    return status;
}

enum hs_status hs_source_read (struct hs_source *source, uint64_t offset, void *buffer, size_t n,
                               size_t *ret_n, struct hs_error *err)
{
    enum hs_status status;

    *ret_n = 0;
    if (hs_cancel_is_set (source->cancel))
        return HS_CANCELLED;
    if (offset > INT64_MAX - n)
        return HS_END;
    status = source->class->read (source->self, offset, buffer, n, ret_n, err);
    return status == HS_END && source->mode == HS_SOURCE_FOLLOW ? HS_AGAIN : status;
}

void hs_source_will_need (struct hs_source *source, uint64_t offset, size_t n)
{
    if (source->class->will_need != NULL && offset <= INT64_MAX - n)
        source->class->will_need (source->self, offset, n);
}

static enum hs_status window_reserve (struct hs_window *window, size_t n, struct hs_error *err)
{
    size_t capacity = n > WINDOW_MIN ? n : WINDOW_MIN;
    uint8_t *bytes;

    if (window->capacity >= n)
        return HS_OK;
    bytes = hs_realloc_array (window->bytes, capacity, 1);
    if (bytes == NULL)
        return hs_error_no_memory (err);
    window->bytes = bytes;
    window->capacity = capacity;
    return HS_OK;
}

enum hs_status hs_source_view (struct hs_source *source, struct hs_window *window, uint64_t offset,
                               size_t n, struct hs_span *ret, struct hs_error *err)
{
    enum hs_status status;

    if (offset >= window->offset && offset - window->offset <= window->n &&
        n <= window->n - (size_t)(offset - window->offset)) {
        *ret = (struct hs_span){ window->bytes + (offset - window->offset), n };
        return HS_OK;
    }
    if (n > VIEW_LIMIT)
        return hs_error_set (err, HS_TOO_LARGE, offset, "a view of %zu bytes is over the limit", n);
    status = window_reserve (window, n, err);
    if (status != HS_OK)
        return status;
    window->n = 0;
    window->offset = offset;
    status = hs_source_read (source, offset, window->bytes, window->capacity, &window->n, err);
    if (status != HS_OK)
        return status;
    if (window->n < n)
        return source->mode == HS_SOURCE_FOLLOW ? HS_AGAIN : HS_END;
    *ret = (struct hs_span){ window->bytes, n };
    return HS_OK;
}

int hs_source_dup_fd (struct hs_source *source)
{
    return source->class->dup_fd != NULL ? source->class->dup_fd (source->self) : -1;
}

uint64_t hs_source_size (struct hs_source *source)
{
    return source->class->size (source->self);
}

double hs_source_progress (struct hs_source *source, uint64_t offset)
{
    return source->class->progress (source->self, offset);
}

const char *hs_source_name (const struct hs_source *source)
{
    return source->name;
}

enum hs_source_mode hs_source_mode (const struct hs_source *source)
{
    return source->mode;
}

void hs_source_set_cancel (struct hs_source *source, const struct hs_cancel *cancel)
{
    source->cancel = cancel;
}

void hs_source_stop_following (struct hs_source *source)
{
    source->mode = HS_SOURCE_WHOLE;
}

void hs_source_close (struct hs_source *source)
{
    if (source == NULL)
        return;
    source->class->close (source->self);
    hs_free (source->name);
    hs_free (source);
}

void hs_window_clear (struct hs_window *window)
{
    hs_free (window->bytes);
    *window = (struct hs_window){ 0 };
}
