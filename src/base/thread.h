/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a thread of the core's own. */
#ifndef HS_BASE_THREAD_H
#define HS_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Runs `run (data)` on a new thread that gets no signals: those are for the threads that were there
 * before. To be joined. False where there can be no thread. Any thread. */
bool hs_thread_start (pthread_t *ret, void *(*run) (void *), void *data);

#endif
