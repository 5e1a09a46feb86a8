/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data files of KDE's heaptrack, raw and interpreted, file versions 0 to 3: recognises them and
 * reads them batch by batch. The records are in heaptrack_records.c.
 */
#include "decode/format.h"

#include "base/memory.h"
#include "base/text.h"
#include "decode/heaptrack_records.h"

#include <stdio.h>

#define DEFAULT_PAGE_BYTES 4096u
#define ROOM (HS_HEAPTRACK_RECORD_ROOM + HS_N_NOTE_KINDS)
#define END_ROOM (128 + 2 + HS_N_NOTE_KINDS)

/* The first line of the head without its newline. */
static struct hs_span take_line (struct hs_span *head)
{
    const uint8_t *newline = memchr (head->data, '\n', head->size);
    size_t n = newline != NULL ? (size_t)(newline - head->data) : head->size;
    struct hs_span line = { head->data, n };

    *head = hs_span_part (*head, newline != NULL ? n + 1 : n, head->size);
    return line;
}

/* Whether a line could be a record: its letter and, where numbers follow, numbers. */
static bool looks_like_record (struct hs_span line)
{
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == 'A')
        return line.size <= 1 || line.data[0] == '#';
    if (line.size < 3 || line.data[1] != ' ')
        return false;
    if (memchr ("XsxmS", line.data[0], 5) != NULL)
        return true;
    return memchr ("vIcRtia+-", line.data[0], 9) != NULL && hs_hex_values[line.data[2]] != 0;
}

static int heaptrack_probe (struct hs_span head)
{
    struct hs_span rest = head, line;
    struct hs_fields fields;
    uint64_t program, version;
    unsigned n_lines = 0;

    if (memchr (head.data, '\n', head.size) == NULL)
        return 0;
    line = take_line (&rest);
    if (line.size > 2 && line.data[0] == 'v' && line.data[1] == ' ') {
        fields = (struct hs_fields){ line.data + 2, line.data + line.size, false };
        return hs_heaptrack_parse_version (&fields, &program, &version) ? 95 : 0;
    }
    for (rest = head; memchr (rest.data, '\n', rest.size) != NULL; n_lines++)
        if (!looks_like_record (take_line (&rest)))
            return 0;
    return n_lines >= 3 ? 40 : 0; /* version 0 may lack its version */
}

static enum hs_status refuse_newer (struct hs_source *source, struct hs_error *err)
{
    uint8_t bytes[64];
    struct hs_span head = { bytes, 0 };
    struct hs_fields fields;
    uint64_t program, version;
    enum hs_status status = hs_source_read (source, 0, bytes, sizeof bytes, &head.size, err);

    if (hs_status_is_error (status))
        return status;
    if (head.size < 3 || bytes[0] != 'v' || memchr (bytes, '\n', head.size) == NULL)
        return HS_OK; /* not there yet, or no version; looked at again when it is read */
    head = take_line (&head);
    fields = (struct hs_fields){ head.data + 2, head.data + head.size, false };
    if (!hs_heaptrack_parse_version (&fields, &program, &version))
        return HS_OK;
    return hs_heaptrack_check_version (program, version, err);
}

static enum hs_status heaptrack_open (struct hs_source *const *sources, size_t n, void **ret,
                                      struct hs_error *err)
{
    struct hs_heaptrack *self;
    enum hs_status status = refuse_newer (sources[0], err);

    (void)n;
    if (status != HS_OK)
        return status;
    self = HS_NEW (struct hs_heaptrack);
    if (self == NULL)
        return hs_error_no_memory (err);
    self->lines.source = sources[0];
    self->page_bytes = DEFAULT_PAGE_BYTES;
    *ret = self;
    return HS_OK;
}

static void begin (struct hs_heaptrack *self, struct hs_event_batch *out)
{
    self->has_begun = true;
    hs_batch_add (out, HS_EVENT_CLOCK, 0)->clock =
        (struct hs_clock_fields){ .ticks_per_second = 1000, .resolution_ticks = 10 };
    hs_batch_add_process (out, HS_EVENT_PROCESS, 0, &self->process)->process = HS_HEAPTRACK_PROCESS;
}

static void tell_counts (struct hs_heaptrack *self, struct hs_event_batch *out)
{
    if (self->n_records == self->n_records_told)
        return;
    self->n_records_told = self->n_records;
    hs_batch_add_fact_unsigned (out, "events_total", self->n_records);
    for (int letter = 0; letter < 128; letter++) {
        char name[] = "heaptrack/?";

        name[sizeof name - 2] = (char)letter;
        if (self->n_by_letter[letter] > 0)
            hs_batch_add_count (out, name, self->n_by_letter[letter]);
    }
}

static void note_long_lines (struct hs_heaptrack *self)
{
    for (; self->n_long_told < self->lines.n_too_long; self->n_long_told++)
        hs_note_pile_add (&self->notes, HS_NOTE_LINE_DAMAGED, self->lines.offset,
                          "A line is longer than %u bytes and is left out.", HS_LIMIT_LINE_BYTES);
}

/* The end, or the end so far, where a module list may be incomplete; false when the batch has no
 * room for what is told there. */
static bool pause (struct hs_heaptrack *self, enum hs_status status, struct hs_event_batch *out)
{
    if (status == HS_END && self->modules.has_changed &&
        !hs_heaptrack_modules_flush (&self->modules, HS_HEAPTRACK_PROCESS, self->time,
                                     HS_N_NOTE_KINDS, out))
        return false;
    if (!hs_batch_has_room (out, END_ROOM))
        return false;
    tell_counts (self, out);
    return true;
}

static enum hs_status heaptrack_next (void *data, struct hs_event_batch *out, struct hs_error *err)
{
    struct hs_heaptrack *self = data;
    enum hs_status status = HS_OK;

    if (!self->has_begun)
        begin (self, out);
    while (status == HS_OK && hs_batch_has_room (out, ROOM)) {
        status = hs_lines_fill (&self->lines, err);
        if (status == HS_OK)
            status = hs_heaptrack_read_lines (self, ROOM, out, err);
    }
    if ((status == HS_END || status == HS_AGAIN) && !pause (self, status, out))
        status = HS_OK;
    note_long_lines (self);
    hs_note_pile_flush (&self->notes, out);
    out->last_time = self->time + 1; /* upstream's total time counts the last tick */
    out->has_last_time = self->has_time;
    return status;
}

static double heaptrack_progress (const void *data)
{
    const struct hs_heaptrack *self = data;

    return hs_source_progress (self->lines.source, self->lines.offset + self->lines.at);
}

static void heaptrack_close (void *data)
{
    struct hs_heaptrack *self = data;

    hs_lines_clear (&self->lines);
    hs_heaptrack_tables_clear (&self->tables);
    hs_heaptrack_modules_clear (&self->modules);
    hs_free (self);
}

static const char *const extensions[] = { "gz", "zst", "raw", NULL };

const struct hs_format hs_heaptrack_format = {
    .name = "heaptrack",
    .description = N_ ("heaptrack data"),
    .extensions = extensions,
    .probe = heaptrack_probe,
    .open = heaptrack_open,
    .next = heaptrack_next,
    .progress = heaptrack_progress,
    .close = heaptrack_close,
};
