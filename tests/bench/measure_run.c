/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a program for bench_capture.py and prints one line of JSON: wall and CPU seconds of the
 * whole process tree, CPU seconds of the first process alone, exit status.
 *
 * Usage: measure_run STDERR PROGRAM [ARGUMENT...]. Input and output are /dev/null. BENCH_PRELOAD
 * becomes the program's LD_PRELOAD; BENCH_LIMIT_MIB limits its address space. The program is
 * small, so that nothing of a big parent is counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of (struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* CPU seconds of the leader of a process that has ended and was not yet waited for. */
static double leader_cpu (pid_t pid)
{
    unsigned long long ns = 0;
    char path[64];
    FILE *file;

    (void)snprintf (path, sizeof path, "/proc/%d/schedstat", (int)pid);
    file = fopen (path, "r");
    if (file == NULL)
        return 0;
    if (fscanf (file, "%llu", &ns) != 1)
        ns = 0;
    (void)fclose (file);
    return (double)ns / 1e9;
}

static void start (char **argv)
{
    const char *preload = getenv ("BENCH_PRELOAD"), *limit = getenv ("BENCH_LIMIT_MIB");
    int nothing = open ("/dev/null", O_RDWR);
    int errors = open (argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);

    (void)dup2 (nothing, 0);
    (void)dup2 (nothing, 1);
    (void)dup2 (errors, 2);
    if (limit != NULL) {
        rlim_t bytes = strtoull (limit, NULL, 10) << 20;

        (void)setrlimit (RLIMIT_AS, &(struct rlimit){ bytes, bytes });
    }
    if (preload != NULL) {
        (void)setenv ("LD_PRELOAD", preload, 1);
        (void)unsetenv ("BENCH_PRELOAD");
    }
    execvp (argv[2], argv + 2);
    _exit (127);
}

int main (int argc, char **argv)
{
    struct timespec begin, end;
    struct rusage usage;
    siginfo_t info;
    double leader;
    int status;
    pid_t pid;

    if (argc < 3)
        return 2;
    (void)clock_gettime (CLOCK_MONOTONIC, &begin);
    pid = fork ();
    if (pid == 0)
        start (argv);
    (void)waitid (P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    (void)clock_gettime (CLOCK_MONOTONIC, &end);
    leader = leader_cpu (pid);
    (void)wait4 (pid, &status, 0, &usage);
    printf ("{\"wall\": %.6f, \"cpu\": %.6f, \"leader_cpu\": %.6f, \"status\": %d}\n",
            (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
            seconds_of (usage.ru_utime) + seconds_of (usage.ru_stime), leader,
            WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status));
    return 0;
}
