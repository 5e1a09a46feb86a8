/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peak of a range; see range_peak.h. */
#include "analysis/range_peak.h"

#include "analysis/replay.h"
#include "analysis/timeline.h"

/* Replays only where the overview says that the peak may be. *ret_is_sure stays false when the
 * range may have had most before its first event: the overview does not know that. */
static enum hs_status look_up (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                               const int64_t times[2], const struct hs_cancel *cancel,
                               struct hs_range_peak *ret, bool *ret_is_sure)
{
    hs_event_no begin = hs_snapshot_event_at_or_after (snapshot, times[0]);
    hs_event_no end = hs_snapshot_event_after (snapshot, times[1]);
    bool was_off = hs_range_index_is_off (snapshot);
    struct hs_peak peak = { .event = HS_NO_EVENT };
    struct hs_scan scan = { 0 };
    enum hs_status status = hs_scan_init (&scan, snapshot, filter, cancel, NULL);

    if (begin < snapshot->first_event)
        begin = snapshot->first_event;
    if (status == HS_OK && begin < end)
        status = hs_replay_range_peak (&scan, filter, begin, end, cancel, &peak);
    hs_scan_clear (&scan);
    if (status != HS_OK || peak.event == HS_NO_EVENT || peak.bytes <= peak.most_before ||
        hs_range_index_is_off (snapshot) != was_off)
        return status;
    *ret = (struct hs_range_peak){ peak.bytes, hs_snapshot_event_time (snapshot, peak.event) };
    *ret_is_sure = true;
    return HS_OK;
}

enum hs_status hs_range_peak (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const int64_t times[2], const struct hs_cancel *cancel,
                              struct hs_range_peak *ret, struct hs_error *err)
{
    struct hs_timeline_query query = {
        .from = times[0], .to = times[1], .n_columns = 1, .has_exact_peak = true
    };
    struct hs_filter whole = *filter;
    struct hs_timeline *timeline;
    bool is_sure = false;
    enum hs_status status = HS_OK;

    whole.has_range = false;
    if (hs_filter_is_of_process (filter) && times[0] <= times[1])
        status = look_up (snapshot, &whole, times, cancel, ret, &is_sure);
    if (status == HS_NO_MEMORY)
        return hs_error_no_memory (err);
    if (status != HS_OK)
        return status;
    if (is_sure)
        return hs_trace_check (snapshot->trace, err);
    status = hs_timeline (snapshot, &whole, &query, cancel, &timeline, err);
    if (status != HS_OK)
        return status;
    *ret = (struct hs_range_peak){ timeline->max_bytes, timeline->peak_time };
    hs_timeline_unref (timeline);
    return HS_OK;
}
