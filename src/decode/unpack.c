/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacking into a spool; see unpack.h.
 *
 * ZIP goes through libarchive, gzip and zstd directly through their libraries: libarchive drops up
 * to 64 KiB that had already come out when such a stream is cut off, and never looks at the
 * checksum of gzip.
 */
#include "decode/unpack.h"

#include "base/limits.h"
#include "base/memory.h"
#include "decode/format.h"
#include "decode/spool.h"
#include "decode/unpack_zip.h"

#include <stdio.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define IN_BYTES (64u << 10)
#define OUT_BYTES (256u << 10)

struct hs_unpack {
    struct hs_source *packed; /* the caller's */
    const struct hs_unpack *outer;
    struct hs_source *source; /* ours, handed out */
    enum hs_packing packing;
    struct hs_spool spool;
    struct hs_error damage;
    bool has_damage, has_ended;

    uint8_t *in, *out;
    size_t in_at, in_n; /* unread part of `in` */
    uint64_t n_in;      /* packed bytes read */
    bool is_in_member;  /* gzip: inside of a member; zstd: inside of a frame */

    z_stream gzip;
    bool has_gzip;
    ZSTD_DStream *zstd;
    size_t zstd_wants; /* bytes up to the end of the next block */
    struct hs_zip *zip;
};

static bool starts_with (struct hs_span head, const void *magic, size_t n)
{
    return head.size >= n && memcmp (head.data, magic, n) == 0;
}

enum hs_packing hs_packing_of (struct hs_span head)
{
    if (starts_with (head, "\x1f\x8b\x08", 3))
        return HS_PACKING_GZIP;
    if (starts_with (head, "\x28\xb5\x2f\xfd", 4))
        return HS_PACKING_ZSTD;
    if (starts_with (head, "PK\3\4", 4) || starts_with (head, "PK\5\6", 4))
        return HS_PACKING_ZIP;
    if (starts_with (head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8))
        return HS_PACKING_OLE;
    return HS_PACKING_NONE;
}

const char *hs_packing_name (enum hs_packing packing)
{
    switch (packing) {
    case HS_PACKING_NONE:
        break;
    case HS_PACKING_GZIP:
        return "gzip";
    case HS_PACKING_ZSTD:
        return "zstd";
    case HS_PACKING_ZIP:
        return "zip";
    case HS_PACKING_OLE:
        return "ole";
    }
    return "none";
}

/* Ends unpacking with a reason; what came out stays. */
static enum hs_status end_early (struct hs_unpack *unpack, const struct hs_error *why)
{
    unpack->damage = *why;
    unpack->has_damage = unpack->has_ended = true;
    return HS_END;
}

static enum hs_status end_damaged (struct hs_unpack *unpack, const char *what, const char *why)
{
    struct hs_error damage;

    (void)hs_error_set (&damage, HS_DAMAGED, unpack->n_in - unpack->in_n, "%s: %s", what, why);
    return end_early (unpack, &damage);
}

/* Makes unread packed bytes available. HS_END / HS_AGAIN as the packed source says. */
static enum hs_status fill (struct hs_unpack *unpack, struct hs_error *err)
{
    size_t n;
    enum hs_status status;

    if (unpack->in_n > 0)
        return HS_OK;
    status = hs_source_read (unpack->packed, unpack->n_in, unpack->in, IN_BYTES, &n, err);
    if (status != HS_OK)
        return status;
    unpack->in_at = 0;
    unpack->in_n = n;
    unpack->n_in += n;
    return HS_OK;
}

static void take (struct hs_unpack *unpack, size_t n)
{
    unpack->in_at += n;
    unpack->in_n -= n;
}

/* The packed source has no more bytes. */
static enum hs_status end_of_input (struct hs_unpack *unpack, const char *what)
{
    if (unpack->is_in_member)
        return end_damaged (unpack, what, "the packed data is cut off");
    unpack->has_ended = true;
    return HS_END;
}

static enum hs_status append_out (struct hs_unpack *unpack, size_t n, struct hs_error *err)
{
    return hs_spool_append (&unpack->spool, (struct hs_span){ unpack->out, n }, err);
}

/* What follows a gzip member: another one, or zeros that pad to a block of a tape. */
static enum hs_status begin_gzip_member (struct hs_unpack *unpack)
{
    const uint8_t *at = unpack->in + unpack->in_at;

    if (unpack->spool.size > 0 && *at == 0) {
        take (unpack, 1);
        return HS_OK;
    }
    if (*at != 0x1f)
        return end_damaged (unpack, "gzip", "what follows the packed data is no gzip member");
    (void)inflateReset (&unpack->gzip);
    unpack->is_in_member = true;
    return HS_OK;
}

static enum hs_status step_gzip (struct hs_unpack *unpack, struct hs_error *err)
{
    z_stream *gzip = &unpack->gzip;
    enum hs_status status = fill (unpack, err);
    int outcome;

    if (status == HS_END)
        return end_of_input (unpack, "gzip");
    if (status != HS_OK)
        return status;
    if (!unpack->is_in_member) {
        status = begin_gzip_member (unpack);
        if (status != HS_OK || !unpack->is_in_member)
            return status;
    }
    gzip->next_in = unpack->in + unpack->in_at;
    gzip->avail_in = (uInt)unpack->in_n;
    gzip->next_out = unpack->out;
    gzip->avail_out = OUT_BYTES;
    outcome = inflate (gzip, Z_NO_FLUSH);
    take (unpack, unpack->in_n - gzip->avail_in);
    status = append_out (unpack, OUT_BYTES - gzip->avail_out, err);
    if (status != HS_OK)
        return status;
    if (outcome == Z_STREAM_END)
        unpack->is_in_member = false;
    else if (outcome == Z_MEM_ERROR)
        return hs_error_no_memory (err);
    else if (outcome != Z_OK && outcome != Z_BUF_ERROR)
        return end_damaged (unpack, "gzip", gzip->msg != NULL ? gzip->msg : "damaged data");
    return HS_OK;
}

/*
 * One block at a time, as many bytes as zstd asks for: given more, it may unpack several blocks
 * and forget all of them when the last one is damaged.
 */
static enum hs_status step_zstd (struct hs_unpack *unpack, struct hs_error *err)
{
    ZSTD_outBuffer out = { unpack->out, OUT_BYTES, 0 };
    ZSTD_inBuffer in;
    enum hs_status status = fill (unpack, err);
    size_t outcome, n;

    if (status == HS_END)
        return end_of_input (unpack, "zstd");
    if (status != HS_OK)
        return status;
    n = unpack->zstd_wants < unpack->in_n ? unpack->zstd_wants : unpack->in_n;
    in = (ZSTD_inBuffer){ unpack->in + unpack->in_at, n, 0 };
    outcome = ZSTD_decompressStream (unpack->zstd, &out, &in);
    if (ZSTD_isError (outcome)) {
        if (ZSTD_getErrorCode (outcome) == ZSTD_error_memory_allocation)
            return hs_error_no_memory (err);
        return end_damaged (unpack, "zstd", ZSTD_getErrorName (outcome));
    }
    take (unpack, in.pos);
    unpack->is_in_member = outcome != 0;
    unpack->zstd_wants = outcome != 0 ? outcome : ZSTD_initDStream (unpack->zstd);
    return append_out (unpack, out.pos, err);
}

static enum hs_status step_zip (struct hs_unpack *unpack, struct hs_error *err)
{
    struct hs_span bytes = { NULL, 0 };
    struct hs_error damage = { 0 };
    enum hs_status outcome = hs_zip_read (unpack->zip, &bytes, &damage);
    enum hs_status status = hs_spool_append (&unpack->spool, bytes, err);

    unpack->n_in = hs_zip_bytes_read (unpack->zip);
    if (status != HS_OK)
        return status;
    if (outcome == HS_DAMAGED)
        return end_early (unpack, &damage);
    if (outcome == HS_END)
        unpack->has_ended = true;
    else if (outcome != HS_OK && err != NULL)
        *err = damage;
    return outcome;
}

static uint64_t outermost_bytes (const struct hs_unpack *unpack)
{
    while (unpack->outer != NULL)
        unpack = unpack->outer;
    return unpack->n_in;
}

static enum hs_status check_limits (struct hs_unpack *unpack)
{
    uint64_t n_out = unpack->spool.size, n_in = outermost_bytes (unpack);
    struct hs_error why;

    if (n_out > HS_LIMIT_UNPACKED_BYTES)
        (void)hs_error_set (&why, HS_TOO_LARGE, HS_NO_OFFSET,
                            "unpacking ended at the limit of %llu bytes",
                            (unsigned long long)HS_LIMIT_UNPACKED_BYTES);
    else if (n_out > HS_LIMIT_UNPACK_RATIO_FROM_BYTES && n_out / HS_LIMIT_UNPACK_RATIO > n_in)
        (void)hs_error_set (&why, HS_TOO_LARGE, HS_NO_OFFSET,
                            "unpacking ended: %llu packed bytes gave %llu, over the limit of %u "
                            "times as many",
                            (unsigned long long)n_in, (unsigned long long)n_out,
                            HS_LIMIT_UNPACK_RATIO);
    else
        return HS_OK;
    return end_early (unpack, &why);
}

/* Unpacks one block more. HS_END when there is no more, HS_AGAIN when not yet. */
static enum hs_status step (struct hs_unpack *unpack, struct hs_error *err)
{
    enum hs_status status;

    if (unpack->has_ended)
        return HS_END;
    if (unpack->packing == HS_PACKING_GZIP)
        status = step_gzip (unpack, err);
    else if (unpack->packing == HS_PACKING_ZSTD)
        status = step_zstd (unpack, err);
    else
        status = step_zip (unpack, err);
    return status == HS_OK ? check_limits (unpack) : status;
}

static enum hs_status unpack_read (void *self, uint64_t offset, void *buffer, size_t n,
                                   size_t *ret_n, struct hs_error *err)
{
    struct hs_unpack *unpack = self;
    enum hs_status status = HS_OK;

    while (status == HS_OK && (unpack->spool.size < offset || unpack->spool.size - offset < n))
        status = step (unpack, err);
    if (hs_status_is_error (status))
        return status;
    return hs_spool_read (&unpack->spool, offset, buffer, n, ret_n, err);
}

static uint64_t unpack_size (void *self)
{
    return ((struct hs_unpack *)self)->spool.size;
}

static double unpack_progress (void *self, uint64_t offset)
{
    struct hs_unpack *unpack = self;
    double packed = unpack->has_ended ? 1.0 : hs_source_progress (unpack->packed, unpack->n_in);

    if (offset >= unpack->spool.size)
        return packed;
    return packed * ((double)offset / (double)unpack->spool.size);
}

static void close_nothing (void *self)
{
    (void)self; /* hs_unpack_close does it */
}

static const struct hs_source_class unpack_class = {
    .read = unpack_read,
    .size = unpack_size,
    .progress = unpack_progress,
    .close = close_nothing,
};

static void *zlib_alloc (void *data, unsigned n, unsigned size)
{
    (void)data;
    return hs_alloc_zeroed (n, size);
}

static void zlib_free (void *data, void *memory)
{
    (void)data;
    hs_free (memory);
}

/* ZIP is read by its end: unpacks `packed` as a whole when it is itself packed. */
static enum hs_status complete (struct hs_source *packed, struct hs_error *err)
{
    enum hs_status status;
    uint8_t byte;
    size_t n;

    do
        status = hs_source_read (packed, hs_source_size (packed), &byte, 1, &n, err);
    while (status == HS_OK);
    return hs_status_is_error (status) ? status : HS_OK;
}

static enum hs_status open_member (struct hs_unpack *unpack, unsigned member, struct hs_error *err)
{
    enum hs_status status = complete (unpack->packed, err);
    const char *name;

    if (status == HS_OK)
        status = hs_zip_open (unpack->packed, &unpack->zip, err);
    for (unsigned i = 0; status == HS_OK && i <= member; i++)
        status = hs_zip_next_member (unpack->zip, &name, err);
    if (status == HS_END)
        return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "ZIP: member %u is missing", member);
    return status;
}

static enum hs_status open_packing (struct hs_unpack *unpack, unsigned member, struct hs_error *err)
{
    if (unpack->packing == HS_PACKING_ZIP)
        return open_member (unpack, member, err);
    unpack->in = hs_alloc_array (IN_BYTES, 1);
    unpack->out = hs_alloc_array (OUT_BYTES, 1);
    if (unpack->in == NULL || unpack->out == NULL)
        return hs_error_no_memory (err);
    if (unpack->packing == HS_PACKING_GZIP) {
        unpack->gzip.zalloc = zlib_alloc;
        unpack->gzip.zfree = zlib_free;
        unpack->has_gzip = inflateInit2 (&unpack->gzip, 16 + MAX_WBITS) == Z_OK;
        return unpack->has_gzip ? HS_OK : hs_error_no_memory (err);
    }
    if (unpack->packing != HS_PACKING_ZSTD)
        return hs_error_set (err, HS_UNSUPPORTED, 0, "%s cannot be unpacked",
                             hs_packing_name (unpack->packing));
    unpack->zstd = ZSTD_createDStream ();
    if (unpack->zstd == NULL)
        return hs_error_no_memory (err);
    unpack->zstd_wants = ZSTD_initDStream (unpack->zstd);
    return HS_OK;
}

enum hs_status hs_unpack_open (struct hs_source *packed, enum hs_packing packing, unsigned member,
                               const struct hs_unpack *outer, struct hs_unpack **ret,
                               struct hs_error *err)
{
    struct hs_unpack *unpack = HS_NEW (struct hs_unpack);
    /* An archive is read as it is now; only streams can be followed. */
    enum hs_source_mode mode =
        packing == HS_PACKING_ZIP ? HS_SOURCE_WHOLE : hs_source_mode (packed);
    enum hs_status status;

    if (unpack == NULL)
        return hs_error_no_memory (err);
    unpack->packed = packed;
    unpack->packing = packing;
    unpack->outer = outer;
    status = open_packing (unpack, member, err);
    if (status == HS_OK)
        status = hs_source_new (&unpack_class, unpack, hs_source_name (packed), mode,
                                &unpack->source, err);
    if (status != HS_OK) {
        hs_unpack_close (unpack);
        return status;
    }
    *ret = unpack;
    return HS_OK;
}

struct hs_source *hs_unpack_source (struct hs_unpack *unpack)
{
    return unpack->source;
}

const struct hs_error *hs_unpack_damage (const struct hs_unpack *unpack)
{
    return unpack->has_damage ? &unpack->damage : NULL;
}

void hs_unpack_close (struct hs_unpack *unpack)
{
    if (unpack == NULL)
        return;
    hs_source_close (unpack->source);
    if (unpack->has_gzip)
        (void)inflateEnd (&unpack->gzip);
    (void)ZSTD_freeDStream (unpack->zstd);
    hs_zip_close (unpack->zip);
    hs_spool_clear (&unpack->spool);
    hs_free (unpack->in);
    hs_free (unpack->out);
    hs_free (unpack);
}

/* Collects the first bytes of the current member; damage within it leaves what came out. */
static enum hs_status read_head (struct hs_zip *zip, uint8_t head[HS_PROBE_BYTES], size_t *ret_n,
                                 struct hs_error *err)
{
    enum hs_status status = HS_OK;
    size_t n = 0;

    while (status == HS_OK && n < HS_PROBE_BYTES) {
        struct hs_span bytes;

        status = hs_zip_read (zip, &bytes, err);
        bytes = hs_span_part (bytes, 0, HS_PROBE_BYTES - n);
        if (bytes.size > 0)
            memcpy (head + n, bytes.data, bytes.size);
        n += bytes.size;
    }
    *ret_n = n;
    return hs_status_is_error (status) && status != HS_DAMAGED ? status : HS_OK;
}

enum hs_status hs_unpack_walk_members (struct hs_source *packed, hs_member_visitor visit,
                                       void *data, struct hs_error *err)
{
    uint8_t head[HS_PROBE_BYTES];
    struct hs_zip *zip;
    enum hs_status status = complete (packed, err);
    bool goes_on = true;
    unsigned n_seen = 0;

    if (status == HS_OK)
        status = hs_zip_open (packed, &zip, err);
    if (status != HS_OK)
        return status;
    while (goes_on && n_seen < HS_LIMIT_ARCHIVE_MEMBERS) {
        const char *name;
        size_t n;

        status = hs_zip_next_member (zip, &name, err);
        if (status == HS_OK)
            status = read_head (zip, head, &n, err);
        if (status != HS_OK)
            break;
        goes_on = visit (data, n_seen++, name, (struct hs_span){ head, n });
    }
    hs_zip_close (zip);
    if (status == HS_END || (status == HS_DAMAGED && n_seen > 0))
        return HS_OK;
    return status;
}
