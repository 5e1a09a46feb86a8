/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata record`: launches a program and records its heap. */
#include "cli/commands.h"
#include "cli/record_guard.h"
#include "cli/record_report.h"

#include "base/units.h"
#include "capture/recorder/recorder.h"
#include "cli/open_trace.h"
#include "load/closing_index.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum record_exit { /* as env(1) and timeout(1) have them */
                   RECORD_FAILED = 125,
                   RECORD_CANNOT_EXECUTE = 126,
                   RECORD_NOT_FOUND = 127,
                   RECORD_SIGNALLED = 128,
};

static char *output, *duration, *max_size, *min_size, *circular;
static gboolean follow, free_stacks, with_index;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      N_ ("Write to FILE: .hst or .etl (default: PROGRAM.hst, never overwriting)"), N_ ("FILE") },
    { "duration", 0, 0, G_OPTION_ARG_STRING, &duration,
      N_ ("Stop recording after TIME (“10”, “500ms”, “2min”)"), N_ ("TIME") },
    { "max-size", 0, 0, G_OPTION_ARG_STRING, &max_size,
      N_ ("Stop recording when the file has SIZE (“500M”)"), N_ ("SIZE") },
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow,
      N_ ("Record children, too, and what the program becomes by exec"), NULL },
    { "circular", 0, 0, G_OPTION_ARG_STRING, &circular,
      N_ ("Keep only the newest SIZE (“500M”) or TIME (“30s”) of the recording (.hst)"),
      N_ ("SIZE|TIME") },
    { "free-stacks", 0, 0, G_OPTION_ARG_NONE, &free_stacks, N_ ("Record call stacks of frees, too"),
      NULL },
    { "min-block", 0, 0, G_OPTION_ARG_STRING, &min_size, N_ ("Leave out blocks smaller than SIZE"),
      N_ ("SIZE") },
    { "index", 0, 0, G_OPTION_ARG_NONE, &with_index,
      N_ ("Once the program has ended, add the index with which the file opens at once"), NULL },
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

static char *agent_path (void)
{
    const char *folder = g_getenv ("HEAPSTRATA_LIBEXEC");

    return g_build_filename (folder != NULL ? folder : HEAPSTRATA_LIBEXEC_DIR,
                             "heapstrata-agent.so", NULL);
}

/* "ls.hst", or "ls.1.hst" … when that is there already. */
static char *free_name (const char *program)
{
    const char *extension = hs_encoder_for_path ("x.hst") != NULL ? "hst" : "etl";
    char *base = g_path_get_basename (program);
    char *name = g_strdup_printf ("%s.%s", base, extension);

    for (guint i = 1; g_file_test (name, G_FILE_TEST_EXISTS); i++) {
        g_free (name);
        name = g_strdup_printf ("%s.%u.%s", base, i, extension);
    }
    g_free (base);
    return name;
}

/* FALSE after telling the user. What can be a time is one. */
static gboolean read_circular (struct hs_record_options *options)
{
    double seconds;

    if (hs_parse_seconds (circular, &seconds) && seconds > 0 && seconds < 1e9) {
        options->newest_ns = (int64_t)(seconds * 1e9);
    } else if (!hs_parse_bytes (circular, &options->newest_bytes) || options->newest_bytes == 0) {
        (void)cli_usage_error (_ ("“%s” is neither a size nor a duration"), circular);
        return FALSE;
    }
    if (output != NULL && hs_encoder_for_path (output) != &hs_hst_encoder) {
        (void)cli_usage_error (_ ("--circular needs an .hst file"));
        return FALSE;
    }
    return TRUE;
}

static gboolean read_options (struct hs_record_options *options)
{
    uint64_t bytes;

    options->follow = follow;
    options->free_stacks = free_stacks;
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
    if (circular != NULL && !read_circular (options))
        return FALSE;
    if (output != NULL && hs_encoder_for_path (output) == NULL) {
        (void)cli_usage_error (_ ("cannot record to “%s”: its name must end with .hst or .etl"),
                               output);
        return FALSE;
    }
    return TRUE;
}

/* Fewer events are read in full faster than anybody sees. */
#define INDEX_FROM_EVENTS 500000u

/* The recording is complete without. */
static void add_index (const char *file, const struct hs_record_totals *totals)
{
    uint64_t n_bytes, n = totals->n_allocs + totals->n_reallocs + totals->n_frees;
    struct hs_error err = { 0 };

    if (hs_encoder_for_path (file) != &hs_hst_encoder)
        return;
    if (with_index && hs_closing_index_add (file, &n_bytes, &err) != HS_OK)
        cli_print_error (file, &err);
    if (!with_index && n >= INDEX_FROM_EVENTS)
        (void)fprintf (
            stderr, _ ("heapstrata: to open it at once every time: heapstrata index %s\n"), file);
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
    struct hs_record_options options = { 0 };
    struct hs_record_totals totals = { 0 };
    struct hs_error err = { 0 };
    enum hs_status status;
    char *agent, *file;
    int ret;

    watch_signals ();
    if (!read_options (&options))
        return RECORD_FAILED;
    agent = agent_path ();
    file = output != NULL ? g_strdup (output) : free_name (call->files[0]);
    options.agent_path = agent;
    options.output = file;
    if (!g_file_test (agent, G_FILE_TEST_EXISTS)) {
        (void)fprintf (
            stderr, _ ("heapstrata: %s is missing; set HEAPSTRATA_LIBEXEC to its folder\n"), agent);
        ret = RECORD_FAILED;
    } else {
        status = hs_record_launch (&options, call->files, &cancel, &totals, &err);
        if (status == HS_OK) {
            cli_report_recording (file, &totals);
            add_index (file, &totals);
            ret = exit_status (&totals);
        } else {
            ret = report_failure (&totals, &err);
        }
    }
    g_free (agent);
    g_free (file);
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
        "program cannot be executed, 127: it was not found). Children are recorded with --follow:\n"
        "each is a process of the trace, and the recording ends when all have ended."),
    .options = entries,
    .run = run,
};
