/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of words; see word_queue.h. */
#include "capture/recorder/word_queue.h"

#include "base/memory.h"

#include <string.h>

#define BLOCK_WORDS (UINT32_C (1) << 14) /* 128 KiB */
#define LEFT_WORDS 4352u                 /* more than the longest record has */
#define SPARE_BLOCKS 128u                /* kept: 16 MiB */

struct hs_word_block {
    struct hs_word_block *next;
    uint32_t n;
    uint64_t left[LEFT_WORDS]; /* at its end: the begin of a record that goes on in `words` */
    uint64_t words[BLOCK_WORDS];
};

static struct hs_word_block *take_block (struct hs_word_pool *pool)
{
    struct hs_word_block *block = pool->spare;

    if (block != NULL) {
        pool->spare = block->next;
        pool->n_spare--;
    } else {
        block = hs_alloc_array (1, sizeof *block); /* not zeroed: no page is touched early */
        if (block == NULL)
            return NULL;
    }
    block->next = NULL;
    block->n = 0;
    pool->n_used++;
    return block;
}

static void give_block (struct hs_word_pool *pool, struct hs_word_block *block)
{
    pool->n_used--;
    if (pool->n_spare >= SPARE_BLOCKS) {
        hs_free (block);
        return;
    }
    block->next = pool->spare;
    pool->spare = block;
    pool->n_spare++;
}

static bool add_block (struct hs_word_queue *queue, struct hs_word_pool *pool)
{
    struct hs_word_block *block = take_block (pool);

    if (block == NULL)
        return false;
    if (queue->last != NULL)
        queue->last->next = block;
    else
        queue->first = block;
    queue->last = block;
    if (queue->first == block)
        queue->next = queue->end = block->words;
    return true;
}

bool hs_word_queue_put (struct hs_word_queue *queue, struct hs_word_pool *pool,
                        const uint64_t *words, size_t n)
{
    if (queue->first != NULL && hs_word_queue_is_empty (queue)) {
        queue->first->n = 0; /* again from its begin: what was touched is touched again */
        queue->next = queue->end = queue->first->words;
    }
    while (n > 0) {
        struct hs_word_block *block = queue->last;
        size_t piece;

        if (block == NULL || block->n == BLOCK_WORDS) {
            if (!add_block (queue, pool))
                return false;
            block = queue->last;
        }
        piece = BLOCK_WORDS - block->n < n ? BLOCK_WORDS - block->n : n;
        memcpy (block->words + block->n, words, piece * 8);
        block->n += (uint32_t)piece;
        if (block == queue->first)
            queue->end = block->words + block->n;
        words += piece;
        n -= piece;
    }
    return true;
}

bool hs_word_queue_join (struct hs_word_queue *queue, struct hs_word_pool *pool)
{
    size_t n_left = (size_t)(queue->end - queue->next);
    struct hs_word_block *first = queue->first, *next;

    if (first == queue->last || n_left > LEFT_WORDS)
        return false;
    next = first->next;
    if (n_left > 0)
        memcpy (next->left + LEFT_WORDS - n_left, queue->next, n_left * 8);
    queue->next = next->left + LEFT_WORDS - n_left;
    queue->end = next->words + next->n;
    queue->first = next;
    give_block (pool, first);
    return true;
}

void hs_word_queue_empty (struct hs_word_queue *queue, struct hs_word_pool *pool)
{
    while (queue->first != NULL) {
        struct hs_word_block *next = queue->first->next;

        give_block (pool, queue->first);
        queue->first = next;
    }
    *queue = (struct hs_word_queue){ 0 };
}

uint64_t hs_word_pool_n_words (const struct hs_word_pool *pool)
{
    return pool->n_used * BLOCK_WORDS;
}

void hs_word_pool_clear (struct hs_word_pool *pool)
{
    while (pool->spare != NULL) {
        struct hs_word_block *next = pool->spare->next;

        hs_free (pool->spare);
        pool->spare = next;
    }
    pool->n_spare = 0;
}
