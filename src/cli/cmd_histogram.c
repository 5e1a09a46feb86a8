/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata histogram`: allocation sizes by powers of two. */
#include "analysis/histogram.h"
#include "base/units.h"
#include "cli/find_names.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>

static struct hs_sums as_sums (const struct hs_size_class_sums *from)
{
    struct hs_sums sums = { .peak_count = 0 };

    for (int i = 0; i < 4; i++) {
        sums.count[i] = from->count[i];
        sums.bytes[i] = from->bytes[i];
    }
    return sums;
}

static void put_sums (struct json_out *json, const struct hs_size_class_sums *from)
{
    static const char *const names[] = { "aifi", "aifo", "aofi", "aofo" };
    struct hs_sums sums = as_sums (from);
    char name[16];

    for (int i = 0; i < 4; i++) {
        (void)g_snprintf (name, sizeof name, "%s_count", names[i]);
        json_uint (json, name, from->count[i]);
        (void)g_snprintf (name, sizeof name, "%s_bytes", names[i]);
        json_uint (json, name, from->bytes[i]);
    }
    json_uint (json, "total_count", hs_sums_opened_count (&sums));
    json_uint (json, "total_bytes", hs_sums_opened_bytes (&sums));
    json_uint (json, "outstanding_count", hs_sums_outstanding_count (&sums));
    json_uint (json, "outstanding_bytes", hs_sums_outstanding_bytes (&sums));
    json_uint (json, "whole_count", from->whole_count);
    json_uint (json, "whole_bytes", from->whole_bytes);
}

static void print_json (const struct hs_histogram *histogram)
{
    struct json_out json = json_begin (stdout);

    json_begin_object (&json, NULL, JSON_LINES);
    json_begin_array (&json, "classes", JSON_LINES);
    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++) {
        json_begin_object (&json, NULL, JSON_COMPACT);
        json_int (&json, "class", (int64_t)i - 1);
        json_uint (&json, "from", i == 0 ? 0 : UINT64_C (1) << (i - 1));
        json_uint (&json, "to", i == 0 ? 0 : UINT64_MAX >> (64 - i));
        put_sums (&json, &histogram->classes[i]);
        json_end_object (&json);
    }
    json_end_array (&json);
    json_begin_object (&json, "total", JSON_COMPACT);
    put_sums (&json, &histogram->total);
    json_end_object (&json);
    json_end_object (&json);
    json_end (&json);
}

static void add_row (struct text_table *table, const char *name,
                     const struct hs_size_class_sums *from)
{
    struct hs_sums sums = as_sums (from);

    text_table_add (table, name);
    text_table_count (table, hs_sums_opened_count (&sums));
    text_table_bytes (table, hs_sums_opened_bytes (&sums));
    text_table_count (table, hs_sums_outstanding_count (&sums));
    text_table_bytes (table, hs_sums_outstanding_bytes (&sums));
    text_table_count (table, from->whole_count);
    text_table_bytes (table, from->whole_bytes);
}

static void print_text (const struct hs_histogram *histogram)
{
    const char *const headings[] = {
        _ ("Size"),  _ ("Allocated"),   _ ("Bytes"), _ ("Outstanding"),
        _ ("Bytes"), _ ("Whole trace"), _ ("Bytes"), NULL,
    };
    struct text_table *table = text_table_new ("lrrrrrr", headings);
    char text[HS_UNITS_TEXT_SIZE];

    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++)
        add_row (table, hs_size_class_text (i, text), &histogram->classes[i]);
    add_row (table, _ ("(all)"), &histogram->total);
    text_table_print (table, stdout, 0);
    text_table_free (table);
}

static int run (const struct cli_call *call)
{
    struct hs_histogram *histogram;
    struct open_trace open;
    struct hs_filter filter;
    struct hs_error err = { 0 };
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (call->frames != NULL)
        cli_find_names (&open, call);
    if (!cli_filter (call, &open.snapshot, &filter)) {
        status = CLI_BAD_USAGE;
    } else if (hs_histogram (&open.snapshot, &filter, NULL, &histogram, &err) != HS_OK) {
        status = cli_query_failed (call, &err);
    } else {
        if (call->json)
            print_json (histogram);
        else
            print_text (histogram);
        hs_histogram_unref (histogram);
        status = open_trace_status (&open);
    }
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "classes[].class", "integer", "", N_ ("K: blocks of 2^K … 2^(K+1)-1 bytes; -1: size 0") },
    { "classes[].from, to", "integer", "bytes", N_ ("smallest and largest size of the class") },
    { "total.*", "integer", "", N_ ("sums over all classes, as below") },
    CLI_CLASS_FIELDS ("…"),
    { "…whole_count, whole_bytes", "integer", "blocks, bytes",
      N_ ("allocated in the whole trace, whatever the range") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_histogram = {
    .name = "histogram",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Show allocation sizes by powers of two"),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_RANGE | CLI_OPTION_PROCESS | CLI_OPTION_BLOCKS |
                      CLI_OPTION_SYMBOLS,
    .json_fields = fields,
    .run = run,
};
