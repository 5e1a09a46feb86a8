/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes that make others, with known allocations: each block has a size of its own, told in
 * check_follow.py. Usage: kin CASE [PROGRAM].
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile sink;
static const char *self;
static char *const no_environment[] = { NULL };

static void *keep (size_t size)
{
    sink = malloc (size);
    return sink;
}

static char *const *leaf_arguments (void)
{
    static char *arguments[3];

    arguments[0] = (char *)self;
    arguments[1] = (char *)"leaf";
    return arguments;
}

static int run_fork (void)
{
    void *block = keep (5001);

    if (fork () == 0) {
        free (block); /* the parent's */
        (void)keep (5002);
        _exit (0);
    }
    (void)wait (NULL);
    free (block);
    return 3;
}

static int run_exec (void)
{
    (void)keep (5003);
    (void)execve (self, leaf_arguments (), no_environment);
    return 1;
}

/* A child by fork and one by posix_spawn, and what they see of us. */
static int run_children (void)
{
    static const char *const arguments[] = {
        "sh", "-c", "test -z \"$LD_PRELOAD$HEAPSTRATA_AGENT_EXEC$HEAPSTRATA_AGENT_SOCKET\"", NULL
    };
    int statuses[2] = { 1, 1 };
    pid_t pid;

    if (fork () == 0) {
        (void)execve (self, leaf_arguments (), environ);
        _exit (1);
    }
    (void)wait (&statuses[0]);
    if (posix_spawn (&pid, "/bin/sh", NULL, NULL, (char *const *)arguments, environ) == 0)
        (void)waitpid (pid, &statuses[1], 0);
    return WEXITSTATUS (statuses[0]) == 4 && statuses[1] == 0;
}

/* Each program of the chain becomes the next by another function. */
static int run_chain (int n)
{
    char next[16];
    char *arguments[] = { (char *)self, "chain", next, NULL };
    int fd = open (self, O_RDONLY | O_CLOEXEC);

    (void)snprintf (next, sizeof next, "%d", n + 1);
    (void)keep (5100 + (size_t)n);
    if (getenv ("LD_PRELOAD") != NULL || getenv ("HEAPSTRATA_AGENT_EXEC") != NULL)
        return 1;
    if (n == 0)
        (void)execve (self, arguments, environ);
    if (n == 1)
        (void)execv (self, arguments);
    if (n == 2)
        (void)execvp (self, arguments);
    if (n == 3)
        (void)execvpe (self, arguments, no_environment);
    if (n == 4)
        (void)fexecve (fd, arguments, environ);
    if (n == 5)
        (void)execl (self, self, "chain", next, (char *)NULL);
    if (n == 6)
        (void)execlp (self, self, "chain", next, (char *)NULL);
    if (n == 7)
        (void)execle (self, self, "chain", next, (char *)NULL, no_environment);
    return n == 8 && run_children () ? 7 : 2;
}

static int run_exec_file (char *path)
{
    char *arguments[] = { path, NULL };

    (void)keep (5009);
    (void)execv (path, arguments);
    return 1;
}

static int run_failed_exec (void)
{
    (void)keep (5006);
    (void)execve ("/nonexistent", leaf_arguments (), no_environment);
    (void)keep (5007);
    return 5;
}

static int run_vfork (void)
{
    if (vfork () == 0) {
        (void)execve (self, leaf_arguments (), no_environment);
        _exit (1);
    }
    (void)wait (NULL);
    (void)keep (5005);
    return 5;
}

static int run_spawn (void)
{
    pid_t pid;
    int status;

    if (posix_spawn (&pid, self, NULL, NULL, leaf_arguments (), no_environment) != 0)
        return 1;
    (void)waitpid (pid, NULL, 0);
    if (fork () == 0) {
        (void)execl ("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
        _exit (1);
    }
    return wait (&status) > 0 && status == 9 << 8 ? 5 : 1;
}

/* Parent and middle end at once; the daemon works on. */
static int run_daemon (void)
{
    if (fork () == 0) {
        (void)setsid ();
        if (fork () == 0) {
            (void)usleep (300000);
            (void)keep (5008);
            _exit (0);
        }
        _exit (0);
    }
    (void)wait (NULL);
    return 6;
}

static int run_nested (size_t depth)
{
    (void)keep (6000 + depth);
    if (depth < 4) {
        if (fork () == 0)
            _exit (run_nested (depth + 1));
        (void)wait (NULL);
    }
    return 0;
}

static volatile int is_over;

/* One works all the time, the others pause: else the recorder, where it is slowed down by
 * sanitizers and short of processors, comes to nothing else. */
static void *churn (void *name)
{
    static atomic_int n_started;
    int is_tireless = n_started++ == 0;

    (void)pthread_setname_np (pthread_self (), name);
    while (!is_over) {
        for (int i = 0; i < 200; i++)
            free (malloc (64));
        if (!is_tireless)
            (void)usleep (1000);
    }
    return NULL;
}

/* Forks while other threads are inside malloc and the agent. */
static int run_busy (void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        (void)pthread_create (&threads[i], NULL, churn, i % 2 == 0 ? "even" : "odd");
    (void)usleep (300000);
    for (int i = 0; i < 20; i++) {
        if (fork () == 0) {
            (void)keep (7001);
            _exit (0);
        }
    }
    while (wait (NULL) > 0)
        ;
    is_over = 1;
    for (int i = 0; i < 4; i++)
        (void)pthread_join (threads[i], NULL);
    return 0;
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    self = argv[0];
    if (strcmp (name, "leaf") == 0) {
        (void)keep (5004);
        return 4;
    }
    if (strcmp (name, "fork") == 0)
        return run_fork ();
    if (strcmp (name, "exec") == 0)
        return run_exec ();
    if (strcmp (name, "chain") == 0)
        return run_chain (argv[2][0] - '0');
    if (strcmp (name, "exec-file") == 0)
        return run_exec_file (argv[2]);
    if (strcmp (name, "failed-exec") == 0)
        return run_failed_exec ();
    if (strcmp (name, "vfork") == 0)
        return run_vfork ();
    if (strcmp (name, "spawn") == 0)
        return run_spawn ();
    if (strcmp (name, "daemon") == 0)
        return run_daemon ();
    if (strcmp (name, "nested") == 0)
        return run_nested (0);
    return strcmp (name, "busy") == 0 ? run_busy () : 64;
}
