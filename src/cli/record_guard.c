/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals and descriptors of a recorder; see record_guard.h. */
#include "cli/record_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* Not SIG_IGN: that a launched program would inherit. The call that failed says what happened. */
static void go_on (int number)
{
    (void)number;
}

void cli_catch_signal (int number, void (*handler) (int))
{
    struct sigaction action = { .sa_handler = handler }, old;

    if (sigaction (number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        (void)sigaction (number, &action, NULL);
}

/* Else the recording or the shared memory would become what the program writes to. */
static void hold_descriptors (void)
{
    int fd;

    do
        fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close (fd);
}

void cli_record_guard (void)
{
    hold_descriptors ();
    cli_catch_signal (SIGPIPE, go_on);
    cli_catch_signal (SIGXFSZ, go_on);
}
