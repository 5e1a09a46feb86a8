/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock that stamps are read from: the same one by agents and recorder, for a whole trace. */
#ifndef HS_CAPTURE_RECORDER_TRACE_CLOCK_H
#define HS_CAPTURE_RECORDER_TRACE_CLOCK_H

#include "capture/ring/ring.h"

#include <time.h>

/* The time stamp counter, where it runs evenly and the kernel trusts it; else
 * CLOCK_MONOTONIC. HEAPSTRATA_CLOCK=tsc or =monotonic in the environment decides otherwise. */
enum hs_ring_clock hs_trace_clock_choose (void);

static inline uint64_t hs_trace_clock_now (enum hs_ring_clock clock)
{
    struct timespec time;

    if (clock == HS_RING_CLOCK_TSC)
        return __builtin_ia32_rdtsc ();
    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C (1000000000) + (uint64_t)time.tv_nsec;
}

#endif
