/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap events to .hst (decode/hst/FORMAT.md): collects segments, sends them to the file when they
 * are full or when told, and completes the file. hst_events.c and hst_definitions.c write the
 * records, hst_writer.c the container.
 */
#include "encode/hst_encoder.h"

#include "encode/hst_circular.h"
#include "encode/hst_state.h"

_Static_assert(HS_VIRTUAL_ALLOC == 0 && HS_VIRTUAL_RUNDOWN == 3, "numbers of the format");
_Static_assert(HS_HEAP_RANGE_RUNDOWN == 0 && HS_HEAP_RANGE_DESTROY == 4, "numbers of the format");
_Static_assert(HS_MODULE_LOAD == 0 && HS_MODULE_IDENTITY == 4, "numbers of the format");
_Static_assert(HS_FACT_NUMBER == 0 && HS_FACT_TEXT == 2, "numbers of the format");
_Static_assert(HS_PROCESS_EXITED == 0 && HS_PROCESS_EXECED == 1, "numbers of the format");
_Static_assert(HS_EVENT_ADDRESS_INVENTED == 1 && HS_EVENT_COUNTS_TEMPORARY == 2,
               "numbers of the format");

void hs_hst_flush_segment (struct hs_hst_state *state)
{
    bool has_definitions = state->definitions.n > HS_HST_DEFINITIONS_HEADER_BYTES;
    bool has_events = state->n_ops > 0 || state->has_record_time_to_tell;
    struct hs_hst_chunk definitions = {
        .payload = { state->definitions.items, state->definitions.n },
        .first_event = state->first_event,
        .type = HS_HST_CHUNK_DEFINITIONS,
        .flags = has_events ? HS_HST_CHUNK_FOLLOWED : 0,
    };
    struct hs_hst_chunk events = { .first_event = state->first_event,
                                   .n_block_events = state->n_block_events,
                                   .type = HS_HST_CHUNK_EVENTS,
                                   .flags = state->is_base ? HS_HST_CHUNK_BASE : 0 };

    if (has_definitions && !state->definitions.has_failed) {
        hs_put_u32 (state->definitions.items, state->n_definitions);
        hs_hst_writer_add (&state->writer, &definitions);
    }
    if (has_events) {
        if (state->n_ops == 0) {
            state->n_event_bytes = HS_HST_EVENTS_HEADER_BYTES;
            state->first_time = state->last_time = state->record_time;
        }
        events.payload = (struct hs_span){ state->events, state->n_event_bytes };
        events.first_time = state->first_time;
        events.last_time = state->last_time;
        hs_put_u64 (state->events + HS_HST_EVENTS_AT_FIRST_EVENT, state->first_event);
        hs_put_u64 (state->events + HS_HST_EVENTS_AT_FIRST_TIME, (uint64_t)state->first_time);
        hs_put_u64 (state->events + HS_HST_EVENTS_AT_LAST_TIME, (uint64_t)state->last_time);
        hs_put_u64 (state->events + HS_HST_EVENTS_AT_RECORD_TIME, (uint64_t)state->record_time);
        hs_put_u32 (state->events + HS_HST_EVENTS_AT_N_OPS, state->n_ops);
        hs_put_u32 (state->events + HS_HST_EVENTS_AT_N_DEFINITIONS, state->n_definitions);
        hs_hst_writer_add (&state->writer, &events);
    }
    hs_hst_writer_commit (&state->writer);
    state->report.n_records += state->n_ops + state->n_definitions;
    state->first_event += state->n_block_events;
    state->n_ops = state->n_block_events = 0;
    state->n_event_bytes = HS_HST_EVENTS_HEADER_BYTES;
    state->has_record_time_to_tell = false;
    hs_hst_begin_definitions (state);
    if (state->circular != NULL)
        hs_hst_circular_turn (state->circular, state);
}

bool hs_hst_is_full (const struct hs_hst_state *state)
{
    if (state->definitions.n > HS_HST_SEGMENT_DEFINITION_BYTES)
        return true;
    return state->n_ops > 0 &&
           (state->n_ops + 2 > HS_HST_MAX_OPS ||
            state->n_event_bytes + 2 * HS_HST_MAX_OP_BYTES > HS_HST_SEGMENT_EVENT_BYTES ||
            state->model->n_contexts == HS_HST_MAX_CONTEXTS ||
            state->model->n_locals == HS_HST_MAX_LOCALS);
}

static bool is_packed_event (enum hs_event_kind kind)
{
    return (kind >= HS_EVENT_ALLOC && kind <= HS_EVENT_MEMORY_SAMPLE) ||
           kind == HS_EVENT_STACK_LINK;
}

static void hst_abandon (void *self)
{
    struct hs_hst_state *state = self;

    if (state == NULL)
        return;
    hs_hst_writer_clear (&state->writer);
    hs_hst_circular_free (state->circular);
    hs_free (state->events);
    hs_free (state->model);
    hs_free (state->definitions.items);
    hs_free (state->record.items);
    hs_array_clear (&state->nodes);
    hs_idmap_clear (&state->node_index);
    hs_intern_clear (&state->strings);
    hs_free (state);
}

static enum hs_status hst_open (const char *path, void **ret, struct hs_error *err)
{
    struct hs_hst_state *state = HS_NEW (struct hs_hst_state);
    enum hs_status status;

    if (state == NULL)
        return hs_error_no_memory (err);
    state->writer.fd = -1;
    state->record_time = HS_HST_NO_TIME;
    state->n_event_bytes = HS_HST_EVENTS_HEADER_BYTES;
    state->model = hs_alloc_array (1, sizeof *state->model);
    state->events = hs_alloc_array (1, HS_HST_SEGMENT_EVENT_BYTES);
    if (state->model == NULL || state->events == NULL || !hs_array_reserve (&state->nodes, 1)) {
        hst_abandon (state);
        return hs_error_no_memory (err);
    }
    state->nodes.items[state->nodes.n++] = (struct hs_hst_node){ 0 };
    hs_hst_begin_definitions (state);
    status = hs_hst_writer_open (&state->writer, path, err);
    if (status != HS_OK) {
        hst_abandon (state);
        return status;
    }
    *ret = state;
    return HS_OK;
}

static enum hs_status hst_append (void *self, const struct hs_event_batch *batch,
                                  struct hs_error *err)
{
    struct hs_hst_state *state = self;

    for (uint32_t i = 0; i < batch->n && !state->writer.has_failed; i++) {
        const struct hs_event *event = &batch->events[i];

        if (hs_hst_is_full (state))
            hs_hst_flush_segment (state);
        if (is_packed_event ((enum hs_event_kind)event->kind)) {
            hs_hst_put_event (state, event);
            if (state->circular != NULL && !hs_hst_circular_take (state->circular, event))
                hs_hst_writer_fail_memory (&state->writer);
            if ((event->flags & HS_EVENT_ADDRESS_INVENTED) != 0)
                state->report.has_invented_addresses = true;
        } else if (event->kind != HS_EVENT_NONE) {
            hs_hst_put_definition (state, event);
        }
    }
    if (batch->has_last_time && batch->last_time != state->record_time) {
        state->record_time = batch->last_time;
        state->has_record_time_to_tell = true;
    }
    return hs_hst_writer_status (&state->writer, err);
}

/* How many of `n` blocks are sure to find room in the segment, which is not full. */
static uint32_t room_for_blocks (const struct hs_hst_state *state, uint32_t n)
{
    const struct hs_hst_model *model = state->model;
    size_t n_bytes = HS_HST_SEGMENT_EVENT_BYTES - state->n_event_bytes;
    uint32_t room = (uint32_t)(n_bytes / HS_HST_MAX_OP_BYTES) - 1;

    if (state->n_ops == 0) /* the model still is that of the segment before */
        return n < HS_HST_MAX_CONTEXTS / 2 ? n : HS_HST_MAX_CONTEXTS / 2;
    room = room < n ? room : n;
    room = room < HS_HST_MAX_OPS - 1 - state->n_ops ? room : HS_HST_MAX_OPS - 1 - state->n_ops;
    n = HS_HST_MAX_CONTEXTS - model->n_contexts;
    room = room < n ? room : n;
    n = HS_HST_MAX_LOCALS - model->n_locals;
    return room < n ? room : n;
}

static bool take_into_circular (struct hs_hst_state *state, const struct hs_event *common,
                                const struct hs_brief_block *block)
{
    struct hs_event event = *common;

    event.time = block->time;
    event.kind = block->is_free ? HS_EVENT_FREE : HS_EVENT_ALLOC;
    event.thread = block->thread;
    event.stack = block->stack;
    event.block.address = block->address;
    event.block.size = block->size;
    hs_event_set_origin (&event, block->origin);
    return hs_hst_circular_take (state->circular, &event);
}

static enum hs_status hst_put_blocks (void *self, const struct hs_event *common,
                                      const struct hs_brief_block *blocks, uint32_t n,
                                      struct hs_error *err)
{
    struct hs_hst_state *state = self;

    while (n > 0 && !state->writer.has_failed) {
        uint32_t n_now;

        if (hs_hst_is_full (state))
            hs_hst_flush_segment (state);
        n_now = room_for_blocks (state, n);
        hs_hst_put_blocks (state, common, blocks, n_now);
        for (uint32_t i = 0; state->circular != NULL && i < n_now; i++) {
            if (!take_into_circular (state, common, &blocks[i]))
                hs_hst_writer_fail_memory (&state->writer);
        }
        blocks += n_now;
        n -= n_now;
    }
    return hs_hst_writer_status (&state->writer, err);
}

static enum hs_status hst_flush (void *self, struct hs_error *err)
{
    struct hs_hst_state *state = self;

    hs_hst_flush_segment (state);
    return hs_hst_writer_status (&state->writer, err);
}

static enum hs_status hst_finish (void *self, struct hs_encode_report *ret_report,
                                  struct hs_error *err)
{
    struct hs_hst_state *state = self;
    uint8_t totals[HS_HST_FOOTER_HEADER_BYTES] = { 0 };
    enum hs_status status;

    hs_hst_flush_segment (state);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_BLOCK_EVENTS, state->first_event);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_ALLOCS, state->n_by_op[0]);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_FREES, state->n_by_op[1]);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_REALLOCS, state->n_by_op[2]);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_RECORDS, state->report.n_records);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_NODES, state->nodes.n);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_STRINGS, state->strings.n);
    hs_put_u64 (totals + HS_HST_FOOTER_AT_RECORD_TIME, (uint64_t)state->record_time);
    hs_hst_writer_finish (&state->writer, totals);
    state->report.n_block_events = state->first_event;
    state->report.n_bytes = state->writer.offset;
    state->report.n_buffers = state->writer.directory.n;
    status = hs_hst_writer_status (&state->writer, err);
    if (ret_report != NULL)
        *ret_report = state->report;
    hst_abandon (state);
    return status;
}

void hs_hst_encoder_set_level (void *self, int level)
{
    struct hs_hst_state *state = self;

    state->writer.level = level;
}

enum hs_status hs_hst_encoder_keep_newest (void *self, const char *path, uint64_t max_bytes,
                                           int64_t min_ns, struct hs_error *err)
{
    struct hs_hst_state *state = self;

    state->circular = hs_hst_circular_new (path, max_bytes, min_ns);
    return state->circular != NULL ? HS_OK : hs_error_no_memory (err);
}

enum hs_status hs_hst_encoder_add_chunk (void *self, uint16_t type, struct hs_span payload,
                                         struct hs_error *err)
{
    struct hs_hst_state *state = self;

    if (payload.size > UINT32_MAX)
        return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET, "a chunk has at most 4 GiB");
    hs_hst_flush_segment (state);
    hs_hst_writer_add (&state->writer, &(struct hs_hst_chunk){ .payload = payload,
                                                               .first_event = state->first_event,
                                                               .type = type });
    hs_hst_writer_commit (&state->writer);
    return hs_hst_writer_status (&state->writer, err);
}

const struct hs_encoder_class hs_hst_encoder = {
    .name = "hst",
    .description = "Heapstrata stream",
    .extension = "hst",
    .open = hst_open,
    .append = hst_append,
    .put_blocks = hst_put_blocks,
    .flush = hst_flush,
    .finish = hst_finish,
    .abandon = hst_abandon,
};
