/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata attach`: records a process that runs already. */
#include "cli/commands.h"

#include "base/units.h"
#include "capture/recorder/recorder.h"
#include "cli/cmd_control.h"
#include "cli/record_guard.h"
#include "cli/record_options.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &cli_record_choice.output,
      N_ ("Write to FILE: .hst or .etl (default: NAME.PID.hst, never overwriting)"), N_ ("FILE") },
    CLI_RECORD_OPTIONS,
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

/* "redis-server.4711" */
static char *file_stem (pid_t pid)
{
    char *link = g_strdup_printf ("/proc/%d/exe", (int)pid);
    char *program = g_file_read_link (link, NULL);
    char *base = g_path_get_basename (program != NULL ? program : "process");
    char *stem;

    if (g_str_has_suffix (base, " (deleted)"))
        base[strlen (base) - strlen (" (deleted)")] = '\0';
    stem = g_strdup_printf ("%s.%d", base, (int)pid);
    g_free (base);
    g_free (program);
    g_free (link);
    return stem;
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
        (void)fprintf (
            stderr,
            figures->is_left_to_more
                ? _ ("heapstrata: %s more call slots lead to functions of %s and others instead of "
                     "those that the program itself calls; calls through them were not recorded\n")
                : _ ("heapstrata: %s more call slots lead to functions of %s instead of those that "
                     "the program itself calls; calls through them were not recorded\n"),
            hs_format_count (figures->n_left, count), figures->left_to);
    cli_record_finish (file, totals);
}

static int run (const struct cli_call *call)
{
    struct hs_record_options options = { 0 };
    struct hs_record_totals totals = { 0 };
    struct hs_attach_figures figures = { 0 };
    struct hs_error err = { 0 };
    char *agent, *file, *stem;
    int ret = CLI_BAD_INPUT;
    pid_t pid;

    if (call->n_files != 1)
        return cli_usage_error (_ ("name one process; see “heapstrata help %s”"), "attach");
    if (!cli_read_pid (call->files[0], &pid) || !cli_record_read_options (&options))
        return CLI_BAD_USAGE;
    agent = cli_record_agent ("heapstrata-attached.so");
    if (agent == NULL)
        return CLI_BAD_INPUT;
    stem = file_stem (pid);
    file = cli_record_file (stem);
    options.agent_path = agent;
    options.output = file;
    watch_signals ();
    if (hs_record_attach (&options, pid, &cancel, &totals, &figures, &err) == HS_OK) {
        report (file, &totals, &figures);
        ret = CLI_DONE;
    } else {
        (void)fprintf (stderr, "heapstrata: %s\n", err.text);
    }
    g_free (agent);
    g_free (file);
    g_free (stem);
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
        "error. Calls through pointers that the program had copied before are not seen.\n"
        "Children that the process forks are not followed: attach to each by its own PID, or\n"
        "start the program with “heapstrata record --follow”."),
    .options = entries,
    .run = run,
};
