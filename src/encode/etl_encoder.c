/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap events to genuine ETL (formats/etl.md section 12): one chain of buffers, nanosecond stamps,
 * Windows' own records where they exist and events of our provider (event/own_provider.h) for the
 * rest. This file dispatches and keeps the time; etl_world.c, etl_blocks.c and etl_stack_keys.c
 * write the records, etl_writer.c the container. Streaming: memory grows with the number of
 * processes, threads, modules and stacks, not of events.
 */
#include "encode/encoder.h"

#include "base/limits.h"
#include "encode/etl_state.h"
#include "event/own_provider.h"

#include <string.h>

#define NS_PER_SECOND INT64_C (1000000000)
#define FILETIME_NS 100
/* 1970-01-01: what the header says when the wall clock is not known (ORIGIN says that). */
#define FILETIME_UNIX_EPOCH INT64_C (116444736000000000)
#define SECONDS_PER_DAY INT64_C (86400)

#define MAX_FUNCTION_BYTES 0x8000
#define MAX_FILE_BYTES 0x3000
#define MAX_TEXT_BYTES 0xf000

int64_t hs_etl_stamp (struct hs_etl_state *state, int64_t ticks)
{
    __int128 ns = (__int128)ticks * NS_PER_SECOND / (__int128)state->ticks_per_second;

    if (ns < 0) {
        state->report.left_out[HS_LEFT_OUT_EARLY_TIMES]++;
        return HS_ETL_T0;
    }
    if (ns > (__int128)HS_LIMIT_SPAN_DAYS * SECONDS_PER_DAY * NS_PER_SECOND) {
        state->report.left_out[HS_LEFT_OUT_ABSURD_TIMES]++;
        return state->writer.last_stamp;
    }
    return HS_ETL_T0 + (int64_t)ns;
}

void hs_etl_set_time (struct hs_etl_state *state, int64_t ticks)
{
    int64_t stamp = hs_etl_stamp (state, ticks);

    if (stamp > state->writer.last_stamp)
        state->writer.last_stamp = stamp;
}

void hs_etl_own_event (struct hs_etl_state *state, uint16_t event_id, uint32_t pid, uint32_t tid)
{
    uint8_t *at = hs_etl_event_record (&state->writer, hs_own_provider_guid, event_id, pid, tid,
                                       state->payload.n);

    memcpy (at, state->payload.bytes, state->payload.n);
    if (state->payload.is_cut)
        state->report.left_out[HS_LEFT_OUT_CUT_TEXTS]++;
    state->payload.is_cut = false;
}

void hs_etl_origin_event (struct hs_etl_state *state)
{
    uint32_t flags = 0;

    if (state->report.has_invented_addresses)
        flags |= HS_OWN_ADDRESSES_INVENTED;
    if (state->zero_filetime == 0)
        flags |= HS_OWN_WALL_CLOCK_UNKNOWN;
    state->payload.n = 0;
    hs_etl_put_u32 (&state->payload, flags);
    hs_etl_put_u64 (&state->payload, state->resolution_ns);
    hs_etl_own_event (state, HS_OWN_ORIGIN, HS_ETL_NONE, HS_ETL_NONE);
}

static struct hs_etl_header_fields header_fields (const struct hs_etl_state *state)
{
    return (struct hs_etl_header_fields){
        .start_filetime = state->zero_filetime != 0 ? state->zero_filetime : FILETIME_UNIX_EPOCH,
        .events_lost = state->events_lost > UINT32_MAX ? UINT32_MAX : (uint32_t)state->events_lost,
        .log_file_name = state->log_file_name,
    };
}

/* The header waits for the clock, which decoders tell first. */
static void start (struct hs_etl_state *state)
{
    struct hs_etl_header_fields fields = header_fields (state);

    state->has_started = true;
    hs_etl_writer_header (&state->writer, &fields);
    hs_etl_origin_event (state);
}

static void clock_event (struct hs_etl_state *state, const struct hs_clock_fields *clock)
{
    __int128 resolution = (__int128)clock->resolution_ticks * NS_PER_SECOND;

    if (clock->ticks_per_second == 0)
        return;
    state->ticks_per_second = clock->ticks_per_second;
    state->zero_filetime = clock->zero_filetime;
    resolution /= (__int128)clock->ticks_per_second;
    state->resolution_ns = resolution < 1 ? 1 : (uint64_t)resolution;
    if (state->has_started)
        hs_etl_origin_event (state);
}

static void frame_event (struct hs_etl_state *state, const struct hs_event *event)
{
    const struct hs_frame_fields *frame = event->frame;
    struct hs_etl_payload *payload = &state->payload;
    uint32_t pid = hs_etl_pid (state, event->process);

    payload->n = 0;
    hs_etl_put_u32 (payload, pid);
    hs_etl_put_u64 (payload, frame->address);
    hs_etl_put_u32 (payload, frame->line);
    hs_etl_put_u32 (payload, frame->inline_depth);
    hs_etl_put_text (payload, frame->function, MAX_FUNCTION_BYTES);
    hs_etl_put_text (payload, frame->file, MAX_FILE_BYTES);
    hs_etl_put_text (payload, frame->module, MAX_FILE_BYTES);
    hs_etl_own_event (state, HS_OWN_FRAME, pid, HS_ETL_NONE);
    state->report.n_frame_names++;
}

/* Events that only our own provider can tell. */
static void own_event (struct hs_etl_state *state, const struct hs_event *event)
{
    uint32_t pid = hs_etl_pid (state, event->process);
    uint16_t id = HS_OWN_RESET;

    hs_etl_set_time (state, event->time);
    state->payload.n = 0;
    if (event->kind == HS_EVENT_MARK || event->kind == HS_EVENT_SUPPRESSION) {
        id = event->kind == HS_EVENT_MARK ? HS_OWN_MARK : HS_OWN_SUPPRESSION;
        hs_etl_put_text (&state->payload, event->text, MAX_TEXT_BYTES);
    } else if (event->kind == HS_EVENT_HEAP_NAME) {
        id = HS_OWN_HEAP_NAME;
        hs_etl_put_u32 (&state->payload, pid);
        hs_etl_put_u64 (&state->payload, event->heap_name.heap);
        hs_etl_put_text (&state->payload, event->heap_name.name, MAX_TEXT_BYTES);
    } else if (event->kind == HS_EVENT_MEMORY_SAMPLE) {
        id = HS_OWN_MEMORY_SAMPLE;
        hs_etl_put_u32 (&state->payload, pid);
        hs_etl_put_u64 (&state->payload, event->number);
    } else if (event->kind == HS_EVENT_GAP) {
        id = HS_OWN_GAP;
        hs_etl_put_u64 (&state->payload, (uint64_t)hs_etl_stamp (state, event->end_time));
        hs_etl_put_u32 (&state->payload, pid);
    }
    hs_etl_own_event (state, id, pid, event->thread == 0 ? HS_ETL_NONE : event->thread);
}

static void lost_event (struct hs_etl_state *state, uint64_t n)
{
    state->events_lost = __builtin_add_overflow (state->events_lost, n, &state->events_lost)
                             ? UINT64_MAX
                             : state->events_lost;
    if (n > 0)
        state->writer.has_lost = true;
}

static void append_event (struct hs_etl_state *state, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_ALLOC:
    case HS_EVENT_FREE:
    case HS_EVENT_REALLOC:
        hs_etl_block_event (state, event);
        break;
    case HS_EVENT_HEAP_CREATE:
    case HS_EVENT_HEAP_DESTROY:
    case HS_EVENT_HEAP_SEEN:
        hs_etl_heap_event (state, event);
        break;
    case HS_EVENT_PROCESS_END:
        hs_etl_process_end_event (state, event);
        break;
    case HS_EVENT_HEAP_RANGE:
        hs_etl_heap_range_event (state, event);
        break;
    case HS_EVENT_VIRTUAL:
        hs_etl_virtual_event (state, event);
        break;
    case HS_EVENT_POOL:
        hs_etl_pool_event (state, event);
        break;
    case HS_EVENT_PROCESS:
        hs_etl_process_event (state, event);
        break;
    case HS_EVENT_THREAD:
        hs_etl_thread_event (state, event);
        break;
    case HS_EVENT_MODULE:
        hs_etl_module_event (state, event);
        break;
    case HS_EVENT_STACK:
        hs_etl_define_stack (state, event);
        break;
    case HS_EVENT_STACK_LINK:
        hs_etl_link_stack (state, event);
        break;
    case HS_EVENT_FRAME_NAME:
        frame_event (state, event);
        break;
    case HS_EVENT_MEMORY_SAMPLE:
    case HS_EVENT_SUPPRESSION:
    case HS_EVENT_MARK:
    case HS_EVENT_HEAP_NAME:
    case HS_EVENT_GAP:
    case HS_EVENT_RESET:
        own_event (state, event);
        break;
    case HS_EVENT_LOST:
        lost_event (state, event->number);
        break;
    case HS_EVENT_NOTE:
        state->report.left_out[HS_LEFT_OUT_NOTES] += event->note->count;
        break;
    case HS_EVENT_CLOCK:
        clock_event (state, &event->clock);
        break;
    case HS_EVENT_NONE:
    case HS_EVENT_FACT: /* about the source file, not about what it tells */
    case HS_EVENT_COUNT:
    case HS_N_EVENT_KINDS:
        break;
    }
}

static void etl_abandon (void *self)
{
    struct hs_etl_state *state = self;

    if (state == NULL)
        return;
    hs_etl_writer_clear (&state->writer);
    hs_etl_world_clear (state);
    hs_idmap_clear (&state->recent_index);
    hs_array_clear (&state->keys);
    hs_arena_clear (&state->stack_frames);
    hs_free (state->pending);
    hs_free (state->log_file_name);
    hs_free (state);
}

static enum hs_status etl_open (const char *path, void **ret, struct hs_error *err)
{
    const char *slash = strrchr (path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct hs_etl_state *state = HS_NEW (struct hs_etl_state);
    enum hs_status status;

    if (state == NULL)
        return hs_error_no_memory (err);
    state->writer.fd = -1;
    state->ticks_per_second = NS_PER_SECOND;
    state->resolution_ns = 1;
    state->unique_stamp = INT64_MIN;
    state->log_file_name = hs_strndup (name, strlen (name));
    status = state->log_file_name == NULL ? hs_error_no_memory (err)
                                          : hs_etl_writer_open (&state->writer, path, err);
    if (status != HS_OK) {
        etl_abandon (state);
        return status;
    }
    *ret = state;
    return HS_OK;
}

static enum hs_status etl_append (void *self, const struct hs_event_batch *batch,
                                  struct hs_error *err)
{
    struct hs_etl_state *state = self;

    for (uint32_t i = 0; i < batch->n && !state->writer.has_failed; i++) {
        if (!state->has_started && batch->events[i].kind != HS_EVENT_CLOCK)
            start (state);
        append_event (state, &batch->events[i]);
    }
    if (batch->has_last_time) {
        int64_t stamp = hs_etl_stamp (state, batch->last_time);

        if (stamp > state->last_ticks_stamp)
            state->last_ticks_stamp = stamp;
    }
    return hs_etl_writer_status (&state->writer, err);
}

/* A buffer that is not full is padded, so once a second of the trace must do. */
static enum hs_status etl_flush (void *self, struct hs_error *err)
{
    struct hs_etl_state *state = self;

    if (state->writer.last_stamp - state->flushed_stamp >= NS_PER_SECOND) {
        state->flushed_stamp = state->writer.last_stamp;
        hs_etl_writer_flush (&state->writer);
    }
    return hs_etl_writer_status (&state->writer, err);
}

static enum hs_status etl_finish (void *self, struct hs_encode_report *ret_report,
                                  struct hs_error *err)
{
    struct hs_etl_state *state = self;
    struct hs_etl_header_fields fields;
    enum hs_status status;

    if (!state->has_started)
        start (state);
    if (state->last_ticks_stamp > state->writer.last_stamp)
        state->writer.last_stamp = state->last_ticks_stamp;
    hs_etl_keys_rundown (state);
    hs_etl_closing_rundown (state);
    fields = header_fields (state);
    fields.end_filetime =
        fields.start_filetime + (state->writer.last_stamp - HS_ETL_T0) / FILETIME_NS;
    state->report.n_records = state->writer.n_records;
    status = hs_etl_writer_finish (&state->writer, &fields, err);
    state->report.n_buffers = state->writer.n_buffers;
    state->report.n_bytes = state->writer.n_buffers * HS_ETL_BUFFER_BYTES;
    if (ret_report != NULL)
        *ret_report = state->report;
    etl_abandon (state);
    return status;
}

const struct hs_encoder_class hs_etl_encoder = {
    .name = "etl",
    .description = "Event trace log (ETL)",
    .extension = "etl",
    .open = etl_open,
    .append = etl_append,
    .flush = etl_flush,
    .finish = etl_finish,
    .abandon = etl_abandon,
};
