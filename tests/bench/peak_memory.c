/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded by bench_capture.py into everything it measures: at exit, writes the name and the peak
 * resident set of the process into a file of $BENCH_PEAKS. No allocation: it would be counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __attribute__ ((destructor)) void report (void)
{
    const char *folder = getenv ("BENCH_PEAKS");
    char path[4096], status[4096], line[256];
    const char *peak;
    ssize_t n;
    int fd = open ("/proc/self/status", O_RDONLY | O_CLOEXEC);

    if (folder == NULL || fd < 0)
        return;
    n = read (fd, status, sizeof status - 1);
    (void)close (fd);
    status[n > 0 ? n : 0] = '\0';
    peak = strstr (status, "VmHWM:");
    (void)snprintf (path, sizeof path, "%s/%d", folder, (int)getpid ());
    fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (peak != NULL && fd >= 0) {
        n = snprintf (line, sizeof line, "%s %ld\n", program_invocation_short_name,
                      strtol (peak + 6, NULL, 10));
        if (write (fd, line, (size_t)n) != n)
            (void)unlink (path);
    }
    if (fd >= 0)
        (void)close (fd);
}
