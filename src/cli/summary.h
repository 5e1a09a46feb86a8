/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `heapstrata summary` tells of a trace, computed once and then printed as text
 * (cmd_summary.c) or JSON (summary_json.c). The tables of the trace stay locked from init to clear:
 * only for a trace that nobody writes any more.
 */
#ifndef HS_CLI_SUMMARY_H
#define HS_CLI_SUMMARY_H

#include "analysis/stack_sums.h"
#include "analysis/timeline.h"
#include "cli/open_trace.h"

#define SUMMARY_POINTS 100u /* of a time line: t_i = last * i / 99 */
#define SUMMARY_STACKS 50u  /* per process, unless --limit says otherwise */

struct summary {
    const struct open_trace *open;
    const struct hs_tables *tables;
    struct hs_stack_sums *stacks;
    struct hs_moment *moments; /* by row_of, then the sum; SUMMARY_POINTS each; NULL: not asked */
    uint32_t *row_of;          /* per process: its row, UINT32_MAX without heaps */
    uint32_t n_rows;
    uint32_t *first_heap; /* per process: its heaps are heaps[first .. first of the next) */
    uint32_t *heaps;      /* numbers in the tables, by process */
    uint32_t *first_stack;
    const struct hs_stack_sum **by_process; /* stacks that opened blocks, by process, then weight */
    int64_t times[SUMMARY_POINTS];
    hs_process_id *order; /* processes by pid and instance, the ones worth telling */
    uint32_t n_processes;
    uint32_t stack_limit;
};

enum hs_status summary_init (struct summary *summary, const struct open_trace *open,
                             uint32_t stack_limit, struct hs_error *err);
enum hs_status summary_add_timeline (struct summary *summary, struct hs_error *err);
void summary_clear (struct summary *summary);

/* The stacks of a process, heaviest first (live bytes, then opened bytes): *ret_n of them, lent. */
const struct hs_stack_sum *const *summary_stacks (const struct summary *summary,
                                                  hs_process_id process, uint32_t *ret_n);

/* Whether the stack has frames. */
bool summary_has_frames (const struct summary *summary, const struct hs_stack_sum *stack);

/* Whether a heap of the process was seen: only such processes have stacks and a time line. */
bool summary_has_heaps (const struct summary *summary, hs_process_id process);

uint64_t summary_n_issues (const struct summary *summary); /* structural damage */

void summary_print_json (const struct summary *summary);

extern const struct cli_json_field summary_json_fields[];

#endif
