/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a program with the agent loaded, its arena there, and tracing switched off: what is left of
 * the cost then (PERFORMANCE.md goal 6). Usage: idle_agent AGENT PROGRAM [ARGUMENT...].
 */
#include "capture/recorder/ring_reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main (int argc, char **argv)
{
    static struct hs_ring_reader reader;
    const char *others = getenv ("LD_PRELOAD");
    char text[4096];

    if (argc < 3 || hs_ring_reader_init (&reader, NULL) != HS_OK)
        return 2;
    (void)fcntl (reader.fd, F_SETFD, 0);
    (void)snprintf (text, sizeof text, "%s%s%s", argv[1], others != NULL ? ":" : "",
                    others != NULL ? others : "");
    (void)setenv ("LD_PRELOAD", text, 1);
    (void)snprintf (text, sizeof text, "%d", reader.fd);
    (void)setenv ("HEAPSTRATA_AGENT_FD", text, 1);
    execvp (argv[2], argv + 2);
    return 127;
}
