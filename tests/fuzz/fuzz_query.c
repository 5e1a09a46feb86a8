/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: a made-up history of allocations, asked as it is and as it was half-way (an older
 * snapshot of the same trace), against plain loops over a list of blocks. The first bytes choose
 * the question, each four that follow are an event.
 */
#include "analysis/histogram.h"
#include "analysis/stack_sums.h"
#include "analysis/timeline.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define QUESTION_BYTES 12
#define MAX_EVENTS 2000
#define N_PIDS 3
#define N_COLUMNS 7

struct block {
    hs_process_id process;
    uint64_t heap, address, size;
    hs_event_no birth, end, exit; /* HS_NO_EVENT = none */
};

struct model {
    struct block blocks[MAX_EVENTS];
    int64_t times[MAX_EVENTS];
    uint32_t n_blocks, n_events, n_processes;
    hs_process_id processes[N_PIDS]; /* by pid: the instance that lives */
    int64_t now;
};

struct sums {
    uint64_t count[4], bytes[4];
};

#define demand(holds) demand_at (holds, #holds, __LINE__)

static void demand_at (bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf (stderr, "%s:%d: does not hold: %s\n", __FILE__, line, what);
    __builtin_trap ();
}

static struct block *find_live (struct model *model, hs_process_id process, uint64_t heap,
                                uint64_t address)
{
    for (uint32_t i = 0; i < model->n_blocks; i++) {
        struct block *block = &model->blocks[i];

        if (block->process == process && block->heap == heap && block->address == address &&
            block->end == HS_NO_EVENT && block->exit == HS_NO_EVENT)
            return block;
    }
    return NULL;
}

static void add_process (struct model *model, struct hs_event_batch *batch, unsigned pid)
{
    struct hs_process_fields fields = { .pid = pid + 1 };

    model->processes[pid] = model->n_processes++;
    hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = model->processes[pid];
}

static void end_blocks (struct model *model, hs_process_id process, const uint64_t *heap)
{
    for (uint32_t i = 0; i < model->n_blocks; i++) {
        struct block *block = &model->blocks[i];

        if (block->process != process || block->end != HS_NO_EVENT || block->exit != HS_NO_EVENT)
            continue;
        if (heap == NULL)
            block->exit = model->n_events;
        else if (block->heap == *heap)
            block->end = model->n_events;
    }
}

static void add_alloc (struct model *model, struct hs_event *event)
{
    struct block *live = find_live (model, event->process, event->block.heap, event->block.address);

    if (live != NULL)
        live->end = model->n_events;
    model->blocks[model->n_blocks++] =
        (struct block){ event->process,  event->block.heap, event->block.address, event->block.size,
                        model->n_events, HS_NO_EVENT,       HS_NO_EVENT };
}

/* One event to the batch and to the model. */
static void add_event (struct model *model, struct hs_event_batch *batch, const uint8_t *bytes)
{
    static const enum hs_event_kind kinds[8] = { HS_EVENT_ALLOC, HS_EVENT_ALLOC,
                                                 HS_EVENT_ALLOC, HS_EVENT_ALLOC,
                                                 HS_EVENT_FREE,  HS_EVENT_FREE,
                                                 HS_EVENT_FREE,  HS_EVENT_HEAP_DESTROY };
    enum hs_event_kind kind = kinds[bytes[0] & 7];
    unsigned pid = (bytes[0] >> 3 & 7) % N_PIDS;
    uint64_t heap = bytes[0] >> 6 & 1, address = ((uint64_t)(bytes[1] & 31) + 1) * 16;
    struct hs_event *event;
    struct block *live;

    model->now += bytes[1] >> 5;
    if (kind == HS_EVENT_HEAP_DESTROY && (bytes[1] & 1) != 0)
        kind = HS_EVENT_PROCESS_END;
    if (kind == HS_EVENT_PROCESS_END) {
        struct hs_process_fields fields = { .pid = pid + 1 };

        hs_batch_add_process (batch, kind, model->now, &fields)->process = model->processes[pid];
        end_blocks (model, model->processes[pid], NULL);
    } else {
        event = hs_batch_add (batch, kind, model->now);
        event->process = model->processes[pid];
        if (kind == HS_EVENT_HEAP_DESTROY) {
            event->heap = (struct hs_heap_fields){ .heap = heap };
            end_blocks (model, event->process, &heap);
        } else {
            if ((bytes[3] >> 6) == 3)
                event->stack = 3; /* never defined */
            else if ((bytes[3] >> 6) != 0 && event->process < 2)
                event->stack = event->process + 1;
            event->block = (struct hs_block_fields){
                .heap = heap, .address = address, .size = (uint64_t)bytes[2] << (bytes[3] & 31)
            };
            live = find_live (model, event->process, heap, address);
            if (kind == HS_EVENT_ALLOC)
                add_alloc (model, event);
            else if (live != NULL)
                live->end = model->n_events;
        }
    }
    model->times[model->n_events++] = model->now;
    if (kind == HS_EVENT_PROCESS_END)
        add_process (model, batch, pid);
}

/* Questions by plain loops; what came after event `n` does not exist yet. */

static bool passes (const struct block *block, const struct hs_filter *filter, bool by_size)
{
    return (filter->process == HS_NO_PROCESS || filter->process == block->process) &&
           (!filter->has_heap || filter->heap == block->heap) &&
           (!by_size || (block->size >= filter->size_min && block->size <= filter->size_max));
}

static void add_to_class (const struct model *model, hs_event_no n, const struct hs_filter *filter,
                          const struct block *block, struct sums *sums)
{
    hs_event_no begin = 0, end = n;
    int class;

    if (filter->has_range)
        for (begin = 0, end = 0; end < n && model->times[end] <= filter->to; end++)
            begin += model->times[end] < filter->from;
    if (filter->has_range && filter->from > filter->to)
        begin = end = 0;
    if (block->birth >= end || block->end < begin)
        return;
    class = (block->birth < begin ? 2 : 0) + (block->end < end ? 0 : 1);
    sums->count[class]++;
    sums->bytes[class] += block->size;
}

static struct sums sum_up (const struct model *model, hs_event_no n, const struct hs_filter *filter,
                           int size_class)
{
    struct sums sums = { 0 };

    for (uint32_t i = 0; i < model->n_blocks; i++) {
        const struct block *block = &model->blocks[i];

        if (block->birth < n && passes (block, filter, size_class < 0) &&
            (size_class < 0 || hs_size_class (block->size) == (unsigned)size_class))
            add_to_class (model, n, filter, block, &sums);
    }
    return sums;
}

static void check_sums (const struct model *model, const struct hs_snapshot *snapshot,
                        const struct hs_filter *filter)
{
    struct sums expected = sum_up (model, snapshot->n_events, filter, -1);
    struct hs_stack_sums *sums;
    struct hs_sums parts = { 0 };
    struct hs_histogram *histogram;

    demand (hs_stack_sums (snapshot, filter, NULL, &sums, NULL) == HS_OK);
    demand (memcmp (sums->total.count, expected.count, sizeof expected.count) == 0);
    demand (memcmp (sums->total.bytes, expected.bytes, sizeof expected.bytes) == 0);
    for (uint32_t i = 0; i < sums->n; i++)
        hs_sums_add (&parts, &sums->stacks[i].sums);
    demand (memcmp (&parts, &sums->total, sizeof parts) == 0);
    hs_stack_sums_free (sums);

    demand (hs_histogram (snapshot, filter, NULL, &histogram, NULL) == HS_OK);
    for (int i = 0; i < HS_N_SIZE_CLASSES; i++) {
        expected = sum_up (model, snapshot->n_events, filter, i);
        demand (memcmp (histogram->classes[i].count, expected.count, sizeof expected.count) == 0);
        demand (memcmp (histogram->classes[i].bytes, expected.bytes, sizeof expected.bytes) == 0);
    }
    hs_histogram_unref (histogram);
}

/* Bytes in memory after event `event` (exclusive end of the events that count). */
static uint64_t live_after (const struct model *model, hs_event_no event,
                            const struct hs_filter *filter)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < model->n_blocks; i++) {
        const struct block *block = &model->blocks[i];

        if (block->birth < event && block->end >= event && block->exit >= event &&
            passes (block, filter, true))
            bytes += block->size;
    }
    return bytes;
}

static void check_timeline (const struct model *model, const struct hs_snapshot *snapshot,
                            const struct hs_filter *filter)
{
    struct hs_timeline_query query = { .to = model->now, .n_columns = N_COLUMNS };
    struct hs_timeline *timeline;
    hs_event_no at = 0;

    if (filter->has_range && filter->from < filter->to) {
        query.from = filter->from;
        query.to = filter->to;
    }
    demand (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL) == HS_OK);
    while (at < snapshot->n_events && model->times[at] < query.from)
        at++;
    demand (timeline->start_bytes == live_after (model, at, filter));
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];
        uint64_t least = live_after (model, at, filter), most = least;

        for (; at < snapshot->n_events && model->times[at] <= column->end_time; at++) {
            uint64_t bytes = live_after (model, at + 1, filter);

            least = bytes < least ? bytes : least;
            most = bytes > most ? bytes : most;
        }
        demand (column->live_bytes == live_after (model, at, filter));
        demand (column->min_bytes == least && column->max_bytes == most);
    }
    hs_timeline_unref (timeline);
}

static struct hs_filter choose_filter (const uint8_t *data)
{
    struct hs_filter filter = hs_filter_all ();

    if ((data[0] & 1) != 0)
        filter.process = data[1] % 5;
    filter.has_range = (data[0] & 2) != 0;
    filter.from = (int64_t)(data[2] | data[3] << 8) - 100;
    filter.to = (int64_t)(data[4] | data[5] << 8) - 100;
    if ((data[0] & 4) != 0)
        filter.size_min = data[6];
    if ((data[0] & 8) != 0)
        filter.size_max = (uint64_t)data[7] << data[8] % 32;
    filter.has_heap = (data[0] & 16) != 0;
    filter.heap = data[9] & 1;
    return filter;
}

static void tell_world (struct model *model, struct hs_event_batch *batch)
{
    const uint64_t frames[] = { 0x1001, 0x2001, 0x3001 };

    hs_batch_add (batch, HS_EVENT_CLOCK, 0)->clock =
        (struct hs_clock_fields){ .ticks_per_second = 1000, .resolution_ticks = 1 };
    for (unsigned pid = 0; pid < N_PIDS; pid++)
        add_process (model, batch, pid);
    hs_batch_add_stack (batch, 0, 1, frames, 2);
    hs_batch_add_stack (batch, 1, 2, frames, 3);
}

static void tell (struct hs_trace *trace, struct hs_event_batch *batch)
{
    demand (hs_trace_append (trace, batch, NULL) == HS_OK);
    hs_batch_reset (batch);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_filter filter;
    struct hs_snapshot halfway, whole;
    struct hs_event_batch *batch;
    struct hs_trace *trace;
    struct model *model;
    size_t n;

    if (size < QUESTION_BYTES + 4)
        return 0;
    filter = choose_filter (data);
    n = (size - QUESTION_BYTES) / 4;
    n = n < MAX_EVENTS ? n : MAX_EVENTS;
    trace = hs_trace_new ();
    batch = hs_batch_new ();
    model = calloc (1, sizeof *model);
    tell_world (model, batch);
    for (size_t i = 0; i < n; i++) {
        if (i == n / 2) {
            tell (trace, batch);
            halfway = hs_trace_snapshot (trace);
        }
        add_event (model, batch, data + QUESTION_BYTES + i * 4);
        if (!hs_batch_has_room (batch, 8))
            tell (trace, batch);
    }
    tell (trace, batch);
    demand (hs_trace_finish (trace, NULL) == HS_OK);
    whole = hs_trace_snapshot (trace);
    demand (whole.n_events == n && halfway.n_events == n / 2);
    check_sums (model, &whole, &filter);
    check_sums (model, &halfway, &filter);
    check_timeline (model, &whole, &filter);
    check_timeline (model, &halfway, &filter);
    free (model);
    hs_batch_free (batch);
    hs_trace_free (trace);
    return 0;
}
