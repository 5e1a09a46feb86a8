/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata source`: memory by files of the sources, or by the lines of one of them. */
#include "analysis/source_lines.h"
#include "cli/find_names.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>
#include <string.h>

static char *option_file;

static const GOptionEntry entries[] = {
    { "lines-of", 0, 0, G_OPTION_ARG_FILENAME, &option_file,
      N_ ("The lines of the source file whose path ends so"), N_ ("PATH") },
    G_OPTION_ENTRY_NULL,
};

/* Whether `path` is `end`, or ends with it behind a slash of Linux or Windows. */
static gboolean ends_with (const char *path, const char *end)
{
    gsize n_path = strlen (path), n = strlen (end);

    if (n == 0 || n > n_path || strcmp (path + n_path - n, end) != 0)
        return FALSE;
    return n == n_path || path[n_path - n - 1] == '/' || path[n_path - n - 1] == '\\';
}

static void print_json (const struct hs_source_rows *rows, const char *path, guint limit)
{
    struct json_out json = json_begin (stdout);

    json_begin_object (&json, NULL, JSON_LINES);
    if (path != NULL)
        json_string (&json, "path", path);
    json_begin_object (&json, "total", JSON_COMPACT);
    json_sums (&json, &rows->total);
    json_end_object (&json);
    json_begin_array (&json, path != NULL ? "lines" : "files", JSON_LINES);
    for (guint i = 0; i < rows->n && i < limit; i++) {
        json_begin_object (&json, NULL, JSON_COMPACT);
        if (path != NULL)
            json_uint (&json, "line", rows->rows[i].line);
        else
            json_string (&json, "path", rows->rows[i].path);
        json_sums (&json, &rows->rows[i].sums);
        json_end_object (&json);
    }
    json_end_array (&json);
    json_end_object (&json);
    json_end (&json);
}

static void add_row (struct text_table *table, const struct hs_source_row *row, char *const *text,
                     guint n_lines)
{
    text_table_bytes (table, hs_sums_outstanding_bytes (&row->sums));
    text_table_count (table, hs_sums_outstanding_count (&row->sums));
    text_table_bytes (table, hs_sums_opened_bytes (&row->sums));
    text_table_count (table, hs_sums_opened_count (&row->sums));
    if (row->line == 0) {
        text_table_add (table, row->path);
        return;
    }
    text_table_count (table, row->line);
    text_table_add (table, row->line <= n_lines ? text[row->line - 1] : "");
}

static void print_text (const struct hs_source_rows *rows, const char *path, guint limit)
{
    const char *const of_files[] = { _ ("Outstanding"), _ ("Blocks"), _ ("Allocated"),
                                     _ ("Blocks"),      _ ("File"),   NULL };
    const char *const of_lines[] = {
        _ ("Outstanding"), _ ("Blocks"), _ ("Allocated"), _ ("Blocks"), _ ("Line"), path, NULL
    };
    struct text_table *table =
        text_table_new (path != NULL ? "rrrrrl" : "rrrrl", path != NULL ? of_lines : of_files);
    char *content = NULL, **lines = NULL;

    if (path != NULL && g_file_get_contents (path, &content, NULL, NULL))
        lines = g_strsplit (content, "\n", -1);
    for (guint i = 0; i < rows->n && i < limit; i++)
        add_row (table, &rows->rows[i], lines, lines != NULL ? g_strv_length (lines) : 0);
    text_table_print (table, stdout, 0);
    text_table_free (table);
    g_strfreev (lines);
    g_free (content);
}

/* The lines of the heaviest file that is meant; HS_END: there is none. */
static enum hs_status find_lines (const struct hs_snapshot *snapshot,
                                  const struct hs_filter *filter, struct hs_source_rows *files,
                                  const char **ret_path, struct hs_source_rows **ret,
                                  struct hs_error *err)
{
    for (guint i = 0; i < files->n; i++) {
        if (!ends_with (files->rows[i].path, option_file))
            continue;
        *ret_path = files->rows[i].path;
        return hs_source_lines (snapshot, filter, hs_source_path_key (*ret_path), NULL, ret, err);
    }
    return HS_END;
}

static int answer (const struct cli_call *call, const struct hs_snapshot *snapshot,
                   const struct hs_filter *filter)
{
    struct hs_source_rows *files = NULL, *lines = NULL;
    const char *path = NULL;
    struct hs_error err = { 0 };
    enum hs_status status = hs_source_files (snapshot, filter, NULL, &files, &err);
    guint limit = cli_limit (call, option_file != NULL || call->json ? G_MAXUINT : 40);
    int result = CLI_DONE;

    if (status == HS_OK && option_file != NULL)
        status = find_lines (snapshot, filter, files, &path, &lines, &err);
    if (status == HS_END)
        result =
            cli_usage_error (_ ("no call stack leads through a source file “%s”"), option_file);
    else if (status != HS_OK)
        result = cli_query_failed (call, &err);
    else if (call->json)
        print_json (lines != NULL ? lines : files, path, limit);
    else
        print_text (lines != NULL ? lines : files, path, limit);
    hs_source_rows_free (lines);
    hs_source_rows_free (files);
    return result;
}

static int run (const struct cli_call *call)
{
    struct open_trace open;
    struct hs_filter filter;
    int status = CLI_BAD_USAGE;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    cli_find_names (&open, call);
    if (cli_filter (call, &open.snapshot, &filter)) {
        status = answer (call, &open.snapshot, &filter);
        if (status == CLI_DONE)
            status = open_trace_status (&open);
    }
    g_clear_pointer (&option_file, g_free);
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "path", "string", "", N_ ("with --lines-of: the file, as the compiler wrote it") },
    { "total.*", "integer", "", N_ ("sums of everything that passed the filter, as below") },
    { "files[].path", "string", "", N_ ("a source file on call stacks") },
    { "lines[].line", "integer", "", N_ ("with --lines-of, instead of files") },
    CLI_SUMS_FIELDS ("…"),
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_source = {
    .name = "source",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Show memory by source files, or by the lines of one"),
    .description = N_ ("A call stack counts for each file and line that it leads through."),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_LIMIT | CLI_OPTION_RANGE | CLI_OPTION_PROCESS |
                      CLI_OPTION_BLOCKS | CLI_OPTION_TYPE | CLI_OPTION_SYMBOLS,
    .options = entries,
    .json_fields = fields,
    .run = run,
};
