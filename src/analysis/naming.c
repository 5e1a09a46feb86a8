/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a trace to a symbolizer and back; see naming.h. */
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

struct hs_naming {
    struct hs_trace *trace;
    struct hs_symbolizer *symbolizer;
    struct hs_idmap module_of;  /* image -> the symbolizer's number + 1 */
    HS_ARRAY (uint32_t) images; /* by the symbolizer's number */
    bool is_out_of_memory;

    /* told to other threads, and by them */
    _Atomic uint32_t downloading; /* image + 1; 0 = none */
    _Atomic uint64_t n_bytes, n_total;
    atomic_bool is_given_up;

    /* names of one image that are not in the trace yet */
    uint32_t image;
    HS_ARRAY (struct hs_image_name) names;
    HS_ARRAY (struct hs_image_frame) frames;
    struct hs_arena texts;
};

static void flush (struct hs_naming *naming)
{
    if (naming->names.n > 0 &&
        !hs_trace_add_names (naming->trace, naming->image, naming->names.items,
                             (uint32_t)naming->names.n, naming->frames.items))
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

static void on_names (void *data, uint32_t module, uint64_t offset,
                      const struct hs_symbol_frame *frames, uint32_t n)
{
    struct hs_naming *naming = data;
    uint32_t image = naming->images.items[module];

    if (naming->names.n > 0 && naming->image != image)
        flush (naming);
    naming->image = image;
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

static void on_state (void *data, uint32_t module)
{
    struct hs_naming *naming = data;
    struct hs_symbol_module info = hs_symbolizer_module (naming->symbolizer, module);
    const struct hs_tables *tables = hs_trace_lock (naming->trace);
    bool has_names = tables->images.items[naming->images.items[module]].n_named > 0;

    hs_trace_unlock (naming->trace);
    if (!take_download (naming, naming->images.items[module], &info))
        return;
    if (has_names && !hs_symbol_state_has_names (info.state)) /* from a side file */
        return;

    if (!hs_trace_set_image_result (naming->trace, naming->images.items[module],
                                    &(struct hs_image_result){
                                        .state = (uint8_t)info.state,
                                        .detail = info.detail,
                                        .build_id = info.build_id,
                                        .build_id_size = info.build_id_size,
                                    }))
        naming->is_out_of_memory = true;
}

struct hs_naming *hs_naming_new (struct hs_trace *trace,
                                 const struct hs_symbolizer_options *options)
{
    struct hs_naming *naming = HS_NEW (struct hs_naming);

    if (naming == NULL)
        return NULL;
    naming->trace = trace;
    naming->symbolizer =
        hs_symbolizer_new (options, &(struct hs_symbolizer_sink){ on_names, on_state, naming });
    if (naming->symbolizer != NULL)
        return naming;
    hs_free (naming);
    return NULL;
}

void hs_naming_free (struct hs_naming *naming)
{
    if (naming == NULL)
        return;
    hs_symbolizer_free (naming->symbolizer);
    hs_idmap_clear (&naming->module_of);
    hs_array_clear (&naming->images);
    hs_array_clear (&naming->names);
    hs_array_clear (&naming->frames);
    hs_arena_clear (&naming->texts);
    hs_free (naming);
}

/* With the trace's lock. */
static bool add_module (struct hs_naming *naming, const struct hs_tables *tables,
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
        return hs_symbolizer_add_module (naming->symbolizer, path, image->build_id,
                                         image->build_id_size, HS_OFFSETS_FROM_BASE, ret);
    if (image->build_id_size == sizeof wanted.guid + 4) {
        memcpy (wanted.guid, image->build_id, sizeof wanted.guid);
        wanted.age = hs_get_u32 (image->build_id + sizeof wanted.guid);
    } else {
        wanted.pdb_name = "";
    }
    return hs_symbolizer_add_windows_module (naming->symbolizer, &wanted, ret);
}

/* The symbolizer's number of an image, new or known. */
static bool need_module (struct hs_naming *naming, uint32_t image, uint32_t *ret)
{
    uint32_t known = hs_idmap_get (&naming->module_of, image);
    const struct hs_tables *tables;
    bool is_done;

    if (known != HS_IDMAP_NONE) {
        *ret = known;
        return true;
    }
    if (!hs_array_reserve (&naming->images, 1))
        return false;
    tables = hs_trace_lock (naming->trace);
    is_done = add_module (naming, tables, &tables->images.items[image], ret);
    hs_trace_unlock (naming->trace);
    if (!is_done || !hs_idmap_set (&naming->module_of, image, *ret))
        return false;
    naming->images.items[naming->images.n++] = image;
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
        is_done = need_module (naming, ranks[i].image, &module) &&
                  hs_symbolizer_ask (naming->symbolizer, module, offsets + first,
                                     (uint32_t)(i + 1 - first));
        first = i + 1;
    }
    hs_free (ranks);
    hs_free (offsets);
    return is_done;
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
    while (status == HS_OK || status == HS_AGAIN) {
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        if (atomic_exchange (&naming->is_given_up, false) &&
            atomic_load (&naming->downloading) != 0)
            hs_symbolizer_give_up (naming->symbolizer, "the download was cancelled");
        status = hs_symbolizer_step (naming->symbolizer, POLL_MS, err);
        flush (naming);
        if (naming->is_out_of_memory)
            status = hs_error_no_memory (err);
    }
    return status == HS_END ? HS_OK : status;
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
