/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the rules come from; see allocator_list.h. The syntax is read by trace/images.h. */
#include "cli/allocator_list.h"

#include "cli/open_trace.h"
#include "trace/images.h"

void cli_use_allocators (struct hs_trace *trace, const char *const *more)
{
    char *path = g_build_filename (g_get_user_config_dir (), "heapstrata", "allocators", NULL);
    char *text = NULL;
    GError *error = NULL;
    GString *rules;

    if (!g_file_get_contents (path, &text, NULL, &error) &&
        !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        (void)fprintf (stderr, "heapstrata: %s\n", error->message);
    rules = g_string_new (text);
    for (; more != NULL && *more != NULL; more++)
        g_string_append_printf (rules, "\n%s", *more);
    if (!hs_trace_set_allocators (trace, rules->str)) {
        struct hs_error err = { 0 };

        (void)hs_error_no_memory (&err);
        cli_print_error (path, &err);
    }
    g_string_free (rules, TRUE);
    g_clear_error (&error);
    g_free (text);
    g_free (path);
}
