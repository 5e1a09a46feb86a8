/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A queue of buffers to be unpacked; see etl_ahead.h. */
#include "decode/etl/etl_ahead.h"

#include "base/memory.h"
#include "base/thread.h"
#include "decode/etl/etl_layout.h"
#include "decode/etl/xpress.h"

#include <unistd.h>

struct hs_etl_ahead {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct hs_note_pile notes; /* the thread's */
    /* with the lock */
    struct hs_etl_job *first, *last; /* given and not begun */
    bool must_end;
};

static bool unpack (struct hs_etl_job *job, struct hs_note_pile *notes)
{
    struct hs_etl_page *page = &job->page;
    size_t n;

    if (hs_xpress_decode ((struct hs_span){ job->packed, job->n_packed },
                          page->bytes + ETL_BUFFER_HEADER_BYTES, job->n_wanted,
                          &n) != HS_XPRESS_DONE ||
        n != job->n_wanted)
        return false;
    page->filled = ETL_BUFFER_HEADER_BYTES + (uint32_t)n;
    if (hs_etl_page_scan (page, job->last_time, &job->range, notes, NULL) != HS_OK)
        return false;
    return !notes->has_any;
}

static void *unpack_all (void *data)
{
    struct hs_etl_ahead *ahead = data;

    (void)pthread_mutex_lock (&ahead->lock);
    while (!ahead->must_end) {
        struct hs_etl_job *job = ahead->first;
        bool is_clean;

        if (job == NULL) {
            (void)pthread_cond_wait (&ahead->changed, &ahead->lock);
            continue;
        }
        ahead->first = job->next;
        (void)pthread_mutex_unlock (&ahead->lock);
        is_clean = unpack (job, &ahead->notes);
        if (ahead->notes.has_any)
            ahead->notes = (struct hs_note_pile){ .has_any = false };
        (void)pthread_mutex_lock (&ahead->lock);
        job->is_clean = is_clean;
        job->is_done = true;
        (void)pthread_cond_broadcast (&ahead->changed);
    }
    (void)pthread_mutex_unlock (&ahead->lock);
    return NULL;
}

struct hs_etl_ahead *hs_etl_ahead_new (void)
{
    struct hs_etl_ahead *ahead =
        sysconf (_SC_NPROCESSORS_ONLN) > 1 ? HS_NEW (struct hs_etl_ahead) : NULL;

    if (ahead == NULL)
        return NULL;
    (void)pthread_mutex_init (&ahead->lock, NULL);
    (void)pthread_cond_init (&ahead->changed, NULL);
    if (hs_thread_start (&ahead->thread, unpack_all, ahead))
        return ahead;
    (void)pthread_mutex_destroy (&ahead->lock);
    (void)pthread_cond_destroy (&ahead->changed);
    hs_free (ahead);
    return NULL;
}

void hs_etl_ahead_free (struct hs_etl_ahead *ahead)
{
    if (ahead == NULL)
        return;
    (void)pthread_mutex_lock (&ahead->lock);
    ahead->must_end = true;
    (void)pthread_cond_broadcast (&ahead->changed);
    (void)pthread_mutex_unlock (&ahead->lock);
    (void)pthread_join (ahead->thread, NULL);
    (void)pthread_mutex_destroy (&ahead->lock);
    (void)pthread_cond_destroy (&ahead->changed);
    hs_free (ahead);
}

void hs_etl_ahead_give (struct hs_etl_ahead *ahead, struct hs_etl_job *job)
{
    job->is_given = true;
    job->is_done = false;
    job->next = NULL;
    (void)pthread_mutex_lock (&ahead->lock);
    if (ahead->first == NULL)
        ahead->first = job;
    else
        ahead->last->next = job;
    ahead->last = job;
    (void)pthread_cond_signal (&ahead->changed);
    (void)pthread_mutex_unlock (&ahead->lock);
}

void hs_etl_ahead_take (struct hs_etl_ahead *ahead, struct hs_etl_job *job)
{
    (void)pthread_mutex_lock (&ahead->lock);
    while (!job->is_done)
        (void)pthread_cond_wait (&ahead->changed, &ahead->lock);
    (void)pthread_mutex_unlock (&ahead->lock);
    job->is_given = false;
}
