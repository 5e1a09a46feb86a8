/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata record`: launches a program and records its heap. */
#include "cli/commands.h"

#include "capture/recorder/recorder.h"
#include "cli/record_guard.h"
#include "cli/record_options.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum record_exit { /* as env(1) and timeout(1) have them */
                   RECORD_FAILED = 125,
                   RECORD_CANNOT_EXECUTE = 126,
                   RECORD_NOT_FOUND = 127,
                   RECORD_SIGNALLED = 128,
};

static gboolean follow;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &cli_record_choice.output,
      N_ ("Write to FILE: .hst or .etl (default: PROGRAM.hst, never overwriting)"), N_ ("FILE") },
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow, N_ ("Record children, too"), NULL },
    CLI_RECORD_OPTIONS,
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* The one flag that a signal handler may set. */
static struct hs_cancel cancel;

static void on_terminate (int number)
{
    (void)number;
    hs_cancel_set (&cancel);
}

static void on_interrupt (int number)
{
    (void)number;
}

/* Ctrl-C is for the program: it ends, or goes on, and the recording with it. */
static void watch_signals (void)
{
    cli_record_guard ();
    cli_catch_signal (SIGINT, on_interrupt);
    cli_catch_signal (SIGQUIT, on_interrupt);
    cli_catch_signal (SIGTERM, on_terminate);
    cli_catch_signal (SIGHUP, on_terminate);
}

static int exit_status (const struct hs_record_totals *totals)
{
    if (totals->wait_status == -1)
        return CLI_DONE;
    if (WIFSIGNALED (totals->wait_status))
        return RECORD_SIGNALLED + WTERMSIG (totals->wait_status);
    return WEXITSTATUS (totals->wait_status);
}

/* The program goes on without us; who waits for it waits for us. */
static void wait_for (pid_t pid)
{
    while (waitpid (pid, NULL, 0) < 0 && errno == EINTR && !hs_cancel_is_set (&cancel))
        ;
}

static int report_failure (const struct hs_record_totals *totals, const struct hs_error *err)
{
    (void)fprintf (stderr, "heapstrata: %s\n", err->text);
    if (totals->pid_left > 0) {
        wait_for (totals->pid_left);
        return RECORD_FAILED;
    }
    return err->system_errno == ENOENT   ? RECORD_NOT_FOUND
           : err->system_errno == EACCES ? RECORD_CANNOT_EXECUTE
                                         : RECORD_FAILED;
}

static int run (const struct cli_call *call)
{
    struct hs_record_options options = { .follow = follow };
    struct hs_record_totals totals = { 0 };
    struct hs_error err = { 0 };
    char *agent, *file, *stem;
    int ret;

    watch_signals ();
    if (!cli_record_read_options (&options))
        return RECORD_FAILED;
    agent = cli_record_agent ("heapstrata-agent.so");
    if (agent == NULL)
        return RECORD_FAILED;
    stem = g_path_get_basename (call->files[0]);
    file = cli_record_file (stem);
    options.agent_path = agent;
    options.output = file;
    if (hs_record_launch (&options, call->files, &cancel, &totals, &err) == HS_OK) {
        cli_record_finish (file, &totals);
        ret = exit_status (&totals);
    } else {
        ret = report_failure (&totals, &err);
    }
    g_free (agent);
    g_free (file);
    g_free (stem);
    return ret;
}

const struct cli_command cli_command_record = {
    .name = "record",
    .arguments = N_ ("-- PROGRAM [ARGUMENT…]"),
    .summary = N_ ("Run a program and record its heap"),
    .description = N_ (
        "Every malloc, calloc, realloc, free and memalign of the program is recorded with its\n"
        "time, thread and, for allocations, call stack. The program runs as it would without;\n"
        "its exit status is passed on (128 + n for signal n; 125: recording failed, 126: the\n"
        "program cannot be executed, 127: it was not found). What it becomes by exec is recorded,\n"
        "too: a further process of the trace with the same pid. So are children with --follow;\n"
        "the recording then ends when all have ended."),
    .options = entries,
    .run = run,
};
