/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata detach`: ends the recording of a process. */
#include "cli/commands.h"

#include "cli/cmd_control.h"

#include <glib/gi18n.h>

static int run (const struct cli_call *call)
{
    pid_t pid;

    if (call->n_files != 1)
        return cli_usage_error (_ ("name one process; see “heapstrata help %s”"), "detach");
    return cli_read_pid (call->files[0], &pid) ? cli_ask_recorder (pid, "detach") : CLI_BAD_USAGE;
}

const struct cli_command cli_command_detach = {
    .name = "detach",
    .arguments = N_ ("PID"),
    .summary = N_ ("End the recording of a process"),
    .description =
        N_ ("The process goes on without being recorded, and the trace is complete when this\n"
            "returns."),
    .run = run,
};
