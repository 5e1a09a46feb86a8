/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which blocks a filter's lifetimes mean. A block lives from its allocation to its free. One that
 * was not freed (or only by the exit of its process) lived until then, or the end of the trace, at
 * least: it passes when that is long enough and the filter has no upper bound. Any thread.
 */
#ifndef HS_ANALYSIS_LIFETIME_FILTER_H
#define HS_ANALYSIS_LIFETIME_FILTER_H

#include "analysis/filter.h"

/* A bit for each row of the scan's snapshot that passes, bit r % 64 of word r / 64; to be freed
 * with hs_free. `scan` has its contexts; rows before its first are 0. One walk over rows and times.
 */
enum hs_status hs_lifetime_filter_rows (const struct hs_scan *scan, const struct hs_filter *filter,
                                        const struct hs_cancel *cancel, uint64_t **ret,
                                        struct hs_error *err);

#endif
