/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata attach`: records a process that runs already. */
#include "cli/commands.h"

#include "base/units.h"
#include "capture/recorder/recorder.h"
#include "cli/cmd_control.h"
#include "cli/record_guard.h"
#include "cli/record_report.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>

static char *output, *duration, *max_size, *min_size;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      N_ ("Write to FILE: .hst or .etl (default: NAME.PID.hst, never overwriting)"), N_ ("FILE") },
    { "duration", 0, 0, G_OPTION_ARG_STRING, &duration,
      N_ ("Stop recording after TIME (“10”, “500ms”, “2min”)"), N_ ("TIME") },
    { "max-size", 0, 0, G_OPTION_ARG_STRING, &max_size,
      N_ ("Stop recording when the file has SIZE (“500M”)"), N_ ("SIZE") },
    { "min-block", 0, 0, G_OPTION_ARG_STRING, &min_size, N_ ("Leave out blocks smaller than SIZE"),
      N_ ("SIZE") },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* The one flag that a signal handler may set. */
static struct hs_cancel cancel;

static void on_stop (int number)
{
    (void)number;
    hs_cancel_set (&cancel);
}

/* The process must get its slots back: whatever asks us to end ends the recording first. */
static void watch_signals (void)
{
    cli_record_guard ();
    cli_catch_signal (SIGINT, on_stop);
    cli_catch_signal (SIGTERM, on_stop);
    cli_catch_signal (SIGHUP, on_stop);
}

static char *agent_path (void)
{
    const char *folder = g_getenv ("HEAPSTRATA_LIBEXEC");

    return g_build_filename (folder != NULL ? folder : HEAPSTRATA_LIBEXEC_DIR,
                             "heapstrata-attached.so", NULL);
}

/* "redis-server.4711.hst", or "redis-server.4711.1.hst" … when that is there already. */
static char *free_name (pid_t pid)
{
    char *link = g_strdup_printf ("/proc/%d/exe", (int)pid);
    char *program = g_file_read_link (link, NULL);
    char *base = g_path_get_basename (program != NULL ? program : "process");
    char *name;

    if (g_str_has_suffix (base, " (deleted)"))
        base[strlen (base) - strlen (" (deleted)")] = '\0';
    name = g_strdup_printf ("%s.%d.hst", base, (int)pid);
    for (guint i = 1; g_file_test (name, G_FILE_TEST_EXISTS); i++) {
        g_free (name);
        name = g_strdup_printf ("%s.%d.%u.hst", base, (int)pid, i);
    }
    g_free (base);
    g_free (program);
    g_free (link);
    return name;
}

static gboolean read_options (struct hs_record_options *options)
{
    uint64_t bytes;

    if (duration != NULL && (!hs_parse_seconds (duration, &options->duration_seconds) ||
                             options->duration_seconds <= 0)) {
        (void)cli_usage_error (_ ("“%s” is no duration"), duration);
        return FALSE;
    }
    if (max_size != NULL && !hs_parse_bytes (max_size, &options->max_bytes)) {
        (void)cli_usage_error (_ ("“%s” is no size"), max_size);
        return FALSE;
    }
    if (min_size != NULL) {
        if (!hs_parse_bytes (min_size, &bytes) || bytes > UINT32_MAX) {
            (void)cli_usage_error (_ ("“%s” is no size"), min_size);
            return FALSE;
        }
        options->min_size = (uint32_t)bytes;
    }
    if (output != NULL && hs_encoder_for_path (output) == NULL) {
        (void)cli_usage_error (_ ("cannot record to “%s”: its name must end with .hst or .etl"),
                               output);
        return FALSE;
    }
    return TRUE;
}

static void report (const char *file, const struct hs_record_totals *totals,
                    const struct hs_attach_figures *figures)
{
    char count[HS_UNITS_TEXT_SIZE], time[HS_UNITS_TEXT_SIZE];

    (void)fprintf (stderr,
                   _ ("heapstrata: %s call slots were hooked and put back; the process stood still "
                      "for %s at most\n"),
                   hs_format_count (figures->n_slots, count),
                   hs_format_seconds ((double)figures->longest_ns / 1e9, time));
    if (figures->n_left > 0)
        (void)fprintf (stderr,
                       _ ("heapstrata: %s call slots lead to another allocator and were not "
                          "recorded\n"),
                       hs_format_count (figures->n_left, count));
    cli_report_recording (file, totals);
}

static int run (const struct cli_call *call)
{
    struct hs_record_options options = { 0 };
    struct hs_record_totals totals = { 0 };
    struct hs_attach_figures figures = { 0 };
    struct hs_error err = { 0 };
    char *agent, *file;
    int ret = CLI_BAD_INPUT;
    pid_t pid;

    if (call->n_files != 1)
        return cli_usage_error (_ ("name one process; see “heapstrata help %s”"), "attach");
    if (!cli_read_pid (call->files[0], &pid) || !read_options (&options))
        return CLI_BAD_USAGE;
    agent = agent_path ();
    file = output != NULL ? g_strdup (output) : free_name (pid);
    options.agent_path = agent;
    options.output = file;
    watch_signals ();
    if (!g_file_test (agent, G_FILE_TEST_EXISTS)) {
        (void)fprintf (
            stderr, _ ("heapstrata: %s is missing; set HEAPSTRATA_LIBEXEC to its folder\n"), agent);
    } else if (hs_record_attach (&options, pid, &cancel, &totals, &figures, &err) != HS_OK) {
        (void)fprintf (stderr, "heapstrata: %s\n", err.text);
    } else {
        report (file, &totals, &figures);
        ret = CLI_DONE;
    }
    g_free (agent);
    g_free (file);
    return ret;
}

const struct cli_command cli_command_attach = {
    .name = "attach",
    .arguments = N_ ("PID"),
    .summary = N_ ("Record the heap of a process that runs already"),
    .description = N_ (
        "The process stands still for some milliseconds while its calls to malloc, free and\n"
        "their kin are led through a recording agent, and goes on. The recording ends with the\n"
        "duration, with “heapstrata detach PID”, with Ctrl-C, or with the process; the calls\n"
        "are then put back as they were. Blocks from before are unknown, and freeing them is no\n"
        "error. Calls through pointers that the program had copied before are not seen."),
    .options = entries,
    .run = run,
};
