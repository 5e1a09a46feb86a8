/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a naming over a whole trace; see find_names.h. */
#include "cli/find_names.h"

#include "analysis/name_side_file.h"
#include "analysis/naming.h"
#include "cli/symbol_options.h"

#include <glib.h>

/* A file that is not there is no trouble; one that is damaged is said, and not more. */
static void read_side_file (struct open_trace *open, const char *trace_path)
{
    char *path = g_strconcat (trace_path, HS_NAME_SIDE_FILE_SUFFIX, NULL);
    struct hs_error err = { 0 };
    char *text;
    gsize size;

    if (g_file_get_contents (path, &text, &size, NULL)) {
        if (hs_name_side_file_read (open->trace, (struct hs_span){ (const uint8_t *)text, size },
                                    &err) != HS_OK)
            cli_print_error (path, &err);
        g_free (text);
    }
    g_free (path);
}

void cli_find_names (struct open_trace *open, const struct cli_call *call)
{
    struct hs_symbolizer_options options = cli_symbolizer_options (call);
    struct hs_error err = { 0 };
    struct hs_naming *naming;

    if (call->no_symbols)
        return;
    for (guint i = 0; i < call->n_files; i++)
        read_side_file (open, call->files[i]);
    naming = hs_naming_new (open->trace, &options);
    if (naming == NULL)
        (void)hs_error_no_memory (&err);
    else
        (void)hs_naming_run (naming, false, NULL, &err);
    if (err.status != HS_OK)
        cli_print_error (call->files[0], &err);
    hs_naming_free (naming);
    open->snapshot = hs_trace_snapshot (open->trace);
}
