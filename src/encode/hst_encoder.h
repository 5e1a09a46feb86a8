/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the .hst encoder can do beyond encode/encoder.h. `self` is what hs_hst_encoder.open gave.
 * Format: decode/hst/FORMAT.md.
 */
#ifndef HS_ENCODE_HST_ENCODER_H
#define HS_ENCODE_HST_ENCODER_H

#include "base/span.h"
#include "encode/encoder.h"

/* zstd level for the chunks that follow: 0 = not packed further (at first), 1 … 19. */
void hs_hst_encoder_set_level (void *self, int level);

/*
 * Puts a chunk of another type (HS_HST_CHUNK_FIRST_INDEX ..) behind what was appended so far; the
 * footer lists it. Readers that do not know the type skip it.
 */
enum hs_status hs_hst_encoder_add_chunk (void *self, uint16_t type, struct hs_span payload,
                                         struct hs_error *err);

/*
 * From now on only the newest part is kept: some `max_bytes` (0 = any; a segment more or less), or
 * at least `min_ns` (0 = any) and a third more. What of the rest still stands stays: definitions,
 * live blocks with their stacks, ends of processes. `path`: the file's; a new file takes its name
 * from time to time, so who follows it must open it anew.
 */
enum hs_status hs_hst_encoder_keep_newest (void *self, const char *path, uint64_t max_bytes,
                                           int64_t min_ns, struct hs_error *err);

#endif
