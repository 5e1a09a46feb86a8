/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The most live bytes within a range of time, and when that was. */
#ifndef HS_ANALYSIS_RANGE_PEAK_H
#define HS_ANALYSIS_RANGE_PEAK_H

#include "analysis/filter.h"

struct hs_range_peak {
    uint64_t bytes;
    int64_t time; /* ticks: the first moment of so many, or the range's beginning */
};

/* What hs_timeline says of the range (ticks from and to) with has_exact_peak, mostly for less. The
 * filter's own range is not applied. Any thread. */
enum hs_status hs_range_peak (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const int64_t times[2], const struct hs_cancel *cancel,
                              struct hs_range_peak *ret, struct hs_error *err);

#endif
