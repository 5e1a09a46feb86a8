/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded by check_stacks.py: walks the stack of every allocation with our walker, exactly as the
 * agent does (one unwinder per thread, which remembers), and with libunwind, and counts into a
 * shared file of $STACK_CHECK: stacks, those that differ, and the first of these in full. Where
 * they differ, libunwind is asked again without what it keeps: its fast walk (1.6.2) sometimes
 * keeps a wrong rule for an instruction between the pushes of arguments, and leaves the code there.
 */
#define UNW_LOCAL_ONLY
#include "capture/unwind/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libunwind.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXAMPLES 8
#define EXAMPLE_FRAMES 40
#define MOST_FRAMES (HS_UNWIND_MAX_FRAMES + 16)

extern void *__libc_malloc (size_t), *__libc_calloc (size_t, size_t);
extern void *__libc_realloc (void *, size_t);

struct example {
    uint64_t n_ours, n_theirs;
    uint64_t ours[EXAMPLE_FRAMES], theirs[EXAMPLE_FRAMES];
};

struct counts {
    _Atomic uint64_t n_stacks, n_different, n_truncated, n_frames, n_walked;
    _Atomic uint64_t n_asked_again; /* equal when libunwind walked anew */
    struct example examples[EXAMPLES];
};

struct thread {
    uintptr_t stack_begin, stack_end;
    unsigned generation;
    struct hs_unwinder unwinder;
};

static __thread struct thread *self;
static __thread int is_busy;
static struct counts *counts;
static _Atomic unsigned generation = 1;

static __attribute__ ((constructor)) void start (void)
{
    const char *folder = getenv ("STACK_CHECK");
    char path[4096];
    int fd;

    if (folder == NULL)
        return;
    (void)snprintf (path, sizeof path, "%s/%s.%d", folder, program_invocation_short_name,
                    (int)getpid ());
    fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && ftruncate (fd, sizeof *counts) == 0) {
        void *mapped = mmap (NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        unw_set_caching_policy (unw_local_addr_space, UNW_CACHE_PER_THREAD);
        if (mapped != MAP_FAILED)
            counts = mapped;
    }
    if (fd >= 0)
        (void)close (fd);
}

static int find_module (void *data, uintptr_t pc, struct hs_unwind_module *ret)
{
    struct dl_find_object found;

    (void)data;
    if (_dl_find_object ((void *)pc, &found) != 0)
        return 0;
    ret->begin = (uintptr_t)found.dlfo_map_start;
    ret->end = (uintptr_t)found.dlfo_map_end;
    ret->eh_frame_hdr = (uintptr_t)found.dlfo_eh_frame;
    return 1;
}

/* The mapping around `sp`. */
static int find_stack (struct thread *thread, uintptr_t sp)
{
    FILE *maps = fopen ("/proc/self/maps", "re");
    char line[4400];

    thread->stack_begin = thread->stack_end = 0;
    while (maps != NULL && fgets (line, sizeof line, maps) != NULL) {
        unsigned long begin, end;

        if (sscanf (line, "%lx-%lx", &begin, &end) == 2 && sp >= begin && sp < end) {
            thread->stack_begin = begin;
            thread->stack_end = end;
        }
    }
    if (maps != NULL)
        (void)fclose (maps);
    return thread->stack_end != 0;
}

static struct thread *current (uintptr_t sp)
{
    unsigned now = atomic_load (&generation);

    if (self == NULL) {
        void *made =
            mmap (NULL, sizeof *self, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (made == MAP_FAILED)
            return NULL;
        self = made;
    }
    if ((sp < self->stack_begin || sp >= self->stack_end) && !find_stack (self, sp))
        return NULL;
    if (self->generation != now)
        hs_unwind_init (&self->unwinder, find_module, NULL);
    self->generation = now;
    return self;
}

static void keep_example (const struct hs_unwinder *u, uint32_t n, void *const *theirs,
                          uint32_t n_theirs)
{
    uint64_t number = atomic_fetch_add (&counts->n_different, 1);
    struct example *example;

    if (number >= EXAMPLES)
        return;
    example = &counts->examples[number];
    example->n_ours = n;
    example->n_theirs = n_theirs;
    for (uint32_t i = 0; i < n && i < EXAMPLE_FRAMES; i++)
        example->ours[i] = u->pc[n - 1 - i];
    for (uint32_t i = 0; i < n_theirs && i < EXAMPLE_FRAMES; i++)
        example->theirs[i] = (uintptr_t)theirs[i];
}

/* libunwind's frames from `pc` on, step by step and without what it remembers; their number. */
static uint32_t walk_anew (uintptr_t pc, void **ret)
{
    unw_context_t context;
    unw_cursor_t cursor;
    uint32_t n = 0;

    unw_flush_cache (unw_local_addr_space, 0, 0);
    if (unw_getcontext (&context) != 0 || unw_init_local (&cursor, &context) != 0)
        return 0;
    do {
        unw_word_t at;

        if (unw_get_reg (&cursor, UNW_REG_IP, &at) != 0 || at == 0)
            break;
        if (n > 0 || at == pc)
            ret[n++] = (void *)at;
    } while (n < MOST_FRAMES && unw_step (&cursor) > 0);
    return n;
}

/* Whether our newest walk, of `n` frames, gave the same. */
static int is_same (const struct hs_unwinder *u, uint32_t n, void *const *theirs, uint32_t n_theirs)
{
    uint32_t same = 0;

    while (same < n && same < n_theirs && u->pc[n - 1 - same] == (uintptr_t)theirs[same])
        same++;
    /* both stop at their limit of frames: what is within both is the same */
    return (same == n && same == n_theirs) || (same == n && n >= HS_UNWIND_MAX_FRAMES - 1);
}

static void compare (const struct hs_unwind_start *frame)
{
    void *theirs[MOST_FRAMES], *anew[MOST_FRAMES];
    struct thread *thread = current (frame->sp);
    uint64_t n_walked;
    struct hs_unwind_start first = *frame;
    uint32_t n, n_theirs, skip = 0;

    if (thread == NULL)
        return;
    first.stack_end = thread->stack_end;
    n_walked = thread->unwinder.n_walked;
    if (hs_unwind_walk (&thread->unwinder, &first, &n) != HS_UNWIND_COMPLETE)
        atomic_fetch_add (&counts->n_truncated, 1);
    atomic_fetch_add (&counts->n_walked, thread->unwinder.n_walked - n_walked);
    n_theirs = (uint32_t)unw_backtrace (theirs, MOST_FRAMES);
    while (skip < n_theirs && (uintptr_t)theirs[skip] != first.pc)
        skip++;
    n_theirs -= skip;
    if (n_theirs > 0 && theirs[skip + n_theirs - 1] == NULL)
        n_theirs--; /* some of its versions count the outermost 0 */
    atomic_fetch_add (&counts->n_stacks, 1);
    atomic_fetch_add (&counts->n_frames, n);
    if (is_same (&thread->unwinder, n, theirs + skip, n_theirs))
        return;
    if (is_same (&thread->unwinder, n, anew, walk_anew (first.pc, anew)))
        atomic_fetch_add (&counts->n_asked_again, 1);
    else
        keep_example (&thread->unwinder, n, theirs + skip, n_theirs);
}

#define CHECK()                                                                                    \
    do {                                                                                           \
        const uintptr_t *base = __builtin_frame_address (0);                                       \
        struct hs_unwind_start frame = { base[1], (uintptr_t)(base + 2), base[0], 0 };             \
        int saved = errno;                                                                         \
                                                                                                   \
        if (counts != NULL && !is_busy) {                                                          \
            is_busy = 1;                                                                           \
            compare (&frame);                                                                      \
            is_busy = 0;                                                                           \
        }                                                                                          \
        errno = saved;                                                                             \
    } while (0)

void *malloc (size_t n)
{
    CHECK ();
    return __libc_malloc (n);
}

void *calloc (size_t count, size_t n)
{
    CHECK ();
    return __libc_calloc (count, n);
}

void *realloc (void *old, size_t n)
{
    CHECK ();
    return __libc_realloc (old, n);
}

int dlclose (void *handle)
{
    int (*real) (void *) = (int (*) (void *))dlsym (RTLD_NEXT, "dlclose");
    int ret = real (handle);

    atomic_fetch_add (&generation, 1);
    return ret;
}
