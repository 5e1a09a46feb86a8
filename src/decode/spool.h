/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps what was unpacked, so that it can be read again anywhere: the first 64 MiB in memory, the
 * rest in a temporary file in $TMPDIR (else /tmp) that has no name and goes with its last user.
 * Grows at its end only. One thread at a time.
 */
#ifndef HS_DECODE_SPOOL_H
#define HS_DECODE_SPOOL_H

#include "base/error.h"
#include "base/span.h"

#define HS_SPOOL_CHUNK_BYTES (1u << 20)
#define HS_SPOOL_CHUNKS 64u

struct hs_spool {
    uint8_t *chunks[HS_SPOOL_CHUNKS];
    uint64_t size;   /* bytes kept */
    int fd_plus_one; /* 0 = no file yet; so that a zeroed spool is valid and empty */
};

/* Adds the bytes at the end. HS_NO_MEMORY or HS_IO: nothing was added that `size` counts. */
enum hs_status hs_spool_append (struct hs_spool *spool, struct hs_span bytes, struct hs_error *err);

/* Copies up to `n` bytes from `offset`; *ret_n says how many: fewer only at the end. */
enum hs_status hs_spool_read (const struct hs_spool *spool, uint64_t offset, void *buffer, size_t n,
                              size_t *ret_n, struct hs_error *err);

void hs_spool_clear (struct hs_spool *spool);

#endif
