/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: any bytes as an XPRESS stream. Never a byte too far in or out; a smaller room gives
 * the beginning of what a larger one gives; bytes packed as literals come out as they were.
 */
#include "decode/etl/xpress.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define ROOM 70000u

#define demand(holds) demand_at (holds, #holds, __LINE__)

static void demand_at (bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf (stderr, "%s:%d: does not hold: %s\n", __FILE__, line, what);
    __builtin_trap ();
}

/* Exactly `n` bytes, so that the address sanitizer sees the first one too far. */
static size_t unpack (struct hs_span packed, uint8_t **ret, size_t n)
{
    size_t n_out = n + 1;

    *ret = malloc (n > 0 ? n : 1);
    (void)hs_xpress_decode (packed, *ret, n, &n_out);
    demand (n_out <= n);
    return n_out;
}

/* 32 literals a group: a word of flags that are all 0, then the bytes ([MS-XCA] 2.3). */
static void check_literals (struct hs_span plain)
{
    size_t n_groups = plain.size / 32 + 1, at = 0;
    uint8_t *packed = calloc (n_groups * 36, 1), *out;

    for (size_t i = 0; i < plain.size; i += 32) {
        struct hs_span group = hs_span_part (plain, i, 32);

        at += 4;
        memcpy (packed + at, group.data, group.size);
        at += group.size;
    }
    demand (unpack ((struct hs_span){ packed, at }, &out, plain.size) == plain.size);
    demand (plain.size == 0 || memcmp (out, plain.data, plain.size) == 0);
    free (out);
    free (packed);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_span bytes = { data, size };
    uint8_t *large, *small;
    size_t n_large = unpack (bytes, &large, ROOM);
    size_t room = size > 0 ? n_large * data[0] / 255 : 0;
    size_t n_small = unpack (bytes, &small, room);

    demand (n_small <= n_large && memcmp (large, small, n_small) == 0);
    demand (n_small <= room);
    free (large);
    free (small);
    check_literals (bytes);
    return 0;
}
