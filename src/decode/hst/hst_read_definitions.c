/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the definitions of a segment; FORMAT.md section 4. */
#include "decode/hst/hst_reader.h"

#include "base/limits.h"
#include "base/text.h"

/* Ids are dense, so no file that is sound names one far over what its bytes could define. */
#define SLACK_SLOTS 65536u
#define SLACK_PROCESSES 4096u

/* There is room for one more part. */
static bool begin_numbers (struct hs_hst_numbering *numbering, uint32_t first, size_t at)
{
    struct hs_hst_numbers *last =
        numbering->parts.n > 0 ? &numbering->parts.items[numbering->parts.n - 1] : NULL;

    if (first == 0 || (last != NULL && first < last->first + last->n))
        return false;
    if (last != NULL && first == last->first + last->n)
        return true;
    numbering->parts.items[numbering->parts.n++] = (struct hs_hst_numbers){ first, 0, at };
    return true;
}

/* Takes the next number. */
static uint32_t next_number (struct hs_hst_numbering *numbering)
{
    struct hs_hst_numbers *last = &numbering->parts.items[numbering->parts.n - 1];

    return last->first + last->n++;
}

/* Where the thing of that number lies; SIZE_MAX when it is not known. */
static size_t place_of (const struct hs_hst_numbering *numbering, uint32_t number)
{
    size_t low = 0, high = numbering->parts.n;
    const struct hs_hst_numbers *part;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (numbering->parts.items[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    if (numbering->parts.n == 0)
        return SIZE_MAX;
    part = &numbering->parts.items[low];
    return number >= part->first && number - part->first < part->n
               ? part->at + (number - part->first)
               : SIZE_MAX;
}

enum hs_status hs_hst_begin_read_definitions (struct hs_hst *self, struct hs_error *err)
{
    struct hs_span header = { self->definitions.bytes, self->definitions.n };
    bool is_sound = header.size >= HS_HST_DEFINITIONS_HEADER_BYTES;

    self->definition = (struct hs_hst_cursor){ header.data, header.data };
    self->definition_time = 0;
    self->definition_slot = 0;
    if (!hs_array_reserve (&self->node_numbers.parts, 1) ||
        !hs_array_reserve (&self->string_numbers.parts, 1))
        return hs_error_no_memory (err);
    /* each record that takes a number has at least 2 bytes, so numbers cannot overflow */
    is_sound = is_sound && hs_get_u32 (header.data + 4) < UINT32_MAX - HS_HST_MAX_CHUNK_BYTES &&
               hs_get_u32 (header.data + 8) < UINT32_MAX - HS_HST_MAX_CHUNK_BYTES &&
               begin_numbers (&self->node_numbers, hs_get_u32 (header.data + 4), self->nodes.n) &&
               begin_numbers (&self->string_numbers, hs_get_u32 (header.data + 8), self->strings.n);
    if (!is_sound) {
        hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->definitions_offset,
                     "A chunk of definitions does not go on where the one before ended; left out.");
        return HS_DAMAGED;
    }
    self->definition.at += HS_HST_DEFINITIONS_HEADER_BYTES;
    self->definition.end += header.size;
    return HS_OK;
}

static uint64_t take_varint (struct hs_reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = hs_reader_u8 (reader);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return value;
}

static int64_t take_signed (struct hs_reader *reader)
{
    return hs_hst_unzigzag (take_varint (reader));
}

/* Values over 32 bits count as an over-run: the record is damaged. */
static uint32_t take_u32 (struct hs_reader *reader)
{
    uint64_t value = take_varint (reader);

    if (value > UINT32_MAX)
        reader->has_overrun = true;
    return (uint32_t)value;
}

/* The bytes of a text, lent by the payload. */
static struct hs_span take_bytes (struct hs_reader *reader)
{
    uint64_t n = take_varint (reader);
    const uint8_t *at;

    if (n > HS_LIMIT_STRING_BYTES)
        reader->has_overrun = true;
    at = n <= HS_LIMIT_STRING_BYTES ? hs_reader_take (reader, (size_t)n) : NULL;
    return (struct hs_span){ at, at != NULL ? (size_t)n : 0 };
}

/* A copy as valid UTF-8 in the arena, which must be cleared after use or lives with the file. */
static struct hs_text make_text (struct hs_arena *arena, struct hs_span bytes)
{
    struct hs_text none = { "", 0 };
    char *copy;

    if (bytes.size == 0)
        return none;
    if (hs_text_is_utf8 (bytes)) {
        copy = hs_arena_strndup (arena, (const char *)bytes.data, bytes.size);
        return copy != NULL ? (struct hs_text){ copy, (uint32_t)bytes.size } : none;
    }
    copy = hs_arena_alloc (arena, bytes.size * 3 + 1);
    if (copy == NULL)
        return none;
    return (struct hs_text){ copy, (uint32_t)hs_text_from_utf8 (bytes, copy, bytes.size * 3 + 1) };
}

static struct hs_text take_text (struct hs_reader *reader, struct hs_event_batch *out)
{
    struct hs_span bytes = take_bytes (reader);
    struct hs_text text = make_text (&out->arena, bytes);

    out->is_out_of_memory |= bytes.size > 0 && text.length == 0;
    return text;
}

/* The name with the number that stands next. */
static struct hs_text take_string (struct hs_reader *reader, struct hs_hst *self)
{
    uint32_t number = take_u32 (reader);
    size_t at;

    if (number == 0)
        return (struct hs_text){ "", 0 };
    at = place_of (&self->string_numbers, number);
    if (at != SIZE_MAX)
        return self->strings.items[at];
    hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->definitions_offset,
                 "Name %u is used but was never told; it is shown empty.", number);
    return (struct hs_text){ "", 0 };
}

static bool read_string (struct hs_hst *self, struct hs_span record, struct hs_event_batch *out)
{
    struct hs_text text = { "", 0 };
    bool is_sound = record.size <= HS_LIMIT_STRING_BYTES;

    if (is_sound)
        text = make_text (&self->texts, record);
    if (!hs_array_reserve (&self->strings, 1) ||
        (is_sound && record.size > 0 && text.length == 0)) {
        out->is_out_of_memory = true;
        return true;
    }
    (void)next_number (&self->string_numbers);
    self->strings.items[self->strings.n++] = text;
    return is_sound;
}

bool hs_hst_is_slot (struct hs_hst *self, int64_t slot)
{
    if (slot >= 0 && (uint64_t)slot <= SLACK_SLOTS + self->n_raw && slot < HS_LIMIT_STACK_SLOTS)
        return true;
    hs_hst_note (self, HS_NOTE_VALUE_ABSURD, self->events_offset,
                 "Stack number %lld is over what the file can define; left out.", (long long)slot);
    return false;
}

bool hs_hst_need_process (struct hs_hst *self, hs_process_id process, struct hs_event_batch *out)
{
    struct hs_process_fields unknown = { .pid = 0 };
    struct hs_event *gap;

    if (process < self->n_processes)
        return true;
    if (process - self->n_processes > SLACK_PROCESSES ||
        process > SLACK_PROCESSES + self->n_raw / 4) {
        hs_hst_note (self, HS_NOTE_VALUE_ABSURD, self->events_offset,
                     "Process number %u is over what the file can define; its events are left out.",
                     process);
        return false;
    }
    hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                 "Process number %u is used but was never described.", process);
    hs_batch_add_process (out, HS_EVENT_PROCESS, 0, &unknown)->process = process;
    self->n_processes = process + 1;
    gap = hs_batch_add (out, HS_EVENT_GAP, self->record_time); /* it began in damage */
    gap->process = process;
    gap->end_time = self->record_time;
    return true;
}

/* The head fields that every definition has. */
static struct hs_event read_head (struct hs_hst *self, struct hs_reader *reader)
{
    struct hs_event head = { .process = HS_NO_PROCESS };
    unsigned mask = hs_reader_u8 (reader);
    uint32_t slot = 0;

    if ((mask & HS_HST_HEAD_TIME) != 0) {
        self->definition_time =
            (int64_t)((uint64_t)self->definition_time + (uint64_t)take_signed (reader));
        head.time = self->definition_time;
    }
    if ((mask & HS_HST_HEAD_PROCESS) != 0)
        head.process = take_u32 (reader);
    if ((mask & HS_HST_HEAD_THREAD) != 0)
        head.thread = take_u32 (reader);
    if ((mask & HS_HST_HEAD_SOURCE) != 0)
        hs_event_set_origin (&head, (uint16_t)take_u32 (reader));
    if ((mask & HS_HST_HEAD_FLAGS) != 0)
        head.flags = (uint8_t)take_u32 (reader);
    if ((mask & HS_HST_HEAD_STACK) != 0)
        slot = take_u32 (reader);
    if ((mask & HS_HST_HEAD_REF) != 0)
        head.stack_ref = take_varint (reader);
    if ((mask & ~(unsigned)HS_HST_HEAD_ALL) != 0) /* a newer field whose length is not known */
        reader->has_overrun = true;
    head.stack = hs_hst_is_slot (self, slot) ? slot : HS_NO_STACK;
    return head;
}

/* Puts the head's fields on an event that was added by its kind's own function. */
static void set_head (struct hs_event *event, const struct hs_event *head)
{
    event->time = head->time;
    event->process = head->process;
    event->thread = head->thread;
    event->source = head->source;
    event->call = head->call;
    event->flags = head->flags;
    event->stack = head->stack;
    event->stack_ref = head->stack_ref;
}

static struct hs_event *add (struct hs_event_batch *out, enum hs_event_kind kind,
                             const struct hs_event *head)
{
    struct hs_event *event = hs_batch_add (out, kind, head->time);

    set_head (event, head);
    return event;
}

static bool read_process (struct hs_hst *self, struct hs_reader *reader,
                          const struct hs_event *head, struct hs_event_batch *out)
{
    struct hs_process_fields fields = { .pid = take_u32 (reader), .parent_pid = take_u32 (reader) };
    uint8_t bits;

    fields.image = take_string (reader, self);
    fields.command_line = take_string (reader, self);
    fields.start = take_signed (reader);
    fields.exit_status = (int32_t)take_signed (reader);
    bits = hs_reader_u8 (reader);
    fields.has_start = (bits & HS_HST_PROCESS_HAS_START) != 0;
    fields.is_32bit = (bits & HS_HST_PROCESS_32BIT) != 0;
    fields.is_image_known = (bits & HS_HST_PROCESS_IMAGE_KNOWN) != 0;
    fields.is_forked = (bits & HS_HST_PROCESS_FORKED) != 0;
    fields.end_reason = (bits & HS_HST_PROCESS_EXECED) != 0 ? HS_PROCESS_EXECED : HS_PROCESS_EXITED;
    if (reader->has_overrun || head->process == HS_NO_PROCESS)
        return false;
    if (head->process == self->n_processes)
        self->n_processes++;
    else if (!hs_hst_need_process (self, head->process, out))
        return true;
    set_head (hs_batch_add_process (out, HS_EVENT_PROCESS, head->time, &fields), head);
    return true;
}

static bool read_thread (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                         struct hs_event_batch *out)
{
    struct hs_text name = take_string (reader, self);
    bool is_end = hs_reader_u8 (reader) != 0;
    struct hs_event *event;

    if (reader->has_overrun)
        return false;
    event = add (out, HS_EVENT_THREAD, head);
    event->thread_info = (struct hs_thread_fields){ .is_end = is_end };
    event->thread_info.name = name.length > 0 ? hs_batch_text (out, name.bytes, name.length) : name;
    return true;
}

static bool read_module (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                         struct hs_event_batch *out)
{
    struct hs_module_fields fields = { .base = take_varint (reader), .size = take_varint (reader) };
    const uint8_t *build_id;
    uint8_t op;

    fields.path = take_string (reader, self);
    fields.debug_name = take_string (reader, self);
    fields.build_id_size = hs_reader_u8 (reader);
    if (fields.build_id_size > sizeof fields.build_id)
        return false;
    build_id = hs_reader_take (reader, fields.build_id_size);
    if (build_id != NULL)
        memcpy (fields.build_id, build_id, fields.build_id_size);
    fields.pdb_age = take_u32 (reader);
    fields.link_stamp = take_u32 (reader);
    fields.checksum = take_u32 (reader);
    op = hs_reader_u8 (reader);
    fields.op = (enum hs_module_op)op;
    if (reader->has_overrun || op > HS_MODULE_IDENTITY)
        return false;
    set_head (hs_batch_add_module (out, head->time, &fields), head);
    return true;
}

/* The frames of a node, leaf first, into self->frames; their number, or -1 when one is missing. */
static int64_t collect_frames (struct hs_hst *self, uint32_t node)
{
    uint32_t n = 0;

    while (node != 0) {
        size_t at = place_of (&self->node_numbers, node);

        if (at == SIZE_MAX || n == HS_LIMIT_STACK_DEPTH)
            return -1;
        self->frames[n++] = self->nodes.items[at].address;
        node = self->nodes.items[at].parent;
    }
    return n;
}

static bool read_stack (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                        struct hs_event_batch *out)
{
    int64_t slot = (int64_t)self->definition_slot + take_signed (reader), n_frames;
    uint32_t node = take_u32 (reader), n_new = take_u32 (reader);
    size_t parent = place_of (&self->node_numbers, node);
    uint64_t address = parent != SIZE_MAX ? self->nodes.items[parent].address : 0;

    if (n_new > HS_LIMIT_STACK_DEPTH || reader->has_overrun)
        return false;
    for (; n_new > 0 && !reader->has_overrun; n_new--) {
        uint32_t number;

        if (!hs_array_reserve (&self->nodes, 1)) {
            out->is_out_of_memory = true;
            return true;
        }
        address += (uint64_t)take_signed (reader);
        number = next_number (&self->node_numbers);
        if (node >= number) /* no node is its own ancestor */
            node = UINT32_MAX;
        self->nodes.items[self->nodes.n++] = (struct hs_hst_known_node){ address, node };
        node = number;
    }
    if (reader->has_overrun || !hs_hst_is_slot (self, slot))
        return false;
    self->definition_slot = (hs_stack_slot)slot;
    n_frames = collect_frames (self, node);
    if (n_frames < 0 || head->process == HS_NO_PROCESS) {
        hs_hst_note (self, HS_NOTE_STACK_UNRESOLVED, self->definitions_offset,
                     "Stack %lld stands on frames that were never told; it is left out.",
                     (long long)slot);
        return true;
    }
    hs_batch_add_stack (out, head->process, (hs_stack_slot)slot, self->frames, (uint32_t)n_frames);
    set_head (&out->events[out->n - 1], head);
    return true;
}

static bool read_frame_name (struct hs_hst *self, struct hs_reader *reader,
                             const struct hs_event *head, struct hs_event_batch *out)
{
    struct hs_frame_fields fields = { .address = take_varint (reader) };

    fields.function = take_string (reader, self);
    fields.file = take_string (reader, self);
    fields.module = take_string (reader, self);
    fields.line = take_u32 (reader);
    fields.inline_depth = take_u32 (reader);
    if (reader->has_overrun)
        return false;
    set_head (hs_batch_add_frame (out, &fields), head);
    return true;
}

static bool read_fact (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                       struct hs_event_batch *out)
{
    char name[128] = "";
    struct hs_text string = take_string (reader, self), text = { "", 0 };
    uint8_t type = hs_reader_u8 (reader);
    uint64_t number = 0;

    if (type == HS_FACT_TEXT)
        text = take_text (reader, out);
    else
        number = take_varint (reader);
    if (reader->has_overrun || type > HS_FACT_TEXT || string.length >= sizeof name)
        return false;
    memcpy (name, string.bytes, string.length);
    if (type == HS_FACT_TEXT)
        hs_batch_add_fact_text (out, name, text.bytes);
    else if (type == HS_FACT_NUMBER)
        hs_batch_add_fact_number (out, name, (int64_t)number);
    else
        hs_batch_add_fact_unsigned (out, name, number);
    set_head (&out->events[out->n - 1], head);
    return true;
}

static bool read_count (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                        struct hs_event_batch *out)
{
    char name[128] = "";
    struct hs_text string = take_string (reader, self);
    uint64_t count = take_varint (reader);

    if (reader->has_overrun || string.length >= sizeof name)
        return false;
    memcpy (name, string.bytes, string.length);
    hs_batch_add_count (out, name, count);
    set_head (&out->events[out->n - 1], head);
    return true;
}

static bool read_note (struct hs_hst *self, struct hs_reader *reader, const struct hs_event *head,
                       struct hs_event_batch *out)
{
    struct hs_text word = take_string (reader, self), text;
    uint32_t count = take_u32 (reader);
    uint64_t offset = take_varint (reader) - 1;
    enum hs_note_kind kind = HS_NOTE_OTHER;

    text = take_text (reader, out);
    if (reader->has_overrun)
        return false;
    for (unsigned i = 0; i < HS_N_NOTE_KINDS; i++) {
        const char *name = hs_note_kind_name ((enum hs_note_kind)i);

        if (strlen (name) == word.length && memcmp (name, word.bytes, word.length) == 0)
            kind = (enum hs_note_kind)i;
    }
    hs_batch_add_notes (out, kind, count, offset, text.bytes);
    set_head (&out->events[out->n - 1], head);
    return true;
}

/* Clock, gap, lost, mark, suppression, reset: what fits into an event. */
static bool read_small (struct hs_reader *reader, enum hs_hst_definition type,
                        const struct hs_event *head, struct hs_event_batch *out)
{
    struct hs_event event = { 0 };
    enum hs_event_kind kind = HS_EVENT_RESET;

    if (type == HS_HST_CLOCK) {
        kind = HS_EVENT_CLOCK;
        event.clock.ticks_per_second = take_varint (reader);
        event.clock.zero_filetime = take_signed (reader);
        event.clock.resolution_ticks = take_varint (reader);
        if (event.clock.ticks_per_second == 0)
            return false;
    } else if (type == HS_HST_GAP) {
        kind = HS_EVENT_GAP;
        event.end_time = take_signed (reader);
    } else if (type == HS_HST_LOST) {
        kind = HS_EVENT_LOST;
        event.number = take_varint (reader);
    } else if (type == HS_HST_HEAP_NAME) {
        kind = HS_EVENT_HEAP_NAME;
        event.heap_name.heap = take_varint (reader);
        event.heap_name.name = take_text (reader, out);
    } else if (type != HS_HST_RESET) {
        kind = type == HS_HST_MARK ? HS_EVENT_MARK : HS_EVENT_SUPPRESSION;
        event.text = take_text (reader, out);
    }
    if (reader->has_overrun)
        return false;
    set_head (&event, head);
    event.kind = (uint8_t)kind;
    out->events[out->n++] = event;
    return true;
}

/* False: damaged. A type that is not known is a definition of a newer writer, passed over. */
static bool read_record (struct hs_hst *self, uint8_t type, struct hs_span record,
                         struct hs_event_batch *out)
{
    struct hs_reader reader = hs_reader_init (record);
    struct hs_event head = read_head (self, &reader);

    if (reader.has_overrun)
        return false;
    if (type != HS_HST_PROCESS && head.process != HS_NO_PROCESS &&
        !hs_hst_need_process (self, head.process, out))
        return true;
    switch ((enum hs_hst_definition)type) {
    case HS_HST_PROCESS:
        return read_process (self, &reader, &head, out);
    case HS_HST_THREAD:
        return read_thread (self, &reader, &head, out);
    case HS_HST_MODULE:
        return read_module (self, &reader, &head, out);
    case HS_HST_STACK:
        return read_stack (self, &reader, &head, out);
    case HS_HST_FRAME_NAME:
        return read_frame_name (self, &reader, &head, out);
    case HS_HST_FACT:
        return read_fact (self, &reader, &head, out);
    case HS_HST_COUNT:
        return read_count (self, &reader, &head, out);
    case HS_HST_NOTE:
        return read_note (self, &reader, &head, out);
    case HS_HST_CLOCK:
    case HS_HST_SUPPRESSION:
    case HS_HST_MARK:
    case HS_HST_GAP:
    case HS_HST_LOST:
    case HS_HST_RESET:
    case HS_HST_HEAP_NAME:
        return read_small (&reader, (enum hs_hst_definition)type, &head, out);
    case HS_HST_STRING:
        break;
    }
    hs_hst_note (self, HS_NOTE_UNSUPPORTED, self->definitions_offset,
                 "Definitions of a newer kind (%u) are passed over.", type);
    return true;
}

bool hs_hst_read_definition (struct hs_hst *self, struct hs_event_batch *out)
{
    while (self->definition.at < self->definition.end) {
        uint8_t type = *self->definition.at++;
        uint64_t n = hs_hst_varint (&self->definition.at);
        struct hs_span record = { self->definition.at, (size_t)n };
        bool is_sound = self->definition.at <= self->definition.end &&
                        n <= (size_t)(self->definition.end - self->definition.at);

        if (!is_sound) {
            hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->definitions_offset,
                         "A definition runs over the end of its chunk; the rest is left out.");
            self->definition.at = self->definition.end;
            return false;
        }
        self->definition.at += n;
        is_sound = type == HS_HST_STRING ? read_string (self, record, out)
                                         : read_record (self, type, record, out);
        if (!is_sound)
            hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->definitions_offset,
                         "A definition (kind %u) makes no sense and is left out.", type);
        if (type != HS_HST_STRING)
            return true;
    }
    return false;
}

void hs_hst_definitions_clear (struct hs_hst *self)
{
    hs_array_clear (&self->node_numbers.parts);
    hs_array_clear (&self->string_numbers.parts);
    hs_array_clear (&self->nodes);
    hs_array_clear (&self->strings);
    hs_arena_clear (&self->texts);
    hs_free (self->frames);
}
