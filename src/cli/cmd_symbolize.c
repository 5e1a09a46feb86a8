/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata symbolize`: looks all names of a trace up, and writes them beside it. */
#include "analysis/name_side_file.h"
#include "cli/find_names.h"

#include <glib/gi18n.h>
#include <inttypes.h>

static char *option_output;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
      N_ ("Write to FILE (default: the trace's name with .names behind it)"), N_ ("FILE") },
    G_OPTION_ENTRY_NULL,
};

static int write_names (const struct open_trace *open, const struct cli_call *call)
{
    char *path = option_output != NULL
                     ? g_strdup (option_output)
                     : g_strconcat (call->files[0], HS_NAME_SIDE_FILE_SUFFIX, NULL);
    struct hs_side_file_text text;
    struct hs_error err = { 0 };
    GError *error = NULL;
    int status = open_trace_status (open);

    if (hs_name_side_file_write (open->trace, &text, &err) != HS_OK) {
        status = cli_query_failed (call, &err);
    } else {
        if (!g_file_set_contents (path, text.bytes.items, (gssize)text.bytes.n, &error)) {
            (void)fprintf (stderr, "heapstrata: %s\n", error->message);
            g_error_free (error);
            status = CLI_BAD_INPUT;
        } else {
            /* Translators: %s is a file */
            (void)printf (_ ("%s: %" PRIu64 " names of %" PRIu64 " programs and libraries\n"), path,
                          text.n_names, text.n_images);
        }
        hs_array_clear (&text.bytes);
    }
    g_free (path);
    return status;
}

static int run (const struct cli_call *call)
{
    struct open_trace open;
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    cli_find_names (&open, call);
    status = write_names (&open, call);
    open_trace_clear (&open);
    return status;
}

const struct cli_command cli_command_symbolize = {
    .name = "symbolize",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Write the names of a trace's functions beside it"),
    .description = N_ ("Looks up the names of all functions in the trace, where its programs and "
                       "libraries are, and\nwrites them to FILE.names. Wherever the trace is read "
                       "with that file beside it, the names\nare there, and the programs need not "
                       "be."),
    .shared_options = CLI_OPTION_SYMBOLS,
    .options = entries,
    .run = run,
};
