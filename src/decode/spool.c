/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing store of unpacked bytes; see spool.h. */
#include "decode/spool.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define IN_MEMORY_BYTES ((uint64_t)HS_SPOOL_CHUNK_BYTES * HS_SPOOL_CHUNKS)

static enum hs_status open_file (struct hs_spool *spool, struct hs_error *err)
{
    const char *folder = getenv ("TMPDIR");
    char path[4096];
    int fd;

    if (spool->fd_plus_one != 0)
        return HS_OK;
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* not every file system can do without a name */
        if (snprintf (path, sizeof path, "%s/heapstrata-XXXXXX", folder) >= (int)sizeof path)
            return hs_error_set_errno (err, ENAMETOOLONG, "cannot make a temporary file");
        fd = mkostemp (path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink (path);
    }
    if (fd < 0)
        return hs_error_set_errno (err, errno, "cannot make a temporary file in %s", folder);
    spool->fd_plus_one = fd + 1;
    return HS_OK;
}

static enum hs_status append_to_file (struct hs_spool *spool, struct hs_span bytes,
                                      struct hs_error *err)
{
    enum hs_status status = open_file (spool, err);
    size_t done = 0;

    if (status != HS_OK)
        return status;
    while (done < bytes.size) {
        ssize_t put = pwrite (spool->fd_plus_one - 1, bytes.data + done, bytes.size - done,
                              (off_t)(spool->size - IN_MEMORY_BYTES + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return hs_error_set_errno (err, errno, "cannot write to the temporary file");
        done += (size_t)put;
    }
    spool->size += bytes.size;
    return HS_OK;
}

enum hs_status hs_spool_append (struct hs_spool *spool, struct hs_span bytes, struct hs_error *err)
{
    while (bytes.size > 0 && spool->size < IN_MEMORY_BYTES) {
        size_t chunk = (size_t)(spool->size / HS_SPOOL_CHUNK_BYTES);
        size_t at = (size_t)(spool->size % HS_SPOOL_CHUNK_BYTES);
        size_t room = HS_SPOOL_CHUNK_BYTES - at;
        struct hs_span part = hs_span_part (bytes, 0, room);

        if (spool->chunks[chunk] == NULL)
            spool->chunks[chunk] = hs_alloc_array (HS_SPOOL_CHUNK_BYTES, 1);
        if (spool->chunks[chunk] == NULL)
            return hs_error_no_memory (err);
        memcpy (spool->chunks[chunk] + at, part.data, part.size);
        spool->size += part.size;
        bytes = hs_span_part (bytes, part.size, bytes.size);
    }
    return bytes.size > 0 ? append_to_file (spool, bytes, err) : HS_OK;
}

static enum hs_status read_file (const struct hs_spool *spool, uint64_t offset, uint8_t *buffer,
                                 size_t n, struct hs_error *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread (spool->fd_plus_one - 1, buffer + done, n - done,
                             (off_t)(offset - IN_MEMORY_BYTES + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return hs_error_set_errno (err, got < 0 ? errno : EIO,
                                       "cannot read the temporary file back");
        done += (size_t)got;
    }
    return HS_OK;
}

enum hs_status hs_spool_read (const struct hs_spool *spool, uint64_t offset, void *buffer, size_t n,
                              size_t *ret_n, struct hs_error *err)
{
    uint8_t *to = buffer;
    size_t done = 0;
    enum hs_status status = HS_OK;

    *ret_n = 0;
    if (offset >= spool->size)
        return HS_END;
    if (n > spool->size - offset)
        n = (size_t)(spool->size - offset);
    while (done < n && offset + done < IN_MEMORY_BYTES) {
        size_t at = (size_t)((offset + done) % HS_SPOOL_CHUNK_BYTES);
        size_t part = HS_SPOOL_CHUNK_BYTES - at;

        if (part > n - done)
            part = n - done;
        memcpy (to + done, spool->chunks[(offset + done) / HS_SPOOL_CHUNK_BYTES] + at, part);
        done += part;
    }
    if (done < n)
        status = read_file (spool, offset + done, to + done, n - done, err);
    if (status == HS_OK)
        *ret_n = n;
    return status;
}

void hs_spool_clear (struct hs_spool *spool)
{
    for (unsigned i = 0; i < HS_SPOOL_CHUNKS; i++)
        hs_free (spool->chunks[i]);
    if (spool->fd_plus_one != 0)
        (void)close (spool->fd_plus_one - 1);
    *spool = (struct hs_spool){ 0 };
}
