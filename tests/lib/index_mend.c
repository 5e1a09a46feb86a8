/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See index_mend.h. The numbers are FORMAT.md's, not the reader's own. */
#include "index_mend.h"

#include "base/checksum.h"

#define TRAILER 32u
#define HEAD 152u
#define ENTRY 24u
#define CHUNK 65536u
#define N_COLUMNS 40u

static uint32_t sum (const uint8_t *bytes, size_t n)
{
    return hs_checksum32 ((struct hs_span){ bytes, n });
}

size_t index_begin (const uint8_t *bytes, size_t size)
{
    uint64_t begin;

    if (size < TRAILER || memcmp (bytes + size - TRAILER, "HSTINX\r\n", 8) != 0)
        return size;
    begin = hs_get_u64 (bytes + size - TRAILER + 8);
    return begin < size - TRAILER ? (size_t)begin : size;
}

/* Values in column `i`, by the counts in the head. */
static uint64_t values_of (const uint8_t *head, unsigned i)
{
    /* events rows first-event first-row segments contexts overview nodes slots large sums
     * survivors peaks */
    static const unsigned count_of[N_COLUMNS] = { 1,  1,  1,  1,  1,  9,  9,  0,  4,  4,
                                                  0,  0,  5,  5,  5,  5,  5,  6,  6,  6,
                                                  6,  6,  6,  7,  7,  8,  10, 10, 10, 10,
                                                  10, 10, 11, 11, 11, 11, 11, 12, 12, 12 };
    uint64_t n = hs_get_u32 (head + 24 + (size_t)count_of[i] * 4);

    return i == 10 || i == 11 ? (n + 63) / 64 : n;
}

static void mend_chunks (uint8_t *section, size_t n_section, uint8_t *head, size_t n_head)
{
    size_t at = HEAD;

    for (unsigned i = 0; i < N_COLUMNS; i++) {
        uint64_t n = values_of (head, i);

        for (; n > 0 && at + ENTRY <= n_head; at += ENTRY) {
            uint64_t n_here = n < CHUNK ? n : CHUNK;
            uint64_t offset = hs_get_u64 (head + at), n_bytes = n_here * head[at + 20];

            if (offset <= n_section && n_bytes <= n_section - offset)
                hs_put_u32 (head + at + 16, sum (section + offset, n_bytes));
            n -= n_here;
        }
    }
}

/* A part that the head tells of: offset, bytes, sum. */
static void mend_part (const uint8_t *section, size_t n_section, uint8_t *where)
{
    uint64_t at = hs_get_u64 (where), n = hs_get_u64 (where + 8);

    if (at <= n_section && n <= n_section - at)
        hs_put_u32 (where + 16, sum (section + at, n));
}

void index_mend (uint8_t *bytes, size_t size)
{
    size_t begin = index_begin (bytes, size), n_section = size - begin, n_head;
    uint8_t *section = bytes + begin, *trailer = bytes + size - TRAILER, *head;

    if (begin == size || n_section < TRAILER)
        return;
    n_section -= TRAILER;
    n_head = hs_get_u64 (trailer + 16);
    if (n_head >= HEAD && n_head <= n_section) {
        head = section + n_section - n_head;
        mend_part (section, n_section, head + 104); /* tables */
        mend_part (section, n_section, head + 128); /* blocks */
        mend_chunks (section, n_section, head, n_head);
        hs_put_u32 (trailer + 24, sum (head, n_head));
    }
    hs_put_u32 (trailer + 28, sum (trailer, 28));
}
