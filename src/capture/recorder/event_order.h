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

struct hs_event_order;

struct hs_order_target { /* where batches go */
    enum hs_status (*append) (void *self, const struct hs_event_batch *batch, struct hs_error *err);
    void *self;
};

enum hs_status hs_event_order_new (struct hs_ring_reader *reader,
                                   const struct hs_order_target *target,
                                   struct hs_event_order **ret, struct hs_error *err);
void hs_event_order_free (struct hs_event_order *order);

/* Describes the process before its first event. Texts are copied. */
enum hs_status hs_event_order_begin (struct hs_event_order *order,
                                     const struct hs_process_fields *process, const char *exe_path,
                                     struct hs_error *err);

/* Hands on every record with a stamp below `horizon`. */
enum hs_status hs_event_order_pass (struct hs_event_order *order, uint64_t horizon,
                                    struct hs_error *err);

/* The end of the process, and the last batch. */
enum hs_status hs_event_order_end (struct hs_event_order *order, bool has_exited, int exit_status,
                                   struct hs_error *err);

/* What lies between records, told when all records before its stamp were handed on: a sample of the
 * resident set; a mark of the user; a time in which nothing was recorded. */
enum hs_status hs_event_order_sample (struct hs_event_order *order, uint64_t stamp,
                                      uint64_t resident_bytes, struct hs_error *err);
enum hs_status hs_event_order_mark (struct hs_event_order *order, uint64_t stamp, const char *name,
                                    struct hs_error *err);
enum hs_status hs_event_order_gap (struct hs_event_order *order, uint64_t begin_stamp,
                                   uint64_t end_stamp, struct hs_error *err);

/* What the process did before the trace's zero is unknown. */
enum hs_status hs_event_order_gap_at_start (struct hs_event_order *order, struct hs_error *err);

/* Reads both clocks; called with every drain, so that stamps are interpolated, not extrapolated. */
void hs_event_order_tick (struct hs_event_order *order);

/* Ticks of the TSC per millisecond, known after hs_event_order_new. */
uint64_t hs_event_order_ticks_per_ms (const struct hs_event_order *order);

const struct hs_record_totals *hs_event_order_totals (const struct hs_event_order *order);

#endif
