/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disjoint address ranges in a skip list; see ranges.h. */
#include "trace/ranges.h"

#include "base/memory.h"

#include <stddef.h>

struct hs_range {
    uint64_t begin, end;
    uint32_t n_levels;
    struct hs_range *next[];
};

/* For each level the link that leads to the first range with end > `address`. */
static void find_links (struct hs_ranges *ranges, uint64_t address,
                        struct hs_range **links[HS_RANGES_LEVELS])
{
    struct hs_range **link = NULL;
    struct hs_range *before = NULL;

    for (int level = HS_RANGES_LEVELS - 1; level >= 0; level--) {
        link = before != NULL ? &before->next[level] : &ranges->first[level];
        while (*link != NULL && (*link)->end <= address) {
            before = *link;
            link = &before->next[level];
        }
        links[level] = link;
    }
}

static uint32_t random_levels (struct hs_ranges *ranges)
{
    uint32_t n = 1;

    ranges->random = ranges->random * 1664525u + 1013904223u;
    for (uint32_t bits = ranges->random >> 8; (bits & 3) == 0 && n < HS_RANGES_LEVELS; bits >>= 2)
        n++;
    return n;
}

static bool insert (struct hs_ranges *ranges, struct hs_range **links[HS_RANGES_LEVELS],
                    uint64_t begin, uint64_t end)
{
    uint32_t n_levels = random_levels (ranges);
    struct hs_range *range =
        hs_alloc_array (1, sizeof *range + n_levels * sizeof (struct hs_range *));

    if (range == NULL)
        return false;
    range->begin = begin;
    range->end = end;
    range->n_levels = n_levels;
    for (uint32_t level = 0; level < n_levels; level++) {
        range->next[level] = *links[level];
        *links[level] = range;
    }
    ranges->n_bytes += end - begin;
    return true;
}

/* Takes out the range that the links of level 0 lead to. */
static void take_out (struct hs_ranges *ranges, struct hs_range **links[HS_RANGES_LEVELS])
{
    struct hs_range *range = *links[0];

    for (uint32_t level = 0; level < range->n_levels; level++)
        *links[level] = range->next[level];
    ranges->n_bytes -= range->end - range->begin;
    hs_free (range);
}

bool hs_ranges_remove (struct hs_ranges *ranges, uint64_t begin, uint64_t end)
{
    struct hs_range **links[HS_RANGES_LEVELS];

    if (begin >= end)
        return true;
    find_links (ranges, begin, links);
    while (*links[0] != NULL && (*links[0])->begin < end) {
        uint64_t old_begin = (*links[0])->begin, old_end = (*links[0])->end;

        take_out (ranges, links);
        /* what sticks out on the right goes in first: the links still lead to its place */
        if (old_end > end && !insert (ranges, links, end, old_end))
            return false;
        if (old_begin < begin) {
            if (!insert (ranges, links, old_begin, begin))
                return false;
            find_links (ranges, begin, links);
        }
    }
    return true;
}

bool hs_ranges_add (struct hs_ranges *ranges, uint64_t begin, uint64_t end)
{
    struct hs_range **links[HS_RANGES_LEVELS];

    if (begin >= end)
        return true;
    /* ranges that touch are merged too, so the set stays as small as it can be */
    find_links (ranges, begin > 0 ? begin - 1 : 0, links);
    while (*links[0] != NULL && (*links[0])->begin <= end) {
        if ((*links[0])->begin < begin)
            begin = (*links[0])->begin;
        if ((*links[0])->end > end)
            end = (*links[0])->end;
        take_out (ranges, links);
    }
    return insert (ranges, links, begin, end);
}

bool hs_ranges_find (const struct hs_ranges *ranges, uint64_t address, uint64_t *ret_begin,
                     uint64_t *ret_end)
{
    const struct hs_range *before = NULL, *at = NULL;

    for (int level = HS_RANGES_LEVELS - 1; level >= 0; level--) {
        at = before != NULL ? before->next[level] : ranges->first[level];
        while (at != NULL && at->end <= address) {
            before = at;
            at = at->next[level];
        }
    }
    if (at == NULL || at->begin > address)
        return false;
    *ret_begin = at->begin;
    *ret_end = at->end;
    return true;
}

void hs_ranges_clear (struct hs_ranges *ranges)
{
    struct hs_range *range = ranges->first[0];

    while (range != NULL) {
        struct hs_range *next = range->next[0];

        hs_free (range);
        range = next;
    }
    *ranges = (struct hs_ranges){ 0 };
}
