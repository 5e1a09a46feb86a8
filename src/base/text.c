/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreign text to UTF-8; see text.h. */
#include "base/text.h"

#define REPLACEMENT 0xfffdu

struct sink {
    char *out;
    size_t size;
    size_t used;
};

/* False when the character does not fit any more. */
static bool put (struct sink *sink, uint32_t c)
{
    char bytes[4];
    size_t n;

    if (c < 0x80) {
        bytes[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xc0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3f));
        n = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        n = 3;
    } else {
        bytes[0] = (char)(0xf0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (c & 0x3f));
        n = 4;
    }
    if (sink->size == 0 || n >= sink->size - sink->used)
        return false;
    memcpy (sink->out + sink->used, bytes, n);
    sink->used += n;
    return true;
}

static size_t finish (struct sink *sink)
{
    if (sink->size > 0)
        sink->out[sink->used] = '\0';
    return sink->used;
}

/* Reads one character; *ret_n is how many bytes it took (1 for a bad byte). */
static uint32_t next_utf8 (struct hs_span bytes, size_t at, size_t *ret_n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t first = bytes.data[at];
    size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    uint32_t c;

    *ret_n = 1;
    if (n == 1)
        return first;
    if (n == 0 || first > 0xf4 || !hs_span_has (bytes, at, n))
        return REPLACEMENT;
    c = first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((bytes.data[at + i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (bytes.data[at + i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return REPLACEMENT;
    *ret_n = n;
    return c;
}

bool hs_text_is_utf8 (struct hs_span bytes)
{
    size_t n;

    for (size_t at = 0; at < bytes.size; at += n) {
        uint32_t c = next_utf8 (bytes, at, &n);

        if (c == 0 || (c == REPLACEMENT && n == 1))
            return false;
    }
    return true;
}

size_t hs_text_from_utf8 (struct hs_span bytes, char *out, size_t out_size)
{
    struct sink sink = { out, out_size, 0 };
    size_t n;

    for (size_t at = 0; at < bytes.size; at += n) {
        uint32_t c = next_utf8 (bytes, at, &n);

        if (!put (&sink, c != 0 ? c : REPLACEMENT))
            break;
    }
    return finish (&sink);
}

size_t hs_text_from_ansi (struct hs_span ansi, char *out, size_t out_size)
{
    struct sink sink = { out, out_size, 0 };
    const uint8_t *nul = ansi.size > 0 ? memchr (ansi.data, 0, ansi.size) : NULL;

    if (nul != NULL)
        ansi.size = (size_t)(nul - ansi.data);
    if (hs_text_is_utf8 (ansi))
        return hs_text_from_utf8 (ansi, out, out_size);
    for (size_t at = 0; at < ansi.size && put (&sink, ansi.data[at]); at++)
        ;
    return finish (&sink);
}

size_t hs_text_from_utf16 (struct hs_span utf16, char *out, size_t out_size)
{
    struct sink sink = { out, out_size, 0 };

    for (size_t at = 0; hs_span_has (utf16, at, 2); at += 2) {
        uint32_t c = hs_get_u16 (utf16.data + at);

        if (c == 0)
            break;
        if (c >= 0xd800 && c < 0xe000) {
            uint32_t low = hs_span_u16_at (utf16, at + 2);

            if (c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            } else {
                c = REPLACEMENT;
            }
        }
        if (!put (&sink, c))
            break;
    }
    return finish (&sink);
}
