/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded by check_witnessed.py behind the agent: writes down what reaches libc's allocator, in a
 * file that is there whatever becomes of the process ($WITNESS; struct witness_head, then entries).
 * Knows libc by its own names only, so that what it hooks never leads to itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST (1u << 20)

extern void *__libc_malloc (size_t), *__libc_calloc (size_t, size_t);
extern void *__libc_realloc (void *, size_t), *__libc_memalign (size_t, size_t);
extern void __libc_free (void *);

struct entry {
    uint32_t pid; /* 0 = never finished */
    uint32_t thread;
    uint64_t old, address, size; /* old: freed, or resized when there is an address or a size */
};

struct witness_head {
    _Atomic uint64_t n;
    uint64_t unused[3];
};

static struct witness_head *head;
static struct entry *entries;
static uint32_t pid; /* whose heap it is: a vfork child's is its parent's */
static _Atomic uint32_t n_threads;
static __thread uint32_t thread __attribute__ ((tls_model ("initial-exec")));
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forked (void)
{
    pid = (uint32_t)getpid ();
}

/* Before the first call: in what one made with vfork getpid() is not its parent's. */
static void begin (void)
{
    const char *path = getenv ("WITNESS");
    size_t n_bytes = sizeof *head + MOST * sizeof *entries;
    int fd = path != NULL ? open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
    void *mapped;

    if (fd < 0 || ftruncate (fd, (off_t)n_bytes) != 0)
        return;
    mapped = mmap (NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close (fd);
    if (mapped == MAP_FAILED)
        return;
    forked ();
    (void)pthread_atfork (NULL, NULL, forked);
    entries = (void *)((char *)mapped + sizeof *head);
    head = mapped;
}

__attribute__ ((constructor)) static void begin_at_start (void)
{
    (void)pthread_once (&once, begin);
}

static void tell (void *old, void *address, size_t size)
{
    uint64_t number;

    (void)pthread_once (&once, begin);
    if (head == NULL)
        return;
    if (thread == 0)
        thread = atomic_fetch_add (&n_threads, 1) + 1;
    number = atomic_fetch_add (&head->n, 1);
    if (number >= MOST)
        return;
    entries[number].thread = thread;
    entries[number].old = (uintptr_t)old;
    entries[number].address = (uintptr_t)address;
    entries[number].size = size;
    entries[number].pid = pid;
}

static void *born (void *address, size_t size)
{
    if (address != NULL)
        tell (NULL, address, size);
    return address;
}

void *malloc (size_t size)
{
    return born (__libc_malloc (size), size);
}

void *calloc (size_t n, size_t size)
{
    return born (__libc_calloc (n, size), n * size);
}

void free (void *address)
{
    if (address != NULL)
        tell (address, NULL, 0); /* before: another thread may get it next */
    __libc_free (address);
}

void *realloc (void *old, size_t size)
{
    void *ret = __libc_realloc (old, size);

    if (old == NULL)
        return born (ret, size);
    if (ret != NULL || size == 0)
        tell (old, ret, size);
    return ret;
}

void *reallocarray (void *old, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc (old, n * size);
}

void *memalign (size_t alignment, size_t size)
{
    return born (__libc_memalign (alignment, size), size);
}

void *aligned_alloc (size_t alignment, size_t size)
{
    return memalign (alignment, size);
}

int posix_memalign (void **ret, size_t alignment, size_t size)
{
    void *address = memalign (alignment, size);

    if (address == NULL)
        return ENOMEM;
    *ret = address;
    return 0;
}

void *valloc (size_t size)
{
    return memalign ((size_t)sysconf (_SC_PAGESIZE), size);
}

void *pvalloc (size_t size)
{
    size_t page = (size_t)sysconf (_SC_PAGESIZE);

    return born (__libc_memalign (page, (size + page - 1) & ~(page - 1)), size);
}
