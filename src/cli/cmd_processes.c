/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata processes`: the process instances of a trace. */
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>

struct context {
    const struct hs_snapshot *snapshot;
    const struct hs_tables *tables;
    uint32_t *n_heaps; /* per process */
};

static void put_time (struct json_out *json, const struct context *context, const char *key,
                      bool is_set, int64_t ticks)
{
    if (is_set)
        json_seconds (json, key, context->snapshot, ticks);
    else
        json_null (json, key);
}

static void put_process (struct json_out *json, const struct context *context, size_t process)
{
    const struct hs_process_info *info = &context->tables->processes.items[process];
    const struct hs_intern *strings = &context->tables->strings;

    json_begin_object (json, NULL, JSON_COMPACT);
    json_uint (json, "id", process);
    json_uint (json, "pid", info->pid);
    json_uint (json, "instance", info->instance);
    json_uint (json, "parent_pid", info->parent_pid);
    json_string (json, "image", hs_intern_text (strings, info->image));
    json_string (json, "command_line", hs_intern_text (strings, info->command_line));
    put_time (json, context, "start", info->has_start, info->start);
    put_time (json, context, "end", info->has_end, info->end);
    json_bool (json, "is32", info->is_32bit);
    json_uint (json, "heaps", context->n_heaps[process]);
    json_uint (json, "modules", info->n_modules);
    json_uint (json, "opened", info->counters.opened);
    json_uint (json, "opened_bytes", info->counters.opened_bytes);
    json_uint (json, "outstanding_count", info->counters.live_count + info->counters.exit_count);
    json_uint (json, "outstanding_bytes", info->counters.live_bytes + info->counters.exit_bytes);
    json_uint (json, "peak_bytes", info->counters.peak_bytes);
    json_end_object (json);
}

static void add_time (struct text_table *table, const struct context *context, bool is_set,
                      int64_t ticks)
{
    if (is_set)
        text_table_printf (table, "%.6f s", hs_snapshot_seconds (context->snapshot, ticks));
    else
        text_table_add (table, "-");
}

static void add_process (struct text_table *table, const struct context *context, size_t process)
{
    const struct hs_process_info *info = &context->tables->processes.items[process];
    const struct hs_intern *strings = &context->tables->strings;

    text_table_printf (table, "%u:%u", info->pid, info->instance);
    text_table_printf (table, "%u", info->parent_pid);
    add_time (table, context, info->has_start, info->start);
    add_time (table, context, info->has_end, info->end);
    text_table_add (table, info->is_32bit ? "32" : "64");
    text_table_count (table, context->n_heaps[process]);
    text_table_count (table, info->n_modules);
    text_table_count (table, info->counters.opened);
    text_table_add (table, hs_intern_text (strings, info->image));
    text_table_add (table, hs_intern_text (strings, info->command_line));
}

static void print_all (const struct context *context, gboolean is_json)
{
    const char *const headings[] = {
        _ ("PID"),     _ ("Parent"), _ ("Start"),   _ ("End"),          _ ("Bits"), _ ("Heaps"),
        _ ("Modules"), _ ("Blocks"), _ ("Program"), _ ("Command line"), NULL,
    };
    struct text_table *table = text_table_new ("rrrrrrrrll", headings);
    struct json_out json = json_begin (stdout);

    if (is_json) {
        json_begin_object (&json, NULL, JSON_LINES);
        json_begin_array (&json, "processes", JSON_LINES);
    }
    for (size_t i = 0; i < context->tables->processes.n; i++) {
        if (!context->tables->processes.items[i].is_known)
            continue;
        if (is_json)
            put_process (&json, context, i);
        else
            add_process (table, context, i);
    }
    if (is_json) {
        json_end_array (&json);
        json_end_object (&json);
        json_end (&json);
    } else {
        text_table_print (table, stdout, 0);
    }
    text_table_free (table);
}

static int run (const struct cli_call *call)
{
    struct open_trace open;
    struct context context = { .snapshot = &open.snapshot };
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    context.tables = hs_trace_lock (open.trace);
    context.n_heaps = g_new0 (uint32_t, context.tables->processes.n + 1);
    for (size_t i = 0; i < context.tables->heaps.n; i++)
        context.n_heaps[context.tables->heaps.items[i].process]++;
    print_all (&context, call->json);
    hs_trace_unlock (open.trace);
    g_free (context.n_heaps);
    status = open_trace_status (&open);
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "processes[].id", "integer", "", N_ ("number of the instance, as in dump") },
    { "processes[].pid, instance", "integer", "", N_ ("instance counts uses of the same pid") },
    { "processes[].parent_pid", "integer", "", N_ ("0 when unknown") },
    { "processes[].image, command_line", "string", "", N_ ("as far as known") },
    { "processes[].start, end", "number or null", "s", N_ ("null: not seen in the trace") },
    { "processes[].is32", "boolean", "", N_ ("a 32-bit process") },
    { "processes[].heaps, modules", "integer", "", N_ ("how many were seen in it") },
    { "processes[].opened, opened_bytes", "integer", "blocks, bytes",
      N_ ("blocks that came into being") },
    { "processes[].outstanding_count, outstanding_bytes", "integer", "blocks, bytes",
      N_ ("never freed: live + exit") },
    { "processes[].peak_bytes", "integer", "bytes", N_ ("the most live bytes at any time") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_processes = {
    .name = "processes",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("List the processes"),
    .shared_options = CLI_OPTION_JSON,
    .json_fields = fields,
    .run = run,
};
