/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files to a trace; see open_trace.h. */
#include "cli/open_trace.h"

#include "analysis/findings.h"
#include "load/loader.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

void cli_print_error (const char *file, const struct hs_error *err)
{
    if (strncmp (err->text, file, strlen (file)) == 0)
        (void)fprintf (stderr, "heapstrata: %s\n", err->text);
    else
        (void)fprintf (stderr, "heapstrata: %s: %s\n", file, err->text);
}

bool cli_note_hides_data (enum hs_note_kind kind)
{
    return hs_note_severity (kind) == HS_SEVERITY_DAMAGE;
}

static bool has_hidden_data (const struct hs_trace *trace)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool hides = false;

    for (size_t i = 0; i < tables->findings.n; i++)
        hides |= cli_note_hides_data (tables->findings.items[i].kind);
    hs_trace_unlock (trace);
    return hides;
}

bool open_trace_load (struct open_trace *open, const struct cli_call *call)
{
    struct hs_error err = { 0 };
    struct hs_loader *loader;
    enum hs_status status;

    *open = (struct open_trace){ .trace = hs_trace_new () };
    if (open->trace == NULL) {
        (void)hs_error_no_memory (&err);
        cli_print_error (call->files[0], &err);
        return false;
    }
    status = hs_loader_open ((const char *const *)call->files, call->n_files, HS_SOURCE_WHOLE,
                             open->trace, &loader, &err);
    if (status != HS_OK) {
        cli_print_error (call->files[0], &err);
        open_trace_clear (open);
        return false;
    }
    status = hs_loader_run (loader, &err);
    if (hs_status_is_error (status)) { /* what came before it is in the trace */
        cli_print_error (call->files[0], &err);
        open->is_damaged = true;
    }
    open->format = hs_loader_format (loader)->name;
    hs_loader_free (loader);
    open->is_damaged |= has_hidden_data (open->trace);
    open->snapshot = hs_trace_snapshot (open->trace);
    return true;
}

void open_trace_clear (struct open_trace *open)
{
    hs_trace_free (open->trace);
    open->trace = NULL;
}

int open_trace_status (const struct open_trace *open)
{
    return open->is_damaged ? CLI_BAD_INPUT : CLI_DONE;
}

int cli_query_failed (const struct cli_call *call, const struct hs_error *err)
{
    cli_print_error (call->files[0], err);
    return CLI_BAD_INPUT;
}
