/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What commands that talk to a recorder share. */
#ifndef HS_CLI_CMD_CONTROL_H
#define HS_CLI_CMD_CONTROL_H

#include <glib.h>
#include <sys/types.h>

/* FALSE after telling the user that it is no process id. */
gboolean cli_read_pid (const char *text, pid_t *ret);

/* Sends the request; tells the user what went wrong. Returns the exit status. */
int cli_ask_recorder (pid_t pid, const char *request);

#endif
