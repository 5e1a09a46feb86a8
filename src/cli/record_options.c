/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `record` and `attach` have in common; see record_options.h. */
#include "cli/record_options.h"

#include "base/units.h"
#include "cli/open_trace.h"
#include "cli/options.h"
#include "cli/record_report.h"
#include "load/closing_index.h"

#include <glib/gi18n.h>

/* Fewer events are read in full faster than anybody sees. */
#define INDEX_FROM_EVENTS 500000u

#define MAX_SAMPLE 1000000

struct cli_record_choice cli_record_choice;

static const struct cli_record_choice *const choice = &cli_record_choice;

/* What can be a time is one. */
static gboolean read_circular (struct hs_record_options *ret)
{
    double seconds;

    if (hs_parse_seconds (choice->circular, &seconds) && seconds > 0 && seconds < 1e9) {
        ret->newest_ns = (int64_t)(seconds * 1e9);
    } else if (!hs_parse_bytes (choice->circular, &ret->newest_bytes) || ret->newest_bytes == 0) {
        (void)cli_usage_error (_ ("“%s” is neither a size nor a duration"), choice->circular);
        return FALSE;
    }
    if (choice->output != NULL && hs_encoder_for_path (choice->output) != &hs_hst_encoder) {
        (void)cli_usage_error (_ ("--circular needs an .hst file"));
        return FALSE;
    }
    return TRUE;
}

gboolean cli_record_read_options (struct hs_record_options *ret)
{
    uint64_t bytes;

    ret->free_stacks = choice->free_stacks;
    if (choice->sample < 0 || choice->sample > MAX_SAMPLE) {
        (void)cli_usage_error (_ ("--sample needs a number from 1 to %d"), MAX_SAMPLE);
        return FALSE;
    }
    ret->sample = (uint32_t)choice->sample;
    if (choice->duration != NULL && (!hs_parse_seconds (choice->duration, &ret->duration_seconds) ||
                                     ret->duration_seconds <= 0)) {
        (void)cli_usage_error (_ ("“%s” is no duration"), choice->duration);
        return FALSE;
    }
    if (choice->max_size != NULL && !hs_parse_bytes (choice->max_size, &ret->max_bytes)) {
        (void)cli_usage_error (_ ("“%s” is no size"), choice->max_size);
        return FALSE;
    }
    if (choice->min_size != NULL) {
        if (!hs_parse_bytes (choice->min_size, &bytes) || bytes > UINT32_MAX) {
            (void)cli_usage_error (_ ("“%s” is no size"), choice->min_size);
            return FALSE;
        }
        ret->min_size = (uint32_t)bytes;
    }
    if (choice->circular != NULL && !read_circular (ret))
        return FALSE;
    if (choice->output != NULL && hs_encoder_for_path (choice->output) == NULL) {
        (void)cli_usage_error (_ ("cannot record to “%s”: its name must end with .hst or .etl"),
                               choice->output);
        return FALSE;
    }
    return TRUE;
}

char *cli_record_agent (const char *name)
{
    const char *folder = g_getenv ("HEAPSTRATA_LIBEXEC");
    char *path = g_build_filename (folder != NULL ? folder : HEAPSTRATA_LIBEXEC_DIR, name, NULL);

    if (g_file_test (path, G_FILE_TEST_EXISTS))
        return path;
    (void)fprintf (stderr, _ ("heapstrata: %s is missing; set HEAPSTRATA_LIBEXEC to its folder\n"),
                   path);
    g_free (path);
    return NULL;
}

char *cli_record_file (const char *stem)
{
    char *name;

    if (choice->output != NULL)
        return g_strdup (choice->output);
    name = g_strdup_printf ("%s.hst", stem);
    for (guint i = 1; g_file_test (name, G_FILE_TEST_EXISTS); i++) {
        g_free (name);
        name = g_strdup_printf ("%s.%u.hst", stem, i);
    }
    return name;
}

/* The recording is complete without. */
static void add_index (const char *file, const struct hs_record_totals *totals)
{
    uint64_t n_bytes, n = totals->n_allocs + totals->n_reallocs + totals->n_frees;
    struct hs_error err = { 0 };

    if (hs_encoder_for_path (file) != &hs_hst_encoder)
        return;
    if (choice->with_index && hs_closing_index_add (file, &n_bytes, &err) != HS_OK)
        cli_print_error (file, &err);
    if (!choice->with_index && !choice->free_stacks && n >= INDEX_FROM_EVENTS)
        (void)fprintf (
            stderr, _ ("heapstrata: to open it at once every time: heapstrata index %s\n"), file);
}

void cli_record_finish (const char *file, const struct hs_record_totals *totals)
{
    cli_report_recording (file, totals);
    if (choice->sample > 1)
        (void)fprintf (stderr,
                       _ ("heapstrata: sampled: one block in %d was recorded; there are about %d "
                          "times as many\n"),
                       choice->sample, choice->sample);
    add_index (file, totals);
}
