/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches of events; see event_batch.h. */
#include "event/event_batch.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct hs_event_batch *hs_batch_new (void)
{
    return HS_NEW (struct hs_event_batch);
}

void hs_batch_free (struct hs_event_batch *batch)
{
    if (batch == NULL)
        return;
    hs_arena_clear (&batch->arena);
    hs_free (batch);
}

void hs_batch_reset (struct hs_event_batch *batch)
{
    batch->n = 0;
    batch->is_out_of_memory = false;
    hs_arena_reset (&batch->arena);
}

struct hs_text hs_batch_text (struct hs_event_batch *batch, const char *bytes, size_t length)
{
    const char *copy = hs_arena_strndup (&batch->arena, bytes, length);

    if (copy == NULL) {
        batch->is_out_of_memory = true;
        return (struct hs_text){ "", 0 };
    }
    return (struct hs_text){ copy, (uint32_t)length };
}

static struct hs_text copy_text (struct hs_event_batch *batch, struct hs_text text)
{
    return text.length > 0 ? hs_batch_text (batch, text.bytes, text.length)
                           : (struct hs_text){ "", 0 };
}

const uint64_t *hs_batch_frames (struct hs_event_batch *batch, const uint64_t *frames, uint32_t n)
{
    uint64_t *copy = hs_arena_alloc (&batch->arena, n * sizeof *frames);

    if (copy == NULL) {
        batch->is_out_of_memory = true;
        return NULL;
    }
    if (n > 0)
        memcpy (copy, frames, n * sizeof *frames);
    return copy;
}

/* A zeroed copy of fields; on no memory the event is taken back as HS_EVENT_NONE. */
static void *copy_fields (struct hs_event_batch *batch, struct hs_event *event, const void *fields,
                          size_t size)
{
    void *copy = hs_arena_alloc (&batch->arena, size);

    if (copy == NULL) {
        batch->is_out_of_memory = true;
        event->kind = HS_EVENT_NONE;
        return NULL;
    }
    memcpy (copy, fields, size);
    return copy;
}

struct hs_event *hs_batch_add_process (struct hs_event_batch *batch, enum hs_event_kind kind,
                                       int64_t time, const struct hs_process_fields *fields)
{
    struct hs_event *event = hs_batch_add (batch, kind, time);
    struct hs_process_fields *copy = copy_fields (batch, event, fields, sizeof *fields);

    if (copy != NULL) {
        copy->image = copy_text (batch, fields->image);
        copy->command_line = copy_text (batch, fields->command_line);
        event->process_info = copy;
    }
    return event;
}

struct hs_event *hs_batch_add_module (struct hs_event_batch *batch, int64_t time,
                                      const struct hs_module_fields *fields)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_MODULE, time);
    struct hs_module_fields *copy = copy_fields (batch, event, fields, sizeof *fields);

    if (copy != NULL) {
        copy->path = copy_text (batch, fields->path);
        copy->debug_name = copy_text (batch, fields->debug_name);
        event->module = copy;
    }
    return event;
}

struct hs_event *hs_batch_add_frame (struct hs_event_batch *batch,
                                     const struct hs_frame_fields *fields)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_FRAME_NAME, 0);
    struct hs_frame_fields *copy = copy_fields (batch, event, fields, sizeof *fields);

    if (copy != NULL) {
        copy->function = copy_text (batch, fields->function);
        copy->file = copy_text (batch, fields->file);
        copy->module = copy_text (batch, fields->module);
        event->frame = copy;
    }
    return event;
}

void hs_batch_add_notes (struct hs_event_batch *batch, enum hs_note_kind kind, uint32_t count,
                         uint64_t file_offset, const char *sentence)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_NOTE, 0);
    struct hs_note_fields fields = { .kind = kind, .count = count, .file_offset = file_offset };
    struct hs_note_fields *copy = copy_fields (batch, event, &fields, sizeof fields);

    if (copy == NULL)
        return;
    copy->text = hs_batch_text (batch, sentence, strlen (sentence));
    event->note = copy;
}

void hs_batch_add_note (struct hs_event_batch *batch, enum hs_note_kind kind, uint64_t file_offset,
                        const char *format, ...)
{
    char sentence[512];
    va_list args;

    va_start (args, format);
    (void)vsnprintf (sentence, sizeof sentence, format, args);
    va_end (args);
    hs_batch_add_notes (batch, kind, 1, file_offset, sentence);
}

static struct hs_fact_fields *add_fact (struct hs_event_batch *batch, enum hs_event_kind kind,
                                        const char *name, enum hs_fact_type type)
{
    struct hs_event *event = hs_batch_add (batch, kind, 0);
    struct hs_fact_fields fields = { .type = type };
    struct hs_fact_fields *copy = copy_fields (batch, event, &fields, sizeof fields);

    if (copy != NULL) {
        copy->name = hs_batch_text (batch, name, strlen (name));
        copy->text = (struct hs_text){ "", 0 };
        event->fact = copy;
    }
    return copy;
}

void hs_batch_add_fact_number (struct hs_event_batch *batch, const char *name, int64_t number)
{
    struct hs_fact_fields *fact = add_fact (batch, HS_EVENT_FACT, name, HS_FACT_NUMBER);

    if (fact != NULL)
        fact->number = number;
}

void hs_batch_add_fact_unsigned (struct hs_event_batch *batch, const char *name, uint64_t number)
{
    struct hs_fact_fields *fact = add_fact (batch, HS_EVENT_FACT, name, HS_FACT_UNSIGNED);

    if (fact != NULL)
        fact->count = number;
}

void hs_batch_add_fact_text (struct hs_event_batch *batch, const char *name, const char *text)
{
    struct hs_fact_fields *fact = add_fact (batch, HS_EVENT_FACT, name, HS_FACT_TEXT);

    if (fact != NULL)
        fact->text = hs_batch_text (batch, text, strlen (text));
}

void hs_batch_add_count (struct hs_event_batch *batch, const char *name, uint64_t count)
{
    struct hs_fact_fields *fact = add_fact (batch, HS_EVENT_COUNT, name, HS_FACT_UNSIGNED);

    if (fact != NULL)
        fact->count = count;
}

void hs_batch_add_stack (struct hs_event_batch *batch, hs_process_id process, hs_stack_slot slot,
                         const uint64_t *frames, uint32_t n_frames)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_STACK, 0);
    const uint64_t *copy = hs_batch_frames (batch, frames, n_frames);

    event->process = process;
    event->stack_info = (struct hs_stack_fields){ copy, copy != NULL ? n_frames : 0, slot, 0 };
}

void hs_batch_add_stack_link (struct hs_event_batch *batch, uint64_t ref, hs_stack_slot slot)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_STACK_LINK, 0);

    event->stack_info = (struct hs_stack_fields){ NULL, 0, slot, ref };
}
