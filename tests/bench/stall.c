/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Allocates without a pause and watches the clock: `stall SECONDS` says for each tenth of a second
 * how many events it made, the processor time they took (ns), and the longest time between two of
 * its own readings of the clock (us) - how long it stood still. Run by bench_attach.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ns (clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime (clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Some twenty calls deep, as the workload mb-d20 of PERFORMANCE.md. */
__attribute__ ((noinline)) static void allocate (int depth)
{
    if (depth > 0) {
        allocate (depth - 1);
        __asm__ volatile("");
        return;
    }
    for (int i = 0; i < 16; i++) {
        void *volatile small = malloc (64), *volatile large = malloc (200);

        free (small);
        free (large);
    }
}

int main (int argc, char **argv)
{
    double seconds = argc > 1 ? strtod (argv[1], NULL) : 1.0, last = now_ns (CLOCK_MONOTONIC);
    double end = last + seconds * 1e9;

    (void)setvbuf (stdout, NULL, _IOLBF, 0);
    while (last < end) {
        double begin = last, cpu = now_ns (CLOCK_THREAD_CPUTIME_ID), gap = 0;
        unsigned long n = 0;

        while (last < begin + 1e8) {
            double now;

            allocate (20);
            n += 64;
            now = now_ns (CLOCK_MONOTONIC);
            if (now - last > gap)
                gap = now - last;
            last = now;
        }
        cpu = now_ns (CLOCK_THREAD_CPUTIME_ID) - cpu;
        (void)printf ("%.6f %lu %.0f %.1f\n", begin / 1e9, n, cpu, gap / 1e3);
    }
    return 0;
}
