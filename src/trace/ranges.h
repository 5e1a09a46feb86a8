/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of disjoint address ranges, for "reserved" and "committed" memory of a process.
 * A skip list: adding and removing cost O(log n), whatever order an input chooses.
 * A zeroed set is valid and empty. One thread.
 */
#ifndef HS_TRACE_RANGES_H
#define HS_TRACE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define HS_RANGES_LEVELS 16

struct hs_range;

struct hs_ranges {
    struct hs_range *first[HS_RANGES_LEVELS];
    uint64_t n_bytes; /* covered */
    uint32_t random;
};

/* Adds [begin, end), merging with what is there; false when memory is out. */
bool hs_ranges_add (struct hs_ranges *ranges, uint64_t begin, uint64_t end);

/* Removes [begin, end) from the set; false when memory is out (a range may have to be split). */
bool hs_ranges_remove (struct hs_ranges *ranges, uint64_t begin, uint64_t end);

/* The range that covers `address`: false when none does. */
bool hs_ranges_find (const struct hs_ranges *ranges, uint64_t address, uint64_t *ret_begin,
                     uint64_t *ret_end);

void hs_ranges_clear (struct hs_ranges *ranges);

#endif
