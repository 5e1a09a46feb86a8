/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for the chunks of the columns of one trace: large pages where the system has them, and a
 * mapped temporary file once the trace has more than its share of memory, so that the kernel can
 * put on the disk what is not looked at. Chunks stay where they are until the store is cleared.
 *
 * The share is told by HEAPSTRATA_MEMORY ("4G", "500M"), else half of the machine's memory. The
 * file has no name; it lies in TMPDIR, else in XDG_CACHE_HOME or ~/.cache, and its room is taken
 * before it is used: with a full disk the memory is used after all and file_error says why, never
 * does a signal come. One thread, but where another one is mentioned.
 */
#ifndef HS_BASE_STORE_H
#define HS_BASE_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_store_slab;

struct hs_store {
    uint64_t budget;  /* bytes of memory; hs_store_init sets it */
    uint64_t n_bytes; /* handed out from memory */
    uint64_t n_file_bytes;
    struct hs_store_slab *slabs;
    pthread_mutex_t lock; /* for the next three */
    uint8_t *at;          /* in the newest slab */
    size_t n_left;
    uint8_t *touched; /* up to here, where that is behind `at`; NULL: not to be touched */
    int fd_plus_one;
    int file_error; /* errno of why the file is not used, or not any further; 0: it is */
};

void hs_store_init (struct hs_store *store);

/* `size` zeroed bytes, a multiple of 4096; NULL when neither the disk nor memory has room. */
void *hs_store_take (struct hs_store *store, size_t size);

/* Any one other thread: takes a part of the memory that will be handed out next from the system, as
 * the first touch of it would, which can cost more than what is then done with it. False: there is
 * none nearby, for the moment. */
bool hs_store_touch_ahead (struct hs_store *store);

/* `size` zeroed bytes that cost memory where they are touched; what is more than the budget is of
 * the file, from the beginning on. In small pages until hs_reserve_most is told of them. NULL when
 * there is no room. */
void *hs_store_reserve (struct hs_store *store, size_t size);

void hs_store_clear (struct hs_store *store);

#endif
