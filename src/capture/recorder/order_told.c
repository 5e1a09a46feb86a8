/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What no thread of the process tells but the recorder itself: samples, names, marks, gaps, losses,
 * its end; see event_order.h. */
#include "capture/recorder/order_private.h"

#include <stdio.h>
#include <string.h>

#define GAP_SLACK_NS 1000 /* a stamp of now may be a moment later by the next reading of clocks */

/* Never before what was told already. */
static int64_t time_between (const struct hs_event_order *order, uint64_t stamp)
{
    int64_t time = hs_order_time_of (order, stamp & HS_ORDER_STAMP_MASK);

    return time > order->trace->newest_time ? time : order->trace->newest_time;
}

enum hs_status hs_event_order_sample (struct hs_event_order *order, uint64_t stamp,
                                      uint64_t resident_bytes, struct hs_error *err)
{
    struct hs_event *sample =
        hs_batch_add (order->batch, HS_EVENT_MEMORY_SAMPLE, time_between (order, stamp));

    sample->process = order->process;
    sample->number = resident_bytes;
    return hs_order_make_room (order, err);
}

enum hs_status hs_event_order_thread (struct hs_event_order *order, uint32_t tid, const char *name,
                                      bool is_end, struct hs_error *err)
{
    struct hs_event *thread =
        hs_batch_add (order->batch, HS_EVENT_THREAD, order->trace->newest_time);

    thread->process = order->process;
    thread->thread = tid;
    thread->thread_info = (struct hs_thread_fields){
        .name = hs_batch_text (order->batch, name, strlen (name)),
        .is_end = is_end,
    };
    return hs_order_make_room (order, err);
}

enum hs_status hs_event_order_mark (struct hs_event_order *order, uint64_t stamp, const char *name,
                                    struct hs_error *err)
{
    struct hs_event *mark = hs_batch_add (order->batch, HS_EVENT_MARK, time_between (order, stamp));

    mark->process = order->process;
    mark->text = hs_batch_text (order->batch, name, strlen (name));
    return hs_order_make_room (order, err);
}

static enum hs_status add_gap (struct hs_event_order *order, int64_t begin, int64_t end,
                               struct hs_error *err)
{
    struct hs_event *gap = hs_batch_add (order->batch, HS_EVENT_GAP, begin);

    gap->process = order->process;
    gap->end_time = end;
    return hs_order_make_room (order, err);
}

enum hs_status hs_event_order_gap (struct hs_event_order *order, uint64_t begin_stamp,
                                   uint64_t end_stamp, struct hs_error *err)
{
    return add_gap (order, hs_order_time_of (order, begin_stamp & HS_ORDER_STAMP_MASK),
                    time_between (order, end_stamp), err);
}

enum hs_status hs_event_order_loss (struct hs_event_order *order, const struct hs_ring_loss *loss,
                                    struct hs_error *err)
{
    int64_t time = time_between (order, loss->begin);
    struct hs_event *event;

    if (loss->n_lost + loss->n_unrecorded > 0) {
        event = hs_batch_add (order->batch, HS_EVENT_LOST, time);
        event->process = order->process;
        event->number = loss->n_lost + loss->n_unrecorded;
    }
    if (loss->n_broken > 0)
        hs_batch_add_notes (order->batch, HS_NOTE_EVENTS_LOST, loss->n_broken, HS_NO_OFFSET,
                            "the shared memory of a thread made no sense and was given up");
    order->totals.n_lost += loss->n_lost;
    order->totals.n_broken += loss->n_broken;
    /* from a time that nothing was told after, to a time that everything seen so far lies before */
    return add_gap (order, time, time_between (order, loss->end) + GAP_SLACK_NS, err);
}

/* A finding, where the file can hold it. */
static enum hs_status tell (struct hs_event_order *order, enum hs_note_kind kind, uint32_t n,
                            const char *sentence, bool is_mark, struct hs_error *err)
{
    struct hs_event *mark;

    if (is_mark) {
        mark = hs_batch_add (order->batch, HS_EVENT_MARK, order->trace->newest_time);
        mark->process = order->process;
        mark->text = hs_batch_text (order->batch, sentence, strlen (sentence));
    } else {
        hs_batch_add_notes (order->batch, kind, n, HS_NO_OFFSET, sentence);
    }
    return hs_order_make_room (order, err);
}

enum hs_status hs_event_order_left_out (struct hs_event_order *order, const char *sentence,
                                        bool is_mark, struct hs_error *err)
{
    return tell (order, HS_NOTE_UNSEEN, 1, sentence, is_mark, err);
}

enum hs_status hs_event_order_unsampled (struct hs_event_order *order, uint64_t n, bool is_mark,
                                         struct hs_error *err)
{
    char sentence[160];

    (void)snprintf (sentence, sizeof sentence,
                    "%llu blocks that sampling had chosen were not recorded: too many of them "
                    "lived at once",
                    (unsigned long long)n);
    return tell (order, HS_NOTE_OTHER, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, sentence, is_mark,
                 err);
}

enum hs_status hs_event_order_gap_at_start (struct hs_event_order *order, struct hs_error *err)
{
    return add_gap (order, 0, 0, err);
}

enum hs_status hs_event_order_end (struct hs_event_order *order, uint64_t stamp,
                                   enum hs_process_end_reason reason, int exit_status,
                                   struct hs_error *err)
{
    struct hs_process_fields fields = { .exit_status = exit_status, .end_reason = reason };
    struct hs_order_trace *trace = order->trace;

    trace->newest_time = time_between (order, stamp);
    if (order->totals.n_late > 0)
        hs_batch_add_notes (order->batch, HS_NOTE_OUT_OF_ORDER, (uint32_t)order->totals.n_late,
                            HS_NO_OFFSET,
                            "a thread told of an event after later ones were written");
    hs_order_end_unseen (order);
    hs_batch_add_process (order->batch, HS_EVENT_PROCESS_END, trace->newest_time, &fields)
        ->process = order->process;
    return hs_order_make_room (order, err);
}
