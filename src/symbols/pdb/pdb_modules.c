/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules by number and by name; see pdb_modules.h. (Layout: LLVM's "PDB DBI Stream" chapter.) */
#include "symbols/pdb/pdb_modules.h"

#include "symbols/pdb/codeview.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_STREAM 0xffffu
#define MODULE_BYTES 64u

static bool add_place (struct hs_pdb_modules *modules, struct hs_reader *reader)
{
    const uint8_t *at = hs_reader_take (reader, MODULE_BYTES);
    struct hs_pdb_module_place place = { .name = (const char *)at + MODULE_BYTES,
                                         .stream = hs_get_u16 (at + 34),
                                         .n_symbols = hs_get_u32 (at + 36),
                                         .n_c11 = hs_get_u32 (at + 40),
                                         .n_c13 = hs_get_u32 (at + 44) };

    for (unsigned text = 0; text < 2; text++) { /* its name, its object file's */
        const uint8_t *end =
            reader->rest.size > 0 ? memchr (reader->rest.data, 0, reader->rest.size) : NULL;

        (void)hs_reader_take (reader,
                              end != NULL ? (size_t)(end - reader->rest.data) + 1 : SIZE_MAX);
    }
    if (reader->has_overrun)
        return true;
    (void)hs_reader_take (reader, (size_t)(modules->info - reader->rest.data) & 3);
    if (!hs_array_reserve (&modules->places, 1))
        return false;
    modules->places.items[modules->places.n++] = place;
    return true;
}

bool hs_pdb_modules_read (struct hs_pdb_modules *modules, struct hs_span part)
{
    struct hs_reader reader;

    if (part.size == 0)
        return true;
    modules->info = hs_alloc_array (part.size, 1);
    if (modules->info == NULL)
        return false;
    memcpy (modules->info, part.data, part.size);
    reader = hs_reader_init ((struct hs_span){ modules->info, part.size });
    while (reader.rest.size >= MODULE_BYTES) {
        if (!add_place (modules, &reader))
            return false;
    }
    return true;
}

void hs_pdb_modules_clear (struct hs_pdb_modules *modules)
{
    for (size_t i = 0; i < modules->places.n; i++)
        hs_pdb_module_free (modules->places.items[i].module);
    hs_array_clear (&modules->places);
    hs_array_clear (&modules->names);
    hs_free (modules->info);
    modules->info = NULL;
}

const struct hs_pdb_module *hs_pdb_modules_get (struct hs_pdb_modules *modules,
                                                const struct hs_msf *msf, uint16_t number)
{
    struct hs_pdb_module_place *place;
    uint64_t n_wanted;
    uint8_t *bytes;

    if (number >= modules->places.n)
        return NULL;
    place = &modules->places.items[number];
    if (place->is_tried)
        return place->module;
    place->is_tried = true;
    n_wanted = (uint64_t)place->n_symbols + place->n_c11 + place->n_c13;
    if (place->stream == NO_STREAM || n_wanted == 0 ||
        n_wanted > hs_msf_stream_size (msf, place->stream) ||
        hs_msf_read (msf, place->stream, &bytes, NULL) != HS_OK)
        return NULL;
    place->module = hs_pdb_module_new_take (bytes, place->n_symbols, place->n_c11, place->n_c13);
    return place->module;
}

static int compare_names (const void *a, const void *b)
{
    const struct hs_pdb_module_name *x = a, *y = b;
    int order = strcasecmp (x->name, y->name);

    return order != 0 ? order : (int)x->number - (int)y->number;
}

static void sort_names (struct hs_pdb_modules *modules)
{
    size_t n = modules->places.n < UINT16_MAX ? modules->places.n : UINT16_MAX;

    if (modules->names.n > 0 || n == 0 || !hs_array_reserve (&modules->names, n))
        return;
    for (; modules->names.n < n; modules->names.n++)
        modules->names.items[modules->names.n] =
            (struct hs_pdb_module_name){ modules->places.items[modules->names.n].name,
                                         (uint16_t)modules->names.n };
    qsort (modules->names.items, n, sizeof *modules->names.items, compare_names);
}

uint32_t hs_pdb_modules_id (struct hs_pdb_modules *modules, const struct hs_msf *msf,
                            struct hs_span names, const struct hs_pdb_module *module, uint32_t id)
{
    uint32_t name_at, local, found;
    const char *name;
    size_t low = 0, high;

    if (!hs_pdb_module_import (module, id, &name_at, &local))
        return id;
    sort_names (modules);
    name = hs_cv_text (names, name_at);
    for (high = modules->names.n; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (strcasecmp (modules->names.items[middle].name, name) < 0) /* names differ in case */
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < modules->names.n && strcasecmp (modules->names.items[low].name, name) == 0;
         low++) {
        const struct hs_pdb_module *other =
            hs_pdb_modules_get (modules, msf, modules->names.items[low].number);

        if (other != NULL && hs_pdb_module_export (other, local, &found))
            return found;
    }
    return id;
}
