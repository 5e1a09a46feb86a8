/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of a summary; see summary.h. */
#include "cli/summary.h"

#include "base/memory.h"

#include <glib.h>
#include <stdlib.h>

static int compare_processes (const void *a, const void *b, void *data)
{
    const struct hs_tables *tables = data;
    const struct hs_process_info *left = &tables->processes.items[*(const hs_process_id *)a];
    const struct hs_process_info *right = &tables->processes.items[*(const hs_process_id *)b];

    if (left->pid != right->pid)
        return left->pid < right->pid ? -1 : 1;
    return left->instance < right->instance ? -1 : left->instance > right->instance;
}

/* Ids that a decoder has handed out but never described, nor used. */
static bool is_nobody (const struct hs_process_info *process)
{
    return !process->is_known && !process->has_virtual && process->counters.allocs == 0 &&
           process->counters.frees == 0 && process->counters.reallocs == 0;
}

static void set_order (struct summary *summary)
{
    const struct hs_tables *tables = summary->tables;

    summary->order = g_new (hs_process_id, tables->processes.n + 1);
    for (size_t i = 0; i < tables->processes.n; i++) {
        if (!is_nobody (&tables->processes.items[i]))
            summary->order[summary->n_processes++] = (hs_process_id)i;
    }
    qsort_r (summary->order, summary->n_processes, sizeof *summary->order, compare_processes,
             (void *)tables);
}

enum hs_status summary_init (struct summary *summary, const struct open_trace *open,
                             uint32_t stack_limit, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &open->snapshot;
    struct hs_filter filter = hs_filter_all ();
    uint32_t n_processes;
    enum hs_status status;

    *summary = (struct summary){ .open = open, .stack_limit = stack_limit };
    n_processes = (uint32_t)hs_trace_lock (open->trace)->processes.n;
    hs_trace_unlock (open->trace);
    for (uint32_t i = 0; i < SUMMARY_POINTS; i++)
        summary->times[i] = (int64_t)((__int128)snapshot->last_time * i / (SUMMARY_POINTS - 1));
    status = hs_stack_sums (snapshot, &filter, NULL, &summary->stacks, err);
    if (status == HS_OK)
        status = hs_timeline_moments (snapshot, summary->times, SUMMARY_POINTS, n_processes,
                                      &summary->moments, err);
    if (status != HS_OK) {
        summary_clear (summary);
        return status;
    }
    summary->tables = hs_trace_lock (open->trace);
    set_order (summary);
    return HS_OK;
}

void summary_clear (struct summary *summary)
{
    if (summary->tables != NULL)
        hs_trace_unlock (summary->open->trace);
    summary->tables = NULL;
    hs_stack_sums_free (summary->stacks);
    hs_free (summary->moments);
    g_free (summary->order);
}

static int compare_stacks (const void *a, const void *b, void *data)
{
    const struct summary *summary = data;
    const struct hs_stack_sum *left = *(const struct hs_stack_sum *const *)a;
    const struct hs_stack_sum *right = *(const struct hs_stack_sum *const *)b;
    uint64_t left_opened = hs_sums_opened_bytes (&left->sums);
    uint64_t right_opened = hs_sums_opened_bytes (&right->sums);
    const struct hs_process_info *process = &summary->tables->processes.items[left->process];
    bool is_live = process->exit_event == HS_NO_EVENT;

    if (is_live && left->sums.bytes[1] != right->sums.bytes[1])
        return left->sums.bytes[1] > right->sums.bytes[1] ? -1 : 1;
    if (left_opened != right_opened)
        return left_opened > right_opened ? -1 : 1;
    return left->node < right->node ? -1 : left->node > right->node;
}

static bool has_frames (const struct summary *summary, const struct hs_stack_sum *stack)
{
    return hs_stacks_frames (summary->open->snapshot.stacks, stack->node, NULL, 0) > 0;
}

const struct hs_stack_sum **summary_stacks (const struct summary *summary, hs_process_id process,
                                            uint32_t *ret_n, uint32_t *ret_n_set)
{
    const struct hs_stack_sums *all = summary->stacks;
    const struct hs_stack_sum **list = g_new (const struct hs_stack_sum *, all->n + 1);
    uint32_t n = 0, n_set = 0;

    for (uint32_t i = 0; i < all->n; i++) {
        const struct hs_stack_sum *stack = &all->stacks[i];

        if (stack->process != process || hs_sums_opened_count (&stack->sums) == 0)
            continue;
        list[n++] = stack;
        n_set += has_frames (summary, stack);
    }
    qsort_r (list, n, sizeof *list, compare_stacks, (void *)summary);
    *ret_n = n;
    *ret_n_set = n_set;
    return list;
}

bool summary_has_heaps (const struct summary *summary, hs_process_id process)
{
    const struct hs_tables *tables = summary->tables;

    for (size_t i = 0; i < tables->heaps.n; i++) {
        if (tables->heaps.items[i].process == process)
            return true;
    }
    return false;
}

uint64_t summary_n_issues (const struct summary *summary)
{
    const struct hs_tables *tables = summary->tables;
    uint64_t n = 0;

    for (size_t i = 0; i < tables->findings.n; i++) {
        if (hs_note_kind_is_structural (tables->findings.items[i].kind))
            n += tables->findings.items[i].count;
    }
    return n;
}
