/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata index`: the closing index of recordings, made new or taken away. */
#include "base/units.h"
#include "cli/commands.h"
#include "cli/open_trace.h"
#include "load/closing_index.h"

#include <glib/gi18n.h>

static gboolean option_remove;

static const GOptionEntry entries[] = {
    { "remove", 0, 0, G_OPTION_ARG_NONE, &option_remove, N_ ("Take the index away"), NULL },
    G_OPTION_ENTRY_NULL,
};

static int run (const struct cli_call *call)
{
    int result = CLI_DONE;

    for (guint i = 0; i < call->n_files; i++) {
        char text[HS_UNITS_TEXT_SIZE];
        struct hs_error err = { 0 };
        uint64_t n_bytes = 0;
        enum hs_status status = option_remove
                                    ? hs_closing_index_remove (call->files[i], &err)
                                    : hs_closing_index_add (call->files[i], &n_bytes, &err);

        if (status != HS_OK) {
            cli_print_error (call->files[i], &err);
            result = CLI_BAD_INPUT;
        } else if (!option_remove) {
            (void)printf (_ ("%s: index of %s\n"), call->files[i], hs_format_bytes (n_bytes, text));
        }
    }
    return result;
}

const struct cli_command cli_command_index = {
    .name = "index",
    .arguments = N_ ("FILE.hst…"),
    .summary = N_ ("Make large recordings open at once"),
    .description =
        N_ ("Writes the closing index behind the end of a recording (.hst), in the place of one\n"
            "that is there: what a full load finds out, so that opening takes some milliseconds\n"
            "however long the recording is. Nothing of the recording itself is changed, and a\n"
            "damaged index is noticed and not used. “heapstrata convert” writes it by itself."),
    .options = entries,
    .run = run,
};
