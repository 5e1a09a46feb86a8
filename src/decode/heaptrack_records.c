/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of heaptrack files; see heaptrack_records.h. */
#include "decode/heaptrack_records.h"

#include <stdio.h>

#define MAX_TIME_MS (INT64_C (1000) * 86400 * HS_LIMIT_SPAN_DAYS)
#define NEVER_LIVE (UINT64_MAX - 15) /* the address of a free that has no block */

/* Whether the fields are good and no more follow, which would be bad. */
static bool are_over (struct hs_fields *fields)
{
    if (fields->at != fields->end)
        fields->is_bad = true;
    return !fields->is_bad;
}

static uint64_t line_offset (const struct hs_heaptrack *self, const uint8_t *line)
{
    return self->lines.offset + (uint64_t)(line - self->lines.bytes);
}

static void add_damaged (struct hs_heaptrack *self, const uint8_t *line, const char *what)
{
    bool is_cut = self->lines.is_last_open && self->lines.at == self->lines.end;
    int letter = *line > ' ' && *line < 127 ? *line : '?';

    if (is_cut)
        hs_note_pile_add (&self->notes, HS_NOTE_TRUNCATED, line_offset (self, line),
                          "The file ends inside of a record '%c', which is left out.", letter);
    else
        hs_note_pile_add (&self->notes, HS_NOTE_LINE_DAMAGED, line_offset (self, line),
                          "A record '%c' is left out: %s.", letter, what);
}

enum hs_status hs_heaptrack_check_version (uint64_t program, uint64_t version, struct hs_error *err)
{
    if (version <= HS_HEAPTRACK_NEWEST)
        return HS_OK;
    return hs_error_set (err, HS_UNSUPPORTED, 0,
                         "written by heaptrack %u.%u.%u in file version %llu; versions up to %d "
                         "are known",
                         (unsigned)(program >> 16 & 0xff), (unsigned)(program >> 8 & 0xff),
                         (unsigned)(program & 0xff), (unsigned long long)version,
                         HS_HEAPTRACK_NEWEST);
}

bool hs_heaptrack_parse_version (struct hs_fields *fields, uint64_t *ret_program,
                                 uint64_t *ret_version)
{
    *ret_program = hs_fields_number (fields);
    *ret_version = *ret_program == 0x10200 ? 1 : 0;
    if (!hs_fields_are_over (fields))
        *ret_version = hs_fields_number (fields);
    return are_over (fields);
}

static void set_stage (struct hs_heaptrack *self, enum hs_heaptrack_stage stage,
                       struct hs_event_batch *out)
{
    if (self->stage != HS_HEAPTRACK_UNKNOWN)
        return;
    self->stage = stage;
    self->has_pointers = stage == HS_HEAPTRACK_RAW || self->version == 0;
    hs_batch_add_fact_text (out, "heaptrack.stage",
                            stage == HS_HEAPTRACK_RAW ? "raw" : "interpreted");
}

static bool keep_text (struct hs_heaptrack *self, struct hs_text text, struct hs_text *ret)
{
    char *copy = hs_arena_strndup (&self->tables.texts, text.bytes, text.length);

    if (copy != NULL)
        *ret = (struct hs_text){ copy, text.length };
    return copy != NULL;
}

static void tell_process (struct hs_heaptrack *self, struct hs_event_batch *out)
{
    hs_batch_add_process (out, HS_EVENT_PROCESS, 0, &self->process)->process = HS_HEAPTRACK_PROCESS;
}

/* `s`, `x`, `m` and in raw files `S`: a blank-free word or a sized string, by version. */
static struct hs_span take_name (const struct hs_heaptrack *self, struct hs_fields *fields)
{
    return self->version >= 3 ? hs_fields_sized (fields) : hs_fields_word (fields);
}

static enum hs_status read_version (struct hs_heaptrack *self, struct hs_fields *fields,
                                    struct hs_event_batch *out, struct hs_error *err)
{
    uint64_t program, version;
    char text[32];

    if (self->n_records > 1 || !hs_heaptrack_parse_version (fields, &program, &version)) {
        fields->is_bad = true;
        return HS_OK;
    }
    self->version = version > HS_HEAPTRACK_NEWEST ? HS_HEAPTRACK_NEWEST + 1 : (uint32_t)version;
    (void)snprintf (text, sizeof text, "%u.%u.%u", (unsigned)(program >> 16 & 0xff),
                    (unsigned)(program >> 8 & 0xff), (unsigned)(program & 0xff));
    hs_batch_add_fact_text (out, "heaptrack.version", text);
    hs_batch_add_fact_unsigned (out, "heaptrack.file_version", version);
    return hs_heaptrack_check_version (program, version, err);
}

/* X: the command line, of which the first word names the program unless a raw file says better. */
static bool read_command (struct hs_heaptrack *self, struct hs_fields *fields,
                          struct hs_event_batch *out)
{
    struct hs_text text = hs_heaptrack_clean_text (&self->tables, hs_fields_rest (fields));
    const char *blank;

    if (self->has_command) {
        fields->is_bad = true;
        return true;
    }
    self->has_command = true;
    if (!keep_text (self, text, &self->process.command_line))
        return false;
    if (!self->has_executable) {
        text = self->process.command_line;
        blank = memchr (text.bytes, ' ', text.length);
        if (blank != NULL)
            text.length = (uint32_t)(blank - text.bytes);
        self->process.image = text;
        self->process.is_image_known = text.length > 0;
    }
    tell_process (self, out);
    return true;
}

static bool read_executable (struct hs_heaptrack *self, struct hs_fields *fields,
                             struct hs_event_batch *out)
{
    struct hs_span name = take_name (self, fields);

    if (fields->is_bad || self->has_executable) {
        fields->is_bad = true;
        return true;
    }
    self->has_executable = true;
    self->process.is_image_known = true;
    if (!keep_text (self, hs_heaptrack_clean_text (&self->tables, name), &self->process.image))
        return false;
    tell_process (self, out);
    return true;
}

/* m: the range of a module goes from its first segment to the end of its last one. */
static bool read_module (struct hs_heaptrack *self, struct hs_fields *fields)
{
    struct hs_span name = take_name (self, fields);
    struct hs_text path = hs_heaptrack_clean_text (&self->tables, name);
    uint64_t load, base = UINT64_MAX, end = 0;

    if (!fields->is_bad && fields->at == fields->end && path.length == 1 && *path.bytes == '-') {
        hs_heaptrack_modules_forget (&self->modules);
        return true;
    }
    load = hs_fields_number (fields);
    while (!hs_fields_are_over (fields)) {
        uint64_t from, to;

        if (__builtin_add_overflow (load, hs_fields_number (fields), &from) ||
            __builtin_add_overflow (from, hs_fields_number (fields), &to)) {
            fields->is_bad = true;
            break;
        }
        base = from < base ? from : base;
        end = to > end ? to : end;
    }
    if (fields->is_bad || base >= end)
        return true;
    if (path.length == 1 && *path.bytes == 'x')
        path = self->process.image;
    return hs_heaptrack_modules_add (&self->modules, path.length > 0 ? path.bytes : "", path.length,
                                     base, end);
}

static bool read_string (struct hs_heaptrack *self, struct hs_fields *fields)
{
    struct hs_span text = self->version >= 3 ? hs_fields_sized (fields) : hs_fields_rest (fields);

    /* a damaged one takes its number all the same: all later ones would shift */
    return hs_heaptrack_add_string (&self->tables, text);
}

/* The names behind the pointer of an `i` record, innermost frame first. */
static void tell_names (const struct hs_heaptrack *self, uint64_t address, struct hs_fields *fields,
                        struct hs_event_batch *out)
{
    const struct hs_heaptrack_tables *tables = &self->tables;
    struct hs_frame_fields frame = { .address = address };

    frame.module = hs_heaptrack_string (tables, hs_fields_number (fields));
    while (!fields->is_bad) {
        bool has_file;

        frame.function = (struct hs_text){ "", 0 };
        frame.file = (struct hs_text){ "", 0 };
        frame.line = 0;
        if (fields->at < fields->end)
            frame.function = hs_heaptrack_string (tables, hs_fields_number (fields));
        has_file = fields->at < fields->end;
        if (has_file) {
            frame.file = hs_heaptrack_string (tables, hs_fields_number (fields));
            frame.line = hs_fields_index (fields);
        }
        if (!fields->is_bad && (has_file || frame.function.length > 0 || frame.module.length > 0))
            hs_batch_add_frame (out, &frame)->process = HS_HEAPTRACK_PROCESS;
        if (!has_file || fields->at == fields->end ||
            ++frame.inline_depth > HS_HEAPTRACK_MAX_INLINED)
            break;
    }
}

/* Whether the numbers of an `i` record are as many as one may have: 2, 3, 5, 8, 11 … */
static bool is_address_record (struct hs_fields fields)
{
    size_t n = 0;

    for (; !hs_fields_are_over (&fields); n++)
        (void)hs_fields_number (&fields);
    return !fields.is_bad && (n == 2 || n == 3 || (n >= 5 && n % 3 == 2));
}

static bool read_address (struct hs_heaptrack *self, struct hs_fields *fields,
                          struct hs_event_batch *out)
{
    uint64_t pointer, address;
    struct hs_span rest;
    bool is_new;

    if (!is_address_record (*fields)) {
        fields->is_bad = true;
        return hs_heaptrack_add_no_address (&self->tables);
    }
    pointer = hs_fields_number (fields);
    rest = (struct hs_span){ fields->at, (size_t)(fields->end - fields->at) };
    if (!hs_heaptrack_add_address (&self->tables, pointer, rest, &address, &is_new))
        return false;
    if (is_new)
        tell_names (self, address, fields, out);
    fields->at = fields->end; /* inlined frames over the limit are left out */
    return true;
}

static bool read_node (struct hs_heaptrack *self, struct hs_fields *fields, const uint8_t *line)
{
    uint64_t frame = hs_fields_number (fields);
    uint64_t parent = hs_fields_number (fields);
    bool is_deep;

    frame =
        self->stage == HS_HEAPTRACK_RAW ? frame + 1 : hs_heaptrack_address (&self->tables, frame);
    if (!are_over (fields)) {
        frame = HS_HEAPTRACK_UNKNOWN_FRAME;
        parent = 0;
    }
    if (parent > self->tables.nodes.n)
        hs_note_pile_add (&self->notes, HS_NOTE_VALUE_ABSURD, line_offset (self, line),
                          "A call stack names a caller that does not come before it; it is taken "
                          "to begin there.");
    if (!hs_heaptrack_add_node (&self->tables, frame, parent, &is_deep))
        return false;
    if (is_deep)
        hs_note_pile_add (&self->notes, HS_NOTE_VALUE_ABSURD, line_offset (self, line),
                          "A call stack is deeper than %u frames; its innermost ones are left out.",
                          HS_LIMIT_STACK_DEPTH);
    return true;
}

static bool read_info (struct hs_heaptrack *self, struct hs_fields *fields)
{
    uint64_t size = hs_fields_number (fields);
    uint64_t node = hs_fields_number (fields);

    if (!are_over (fields))
        size = node = 0;
    return hs_heaptrack_add_info (&self->tables, size, node);
}

static void add_block_event (struct hs_heaptrack *self, enum hs_event_kind kind, uint64_t address,
                             uint64_t size, hs_stack_slot stack, struct hs_event_batch *out)
{
    struct hs_event *event = hs_batch_add (out, kind, self->time);

    event->process = HS_HEAPTRACK_PROCESS;
    event->stack = stack;
    event->block = (struct hs_block_fields){ .address = address, .size = size };
}

static void read_pointer_event (struct hs_heaptrack *self, bool is_alloc, struct hs_fields *fields,
                                struct hs_event_batch *out)
{
    uint64_t size = is_alloc ? hs_fields_number (fields) : 0;
    uint64_t node = is_alloc ? hs_fields_number (fields) : 0;
    uint64_t pointer = hs_fields_number (fields);
    hs_stack_slot stack = HS_NO_STACK;

    if (!are_over (fields))
        return;
    if (is_alloc)
        stack = hs_heaptrack_stack (&self->tables, node, HS_HEAPTRACK_PROCESS, out);
    add_block_event (self, is_alloc ? HS_EVENT_ALLOC : HS_EVENT_FREE, pointer, size, stack, out);
}

static inline bool add_info_alloc (struct hs_heaptrack *self, uint32_t info,
                                   struct hs_event_batch *out)
{
    const struct hs_heaptrack_info *of = &self->tables.infos.items[info];
    uint64_t address = hs_heaptrack_open_block (&self->tables, info);
    hs_stack_slot stack = hs_heaptrack_stack (&self->tables, of->node, HS_HEAPTRACK_PROCESS, out);

    add_block_event (self, HS_EVENT_ALLOC, address, of->size, stack, out);
    out->events[out->n - 1].flags = HS_EVENT_ADDRESS_INVENTED;
    self->last = info;
    return address != 0;
}

/*
 * Upstream calls a free temporary when its info equals `last`, which is 0 after any free: so a
 * free of info 0 that follows a free is one as well. Its numbers count that; so do ours.
 */
static inline void add_info_free (struct hs_heaptrack *self, uint32_t info,
                                  struct hs_event_batch *out)
{
    uint64_t address = hs_heaptrack_close_block (&self->tables, info);

    add_block_event (self, HS_EVENT_FREE, address != 0 ? address : NEVER_LIVE, 0, HS_NO_STACK, out);
    out->events[out->n - 1].flags =
        HS_EVENT_ADDRESS_INVENTED | (info == self->last ? HS_EVENT_COUNTS_TEMPORARY : 0);
    self->last = 0;
}

static bool read_info_event (struct hs_heaptrack *self, bool is_alloc, struct hs_fields *fields,
                             const uint8_t *line, struct hs_event_batch *out)
{
    uint64_t info = hs_fields_number (fields);

    if (!are_over (fields))
        return true;
    if (info >= self->tables.infos.n) {
        hs_note_pile_add (&self->notes, HS_NOTE_VALUE_ABSURD, line_offset (self, line),
                          "A record '%c' names allocation info %llu, which does not exist; it is "
                          "left out.",
                          is_alloc ? '+' : '-', (unsigned long long)info);
        return true;
    }
    if (is_alloc)
        return add_info_alloc (self, (uint32_t)info, out);
    add_info_free (self, (uint32_t)info, out);
    return true;
}

static void read_time (struct hs_heaptrack *self, struct hs_fields *fields, const uint8_t *line)
{
    uint64_t time = hs_fields_number (fields);

    if (!are_over (fields))
        return;
    if (time > (uint64_t)MAX_TIME_MS) {
        hs_note_pile_add (&self->notes, HS_NOTE_VALUE_ABSURD, line_offset (self, line),
                          "A time of %llu ms is over the limit of %d days; it is left out.",
                          (unsigned long long)time, HS_LIMIT_SPAN_DAYS);
    } else if ((int64_t)time < self->time) {
        hs_note_pile_add (&self->notes, HS_NOTE_OUT_OF_ORDER, line_offset (self, line),
                          "Time went back from %lld ms to %llu ms; it stays where it was.",
                          (long long)self->time, (unsigned long long)time);
    } else {
        self->time = (int64_t)time;
        self->has_time = true;
    }
}

static void read_memory_size (struct hs_heaptrack *self, struct hs_fields *fields,
                              struct hs_event_batch *out)
{
    uint64_t page = hs_fields_number (fields);
    uint64_t n_pages = hs_fields_number (fields), bytes;

    if (!are_over (fields) || page == 0 || __builtin_mul_overflow (page, n_pages, &bytes)) {
        fields->is_bad = true;
        return;
    }
    self->page_bytes = page;
    hs_batch_add_fact_unsigned (out, "heaptrack.page_bytes", page);
    hs_batch_add_fact_unsigned (out, "heaptrack.system_memory_bytes", bytes);
}

static void read_resident (struct hs_heaptrack *self, struct hs_fields *fields,
                           struct hs_event_batch *out)
{
    uint64_t n_pages = hs_fields_number (fields), bytes;
    struct hs_event *event;

    if (!are_over (fields) || __builtin_mul_overflow (n_pages, self->page_bytes, &bytes)) {
        fields->is_bad = true;
        return;
    }
    event = hs_batch_add (out, HS_EVENT_MEMORY_SAMPLE, self->time);
    event->process = HS_HEAPTRACK_PROCESS;
    event->number = bytes;
}

/* S: "leak:PATTERN", which the recorder of version 3 writes sized and its own reader does not. */
static void read_suppression (struct hs_heaptrack *self, struct hs_fields *fields,
                              struct hs_event_batch *out)
{
    static const char prefix[] = "leak:";
    const size_t n_prefix = sizeof prefix - 1;
    struct hs_fields sized = *fields;
    struct hs_span pattern = hs_fields_sized (&sized);
    struct hs_text text;

    if (sized.is_bad || sized.at != sized.end)
        pattern = hs_fields_rest (fields);
    fields->at = fields->end;
    if (pattern.size <= n_prefix || memcmp (pattern.data, prefix, n_prefix) != 0) {
        fields->is_bad = true;
        return;
    }
    text = hs_heaptrack_clean_text (&self->tables, hs_span_part (pattern, n_prefix, pattern.size));
    text = hs_batch_text (out, text.bytes, text.length);
    hs_batch_add (out, HS_EVENT_SUPPRESSION, self->time)->text = text;
}

/* Records that only one stage has. False when memory is out. */
static bool read_stage_record (struct hs_heaptrack *self, struct hs_fields *fields,
                               const uint8_t *line, struct hs_event_batch *out)
{
    bool is_raw_only = *line == 'x' || *line == 'm';

    set_stage (self, is_raw_only ? HS_HEAPTRACK_RAW : HS_HEAPTRACK_INTERPRETED, out);
    if (is_raw_only
            ? self->stage != HS_HEAPTRACK_RAW
            : self->stage == HS_HEAPTRACK_RAW && *line != 't' && *line != '+' && *line != '-') {
        fields->is_bad = true; /* the other stage's record */
        return true;
    }
    switch (*line) {
    case 'x':
        return read_executable (self, fields, out);
    case 'm':
        return read_module (self, fields);
    case 's':
        return read_string (self, fields);
    case 'i':
        return read_address (self, fields, out);
    case 't':
        return read_node (self, fields, line);
    case 'a':
        return read_info (self, fields);
    default:
        break;
    }
    if (!self->has_pointers)
        return read_info_event (self, *line == '+', fields, line, out);
    read_pointer_event (self, *line == '+', fields, out);
    return true;
}

/* Any record; `end` is its newline. */
static enum hs_status read_record (struct hs_heaptrack *self, const uint8_t *line,
                                   const uint8_t *end, struct hs_event_batch *out,
                                   struct hs_error *err)
{
    struct hs_fields fields = { end - line > 2 ? line + 2 : end, end, false };
    enum hs_status status = HS_OK;

    self->n_records++;
    self->n_by_letter[*line & 127]++;
    if (end - line > 1 && line[1] != ' ') {
        add_damaged (self, line, "it is of no known kind");
        return HS_OK;
    }
    switch (*line) {
    case 'v':
        status = read_version (self, &fields, out, err);
        break;
    case 'X':
        status = read_command (self, &fields, out) ? HS_OK : hs_error_no_memory (err);
        break;
    case 'I':
        read_memory_size (self, &fields, out);
        break;
    case 'S':
        read_suppression (self, &fields, out);
        break;
    case 'A':
        hs_batch_add (out, HS_EVENT_RESET, self->time)->process = HS_HEAPTRACK_PROCESS;
        break;
    case 'c':
        read_time (self, &fields, line);
        break;
    case 'R':
        read_resident (self, &fields, out);
        break;
    case 'x':
    case 'm':
    case 's':
    case 'i':
    case 't':
    case 'a':
    case '+':
    case '-':
        status = read_stage_record (self, &fields, line, out) ? HS_OK : hs_error_no_memory (err);
        break;
    default:
        self->n_by_letter[*line & 127]--;
        add_damaged (self, line, "it is of no known kind");
        return HS_OK;
    }
    if (fields.is_bad || fields.at != fields.end)
        add_damaged (self, line, "its fields are not as they must be");
    return status;
}

/* The bulk of an interpreted file: "+ INFO" and "- INFO" with nothing behind it. False: it is
 * something else, or is not right, and is left to read_record. */
static inline bool read_quickly (struct hs_heaptrack *self, const uint8_t *line,
                                 struct hs_event_batch *out)
{
    const uint8_t *at = line + 2;
    uint64_t info;

    if ((*line != '+' && *line != '-') || line[1] != ' ' || !hs_hex_scan (&at, &info) ||
        *at != '\n' || info >= self->tables.infos.n)
        return false;
    if (*line == '-')
        add_info_free (self, (uint32_t)info, out);
    else if (!add_info_alloc (self, (uint32_t)info, out))
        return false;
    self->n_records++;
    self->n_by_letter[*line]++;
    self->lines.at = (size_t)(at + 1 - self->lines.bytes);
    return true;
}

static enum hs_status read_slowly (struct hs_heaptrack *self, const uint8_t *line, uint32_t room,
                                   struct hs_event_batch *out, struct hs_error *err)
{
    size_t rest = self->lines.end - self->lines.at;
    const uint8_t *end = memchr (line, '\n', rest);

    if (*line != 'm' && self->modules.has_changed &&
        !hs_heaptrack_modules_flush (&self->modules, HS_HEAPTRACK_PROCESS, self->time,
                                     HS_N_NOTE_KINDS, out))
        return HS_OK;
    if (!hs_batch_has_room (out, room))
        return HS_OK;
    self->lines.at = (size_t)(end + 1 - self->lines.bytes);
    if (end == line || *line == '#')
        return HS_OK;
    if ((size_t)(end - line) > HS_LIMIT_LINE_BYTES) {
        self->lines.n_too_long++;
        return HS_OK;
    }
    return read_record (self, line, end, out, err);
}

enum hs_status hs_heaptrack_read_lines (struct hs_heaptrack *self, uint32_t room,
                                        struct hs_event_batch *out, struct hs_error *err)
{
    bool is_quick = self->stage == HS_HEAPTRACK_INTERPRETED && !self->has_pointers;
    enum hs_status status = HS_OK;

    while (status == HS_OK && self->lines.at < self->lines.end && hs_batch_has_room (out, room)) {
        const uint8_t *line = self->lines.bytes + self->lines.at;

        if (is_quick && read_quickly (self, line, out))
            continue;
        status = read_slowly (self, line, room, out, err);
        is_quick = self->stage == HS_HEAPTRACK_INTERPRETED && !self->has_pointers;
    }
    return status;
}
