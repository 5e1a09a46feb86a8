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

static int compare_stacks (const void *a, const void *b, void *data)
{
    const struct summary *summary = data;
    const struct hs_stack_sum *left = *(const struct hs_stack_sum *const *)a;
    const struct hs_stack_sum *right = *(const struct hs_stack_sum *const *)b;
    uint64_t left_opened = hs_sums_opened_bytes (&left->sums);
    uint64_t right_opened = hs_sums_opened_bytes (&right->sums);
    bool is_live = summary->tables->processes.items[left->process].exit_event == HS_NO_EVENT;

    if (left->process != right->process)
        return left->process < right->process ? -1 : 1;
    if (is_live && left->sums.bytes[1] != right->sums.bytes[1])
        return left->sums.bytes[1] > right->sums.bytes[1] ? -1 : 1;
    if (left_opened != right_opened)
        return left_opened > right_opened ? -1 : 1;
    return left->node < right->node ? -1 : left->node > right->node;
}

/* Numbers of heaps by process, and rows for the processes that have any. */
static void group_heaps (struct summary *summary)
{
    const struct hs_tables *tables = summary->tables;
    size_t n = tables->processes.n;

    summary->first_heap = g_new0 (uint32_t, n + 2);
    summary->heaps = g_new (uint32_t, tables->heaps.n + 1);
    summary->row_of = g_new (uint32_t, n + 1);
    for (size_t i = 0; i < tables->heaps.n; i++)
        summary->first_heap[tables->heaps.items[i].process + 2]++;
    for (size_t i = 0; i < n; i++) {
        summary->row_of[i] = summary->first_heap[i + 2] > 0 ? summary->n_rows++ : UINT32_MAX;
        summary->first_heap[i + 2] += summary->first_heap[i + 1];
    }
    /* first_heap[p + 1] is where the next heap of p goes, and ends where those of p + 1 begin */
    for (size_t i = 0; i < tables->heaps.n; i++)
        summary->heaps[summary->first_heap[tables->heaps.items[i].process + 1]++] = (uint32_t)i;
}

static void group_stacks (struct summary *summary)
{
    const struct hs_stack_sums *all = summary->stacks;
    size_t n = summary->tables->processes.n;
    uint32_t n_kept = 0;

    summary->first_stack = g_new0 (uint32_t, n + 1);
    summary->by_process = g_new (const struct hs_stack_sum *, all->n + 1);
    for (uint32_t i = 0; i < all->n; i++) {
        if (hs_sums_opened_count (&all->stacks[i].sums) == 0)
            continue;
        summary->by_process[n_kept++] = &all->stacks[i];
        summary->first_stack[all->stacks[i].process + 1]++;
    }
    for (size_t i = 0; i < n; i++)
        summary->first_stack[i + 1] += summary->first_stack[i];
    qsort_r (summary->by_process, n_kept, sizeof *summary->by_process, compare_stacks, summary);
}

enum hs_status summary_init (struct summary *summary, const struct open_trace *open,
                             uint32_t stack_limit, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &open->snapshot;
    struct hs_filter filter = hs_filter_all ();
    enum hs_status status;

    *summary = (struct summary){ .open = open, .stack_limit = stack_limit };
    status = hs_stack_sums (snapshot, &filter, NULL, &summary->stacks, err);
    if (status != HS_OK)
        return status;
    /* nobody writes any more, so the tables stay as they are between the locks */
    summary->tables = hs_trace_lock (open->trace);
    set_order (summary);
    group_heaps (summary);
    group_stacks (summary);
    return HS_OK;
}

enum hs_status summary_add_timeline (struct summary *summary, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &summary->open->snapshot;
    const struct hs_moments_query query = { summary->times, SUMMARY_POINTS, summary->row_of,
                                            summary->n_rows };
    enum hs_status status;

    for (uint32_t i = 0; i < SUMMARY_POINTS; i++)
        summary->times[i] = (int64_t)((__int128)snapshot->last_time * i / (SUMMARY_POINTS - 1));
    hs_trace_unlock (summary->open->trace);
    status = hs_timeline_moments (snapshot, &query, &summary->moments, err);
    (void)hs_trace_lock (summary->open->trace);
    return status;
}

void summary_clear (struct summary *summary)
{
    if (summary->tables != NULL)
        hs_trace_unlock (summary->open->trace);
    summary->tables = NULL;
    hs_stack_sums_free (summary->stacks);
    hs_free (summary->moments);
    g_free (summary->order);
    g_free (summary->row_of);
    g_free (summary->first_heap);
    g_free (summary->heaps);
    g_free (summary->first_stack);
    g_free (summary->by_process);
}

const struct hs_stack_sum *const *summary_stacks (const struct summary *summary,
                                                  hs_process_id process, uint32_t *ret_n)
{
    uint32_t first = summary->first_stack[process];

    *ret_n = summary->first_stack[process + 1] - first;
    return summary->by_process + first;
}

bool summary_has_frames (const struct summary *summary, const struct hs_stack_sum *stack)
{
    return hs_stacks_frames (summary->open->snapshot.stacks, stack->node, NULL, 0) > 0;
}

bool summary_has_heaps (const struct summary *summary, hs_process_id process)
{
    return summary->row_of[process] != UINT32_MAX;
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
