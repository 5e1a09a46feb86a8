/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's side of the rings. The target may be hostile: a record is copied out before it is
 * looked at, positions are clamped, lengths and kinds are checked, and a ring that makes no sense
 * is dropped and counted.
 */
#ifndef HS_CAPTURE_RECORDER_RING_READER_H
#define HS_CAPTURE_RECORDER_RING_READER_H

#include "base/error.h"
#include "capture/recorder/word_queue.h"
#include "capture/ring/ring.h"

struct hs_ring_queue { /* what was copied out of one ring and waits for its turn */
    struct hs_word_queue words;
    uint64_t tail; /* our own: the shared one is only written */
    uint32_t tid;
    uint32_t owner;
    uint8_t is_seen, is_broken, is_broken_told;
};

/* What the target could not tell between two drains. */
struct hs_ring_loss {
    uint64_t begin, end;   /* TSC: of the drain before and of this one */
    uint64_t n_lost;       /* events that found their ring full */
    uint64_t n_unrecorded; /* events of threads without a ring */
    uint32_t n_broken;     /* rings that made no sense and were given up */
    uint8_t is_any;        /* also when the agent had switched itself off: nobody counted then */
};

struct hs_ring_reader {
    int fd;
    uint8_t *base; /* of the whole arena */
    struct hs_arena_head *arena;
    enum hs_ring_clock clock; /* our own word for it */
    struct hs_ring_queue queues[HS_RINGS];
    struct hs_word_pool pool; /* of all queues */
    uint16_t seen[HS_RINGS];  /* the rings that ever had an owner */
    uint32_t n_seen;
    uint64_t n_absorbed; /* bytes that came by hs_ring_reader_absorb since the last drain */
    uint32_t control;    /* HS_CONTROL_…: what the agent was told last */
    uint64_t n_lost, n_unrecorded; /* the target's counters at the last drain */
    struct hs_ring_loss loss;      /* not told yet; it came before any record that depends on it */
};

/* Makes the shared memory. */
enum hs_status hs_ring_reader_init (struct hs_ring_reader *reader, struct hs_error *err);

/* Takes shared memory that the target made: checks its size and seals. The descriptor becomes the
 * reader's; on failure it is closed. */
enum hs_status hs_ring_reader_take (struct hs_ring_reader *reader, int fd, struct hs_error *err);
void hs_ring_reader_clear (struct hs_ring_reader *reader);

/* Tells the agent what to do. */
void hs_ring_reader_set_control (struct hs_ring_reader *reader, uint32_t control);

/* Copies everything published so far into the queues. *ret_horizon: every record that is not in a
 * queue yet will have a stamp of at least this. *ret_n_bytes: how much came since the last time. */
enum hs_status hs_ring_reader_drain (struct hs_ring_reader *reader, uint64_t *ret_horizon,
                                     uint64_t *ret_n_bytes, struct hs_error *err);

/* The same between two drains, while records are being worked on, so that a burst does not fill the
 * rings: the horizon stays as it is, and what waits in the queues stays within bounds. */
enum hs_status hs_ring_reader_absorb (struct hs_ring_reader *reader, struct hs_error *err);

/* So much waits that all of it must be passed on. */
bool hs_ring_reader_is_full (const struct hs_ring_reader *reader);

/* Words of the record that begins at `words`, of which there are n, by its kind; 0 = it is none, or
 * there are too few to tell. */
uint64_t hs_ring_record_words (const uint64_t *words, size_t n);

/* Where peek finds no whole record in one piece: as it does. */
const uint64_t *hs_ring_queue_peek_far (struct hs_ring_reader *reader, struct hs_ring_queue *queue,
                                        uint32_t *ret_n_words);

/* The words of the next record of a queue, NULL when it is empty; then takes it off. */
static inline const uint64_t *hs_ring_queue_peek (struct hs_ring_reader *reader, uint32_t i,
                                                  uint32_t *ret_n_words)
{
    struct hs_ring_queue *queue = &reader->queues[i];
    const uint64_t *words = queue->words.next;

    if (queue->words.end - words < 3 ||
        ((words[0] & 15) != HS_REC_ALLOC && (words[0] & 15) != HS_REC_FREE))
        return hs_ring_queue_peek_far (reader, queue, ret_n_words);
    *ret_n_words = (words[0] & 15) == HS_REC_ALLOC ? 3 : 2;
    return words;
}

static inline void hs_ring_queue_take (struct hs_ring_queue *queue, uint32_t n_words)
{
    queue->words.next += n_words;
}

/* The head of ring `i` in shared memory. */
struct hs_ring_head *hs_ring_reader_head (const struct hs_ring_reader *reader, uint32_t i);

#endif
