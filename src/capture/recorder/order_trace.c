/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all processes of a recording share: the clock, the batch, the end; see event_order.h. */
#include "capture/recorder/order_private.h"

#include "base/memory.h"
#include "capture/recorder/trace_clock.h"

#include <time.h>

#define CALIBRATION_NS 300000   /* right to some hundred ns in the first ms, then it is told anew */
#define CLOCK_TRIES 8           /* to read both clocks without being interrupted */
#define UNINTERRUPTED_TICKS 300 /* that takes no longer */
#define EPOCH_1601_TO_1970 INT64_C (116444736000000000) /* in 100 ns */

/* The reading that was interrupted least. */
static struct hs_clock_pair read_clocks (enum hs_ring_clock clock)
{
    struct hs_clock_pair best = { 0 };
    uint64_t shortest = UINT64_MAX;

    for (unsigned i = 0; i < CLOCK_TRIES && shortest > UNINTERRUPTED_TICKS; i++) {
        struct timespec time;
        uint64_t before = hs_trace_clock_now (clock), after;

        (void)clock_gettime (CLOCK_MONOTONIC, &time);
        after = hs_trace_clock_now (clock);
        if (after - before < shortest) {
            shortest = after - before;
            best = (struct hs_clock_pair){ before + shortest / 2,
                                           time.tv_sec * INT64_C (1000000000) + time.tv_nsec };
        }
    }
    return best;
}

static void take_slope (struct hs_order_trace *trace)
{
    int64_t span = (int64_t)(trace->now.tsc - trace->before.tsc);

    trace->ns_per_tick = (double)(trace->now.ns - trace->before.ns) / (double)(span > 0 ? span : 1);
}

static void calibrate (struct hs_order_trace *trace)
{
    struct timespec wait = { 0, CALIBRATION_NS };
    struct hs_clock_pair begin = read_clocks (trace->target.clock);

    (void)nanosleep (&wait, NULL);
    trace->first = trace->before = begin;
    trace->now = read_clocks (trace->target.clock);
    trace->ticks_per_ms =
        (trace->now.tsc - begin.tsc) * 1000000 / (uint64_t)(trace->now.ns - begin.ns + 1);
    take_slope (trace);
}

void hs_order_trace_tick (struct hs_order_trace *trace)
{
    struct hs_clock_pair now = read_clocks (trace->target.clock);

    /* short spans would turn jitter into slope */
    if (now.ns - trace->now.ns < 1000000)
        return;
    trace->before = trace->now;
    trace->now = now;
    take_slope (trace);
}
enum hs_status hs_order_trace_flush (struct hs_order_trace *trace, struct hs_error *err)
{
    struct hs_event_batch *batch = trace->batch;
    enum hs_status status = HS_OK;

    if (batch->is_out_of_memory)
        return hs_error_no_memory (err);
    if (batch->n > 0 || trace->has_put) {
        trace->has_put = false;
        batch->has_last_time = true;
        batch->last_time = trace->newest_time;
        status = trace->target.append (trace->target.self, batch, err);
    }
    hs_batch_reset (batch);
    return status;
}
enum hs_status hs_order_trace_new (const struct hs_order_target *target,
                                   struct hs_order_trace **ret, struct hs_error *err)
{
    struct hs_order_trace *trace = HS_NEW (struct hs_order_trace);
    struct hs_event *clock;
    struct timespec wall;

    if (trace != NULL)
        trace->batch = hs_batch_new ();
    if (trace == NULL || trace->batch == NULL) {
        hs_free (trace);
        return hs_error_no_memory (err);
    }
    trace->target = *target;
    calibrate (trace);
    (void)clock_gettime (CLOCK_REALTIME, &wall);
    clock = hs_batch_add (trace->batch, HS_EVENT_CLOCK, 0);
    clock->clock = (struct hs_clock_fields){
        .ticks_per_second = 1000000000,
        .zero_filetime = wall.tv_sec * INT64_C (10000000) + wall.tv_nsec / 100 +
                         EPOCH_1601_TO_1970 -
                         (read_clocks (target->clock).ns - trace->first.ns) / 100,
        .resolution_ticks = 1,
    };
    *ret = trace;
    return HS_OK;
}

void hs_order_trace_free (struct hs_order_trace *trace)
{
    if (trace == NULL)
        return;
    hs_batch_free (trace->batch);
    hs_free (trace);
}

uint64_t hs_order_trace_ticks_per_ms (const struct hs_order_trace *trace)
{
    return trace->ticks_per_ms;
}

int64_t hs_order_trace_now (const struct hs_order_trace *trace)
{
    return read_clocks (trace->target.clock).ns - trace->first.ns;
}

uint64_t hs_order_trace_end (struct hs_order_trace *trace)
{
    int64_t time = hs_order_trace_now (trace);

    if (time > trace->newest_time)
        trace->newest_time = time;
    return (uint64_t)trace->newest_time;
}
