/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory for columns; see store.h. */
#include "base/store.h"

#include "base/memory.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Of memory only what is touched is taken; of the file all. */
#define SLAB_BYTES ((size_t)32 << 20)
#define LARGE_PAGE_BYTES ((size_t)2 << 20)
#define TOUCH_BYTES (4 * LARGE_PAGE_BYTES) /* ahead of what was handed out */

struct hs_store_slab {
    struct hs_store_slab *next;
    void *bytes;
    size_t size;
};

static uint64_t default_budget (void)
{
    long n_pages = sysconf (_SC_PHYS_PAGES), page = sysconf (_SC_PAGESIZE);
    const char *text = getenv ("HEAPSTRATA_MEMORY");
    uint64_t n_bytes;

    if (text != NULL && hs_parse_bytes (text, &n_bytes))
        return n_bytes;
    return n_pages > 0 && page > 0 ? (uint64_t)n_pages * (uint64_t)page / 2 : UINT64_MAX;
}

void hs_store_init (struct hs_store *store)
{
    *store = (struct hs_store){ .budget = default_budget (), .lock = PTHREAD_MUTEX_INITIALIZER };
}

static int open_in (const char *folder)
{
    char path[4096];
    int fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || snprintf (path, sizeof path, "%s/heapstrata-XXXXXX", folder) >= (int)sizeof path)
        return fd;
    fd = mkostemp (path, O_CLOEXEC); /* not every file system can do without a name */
    if (fd >= 0)
        (void)unlink (path);
    return fd;
}

/* Folders in memory (/tmp often is) would be the same memory once more: asked for last. */
static int open_file (void)
{
    const char *folder = getenv ("TMPDIR"), *cache = getenv ("XDG_CACHE_HOME");
    const char *home = getenv ("HOME");
    char path[4096];
    int fd = -1;

    if (folder != NULL && folder[0] != '\0')
        fd = open_in (folder);
    if (fd < 0 && cache != NULL && cache[0] == '/')
        fd = open_in (cache);
    if (fd < 0 && home != NULL &&
        snprintf (path, sizeof path, "%s/.cache", home) < (int)sizeof path)
        fd = open_in (path);
    if (fd < 0)
        fd = open_in ("/var/tmp");
    return fd >= 0 ? fd : open_in ("/tmp");
}

/*
 * Takes room in the file; an errno. A file that must not grow (ulimit -f) is an error like a full
 * disk: the signal that comes with it goes to this thread, and is kept from it.
 */
static int take_room (int fd, uint64_t at, size_t size)
{
    const struct timespec at_once = { 0 };
    sigset_t too_large, before;
    int error;

    (void)sigemptyset (&too_large);
    (void)sigaddset (&too_large, SIGXFSZ);
    error = pthread_sigmask (SIG_BLOCK, &too_large, &before);
    if (error != 0)
        return error;
    error = posix_fallocate (fd, (off_t)at, (off_t)size);
    if (error == EFBIG && sigismember (&before, SIGXFSZ) == 0)
        (void)sigtimedwait (&too_large, NULL, &at_once);
    (void)pthread_sigmask (SIG_SETMASK, &before, NULL);
    return error;
}

/* Whether the file has room for `size` bytes more. */
static bool has_room (struct hs_store *store, size_t size)
{
    if (store->fd_plus_one == 0) {
        store->fd_plus_one = open_file () + 1;
        store->file_error = store->fd_plus_one == 0 ? errno : 0;
    }
    if (store->file_error == 0)
        store->file_error = take_room (store->fd_plus_one - 1, store->n_file_bytes, size);
    return store->file_error == 0;
}

/* The next `size` bytes of the file, in place of what is mapped at `place` (NULL: anywhere). */
static void *map_file (struct hs_store *store, void *place, size_t size)
{
    void *bytes =
        mmap (place, size, PROT_READ | PROT_WRITE, MAP_SHARED | (place != NULL ? MAP_FIXED : 0),
              store->fd_plus_one - 1, (off_t)store->n_file_bytes);

    if (bytes == MAP_FAILED) {
        store->file_error = errno;
        return NULL;
    }
    store->n_file_bytes += size;
    return bytes;
}

static struct hs_store_slab *add_slab (struct hs_store *store, size_t size, bool is_file)
{
    struct hs_store_slab *slab = HS_NEW (struct hs_store_slab);

    if (slab == NULL)
        return NULL;
    slab->size = size;
    if (!is_file)
        slab->bytes = hs_reserve (size);
    else if (has_room (store, size))
        slab->bytes = map_file (store, NULL, size);
    else
        slab->bytes = NULL;
    if (slab->bytes == NULL) {
        hs_free (slab);
        return NULL;
    }
    slab->next = store->slabs;
    store->slabs = slab;
    return slab;
}

/* Of the file, or of memory: over the share is better than no trace. */
static struct hs_store_slab *add_slab_somewhere (struct hs_store *store, size_t size, bool is_file)
{
    struct hs_store_slab *slab = is_file ? add_slab (store, size, true) : NULL;

    return slab != NULL ? slab : add_slab (store, size, false);
}

void *hs_store_take (struct hs_store *store, size_t size)
{
    bool is_file =
        store->file_error == 0 && (size > store->budget || store->n_bytes > store->budget - size);
    void *taken;

    if (store->n_left < size || (is_file && store->n_file_bytes == 0)) {
        struct hs_store_slab *slab =
            add_slab_somewhere (store, SLAB_BYTES + LARGE_PAGE_BYTES, is_file);
        uintptr_t skipped;

        if (slab == NULL)
            return NULL;
        hs_reserve_most (slab->bytes, slab->size);
        skipped = -(uintptr_t)slab->bytes % LARGE_PAGE_BYTES;
        (void)pthread_mutex_lock (&store->lock);
        store->at = (uint8_t *)slab->bytes + skipped;
        store->n_left = SLAB_BYTES;
        store->touched = is_file ? NULL : store->at;
        (void)pthread_mutex_unlock (&store->lock);
    }
    taken = store->at;
    (void)pthread_mutex_lock (&store->lock);
    store->at += size;
    store->n_left -= size;
    (void)pthread_mutex_unlock (&store->lock);
    store->n_bytes += is_file && store->file_error == 0 ? 0 : size;
    return taken;
}

/* What is to be touched next: one large page, or NULL. */
static uint8_t *next_untouched (struct hs_store *store)
{
    uint8_t *next = store->touched, *end = store->at + store->n_left;

    if (next == NULL)
        return NULL;
    if (next < store->at)
        next = store->at + -(uintptr_t)store->at % LARGE_PAGE_BYTES;
    if (next >= end || (size_t)(next - store->at) >= TOUCH_BYTES)
        return NULL;
    store->touched = next + LARGE_PAGE_BYTES;
    return next;
}

bool hs_store_touch_ahead (struct hs_store *store)
{
    uint8_t *page;

    (void)pthread_mutex_lock (&store->lock);
    page = next_untouched (store);
    (void)pthread_mutex_unlock (&store->lock);
    return page != NULL && madvise (page, LARGE_PAGE_BYTES, MADV_POPULATE_WRITE) == 0;
}

static size_t round_up (size_t size)
{
    return (size + 4095) / 4096 * 4096;
}

void *hs_store_reserve (struct hs_store *store, size_t size)
{
    struct hs_store_slab *slab;
    size_t excess;

    size = round_up (size > 0 ? size : 1);
    excess = size > store->budget ? round_up (size - (size_t)store->budget) : 0;
    slab = add_slab (store, size, false);
    if (slab == NULL)
        return NULL;
    if (excess > 0 && has_room (store, excess) && map_file (store, slab->bytes, excess) == NULL)
        return NULL; /* it is not sure that the memory is still there */
    return slab->bytes;
}

void hs_store_clear (struct hs_store *store)
{
    while (store->slabs != NULL) {
        struct hs_store_slab *slab = store->slabs;

        store->slabs = slab->next;
        (void)munmap (slab->bytes, slab->size);
        hs_free (slab);
    }
    if (store->fd_plus_one > 0)
        (void)close (store->fd_plus_one - 1);
    (void)pthread_mutex_destroy (&store->lock);
    *store = (struct hs_store){ .budget = store->budget, .lock = PTHREAD_MUTEX_INITIALIZER };
}
