/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told at the end of a recording; see record_report.h. */
#include "cli/record_report.h"

#include "base/units.h"

#include <glib/gi18n.h>
#include <stdio.h>

static void print_count (const char *format, uint64_t count)
{
    char text[HS_UNITS_TEXT_SIZE];

    (void)fprintf (stderr, format, hs_format_count (count, text));
}

void cli_report_recording (const char *file, const struct hs_record_totals *totals)
{
    char text[HS_UNITS_TEXT_SIZE];

    (void)fprintf (stderr, _ ("heapstrata: recorded %s: "),
                   hs_format_seconds ((double)totals->duration_ns / 1e9, text));
    print_count (_ ("%s allocations, "), totals->n_allocs);
    print_count (_ ("%s reallocations, "), totals->n_reallocs);
    print_count (_ ("%s frees, "), totals->n_frees);
    print_count (_ ("%s call stacks\n"), totals->n_stacks);
    if (totals->n_lost > 0)
        print_count (_ ("heapstrata: %s events were lost because the recorder was too slow\n"),
                     totals->n_lost);
    if (totals->n_unrecorded > 0)
        print_count (_ ("heapstrata: %s events of further threads were not recorded\n"),
                     totals->n_unrecorded);
    if (totals->n_processes > 1)
        print_count (_ ("heapstrata: %s processes (or programs of one) were recorded\n"),
                     totals->n_processes);
    if (totals->n_unfollowed > 0)
        print_count (_ ("heapstrata: %s further processes could not be followed\n"),
                     totals->n_unfollowed);
    if (totals->has_execed)
        (void)fputs (_ ("heapstrata: the program became another by exec, which was not recorded; "
                        "--follow does that\n"),
                     stderr);
    if (totals->n_allocs == 0)
        (void)fputs (_ ("heapstrata: nothing was seen: is the program statically linked, or does "
                        "it bring its own allocator?\n"),
                     stderr);
    (void)fprintf (stderr, _ ("heapstrata: look at it with: heapstrata-viewer %s\n"), file);
}
