/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes with a length, read only through bounds checks.
 *
 * A span borrows: it is valid as long as whoever lent it says. Two styles of reading: by offset
 * (hs_span_u32_at, 0 when out of bounds - test hs_span_has first) and by cursor (struct hs_reader,
 * which remembers that it ran over the end, so a decoder tests once after a whole record).
 */
#ifndef HS_BASE_SPAN_H
#define HS_BASE_SPAN_H

#include "base/endian.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_span {
    const uint8_t *data;
    size_t size; /* bytes */
};

static inline bool hs_span_has (struct hs_span span, size_t offset, size_t n)
{
    return offset <= span.size && n <= span.size - offset;
}

/* The part from `offset`, at most `n` bytes; empty when out of bounds. */
static inline struct hs_span hs_span_part (struct hs_span span, size_t offset, size_t n)
{
    if (offset >= span.size)
        return (struct hs_span){ span.data, 0 };
    if (n > span.size - offset)
        n = span.size - offset;
    return (struct hs_span){ span.data + offset, n };
}

static inline uint8_t hs_span_u8_at (struct hs_span span, size_t offset)
{
    return hs_span_has (span, offset, 1) ? span.data[offset] : 0;
}

static inline uint16_t hs_span_u16_at (struct hs_span span, size_t offset)
{
    return hs_span_has (span, offset, 2) ? hs_get_u16 (span.data + offset) : 0;
}

static inline uint32_t hs_span_u32_at (struct hs_span span, size_t offset)
{
    return hs_span_has (span, offset, 4) ? hs_get_u32 (span.data + offset) : 0;
}

static inline uint64_t hs_span_u64_at (struct hs_span span, size_t offset)
{
    return hs_span_has (span, offset, 8) ? hs_get_u64 (span.data + offset) : 0;
}

/* A cursor. After any over-run all reads give 0 and has_overrun stays set. */
struct hs_reader {
    struct hs_span rest;
    bool has_overrun;
};

static inline struct hs_reader hs_reader_init (struct hs_span span)
{
    return (struct hs_reader){ span, false };
}

/* Lends the next `n` bytes and moves on; NULL on over-run. */
static inline const uint8_t *hs_reader_take (struct hs_reader *reader, size_t n)
{
    const uint8_t *at = reader->rest.data;

    if (reader->has_overrun || n > reader->rest.size) {
        reader->has_overrun = true;
        reader->rest.size = 0;
        return NULL;
    }
    reader->rest.data += n;
    reader->rest.size -= n;
    return at;
}

static inline uint8_t hs_reader_u8 (struct hs_reader *reader)
{
    const uint8_t *at = hs_reader_take (reader, 1);

    return at != NULL ? *at : 0;
}

static inline uint16_t hs_reader_u16 (struct hs_reader *reader)
{
    const uint8_t *at = hs_reader_take (reader, 2);

    return at != NULL ? hs_get_u16 (at) : 0;
}

static inline uint32_t hs_reader_u32 (struct hs_reader *reader)
{
    const uint8_t *at = hs_reader_take (reader, 4);

    return at != NULL ? hs_get_u32 (at) : 0;
}

static inline uint64_t hs_reader_u64 (struct hs_reader *reader)
{
    const uint8_t *at = hs_reader_take (reader, 8);

    return at != NULL ? hs_get_u64 (at) : 0;
}

/* A pointer-sized field of 4 or 8 bytes. */
static inline uint64_t hs_reader_ptr (struct hs_reader *reader, unsigned ptr_size)
{
    return ptr_size == 8 ? hs_reader_u64 (reader) : hs_reader_u32 (reader);
}

#endif
