/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program `heapstrata`: finds the command and runs it. */
#include "cli/commands.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static void set_language (void)
{
    const char *folder = g_getenv ("HEAPSTRATA_LOCALEDIR"); /* when run from the build folder */

    (void)setlocale (LC_ALL, "");
    (void)setlocale (LC_NUMERIC, "C"); /* numbers are the same in every language */
    (void)bindtextdomain (GETTEXT_PACKAGE, folder != NULL ? folder : HS_LOCALE_DIR);
    (void)bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
    (void)textdomain (GETTEXT_PACKAGE);
}

static int help (int argc, char **argv)
{
    const struct cli_command *command;

    if (argc < 2) {
        cli_print_overview (stdout);
        return CLI_DONE;
    }
    command = cli_command_find (argv[1]);
    if (command == NULL)
        return cli_usage_error (_ ("there is no command “%s”; see “heapstrata help”"), argv[1]);
    cli_command_print_help (command);
    return CLI_DONE;
}

static int run (int argc, char **argv)
{
    const struct cli_command *command;

    if (argc < 2) {
        cli_print_overview (stderr);
        return CLI_BAD_USAGE;
    }
    if (strcmp (argv[1], "help") == 0)
        return help (argc - 1, argv + 1);
    if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)
        return help (1, argv);
    if (strcmp (argv[1], "--version") == 0) {
        (void)printf ("heapstrata %s\n", HS_VERSION);
        return CLI_DONE;
    }
    command = cli_command_find (argv[1]);
    if (command != NULL)
        return cli_command_run (command, argc - 1, argv + 1);
    /* a mistyped command should not be answered with "no such file" */
    if (argv[1][0] != '-' && strpbrk (argv[1], "./\\") == NULL &&
        !g_file_test (argv[1], G_FILE_TEST_EXISTS))
        return cli_usage_error (_ ("there is no command and no file “%s”; see “heapstrata help”"),
                                argv[1]);
    return cli_command_run (cli_command_find ("summary"), argc, argv);
}

int main (int argc, char **argv)
{
    int status;

    set_language ();
    status = run (argc, argv);
    if (fflush (stdout) != 0 || ferror (stdout)) {
        (void)fprintf (stderr, "heapstrata: %s\n", _ ("the output could not be written"));
        return CLI_BAD_INPUT;
    }
    return status;
}
