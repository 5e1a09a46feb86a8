/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small traces from event batches; see trace_maker.h. */
#include "trace_maker.h"

#include <check.h>
#include <string.h>

static struct hs_text text_of (const char *text)
{
    return (struct hs_text){ text, (uint32_t)strlen (text) };
}

static void flush (struct trace_maker *maker)
{
    maker->batch->has_last_time = true;
    maker->batch->last_time = maker->time;
    ck_assert_int_eq (hs_trace_append (maker->trace, maker->batch, NULL), HS_OK);
    hs_batch_reset (maker->batch);
}

static struct hs_event *add (struct trace_maker *maker, enum hs_event_kind kind)
{
    struct hs_event *event;

    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    event = hs_batch_add (maker->batch, kind, maker->time);
    event->process = maker->process;
    event->thread = maker->thread;
    return event;
}

struct trace_maker trace_maker_begin (void)
{
    struct trace_maker maker = {
        .trace = hs_trace_new (), .batch = hs_batch_new (), .thread = 1, .heap = 0x1000
    };

    ck_assert_ptr_nonnull (maker.trace);
    ck_assert_ptr_nonnull (maker.batch);
    add (&maker, HS_EVENT_CLOCK)->clock = (struct hs_clock_fields){ 1000, 0, 1 };
    return maker;
}

void trace_maker_end (struct trace_maker *maker)
{
    hs_trace_free (maker->trace);
    hs_batch_free (maker->batch);
}

hs_process_id trace_maker_process (struct trace_maker *maker, uint32_t pid, const char *image)
{
    struct hs_process_fields fields = { .pid = pid, .image = text_of (image) };

    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    maker->process = maker->n_processes++;
    hs_batch_add_process (maker->batch, HS_EVENT_PROCESS, maker->time, &fields)->process =
        maker->process;
    return maker->process;
}

hs_stack_slot trace_maker_open_slot (struct trace_maker *maker)
{
    return ++maker->n_slots;
}

void trace_maker_define (struct trace_maker *maker, hs_stack_slot slot, const uint64_t *frames)
{
    uint32_t n = 0;

    while (frames[n] != 0)
        n++;
    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    hs_batch_add_stack (maker->batch, maker->process, slot, frames, n);
}

hs_stack_slot trace_maker_stack (struct trace_maker *maker, const uint64_t *frames)
{
    hs_stack_slot slot = trace_maker_open_slot (maker);

    trace_maker_define (maker, slot, frames);
    return slot;
}

void trace_maker_alloc (struct trace_maker *maker, uint64_t address, uint64_t size,
                        hs_stack_slot stack)
{
    struct hs_event *event = add (maker, HS_EVENT_ALLOC);

    event->stack = stack;
    event->block =
        (struct hs_block_fields){ .heap = maker->heap, .address = address, .size = size };
}

void trace_maker_free (struct trace_maker *maker, uint64_t address)
{
    add (maker, HS_EVENT_FREE)->block =
        (struct hs_block_fields){ .heap = maker->heap, .address = address };
}

void trace_maker_realloc (struct trace_maker *maker, uint64_t old, uint64_t address, uint64_t size,
                          hs_stack_slot stack)
{
    struct hs_event *event = add (maker, HS_EVENT_REALLOC);

    event->stack = stack;
    event->block = (struct hs_block_fields){
        .heap = maker->heap, .address = address, .size = size, .old_address = old
    };
}

void trace_maker_destroy_heap (struct trace_maker *maker)
{
    add (maker, HS_EVENT_HEAP_DESTROY)->heap = (struct hs_heap_fields){ .heap = maker->heap };
}

void trace_maker_exit (struct trace_maker *maker)
{
    struct hs_process_fields fields = { .end_reason = HS_PROCESS_EXITED };

    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    hs_batch_add_process (maker->batch, HS_EVENT_PROCESS_END, maker->time, &fields)->process =
        maker->process;
}

void trace_maker_gap (struct trace_maker *maker, hs_process_id process, int64_t end)
{
    struct hs_event *event = add (maker, HS_EVENT_GAP);

    event->process = process;
    event->end_time = end;
}

void trace_maker_reset (struct trace_maker *maker)
{
    (void)add (maker, HS_EVENT_RESET);
}

static void name_frame (struct trace_maker *maker, const struct hs_frame_fields *fields)
{
    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    hs_batch_add_frame (maker->batch, fields)->process = maker->process;
}

void trace_maker_name (struct trace_maker *maker, uint64_t address, uint32_t inline_depth,
                       const char *function)
{
    struct hs_frame_fields fields = { .address = address,
                                      .function = text_of (function),
                                      .inline_depth = inline_depth };

    name_frame (maker, &fields);
}

void trace_maker_place (struct trace_maker *maker, uint64_t address, const char *function,
                        const char *file, uint32_t line)
{
    struct hs_frame_fields fields = {
        .address = address, .function = text_of (function), .file = text_of (file), .line = line
    };

    name_frame (maker, &fields);
}

void trace_maker_module (struct trace_maker *maker, uint64_t base, uint64_t size, const char *path)
{
    struct hs_module_fields fields = {
        .base = base, .size = size, .path = text_of (path), .op = HS_MODULE_RUNDOWN_START
    };

    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    hs_batch_add_module (maker->batch, maker->time, &fields)->process = maker->process;
}

void trace_maker_note (struct trace_maker *maker, enum hs_note_kind kind, const char *sentence)
{
    if (!hs_batch_has_room (maker->batch, 4))
        flush (maker);
    hs_batch_add_note (maker->batch, kind, 0x40, "%s", sentence);
}

struct hs_snapshot trace_maker_snapshot (struct trace_maker *maker)
{
    flush (maker);
    return hs_trace_snapshot (maker->trace);
}
