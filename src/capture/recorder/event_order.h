/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From ring records to events in time order: merges the queues up to the horizon, turns stamps into
 * nanoseconds, stack ids of threads into slots, and begin/end pairs of realloc into what they mean
 * (CAPTURE.md 1).
 */
#ifndef HS_CAPTURE_RECORDER_EVENT_ORDER_H
#define HS_CAPTURE_RECORDER_EVENT_ORDER_H

#include "base/idmap.h"
#include "capture/recorder/recorder.h"
#include "capture/recorder/ring_reader.h"
#include "event/event_batch.h"

struct hs_order_trace; /* what all processes of a recording share: clock, batch, numbers */
struct hs_event_order; /* one process instance */

struct hs_order_target { /* where events go */
    enum hs_status (*append) (void *self, const struct hs_event_batch *batch, struct hs_error *err);
    void *self;
    /* may be NULL: then allocs and frees come in batches like the rest (encode/encoder.h) */
    enum hs_status (*put_blocks) (void *self, const struct hs_event *common,
                                  const struct hs_brief_block *blocks, uint32_t n,
                                  struct hs_error *err);
    enum hs_ring_clock clock; /* of the stamps */
};

/* Reads the clocks for some milliseconds; then is the trace's zero. */
enum hs_status hs_order_trace_new (const struct hs_order_target *target,
                                   struct hs_order_trace **ret, struct hs_error *err);
void hs_order_trace_free (struct hs_order_trace *trace);

/* Reads both clocks; called with every drain, so that stamps are interpolated, not extrapolated. */
void hs_order_trace_tick (struct hs_order_trace *trace);

/* Hands on the batch as it is. */
enum hs_status hs_order_trace_flush (struct hs_order_trace *trace, struct hs_error *err);

/* Now is the end of the trace; how long it was, in ns. */
uint64_t hs_order_trace_end (struct hs_order_trace *trace);

uint64_t hs_order_trace_ticks_per_ms (const struct hs_order_trace *trace);

/* The next process of the trace. `reader` and `trace` live longer. */
enum hs_status hs_event_order_new (struct hs_order_trace *trace, struct hs_ring_reader *reader,
                                   struct hs_event_order **ret, struct hs_error *err);
void hs_event_order_free (struct hs_event_order *order);

/* Describes the process before its first event. Texts are copied. */
enum hs_status hs_event_order_begin (struct hs_event_order *order,
                                     const struct hs_process_fields *process, const char *exe_path,
                                     struct hs_error *err);

/* Hands on every record with a stamp below `horizon`. */
enum hs_status hs_event_order_pass (struct hs_event_order *order, uint64_t horizon,
                                    struct hs_error *err);

/* The stamp of the oldest record that waits, UINT64_MAX when there is none: so that records of
 * several processes are passed by turns. */
uint64_t hs_event_order_next_stamp (struct hs_event_order *order);
/* What was lost since the drain before, told before the records of this one are passed. */
enum hs_status hs_event_order_loss (struct hs_event_order *order, const struct hs_ring_loss *loss,
                                    struct hs_error *err);

/* What lies between records, told when all records before its stamp were handed on: a sample of the
 * resident set; a mark of the user; a time in which nothing was recorded; the end. */
enum hs_status hs_event_order_sample (struct hs_event_order *order, uint64_t stamp,
                                      uint64_t resident_bytes, struct hs_error *err);
enum hs_status hs_event_order_mark (struct hs_event_order *order, uint64_t stamp, const char *name,
                                    struct hs_error *err);
enum hs_status hs_event_order_gap (struct hs_event_order *order, uint64_t begin_stamp,
                                   uint64_t end_stamp, struct hs_error *err);
enum hs_status hs_event_order_end (struct hs_event_order *order, uint64_t stamp,
                                   enum hs_process_end_reason reason, int exit_status,
                                   struct hs_error *err);

/* A thread of the process: its name, or its end. */
enum hs_status hs_event_order_thread (struct hs_event_order *order, uint32_t tid, const char *name,
                                      bool is_end, struct hs_error *err);

/* What was asked to be left out of the recording, as a finding or (`is_mark`) at its beginning. */
enum hs_status hs_event_order_left_out (struct hs_event_order *order, const char *sentence,
                                        bool is_mark, struct hs_error *err);

/* At the end of the recording: so many blocks that sampling chose are not in it; as above. */
enum hs_status hs_event_order_unsampled (struct hs_event_order *order, uint64_t n, bool is_mark,
                                         struct hs_error *err);

/* What the process did before the trace's zero is unknown. */
enum hs_status hs_event_order_gap_at_start (struct hs_event_order *order, struct hs_error *err);

/* Of this process; n_unrecorded, n_unsampled, duration_ns and wait_status are not known here. */
const struct hs_record_totals *hs_event_order_totals (const struct hs_event_order *order);

#endif
