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

/*
 * The event at which the filtered process (or all together, HS_NO_PROCESS) first had most live
 * bytes within the snapshot; HS_NO_EVENT when it never had any.
 */
enum hs_status hs_replay_find_peak (const struct hs_snapshot *snapshot, hs_process_id process,
                                    const struct hs_cancel *cancel, hs_event_no *ret,
                                    struct hs_error *err);

#endif
