/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking things up in the tables; see tables.h. */
#include "trace/tables.h"

#include "trace/trace_private.h"

#include <stdlib.h>

static int compare_bases (const void *a, const void *b, void *data)
{
    const struct hs_module_info *modules = data;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    if (modules[left].process != modules[right].process)
        return modules[left].process < modules[right].process ? -1 : 1;
    if (modules[left].base != modules[right].base)
        return modules[left].base < modules[right].base ? -1 : 1;
    return left < right ? -1 : left > right;
}

static uint64_t module_end (const struct hs_module_info *module)
{
    return module->size > UINT64_MAX - module->base ? UINT64_MAX : module->base + module->size;
}

bool hs_tables_index_modules (struct hs_tables *tables)
{
    uint32_t n = (uint32_t)tables->modules.n;
    uint64_t furthest = 0;

    hs_array_clear (&tables->module_order);
    if (!hs_array_reserve (&tables->module_order, n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        tables->module_order.items[i].module = i;
    _Static_assert(offsetof (struct hs_module_order, module) == 0, "compare_bases reads it");
    qsort_r (tables->module_order.items, n, sizeof *tables->module_order.items, compare_bases,
             tables->modules.items);
    for (uint32_t i = 0; i < n; i++) {
        const struct hs_module_info *module =
            &tables->modules.items[tables->module_order.items[i].module];

        if (i == 0 || module->process !=
                          tables->modules.items[tables->module_order.items[i - 1].module].process)
            furthest = 0;
        if (module_end (module) > furthest)
            furthest = module_end (module);
        tables->module_order.items[i].furthest_end = furthest;
    }
    tables->module_order.n = n;
    return true;
}

/* One past the last module of `process` with base <= address, in module_order. */
static size_t upper_bound (const struct hs_tables *tables, hs_process_id process, uint64_t address)
{
    size_t low = 0, high = tables->module_order.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hs_module_info *module =
            &tables->modules.items[tables->module_order.items[middle].module];

        if (module->process < process || (module->process == process && module->base <= address))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum cover {
    COVERS_NOT,
    COVERS_AT_ANOTHER_TIME, /* better than nothing: unloaded before, or known from the end only */
    COVERS,
};

static enum cover covers (const struct hs_module_info *module, uint64_t address, int64_t time)
{
    if (address < module->base || address >= module_end (module))
        return COVERS_NOT;
    return !module->is_rundown_only && module->load <= time && time < module->unload
               ? COVERS
               : COVERS_AT_ANOTHER_TIME;
}

static const struct hs_module_info *module_of_process (const struct hs_tables *tables,
                                                       hs_process_id process, uint64_t address,
                                                       int64_t time)
{
    const struct hs_module_info *fallback = NULL;

    for (size_t i = upper_bound (tables, process, address); i > 0; i--) {
        const struct hs_module_order *order = &tables->module_order.items[i - 1];
        const struct hs_module_info *module = &tables->modules.items[order->module];
        enum cover cover;

        if (module->process != process || order->furthest_end <= address)
            break;
        cover = covers (module, address, time);
        if (cover == COVERS)
            return module;
        if (cover == COVERS_AT_ANOTHER_TIME && module->is_rundown_only && fallback == NULL)
            fallback = module;
    }
    return fallback;
}

const struct hs_module_info *hs_tables_module_at (const struct hs_tables *tables,
                                                  hs_process_id process, uint64_t address,
                                                  int64_t time)
{
    const struct hs_module_info *module = module_of_process (tables, process, address, time);

    return module != NULL ? module : module_of_process (tables, HS_NO_PROCESS, address, time);
}

const struct hs_frame_name *hs_tables_frame_name (const struct hs_tables *tables,
                                                  hs_process_id process, uint64_t address)
{
    uint32_t index = hs_idmap_get (&tables->frame_index, hs_tables_frame_key (process, address));

    return index != HS_IDMAP_NONE ? &tables->frame_names.items[index] : NULL;
}
