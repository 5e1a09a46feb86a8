/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata pause`, `resume` and `mark`: requests to the recorder of a process. */
#include "cli/cmd_control.h"

#include "cli/commands.h"

#include "capture/control/control.h"

#include <glib/gi18n.h>
#include <stdlib.h>

gboolean cli_read_pid (const char *text, pid_t *ret)
{
    char *end;
    long value = strtol (text, &end, 10);

    if (end == text || *end != '\0' || value <= 0 || value > G_MAXINT32) {
        (void)cli_usage_error (_ ("“%s” is no process id"), text);
        return FALSE;
    }
    *ret = (pid_t)value;
    return TRUE;
}

int cli_ask_recorder (pid_t pid, const char *request)
{
    char reply[HS_CONTROL_PACKET_BYTES];
    struct hs_error err = { 0 };

    if (hs_control_ask (pid, request, reply, sizeof reply, &err) == HS_OK)
        return CLI_DONE;
    (void)fprintf (stderr, "heapstrata: %s\n", err.text);
    return CLI_BAD_INPUT;
}

static int run_request (const struct cli_call *call, const char *request)
{
    pid_t pid;

    if (call->n_files != 1)
        return cli_usage_error (_ ("name one process; see “heapstrata help %s”"), request);
    return cli_read_pid (call->files[0], &pid) ? cli_ask_recorder (pid, request) : CLI_BAD_USAGE;
}

static int run_pause (const struct cli_call *call)
{
    return run_request (call, "pause");
}

static int run_resume (const struct cli_call *call)
{
    return run_request (call, "resume");
}

static int run_mark (const struct cli_call *call)
{
    char *name, *request;
    pid_t pid;
    int ret;

    if (call->n_files < 2)
        return cli_usage_error (_ ("name a process and a mark; see “heapstrata help mark”"));
    if (!cli_read_pid (call->files[0], &pid))
        return CLI_BAD_USAGE;
    name = g_strjoinv (" ", call->files + 1);
    request = g_strconcat ("mark ", name, NULL);
    ret = cli_ask_recorder (pid, request);
    g_free (request);
    g_free (name);
    return ret;
}

const struct cli_command cli_command_pause = {
    .name = "pause",
    .arguments = N_ ("PID"),
    .summary = N_ ("Stop recording a process for a while"),
    .description = N_ (
        "The process goes on; what it allocates and frees meanwhile is not recorded. The trace\n"
        "says when that was, and which blocks it can no longer vouch for."),
    .run = run_pause,
};

const struct cli_command cli_command_resume = {
    .name = "resume",
    .arguments = N_ ("PID"),
    .summary = N_ ("Go on recording a paused process"),
    .run = run_resume,
};

const struct cli_command cli_command_mark = {
    .name = "mark",
    .arguments = N_ ("PID NAME"),
    .summary = N_ ("Put a named mark into the recording of a process"),
    .description =
        N_ ("The mark stands at this moment of the trace, in the timeline and in dumps."),
    .run = run_mark,
};
