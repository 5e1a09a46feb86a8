/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as text, and growing sources; see event_text.h. */
#include "event_text.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__ ((format (printf, 2, 3))) static void add (struct text_log *log, const char *format,
                                                         ...)
{
    va_list args;
    char *line;
    int n;

    va_start (args, format);
    n = vasprintf (&line, format, args);
    va_end (args);
    if (n < 0)
        abort ();
    if (log->n + (size_t)n + 1 > log->capacity) {
        log->capacity = (log->n + (size_t)n + 1) * 2;
        log->text = realloc (log->text, log->capacity);
        if (log->text == NULL)
            abort ();
    }
    memcpy (log->text + log->n, line, (size_t)n + 1);
    log->n += (size_t)n;
    free (line);
}

#define TEXT(of) (int)(of).length, (of).bytes

static void add_block (struct text_log *log, const struct hs_event *event)
{
    const struct hs_block_fields *block = &event->block;

    add (log, " heap=%llx address=%llx", (unsigned long long)block->heap,
         (unsigned long long)block->address);
    if (event->kind != HS_EVENT_FREE)
        add (log, " size=%llu", (unsigned long long)block->size);
    if (event->kind == HS_EVENT_REALLOC)
        add (log, " old=%llx/%llu", (unsigned long long)block->old_address,
             (unsigned long long)block->old_size);
    if (event->stack != HS_NO_STACK)
        add (log, " stack=%u", event->stack);
    if (event->stack_ref != 0)
        add (log, " ref=%llu", (unsigned long long)event->stack_ref);
    if ((event->flags & HS_EVENT_COUNTS_TEMPORARY) != 0)
        add (log, " temporary");
}

static void add_frame (struct text_log *log, const struct hs_frame_fields *frame)
{
    add (log, " %llx+%u %.*s|%.*s|%.*s:%u", (unsigned long long)frame->address, frame->inline_depth,
         TEXT (frame->module), TEXT (frame->function), TEXT (frame->file), frame->line);
}

static void add_description (struct text_log *log, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_PROCESS:
        add (log, " pid=%u image=%.*s command=%.*s", event->process_info->pid,
             TEXT (event->process_info->image), TEXT (event->process_info->command_line));
        break;
    case HS_EVENT_MODULE:
        add (log, " op=%d %llx+%llx %.*s", event->module->op,
             (unsigned long long)event->module->base, (unsigned long long)event->module->size,
             TEXT (event->module->path));
        break;
    case HS_EVENT_STACK:
        add (log, " slot=%u", event->stack_info.slot);
        for (uint32_t i = 0; i < event->stack_info.n_frames; i++)
            add (log, " %llx", (unsigned long long)event->stack_info.frames[i]);
        break;
    case HS_EVENT_STACK_LINK:
        add (log, " ref=%llu slot=%u", (unsigned long long)event->stack_info.ref,
             event->stack_info.slot);
        break;
    case HS_EVENT_FRAME_NAME:
        add_frame (log, event->frame);
        break;
    case HS_EVENT_FACT:
    case HS_EVENT_COUNT:
        if (event->fact->type == HS_FACT_TEXT)
            add (log, " %.*s=%.*s", TEXT (event->fact->name), TEXT (event->fact->text));
        else
            add (log, " %.*s=%llu", TEXT (event->fact->name),
                 (unsigned long long)event->fact->count);
        break;
    case HS_EVENT_NOTE:
        add (log, " %s x%u: %.*s", hs_note_kind_name (event->note->kind), event->note->count,
             TEXT (event->note->text));
        break;
    case HS_EVENT_MEMORY_SAMPLE:
    case HS_EVENT_LOST:
        add (log, " %llu", (unsigned long long)event->number);
        break;
    case HS_EVENT_HEAP_NAME:
        add (log, " %llx %.*s", (unsigned long long)event->heap_name.heap,
             TEXT (event->heap_name.name));
        break;
    case HS_EVENT_SUPPRESSION:
    case HS_EVENT_MARK:
        add (log, " %.*s", TEXT (event->text));
        break;
    case HS_EVENT_CLOCK:
        add (log, " %llu", (unsigned long long)event->clock.ticks_per_second);
        break;
    default:
        break;
    }
}

void text_log_add (struct text_log *log, const struct hs_event_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_event *event = &batch->events[i];

        if (event->kind == HS_EVENT_NOTE)
            log->n_notes += event->note->count;
        if (log->leaves_out_facts &&
            (event->kind == HS_EVENT_FACT || event->kind == HS_EVENT_COUNT ||
             event->kind == HS_EVENT_NOTE))
            continue;
        add (log, "%lld %s", (long long)event->time,
             hs_event_kind_name ((enum hs_event_kind)event->kind));
        if (event->process != HS_NO_PROCESS)
            add (log, " p%u", event->process);
        if (event->kind == HS_EVENT_ALLOC || event->kind == HS_EVENT_FREE ||
            event->kind == HS_EVENT_REALLOC)
            add_block (log, event);
        else
            add_description (log, event);
        add (log, "\n");
    }
}

void text_log_clear (struct text_log *log)
{
    free (log->text);
    *log = (struct text_log){ 0 };
}

char *text_log_lines_with (const struct text_log *log, const char *const *words)
{
    char *found = malloc (log->n + 1), *line = NULL;
    size_t n = 0;

    if (found == NULL)
        abort ();
    for (size_t at = 0; at < log->n;) {
        const char *newline = memchr (log->text + at, '\n', log->n - at);
        size_t length = (size_t)(newline + 1 - (log->text + at));
        bool is_wanted = false;

        line = strndup (log->text + at, length);
        for (size_t i = 0; line != NULL && words[i] != NULL; i++)
            is_wanted |= strstr (line, words[i]) != NULL;
        free (line);
        if (is_wanted) {
            memcpy (found + n, log->text + at, length);
            n += length;
        }
        at += length;
    }
    found[n] = '\0';
    return found;
}

enum hs_status text_log_run (struct text_log *log, struct hs_decoder *decoder, struct hs_error *err)
{
    struct hs_event_batch *batch = hs_batch_new ();
    enum hs_status status = batch != NULL ? HS_OK : hs_error_no_memory (err);

    while (status == HS_OK) {
        status = hs_decoder_next (decoder, batch, err);
        text_log_add (log, batch);
    }
    hs_batch_free (batch);
    return status;
}

enum hs_status text_log_decode (struct text_log *log, struct hs_span bytes, struct hs_error *err)
{
    struct hs_decoder *decoder;
    enum hs_status status = hs_decoder_open_memory (bytes, &decoder, err);

    if (status != HS_OK)
        return status;
    status = text_log_run (log, decoder, err);
    hs_decoder_close (decoder);
    return status;
}

struct growing {
    struct hs_span bytes;
    const size_t *visible;
    const struct late_field *late; /* ends with n = 0; NULL = none */
};

/* What a writer fills in when it closes the file reads as 0 until then. */
static void hide (const struct growing *growing, uint64_t offset, uint8_t *buffer, size_t n)
{
    for (const struct late_field *field = growing->late; field != NULL && field->n > 0; field++)
        for (size_t i = field->offset; i < field->offset + field->n; i++)
            if (i >= offset && i - offset < n)
                buffer[i - offset] = 0;
}

static enum hs_status growing_read (void *self, uint64_t offset, void *buffer, size_t n,
                                    size_t *ret_n, struct hs_error *err)
{
    struct growing *growing = self;
    struct hs_span shown = hs_span_part (growing->bytes, 0, *growing->visible);

    (void)err;
    if (offset >= shown.size)
        return HS_END;
    shown = hs_span_part (shown, (size_t)offset, n);
    memcpy (buffer, shown.data, shown.size);
    if (*growing->visible < growing->bytes.size)
        hide (growing, offset, buffer, shown.size);
    *ret_n = shown.size;
    return HS_OK;
}

static uint64_t growing_size (void *self)
{
    return *((struct growing *)self)->visible;
}

static double growing_progress (void *self, uint64_t offset)
{
    (void)self;
    (void)offset;
    return 0;
}

static const struct hs_source_class growing_class = {
    .read = growing_read,
    .size = growing_size,
    .progress = growing_progress,
    .close = hs_free,
};

enum hs_status growing_source_new (struct hs_span bytes, const size_t *visible,
                                   const struct late_field *late, struct hs_source **ret,
                                   struct hs_error *err)
{
    struct growing *growing = HS_NEW (struct growing);
    enum hs_status status;

    if (growing == NULL)
        return hs_error_no_memory (err);
    growing->bytes = bytes;
    growing->visible = visible;
    growing->late = late;
    status = hs_source_new (&growing_class, growing, "growing", HS_SOURCE_FOLLOW, ret, err);
    if (status != HS_OK)
        hs_free (growing);
    return status;
}

static size_t next_slice (uint64_t *random, size_t rest)
{
    size_t n;

    *random = *random * UINT64_C (6364136223846793005) + 1442695040888963407;
    n = (size_t)(*random >> 33) % 61 + 1;
    if ((*random >> 60) == 0)
        n *= 100;
    return n < rest ? n : rest;
}

static enum hs_status run_growing (struct text_log *log, const struct hs_format *format, void *self,
                                   struct hs_error *err)
{
    struct hs_event_batch *batch = hs_batch_new ();
    enum hs_status status = batch != NULL ? HS_OK : hs_error_no_memory (err);

    while (status == HS_OK) {
        hs_batch_reset (batch);
        status = format->next (self, batch, err);
        text_log_add (log, batch);
    }
    hs_batch_free (batch);
    return status;
}

enum hs_status text_log_decode_growing (struct text_log *log, const struct hs_format *format,
                                        struct hs_span bytes, uint64_t seed, struct hs_error *err)
{
    /* formats/etl.md 1.1 and 1.4: EndTime and BuffersWritten of the log file header */
    static const struct late_field etl_fields[] = { { 0x78, 8 }, { 0x8c, 4 }, { 0, 0 } };
    const struct late_field *late = strcmp (format->name, "etl") == 0 ? etl_fields : NULL;
    size_t visible = bytes.size < HS_PROBE_BYTES ? bytes.size : HS_PROBE_BYTES;
    struct hs_source *source;
    void *self;
    enum hs_status status = growing_source_new (bytes, &visible, late, &source, err);

    if (status != HS_OK)
        return status;
    visible = next_slice (&seed, visible);
    do { /* until the header is there; formats look no further than probes */
        status = format->open (&source, 1, &self, err);
        if (status != HS_OK && visible < bytes.size)
            visible += next_slice (&seed, bytes.size - visible);
        else
            break;
    } while (true);
    if (status == HS_OK) {
        status = run_growing (log, format, self, err);
        while (status == HS_AGAIN && visible < bytes.size) {
            visible += next_slice (&seed, bytes.size - visible);
            status = run_growing (log, format, self, err);
        }
        format->close (self);
    }
    hs_source_close (source);
    return status;
}
