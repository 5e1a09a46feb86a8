/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text from files: marking for translation, and turning foreign encodings into valid UTF-8.
 */
#ifndef HS_BASE_TEXT_H
#define HS_BASE_TEXT_H

#include "base/span.h"

/* Marks a text for translation; the core never translates, its callers do. */
#define N_(text) text

/*
 * Each writes UTF-8 to `out` (`out_size` bytes, cut at a whole character, always NUL-terminated)
 * and returns the length without the NUL. Input ends at its first NUL or at the end of the span.
 */

/* UTF-16LE; lone surrogates become U+FFFD. An odd last byte is ignored. */
size_t hs_text_from_utf16 (struct hs_span utf16, char *out, size_t out_size);

/* Bytes of a Windows "ANSI" string, read as Latin-1 unless they are valid UTF-8. */
size_t hs_text_from_ansi (struct hs_span ansi, char *out, size_t out_size);

/* Bytes that should be UTF-8; each invalid byte becomes U+FFFD. NUL bytes too. */
size_t hs_text_from_utf8 (struct hs_span bytes, char *out, size_t out_size);

/* Whether the bytes are valid UTF-8 without NUL. */
bool hs_text_is_utf8 (struct hs_span bytes);

#endif
