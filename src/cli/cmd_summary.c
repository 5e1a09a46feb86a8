/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata summary`: what a trace holds, on one page. */
#include "cli/summary.h"

#include "analysis/findings.h"
#include "base/units.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>

static void print_line (const char *name, const char *text)
{
    char *head = g_strdup_printf ("%s:", name);
    int padding = 24 - (int)g_utf8_strlen (head, -1);

    (void)printf ("%s%*s %s\n", head, MAX (padding, 0), "", text);
    g_free (head);
}

/* "name:   1.2 MiB in 3,456 blocks" */
static void print_blocks (const char *name, uint64_t bytes, uint64_t count)
{
    char bytes_text[HS_UNITS_TEXT_SIZE], count_text[HS_UNITS_TEXT_SIZE];
    /* Translators: “1.2 MiB in 3,456 blocks” */
    char *text = g_strdup_printf (_ ("%s in %s blocks"), hs_format_bytes (bytes, bytes_text),
                                  hs_format_count (count, count_text));

    print_line (name, text);
    g_free (text);
}

static void print_count (const char *name, uint64_t count)
{
    char text[HS_UNITS_TEXT_SIZE];

    print_line (name, hs_format_count (count, text));
}

static void print_head (const struct summary *summary, const struct cli_call *call)
{
    const struct hs_snapshot *snapshot = &summary->open->snapshot;
    char text[HS_UNITS_TEXT_SIZE];

    for (guint i = 0; i < call->n_files; i++) {
        char *name = g_filename_display_name (call->files[i]);

        print_line (_ ("File"), name);
        g_free (name);
    }
    print_line (_ ("Format"), summary->open->format);
    print_line (_ ("Duration"),
                hs_format_seconds (hs_snapshot_seconds (snapshot, snapshot->last_time), text));
}

static void print_totals (const struct summary *summary)
{
    const struct hs_counters *totals = &summary->tables->totals;
    char text[HS_UNITS_TEXT_SIZE];

    if (summary->n_rows == 0) {
        print_line (_ ("Heap events"), _ ("none; heap tracing was not on in any process"));
        return;
    }
    print_count (_ ("Allocations"), totals->allocs);
    print_count (_ ("Reallocations"), totals->reallocs);
    print_count (_ ("Frees"), totals->frees);
    print_blocks (_ ("Allocated"), totals->opened_bytes, totals->opened);
    print_blocks (_ ("Outstanding"), totals->live_bytes + totals->exit_bytes,
                  totals->live_count + totals->exit_count);
    if (totals->exit_count > 0)
        print_blocks (_ ("  left at exit"), totals->exit_bytes, totals->exit_count);
    if (summary->tables->unsure.count > 0)
        print_blocks (_ ("  unsure after a gap"), summary->tables->unsure.bytes,
                      summary->tables->unsure.count);
    print_count (_ ("Temporary blocks"), totals->temporary);
    if (totals->peak_bytes > 0) {
        double seconds = hs_snapshot_seconds (&summary->open->snapshot, totals->peak_time);
        char bytes[HS_UNITS_TEXT_SIZE];
        /* Translators: “12.1 MiB at 2.21 s” */
        char *peak = g_strdup_printf (_ ("%s at %s"), hs_format_bytes (totals->peak_bytes, bytes),
                                      hs_format_seconds (seconds, text));

        print_line (_ ("Peak"), peak);
        g_free (peak);
    }
    if (summary->tables->stack_events > 0) {
        char *rate = g_strdup_printf ("%.1f %%", 100.0 * (double)summary->tables->stack_events_set /
                                                     (double)summary->tables->stack_events);

        print_line (_ ("With call stack"), rate);
        g_free (rate);
    }
}

/* "2000:1" for the second use of a pid. */
static void add_pid (struct text_table *table, const struct hs_process_info *process)
{
    if (process->instance > 0)
        text_table_printf (table, "%u:%u", process->pid, process->instance);
    else
        text_table_printf (table, "%u", process->pid);
}

static void print_processes (const struct summary *summary)
{
    const char *const headings[] = {
        _ ("PID"),  _ ("Program"),     _ ("Allocated"), _ ("Blocks"),
        _ ("Peak"), _ ("Outstanding"), _ ("Blocks"),    NULL,
    };
    const struct hs_tables *tables = summary->tables;
    struct text_table *table = text_table_new ("rlrrrrr", headings);
    uint32_t n_idle = 0;

    for (uint32_t i = 0; i < summary->n_processes; i++) {
        const struct hs_process_info *process = &tables->processes.items[summary->order[i]];
        const struct hs_counters *counters = &process->counters;

        if (!summary_has_heaps (summary, summary->order[i])) {
            n_idle++;
            continue;
        }
        add_pid (table, process);
        text_table_add (table, hs_intern_text (&tables->strings, process->image));
        text_table_bytes (table, counters->opened_bytes);
        text_table_count (table, counters->opened);
        text_table_bytes (table, counters->peak_bytes);
        text_table_bytes (table, counters->live_bytes + counters->exit_bytes);
        text_table_count (table, counters->live_count + counters->exit_count);
    }
    (void)printf ("\n");
    if (n_idle < summary->n_processes)
        text_table_print (table, stdout, 0);
    if (n_idle > 0)
        (void)printf (ngettext ("%u process without heap events\n",
                                "%u processes without heap events\n", n_idle),
                      n_idle);
    text_table_free (table);
}

/* Address space of the processes that have VirtualAlloc records; one that only gave back what it
 * had from before the recording would be a row of zeros. */
static void print_virtual (const struct summary *summary)
{
    const char *const headings[] = {
        _ ("PID"),           _ ("Program"), _ ("Committed"), _ ("Peak committed"), _ ("Reserved"),
        _ ("Peak reserved"), NULL,
    };
    const struct hs_tables *tables = summary->tables;
    struct text_table *table = text_table_new ("rlrrrr", headings);
    uint32_t n = 0;

    for (uint32_t i = 0; i < summary->n_processes; i++) {
        const struct hs_process_info *process = &tables->processes.items[summary->order[i]];
        const struct hs_virtual_counters *counters = &process->virtual_memory;

        if (!process->has_virtual || (counters->peak_commit | counters->peak_reserve) == 0)
            continue;
        add_pid (table, process);
        text_table_add (table, hs_intern_text (&tables->strings, process->image));
        text_table_bytes (table, counters->commit_bytes);
        text_table_bytes (table, counters->peak_commit);
        text_table_bytes (table, counters->reserve_bytes);
        text_table_bytes (table, counters->peak_reserve);
        n++;
    }
    if (n > 0) {
        (void)printf ("\n%s\n", _ ("Address space (VirtualAlloc)"));
        text_table_print (table, stdout, 0);
    }
    text_table_free (table);
}

static void print_pool (const struct hs_pool_info *pool)
{
    if (!pool->is_present)
        return;
    (void)printf ("\n");
    print_blocks (_ ("Kernel pool, live"), pool->live_bytes, pool->live_count);
    print_blocks (_ ("Kernel pool, allocated"), pool->alloc_bytes, pool->allocs);
}

static void print_findings (const struct hs_finding_list *list)
{
    const char *const headings[] = { _ ("Count"), _ ("Finding"), NULL };
    struct text_table *table;

    if (list->n == 0)
        return;
    table = text_table_new ("rl", headings);
    for (uint32_t i = 0; i < list->n; i++) {
        text_table_count (table, list->rows[i].count);
        text_table_add (table, _ (hs_note_kind_title (list->rows[i].kind)));
    }
    (void)printf ("\n");
    text_table_print (table, stdout, 0);
    text_table_free (table);
}

static enum hs_status make (const struct cli_call *call, const struct open_trace *open,
                            struct summary *ret, struct hs_error *err)
{
    enum hs_status status = summary_init (ret, open, cli_limit (call, SUMMARY_STACKS), err);

    if (status != HS_OK || !call->json)
        return status;
    status = summary_add_timeline (ret, err);
    if (status != HS_OK)
        summary_clear (ret);
    return status;
}

static int run (const struct cli_call *call)
{
    struct open_trace open;
    struct hs_finding_list *findings = NULL;
    struct summary summary;
    struct hs_error err = { 0 };
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (hs_findings (&open.snapshot, &findings, &err) != HS_OK ||
        make (call, &open, &summary, &err) != HS_OK) {
        hs_findings_unref (findings);
        open_trace_clear (&open);
        return cli_query_failed (call, &err);
    }
    if (call->json) {
        summary_print_json (&summary);
    } else {
        print_head (&summary, call);
        print_totals (&summary);
        print_processes (&summary);
        print_virtual (&summary);
        print_pool (&summary.tables->pool);
        print_findings (findings);
    }
    status = open_trace_status (&open);
    summary_clear (&summary);
    hs_findings_unref (findings);
    open_trace_clear (&open);
    return status;
}

const struct cli_command cli_command_summary = {
    .name = "summary",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Tell what a trace holds"),
    .description = N_ ("--limit counts the call stacks per process in the JSON (50 unless given)."),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_LIMIT,
    .json_fields = summary_json_fields,
    .run = run,
};
