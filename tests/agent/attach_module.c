/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A module for attach_target.c to load: its constructor can wait, and it allocates by itself. */
#include <stdlib.h>
#include <unistd.h>

static void *volatile sink;

static __attribute__ ((constructor)) void begin (void)
{
    char byte;

    if (getenv ("ATTACH_MODULE_IS_QUICK") != NULL)
        return;
    (void)!write (STDOUT_FILENO, "ready\n", 6);
    (void)!read (STDIN_FILENO, &byte, 1);
}

void allocate (int n);

void allocate (int n)
{
    for (int i = 0; i < n; i++)
        sink = malloc (8888);
}
