/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeping the newest part of a recording: generations of segments, of which the oldest is dropped
 * when there are too many. The file is written anew then, and takes the old one's name when it is
 * whole: definitions stay; a base chunk tells what of the dropped events still stands - heaps,
 * blocks that live, processes that ended; the segments kept follow as they were.
 *
 * Memory: some 50 bytes for a live block, once for now and once for each generation. Of the
 * encoder; one thread.
 */
#ifndef HS_ENCODE_HST_CIRCULAR_H
#define HS_ENCODE_HST_CIRCULAR_H

#include "encode/hst_state.h"

struct hs_hst_circular;

/* NULL when memory is out. `path` is that of the open file; see hs_hst_encoder_keep_newest. */
struct hs_hst_circular *hs_hst_circular_new (const char *path, uint64_t max_bytes, int64_t min_ns);
void hs_hst_circular_free (struct hs_hst_circular *circular); /* NULL is allowed */

/* An event that was put into the segment; false when memory is out. */
bool hs_hst_circular_take (struct hs_hst_circular *circular, const struct hs_event *event);

/* After a segment was written: begins a generation, drops the oldest, when it is time. Failures are
 * the writer's. */
void hs_hst_circular_turn (struct hs_hst_circular *circular, struct hs_hst_state *state);

#endif
