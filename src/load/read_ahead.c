/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ring of batches between two threads; see read_ahead.h. */
#include "load/read_ahead.h"

#include "base/memory.h"
#include "base/thread.h"

#include <pthread.h>

/*
 * 0.35 MB each, once they are used. Not fewer: a batch that the other core has just read is still
 * in its cache, and writing it again waits for that. 10,000,000 events of a .hst opened in 0.51 to
 * 1.45 s with 4 batches, as the host placed the two cores, and in 0.52 to 0.77 s with 48.
 */
#define N_BATCHES 32u

struct slot {
    struct hs_event_batch *batch;
    enum hs_status status;
    struct hs_error error;
    double progress;
};

struct hs_read_ahead {
    struct hs_decoder *decoder;
    struct hs_trace *trace; /* whose memory is got ready */
    struct slot slots[N_BATCHES];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* with the lock */
    unsigned first, n_full; /* the first may be lent */
    bool is_lent;
    bool is_resting; /* an outcome other than HS_OK was read: nothing is read until it was taken */
    bool must_end;
};

static void read_one (struct hs_read_ahead *ahead, struct slot *slot)
{
    slot->error = (struct hs_error){ 0 };
    slot->status = hs_decoder_next (ahead->decoder, slot->batch, &slot->error);
    slot->progress = hs_decoder_progress (ahead->decoder);
}

/* With the lock: nothing is to be read for now. */
static bool must_wait (const struct hs_read_ahead *ahead)
{
    return ahead->is_resting || ahead->n_full == N_BATCHES;
}

/* With the lock, which it gives up meanwhile: time to spare goes into memory for the other thread.
 */
static void pass_time (struct hs_read_ahead *ahead)
{
    bool was_useful = false;

    if (!ahead->is_resting) {
        (void)pthread_mutex_unlock (&ahead->lock);
        was_useful = hs_trace_touch_ahead (ahead->trace);
        (void)pthread_mutex_lock (&ahead->lock);
    }
    if (!was_useful && must_wait (ahead) && !ahead->must_end)
        (void)pthread_cond_wait (&ahead->changed, &ahead->lock);
}

static void *read_all (void *data)
{
    struct hs_read_ahead *ahead = data;

    (void)pthread_mutex_lock (&ahead->lock);
    while (!ahead->must_end) {
        struct slot *slot = &ahead->slots[(ahead->first + ahead->n_full) % N_BATCHES];

        if (must_wait (ahead)) {
            pass_time (ahead);
            continue;
        }
        (void)pthread_mutex_unlock (&ahead->lock);
        read_one (ahead, slot);
        (void)pthread_mutex_lock (&ahead->lock);
        ahead->n_full++;
        ahead->is_resting = slot->status != HS_OK;
        (void)pthread_cond_signal (&ahead->changed);
    }
    (void)pthread_mutex_unlock (&ahead->lock);
    return NULL;
}

static void clear (struct hs_read_ahead *ahead)
{
    for (unsigned i = 0; i < N_BATCHES; i++)
        hs_batch_free (ahead->slots[i].batch);
    (void)pthread_mutex_destroy (&ahead->lock);
    (void)pthread_cond_destroy (&ahead->changed);
    hs_free (ahead);
}

struct hs_read_ahead *hs_read_ahead_new (struct hs_decoder *decoder, struct hs_trace *trace)
{
    struct hs_read_ahead *ahead = HS_NEW (struct hs_read_ahead);
    bool has_batches = true;

    if (ahead == NULL)
        return NULL;
    ahead->decoder = decoder;
    ahead->trace = trace;
    (void)pthread_mutex_init (&ahead->lock, NULL);
    (void)pthread_cond_init (&ahead->changed, NULL);
    for (unsigned i = 0; i < N_BATCHES && has_batches; i++) {
        ahead->slots[i].batch = hs_batch_new ();
        has_batches = ahead->slots[i].batch != NULL;
    }
    if (has_batches && hs_thread_start (&ahead->thread, read_all, ahead))
        return ahead;
    clear (ahead);
    return NULL;
}

void hs_read_ahead_free (struct hs_read_ahead *ahead)
{
    if (ahead == NULL)
        return;
    (void)pthread_mutex_lock (&ahead->lock);
    ahead->must_end = true;
    (void)pthread_cond_signal (&ahead->changed);
    (void)pthread_mutex_unlock (&ahead->lock);
    (void)pthread_join (ahead->thread, NULL);
    clear (ahead);
}

enum hs_status hs_read_ahead_next (struct hs_read_ahead *ahead, const struct hs_event_batch **ret,
                                   double *ret_progress, struct hs_error *err)
{
    const struct slot *slot;

    (void)pthread_mutex_lock (&ahead->lock);
    if (ahead->is_lent) {
        ahead->first = (ahead->first + 1) % N_BATCHES;
        ahead->n_full--;
        ahead->is_resting &= ahead->n_full > 0;
        (void)pthread_cond_signal (&ahead->changed);
    }
    while (ahead->n_full == 0)
        (void)pthread_cond_wait (&ahead->changed, &ahead->lock);
    ahead->is_lent = true;
    slot = &ahead->slots[ahead->first];
    (void)pthread_mutex_unlock (&ahead->lock);
    *ret = slot->batch;
    *ret_progress = slot->progress;
    if (hs_status_is_error (slot->status) && err != NULL)
        *err = slot->error;
    return slot->status;
}
