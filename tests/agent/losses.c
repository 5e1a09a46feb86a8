/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs whose recording meets with trouble: `losses CASE [ARGUMENT…]`. What the trace must say
 * of them is in check_losses.py. Blocks of a case are told by their sizes, 1000 and up.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS 150
#define STATUS 7

static void *volatile sink; /* keeps the compiler from taking an allocation out */

static void keep (void *ptr)
{
    sink = ptr;
}

static void nap (long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep (&time, &time) != 0)
        ;
}

/* The number of blocks so far, where others still see it when this process is gone. */
static volatile uint32_t *map_progress (const char *path)
{
    int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint32_t *ret = MAP_FAILED;

    if (fd >= 0 && ftruncate (fd, 4096) == 0)
        ret = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ret == MAP_FAILED)
        exit (2);
    (void)close (fd);
    return ret;
}

static void step (volatile uint32_t *progress)
{
    keep (malloc (1000 + *progress));
    (*progress)++;
}

/* Blocks of 1000, 1001 … bytes, one each 10 ms. */
static int run_slow (const char *path)
{
    volatile uint32_t *progress = map_progress (path);

    for (int i = 0; i < STEPS; i++) {
        step (progress);
        nap (10);
    }
    (void)puts ("done");
    return STATUS;
}

/* The same as fast as it goes, then a signal to itself. */
static int run_and_die (const char *path, int number)
{
    volatile uint32_t *progress = map_progress (path);

    for (int i = 0; i < STEPS * 10; i++)
        step (progress);
    (void)raise (number);
    return 2;
}

static long n_pairs;
static pthread_barrier_t barrier;

static void *storm (void *data)
{
    void *blocks[64] = { NULL };

    (void)pthread_barrier_wait (&barrier);
    for (long i = 0; i < n_pairs; i++) {
        free (blocks[i % 64]);
        blocks[i % 64] = malloc (1000 + (size_t)(i % 7));
    }
    for (int i = 0; i < 64; i++)
        free (blocks[i]);
    return data;
}

/* Threads that allocate and free as fast as they can; 10 blocks of 5000 bytes before them all. */
static int run_storm (int n_threads, long count)
{
    pthread_t threads[256];
    void *early[10];

    for (int i = 0; i < 10; i++)
        early[i] = malloc (5000);
    n_pairs = count;
    (void)pthread_barrier_init (&barrier, NULL, (unsigned)n_threads);
    for (int i = 0; i < n_threads; i++)
        (void)pthread_create (&threads[i], NULL, storm, NULL);
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join (threads[i], NULL);
    keep (early[0]);
    (void)puts ("done");
    return STATUS;
}

static void *one_block (void *data)
{
    free (malloc (1000));
    return data;
}

/* Many threads, a few at a time, each with one block. */
static int run_short_threads (int n)
{
    pthread_t threads[8];

    for (int i = 0; i < n; i += 8) {
        for (int k = 0; k < 8; k++)
            (void)pthread_create (&threads[k], NULL, one_block, NULL);
        for (int k = 0; k < 8; k++)
            (void)pthread_join (threads[k], NULL);
    }
    return STATUS;
}

/* More threads at a time than there are rings. */
static int run_crowd (int n)
{
    pthread_t *threads = calloc ((size_t)n, sizeof *threads);
    pthread_attr_t small;

    n_pairs = 20;
    (void)pthread_attr_init (&small);
    (void)pthread_attr_setstacksize (&small, 65536);
    (void)pthread_barrier_init (&barrier, NULL, (unsigned)n);
    for (int i = 0; i < n; i++)
        (void)pthread_create (&threads[i], &small, storm, NULL);
    for (int i = 0; i < n; i++)
        (void)pthread_join (threads[i], NULL);
    return STATUS;
}

static int run_daemon (const char *path)
{
    FILE *file;

    keep (malloc (1000));
    if (fork () > 0)
        return STATUS;
    (void)setsid ();
    if (fork () > 0)
        _exit (0);
    nap (500);
    for (int i = 0; i < 1000; i++)
        keep (malloc (2000));
    file = fopen (path, "w");
    (void)fputs ("unharmed\n", file);
    (void)fclose (file);
    return 0;
}

static void *ten_blocks (void *data)
{
    for (int i = 0; i < 10; i++)
        keep (malloc (1001));
    return data;
}

static void run_thread (void)
{
    pthread_t thread;

    if (pthread_create (&thread, NULL, ten_blocks, NULL) == 0)
        (void)pthread_join (thread, NULL);
}

/* Takes away what a careless agent would need, then goes on in the old and in a new thread. */
static int run_poor (const char *how)
{
    const struct rlimit none = { 0, 0 }, few = { 3, 3 };

    keep (malloc (1000));
    if (strcmp (how, "close") == 0) {
        (void)close_range (3, ~0u, 0);
    } else if (strcmp (how, "close-all") == 0) {
        (void)close_range (0, ~0u, 0);
    } else if (strcmp (how, "limits") == 0) {
        (void)setrlimit (RLIMIT_NOFILE, &few);
        (void)setrlimit (RLIMIT_FSIZE, &none);
        (void)setrlimit (RLIMIT_MEMLOCK, &none);
    } else if (strcmp (how, "chdir") == 0) {
        if (chdir ("/") != 0)
            return 2;
    } else if (strcmp (how, "chroot") == 0) {
        if (chroot ("/proc/self/fdinfo") != 0)
            return 2;
    } else if (strcmp (how, "uid") == 0) {
        if (setgid (65534) != 0 || setuid (65534) != 0)
            return 2;
    }
    keep (malloc (1000));
    run_thread ();
    keep (malloc (1000));
    return STATUS;
}

static volatile sig_atomic_t is_told;

static void on_signal (int number)
{
    (void)number;
    is_told = 1;
}

static int run_until_interrupted (const char *path)
{
    volatile uint32_t *progress = map_progress (path);

    (void)signal (SIGINT, on_signal);
    while (!is_told) {
        step (progress);
        nap (5);
    }
    return STATUS;
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "", *first = argc > 2 ? argv[2] : "";

    if (strcmp (name, "slow") == 0)
        return run_slow (first);
    if (strcmp (name, "die") == 0)
        return run_and_die (first, (int)strtol (argv[3], NULL, 10));
    if (strcmp (name, "storm") == 0)
        return run_storm ((int)strtol (first, NULL, 10), strtol (argv[3], NULL, 10));
    if (strcmp (name, "short-threads") == 0)
        return run_short_threads ((int)strtol (first, NULL, 10));
    if (strcmp (name, "crowd") == 0)
        return run_crowd ((int)strtol (first, NULL, 10));
    if (strcmp (name, "daemon") == 0)
        return run_daemon (first);
    if (strcmp (name, "poor") == 0)
        return run_poor (first);
    if (strcmp (name, "interrupted") == 0)
        return run_until_interrupted (first);
    return 2;
}
