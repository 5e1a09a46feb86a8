/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The side file with the names of a trace (TRACE.names): found where the programs are, read where
 * they are not. Text, one thing a line; numbers are hexadecimal but for lines of sources:
 *
 *   heapstrata-names 1
 *   image STATE BUILD_ID PATH    what follows is of it; BUILD_ID is - when there is none
 *   s TEXT                       a string; they are numbered from 1 through the whole file
 *   n OFFSET F:S:LINE …          a name: function and source as strings (0 = not known), innermost
 *                                first; OFFSET from the image's first mapped byte, of the call
 *                                (the return address - 1)
 */
#ifndef HS_ANALYSIS_NAME_SIDE_FILE_H
#define HS_ANALYSIS_NAME_SIDE_FILE_H

#include "base/span.h"
#include "trace/images.h"

#define HS_NAME_SIDE_FILE_SUFFIX ".names"

struct hs_side_file_text {
    HS_ARRAY (char) bytes;
    uint64_t n_names, n_images;
};

/* All names that were found for the trace's images. Any thread. */
enum hs_status hs_name_side_file_write (const struct hs_trace *trace, struct hs_side_file_text *ret,
                                        struct hs_error *err);

/* Adds the names of a file; what came before a damaged line is kept. Any thread. */
enum hs_status hs_name_side_file_read (struct hs_trace *trace, struct hs_span text,
                                       struct hs_error *err);

#endif
