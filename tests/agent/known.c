/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs with known allocations: `known CASE` does what its case says and nothing else. What the
 * trace must say of it is in check_known.py; the two are read side by side.
 */
#include "capture/agent/heapstrata.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
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

/* What libc allocates itself, for us and for its own sake. */
static void in_libc (void)
{
    static char letters[1801]; /* and a 0 */
    char *text = NULL, *line = NULL;
    size_t n = 0;
    FILE *stream = open_memstream (&text, &n);

    memset (letters, 'x', sizeof letters - 1);
    keep (strdup (letters));
    keep (strndup (letters, 1700));
    keep (realpath ("/", NULL));
    if (stream == NULL || asprintf (&line, "%0900d", 7) != 900)
        abort ();
    free (line);
    for (int i = 0; i < 1000; i++)
        (void)fprintf (stream, "line %d\n", i);
    (void)fclose (stream);
    free (text);
    stream = fopen ("/proc/self/status", "r");
    line = NULL;
    n = 0;
    while (getline (&line, &n, stream) >= 0)
        continue;
    free (line);
    (void)fclose (stream);
    (void)setenv ("KNOWN", "value", 1);
    (void)unsetenv ("KNOWN");
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

    if (child == 0) { /* in its parent's memory: these are the parent's */
        keep (malloc (23));
        free (malloc (24));
        _exit (0);
    }
    (void)waitpid (child, NULL, 0);
    free (sink);
    keep (malloc (22));
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

static volatile sig_atomic_t n_timers;

static void on_timer (int number)
{
    (void)number;
    keep (malloc (72));
    n_timers = n_timers + 1;
}

/* Whenever it likes, but not while the allocator is at work. */
static void timers (void)
{
    struct itimerval timer = { { 0, 500 }, { 0, 500 } };

    (void)signal (SIGALRM, on_timer);
    (void)setitimer (ITIMER_REAL, &timer, NULL);
    while (n_timers < 50)
        continue;
    (void)signal (SIGALRM, SIG_IGN);
    for (int i = 0; i < n_timers; i++)
        keep (malloc (73));
}

/* ---- memory of its own ------------------------------------------------------------------ */

#define MAP_BYTES (size_t)0x30000

static void maps (void)
{
    const int private = MAP_PRIVATE | MAP_ANONYMOUS;
    char *kept = mmap (NULL, MAP_BYTES, PROT_READ | PROT_WRITE, private, -1, 0);
    char *gone = mmap (NULL, MAP_BYTES, PROT_READ | PROT_WRITE, private, -1, 0);
    char *reserved = mmap (NULL, 16 * MAP_BYTES, PROT_NONE, private | MAP_NORESERVE, -1, 0);

    kept = mremap (kept, MAP_BYTES, 2 * MAP_BYTES, MREMAP_MAYMOVE);
    (void)munmap (gone, MAP_BYTES);
    (void)munmap (reserved, MAP_BYTES);
    if (mmap (NULL, 0, PROT_READ, private, -1, 0) != MAP_FAILED || errno != EINVAL)
        abort ();
    if (mremap (kept, 1, SIZE_MAX / 2, 0) != MAP_FAILED)
        abort ();
    keep (kept);
}

/* A reservation that is used bit by bit, and mappings of files, which are not told of. */
static void reserve (void)
{
    const int private = MAP_PRIVATE | MAP_ANONYMOUS;
    char *reserved = mmap (NULL, 16 * MAP_BYTES, PROT_NONE, private | MAP_NORESERVE, -1, 0);
    char *other = mmap (NULL, MAP_BYTES, PROT_READ | PROT_WRITE, private, -1, 0);
    int fd = memfd_create ("known", 0);
    char *file;

    (void)mprotect (reserved, MAP_BYTES, PROT_READ | PROT_WRITE);
    (void)mprotect (reserved + MAP_BYTES, 2 * MAP_BYTES, PROT_READ | PROT_WRITE);
    (void)mprotect (reserved, MAP_BYTES, PROT_NONE);
    (void)mprotect (other, MAP_BYTES, PROT_READ);
    (void)mmap (reserved + MAP_BYTES, MAP_BYTES, PROT_NONE, private | MAP_FIXED, -1, 0);
    (void)!ftruncate (fd, 2 * (off_t)MAP_BYTES);
    file = mmap (NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    file = mremap (file, MAP_BYTES, 2 * MAP_BYTES, MREMAP_MAYMOVE);
    file[2 * MAP_BYTES - 1] = 1;
    other = mmap (NULL, MAP_BYTES, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    keep (mremap (other, MAP_BYTES, MAP_BYTES / 2, 0));
}

static void pools (void)
{
    static char memory[10000], other[1000];

    heapstrata_mark ("pools begin");
    heapstrata_heap (memory, "bytes");
    for (int i = 0; i < 10; i++)
        heapstrata_alloc (memory, memory + i * 100, 100);
    for (int i = 0; i < 4; i++)
        heapstrata_free (memory, memory + i * 100);
    heapstrata_heap (other, "other");
    heapstrata_alloc (other, other, 555);
    heapstrata_heap_end (other);
    keep (malloc (1011));
    heapstrata_mark ("pools end");
}

/* ---- locked in ---------------------------------------------------------------------------- */

static void strict (void)
{
    keep (malloc (1101));
    if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0)
        _exit (3);
    keep (malloc (1102)); /* a stamp would kill us here */
    free (sink);
    (void)syscall (SYS_exit, 0);
}

static void no_tsc (void)
{
    keep (malloc (1101));
    if (prctl (PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0)
        _exit (3);
    keep (malloc (1102));
    (void)prctl (PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
}

/* Whatever is no exit, write or memory kills: also what the agent does in a new depth of stack. */
static void filtered (int by_syscall)
{
    struct sock_filter code[] = {
        BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 5, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 4, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 3, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 2, 0), /* swapcontext */
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };
    long status;

    keep (malloc (1101));
    (void)prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (by_syscall)
        status = syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    else
        status = prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    if (status != 0)
        _exit (3);
    keep (malloc (1102));
    coroutine (); /* on a stack that was never seen before */
    _exit (0);
}

/* A refused call leaves the recording on. */
static void refused (void)
{
    keep (malloc (1101));
    if (syscall (SYS_seccomp, SECCOMP_SET_MODE_STRICT, 77, NULL) != -1 || errno != EINVAL)
        abort ();
    keep (malloc (1102));
}

/* ---- harmlessness ------------------------------------------------------------------------- */

static void errors (void)
{
    sigset_t before, after;

    (void)sigprocmask (SIG_BLOCK, NULL, &before);
    errno = 4711;
    keep (malloc (1201));
    keep (realloc (sink, 1202));
    free (sink);
    keep (calloc (1, 1203));
    heapstrata_mark ("errors");
    if (errno != 4711)
        abort ();
    (void)sigprocmask (SIG_BLOCK, NULL, &after);
    if (memcmp (&before, &after, sizeof before) != 0)
        abort ();
    errno = 0;
    if (malloc (SIZE_MAX / 2) != NULL || errno != ENOMEM)
        abort ();
}

static void *allocate_a_little (void *data)
{
    keep (malloc (1301));
    return data;
}

/* Threads with the smallest stack there is, which the agent must not eat. */
static void small_stacks (void)
{
    pthread_attr_t attributes;
    pthread_t threads[20];

    (void)pthread_attr_init (&attributes);
    (void)pthread_attr_setstacksize (&attributes, (size_t)sysconf (_SC_THREAD_STACK_MIN));
    for (int i = 0; i < 20; i++)
        if (pthread_create (&threads[i], &attributes, allocate_a_little, NULL) != 0)
            abort ();
    for (int i = 0; i < 20; i++)
        (void)pthread_join (threads[i], NULL);
}

/* A handler on a stack of its own, as small as the system allows. */
static void other_signal_stack (void)
{
    size_t n = (size_t)sysconf (_SC_MINSIGSTKSZ) + 4096;
    stack_t stack = { .ss_sp = malloc (n), .ss_size = n };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

    (void)sigaltstack (&stack, NULL);
    (void)sigaction (SIGUSR1, &action, NULL);
    for (int i = 0; i < 20; i++)
        (void)raise (SIGUSR1);
}

static pthread_key_t key;

static void free_at_exit (void *data)
{
    free (data);
    keep (malloc (1402));
    free (sink);
}

static void *use_key (void *data)
{
    (void)pthread_setspecific (key, malloc (1401));
    return data;
}

/* What a thread's own data does while the thread goes away. */
static void thread_exit (void)
{
    pthread_t thread;

    (void)pthread_key_create (&key, free_at_exit);
    for (int i = 0; i < 30; i++) {
        (void)pthread_create (&thread, NULL, use_key, NULL);
        (void)pthread_join (thread, NULL);
    }
}

static void exec_self (char *path)
{
    char *arguments[] = { path, "after-exec", NULL };

    keep (malloc (1501));
    (void)execv (path, arguments);
}

static void daemonize (void)
{
    keep (malloc (1601));
    if (daemon (1, 1) != 0)
        abort ();
    keep (malloc (1602)); /* the child's */
}

static void many_forks (void)
{
    for (int i = 0; i < 100; i++) {
        pid_t child = fork ();

        if (child == 0) {
            free (malloc (1702));
            _exit (0);
        }
        keep (malloc (1701));
        (void)waitpid (child, NULL, 0);
    }
}

static void libraries (void)
{
    for (int i = 0; i < 5; i++) {
        void *handle = dlopen ("libz.so.1", RTLD_NOW);
        void *(*gzopen_of_z) (const char *, const char *);

        if (handle == NULL)
            _exit (4);
        *(void **)&gzopen_of_z = dlsym (handle, "gzopen");
        if (gzopen_of_z == NULL || gzopen_of_z ("/nowhere/at/all", "r") != NULL)
            abort ();
        (void)dlclose (handle);
    }
    keep (malloc (1801));
}

static void storm (void)
{
    void *blocks[64] = { 0 };
    unsigned seed = 1;

    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        blocks[seed >> 8 & 63] = realloc (blocks[seed >> 8 & 63], 1 + (seed >> 16 & 8191));
    }
    for (int i = 0; i < 64; i++)
        free (blocks[i]);
}

static void *_Atomic shared[64];

/* Each block goes through many threads' hands. */
static void *storm_along (void *data)
{
    unsigned seed = (unsigned)(uintptr_t)data;

    for (int i = 0; i < 5000; i++) {
        void *block = atomic_exchange (&shared[(seed = seed * 1103515245 + 12345) >> 8 & 63], NULL);

        block = realloc (block, 10000 + (seed >> 16 & 8191));
        free (atomic_exchange (&shared[seed >> 24 & 63], block));
    }
    return data;
}

static void storm_of_threads (void)
{
    pthread_t threads[4];

    for (uintptr_t i = 0; i < 4; i++)
        (void)pthread_create (&threads[i], NULL, storm_along, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        (void)pthread_join (threads[i], NULL);
    for (int i = 0; i < 64; i++)
        free (shared[i]);
}

/* The rest of the cases; 0 = there is none of that name. */
static int run_other (const char *name, char *path)
{
    static const struct {
        const char *name;
        void (*run) (void);
    } cases[] = {
        { "in-libc", in_libc },
        { "maps", maps },
        { "reserve", reserve },
        { "pools", pools },
        { "strict", strict },
        { "no-tsc", no_tsc },
        { "refused", refused },
        { "errors", errors },
        { "small-stacks", small_stacks },
        { "signal-stack", other_signal_stack },
        { "thread-exit", thread_exit },
        { "daemon", daemonize },
        { "many-forks", many_forks },
        { "libraries", libraries },
        { "storm", storm },
        { "storm-of-threads", storm_of_threads },
        { "timers", timers },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp (name, cases[i].name) == 0) {
            cases[i].run ();
            return 1;
        }
    }
    if (strcmp (name, "filter") == 0)
        filtered (0);
    else if (strcmp (name, "filter-by-syscall") == 0)
        filtered (1);
    else if (strcmp (name, "exec") == 0)
        exec_self (path);
    else if (strcmp (name, "after-exec") == 0)
        keep (malloc (1502));
    else
        return 0;
    return 1;
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (run_other (name, argv[0]))
        return 0;

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
