/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a naming over a whole trace; see find_names.h. */
#include "cli/find_names.h"

#include "analysis/naming.h"
#include "cli/symbol_options.h"

void cli_find_names (struct open_trace *open, const struct cli_call *call)
{
    struct hs_symbolizer_options options = cli_symbolizer_options (call);
    struct hs_error err = { 0 };
    struct hs_naming *naming;

    if (call->no_symbols)
        return;
    naming = hs_naming_new (open->trace, &options);
    if (naming == NULL)
        (void)hs_error_no_memory (&err);
    else
        (void)hs_naming_run (naming, NULL, &err);
    if (err.status != HS_OK)
        cli_print_error (call->files[0], &err);
    hs_naming_free (naming);
    open->snapshot = hs_trace_snapshot (open->trace);
}
