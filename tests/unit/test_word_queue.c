/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words that wait: what comes out is what went in, whole records at a time, in memory used again.
 */
#include "capture/recorder/word_queue.h"

#include "base/memory.h"
#include "../lib/run_suite.h"

#include <check.h>

#define QUEUES 3
#define LONGEST 4098u /* words of a record */

struct filled {
    struct hs_word_queue queue;
    uint64_t n_put, n_taken; /* words, which tell their number */
    uint64_t n_wrong;
};

static uint32_t random_below (uint64_t *random, uint32_t n)
{
    *random = *random * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
    return (uint32_t)(*random >> 33) % n;
}

static uint64_t word (uint64_t position)
{
    return position * UINT64_C (0x9e3779b97f4a7c15) | 1;
}

/* Takes records of `n` words each, as far as they are there, the way peek does. */
static void take (struct filled *filled, struct hs_word_pool *pool, uint64_t n_records, uint64_t n)
{
    struct hs_word_queue *queue = &filled->queue;

    while (n_records-- > 0) {
        while ((uint64_t)(queue->end - queue->next) < n) {
            if (!hs_word_queue_join (queue, pool)) {
                ck_assert_uint_lt (filled->n_put - filled->n_taken, n);
                return;
            }
        }
        for (uint64_t i = 0; i < n; i++)
            filled->n_wrong += queue->next[i] != word (filled->n_taken + i);
        queue->next += n;
        filled->n_taken += n;
    }
}

static void put (struct filled *filled, struct hs_word_pool *pool, uint64_t n)
{
    uint64_t *words = hs_alloc_array (n, sizeof *words);

    for (uint64_t i = 0; i < n; i++)
        words[i] = word (filled->n_put + i);
    ck_assert (hs_word_queue_put (&filled->queue, pool, words, n));
    filled->n_put += n;
    hs_free (words);
}

START_TEST (keeps_words_in_order)
{
    struct hs_word_pool pool = { 0 };
    struct filled filled[QUEUES] = { 0 };
    uint64_t random = 7;

    for (unsigned turn = 0; turn < 3000; turn++) {
        struct filled *one = &filled[random_below (&random, QUEUES)];

        if (random_below (&random, 2) == 0)
            put (one, &pool, random_below (&random, 60000));
        else
            take (one, &pool, random_below (&random, 20000), 1 + random_below (&random, LONGEST));
        ck_assert_uint_ge (hs_word_pool_n_words (&pool) + QUEUES * LONGEST,
                           one->n_put - one->n_taken);
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        take (&filled[i], &pool, UINT64_MAX, 1);
        ck_assert_uint_eq (filled[i].n_taken, filled[i].n_put);
        ck_assert_uint_eq (filled[i].n_wrong, 0);
        ck_assert (hs_word_queue_is_empty (&filled[i].queue));
        ck_assert (!hs_word_queue_join (&filled[i].queue, &pool));
        hs_word_queue_empty (&filled[i].queue, &pool);
    }
    ck_assert_uint_eq (hs_word_pool_n_words (&pool), 0);
    hs_word_pool_clear (&pool);
}
END_TEST

/* However much passes, memory is asked for only as often as the most that ever waited needs. */
START_TEST (uses_memory_again)
{
    struct hs_word_pool pool = { 0 };
    struct filled filled = { 0 };
    uint64_t n_first;

    hs_memory_fail_never ();
    put (&filled, &pool, 100000);
    take (&filled, &pool, UINT64_MAX, 3);
    n_first = hs_memory_n_allocations ();
    for (unsigned turn = 0; turn < 100; turn++) {
        put (&filled, &pool, 90000);
        take (&filled, &pool, UINT64_MAX, 3);
    }
    /* the test itself asks once a turn */
    ck_assert_uint_eq (hs_memory_n_allocations () - n_first, 100);
    hs_word_queue_empty (&filled.queue, &pool);
    hs_word_pool_clear (&pool);
}
END_TEST

START_TEST (says_when_memory_is_out)
{
    static const uint64_t words[100000];
    struct hs_word_pool pool = { 0 };
    struct hs_word_queue queue = { 0 };

    hs_memory_fail_at (3);
    ck_assert (!hs_word_queue_put (&queue, &pool, words, 100000));
    hs_memory_fail_never ();
    ck_assert (hs_word_queue_put (&queue, &pool, words, 100000));
    hs_word_queue_empty (&queue, &pool);
    ck_assert (hs_word_queue_is_empty (&queue));
    hs_word_pool_clear (&pool);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("word_queue");
    TCase *tests = tcase_create ("words");

    tcase_add_test (tests, keeps_words_in_order);
    tcase_add_test (tests, uses_memory_again);
    tcase_add_test (tests, says_when_memory_is_out);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
