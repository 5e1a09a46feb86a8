/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The closing index between decoder and trace: opening by it, and adding it to a closed recording.
 * What it is: trace/index_file.h.
 */
#ifndef HS_LOAD_CLOSING_INDEX_H
#define HS_LOAD_CLOSING_INDEX_H

#include "decode/decoder.h"
#include "trace/trace.h"

/*
 * Fills a new trace from the index of the decoder's file; the decoder may be closed then. HS_END:
 * there is none. An error: there is one that cannot be used. The trace is as new in both cases.
 */
enum hs_status hs_closing_index_open (struct hs_decoder *decoder, struct hs_trace *trace,
                                      struct hs_error *err);

/*
 * Writes the index behind the decoder's file from a trace that was loaded from it in full. See
 * hs_loader_write_index, which calls it.
 */
enum hs_status hs_closing_index_write (struct hs_decoder *decoder, const struct hs_trace *trace,
                                       const struct hs_cancel *cancel, uint64_t *ret_bytes,
                                       struct hs_error *err);

/*
 * Reads a closed recording in full and writes its index behind it, in the place of one that is
 * there. Not a byte of the recording changes, so that somebody who reads it meanwhile sees the
 * same, and when this fails the file is again as long as the recording. *ret_bytes is the index's
 * size. HS_UNSUPPORTED: a format without index, or a recording that was not closed.
 */
enum hs_status hs_closing_index_add (const char *path, uint64_t *ret_bytes, struct hs_error *err);

/* Takes the index away; that there is none is fine. */
enum hs_status hs_closing_index_remove (const char *path, struct hs_error *err);

#endif
