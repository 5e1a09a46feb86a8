/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers to text and back, without locale: the same text in reports, tooltips and tests.
 * Buffers are the caller's; HS_UNITS_TEXT_SIZE is always enough.
 */
#ifndef HS_BASE_UNITS_H
#define HS_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HS_UNITS_TEXT_SIZE 48

/* "171.2 MiB", "96 B": three to four figures, 1024 steps. Returns `text`. */
const char *hs_format_bytes (uint64_t n_bytes, char text[HS_UNITS_TEXT_SIZE]);

/* As hs_format_bytes with a sign: "+8.8 MiB", "-12 B", "0 B". */
const char *hs_format_bytes_signed (int64_t n_bytes, char text[HS_UNITS_TEXT_SIZE]);

/* "4,118,902". */
const char *hs_format_count (uint64_t count, char text[HS_UNITS_TEXT_SIZE]);

/* "12.40 s", "3.2 ms", "850 ns"; `seconds` may be negative. */
const char *hs_format_seconds (double seconds, char text[HS_UNITS_TEXT_SIZE]);

/* "64", "64k", "1.5M", "2GiB" to bytes (1024 steps); false when it is not such a number. */
bool hs_parse_bytes (const char *text, uint64_t *ret_bytes);

/* "1.5", "1.5s", "200ms", "30us", "5ns", "2min" to seconds. */
bool hs_parse_seconds (const char *text, double *ret_seconds);

/* Saturating sum, for totals of sizes that a file chose. */
static inline uint64_t hs_add_saturated (uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow (a, b, &sum) ? UINT64_MAX : sum;
}

#endif
