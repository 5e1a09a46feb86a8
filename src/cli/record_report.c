/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told at the end of a recording; see record_report.h. */
#include "cli/record_report.h"

#include "base/units.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

static void print_count (const char *format, uint64_t count)
{
    char text[HS_UNITS_TEXT_SIZE];

    (void)fprintf (stderr, format, hs_format_count (count, text));
}

static const char *why_nothing (enum hs_obstacle obstacle)
{
    switch (obstacle) {
    case HS_OBSTACLE_STATIC:
        return _ ("nothing was seen: the program is statically linked, so nothing stands between "
                  "it and its allocator; link it dynamically, or report its heap through "
                  "heapstrata.h");
    case HS_OBSTACLE_SECURE:
        return _ (
            "nothing was seen: the program gains rights when it starts (setuid, setgid or "
            "capabilities), and is left alone then; record it as the user whose rights it gains");
    case HS_OBSTACLE_MACHINE:
        return _ ("nothing was seen: this is no 64-bit x86 program, and only those can be "
                  "recorded");
    case HS_OBSTACLE_LIBC:
        return _ ("nothing was seen: the program does not use the GNU C library, and only that "
                  "one is supported");
    case HS_OBSTACLE_NONE:
        break;
    }
    return _ ("nothing was seen: the program allocated nothing, or brings its own allocator");
}

void cli_report_recording (const char *file, const struct hs_record_totals *totals)
{
    char text[HS_UNITS_TEXT_SIZE];
    char *quoted = g_shell_quote (file);
    gboolean is_plain = strpbrk (file, " '\"\\$`&;|<>()*?[]#~!{}\n\t") == NULL;

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
    if (totals->n_unsampled > 0)
        print_count (_ ("heapstrata: %s sampled blocks were not recorded: too many of them lived "
                        "at once\n"),
                     totals->n_unsampled);
    if (totals->n_processes > 1)
        print_count (_ ("heapstrata: %s processes (or programs of one) were recorded\n"),
                     totals->n_processes);
    if (totals->n_unfollowed > 0)
        print_count (_ ("heapstrata: %s further processes could not be followed\n"),
                     totals->n_unfollowed);
    if (totals->has_execed)
        (void)fputs (_ ("heapstrata: the program became another by exec, which could not be "
                        "recorded\n"),
                     stderr);
    if (totals->n_bypassed > 0)
        print_count (_ ("heapstrata: %s of the processes bring a malloc of their own: what they "
                        "allocate by that is not seen; heapstrata.h can report it\n"),
                     totals->n_bypassed);
    else if (totals->n_allocs == 0)
        (void)fprintf (stderr, "heapstrata: %s\n", why_nothing (totals->obstacle));
    (void)fprintf (stderr, _ ("heapstrata: look at it with: heapstrata-viewer %s\n"),
                   is_plain ? file : quoted);
    g_free (quoted);
}
