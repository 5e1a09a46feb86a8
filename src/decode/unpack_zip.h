/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The members of a ZIP archive, one after the other, through libarchive: used by unpack.c only.
 * One thread at a time.
 */
#ifndef HS_DECODE_UNPACK_ZIP_H
#define HS_DECODE_UNPACK_ZIP_H

#include "decode/source.h"

struct hs_zip;

/* `packed` stays the caller's and must be complete (its size is known). HS_DAMAGED with a sentence
 * when it is no archive at all. */
enum hs_status hs_zip_open (struct hs_source *packed, struct hs_zip **ret, struct hs_error *err);

/* Goes to the next member that is a file and lends its name (UTF-8) until the next call. HS_END at
 * the end; HS_DAMAGED when the rest of the archive cannot be read. */
enum hs_status hs_zip_next_member (struct hs_zip *zip, const char **ret_name, struct hs_error *err);

/*
 * The next bytes of the member, lent until the next call; may be 0 bytes. HS_END at its end,
 * HS_DAMAGED when it does not unpack as announced: then *ret holds what still came out.
 */
enum hs_status hs_zip_read (struct hs_zip *zip, struct hs_span *ret, struct hs_error *err);

uint64_t hs_zip_bytes_read (const struct hs_zip *zip); /* packed bytes taken so far */
void hs_zip_close (struct hs_zip *zip);

#endif
