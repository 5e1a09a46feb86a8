/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hst_mend.h. */
#include "hst_mend.h"

#include "base/checksum.h"
#include "event/hst_layout.h"

void hst_mend (uint8_t *bytes, size_t size)
{
    size_t at = HS_HST_FILE_HEADER_BYTES;

    if (size < at)
        return;
    hs_put_u32 (bytes + HS_HST_FILE_HEADER_CHECKED,
                hs_checksum32 ((struct hs_span){ bytes, HS_HST_FILE_HEADER_CHECKED }));
    while (size - at >= HS_HST_CHUNK_HEADER_BYTES &&
           hs_get_u32 (bytes + at) == HS_HST_CHUNK_MAGIC) {
        uint8_t *head = bytes + at;
        size_t n = hs_get_u32 (head + HS_HST_CHUNK_AT_STORED);

        if (n > size - at - HS_HST_CHUNK_HEADER_BYTES)
            return;
        hs_put_u32 (head + HS_HST_CHUNK_AT_PAYLOAD_CHECKSUM,
                    hs_checksum32 ((struct hs_span){ head + HS_HST_CHUNK_HEADER_BYTES, n }));
        hs_put_u32 (head + HS_HST_CHUNK_AT_CHECKSUM,
                    hs_checksum32 ((struct hs_span){ head, HS_HST_CHUNK_HEADER_CHECKED }));
        at += HS_HST_CHUNK_HEADER_BYTES + n;
    }
}
