/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs with known allocations: `known CASE` does what its case says and nothing else. What the
 * trace must say of it is in check_known.py; the two are read side by side.
 */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static void *volatile sink; /* keeps the compiler from taking an allocation out */

static void keep (void *ptr)
{
    sink = ptr;
}

static void family (void)
{
    void *ptr = NULL;

    keep (malloc (11));
    keep (calloc (3, 7));
    keep (realloc (NULL, 13));
    keep (reallocarray (NULL, 2, 10));
    (void)!posix_memalign (&ptr, 64, 100);
    keep (ptr);
    keep (aligned_alloc (64, 128));
    keep (memalign (32, 33));
    keep (valloc (41));
    keep (pvalloc (43));
    free (malloc (17));
    free (NULL);
    keep (malloc (0));
    keep (malloc (SIZE_MAX / 2)); /* fails: nothing happened */
    keep (calloc (SIZE_MAX / 2, 4));
}

static void resize (void)
{
    char *ptr = malloc (100);

    for (size_t n = 101; n <= 1000; n++) /* in place or moving, as libc likes */
        ptr = realloc (ptr, n);
    keep (malloc (1));
    ptr = realloc (ptr, SIZE_MAX / 2) == NULL ? ptr : NULL; /* fails: the block stays */
    sink = realloc (ptr, 0);                                /* frees it */
}

static void *churn (void *data)
{
    for (int i = 0; i < 1000; i++)
        free (memset (malloc ((size_t)i + 1), 1, 1));
    keep (malloc (5000));
    return data;
}

static void run_threads (int n)
{
    pthread_t threads[200];

    for (int i = 0; i < n; i++)
        (void)pthread_create (&threads[i], NULL, churn, NULL);
    for (int i = 0; i < n; i++)
        (void)pthread_join (threads[i], NULL);
}

static void run_fork (void)
{
    pid_t child = fork ();

    if (child == 0) {
        for (int i = 0; i < 100; i++)
            keep (malloc (1000000)); /* the child's: not in its parent's trace */
        _exit (0);
    }
    keep (malloc (21));
    (void)waitpid (child, NULL, 0);
}

static void run_vfork (void)
{
    pid_t child = vfork ();

    if (child == 0)
        _exit (0);
    keep (malloc (22));
    (void)waitpid (child, NULL, 0);
}

static int dig (int depth)
{
    volatile char local[32];

    local[0] = (char)depth;
    if (depth == 0) {
        keep (malloc (31));
        return local[0];
    }
    return dig (depth - 1) + local[0];
}

static ucontext_t outside, inside;

static void on_other_stack (void)
{
    for (int i = 0; i < 10; i++) {
        keep (malloc (51));
        (void)swapcontext (&inside, &outside);
    }
}

static void coroutine (void)
{
    static char stack[65536];

    (void)getcontext (&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = sizeof stack;
    inside.uc_link = &outside;
    makecontext (&inside, on_other_stack, 0);
    for (int i = 0; i < 10; i++) {
        (void)swapcontext (&outside, &inside);
        keep (malloc (52));
    }
}

static jmp_buf target;

static void jump_out (int depth)
{
    keep (malloc (61));
    if (depth == 0)
        longjmp (target, 1);
    jump_out (depth - 1);
}

static void jumps (void)
{
    for (volatile int i = 0; i < 100; i++) {
        if (setjmp (target) == 0)
            jump_out (5);
    }
}

static void on_signal (int number)
{
    (void)number;
    keep (malloc (71));
}

static void signals (void)
{
    (void)signal (SIGUSR1, on_signal);
    for (int i = 0; i < 20; i++)
        (void)raise (SIGUSR1);
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp (name, "family") == 0)
        family ();
    else if (strcmp (name, "resize") == 0)
        resize ();
    else if (strcmp (name, "threads") == 0)
        run_threads (8);
    else if (strcmp (name, "many-threads") == 0)
        run_threads (200);
    else if (strcmp (name, "fork") == 0)
        run_fork ();
    else if (strcmp (name, "vfork") == 0)
        run_vfork ();
    else if (strcmp (name, "deep") == 0)
        (void)dig (5000);
    else if (strcmp (name, "coroutine") == 0)
        coroutine ();
    else if (strcmp (name, "jumps") == 0)
        jumps ();
    else if (strcmp (name, "signals") == 0)
        signals ();
    else if (strcmp (name, "crash") == 0) {
        keep (malloc (81));
        (void)raise (SIGSEGV);
    } else if (strcmp (name, "exit-at-once") == 0) {
        keep (malloc (91));
        _exit (7);
    } else if (strcmp (name, "nothing") != 0)
        return 2;
    return 0;
}
