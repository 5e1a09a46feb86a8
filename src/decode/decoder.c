/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From file names to a stream of events; see decoder.h.
 *
 * Each path is opened and unpacked (at most twice: a zip in a gzip) down to the inputs that some
 * format recognises. Everything opened on the way is kept in lists and closed at the end.
 */
#include "decode/decoder.h"

#include "base/array.h"
#include "base/text.h"
#include "decode/unpack.h"

#include <stdio.h>

#define PACKED_DEPTH 2

struct input {
    struct hs_source *source;
    const struct hs_format *format;
};

struct hs_decoder {
    HS_ARRAY (struct hs_source *) files;
    HS_ARRAY (struct hs_unpack *) unpacks; /* inner ones after their outer ones */
    HS_ARRAY (struct input) inputs;
    const struct hs_format *format;
    void *self;
    char *name;                             /* of the first path, for sentences */
    enum hs_packing packings[PACKED_DEPTH]; /* outermost first; of the first input */
    uint64_t bytes_total;
    unsigned n_left_aside; /* traces in an archive beside the one that is read */
    size_t n_damage_told;  /* unpacks whose damage is in a note */
    bool has_begun, has_ended;
};

/* The members of an archive that are worth opening. */
struct choice {
    HS_ARRAY (unsigned) members;
    const struct hs_format *format; /* of the members; NULL = they are packed themselves */
    unsigned n_members, n_left_aside;
    bool may_be_packed, is_out_of_memory;
    char names[160]; /* of the first members, for the sentence when none fits */
};

static const struct hs_format *find_format (struct hs_span head)
{
    const struct hs_format *best = NULL;
    int best_score = 0;

    for (size_t i = 0; hs_formats[i] != NULL; i++) {
        int score = hs_formats[i]->probe (head);

        if (score > best_score) {
            best_score = score;
            best = hs_formats[i];
        }
    }
    return best;
}

static enum hs_status unknown_format (struct hs_error *err)
{
    char known[256] = "";
    size_t used = 0;

    for (size_t i = 0; hs_formats[i] != NULL && used < sizeof known; i++) {
        int n = snprintf (known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                          hs_formats[i]->description);

        used += n > 0 ? (size_t)n : 0;
    }
    return hs_error_set (err, HS_UNSUPPORTED, 0,
                         "not a heap trace of a kind that can be read (%s; plain or packed with "
                         "gzip, zstd or ZIP)",
                         known);
}

static void add_name (struct choice *choice, const char *name)
{
    size_t used = strlen (choice->names);

    if (choice->n_members <= 4 && used < sizeof choice->names)
        (void)snprintf (choice->names + used, sizeof choice->names - used, "%s%.40s",
                        used > 0 ? ", " : "", name);
}

/* A member that a format knows goes before one that is packed itself, then the first one counts. */
static bool choose_member (void *data, unsigned member, const char *name, struct hs_span head)
{
    struct choice *choice = data;
    const struct hs_format *format = find_format (head);
    enum hs_packing packing = hs_packing_of (head);

    choice->n_members++;
    add_name (choice, name);
    if (format == NULL && (!choice->may_be_packed || packing == HS_PACKING_NONE ||
                           packing == HS_PACKING_OLE || choice->members.n > 0))
        return true;
    if (format != NULL && choice->format == NULL)
        choice->members.n = 0;
    if (choice->members.n > 0 && !(choice->format == format && format->joins_files)) {
        choice->n_left_aside++;
        return true;
    }
    if (!hs_array_reserve (&choice->members, 1)) {
        choice->is_out_of_memory = true;
        return false;
    }
    choice->format = format;
    choice->members.items[choice->members.n++] = member;
    return true;
}

static enum hs_status add_input (struct hs_decoder *decoder, struct hs_source *source,
                                 struct hs_span head, struct hs_error *err)
{
    const struct hs_format *format = find_format (head);

    if (format == NULL)
        return unknown_format (err);
    if (!hs_array_reserve (&decoder->inputs, 1))
        return hs_error_no_memory (err);
    decoder->inputs.items[decoder->inputs.n++] = (struct input){ source, format };
    return HS_OK;
}

struct nesting {
    const struct hs_unpack *outer;
    unsigned depth; /* packings already taken off */
};

static enum hs_status add_source (struct hs_decoder *decoder, struct hs_source *source,
                                  struct nesting nesting, struct hs_error *err);

static enum hs_status add_unpacked (struct hs_decoder *decoder, struct hs_source *packed,
                                    enum hs_packing packing, unsigned member,
                                    struct nesting nesting, struct hs_error *err)
{
    struct hs_unpack *unpack;
    enum hs_status status;

    if (!hs_array_reserve (&decoder->unpacks, 1))
        return hs_error_no_memory (err);
    status = hs_unpack_open (packed, packing, member, nesting.outer, &unpack, err);
    if (status != HS_OK)
        return status;
    decoder->unpacks.items[decoder->unpacks.n++] = unpack;
    nesting.outer = unpack;
    status = add_source (decoder, hs_unpack_source (unpack), nesting, err);
    if (status == HS_UNSUPPORTED && hs_unpack_damage (unpack) != NULL) {
        /* nothing that could be recognised came out: the damage is the better sentence */
        if (err != NULL)
            *err = *hs_unpack_damage (unpack);
        return hs_unpack_damage (unpack)->status;
    }
    return status;
}

static enum hs_status add_members (struct hs_decoder *decoder, struct hs_source *packed,
                                   struct nesting nesting, struct hs_error *err)
{
    struct choice choice = { .may_be_packed = nesting.depth < PACKED_DEPTH };
    enum hs_status status = hs_unpack_walk_members (packed, choose_member, &choice, err);

    if (choice.is_out_of_memory)
        status = hs_error_no_memory (err);
    if (status == HS_OK && choice.members.n == 0)
        status = hs_error_set (err, HS_UNSUPPORTED, 0,
                               "no member of the archive is a heap trace (%u seen: %s)",
                               choice.n_members, choice.names);
    for (size_t i = 0; status == HS_OK && i < choice.members.n; i++)
        status =
            add_unpacked (decoder, packed, HS_PACKING_ZIP, choice.members.items[i], nesting, err);
    decoder->n_left_aside += choice.n_left_aside;
    hs_array_clear (&choice.members);
    return status;
}

static enum hs_status add_source (struct hs_decoder *decoder, struct hs_source *source,
                                  struct nesting nesting, struct hs_error *err)
{
    uint8_t bytes[HS_PROBE_BYTES];
    struct hs_span head = { bytes, 0 };
    enum hs_status status = hs_source_read (source, 0, bytes, sizeof bytes, &head.size, err);
    enum hs_packing packing = hs_packing_of (head);

    if (hs_status_is_error (status))
        return status;
    if (head.size == 0)
        return hs_error_set (err, HS_UNSUPPORTED, 0, "the file is empty");
    if (packing == HS_PACKING_NONE)
        return add_input (decoder, source, head, err);
    if (packing == HS_PACKING_OLE)
        return hs_error_set (err, HS_UNSUPPORTED, 0,
                             "an OLE compound file (.diagsession of Visual Studio 17.1 or later) "
                             "cannot be read; only those that are ZIP archives can");
    if (nesting.depth >= PACKED_DEPTH)
        return hs_error_set (err, HS_UNSUPPORTED, 0, "packed more than %d times", PACKED_DEPTH);
    if (decoder->packings[nesting.depth] == HS_PACKING_NONE)
        decoder->packings[nesting.depth] = packing;
    nesting.depth++;
    if (packing == HS_PACKING_ZIP)
        return add_members (decoder, source, nesting, err);
    return add_unpacked (decoder, source, packing, 0, nesting, err);
}

/* Takes `source` over. */
static enum hs_status add_file_take (struct hs_decoder *decoder, struct hs_source *source,
                                     struct hs_error *err)
{
    if (!hs_array_reserve (&decoder->files, 1)) {
        hs_source_close (source);
        return hs_error_no_memory (err);
    }
    decoder->files.items[decoder->files.n++] = source;
    decoder->bytes_total += hs_source_size (source);
    return add_source (decoder, source, (struct nesting){ 0 }, err);
}

static enum hs_status open_sources (struct hs_decoder *decoder, size_t n, struct hs_error *err)
{
    struct hs_source **sources = hs_alloc_array (n, sizeof (struct hs_source *));
    enum hs_status status;

    if (sources == NULL)
        return hs_error_no_memory (err);
    for (size_t i = 0; i < n; i++)
        sources[i] = decoder->inputs.items[i].source;
    status = decoder->format->open (sources, n, &decoder->self, err);
    hs_free (sources);
    return status;
}

static enum hs_status open_inputs (struct hs_decoder *decoder, struct hs_error *err)
{
    size_t n = decoder->inputs.n;
    enum hs_status status;

    decoder->format = decoder->inputs.items[0].format;
    for (size_t i = 1; i < n; i++) {
        if (decoder->inputs.items[i].format != decoder->format || !decoder->format->joins_files)
            return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                                 "and %s: these cannot be opened as one trace",
                                 hs_source_name (decoder->inputs.items[i].source));
    }
    status = open_sources (decoder, n, err);
    if (n > 1 && decoder->files.n == 1 && (status == HS_DAMAGED || status == HS_UNSUPPORTED)) {
        /* nobody said that the members of an archive belong together */
        decoder->n_left_aside += (unsigned)n - 1;
        status = open_sources (decoder, 1, err);
    }
    return status;
}

static enum hs_status finish_open (struct hs_decoder *decoder, enum hs_status status,
                                   struct hs_decoder **ret, struct hs_error *err)
{
    if (status == HS_OK) {
        decoder->name = hs_strndup (hs_source_name (decoder->files.items[0]),
                                    strlen (hs_source_name (decoder->files.items[0])));
        status = decoder->name != NULL ? open_inputs (decoder, err) : hs_error_no_memory (err);
        if (status != HS_OK)
            (void)hs_error_prefix (err, status, "%s", hs_source_name (decoder->files.items[0]));
    }
    if (status != HS_OK) {
        hs_decoder_close (decoder);
        return status;
    }
    *ret = decoder;
    return HS_OK;
}

/* What was read until then is of no use, whatever the format made of it. */
static enum hs_status end_cancelling (const struct hs_files *files, enum hs_status status,
                                      struct hs_decoder **ret)
{
    bool is_cancelled = hs_cancel_is_set (files->cancel);

    for (size_t i = 0; status == HS_OK && i < (*ret)->files.n; i++)
        hs_source_set_cancel ((*ret)->files.items[i], NULL);
    if (status == HS_OK && is_cancelled)
        hs_decoder_close (*ret);
    return is_cancelled ? HS_CANCELLED : status;
}

enum hs_status hs_decoder_open_files (const struct hs_files *files, struct hs_decoder **ret,
                                      struct hs_error *err)
{
    struct hs_decoder *decoder;
    enum hs_status status = HS_OK;

    if (files->n == 0)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "no file was named");
    decoder = HS_NEW (struct hs_decoder);
    if (decoder == NULL)
        return hs_error_no_memory (err);
    for (size_t i = 0; status == HS_OK && i < files->n; i++) {
        struct hs_source *source;

        status = hs_source_open_file (files->paths[i], files->mode, &source, err);
        if (status == HS_OK) {
            hs_source_set_cancel (source, files->cancel);
            status = add_file_take (decoder, source, err);
        }
        if (status != HS_OK)
            (void)hs_error_prefix (err, status, "%s", files->paths[i]);
    }
    return end_cancelling (files, finish_open (decoder, status, ret, err), ret);
}

enum hs_status hs_decoder_open (const char *const *paths, size_t n_paths, enum hs_source_mode mode,
                                struct hs_decoder **ret, struct hs_error *err)
{
    const struct hs_files files = { .paths = paths, .n = n_paths, .mode = mode };

    return hs_decoder_open_files (&files, ret, err);
}

enum hs_status hs_decoder_open_memory (struct hs_span bytes, struct hs_decoder **ret,
                                       struct hs_error *err)
{
    struct hs_decoder *decoder = HS_NEW (struct hs_decoder);
    struct hs_source *source;
    enum hs_status status;

    if (decoder == NULL)
        return hs_error_no_memory (err);
    status = hs_source_open_memory (bytes, "memory", &source, err);
    if (status == HS_OK)
        status = add_file_take (decoder, source, err);
    return finish_open (decoder, status, ret, err);
}

/* What was learned while opening. True when the batch is worth delivering by itself. */
static bool begin (struct hs_decoder *decoder, struct hs_event_batch *out)
{
    char text[32];

    decoder->has_begun = true;
    if (decoder->packings[0] != HS_PACKING_NONE) {
        (void)snprintf (
            text, sizeof text, "%s%s%s", hs_packing_name (decoder->packings[0]),
            decoder->packings[1] != HS_PACKING_NONE ? ", " : "",
            decoder->packings[1] != HS_PACKING_NONE ? hs_packing_name (decoder->packings[1]) : "");
        hs_batch_add_fact_text (out, "file.packing", text);
    }
    if (decoder->n_left_aside > 0)
        hs_batch_add_note (out, HS_NOTE_UNSUPPORTED, HS_NO_OFFSET,
                           "The archive holds %u more %s, left aside: unpack it to open them.",
                           decoder->n_left_aside, decoder->n_left_aside == 1 ? "trace" : "traces");
    return out->n > 0;
}

/* Damage of unpacking that was not told yet; false when the batch has no room for all. */
static bool add_damage (struct hs_decoder *decoder, struct hs_event_batch *out)
{
    while (decoder->n_damage_told < decoder->unpacks.n) {
        const struct hs_error *damage =
            hs_unpack_damage (decoder->unpacks.items[decoder->n_damage_told]);

        if (damage == NULL && !decoder->has_ended)
            return true; /* may still come */
        if (!hs_batch_has_room (out, 1))
            return false;
        if (damage != NULL)
            hs_batch_add_note (out, HS_NOTE_DECOMPRESSION, damage->file_offset,
                               "%s; what came out before is shown.", damage->text);
        decoder->n_damage_told++;
    }
    return true;
}

enum hs_status hs_decoder_next (struct hs_decoder *decoder, struct hs_event_batch *out,
                                struct hs_error *err)
{
    enum hs_status status = HS_OK;

    hs_batch_reset (out);
    if (!decoder->has_begun && begin (decoder, out))
        return HS_OK;
    if (!decoder->has_ended)
        status = decoder->format->next (decoder->self, out, err);
    if (status == HS_END)
        decoder->has_ended = true;
    if (!add_damage (decoder, out))
        return HS_OK;
    if (out->is_out_of_memory)
        return hs_error_no_memory (err);
    if (hs_status_is_error (status))
        return hs_error_prefix (err, status, "%s", decoder->name);
    return decoder->has_ended ? HS_END : status;
}

void hs_decoder_stop_following (struct hs_decoder *decoder)
{
    for (size_t i = 0; i < decoder->files.n; i++)
        hs_source_stop_following (decoder->files.items[i]);
    for (size_t i = 0; i < decoder->unpacks.n; i++)
        hs_source_stop_following (hs_unpack_source (decoder->unpacks.items[i]));
}

enum hs_status hs_decoder_index (struct hs_decoder *decoder, struct hs_extent *ret, int *ret_fd,
                                 struct hs_error *err)
{
    enum hs_status status;

    if (decoder->inputs.n != 1 || decoder->packings[0] != HS_PACKING_NONE ||
        decoder->format->index == NULL)
        return HS_END;
    status = decoder->format->index (decoder->self, ret, err);
    if (status != HS_OK)
        return status;
    *ret_fd = hs_source_dup_fd (decoder->inputs.items[0].source);
    return *ret_fd >= 0 ? HS_OK : HS_END;
}

double hs_decoder_progress (const struct hs_decoder *decoder)
{
    return decoder->has_ended ? 1.0 : decoder->format->progress (decoder->self);
}

const struct hs_format *hs_decoder_format (const struct hs_decoder *decoder)
{
    return decoder->format;
}

uint64_t hs_decoder_bytes_total (const struct hs_decoder *decoder)
{
    return decoder->bytes_total;
}

void hs_decoder_close (struct hs_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->self != NULL)
        decoder->format->close (decoder->self);
    while (decoder->unpacks.n > 0)
        hs_unpack_close (decoder->unpacks.items[--decoder->unpacks.n]);
    while (decoder->files.n > 0)
        hs_source_close (decoder->files.items[--decoder->files.n]);
    hs_array_clear (&decoder->unpacks);
    hs_array_clear (&decoder->files);
    hs_array_clear (&decoder->inputs);
    hs_free (decoder->name);
    hs_free (decoder);
}
