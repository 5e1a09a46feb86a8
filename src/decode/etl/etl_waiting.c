/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that wait for their stack record; see etl_waiting.h. */
#include "decode/etl/etl_waiting.h"

#include "base/limits.h"
#include "base/memory.h"

#define FIRST_CAPACITY 256
/* Events with one stamp that are looked at: clocks that tick every 15 ms make many, hostile files
 * make all. */
#define MAX_TIES 1024
#define SURE_SCORE 10

static struct hs_etl_waiter *at (const struct hs_etl_waiting *waiting, size_t i)
{
    return &waiting->items[(waiting->head + i) & (waiting->capacity - 1)];
}

void hs_etl_waiting_clear (struct hs_etl_waiting *waiting)
{
    hs_free (waiting->items);
    *waiting = (struct hs_etl_waiting){ 0 };
}

/* Drops those that are done and those of kinds that never get stacks. */
static void tidy (struct hs_etl_waiting *waiting, unsigned useful)
{
    size_t kept = 0;

    for (size_t i = 0; i < waiting->n; i++) {
        const struct hs_etl_waiter *waiter = at (waiting, i);

        if (!waiter->is_done && (useful >> waiter->kind & 1) != 0)
            *at (waiting, kept++) = *waiter;
    }
    waiting->n = kept;
}

static bool grow (struct hs_etl_waiting *waiting)
{
    size_t capacity = waiting->capacity == 0 ? FIRST_CAPACITY : waiting->capacity * 2;
    struct hs_etl_waiter *items = hs_alloc_array (capacity, sizeof *items);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < waiting->n; i++)
        items[i] = *at (waiting, i);
    hs_free (waiting->items);
    waiting->items = items;
    waiting->capacity = capacity;
    waiting->head = 0;
    return true;
}

bool hs_etl_waiting_make_room (struct hs_etl_waiting *waiting, unsigned useful)
{
    tidy (waiting, useful);
    if (waiting->n <= waiting->capacity / 4 * 3 && waiting->capacity > 0)
        return true;
    if (waiting->capacity < HS_LIMIT_PENDING_STACKS)
        return grow (waiting);
    /* a quarter at a time: tidying costs as much as the queue is long */
    waiting->n_given_up += waiting->n / 4;
    waiting->head = (waiting->head + waiting->n / 4) & (waiting->capacity - 1);
    waiting->n -= waiting->n / 4;
    return true;
}

/* Index of the first waiter with time >= `time`: gallops back from the newest. */
static size_t lower_bound (const struct hs_etl_waiting *waiting, int64_t time)
{
    size_t low = 0, high = waiting->n, step = 1;

    while (high > 0) {
        size_t probe = high > step ? high - step : 0;

        if (at (waiting, probe)->time < time) {
            low = probe + 1;
            break;
        }
        high = probe;
        step *= 2;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (at (waiting, middle)->time < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How well a waiter fits; 0 = not at all. */
static unsigned score (const struct hs_etl_waiter *waiter, const struct hs_etl_stack_key *key,
                       unsigned doubtful)
{
    bool is_doubtful = (doubtful >> waiter->kind & 1) != 0;

    if (waiter->is_done)
        return 0;
    if (waiter->has_ids)
        return waiter->thread != key->thread || waiter->pid != key->pid ? 0
               : is_doubtful                                            ? 1
                                                                        : SURE_SCORE;
    return (is_doubtful ? 1u : 6u) + (waiter->cpu == key->cpu ? 2u : 0u) +
           (waiter->pid == key->pid ? 1u : 0u);
}

struct hs_etl_waiter *hs_etl_waiting_find (struct hs_etl_waiting *waiting,
                                           const struct hs_etl_stack_key *key, unsigned doubtful,
                                           enum hs_etl_find find)
{
    struct hs_etl_waiter *best = NULL;
    unsigned best_score = find == HS_ETL_FIND_SURE ? 5 : 0;
    size_t first, end;

    if (waiting->n == 0 || at (waiting, waiting->n - 1)->time < key->time)
        return NULL;
    best = at (waiting, waiting->n - 1); /* nearly always: the newest, and no other has its stamp */
    if (best->time == key->time && score (best, key, doubtful) == SURE_SCORE &&
        (waiting->n == 1 || at (waiting, waiting->n - 2)->time != key->time))
        return best;
    best = NULL;
    first = lower_bound (waiting, key->time);
    end = key->time < INT64_MAX ? lower_bound (waiting, key->time + 1) : waiting->n;

    for (size_t i = end - first > MAX_TIES ? end - MAX_TIES : first; i < end; i++) {
        struct hs_etl_waiter *waiter = at (waiting, i);
        unsigned this_score = score (waiter, key, doubtful);

        if (this_score > best_score) {
            best = waiter;
            best_score = this_score;
        }
    }
    return best;
}

void hs_etl_waiting_take (struct hs_etl_waiting *waiting, struct hs_etl_waiter *waiter)
{
    waiter->is_done = true;
    while (waiting->n > 0 && at (waiting, waiting->n - 1)->is_done)
        waiting->n--;
    while (waiting->n > 0 && at (waiting, 0)->is_done) {
        waiting->head = (waiting->head + 1) & (waiting->capacity - 1);
        waiting->n--;
    }
}
