/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs to attach to: `attach_target CASE` says "ready", does what its case says, and waits for
 * a byte on its standard input where the test has to do something. What is expected of each is in
 * check_attach.py; the two are read side by side.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void *volatile sink; /* keeps the compiler from taking an allocation out */

static void *keep (void *ptr)
{
    sink = ptr;
    return ptr;
}

/* Without stdio: that allocates. */
static void say (const char *text)
{
    (void)!write (STDOUT_FILENO, text, strlen (text));
}

static void wait_for_test (void)
{
    char byte;

    while (read (STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
        say ("read was interrupted\n");
}

static double now (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Blocks of before, and the same functions as ever afterwards. */
static void known (void)
{
    void *before[100], *moved, *aligned = NULL;

    for (int i = 0; i < 100; i++)
        before[i] = keep (malloc (2000));
    say ("ready\n");
    wait_for_test ();
    for (int i = 0; i < 50; i++)
        free (before[i]); /* unknown to the recorder: no error */
    for (int i = 0; i < 1000; i++)
        free (keep (malloc (1234)));
    for (int i = 0; i < 70; i++)
        keep (malloc (77777));
    for (int i = 0; i < 30; i++)
        keep (calloc (3, 1111));
    moved = keep (malloc (10));
    moved = keep (realloc (moved, 5005));
    keep (realloc (before[60], 60006)); /* unknown as well, until now */
    if (posix_memalign (&aligned, 64, 6400) == 0)
        keep (aligned);
    keep (aligned_alloc (64, 12800));
    keep (memalign (64, 25600));
    (void)moved;
    say ("done\n");
    wait_for_test ();
}

static atomic_int is_over;
static atomic_ulong n_rounds;

static void *churn (void *data)
{
    unsigned state = (unsigned)(uintptr_t)data;
    void *blocks[64] = { NULL };

    while (!is_over) {
        unsigned i = (state = state * 1103515245 + 12345) >> 16 & 63;

        free (blocks[i]);
        blocks[i] = malloc (1 + (state >> 8 & 1023));
        memset (blocks[i], (int)i, 1);
        n_rounds++;
        if ((state >> 4 & 8191) == 0)
            blocks[i] = realloc (blocks[i], 5000);
    }
    for (int i = 0; i < 64; i++)
        free (blocks[i]);
    return NULL;
}

static void *allocate_one (void *data)
{
    return malloc ((uintptr_t)data);
}

static void *come_and_go (void *data)
{
    while (!is_over) {
        pthread_t thread;

        if (pthread_create (&thread, NULL, allocate_one, (void *)100) == 0) {
            void *block;

            (void)pthread_join (thread, &block);
            free (block);
        }
        (void)usleep (500);
    }
    return data;
}

static double used_ns (clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime (clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The least processor time that an allocation with its release took, of many short runs: what is
 * left behind in the way of every call shows, the rest of the machine does not. */
static double pair_ns (void)
{
    double least = 1e9;

    for (int run = 0; run < 60; run++) {
        double begin = used_ns (CLOCK_THREAD_CPUTIME_ID), ns;

        for (int i = 0; i < 20000; i++)
            free (keep (malloc (100)));
        ns = (used_ns (CLOCK_THREAD_CPUTIME_ID) - begin) / 20000;
        if (ns < least)
            least = ns;
    }
    return least;
}

/* Told so by the test with a letter: "m" measures, anything else ends. */
static void obey (void)
{
    char byte = 'x', text[60];

    while (read (STDIN_FILENO, &byte, 1) == 1 && byte == 'm') {
        (void)snprintf (text, sizeof text, "pair %.3f\n", pair_ns ());
        say (text);
    }
}

/* Threads that allocate, and some that come and go. */
static void busy (int n_threads)
{
    pthread_t threads[17];

    (void)pair_ns (); /* the heap has its shape then */
    say ("ready\n");
    for (intptr_t i = 0; i < n_threads; i++)
        (void)pthread_create (&threads[i], NULL, churn, (void *)i);
    (void)pthread_create (&threads[n_threads], NULL, come_and_go, NULL);
    obey ();
    is_over = 1;
    for (int i = 0; i <= n_threads; i++)
        (void)pthread_join (threads[i], NULL);
    say ("done\n");
}

#define PLACES 6u
#define PLACES_APART (UINT64_C (1) << 31) /* the agent looks at the bits below */
#define PLACE_BYTES (UINT64_C (1) << 18)

/* Threads on the stack at `data`, one after the other. */
static void *come_and_go_at (void *data)
{
    pthread_attr_t attributes;

    (void)pthread_attr_init (&attributes);
    (void)pthread_attr_setstack (&attributes, data, PLACE_BYTES);
    while (!is_over) {
        pthread_t thread;
        void *block;

        if (pthread_create (&thread, &attributes, allocate_one, (void *)7007) != 0 ||
            pthread_join (thread, &block) != 0)
            continue;
        free (block);
        n_rounds++;
    }
    (void)pthread_attr_destroy (&attributes);
    return NULL;
}

/* Threads that come and go, and all have the same place in a table that is looked up by address. */
static void one_place (void)
{
    pthread_t threads[PLACES];
    uint8_t *at = mmap (NULL, PLACES * PLACES_APART, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    for (unsigned i = 0; i < PLACES; i++) {
        if (at == MAP_FAILED ||
            mprotect (at + i * PLACES_APART, PLACE_BYTES, PROT_READ | PROT_WRITE) != 0)
            _exit (3);
        (void)pthread_create (&threads[i], NULL, come_and_go_at, at + i * PLACES_APART);
    }
    say ("ready\n");
    wait_for_test ();
    is_over = 1;
    for (unsigned i = 0; i < PLACES; i++)
        (void)pthread_join (threads[i], NULL);
    say ("done\n");
}

static void tell_time (const char *what, double begin, long ret)
{
    char text[100];

    (void)snprintf (text, sizeof text, "%s %.3f %ld %d\n", what, now () - begin, ret,
                    ret < 0 ? errno : 0);
    say (text);
}

static void *wait_in (void *data)
{
    struct timespec limit = { 1, 500000000 };
    struct epoll_event event;
    struct pollfd none = { .fd = -1 };
    double begin = now ();
    sigset_t set;
    int word = 0, pair[2];

    (void)sigemptyset (&set);
    (void)sigaddset (&set, SIGUSR2);
    switch ((uintptr_t)data) {
    case 0:
        tell_time ("nanosleep", begin, nanosleep (&limit, NULL));
        break;
    case 1:
        tell_time ("poll", begin, poll (&none, 1, 1500));
        break;
    case 2:
        tell_time ("futex", begin, syscall (SYS_futex, &word, FUTEX_WAIT, 0, &limit, NULL, 0));
        break;
    case 3:
        tell_time ("epoll", begin, epoll_wait (epoll_create1 (0), &event, 1, 1500));
        break;
    case 4:
        tell_time ("sigtimedwait", begin, sigtimedwait (&set, NULL, &limit));
        break;
    case 5:
        tell_time ("select", begin, select (0, NULL, NULL, NULL, &(struct timeval){ 1, 500000 }));
        break;
    case 6:
        (void)socketpair (AF_UNIX, SOCK_STREAM, 0, pair);
        (void)setsockopt (pair[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 1, 500000 },
                          sizeof (struct timeval));
        tell_time ("recv", begin, recv (pair[0], &word, 1, 0));
        break;
    case 7:
        tell_time ("ppoll", begin, ppoll (&none, 1, &limit, &set));
        break;
    case 8:
        tell_time ("epoll_pwait", begin, epoll_pwait (epoll_create1 (0), &event, 1, 1500, &set));
        break;
    default:
        tell_time ("clock_nanosleep", begin, clock_nanosleep (CLOCK_REALTIME, 0, &limit, NULL));
        break;
    }
    return NULL;
}

/* Each in a thread of its own; the main thread sleeps, too. */
static void blocked (void)
{
    pthread_t threads[10];
    sigset_t set;

    (void)sigemptyset (&set);
    (void)sigaddset (&set, SIGUSR2);
    (void)pthread_sigmask (SIG_BLOCK, &set, NULL);
    say ("ready\n");
    for (uintptr_t i = 0; i < 10; i++)
        (void)pthread_create (&threads[i], NULL, wait_in, (void *)i);
    for (int i = 0; i < 10; i++)
        (void)pthread_join (threads[i], NULL);
    wait_for_test ();
}

static volatile sig_atomic_t is_allocating, is_caught;

static void on_timer (int number)
{
    (void)number;
    if (is_caught || !is_allocating)
        return;
    is_caught = 1;
    say ("ready\n");
    wait_for_test ();
}

/* Waits in a signal handler that has interrupted malloc, so that malloc's lock is held. */
static void in_malloc (void)
{
    struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };

    (void)signal (SIGALRM, on_timer);
    (void)setitimer (ITIMER_REAL, &timer, NULL);
    while (!is_caught) {
        void *block;

        is_allocating = 1;
        for (int i = 0; i < 1000; i++) {
            block = keep (malloc (100));
            free (block);
        }
        is_allocating = 0;
    }
    timer = (struct itimerval){ 0 };
    (void)setitimer (ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 40; i++)
        keep (malloc (4321));
    say ("done\n");
    wait_for_test ();
}

/* A module whose constructor waits: the loader's lock is held. Then functions of the module. */
static void in_dlopen (const char *module)
{
    void *handle;
    void (*allocate) (int);

    handle = dlopen (module, RTLD_NOW);
    allocate = handle != NULL ? (void (*) (int))dlsym (handle, "allocate") : NULL;
    if (allocate == NULL)
        _exit (3);
    allocate (25);
    say ("done\n");
    wait_for_test ();
}

/* Modules come during the recording, and go again. */
static void load_later (const char *module)
{
    (void)setenv ("ATTACH_MODULE_IS_QUICK", "1", 1);
    say ("ready\n");
    wait_for_test ();
    for (int i = 0; i < 3; i++) {
        void *handle = dlopen (module, i == 1 ? RTLD_LAZY : RTLD_NOW);
        void (*allocate) (int) = handle != NULL ? (void (*) (int))dlsym (handle, "allocate") : NULL;

        if (allocate == NULL)
            _exit (3);
        say ("loaded\n");
        wait_for_test ();
        allocate (20);
        (void)dlclose (handle);
    }
    say ("done\n");
    wait_for_test ();
}

/* A child is forked while the hooks are in: it must work without a recorder. */
static void forks (void)
{
    say ("ready\n");
    wait_for_test ();
    if (fork () == 0) {
        char text[40];

        for (int i = 0; i < 1000; i++)
            free (keep (malloc (100)));
        (void)snprintf (text, sizeof text, "child %d\n", (int)getpid ());
        say (text);
        wait_for_test ();
        for (int i = 0; i < 15; i++)
            keep (malloc (3333));
        say ("done\n");
        wait_for_test ();
        _exit (0);
    }
    (void)pause ();
}

/* A filter that allows everything is a filter. */
static void filtered (void)
{
    struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
    struct sock_fprog program = { 1, &allow };

    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit (3);
    say ("ready\n");
    wait_for_test ();
}

/* The same user may not look into it. */
static void undumpable (void)
{
    (void)prctl (PR_SET_DUMPABLE, 0);
    say ("ready\n");
    wait_for_test ();
}

/* The parent of a vfork child waits where no signal reaches it. */
static void vforked (void)
{
    pid_t child = vfork ();

    if (child == 0) {
        say ("ready\n");
        wait_for_test ();
        _exit (0);
    }
    say ("done\n");
}

/* A module in a name space of its own has a C library of its own: another allocator. */
static void namespaces (const char *module)
{
    void *handle;
    void (*allocate) (int);

    (void)setenv ("ATTACH_MODULE_IS_QUICK", "1", 1);
    handle = dlmopen (LM_ID_NEWLM, module, RTLD_NOW);
    allocate = handle != NULL ? (void (*) (int))dlsym (handle, "allocate") : NULL;
    if (allocate == NULL)
        _exit (3);
    say ("ready\n");
    wait_for_test ();
    allocate (25);
    for (int i = 0; i < 5; i++)
        keep (malloc (4444));
    say ("done\n");
    wait_for_test ();
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp (name, "known") == 0)
        known ();
    else if (strcmp (name, "busy") == 0)
        busy (argc > 2 ? (int)strtol (argv[2], NULL, 10) & 15 : 4);
    else if (strcmp (name, "one_place") == 0)
        one_place ();
    else if (strcmp (name, "blocked") == 0)
        blocked ();
    else if (strcmp (name, "in_malloc") == 0)
        in_malloc ();
    else if (strcmp (name, "in_dlopen") == 0 && argc > 2)
        in_dlopen (argv[2]);
    else if (strcmp (name, "load_later") == 0 && argc > 2)
        load_later (argv[2]);
    else if (strcmp (name, "forks") == 0)
        forks ();
    else if (strcmp (name, "namespaces") == 0 && argc > 2)
        namespaces (argv[2]);
    else if (strcmp (name, "undumpable") == 0)
        undumpable ();
    else if (strcmp (name, "vforked") == 0)
        vforked ();
    else if (strcmp (name, "filtered") == 0)
        filtered ();
    else
        return 2;
    return 0;
}
