/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A quick check that bytes are what was written; not against people. No state, any thread. */
#ifndef HS_BASE_CHECKSUM_H
#define HS_BASE_CHECKSUM_H

#include "base/span.h"

/* XXH64 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md): no tables, 8 bytes a step.
 */
uint64_t hs_checksum64 (struct hs_span bytes);

/* The low half of it. */
static inline uint32_t hs_checksum32 (struct hs_span bytes)
{
    return (uint32_t)hs_checksum64 (bytes);
}

#endif
