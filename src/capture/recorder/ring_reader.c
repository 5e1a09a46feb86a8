/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draining rings; see ring_reader.h. */
#include "capture/recorder/ring_reader.h"

#include "capture/recorder/trace_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A store may wait in its core's buffer while a stamp is taken: allow for it (100 us at 3 GHz). */
#define HORIZON_SLACK_TICKS 300000u

/* Words of all rings of a process that wait: 128 MiB. Then nothing is taken in a hurry any more. */
#define WAITING_WORDS_MAX (UINT64_C (1) << 24)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct hs_ring_head *hs_ring_reader_head (const struct hs_ring_reader *reader, uint32_t i)
{
    return (struct hs_ring_head *)(void *)(reader->base + (uint64_t)HS_ARENA_PAGE * (1 + i));
}

/* Maps the memory and says in its head what it is. */
static enum hs_status map_arena (struct hs_ring_reader *reader, struct hs_error *err)
{
    reader->base = mmap (NULL, HS_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, reader->fd, 0);
    if (reader->base == MAP_FAILED) {
        int error = errno;

        (void)close (reader->fd);
        return hs_error_set_errno (err, error, "cannot map the shared memory");
    }
    reader->arena = (struct hs_arena_head *)(void *)reader->base;
    reader->arena->magic = HS_ARENA_MAGIC;
    reader->arena->version = HS_ARENA_VERSION;
    reader->arena->n_rings = HS_RINGS;
    reader->arena->ring_bytes = HS_RING_BYTES;
    return HS_OK;
}

enum hs_status hs_ring_reader_init (struct hs_ring_reader *reader, struct hs_error *err)
{
    *reader = (struct hs_ring_reader){ .fd = memfd_create ("heapstrata",
                                                           MFD_ALLOW_SEALING | MFD_CLOEXEC) };
    if (reader->fd < 0)
        return hs_error_set_errno (err, errno, "cannot make the shared memory");
    /* sealed before anyone else has it: a target that cuts it would kill us with SIGBUS */
    if (ftruncate (reader->fd, (off_t)HS_ARENA_BYTES) != 0 ||
        fcntl (reader->fd, F_ADD_SEALS, SEALS) != 0) {
        int error = errno;

        (void)close (reader->fd);
        return hs_error_set_errno (err, error, "cannot make the shared memory");
    }
    return map_arena (reader, err);
}

enum hs_status hs_ring_reader_take (struct hs_ring_reader *reader, int fd, struct hs_error *err)
{
    enum hs_status status;
    struct stat info;
    int seals = fcntl (fd, F_GET_SEALS);

    *reader = (struct hs_ring_reader){ .fd = fd };
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat (fd, &info) != 0 ||
        info.st_size < (off_t)HS_ARENA_BYTES) {
        (void)close (fd);
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "the target's shared memory is not as it should be");
    }
    status = map_arena (reader, err);
    /* threads that were recorded before go on where their rings stand */
    for (uint32_t i = 0; i < HS_RINGS && status == HS_OK; i++)
        reader->queues[i].tail = atomic_load (&hs_ring_reader_head (reader, i)->tail);
    return status;
}

void hs_ring_reader_clear (struct hs_ring_reader *reader)
{
    for (uint32_t i = 0; i < HS_RINGS; i++)
        hs_word_queue_empty (&reader->queues[i].words, &reader->pool);
    hs_word_pool_clear (&reader->pool);
    if (reader->base != NULL) {
        (void)munmap (reader->base, HS_ARENA_BYTES);
        (void)close (reader->fd);
    }
    reader->base = NULL;
}

static const uint64_t *body_of (const struct hs_ring_reader *reader, uint32_t i)
{
    return (const void *)(reader->base + (uint64_t)HS_ARENA_PAGE * (1 + HS_RINGS) +
                          (uint64_t)i * HS_RING_BYTES);
}

static void drop_ring (struct hs_ring_reader *reader, struct hs_ring_queue *queue)
{
    queue->is_broken = 1;
    hs_word_queue_empty (&queue->words, &reader->pool);
}

bool hs_ring_reader_is_full (const struct hs_ring_reader *reader)
{
    return hs_word_pool_n_words (&reader->pool) > WAITING_WORDS_MAX;
}

static enum hs_status copy_out (struct hs_ring_reader *reader, uint32_t i, uint64_t *n_bytes,
                                struct hs_error *err)
{
    struct hs_ring_head *ring = hs_ring_reader_head (reader, i);
    struct hs_ring_queue *queue = &reader->queues[i];
    uint64_t head = atomic_load_explicit (&ring->head, memory_order_acquire);
    uint64_t n = head - queue->tail, at = queue->tail % HS_RING_BYTES;
    uint64_t first = HS_RING_BYTES - at;

    if (n == 0)
        return HS_OK;
    if (n > HS_RING_BYTES || n % 8 != 0) {
        drop_ring (reader, queue);
        return HS_OK;
    }
    if (first > n)
        first = n;
    if (!hs_word_queue_put (&queue->words, &reader->pool, body_of (reader, i) + at / 8,
                            first / 8) ||
        !hs_word_queue_put (&queue->words, &reader->pool, body_of (reader, i), (n - first) / 8))
        return hs_error_no_memory (err);
    queue->tail = head;
    atomic_store_explicit (&ring->tail, head, memory_order_release);
    *n_bytes += n;
    /* whose they are: said before the first of them was published, and one owner's are taken up
     * before the next one comes */
    queue->tid = atomic_load (&ring->tid);
    queue->owner = atomic_load (&ring->owner);
    return HS_OK;
}

void hs_ring_reader_set_control (struct hs_ring_reader *reader, uint32_t control)
{
    reader->control = control;
    atomic_store (&reader->arena->control, control);
}

/*
 * After copying: whatever was lost before a record that is in a queue now has been counted by now,
 * because the target counts a loss before it goes on. The counters are the target's: any change is
 * a loss, how much is taken as it is told.
 */
static void look_for_loss (struct hs_ring_reader *reader)
{
    struct hs_ring_loss *loss = &reader->loss;
    uint64_t n_lost = 0, n_unrecorded = atomic_load (&reader->arena->n_unrecorded);

    if (!loss->is_any)
        loss->begin = loss->end;
    for (uint32_t k = 0; k < reader->n_seen; k++) {
        uint32_t i = reader->seen[k];
        struct hs_ring_queue *queue = &reader->queues[i];

        n_lost += atomic_load (&hs_ring_reader_head (reader, i)->n_lost);
        loss->n_broken += queue->is_broken && !queue->is_broken_told;
        queue->is_broken_told = queue->is_broken;
    }
    loss->n_lost += n_lost - reader->n_lost;
    loss->n_unrecorded += n_unrecorded - reader->n_unrecorded;
    if ((loss->n_lost | loss->n_unrecorded | loss->n_broken) != 0)
        loss->is_any = 1;
    reader->n_lost = n_lost;
    reader->n_unrecorded = n_unrecorded;
    /* we were away for so long that the agent took us for dead */
    if (reader->control != 0 && atomic_load (&reader->arena->control) == 0) {
        atomic_store (&reader->arena->control, reader->control);
        loss->is_any = 1;
    }
    loss->end = hs_trace_clock_now (reader->clock);
}

enum hs_status hs_ring_reader_drain (struct hs_ring_reader *reader, uint64_t *ret_horizon,
                                     uint64_t *ret_n_bytes, struct hs_error *err)
{
    uint64_t begin = hs_trace_clock_now (reader->clock);
    uint64_t horizon = begin - HORIZON_SLACK_TICKS;

    *ret_n_bytes = reader->n_absorbed;
    reader->n_absorbed = 0;
    atomic_store (&reader->arena->heartbeat, begin);
    for (uint32_t i = 0; i < HS_RINGS; i++) {
        struct hs_ring_head *ring = hs_ring_reader_head (reader, i);
        struct hs_ring_queue *queue = &reader->queues[i];
        enum hs_status status;
        uint64_t stamp;

        if (atomic_load (&ring->owner) == 0) {
            /* rings are taken in turn: whoever has a later one took it after this look */
            if (atomic_load (&ring->state) == HS_RING_FREE)
                break;
            continue;
        }
        if (queue->is_broken) { /* its thread shall not wait for us */
            atomic_store (&ring->tail, atomic_load (&ring->head));
            continue;
        }
        if (!queue->is_seen)
            reader->seen[reader->n_seen++] = (uint16_t)i;
        queue->is_seen = 1;
        queue->tid = atomic_load (&ring->tid);
        queue->owner = atomic_load (&ring->owner);
        /* pending first: a stamp taken but not yet published lies after the last published one */
        if (atomic_load (&ring->pending) != 0) {
            stamp = atomic_load (&ring->last_stamp);
            if (stamp < horizon)
                horizon = stamp;
        }
        status = copy_out (reader, i, ret_n_bytes, err);
        if (status != HS_OK)
            return status;
    }
    /* a thread that was stopped between stamp and record shall not cost all memory: it will be late
     */
    if (hs_ring_reader_is_full (reader))
        horizon = begin - HORIZON_SLACK_TICKS;
    look_for_loss (reader);
    *ret_horizon = horizon;
    return HS_OK;
}

enum hs_status hs_ring_reader_absorb (struct hs_ring_reader *reader, struct hs_error *err)
{
    enum hs_status status = HS_OK;

    for (uint32_t i = 0; i < reader->n_seen && status == HS_OK; i++) {
        struct hs_ring_queue *queue = &reader->queues[reader->seen[i]];

        if (!queue->is_broken && !hs_ring_reader_is_full (reader))
            status = copy_out (reader, reader->seen[i], &reader->n_absorbed, err);
    }
    return status;
}

uint64_t hs_ring_record_words (const uint64_t *words, size_t n)
{
    static const uint8_t fixed[HS_N_REC_KINDS] = {
        [HS_REC_ALLOC] = 3,      [HS_REC_ALLOC_LARGE] = 4,   [HS_REC_FREE] = 2,
        [HS_REC_FREE_STACK] = 3, [HS_REC_REALLOC_BEGIN] = 2, [HS_REC_REALLOC_END] = 4,
        [HS_REC_LOST] = 2,
    };
    uint64_t kind = words[0] & 15;
    struct hs_ring_module module;

    if (kind >= HS_N_REC_KINDS)
        return 0;
    if (kind == HS_REC_STACK)
        return n >= 2 && (words[1] >> 32 & 0x7fffffff) <= 4096 ? 2 + (words[1] >> 32 & 0x7fffffff)
                                                               : 0;
    if (kind == HS_REC_OTHER)
        return n >= 2 && words[1] >> 32 <= HS_RING_OTHER_WORDS_MAX ? 2 + (words[1] >> 32) : 0;
    if (kind != HS_REC_MODULE)
        return fixed[kind];
    if (n < 1 + sizeof module / 8)
        return 0;
    memcpy (&module, words + 1, sizeof module);
    if (module.path_length >= HS_RING_PATH_MAX)
        return 0;
    return 1 + sizeof module / 8 + (module.path_length + 7) / 8;
}

const uint64_t *hs_ring_queue_peek_far (struct hs_ring_reader *reader, struct hs_ring_queue *queue,
                                        uint32_t *ret_n_words)
{
    for (;;) {
        const uint64_t *words = queue->words.next;
        size_t n = (size_t)(queue->words.end - words);
        uint64_t n_words = n > 0 ? hs_ring_record_words (words, n) : 0;

        if (n_words != 0 && n_words <= n) {
            *ret_n_words = (uint32_t)n_words;
            return words;
        }
        if (hs_word_queue_join (&queue->words, &reader->pool))
            continue;
        if (n > 0) /* records are published whole: this is no record */
            drop_ring (reader, queue);
        return NULL;
    }
}
