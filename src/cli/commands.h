/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a command of `heapstrata` is. A new one is one file cmd_x.c and one line in THE TABLE in
 * commands.c. Texts are marked with N_() and translated where they are printed.
 */
#ifndef HS_CLI_COMMANDS_H
#define HS_CLI_COMMANDS_H

#include "cli/options.h"

#include <glib.h>
#include <stdio.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_BAD_INPUT = 1, /* unreadable, or damage that hid data */
    CLI_BAD_USAGE = 2,
};

/* One field of a command's JSON, for its help page. Dots and [] lead into objects and arrays. */
struct cli_json_field {
    const char *name;
    const char *type;
    const char *unit;
    const char *meaning; /* N_() */
};

struct cli_command {
    const char *name;
    const char *arguments;                    /* "FILE…", N_() */
    const char *summary;                      /* one line for the list of commands, N_() */
    const char *description;                  /* a paragraph or some, N_(); may be NULL */
    unsigned shared_options;                  /* enum cli_shared_options */
    const GOptionEntry *options;              /* its own, or NULL */
    const struct cli_json_field *json_fields; /* ends with a NULL name; or NULL */
    int (*run) (const struct cli_call *call); /* an enum cli_exit */
};

/* THE TABLE; ends with NULL. */
extern const struct cli_command *const cli_commands[];

const struct cli_command *cli_command_find (const char *name); /* NULL: no such command */

/* Parses the command line after the command's name and runs it. */
int cli_command_run (const struct cli_command *command, int argc, char **argv);

/* The help page of one command; the list of all. */
void cli_command_print_help (const struct cli_command *command);
void cli_print_overview (FILE *out);

#endif
