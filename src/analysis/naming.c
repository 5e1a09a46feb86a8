/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a trace to symbolizers and back; see naming.h. There are two, each with a worker process of
 * its own: one looks at what is on the disk and never waits for a server; the other is asked about
 * the modules of which servers may have more, one after the other, and what it says takes the place
 * of what the first one said.
 */
#include "analysis/naming.h"

#include "analysis/unnamed_frames.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/endian.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 50 /* how soon a cancel is seen */

struct wanted_offset {
    uint32_t image;
    uint64_t offset;
};

/* A symbolizer and what it knows of images. */
struct side {
    struct hs_naming *naming;
    struct hs_symbolizer *symbolizer; /* NULL: no server may be asked */
    struct hs_idmap module_of;        /* image -> the symbolizer's number + 1 */
    HS_ARRAY (uint32_t) images;       /* by the symbolizer's number */
    bool is_busy, has_news;           /* has_news: something came with the last step */
};

struct hs_naming {
    struct hs_trace *trace;
    struct side disk, servers;
    HS_ARRAY (struct wanted_offset) left_over; /* answered from the disk; servers may know more */
    bool is_out_of_memory;

    /* told to other threads, and by them */
    _Atomic uint32_t downloading; /* image + 1; 0 = none */
    _Atomic uint64_t n_bytes, n_total;
    atomic_bool is_given_up;

    /* names of one image, from one side, that are not in the trace yet */
    const struct side *side;
    uint32_t image;
    HS_ARRAY (struct hs_image_name) names;
    HS_ARRAY (struct hs_image_frame) frames;
    struct hs_arena texts;
};

static void flush (struct hs_naming *naming)
{
    if (naming->names.n > 0 &&
        !(naming->side == &naming->servers ? hs_trace_replace_names : hs_trace_add_names) (
            naming->trace, naming->image, naming->names.items, (uint32_t)naming->names.n,
            naming->frames.items))
        naming->is_out_of_memory = true;
    naming->names.n = naming->frames.n = 0;
    hs_arena_clear (&naming->texts);
}

static const char *keep (struct hs_naming *naming, const char *text)
{
    char *copy = hs_arena_strndup (&naming->texts, text, strlen (text));

    naming->is_out_of_memory |= copy == NULL;
    return copy != NULL ? copy : "";
}

static void leave_over (struct hs_naming *naming, uint32_t image, uint64_t offset)
{
    if (hs_array_reserve (&naming->left_over, 1))
        naming->left_over.items[naming->left_over.n++] = (struct wanted_offset){ image, offset };
    else
        naming->is_out_of_memory = true;
}

static void on_names (void *data, uint32_t module, uint64_t offset,
                      const struct hs_symbol_frame *frames, uint32_t n)
{
    struct side *side = data;
    struct hs_naming *naming = side->naming;
    uint32_t image = side->images.items[module];

    if (naming->names.n > 0 && (naming->image != image || naming->side != side))
        flush (naming);
    naming->side = side;
    naming->image = image;
    if (side == &naming->disk && naming->servers.symbolizer != NULL &&
        hs_symbolizer_module (side->symbolizer, module).may_be_on_servers)
        leave_over (naming, image, offset);
    if (!hs_array_reserve (&naming->names, 1) || !hs_array_reserve (&naming->frames, n)) {
        naming->is_out_of_memory = true;
        return;
    }
    naming->names.items[naming->names.n++] =
        (struct hs_image_name){ offset, (uint32_t)naming->frames.n, n };
    for (uint32_t i = 0; i < n; i++)
        naming->frames.items[naming->frames.n++] = (struct hs_image_frame){
            .function = keep (naming, frames[i].function),
            .file = keep (naming, frames[i].file),
            .line = frames[i].line,
        };
}

/* Progress is no news about names: answers need not be made again for it. False: nor is this. */
static bool take_download (struct hs_naming *naming, uint32_t image,
                           const struct hs_symbol_module *info)
{
    bool is_known = atomic_load (&naming->downloading) == image + 1;

    if (info->state != HS_SYMBOLS_DOWNLOADING) {
        atomic_store (&naming->downloading, 0);
        return true;
    }
    atomic_store (&naming->n_bytes, info->n_downloaded);
    atomic_store (&naming->n_total, info->n_to_download);
    atomic_store (&naming->downloading, image + 1);
    return !is_known;
}

/* Of a server that failed, what was found on the disk stays. */
static struct hs_symbol_module result_of (const struct side *side, uint32_t module)
{
    const struct side *disk = &side->naming->disk;
    struct hs_symbol_module info = hs_symbolizer_module (side->symbolizer, module), on_disk;
    uint32_t known;

    if (side == disk || info.state != HS_SYMBOLS_FAILED)
        return info;
    known = hs_idmap_get (&disk->module_of, side->images.items[module]);
    if (known == HS_IDMAP_NONE)
        return info;
    on_disk = hs_symbolizer_module (disk->symbolizer, known);
    return hs_symbol_state_has_names (on_disk.state) ? on_disk : info;
}

static void on_state (void *data, uint32_t module)
{
    struct side *side = data;
    struct hs_naming *naming = side->naming;
    uint32_t image = side->images.items[module];
    struct hs_symbol_module info = hs_symbolizer_module (side->symbolizer, module);
    const struct hs_tables *tables = hs_trace_lock (naming->trace);
    bool has_names = tables->images.items[image].n_named > 0;

    hs_trace_unlock (naming->trace);
    if (side == &naming->servers && !take_download (naming, image, &info))
        return;
    info = result_of (side, module);
    if (has_names && side == &naming->disk &&
        !hs_symbol_state_has_names (info.state)) /* from a side file */
        return;

    if (!hs_trace_set_image_result (naming->trace, image,
                                    &(struct hs_image_result){
                                        .state = (uint8_t)info.state,
                                        .detail = info.detail,
                                        .build_id = info.build_id,
                                        .build_id_size = info.build_id_size,
                                    }))
        naming->is_out_of_memory = true;
}

static bool make_side (struct side *side, struct hs_naming *naming,
                       const struct hs_symbolizer_options *options)
{
    side->naming = naming;
    side->symbolizer =
        hs_symbolizer_new (options, &(struct hs_symbolizer_sink){ on_names, on_state, side });
    return side->symbolizer != NULL;
}

static void clear_side (struct side *side)
{
    hs_symbolizer_free (side->symbolizer);
    hs_idmap_clear (&side->module_of);
    hs_array_clear (&side->images);
}

struct hs_naming *hs_naming_new (struct hs_trace *trace,
                                 const struct hs_symbolizer_options *options)
{
    struct hs_naming *naming = HS_NEW (struct hs_naming);
    struct hs_symbolizer_options on_disk = *options;

    if (naming == NULL)
        return NULL;
    naming->trace = trace;
    on_disk.may_download = false;
    if (make_side (&naming->disk, naming, &on_disk) &&
        (!options->may_download || make_side (&naming->servers, naming, options)))
        return naming;
    hs_naming_free (naming);
    return NULL;
}

void hs_naming_free (struct hs_naming *naming)
{
    if (naming == NULL)
        return;
    clear_side (&naming->disk);
    clear_side (&naming->servers);
    hs_array_clear (&naming->left_over);
    hs_array_clear (&naming->names);
    hs_array_clear (&naming->frames);
    hs_arena_clear (&naming->texts);
    hs_free (naming);
}

/* With the trace's lock. */
static bool add_module (struct side *side, const struct hs_tables *tables,
                        const struct hs_image *image, uint32_t *ret)
{
    const char *path = hs_intern_text (&tables->strings, image->path);
    struct hs_symbol_windows_module wanted = {
        .image_path = path,
        .pdb_name = hs_intern_text (&tables->strings, image->debug_name),
        .time_stamp = image->link_stamp,
        .image_size = image->image_size,
    };

    if (!image->is_windows)
        return hs_symbolizer_add_module (side->symbolizer, path, image->build_id,
                                         image->build_id_size, HS_OFFSETS_FROM_BASE, ret);
    if (image->build_id_size == sizeof wanted.guid + 4) {
        memcpy (wanted.guid, image->build_id, sizeof wanted.guid);
        wanted.age = hs_get_u32 (image->build_id + sizeof wanted.guid);
    } else {
        wanted.pdb_name = "";
    }
    return hs_symbolizer_add_windows_module (side->symbolizer, &wanted, ret);
}

/* The symbolizer's number of an image, new or known. */
static bool need_module (struct side *side, uint32_t image, uint32_t *ret)
{
    uint32_t known = hs_idmap_get (&side->module_of, image);
    const struct hs_tables *tables;
    bool is_done;

    if (known != HS_IDMAP_NONE) {
        *ret = known;
        return true;
    }
    if (!hs_array_reserve (&side->images, 1))
        return false;
    tables = hs_trace_lock (side->naming->trace);
    is_done = add_module (side, tables, &tables->images.items[image], ret);
    hs_trace_unlock (side->naming->trace);
    if (!is_done || !hs_idmap_set (&side->module_of, image, *ret))
        return false;
    side->images.items[side->images.n++] = image;
    return true;
}

struct rank {
    uint32_t image, order; /* order: when the image came first */
    uint64_t offset;
};

static int compare_ranks (const void *a, const void *b)
{
    const struct rank *left = a, *right = b;

    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* Asks for some frames, image by image; images in the order of their heaviest frame. */
static bool ask_for (struct hs_naming *naming, const struct hs_unnamed_frame *frames, size_t n)
{
    struct rank *ranks = hs_alloc_array (n, sizeof *ranks);
    uint64_t *offsets = hs_alloc_array (n, sizeof *offsets);
    struct hs_idmap order = { 0 };
    bool is_done = ranks != NULL && offsets != NULL;

    for (size_t i = 0; i < n && is_done; i++) {
        uint32_t at = hs_idmap_get (&order, frames[i].image);

        if (at == HS_IDMAP_NONE) {
            at = (uint32_t)i;
            is_done = hs_idmap_set (&order, frames[i].image, at);
        }
        ranks[i] = (struct rank){ frames[i].image, at, frames[i].offset };
    }
    hs_idmap_clear (&order);
    if (is_done && n > 0)
        qsort (ranks, n, sizeof *ranks, compare_ranks);
    for (size_t i = 0, first = 0; i < n && is_done; i++) {
        uint32_t module;

        offsets[i] = ranks[i].offset;
        if (i + 1 < n && ranks[i + 1].order == ranks[i].order)
            continue;
        is_done = need_module (&naming->disk, ranks[i].image, &module) &&
                  hs_symbolizer_ask (naming->disk.symbolizer, module, offsets + first,
                                     (uint32_t)(i + 1 - first));
        first = i + 1;
    }
    hs_free (ranks);
    hs_free (offsets);
    return is_done;
}

/* Images in the order in which the disk was asked about them. */
static bool ask_servers (struct hs_naming *naming)
{
    uint64_t *offsets = hs_alloc_array (naming->left_over.n, sizeof *offsets);
    bool is_done = offsets != NULL;

    for (size_t i = 0, first = 0; i < naming->left_over.n && is_done; i++) {
        uint32_t image = naming->left_over.items[i].image, module;

        offsets[i] = naming->left_over.items[i].offset;
        if (i + 1 < naming->left_over.n && naming->left_over.items[i + 1].image == image)
            continue;
        is_done = need_module (&naming->servers, image, &module) &&
                  hs_symbolizer_ask (naming->servers.symbolizer, module, offsets + first,
                                     (uint32_t)(i + 1 - first));
        first = i + 1;
    }
    naming->servers.is_busy |= naming->left_over.n > 0;
    naming->left_over.n = 0;
    hs_free (offsets);
    return is_done;
}

static enum hs_status step_side (struct side *side, int timeout_ms, struct hs_error *err)
{
    enum hs_status status = hs_symbolizer_step (side->symbolizer, timeout_ms, err);

    side->is_busy = status != HS_END;
    side->has_news = status == HS_OK;
    flush (side->naming);
    return status == HS_END || status == HS_AGAIN ? HS_OK : status;
}

/* Servers are not waited for as long as there is something to do without them. */
static enum hs_status step (struct hs_naming *naming, struct hs_error *err)
{
    enum hs_status status = HS_OK;

    if (atomic_exchange (&naming->is_given_up, false) && atomic_load (&naming->downloading) != 0)
        hs_symbolizer_give_up (naming->servers.symbolizer, "the download was cancelled");
    if (naming->disk.is_busy)
        status = step_side (&naming->disk, POLL_MS, err);
    if (status == HS_OK && !naming->disk.is_busy && naming->left_over.n > 0 &&
        !ask_servers (naming))
        return hs_error_no_memory (err);
    if (status == HS_OK && naming->servers.is_busy)
        status = step_side (&naming->servers, naming->disk.is_busy ? 0 : POLL_MS, err);
    return status == HS_OK && naming->is_out_of_memory ? hs_error_no_memory (err) : status;
}

enum hs_status hs_naming_run (struct hs_naming *naming, bool is_growing,
                              const struct hs_cancel *cancel, struct hs_error *err)
{
    struct hs_unnamed_frames unnamed;
    enum hs_status status = hs_unnamed_frames (naming->trace, is_growing, cancel, &unnamed, err);

    if (status != HS_OK)
        return status;
    if (!ask_for (naming, unnamed.frames.items, unnamed.n_first) ||
        !ask_for (naming, unnamed.frames.items + unnamed.n_first,
                  unnamed.frames.n - unnamed.n_first))
        status = hs_error_no_memory (err);
    hs_unnamed_frames_clear (&unnamed);
    naming->disk.is_busy = true;
    while (status == HS_OK &&
           (naming->disk.is_busy ||
            (naming->servers.is_busy && (!is_growing || naming->servers.has_news)))) {
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        status = step (naming, err);
    }
    return status;
}

bool hs_naming_is_fetching (const struct hs_naming *naming)
{
    return naming->servers.is_busy;
}

bool hs_naming_download (const struct hs_naming *naming, struct hs_naming_download *ret)
{
    uint32_t image = atomic_load (&naming->downloading);

    if (image == 0)
        return false;
    *ret = (struct hs_naming_download){ image - 1, atomic_load (&naming->n_bytes),
                                        atomic_load (&naming->n_total) };
    return true;
}

void hs_naming_give_up_download (struct hs_naming *naming)
{
    atomic_store (&naming->is_given_up, true);
}
