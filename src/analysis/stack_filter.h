/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which call stacks a filter's names mean: those with a function or a module on them whose name has
 * `frames` in it, and a module whose file name has `module` in it, in capital letters or not. Not
 * for filters on blocks; any thread.
 */
#ifndef HS_ANALYSIS_STACK_FILTER_H
#define HS_ANALYSIS_STACK_FILTER_H

#include "analysis/filter.h"

/*
 * 1 for each stack slot of the snapshot whose stack passes, else 0; to be freed with hs_free. A
 * slot without a stack does not pass. Names are those that are known by now. The trace's tables
 * are locked for a few thousand nodes at a time.
 */
enum hs_status hs_stack_filter_slots (const struct hs_snapshot *snapshot,
                                      const struct hs_filter *filter,
                                      const struct hs_cancel *cancel, uint8_t **ret,
                                      struct hs_error *err);

#endif
