/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From file names to a stream of events: opens, unpacks (zip, gzip, zstd), finds the format by
 * content, and reads batch after batch. One thread at a time.
 */
#ifndef HS_DECODE_DECODER_H
#define HS_DECODE_DECODER_H

#include "decode/format.h"

struct hs_decoder;

struct hs_files {
    const char *const *paths; /* one, or those of one session for a format that joins them (ETL) */
    size_t n;
    enum hs_source_mode mode;
    const struct hs_cancel *cancel; /* or NULL: opening, which may read much, ends HS_CANCELLED */
};

/* Errors name the path. HS_UNSUPPORTED with the kinds that are known when no format fits. */
enum hs_status hs_decoder_open_files (const struct hs_files *files, struct hs_decoder **ret,
                                      struct hs_error *err);
enum hs_status hs_decoder_open (const char *const *paths, size_t n_paths, enum hs_source_mode mode,
                                struct hs_decoder **ret, struct hs_error *err);

/* Over bytes that the caller keeps alive; for tests and fuzzers. Unpacks as well. */
enum hs_status hs_decoder_open_memory (struct hs_span bytes, struct hs_decoder **ret,
                                       struct hs_error *err);

/* Resets `out` and fills it. After HS_END or an error call it no more. */
enum hs_status hs_decoder_next (struct hs_decoder *decoder, struct hs_event_batch *out,
                                struct hs_error *err);

/*
 * Where a closed recording ends, and its index (format.h). HS_END when it is not closed, packed, or
 * of a format without. *ret_fd reads the file and is the caller's to close.
 */
enum hs_status hs_decoder_index (struct hs_decoder *decoder, struct hs_extent *ret, int *ret_fd,
                                 struct hs_error *err);

/* Nobody writes the files any more: hs_decoder_next goes on to their end and gives HS_END, with the
 * findings of a file that was opened whole, where it gave HS_AGAIN. */
void hs_decoder_stop_following (struct hs_decoder *decoder);

double hs_decoder_progress (const struct hs_decoder *decoder); /* 0..1 */
const struct hs_format *hs_decoder_format (const struct hs_decoder *decoder);
uint64_t hs_decoder_bytes_total (const struct hs_decoder *decoder); /* of the files as they lie */
void hs_decoder_close (struct hs_decoder *decoder);

#endif
