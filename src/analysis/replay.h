/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each event of a range did to the live bytes of a filter: the exact course between two
 * events, from one scan of the rows. For ranges of up to some millions of events (8 bytes each).
 */
#ifndef HS_ANALYSIS_REPLAY_H
#define HS_ANALYSIS_REPLAY_H

#include "analysis/filter.h"

/*
 * Deltas of the bytes of the rows that pass `scan`, for the events [begin, end): *ret, to be freed
 * with hs_free, has end - begin of them. *ret_start is the sum before `begin`. The scan's own
 * range is not looked at; sums wrap (two's complement), so they come out right where they fit.
 */
enum hs_status hs_replay (const struct hs_scan *scan, hs_event_no begin, hs_event_no end,
                          const struct hs_cancel *cancel, uint64_t **ret, uint64_t *ret_start);

struct hs_peak {
    uint64_t bytes;
    hs_event_no event;    /* HS_NO_EVENT: none had more than there were before the range */
    uint64_t most_before; /* there were no more than that before the range; UINT64_MAX: unknown */
};

/*
 * The first event of [begin, end) after which the rows that pass `scan` have most bytes, when that
 * is more than `peak` says already; exact, and for any number of events: the overview (rows.h) says
 * where to look when the scan is of a whole process, or of all, and else everything is replayed,
 * some millions of events at a time. Errors: HS_CANCELLED, HS_NO_MEMORY; then `peak` may be
 * halfway.
 */
enum hs_status hs_replay_range_peak (const struct hs_scan *scan, const struct hs_filter *filter,
                                     hs_event_no begin, hs_event_no end,
                                     const struct hs_cancel *cancel, struct hs_peak *peak);

/*
 * The event at which the filtered process (or all together, HS_NO_PROCESS) first had most live
 * bytes within the snapshot; HS_NO_EVENT when it never had any.
 */
enum hs_status hs_replay_find_peak (const struct hs_snapshot *snapshot, hs_process_id process,
                                    const struct hs_cancel *cancel, hs_event_no *ret,
                                    struct hs_error *err);

#endif
