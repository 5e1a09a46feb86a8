/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's side of the rings. The target may be hostile: a record is copied out before it is
 * looked at, positions are clamped, lengths and kinds are checked, and a ring that makes no sense
 * is dropped and counted.
 */
#ifndef HS_CAPTURE_RECORDER_RING_READER_H
#define HS_CAPTURE_RECORDER_RING_READER_H

#include "base/array.h"
#include "base/error.h"
#include "capture/ring/ring.h"

struct hs_ring_queue { /* what was copied out of one ring and waits for its turn */
    HS_ARRAY (uint64_t) words;
    size_t next;   /* word of the next record */
    uint64_t tail; /* our own: the shared one is only written */
    uint32_t tid;
    uint32_t owner;
    uint8_t is_seen, is_broken;
};

struct hs_ring_reader {
    int fd;
    uint8_t *base; /* of the whole arena */
    struct hs_arena_head *arena;
    struct hs_ring_queue queues[HS_RINGS];
    uint64_t n_broken;
};

/* Makes the shared memory. */
enum hs_status hs_ring_reader_init (struct hs_ring_reader *reader, struct hs_error *err);

/* Takes shared memory that the target made: checks its size and seals. The descriptor becomes the
 * reader's; on failure it is closed. */
enum hs_status hs_ring_reader_take (struct hs_ring_reader *reader, int fd, struct hs_error *err);
void hs_ring_reader_clear (struct hs_ring_reader *reader);

/* Copies everything published so far into the queues. *ret_horizon: every record that is not in a
 * queue yet will have a stamp of at least this. *ret_n_bytes: how much came. */
enum hs_status hs_ring_reader_drain (struct hs_ring_reader *reader, uint64_t *ret_horizon,
                                     uint64_t *ret_n_bytes, struct hs_error *err);

/* The words of the next record of a queue, NULL when it is empty; then takes it off. */
const uint64_t *hs_ring_queue_peek (struct hs_ring_queue *queue, uint32_t *ret_n_words);
void hs_ring_queue_take (struct hs_ring_queue *queue, uint32_t n_words);

/* The head of ring `i` in shared memory. */
struct hs_ring_head *hs_ring_reader_head (const struct hs_ring_reader *reader, uint32_t i);

#endif
