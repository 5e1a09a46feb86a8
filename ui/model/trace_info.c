/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies out of a trace's tables; see trace_info.h. */
#include "model/trace_info.h"

#include <string.h>

static void clear_process (gpointer entry)
{
    g_free (((HsProcessEntry *)entry)->name);
}

static void clear_mark (gpointer entry)
{
    g_free (((HsMarkEntry *)entry)->name);
}

/* The file's name of a path of either system. */
static char *base_name (const char *path)
{
    const char *slash = strrchr (path, '/'), *backslash = strrchr (path, '\\');
    const char *base = MAX (slash, backslash);

    if (slash == NULL || backslash == NULL)
        base = slash != NULL ? slash : backslash;
    if (base == NULL || base[1] == '\0')
        base = path;
    else
        base++;
    return g_utf8_make_valid (base, -1);
}

void hs_trace_info_init (HsTraceInfo *info)
{
    *info = (HsTraceInfo){
        .processes = g_array_new (FALSE, TRUE, sizeof (HsProcessEntry)),
        .findings = g_array_new (FALSE, FALSE, sizeof (struct hs_finding_row)),
        .gaps = g_array_new (FALSE, FALSE, sizeof (struct hs_gap)),
        .marks = g_array_new (FALSE, TRUE, sizeof (HsMarkEntry)),
        .samples = g_array_new (FALSE, FALSE, sizeof (struct hs_sample)),
    };
    g_array_set_clear_func (info->processes, clear_process);
    g_array_set_clear_func (info->marks, clear_mark);
}

static void fill_processes (HsTraceInfo *info, const struct hs_tables *tables)
{
    g_array_set_size (info->processes, 0);
    for (size_t i = 0; i < tables->processes.n; i++) {
        const struct hs_process_info *process = &tables->processes.items[i];
        HsProcessEntry entry = {
            .id = (hs_process_id)i,
            .pid = process->pid,
            .instance = process->instance,
            .name = base_name (hs_intern_text (&tables->strings, process->image)),
            .opened = process->counters.opened,
            .live_bytes = process->counters.live_bytes,
            .peak_bytes = process->counters.peak_bytes,
            .peak_time = process->counters.peak_time,
        };

        g_array_append_val (info->processes, entry);
    }
}

/* Without memory for new ones the old ones stay. */
static void fill_findings (HsTraceInfo *info, const struct hs_snapshot *snapshot)
{
    struct hs_finding_list *list;

    if (hs_findings (snapshot, &list, NULL) != HS_OK)
        return;
    hs_findings_unref (info->finding_list);
    info->finding_list = list;
    g_array_set_size (info->findings, 0);
    g_array_append_vals (info->findings, list->rows, list->n);
}

static void fill_gaps (HsTraceInfo *info, const struct hs_tables *tables)
{
    g_array_set_size (info->gaps, 0);
    if (tables->gaps.n > 0)
        g_array_append_vals (info->gaps, tables->gaps.items, (guint)tables->gaps.n);
}

/* Only added to, so what is there already stays. */
static void fill_marks_and_samples (HsTraceInfo *info, const struct hs_tables *tables)
{
    for (size_t i = info->marks->len; i < tables->marks.n; i++) {
        HsMarkEntry entry = {
            .time = tables->marks.items[i].time,
            .name = g_utf8_make_valid (
                hs_intern_text (&tables->strings, tables->marks.items[i].name), -1),
        };

        g_array_append_val (info->marks, entry);
    }
    if (tables->samples.n > info->samples->len)
        g_array_append_vals (info->samples, tables->samples.items + info->samples->len,
                             (guint)(tables->samples.n - info->samples->len));
}

void hs_trace_info_fill (HsTraceInfo *info, const struct hs_snapshot *snapshot)
{
    const struct hs_tables *tables;

    fill_findings (info, snapshot);
    tables = hs_trace_lock (snapshot->trace);
    if (tables->marks.n < info->marks->len)
        g_array_set_size (info->marks, 0);
    if (tables->samples.n < info->samples->len)
        g_array_set_size (info->samples, 0);
    fill_processes (info, tables);
    fill_gaps (info, tables);
    fill_marks_and_samples (info, tables);
    info->opened = tables->totals.opened;
    info->peak_bytes = tables->totals.peak_bytes;
    info->peak_time = tables->totals.peak_time;
    info->stack_events = tables->stack_events;
    info->stack_events_set = tables->stack_events_set;
    info->lost_events = tables->lost_events;
    info->duplicate_allocs = tables->totals.duplicate_allocs;
    info->unmatched_frees = tables->totals.unmatched_frees;
    hs_trace_unlock (snapshot->trace);
}

void hs_trace_info_clear (HsTraceInfo *info)
{
    g_clear_pointer (&info->processes, g_array_unref);
    g_clear_pointer (&info->findings, g_array_unref);
    g_clear_pointer (&info->finding_list, hs_findings_unref);
    g_clear_pointer (&info->gaps, g_array_unref);
    g_clear_pointer (&info->marks, g_array_unref);
    g_clear_pointer (&info->samples, g_array_unref);
}
