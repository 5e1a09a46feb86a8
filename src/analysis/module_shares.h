/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of a trace each module hides by having no names: so that nobody takes "module+0x1a2b"
 * for the whole truth without knowing how much memory stands behind it.
 */
#ifndef HS_ANALYSIS_MODULE_SHARES_H
#define HS_ANALYSIS_MODULE_SHARES_H

#include "analysis/stack_sums.h"

struct hs_module_share {
    uint32_t n_frames, n_named;          /* distinct return addresses in the module */
    uint64_t hidden_bytes, hidden_count; /* outstanding, of stacks with a frame of it that has no
                                            name; a stack counts once for a module */
};

struct hs_module_shares {
    struct hs_sums total;
    uint32_t n;
    struct hs_module_share shares[]; /* by number in the tables' modules */
};

/* Any thread. */
enum hs_status hs_module_shares (const struct hs_snapshot *snapshot, const struct hs_cancel *cancel,
                                 struct hs_module_shares **ret, struct hs_error *err);
void hs_module_shares_free (struct hs_module_shares *shares); /* NULL is allowed */

#endif
