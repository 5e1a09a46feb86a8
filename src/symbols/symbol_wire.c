/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets between symbolizer and worker; see symbol_wire.h. */
#include "symbols/symbol_wire.h"

#include "base/limits.h"

#include <string.h>

static uint8_t *make_room (struct hs_wire_out *out, size_t n)
{
    uint8_t *at;

    if (out->is_out_of_memory || !hs_array_reserve (&out->bytes, n)) {
        out->is_out_of_memory = true;
        return NULL;
    }
    at = out->bytes.items + out->bytes.n;
    out->bytes.n += n;
    return at;
}

void hs_wire_put_u8 (struct hs_wire_out *out, uint8_t value)
{
    uint8_t *at = make_room (out, 1);

    if (at != NULL)
        *at = value;
}

void hs_wire_put_u16 (struct hs_wire_out *out, uint16_t value)
{
    uint8_t *at = make_room (out, 2);

    if (at != NULL)
        hs_put_u16 (at, value);
}

void hs_wire_put_u32 (struct hs_wire_out *out, uint32_t value)
{
    uint8_t *at = make_room (out, 4);

    if (at != NULL)
        hs_put_u32 (at, value);
}

void hs_wire_put_u64 (struct hs_wire_out *out, uint64_t value)
{
    uint8_t *at = make_room (out, 8);

    if (at != NULL)
        hs_put_u64 (at, value);
}

void hs_wire_put_bytes (struct hs_wire_out *out, const void *bytes, size_t n)
{
    uint8_t *at;

    hs_wire_put_u32 (out, (uint32_t)n);
    at = make_room (out, n);
    if (at != NULL && n > 0)
        memcpy (at, bytes, n);
}

void hs_wire_put_text (struct hs_wire_out *out, const char *text)
{
    hs_wire_put_bytes (out, text, text != NULL ? strnlen (text, HS_LIMIT_STRING_BYTES - 1) : 0);
}

void hs_wire_begin (struct hs_wire_out *out, enum hs_wire_kind kind)
{
    out->begin = out->bytes.n;
    hs_wire_put_u32 (out, 0);
    hs_wire_put_u32 (out, (uint32_t)kind);
}

void hs_wire_end (struct hs_wire_out *out)
{
    if (!out->is_out_of_memory)
        hs_put_u32 (out->bytes.items + out->begin, (uint32_t)(out->bytes.n - out->begin));
}

struct hs_span hs_wire_get_bytes (struct hs_reader *reader)
{
    uint32_t n = hs_reader_u32 (reader);
    const uint8_t *at = hs_reader_take (reader, n);

    return at != NULL ? (struct hs_span){ at, n } : (struct hs_span){ (const uint8_t *)"", 0 };
}

enum hs_wire_whole hs_wire_next (struct hs_span bytes, uint32_t *ret_kind,
                                 struct hs_span *ret_fields, size_t *ret_size)
{
    uint32_t size;

    if (bytes.size < HS_WIRE_HEAD_BYTES)
        return HS_WIRE_INCOMPLETE;
    size = hs_span_u32_at (bytes, 0);
    if (size < HS_WIRE_HEAD_BYTES || size > HS_WIRE_PACKET_BYTES)
        return HS_WIRE_BROKEN;
    if (bytes.size < size)
        return HS_WIRE_INCOMPLETE;
    *ret_kind = hs_span_u32_at (bytes, 4);
    *ret_fields = hs_span_part (bytes, HS_WIRE_HEAD_BYTES, size - HS_WIRE_HEAD_BYTES);
    *ret_size = size;
    return HS_WIRE_COMPLETE;
}
