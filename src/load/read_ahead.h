/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads batches of a decoder ahead on a thread of its own, while the loader takes earlier ones into
 * the trace: decoding and pairing cost about the same, and only pairing is bound to its order. The
 * batches are those of hs_decoder_next, one by one; a few of them are kept at most.
 *
 * All functions are the loader's, on one thread. The decoder belongs to the reading thread from
 * hs_read_ahead_new on, but for the time between an outcome that is not HS_OK and the next call.
 */
#ifndef HS_LOAD_READ_AHEAD_H
#define HS_LOAD_READ_AHEAD_H

#include "decode/decoder.h"
#include "trace/trace.h"

struct hs_read_ahead;

/* NULL when there is no memory or no thread: then read without. The decoder stays the caller's and
 * lives longer, as does the trace: while the loader is behind, the thread gets memory for it. */
struct hs_read_ahead *hs_read_ahead_new (struct hs_decoder *decoder, struct hs_trace *trace);

/* Waits for the batch that is being read, if any. NULL is allowed. */
void hs_read_ahead_free (struct hs_read_ahead *ahead);

/* As hs_decoder_next; *ret is lent until the next call, and set in all cases. *ret_progress is
 * that of the decoder behind the batch. */
enum hs_status hs_read_ahead_next (struct hs_read_ahead *ahead, const struct hs_event_batch **ret,
                                   double *ret_progress, struct hs_error *err);

#endif
