/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocation sizes by powers of two, for the range and (the ghost) for the whole trace. */
#ifndef HS_ANALYSIS_HISTOGRAM_H
#define HS_ANALYSIS_HISTOGRAM_H

#include "analysis/filter.h"

struct hs_size_class_sums {
    uint64_t count[4], bytes[4];       /* of the range, by class AIFI, AIFO, AOFI, AOFO */
    uint64_t whole_count, whole_bytes; /* opened in the whole trace: process, thread, heap filter */
};

struct hs_histogram {
    _Atomic int n_references;
    unsigned first, n; /* classes in use: [first, first + n); n = 0 when empty */
    struct hs_size_class_sums classes[HS_N_SIZE_CLASSES]; /* index: hs_size_class (size) */
    struct hs_size_class_sums total;
};

/* Any thread. The filter's size limits are not applied (it is the view that sets them). */
enum hs_status hs_histogram (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_cancel *cancel, struct hs_histogram **ret,
                             struct hs_error *err);
struct hs_histogram *hs_histogram_ref (struct hs_histogram *histogram);
void hs_histogram_unref (struct hs_histogram *histogram);

/* "64 B - 127 B"; buffer of HS_UNITS_TEXT_SIZE. */
const char *hs_size_class_text (unsigned size_class, char *text);

#endif
