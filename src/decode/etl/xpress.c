/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XPRESS plain LZ77; see xpress.h. */
#include "decode/etl/xpress.h"

#define MIN_MATCH 3
#define LONG_LENGTH 7    /* the value of the three length bits that asks for more */
#define NIBBLE_ESCAPE 15 /* the value of the nibble that asks for a byte */
#define BYTE_ESCAPE 255  /* the value of the byte that asks for a word */

struct match {
    size_t length;
    size_t distance;
};

/* Reads what follows the 7 of a match word. `half` is the byte whose high nibble is still free. */
static enum hs_xpress_outcome read_long_length (struct hs_reader *in, const uint8_t **half,
                                                size_t *ret)
{
    uint64_t length;

    if (*half != NULL) {
        length = **half >> 4;
        *half = NULL;
    } else {
        *half = hs_reader_take (in, 1);
        if (*half == NULL)
            return HS_XPRESS_CUT;
        length = **half & 15;
    }
    if (length == NIBBLE_ESCAPE) {
        length = hs_reader_u8 (in);
        if (length == BYTE_ESCAPE) {
            length = hs_reader_u16 (in);
            if (length == 0)
                length = hs_reader_u32 (in);
            if (in->has_overrun)
                return HS_XPRESS_CUT;
            if (length < NIBBLE_ESCAPE + LONG_LENGTH)
                return HS_XPRESS_DAMAGED;
            length -= NIBBLE_ESCAPE + LONG_LENGTH;
        }
        length += NIBBLE_ESCAPE;
    }
    *ret = (size_t)length + LONG_LENGTH + MIN_MATCH;
    return in->has_overrun ? HS_XPRESS_CUT : HS_XPRESS_DONE;
}

static enum hs_xpress_outcome read_match (struct hs_reader *in, const uint8_t **half,
                                          struct match *ret)
{
    unsigned word = hs_reader_u16 (in);

    if (in->has_overrun)
        return HS_XPRESS_CUT;
    ret->distance = (word >> 3) + 1;
    ret->length = (word & LONG_LENGTH) + MIN_MATCH;
    if ((word & LONG_LENGTH) != LONG_LENGTH)
        return HS_XPRESS_DONE;
    return read_long_length (in, half, &ret->length);
}

/* Source and target may overlap: distance 1 repeats one byte. The caller has checked both ends;
 * `room` is what `to` may take, so that short matches can be copied in steps of 8. */
static void copy_match (uint8_t *to, struct match match, size_t room)
{
    const uint8_t *from = to - match.distance;
    size_t i;

    if (match.distance >= 8 && room >= match.length + 8) {
        for (i = 0; i < match.length; i += 8)
            memcpy (to + i, from + i, 8);
        return;
    }
    for (i = 0; i < match.length; i++)
        to[i] = from[i];
}

/* The literals in front of the next 1 bit, at most those that fit in and out. */
static size_t copy_literals (struct hs_reader *in, uint32_t flags, unsigned n_flags, uint8_t *to,
                             size_t room)
{
    size_t n = flags == 0 ? n_flags : (size_t)__builtin_clz (flags);

    if (n > n_flags)
        n = n_flags;
    if (n > room)
        n = room;
    if (n > in->rest.size)
        n = in->rest.size;
    if (room >= 32 && in->rest.size >= 32)
        memcpy (to, in->rest.data, 32); /* a fixed size is a few moves, not a call */
    else
        memcpy (to, in->rest.data, n);
    in->rest.data += n;
    in->rest.size -= n;
    return n;
}

enum hs_xpress_outcome hs_xpress_decode (struct hs_span packed, uint8_t *out, size_t out_size,
                                         size_t *ret_n)
{
    struct hs_reader in = hs_reader_init (packed);
    const uint8_t *half = NULL;
    uint32_t flags = 0; /* the next flag is the highest bit */
    unsigned n_flags = 0;
    size_t n = 0;
    enum hs_xpress_outcome outcome = HS_XPRESS_DONE;

    while (n < out_size) {
        struct match match;

        if (n_flags == 0) {
            flags = hs_reader_u32 (&in);
            n_flags = 32;
            if (in.has_overrun) {
                outcome = HS_XPRESS_CUT;
                break;
            }
        }
        if ((flags & UINT32_C (0x80000000)) == 0) {
            size_t n_literals = copy_literals (&in, flags, n_flags, out + n, out_size - n);

            if (n_literals == 0) {
                outcome = HS_XPRESS_CUT;
                break;
            }
            n += n_literals;
            n_flags -= (unsigned)n_literals;
            flags = n_literals < 32 ? flags << n_literals : 0;
            continue;
        }
        if (in.rest.size == 0)
            break;
        outcome = read_match (&in, &half, &match);
        if (outcome == HS_XPRESS_DONE && (match.distance > n || match.length > out_size - n))
            outcome = HS_XPRESS_DAMAGED;
        if (outcome != HS_XPRESS_DONE)
            break;
        copy_match (out + n, match, out_size - n);
        n += match.length;
        n_flags--;
        flags <<= 1;
    }
    *ret_n = n;
    return outcome;
}
