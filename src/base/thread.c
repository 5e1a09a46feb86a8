/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads without signals; see thread.h. */
#include "base/thread.h"

#include <signal.h>

bool hs_thread_start (pthread_t *ret, void *(*run) (void *), void *data)
{
    sigset_t all, before;
    bool is_started;

    (void)sigfillset (&all);
    if (pthread_sigmask (SIG_SETMASK, &all, &before) != 0)
        return false;
    is_started = pthread_create (ret, NULL, run, data) == 0;
    (void)pthread_sigmask (SIG_SETMASK, &before, NULL);
    return is_started;
}
