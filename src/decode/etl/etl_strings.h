/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strings inside ETL payloads: NUL-terminated, cut off by the end of the payload. */
#ifndef HS_DECODE_ETL_ETL_STRINGS_H
#define HS_DECODE_ETL_ETL_STRINGS_H

#include "base/span.h"

/* Bytes up to the NUL, which is passed over. */
static inline struct hs_span hs_etl_take_ansi (struct hs_reader *reader)
{
    struct hs_span text = reader->rest;
    const uint8_t *end = text.size > 0 ? memchr (text.data, 0, text.size) : NULL;

    if (end != NULL)
        text.size = (size_t)(end - text.data);
    (void)hs_reader_take (reader, text.size + (end != NULL ? 1 : 0));
    return text;
}

/* UTF-16LE up to the NUL, which is passed over. */
static inline struct hs_span hs_etl_take_wide (struct hs_reader *reader)
{
    struct hs_span text = reader->rest;
    size_t n = 0;

    while (text.size - n >= 2 && hs_get_u16 (text.data + n) != 0)
        n += 2;
    (void)hs_reader_take (reader, text.size - n >= 2 ? n + 2 : text.size);
    text.size = n;
    return text;
}

#endif
