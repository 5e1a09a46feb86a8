/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata findings`: what to know before trusting the numbers. */
#include "analysis/findings.h"
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>
#include <inttypes.h>

static void print_json (const struct hs_finding_list *list)
{
    struct json_out json = json_begin (stdout);

    json_begin_object (&json, NULL, JSON_LINES);
    json_uint (&json, "damage_count", list->n_damages);
    json_begin_array (&json, "findings", JSON_LINES);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct hs_finding_row *row = &list->rows[i];

        json_begin_object (&json, NULL, JSON_COMPACT);
        json_string (&json, "kind", hs_note_kind_name (row->kind));
        json_string (&json, "severity", hs_severity_name (row->severity));
        json_bool (&json, "is_structural", hs_note_kind_is_structural (row->kind));
        json_uint (&json, "count", row->count);
        if (row->file_offset != HS_NO_OFFSET)
            json_uint (&json, "offset", row->file_offset);
        else
            json_null (&json, "offset");
        json_string (&json, "title", hs_note_kind_title (row->kind));
        json_string (&json, "example", row->example);
        json_end_object (&json);
    }
    json_end_array (&json);
    json_end_object (&json);
    json_end (&json);
}

static void print_text (const struct hs_finding_list *list)
{
    const char *const headings[] = { _ ("Severity"), _ ("Count"), _ ("Finding"), NULL };
    struct text_table *table;

    if (list->n == 0) {
        (void)printf ("%s\n", _ ("Nothing was found: the file is sound and complete."));
        return;
    }
    table = text_table_new ("lrl", headings);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct hs_finding_row *row = &list->rows[i];

        text_table_add (table, _ (hs_severity_name (row->severity)));
        text_table_count (table, row->count);
        if (row->explanation[0] != '\0') /* gettext has a header for "" */
            text_table_printf (table, "%s. %s", _ (hs_note_kind_title (row->kind)),
                               _ (row->explanation));
        else
            text_table_add (table, _ (hs_note_kind_title (row->kind)));
        if (row->example[0] == '\0')
            continue;
        text_table_add (table, "");
        text_table_add (table, "");
        if (row->file_offset != HS_NO_OFFSET) {
            char offset[24];

            (void)g_snprintf (offset, sizeof offset, "0x%" PRIx64, row->file_offset);
            text_table_printf (table, _ ("first at byte %s: %s"), offset, row->example);
        } else {
            text_table_printf (table, _ ("first: %s"), row->example);
        }
    }
    text_table_print (table, stdout, 0);
    text_table_free (table);
}

static int run (const struct cli_call *call)
{
    struct hs_finding_list *list;
    struct open_trace open;
    struct hs_error err = { 0 };
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (hs_findings (&open.snapshot, &list, &err) != HS_OK) {
        status = cli_query_failed (call, &err);
    } else {
        if (call->json)
            print_json (list);
        else
            print_text (list);
        hs_findings_unref (list);
        status = open_trace_status (&open);
    }
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "damage_count", "integer", "", N_ ("how often data of the file could not be read") },
    { "findings[].kind", "string", "", N_ ("a word that stays the same") },
    { "findings[].severity", "string", "",
      N_ ("damage: data is missing; warning: the recording is incomplete; info") },
    { "findings[].is_structural", "boolean", "", N_ ("counts as an issue in the summary") },
    { "findings[].count", "integer", "", N_ ("how often") },
    { "findings[].offset", "integer or null", "bytes", N_ ("where in the file the first one is") },
    { "findings[].title", "string", "", N_ ("a headline, English") },
    { "findings[].example", "string", "", N_ ("a sentence about the first one, English") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_findings = {
    .name = "findings",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("List damage and doubts"),
    .shared_options = CLI_OPTION_JSON,
    .json_fields = fields,
    .run = run,
};
