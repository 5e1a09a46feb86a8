/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A flat list of functions: what each allocated itself (exclusive) and with everything it called
 * (inclusive; a stack counts once for a function, however often it stands in it).
 */
#ifndef HS_ANALYSIS_FUNCTIONS_H
#define HS_ANALYSIS_FUNCTIONS_H

#include "analysis/call_tree.h"

enum hs_function_order {
    HS_FUNCTIONS_BY_EXCLUSIVE,
    HS_FUNCTIONS_BY_INCLUSIVE,
};

struct hs_functions_query {
    enum hs_function_order order;
    enum hs_metric metric;
    enum hs_metric_unit unit;
    enum hs_allocator_frames allocator_frames;
    enum hs_stacks_of stacks_of;
};

struct hs_function {
    const char *label, *module, *location; /* in the same block */
    uint64_t key;                          /* as in call trees */
    enum hs_label_kind kind;
    bool is_inlined;
    struct hs_sums inclusive, exclusive;
};

struct hs_functions {
    _Atomic int n_references;
    struct hs_sums total;
    int64_t peak_time;
    uint32_t n;
    struct hs_function functions[]; /* largest first */
};

/* Any thread. */
enum hs_status hs_functions (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_functions_query *query, const struct hs_cancel *cancel,
                             struct hs_functions **ret, struct hs_error *err);
struct hs_functions *hs_functions_ref (struct hs_functions *functions);
void hs_functions_unref (struct hs_functions *functions); /* NULL is allowed */

#endif
