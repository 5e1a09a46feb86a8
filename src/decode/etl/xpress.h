/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacks XPRESS "plain LZ77" ([MS-XCA] 2.3; formats/etl.md 2.1), the packing of ETL buffers. Pure
 * functions over the caller's memory; any thread.
 */
#ifndef HS_DECODE_ETL_XPRESS_H
#define HS_DECODE_ETL_XPRESS_H

#include "base/span.h"

enum hs_xpress_outcome {
    HS_XPRESS_DONE,    /* `out` is full, or the stream says that it is over */
    HS_XPRESS_CUT,     /* the packed bytes end inside of something */
    HS_XPRESS_DAMAGED, /* an impossible length or distance */
};

/*
 * Unpacks until `out_size` bytes are there. *ret_n is set in every case: the bytes of `out` that
 * were written before it ended; a stream shorter than announced is HS_XPRESS_DONE with less.
 */
enum hs_xpress_outcome hs_xpress_decode (struct hs_span packed, uint8_t *out, size_t out_size,
                                         size_t *ret_n);

#endif
