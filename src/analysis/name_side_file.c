/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing and reading names as text; see name_side_file.h. */
#include "analysis/name_side_file.h"

#include "base/limits.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "heapstrata-names 1\n"
#define MAX_FRAMES 256u
#define NAMES_AT_A_TIME 4096u

/* ---- writing ---------------------------------------------------------------------------- */

struct writing {
    const struct hs_tables *tables;
    struct hs_side_file_text *out;
    struct hs_idmap numbers; /* string of the tables -> number in the file */
    uint32_t n_strings;
};

struct place {
    uint64_t offset;
    uint32_t name;
};

static bool put (struct writing *writing, const char *text, size_t n)
{
    if (!hs_array_reserve (&writing->out->bytes, n))
        return false;
    memcpy (writing->out->bytes.items + writing->out->bytes.n, text, n);
    writing->out->bytes.n += n;
    return true;
}

/* A text to the end of the line. */
static bool put_line (struct writing *writing, const char *text)
{
    size_t begin = writing->out->bytes.n;

    if (!put (writing, text, strlen (text)) || !put (writing, "\n", 1))
        return false;
    for (size_t i = begin; i + 1 < writing->out->bytes.n; i++) {
        if ((unsigned char)writing->out->bytes.items[i] < ' ')
            writing->out->bytes.items[i] = '?';
    }
    return true;
}

/* Writes a string that is not in the file yet. */
static bool need_string (struct writing *writing, uint32_t string)
{
    if (string == 0 || hs_idmap_get (&writing->numbers, string) != HS_IDMAP_NONE)
        return true;
    return hs_idmap_set (&writing->numbers, string, ++writing->n_strings) &&
           put (writing, "s ", 2) &&
           put_line (writing, hs_intern_text (&writing->tables->strings, string));
}

static uint32_t number_of (const struct writing *writing, uint32_t string)
{
    return string == 0 ? 0 : hs_idmap_get (&writing->numbers, string);
}

static bool put_name (struct writing *writing, const struct place *place)
{
    const struct hs_frame_name *frames = writing->tables->frame_names.items;
    size_t n_frames = writing->tables->frame_names.n;
    char text[96];
    int n;

    for (uint32_t i = place->name; i < n_frames; i = frames[i].next) {
        if (!need_string (writing, frames[i].function) || !need_string (writing, frames[i].file))
            return false;
    }
    n = snprintf (text, sizeof text, "n %" PRIx64, place->offset);
    if (!put (writing, text, (size_t)n))
        return false;
    for (uint32_t i = place->name; i < n_frames; i = frames[i].next) {
        n = snprintf (text, sizeof text, " %x:%x:%u", number_of (writing, frames[i].function),
                      number_of (writing, frames[i].file), frames[i].line);
        if (!put (writing, text, (size_t)n))
            return false;
    }
    writing->out->n_names++;
    return put (writing, "\n", 1);
}

static int compare_places (const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static bool put_image (struct writing *writing, const struct hs_image *image)
{
    char text[96];
    int n = snprintf (text, sizeof text, "image %u ", image->state);
    struct place *places;
    uint32_t n_places = 0;
    struct place next;
    bool is_done;

    for (uint32_t i = 0; i < image->build_id_size; i++)
        n += snprintf (text + n, sizeof text - (size_t)n, "%02x", image->build_id[i]);
    if (!put (writing, text, (size_t)n) ||
        !put (writing, image->build_id_size == 0 ? "- " : " ", image->build_id_size == 0 ? 2 : 1) ||
        !put_line (writing, hs_intern_text (&writing->tables->strings, image->path)))
        return false;
    places = hs_alloc_array (image->names.n, sizeof *places);
    if (places == NULL)
        return false;
    for (size_t at = 0; hs_idmap_next (&image->names, &at, &next.offset, &next.name);) {
        if (next.name < writing->tables->frame_names.n) /* not: looked for, there is none */
            places[n_places++] = next;
    }
    if (n_places > 0)
        qsort (places, n_places, sizeof *places, compare_places);
    is_done = true;
    for (uint32_t i = 0; i < n_places && is_done; i++)
        is_done = put_name (writing, &places[i]);
    hs_free (places);
    writing->out->n_images++;
    return is_done;
}

enum hs_status hs_name_side_file_write (const struct hs_trace *trace, struct hs_side_file_text *ret,
                                        struct hs_error *err)
{
    struct hs_side_file_text text = { .n_names = 0 };
    struct writing writing = { .out = &text };
    bool is_done;

    writing.tables = hs_trace_lock (trace);
    is_done = put (&writing, FIRST_LINE, strlen (FIRST_LINE));
    for (size_t i = 0; i < writing.tables->images.n && is_done; i++) {
        if (writing.tables->images.items[i].n_named > 0)
            is_done = put_image (&writing, &writing.tables->images.items[i]);
    }
    hs_trace_unlock (trace);
    hs_idmap_clear (&writing.numbers);
    if (!is_done) {
        hs_array_clear (&text.bytes);
        return hs_error_no_memory (err);
    }
    *ret = text;
    return HS_OK;
}

/* ---- reading ---------------------------------------------------------------------------- */

struct reading {
    struct hs_trace *trace;
    struct hs_arena texts;
    HS_ARRAY (const char *) strings; /* by number - 1 */
    uint32_t image;
    HS_ARRAY (struct hs_image_name) names; /* of `image`, not yet added */
    HS_ARRAY (struct hs_image_frame) frames;
    bool is_out_of_memory;
};

static bool flush (struct reading *reading)
{
    if (reading->names.n > 0 &&
        !hs_trace_add_names (reading->trace, reading->image, reading->names.items,
                             (uint32_t)reading->names.n, reading->frames.items))
        reading->is_out_of_memory = true;
    reading->names.n = reading->frames.n = 0;
    return !reading->is_out_of_memory;
}

/* A number in `base`, and what stands behind it; false when there is none. */
static bool take_number (const char **at, int base, uint64_t max, uint64_t *ret)
{
    char *end;

    if (**at == '-' || **at == '+' || **at == ' ')
        return false;
    *ret = strtoull (*at, &end, base);
    if (end == *at || *ret > max)
        return false;
    *at = end;
    return true;
}

static bool take_build_id (const char **at, uint8_t build_id[20], uint32_t *ret_size)
{
    uint32_t size = 0;

    if ((*at)[0] == '-' && (*at)[1] == ' ') {
        *at += 2;
        *ret_size = 0;
        return true;
    }
    for (; **at != ' '; *at += 2) {
        unsigned value;
        char digits[3] = { (*at)[0], (*at)[0] != '\0' ? (*at)[1] : '\0', '\0' };

        if (size >= 20 || strspn (digits, "0123456789abcdef") != 2)
            return false;
        value = (unsigned)strtoul (digits, NULL, 16);
        build_id[size++] = (uint8_t)value;
    }
    ++*at;
    *ret_size = size;
    return true;
}

static bool read_image (struct reading *reading, const char *at)
{
    struct hs_image_identity identity = { .debug_name = "" };
    uint32_t size;
    uint64_t state;

    if (!flush (reading) || !take_number (&at, 10, 255, &state) || *at++ != ' ' ||
        !take_build_id (&at, identity.id, &size) || *at == '\0')
        return false;
    identity.path = at;
    identity.id_size = (uint8_t)size;
    reading->is_out_of_memory |=
        !hs_trace_need_image (reading->trace, &identity, &reading->image) ||
        !hs_trace_set_image_result (reading->trace, reading->image,
                                    &(struct hs_image_result){ .state = (uint8_t)state,
                                                               .detail = "side file",
                                                               .build_id = identity.id,
                                                               .build_id_size = size });
    return !reading->is_out_of_memory;
}

static bool read_string (struct reading *reading, const char *at)
{
    const char *text = hs_arena_strndup (&reading->texts, at, strlen (at));

    if (text == NULL || !hs_array_reserve (&reading->strings, 1)) {
        reading->is_out_of_memory = true;
        return false;
    }
    reading->strings.items[reading->strings.n++] = text;
    return true;
}

static bool read_name (struct reading *reading, const char *at)
{
    struct hs_image_name name = { .first = (uint32_t)reading->frames.n };

    if (reading->image == HS_NO_IMAGE || !take_number (&at, 16, UINT64_MAX, &name.offset))
        return false;
    while (*at == ' ') {
        uint64_t function, file, line;

        at++;
        if (name.n >= MAX_FRAMES || !take_number (&at, 16, reading->strings.n, &function) ||
            *at++ != ':' || !take_number (&at, 16, reading->strings.n, &file) || *at++ != ':' ||
            !take_number (&at, 10, UINT32_MAX, &line))
            return false;
        if (!hs_array_reserve (&reading->frames, 1)) {
            reading->is_out_of_memory = true;
            return false;
        }
        reading->frames.items[reading->frames.n++] = (struct hs_image_frame){
            .function = function > 0 ? reading->strings.items[function - 1] : "",
            .file = file > 0 ? reading->strings.items[file - 1] : "",
            .line = (uint32_t)line,
        };
        name.n++;
    }
    if (*at != '\0' || name.n == 0)
        return false;
    if (!hs_array_reserve (&reading->names, 1)) {
        reading->is_out_of_memory = true;
        return false;
    }
    reading->names.items[reading->names.n++] = name;
    return reading->names.n < NAMES_AT_A_TIME || flush (reading);
}

static bool read_line (struct reading *reading, const char *line)
{
    if (strncmp (line, "n ", 2) == 0)
        return read_name (reading, line + 2);
    if (strncmp (line, "s ", 2) == 0)
        return read_string (reading, line + 2);
    return strncmp (line, "image ", 6) == 0 && read_image (reading, line + 6);
}

static enum hs_status read_lines (struct reading *reading, struct hs_span text,
                                  struct hs_error *err)
{
    char *line = hs_alloc_array (HS_LIMIT_STRING_BYTES + 64, 1);
    size_t at = strlen (FIRST_LINE);
    enum hs_status status = HS_OK;

    if (line == NULL)
        return hs_error_no_memory (err);
    while (at < text.size && status == HS_OK) {
        const uint8_t *begin = text.data + at, *end = memchr (begin, '\n', text.size - at);
        size_t n = end != NULL ? (size_t)(end - begin) : text.size - at;

        if (end == NULL || n >= HS_LIMIT_STRING_BYTES + 64 || memchr (begin, '\0', n) != NULL) {
            status = hs_error_set (err, HS_DAMAGED, at, "a line of names has no end");
            break;
        }
        memcpy (line, begin, n);
        line[n] = '\0';
        if (!read_line (reading, line))
            status = reading->is_out_of_memory
                         ? hs_error_no_memory (err)
                         : hs_error_set (err, HS_DAMAGED, at, "a line of names makes no sense");
        at += n + 1;
    }
    hs_free (line);
    return status;
}

enum hs_status hs_name_side_file_read (struct hs_trace *trace, struct hs_span text,
                                       struct hs_error *err)
{
    struct reading reading = { .trace = trace, .image = HS_NO_IMAGE };
    enum hs_status status;

    if (text.size < strlen (FIRST_LINE) || memcmp (text.data, FIRST_LINE, strlen (FIRST_LINE)) != 0)
        return hs_error_set (err, HS_DAMAGED, 0, "this is no file with names, version 1");
    status = read_lines (&reading, text, err);
    if (!flush (&reading) && status == HS_OK)
        status = hs_error_no_memory (err);
    hs_arena_clear (&reading.texts);
    hs_array_clear (&reading.strings);
    hs_array_clear (&reading.names);
    hs_array_clear (&reading.frames);
    return status;
}
