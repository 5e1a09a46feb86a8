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

#endif
