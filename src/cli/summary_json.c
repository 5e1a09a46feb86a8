/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `summary --json`: one shape for every format. See summary.h. */
#include "cli/summary.h"

#include "base/limits.h"
#include "cli/json_out.h"

#include <glib/gi18n.h>
#include <string.h>

static void put_seconds (struct json_out *json, const struct summary *summary, const char *key,
                         int64_t ticks, bool is_set)
{
    if (is_set)
        json_double (json, key, hs_snapshot_seconds (&summary->open->snapshot, ticks));
    else
        json_null (json, key);
}

static void put_counters (struct json_out *json, const struct summary *summary,
                          const struct hs_counters *counters)
{
    const struct {
        const char *name;
        uint64_t value;
    } list[] = {
        { "allocs", counters->allocs },
        { "frees", counters->frees },
        { "reallocs", counters->reallocs },
        { "realloc_inplace", counters->realloc_inplace },
        { "realloc_summary", counters->realloc_summary },
        { "realloc_standalone", counters->realloc_standalone },
        { "realloc_failed", counters->realloc_failed },
        { "opened", counters->opened },
        { "opened_bytes", counters->opened_bytes },
        { "unmatched_frees", counters->unmatched_frees },
        { "duplicate_allocs", counters->duplicate_allocs },
        { "inherited_frees", counters->inherited_frees },
        { "unseen_allocs", counters->unseen_allocs },
        { "unseen_frees", counters->unseen_frees },
        { "destroy_count", counters->destroy_count },
        { "destroy_bytes", counters->destroy_bytes },
        { "exit_count", counters->exit_count },
        { "exit_bytes", counters->exit_bytes },
        { "live_count", counters->live_count },
        { "live_bytes", counters->live_bytes },
        { "outstanding_count", counters->live_count + counters->exit_count },
        { "outstanding_bytes", counters->live_bytes + counters->exit_bytes },
        { "temporary", counters->temporary },
        { "peak_bytes", counters->peak_bytes },
    };

    for (size_t i = 0; i < G_N_ELEMENTS (list); i++)
        json_uint (json, list[i].name, list[i].value);
    put_seconds (json, summary, "peak_time", counters->peak_time, counters->peak_bytes > 0);
}

static void put_unsure (struct json_out *json, const struct hs_unsure *unsure)
{
    json_uint (json, "unsure_count", unsure->count);
    json_uint (json, "unsure_bytes", unsure->bytes);
}

static void put_fact_value (struct json_out *json, const struct summary *summary, const char *key,
                            const struct hs_fact *fact)
{
    switch (fact->type) {
    case HS_FACT_NUMBER:
        json_int (json, key, fact->number);
        break;
    case HS_FACT_UNSIGNED:
        json_uint (json, key, (uint64_t)fact->number);
        break;
    case HS_FACT_TEXT:
        json_string (json, key, hs_intern_text (&summary->tables->strings, fact->text));
        break;
    }
}

/* Facts that are placed by their name in `summary`: "header.x" in an object, others by themselves.
 */
static bool has_own_place (const char *name)
{
    return g_str_has_prefix (name, "header.") || g_str_has_prefix (name, "buffers.") ||
           strcmp (name, "events_total") == 0;
}

/* An object of the facts whose names begin with `prefix`, without it. */
static void put_fact_group (struct json_out *json, const struct summary *summary, const char *key,
                            const char *prefix)
{
    const struct hs_tables *tables = summary->tables;

    json_begin_object (json, key, JSON_LINES);
    for (size_t i = 0; i < tables->facts.n; i++) {
        const char *name = hs_intern_text (&tables->strings, tables->facts.items[i].name);

        if (*prefix != '\0' ? g_str_has_prefix (name, prefix) : !has_own_place (name))
            put_fact_value (json, summary, name + strlen (prefix), &tables->facts.items[i]);
    }
    json_end_object (json);
}

static void put_file (struct json_out *json, const struct summary *summary)
{
    const struct hs_tables *tables = summary->tables;
    const struct hs_snapshot *snapshot = &summary->open->snapshot;
    uint64_t n_records = 0, events_total = 0;
    bool has_total = false;

    json_string (json, "format", summary->open->format);
    put_fact_group (json, summary, "header", "header.");
    json_begin_object (json, "issues", JSON_COMPACT);
    json_uint (json, "count", summary_n_issues (summary));
    json_end_object (json);
    put_fact_group (json, summary, "buffers", "buffers.");
    json_begin_object (json, "records", JSON_LINES);
    for (size_t i = 0; i < tables->counts.n; i++) {
        const struct hs_fact *count = &tables->counts.items[i];

        json_uint (json, hs_intern_text (&tables->strings, count->name), (uint64_t)count->number);
        n_records += (uint64_t)count->number;
    }
    json_end_object (json);
    for (size_t i = 0; i < tables->facts.n; i++) {
        const struct hs_fact *fact = &tables->facts.items[i];

        if (strcmp (hs_intern_text (&tables->strings, fact->name), "events_total") != 0)
            continue;
        events_total = (uint64_t)fact->number;
        has_total = true;
    }
    json_uint (json, "events_total", has_total ? events_total : n_records);
    json_double (json, "duration", hs_snapshot_seconds (snapshot, snapshot->last_time));
    json_uint (json, "ticks_per_second", snapshot->ticks_per_second);
    json_uint (json, "lost_events", tables->lost_events);
    json_uint (json, "gaps", tables->gaps.n);
    json_bool (json, "has_invented_addresses", tables->has_invented_addresses);
    put_fact_group (json, summary, "facts", "");
}

static void put_heap (struct json_out *json, const struct summary *summary,
                      const struct hs_heap_info *heap)
{
    char class[8];

    json_begin_object (json, NULL, JSON_LINES);
    json_hex (json, "heap", heap->handle);
    if (heap->name != 0)
        json_string (json, "name", hs_intern_text (&summary->tables->strings, heap->name));
    json_uint (json, "instance", heap->instance);
    put_seconds (json, summary, "created", heap->created, heap->is_created);
    put_seconds (json, summary, "destroyed", heap->destroyed, heap->is_destroyed);
    put_counters (json, summary, &heap->counters);
    json_begin_object (json, "histogram", JSON_COMPACT);
    for (int i = 0; i < HS_N_SIZE_CLASSES; i++) {
        (void)snprintf (class, sizeof class, "%d", i - 1);
        if (heap->histogram[i] > 0)
            json_uint (json, class, heap->histogram[i]);
    }
    json_end_object (json);
    json_end_object (json);
}

static void put_heaps (struct json_out *json, const struct summary *summary, hs_process_id process)
{
    const struct hs_tables *tables = summary->tables;

    json_begin_array (json, "heaps", JSON_LINES);
    for (uint32_t i = summary->first_heap[process]; i < summary->first_heap[process + 1]; i++)
        put_heap (json, summary, &tables->heaps.items[summary->heaps[i]]);
    json_end_array (json);
}

static void put_stack (struct json_out *json, const struct summary *summary,
                       const struct hs_stack_sum *stack)
{
    const struct hs_sums *sums = &stack->sums;
    uint64_t frames[HS_LIMIT_STACK_DEPTH];
    uint32_t n = hs_stacks_frames (summary->open->snapshot.stacks, stack->node, frames,
                                   HS_LIMIT_STACK_DEPTH);
    bool is_over = summary->tables->processes.items[stack->process].exit_event != HS_NO_EVENT;

    json_begin_object (json, NULL, JSON_LINES);
    json_begin_array (json, "frames", JSON_COMPACT);
    for (uint32_t i = 0; i < n && i < HS_LIMIT_STACK_DEPTH; i++)
        json_hex (json, NULL, frames[i]);
    json_end_array (json);
    json_uint (json, "opened", hs_sums_opened_count (sums));
    json_uint (json, "opened_bytes", hs_sums_opened_bytes (sums));
    json_uint (json, "live_count", is_over ? 0 : sums->count[1]);
    json_uint (json, "live_bytes", is_over ? 0 : sums->bytes[1]);
    json_uint (json, "exit_count", is_over ? sums->count[1] : 0);
    json_uint (json, "exit_bytes", is_over ? sums->bytes[1] : 0);
    json_uint (json, "outstanding_count", sums->count[1]);
    json_uint (json, "outstanding_bytes", sums->bytes[1]);
    json_uint (json, "unsure_count", sums->unsure_count);
    json_uint (json, "unsure_bytes", sums->unsure_bytes);
    json_uint (json, "temporary", sums->temporary);
    json_end_object (json);
}

static void put_stacks (struct json_out *json, const struct summary *summary, hs_process_id process)
{
    uint32_t n, n_set = 0;
    const struct hs_stack_sum *const *stacks = summary_stacks (summary, process, &n);

    for (uint32_t i = 0; i < n; i++)
        n_set += summary_has_frames (summary, stacks[i]);
    json_uint (json, "stack_count", n_set);
    json_begin_array (json, "stacks", JSON_LINES);
    for (uint32_t i = 0; i < n && i < summary->stack_limit; i++)
        put_stack (json, summary, stacks[i]);
    json_end_array (json);
}

/* `row`: of a process, or the number of rows for the sum. */
static void put_timeline (struct json_out *json, const struct summary *summary, size_t row)
{
    const struct hs_moment *moments = &summary->moments[row * SUMMARY_POINTS];

    json_begin_array (json, "timeline", JSON_LINES);
    for (uint32_t i = 0; i < SUMMARY_POINTS; i++) {
        json_begin_array (json, NULL, JSON_COMPACT);
        json_int (json, NULL, summary->times[i]);
        json_uint (json, NULL, moments[i].live_bytes);
        json_uint (json, NULL, moments[i].live_count);
        json_end_array (json);
    }
    json_end_array (json);
}

static void put_virtual (struct json_out *json, const struct hs_virtual_counters *counters)
{
    json_begin_object (json, "virtual", JSON_LINES);
    json_uint (json, "allocs", counters->allocs);
    json_uint (json, "frees", counters->frees);
    json_uint (json, "commit_bytes", counters->commit_bytes);
    json_uint (json, "reserve_bytes", counters->reserve_bytes);
    json_uint (json, "peak_commit", counters->peak_commit);
    json_uint (json, "peak_reserve", counters->peak_reserve);
    json_uint (json, "exit_commit", counters->exit_commit);
    json_end_object (json);
}

static void put_process (struct json_out *json, const struct summary *summary,
                         hs_process_id process)
{
    const struct hs_tables *tables = summary->tables;
    const struct hs_process_info *info = &tables->processes.items[process];

    json_begin_object (json, NULL, JSON_LINES);
    json_uint (json, "pid", info->pid);
    json_uint (json, "instance", info->instance);
    json_string (json, "image", hs_intern_text (&tables->strings, info->image));
    json_string (json, "command_line", hs_intern_text (&tables->strings, info->command_line));
    json_uint (json, "parent_pid", info->parent_pid);
    put_seconds (json, summary, "start", info->start, info->has_start);
    put_seconds (json, summary, "end", info->end, info->has_end);
    if (info->has_end)
        json_string (json, "end_reason", info->end_reason == HS_PROCESS_EXECED ? "exec" : "exit");
    else
        json_null (json, "end_reason");
    json_bool (json, "is_forked", info->is_forked);
    json_bool (json, "is32", info->is_32bit);
    json_uint (json, "modules", info->n_modules);
    put_counters (json, summary, &info->counters);
    put_unsure (json, &info->unsure);
    put_heaps (json, summary, process);
    if (summary_has_heaps (summary, process)) {
        put_stacks (json, summary, process);
        put_timeline (json, summary, summary->row_of[process]);
    }
    if (info->has_virtual)
        put_virtual (json, &info->virtual_memory);
    json_end_object (json);
}

static void put_pool (struct json_out *json, const struct hs_pool_info *pool)
{
    json_begin_object (json, "pool", JSON_LINES);
    json_uint (json, "allocs", pool->allocs);
    json_uint (json, "frees", pool->frees);
    json_uint (json, "alloc_bytes", pool->alloc_bytes);
    json_uint (json, "live_count", pool->live_count);
    json_uint (json, "live_bytes", pool->live_bytes);
    json_uint (json, "peak_bytes", pool->peak_bytes);
    json_uint (json, "unmatched_frees", pool->unmatched_frees);
    json_begin_object (json, "tags", JSON_LINES);
    for (size_t i = 0; i < pool->tags.n; i++) {
        const struct hs_pool_tag *tag = &pool->tags.items[i];

        json_begin_object_named (json, tag->tag, sizeof tag->tag);
        json_uint (json, "allocs", tag->allocs);
        json_uint (json, "frees", tag->frees);
        json_uint (json, "live_count", tag->live_count);
        json_uint (json, "live_bytes", tag->live_bytes);
        json_end_object (json);
    }
    json_end_object (json);
    json_end_object (json);
}

void summary_print_json (const struct summary *summary)
{
    const struct hs_tables *tables = summary->tables;
    struct json_out json = json_begin (stdout);

    json_begin_object (&json, NULL, JSON_LINES);
    put_file (&json, summary);
    json_begin_array (&json, "processes", JSON_LINES);
    for (uint32_t i = 0; i < summary->n_processes; i++)
        put_process (&json, summary, summary->order[i]);
    json_end_array (&json);
    json_begin_object (&json, "totals", JSON_LINES);
    put_counters (&json, summary, &tables->totals);
    put_unsure (&json, &tables->unsure);
    json_end_object (&json);
    put_timeline (&json, summary, summary->n_rows);
    json_begin_object (&json, "stack_correlation", JSON_COMPACT);
    json_uint (&json, "events", tables->stack_events);
    json_uint (&json, "with_stack", tables->stack_events_set);
    json_end_object (&json);
    if (tables->pool.is_present)
        put_pool (&json, &tables->pool);
    json_end_object (&json);
    json_end (&json);
}

const struct cli_json_field summary_json_fields[] = {
    { "format", "string", "", N_ ("name of the file format: etl, heaptrack …") },
    { "header.*", "integer, string", "", N_ ("what the file says about itself, by name") },
    { "issues.count", "integer", "", N_ ("findings of structural damage") },
    { "buffers.present", "integer", "", N_ ("buffers found (ETL)") },
    { "records.*", "integer", "", N_ ("records of each kind") },
    { "events_total", "integer", "", N_ ("all records") },
    { "duration", "number", "s", N_ ("from the trace's zero to its last record") },
    { "ticks_per_second", "integer", "1/s", N_ ("the clock of the file") },
    { "lost_events", "integer", "", N_ ("records that the recorder says were lost") },
    { "gaps", "integer", "", N_ ("times in which not everything was recorded") },
    { "has_invented_addresses", "boolean", "", N_ ("the format has no addresses of blocks") },
    { "facts.*", "integer, string", "", N_ ("further facts about the file, by name") },
    { "processes[].pid, instance", "integer", "", N_ ("instance counts uses of the same pid") },
    { "processes[].image", "string", "", N_ ("name of the program") },
    { "processes[].command_line", "string", "", N_ ("as far as known") },
    { "processes[].parent_pid", "integer", "", N_ ("0 when unknown") },
    { "processes[].start, end", "number or null", "s", N_ ("null: not seen in the trace") },
    { "processes[].end_reason", "string or null", "", N_ ("exit or exec") },
    { "processes[].is_forked", "boolean", "", N_ ("it began as a copy of its parent") },
    { "processes[].is32", "boolean", "", N_ ("a 32-bit process") },
    { "processes[].modules", "integer", "", N_ ("program and libraries seen in it") },
    { "processes[].stack_count", "integer", "", N_ ("distinct call stacks that allocated") },
    { "…heaps[].heap", "string", "", N_ ("handle, hexadecimal") },
    { "…heaps[].instance", "integer", "", N_ ("counts heaps of the same handle") },
    { "…heaps[].created, destroyed", "number or null", "s", N_ ("null: not seen in the trace") },
    { "…heaps[].histogram.K", "integer", "",
      N_ ("opened blocks of 2^K … 2^(K+1)-1 bytes; -1: size 0") },
    { "…stacks[].frames[]", "string", "", N_ ("return addresses, the allocating function first") },
    { "…timeline[]", "array", "ticks, bytes, blocks",
      N_ ("100 moments: time, live bytes, live blocks") },
    { "…virtual.allocs, frees", "integer", "", N_ ("VirtualAlloc and VirtualFree records") },
    { "…virtual.commit_bytes, reserve_bytes", "integer", "bytes", N_ ("at the end of the trace") },
    { "…virtual.peak_commit, peak_reserve", "integer", "bytes", N_ ("the most at any time") },
    { "…virtual.exit_commit", "integer", "bytes", N_ ("still committed when the process ended") },
    { "…allocs, frees, reallocs", "integer", "",
      N_ ("records (of a heap, process, or in totals)") },
    { "…realloc_inplace, _summary, _standalone, _failed", "integer", "",
      N_ ("what the reallocs were") },
    { "…opened, opened_bytes", "integer", "blocks, bytes", N_ ("blocks that came into being") },
    { "…unmatched_frees", "integer", "", N_ ("frees of blocks that the trace does not know") },
    { "…duplicate_allocs", "integer", "", N_ ("allocations at an address that was live") },
    { "…inherited_frees", "integer", "",
      N_ ("frees of blocks that a fork child has from its parent") },
    { "…unseen_allocs, unseen_frees", "integer", "",
      N_ ("what looks like the two above, but is explained by a gap in the recording") },
    { "…unsure_count, unsure_bytes", "integer", "blocks, bytes",
      N_ ("of outstanding: older than a gap, so perhaps freed unseen (not of heaps)") },
    { "…destroy_count, destroy_bytes", "integer", "blocks, bytes",
      N_ ("ended by the end of their heap") },
    { "…exit_count, exit_bytes", "integer", "blocks, bytes", N_ ("live when their process ended") },
    { "…live_count, live_bytes", "integer", "blocks, bytes", N_ ("live at the end of the trace") },
    { "…outstanding_count, outstanding_bytes", "integer", "blocks, bytes",
      N_ ("never freed: live + exit") },
    { "…temporary", "integer", "blocks", N_ ("freed before anything else happened") },
    { "…peak_bytes", "integer", "bytes", N_ ("the most live bytes at any time") },
    { "…peak_time", "number or null", "s", N_ ("when that was first reached") },
    { "totals.*", "", "", N_ ("sums over all processes; the peak is the peak of the sum") },
    { "stack_correlation.events", "integer", "", N_ ("Alloc and ReAlloc records") },
    { "stack_correlation.with_stack", "integer", "", N_ ("those with a call stack") },
    { "pool.*", "integer", "", N_ ("kernel pool, where the trace has it; tags by name") },
    { NULL, NULL, NULL, NULL },
};
