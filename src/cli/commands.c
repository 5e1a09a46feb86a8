/* SPDX-License-Identifier: GPL-3.0-or-later */
/* THE TABLE of commands, and what all of them share: parsing, help pages. See commands.h. */
#include "cli/commands.h"

#include "cli/text_table.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

extern const struct cli_command cli_command_addr2line;
extern const struct cli_command cli_command_attach;
extern const struct cli_command cli_command_convert;
extern const struct cli_command cli_command_detach;
extern const struct cli_command cli_command_draw;
extern const struct cli_command cli_command_dump;
extern const struct cli_command cli_command_findings;
extern const struct cli_command cli_command_histogram;
extern const struct cli_command cli_command_index;
extern const struct cli_command cli_command_mark;
extern const struct cli_command cli_command_modules;
extern const struct cli_command cli_command_pause;
extern const struct cli_command cli_command_processes;
extern const struct cli_command cli_command_record;
extern const struct cli_command cli_command_resume;
extern const struct cli_command cli_command_source;
extern const struct cli_command cli_command_summary;
extern const struct cli_command cli_command_symbolize;
extern const struct cli_command cli_command_timeline;
extern const struct cli_command cli_command_tree;

/* one line each */
/* clang-format off */
const struct cli_command *const cli_commands[] = {
    &cli_command_summary,
    &cli_command_timeline,
    &cli_command_histogram,
    &cli_command_tree,
    &cli_command_source,
    &cli_command_processes,
    &cli_command_modules,
    &cli_command_findings,
    &cli_command_dump,
    &cli_command_convert,
    &cli_command_index,
    &cli_command_draw,
    &cli_command_symbolize,
    &cli_command_addr2line,
#ifdef HEAPSTRATA_LIBEXEC_DIR /* where recording is possible: meson.build */
    &cli_command_record,
    &cli_command_attach,
    &cli_command_detach,
    &cli_command_pause,
    &cli_command_resume,
    &cli_command_mark,
#endif
    NULL,
};
/* clang-format on */

const struct cli_command *cli_command_find (const char *name)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        if (strcmp (cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    }
    return NULL;
}

static GOptionContext *make_context (const struct cli_command *command, struct cli_call *call)
{
    char *parameters = g_strdup_printf ("%s", _ (command->arguments));
    GOptionContext *context = g_option_context_new (parameters);

    g_free (parameters);
    g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
    g_option_context_set_summary (context, command->summary);
    if (command->description != NULL)
        g_option_context_set_description (context, command->description);
    if (command->options != NULL)
        g_option_context_add_main_entries (context, command->options, GETTEXT_PACKAGE);
    cli_options_add (context, command->shared_options, call);
    return context;
}

/* GLib prints its own page for --help; ours has the JSON fields as well. */
static gboolean wants_help (int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp (argv[i], "--") != 0; i++) {
        if (strcmp (argv[i], "--help") == 0 || strcmp (argv[i], "-h") == 0)
            return TRUE;
    }
    return FALSE;
}

int cli_command_run (const struct cli_command *command, int argc, char **argv)
{
    struct cli_call call = { 0 };
    GOptionContext *context;
    char **arguments;
    GError *error = NULL;
    int status;

    if (wants_help (argc, argv)) {
        cli_command_print_help (command);
        return CLI_DONE;
    }
    context = make_context (command, &call);
    g_option_context_set_help_enabled (context, FALSE);
    arguments = g_new0 (char *, (gsize)argc + 1);
    for (int i = 0; i < argc; i++)
        arguments[i] = g_strdup (argv[i]);
    if (!g_option_context_parse_strv (context, &arguments, &error)) {
        status =
            cli_usage_error (_ ("%s; see “heapstrata help %s”"), error->message, command->name);
        g_error_free (error);
        g_strfreev (arguments);
    } else {
        guint n = g_strv_length (arguments),
              first = n > 1 && strcmp (arguments[1], "--") == 0 ? 2 : 1;

        call.files = g_strdupv (arguments + MIN (first, n));
        call.n_files = g_strv_length (call.files);
        g_strfreev (arguments);
        if (call.n_files == 0)
            status = cli_usage_error (_ ("name a file; see “heapstrata help %s”"), command->name);
        else
            status = command->run (&call);
    }
    cli_call_clear (&call);
    g_option_context_free (context);
    return status;
}

static void print_json_fields (const struct cli_json_field *fields)
{
    const char *const headings[] = { _ ("Field"), _ ("Type"), _ ("Unit"), _ ("Meaning"), NULL };
    struct text_table *table = text_table_new ("llll", headings);

    for (; fields->name != NULL; fields++) {
        text_table_add (table, fields->name);
        text_table_add (table, fields->type);
        text_table_add (table, fields->unit);
        text_table_add (table, _ (fields->meaning));
    }
    (void)printf ("\n%s\n", _ ("JSON fields:"));
    text_table_print (table, stdout, 2);
    text_table_free (table);
}

void cli_command_print_help (const struct cli_command *command)
{
    struct cli_call call = { 0 };
    GOptionContext *context = make_context (command, &call);
    char *program = g_strdup_printf ("heapstrata %s", command->name);
    char *page;

    g_set_prgname (program);
    page = g_option_context_get_help (context, TRUE, NULL);
    (void)fputs (page, stdout);
    if (command->json_fields != NULL)
        print_json_fields (command->json_fields);
    g_free (page);
    g_free (program);
    g_option_context_free (context);
}

void cli_print_overview (FILE *out)
{
    const char *const headings[] = { _ ("Command"), "", NULL };
    struct text_table *table = text_table_new ("ll", headings);

    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        text_table_add (table, cli_commands[i]->name);
        text_table_add (table, _ (cli_commands[i]->summary));
    }
    text_table_add (table, "help");
    text_table_add (table, _ ("Explain a command, its options and its JSON"));
    (void)fprintf (out, "%s\n\n", _ ("Usage: heapstrata COMMAND [OPTION…] FILE…"));
    (void)fprintf (out, "%s\n\n",
                   _ ("Reads heap traces (ETL, heaptrack; packed ones too) and answers questions\n"
                      "about them. Several files of one session are opened as one trace. Without\n"
                      "a command the summary is printed."));
    text_table_print (table, out, 0);
    (void)fprintf (out, "\n%s\n",
                   _ ("“heapstrata help COMMAND” tells more. Exit status: 0 done, 1 "
                      "unreadable input or\ndamage that hid data, 2 wrong usage."));
    text_table_free (table);
}
