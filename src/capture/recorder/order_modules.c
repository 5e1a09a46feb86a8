/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules that come and go; see order_modules.h. */
#include "capture/recorder/order_modules.h"

#include "base/limits.h"
#include "capture/recorder/module_file.h"
#include "capture/recorder/order_private.h"

#include <string.h>

#define ADDRESS_END (UINT64_C (1) << 47)

void hs_order_modules_clear (struct hs_order_modules *modules)
{
    hs_array_clear (&modules->loaded);
    hs_idmap_clear (&modules->known);
}

/* Too many ranges: the last one grows, which only keeps more stacks apart than need be. */
static void note_left (struct hs_order_modules *modules, uint64_t begin, uint64_t end)
{
    struct hs_order_left *last = &modules->left[HS_ORDER_LEFT - 1];

    for (uint32_t i = 0; i < modules->n_left; i++) {
        if (modules->left[i].begin == begin && modules->left[i].end == end) {
            modules->left[i].n++;
            return;
        }
    }
    if (modules->n_left < HS_ORDER_LEFT) {
        modules->left[modules->n_left++] = (struct hs_order_left){ begin, end, 1 };
        return;
    }
    last->begin = begin < last->begin ? begin : last->begin;
    last->end = end > last->end ? end : last->end;
    last->n++;
}

static void unload (struct hs_event_order *order, int64_t time, size_t i)
{
    struct hs_order_modules *modules = &order->modules;
    struct hs_order_module gone = modules->loaded.items[i];
    struct hs_module_fields fields = { .op = HS_MODULE_UNLOAD,
                                       .base = gone.begin,
                                       .size = gone.end - gone.begin };

    modules->loaded.items[i] = modules->loaded.items[--modules->loaded.n];
    (void)hs_idmap_remove (&modules->known, gone.key);
    note_left (modules, gone.begin, gone.end);
    hs_batch_add_module (order->batch, time, &fields)->process = order->process;
}

void hs_order_end_module (struct hs_event_order *order, int64_t time, uint64_t begin)
{
    for (size_t i = 0; i < order->modules.loaded.n; i++) {
        if (order->modules.loaded.items[i].begin == begin) {
            unload (order, time, i);
            return;
        }
    }
}

/* What lay where this one is now must have gone. */
static enum hs_status add_module (struct hs_event_order *order, int64_t time,
                                  const struct hs_order_module *module, struct hs_error *err)
{
    struct hs_order_modules *modules = &order->modules;

    for (size_t i = modules->loaded.n; i-- > 0;) {
        const struct hs_order_module *old = &modules->loaded.items[i];

        if (old->begin < module->end && module->begin < old->end) {
            enum hs_status status = hs_order_make_room (order, err);

            if (status != HS_OK)
                return status;
            unload (order, time, i);
        }
    }
    if (!hs_array_reserve (&modules->loaded, 1) || !hs_idmap_set (&modules->known, module->key, 1))
        return hs_error_no_memory (err);
    modules->loaded.items[modules->loaded.n++] = *module;
    return HS_OK;
}

static bool is_part_of_loaded (const struct hs_order_modules *modules, uint64_t begin, uint64_t end)
{
    for (size_t i = 0; i < modules->loaded.n; i++) {
        const struct hs_order_module *module = &modules->loaded.items[i];

        if (module->has_gaps && module->begin <= begin && end <= module->end)
            return true;
    }
    return false;
}

/* Of a part that does not begin with the file's header, which would have told its build id: the
 * whole module, as its file says. Returns whether there is more than the part. */
static bool find_whole (const struct hs_ring_module *told, struct hs_module_fields *fields)
{
    struct hs_module_file file;
    char path[HS_RING_PATH_MAX];
    uint64_t begin;

    if (told->build_id_length > 0 || fields->path.length >= sizeof path)
        return false;
    memcpy (path, fields->path.bytes, fields->path.length);
    path[fields->path.length] = '\0';
    if (!hs_module_file_read (path, told->begin - told->load_bias, told->end - told->begin, &file))
        return false;
    begin = file.low + told->load_bias;
    if (begin >= told->begin || file.high - file.low > ADDRESS_END - begin)
        return false;
    fields->base = begin;
    fields->size = file.high - file.low;
    fields->build_id_size = (uint8_t)file.build_id_size;
    memcpy (fields->build_id, file.build_id, file.build_id_size);
    return true;
}

/* Every thread tells the modules it meets: one mapping is one module. */
static uint64_t key_of (const struct hs_module_fields *fields)
{
    return hs_hash_u64 (fields->base ^ (fields->base + fields->size) << 20) ^
           hs_get_u64 (fields->build_id);
}

enum hs_status hs_order_take_module (struct hs_event_order *order, int64_t time,
                                     const uint64_t *words, struct hs_error *err)
{
    const char *path = (const char *)(words + 1) + sizeof (struct hs_ring_module);
    struct hs_order_modules *modules = &order->modules;
    struct hs_module_fields fields = { .op = HS_MODULE_LOAD };
    struct hs_ring_module told;
    struct hs_order_module module = { 0 };
    enum hs_status status;

    memcpy (&told, words + 1, sizeof told);
    if (told.end <= told.begin || told.build_id_length > sizeof told.build_id)
        return HS_OK;
    fields.base = told.begin;
    fields.size = told.end - told.begin;
    fields.path = (struct hs_text){ path, told.path_length };
    if (told.path_length == 0)
        fields.path = (struct hs_text){ order->exe_path, (uint32_t)strlen (order->exe_path) };
    fields.build_id_size = (uint8_t)(told.build_id_length < 20 ? told.build_id_length : 20);
    memcpy (fields.build_id, told.build_id, fields.build_id_size);
    if (hs_idmap_get (&modules->known, key_of (&fields)) != HS_IDMAP_NONE ||
        is_part_of_loaded (modules, told.begin, told.end) ||
        modules->loaded.n >= HS_LIMIT_TARGET_MODULES)
        return HS_OK;
    module.has_gaps = find_whole (&told, &fields);
    module.begin = fields.base;
    module.end = fields.base + fields.size;
    module.key = key_of (&fields);
    status = add_module (order, time, &module, err);
    if (status != HS_OK)
        return status;
    order->totals.n_modules++;
    hs_batch_add_module (order->batch, order->totals.n_modules == 1 ? 0 : time, &fields)->process =
        order->process;
    return HS_OK;
}
