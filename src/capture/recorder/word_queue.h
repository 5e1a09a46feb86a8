/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words that wait for their turn, in blocks that all queues of a pool use in turn: a page that the
 * recorder touches for the first time costs it as much as a hundred records, and a burst comes when
 * it has no time. A record lies in one piece wherever it is looked at. One thread.
 */
#ifndef HS_CAPTURE_RECORDER_WORD_QUEUE_H
#define HS_CAPTURE_RECORDER_WORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_word_block;

struct hs_word_pool { /* zeroed: empty */
    struct hs_word_block *spare;
    uint32_t n_spare;
    uint64_t n_used; /* blocks in queues */
};

struct hs_word_queue {          /* zeroed: empty */
    const uint64_t *next, *end; /* what lies in one piece; the rest is in further blocks */
    struct hs_word_block *first, *last;
};

/* Puts a copy of `n` words at the end. False when memory is out: some may be there then. */
bool hs_word_queue_put (struct hs_word_queue *queue, struct hs_word_pool *pool,
                        const uint64_t *words, size_t n);

/* Has more words follow `next` in one piece, by going on to the next block: false when there are
 * none, or when what is left of this one is more than any record. */
bool hs_word_queue_join (struct hs_word_queue *queue, struct hs_word_pool *pool);

/* Forgets all words. */
void hs_word_queue_empty (struct hs_word_queue *queue, struct hs_word_pool *pool);

static inline bool hs_word_queue_is_empty (const struct hs_word_queue *queue)
{
    return queue->next == queue->end && queue->first == queue->last;
}

/* An upper bound of the words that wait in all queues. */
uint64_t hs_word_pool_n_words (const struct hs_word_pool *pool);

/* After its queues were emptied. */
void hs_word_pool_clear (struct hs_word_pool *pool);

#endif
