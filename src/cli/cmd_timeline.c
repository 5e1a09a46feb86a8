/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata timeline`: outstanding bytes and rates over time. */
#include "analysis/timeline.h"
#include "base/units.h"
#include "cli/find_names.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>

#define TEXT_COLUMNS 25
#define JSON_COLUMNS 100
#define MAX_COLUMNS 1000000

static gint option_columns;

static const GOptionEntry entries[] = {
    { "columns", 0, 0, G_OPTION_ARG_INT, &option_columns,
      N_ ("Divide the time into so many equal parts (25, in JSON 100)"), N_ ("N") },
    G_OPTION_ENTRY_NULL,
};

static void print_json (const struct hs_snapshot *snapshot, const struct hs_timeline *timeline)
{
    struct json_out json = json_begin (stdout);

    json_begin_object (&json, NULL, JSON_LINES);
    json_seconds (&json, "from", snapshot, timeline->from);
    json_seconds (&json, "to", snapshot, timeline->to);
    json_uint (&json, "start_bytes", timeline->start_bytes);
    json_uint (&json, "start_count", timeline->start_count);
    json_uint (&json, "max_bytes", timeline->max_bytes);
    json_seconds (&json, "peak_time", snapshot, timeline->peak_time);
    json_begin_array (&json, "columns", JSON_LINES);
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];

        json_begin_object (&json, NULL, JSON_COMPACT);
        json_int (&json, "end_ticks", column->end_time);
        json_seconds (&json, "end_time", snapshot, column->end_time);
        json_uint (&json, "live_bytes", column->live_bytes);
        json_uint (&json, "live_count", column->live_count);
        json_uint (&json, "min_bytes", column->min_bytes);
        json_uint (&json, "max_bytes", column->max_bytes);
        json_uint (&json, "births", column->births);
        json_uint (&json, "birth_bytes", column->birth_bytes);
        json_uint (&json, "ends", column->ends);
        json_uint (&json, "end_bytes", column->end_bytes);
        json_end_object (&json);
    }
    json_end_array (&json);
    json_end_object (&json);
    json_end (&json);
}

static void print_text (const struct hs_snapshot *snapshot, const struct hs_timeline *timeline)
{
    const char *const headings[] = {
        _ ("Until"),    _ ("Live"),    _ ("Blocks"),   _ ("Least"),   _ ("Most"),
        _ ("Blocks +"), _ ("Bytes +"), _ ("Blocks -"), _ ("Bytes -"), NULL,
    };
    struct text_table *table = text_table_new ("rrrrrrrrr", headings);

    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];

        text_table_printf (table, "%.6f s", hs_snapshot_seconds (snapshot, column->end_time));
        text_table_bytes (table, column->live_bytes);
        text_table_count (table, column->live_count);
        text_table_bytes (table, column->min_bytes);
        text_table_bytes (table, column->max_bytes);
        text_table_count (table, column->births);
        text_table_bytes (table, column->birth_bytes);
        text_table_count (table, column->ends);
        text_table_bytes (table, column->end_bytes);
    }
    text_table_print (table, stdout, 0);
    text_table_free (table);
}

static int run (const struct cli_call *call)
{
    struct hs_timeline_query query = { .n_columns = call->json ? JSON_COLUMNS : TEXT_COLUMNS,
                                       .has_exact_peak = true };
    struct hs_timeline *timeline;
    struct open_trace open;
    struct hs_filter filter;
    struct hs_error err = { 0 };
    int status;

    if (option_columns < 0 || option_columns > MAX_COLUMNS)
        return cli_usage_error (_ ("--columns takes 1 to %d"), MAX_COLUMNS);
    if (option_columns > 0)
        query.n_columns = (uint32_t)option_columns;
    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (call->frames != NULL)
        cli_find_names (&open, call);
    if (!cli_filter (call, &open.snapshot, &filter)) {
        open_trace_clear (&open);
        return CLI_BAD_USAGE;
    }
    query.from = filter.from != INT64_MIN ? filter.from : open.snapshot.first_time;
    query.to = filter.to != INT64_MAX ? filter.to : open.snapshot.last_time;
    if (hs_timeline (&open.snapshot, &filter, &query, NULL, &timeline, &err) != HS_OK) {
        status = cli_query_failed (call, &err);
    } else {
        if (call->json)
            print_json (&open.snapshot, timeline);
        else
            print_text (&open.snapshot, timeline);
        hs_timeline_unref (timeline);
        status = open_trace_status (&open);
    }
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "from, to", "number", "s", N_ ("the time shown") },
    { "start_bytes, start_count", "integer", "bytes, blocks", N_ ("live before the first part") },
    { "max_bytes", "integer", "bytes", N_ ("the most live bytes in the time shown") },
    { "peak_time", "number", "s", N_ ("when that was first reached") },
    { "columns[].end_ticks", "integer", "ticks", N_ ("end of the part, which belongs to it") },
    { "columns[].end_time", "number", "s", N_ ("the same") },
    { "columns[].live_bytes, live_count", "integer", "bytes, blocks", N_ ("live at its end") },
    { "columns[].min_bytes, max_bytes", "integer", "bytes", N_ ("least and most within it") },
    { "columns[].births, birth_bytes", "integer", "blocks, bytes", N_ ("allocated in it") },
    { "columns[].ends, end_bytes", "integer", "blocks, bytes",
      N_ ("freed in it, or gone with their process") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_timeline = {
    .name = "timeline",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Show outstanding bytes and rates over time"),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_RANGE | CLI_OPTION_PROCESS | CLI_OPTION_BLOCKS |
                      CLI_OPTION_SYMBOLS,
    .options = entries,
    .json_fields = fields,
    .run = run,
};
