/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Module lists of raw heaptrack files; see heaptrack_modules.h. */
#include "decode/heaptrack_modules.h"

#include <string.h>

void hs_heaptrack_modules_forget (struct hs_heaptrack_modules *modules)
{
    modules->wanted.n = 0;
    hs_idmap_clear (&modules->wanted_keys);
    modules->has_changed = true;
}

static uint64_t key_of (const struct hs_heaptrack_module *module)
{
    return hs_hash_u64 (hs_hash_u64 (module->base) ^ hs_hash_u64 (module->end ^ 1)) ^ module->path;
}

bool hs_heaptrack_modules_add (struct hs_heaptrack_modules *modules, const char *path,
                               size_t path_length, uint64_t base, uint64_t end)
{
    struct hs_heaptrack_module module = { .base = base, .end = end };

    modules->has_changed = true;
    if (!hs_intern_add (&modules->paths, path, path_length, &module.path) ||
        !hs_array_reserve (&modules->wanted, 1))
        return false;
    if (hs_idmap_get (&modules->wanted_keys, key_of (&module)) != HS_IDMAP_NONE)
        return true;
    if (!hs_idmap_set (&modules->wanted_keys, key_of (&module), 0))
        return false;
    modules->wanted.items[modules->wanted.n++] = module;
    return true;
}

static void tell (const struct hs_heaptrack_modules *modules,
                  const struct hs_heaptrack_module *module, enum hs_module_op op,
                  hs_process_id process, int64_t time, struct hs_event_batch *batch)
{
    const char *path = hs_intern_text (&modules->paths, module->path);
    struct hs_module_fields fields = { .base = module->base,
                                       .size = module->end - module->base,
                                       .path = { path, (uint32_t)strlen (path) },
                                       .op = op };

    hs_batch_add_module (batch, time, &fields)->process = process;
}

static bool remember_told (struct hs_heaptrack_modules *modules)
{
    hs_idmap_clear (&modules->told_keys);
    modules->told.n = 0;
    if (!hs_array_reserve (&modules->told, modules->wanted.n))
        return false;
    for (size_t i = 0; i < modules->wanted.n; i++) {
        modules->told.items[modules->told.n++] = modules->wanted.items[i];
        if (!hs_idmap_set (&modules->told_keys, key_of (&modules->wanted.items[i]), 0))
            return false;
    }
    return true;
}

/* Unloads go first: a new module may lie where an old one lay. */
bool hs_heaptrack_modules_flush (struct hs_heaptrack_modules *modules, hs_process_id process,
                                 int64_t time, uint32_t keep, struct hs_event_batch *batch)
{
    size_t n_told = modules->told.n;

    for (; modules->n_flushed < n_told + modules->wanted.n; modules->n_flushed++) {
        bool is_old = modules->n_flushed < n_told;
        const struct hs_heaptrack_module *module =
            is_old ? &modules->told.items[modules->n_flushed]
                   : &modules->wanted.items[modules->n_flushed - n_told];

        if (hs_idmap_get (is_old ? &modules->wanted_keys : &modules->told_keys, key_of (module)) !=
            HS_IDMAP_NONE)
            continue;
        if (!hs_batch_has_room (batch, 1 + keep))
            return false;
        tell (modules, module, is_old ? HS_MODULE_UNLOAD : HS_MODULE_LOAD, process, time, batch);
    }
    modules->has_changed = false;
    modules->n_flushed = 0;
    if (!remember_told (modules))
        batch->is_out_of_memory = true;
    return true;
}

void hs_heaptrack_modules_clear (struct hs_heaptrack_modules *modules)
{
    hs_intern_clear (&modules->paths);
    hs_array_clear (&modules->told);
    hs_array_clear (&modules->wanted);
    hs_idmap_clear (&modules->told_keys);
    hs_idmap_clear (&modules->wanted_keys);
}
