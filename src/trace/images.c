/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images and their names; see images.h. */
#include "trace/images.h"

#include "base/endian.h"
#include "base/limits.h"
#include "trace/trace_private.h"

#include <string.h>

#define GUID_BYTES 16u
#define NO_NAME (HS_IDMAP_NONE - 1) /* in the map of names: there is none */

static uint64_t image_hash (uint32_t path, const uint8_t *build_id, uint32_t size)
{
    uint64_t hash = hs_hash_u64 (path + ((uint64_t)size << 32));

    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ build_id[i]) * UINT64_C (0x100000001b3);
    return hash;
}

static bool is_image (const struct hs_image *image, uint32_t path, const uint8_t *build_id,
                      uint32_t size)
{
    return image->path == path && image->build_id_size == size &&
           (size == 0 || memcmp (image->build_id, build_id, size) == 0);
}

/* The image, or HS_NO_IMAGE and in `hash` the free key for it. */
static uint32_t find_image (const struct hs_tables *tables, uint32_t path, const uint8_t *build_id,
                            uint32_t size, uint64_t *hash)
{
    uint32_t at;

    *hash = image_hash (path, build_id, size);
    while ((at = hs_idmap_get (&tables->image_index, *hash)) != HS_IDMAP_NONE &&
           !is_image (&tables->images.items[at], path, build_id, size))
        ++*hash;
    return at;
}

static bool intern (struct hs_tables *tables, const char *text, uint32_t *ret)
{
    return hs_intern_add (&tables->strings, text, strnlen (text, HS_LIMIT_STRING_BYTES), ret);
}

/* A side file knows an image's id only; what a module of the trace tells later is added. */
static bool describe_image (struct hs_tables *tables, struct hs_image *image,
                            const struct hs_image_identity *identity)
{
    if (!identity->is_windows || image->is_windows)
        return true;
    if (!intern (tables, identity->debug_name, &image->debug_name))
        return false;
    image->is_windows = true;
    image->link_stamp = identity->link_stamp;
    image->image_size = identity->image_size;
    return true;
}

static bool need_image (struct hs_tables *tables, const struct hs_image_identity *identity,
                        uint32_t *ret)
{
    struct hs_image *image;
    uint64_t hash;
    uint32_t path;

    if (!intern (tables, identity->path, &path))
        return false;
    *ret = find_image (tables, path, identity->id, identity->id_size, &hash);
    if (*ret != HS_NO_IMAGE)
        return describe_image (tables, &tables->images.items[*ret], identity);
    if (!hs_array_reserve (&tables->images, 1) ||
        !hs_idmap_set (&tables->image_index, hash, (uint32_t)tables->images.n))
        return false;
    *ret = (uint32_t)tables->images.n;
    image = &tables->images.items[tables->images.n++];
    *image = (struct hs_image){ .path = path, .build_id_size = identity->id_size };
    memcpy (image->build_id, identity->id, identity->id_size);
    return describe_image (tables, image, identity);
}

bool hs_trace_need_image (struct hs_trace *trace, const struct hs_image_identity *identity,
                          uint32_t *ret_image)
{
    bool is_done;

    (void)pthread_mutex_lock (&trace->tables_lock);
    is_done = need_image (&trace->tables, identity, ret_image);
    (void)pthread_mutex_unlock (&trace->tables_lock);
    return is_done;
}

enum known_names {
    KEEP_KNOWN,
    REPLACE_KNOWN,
};

static bool add_name (struct hs_tables *tables, struct hs_image *image,
                      const struct hs_image_name *name, const struct hs_image_frame *frames,
                      enum known_names how)
{
    uint32_t first = (uint32_t)tables->frame_names.n;
    uint32_t known = hs_idmap_get (&image->names, name->offset);

    if (known != HS_IDMAP_NONE && (how == KEEP_KNOWN || name->n == 0))
        return true;
    if (name->n == 0)
        return hs_idmap_set (&image->names, name->offset, NO_NAME);
    if (!hs_array_reserve (&tables->frame_names, name->n))
        return false;
    for (uint32_t i = 0; i < name->n; i++) {
        struct hs_frame_name *frame = &tables->frame_names.items[first + i];

        *frame = (struct hs_frame_name){
            .line = frames[i].line,
            .next = i + 1 < name->n ? first + i + 1 : UINT32_MAX,
        };
        if (!intern (tables, frames[i].function, &frame->function) ||
            !intern (tables, frames[i].file, &frame->file))
            return false;
    }
    if (!hs_idmap_set (&image->names, name->offset, first))
        return false;
    tables->frame_names.n += name->n;
    image->n_named += known == HS_IDMAP_NONE || known == NO_NAME;
    return true;
}

static bool add_names (struct hs_trace *trace, uint32_t image, const struct hs_image_name *names,
                       uint32_t n_names, const struct hs_image_frame *frames, enum known_names how)
{
    bool is_done = true;

    (void)pthread_mutex_lock (&trace->tables_lock);
    for (uint32_t i = 0; i < n_names && is_done; i++)
        is_done = add_name (&trace->tables, &trace->tables.images.items[image], &names[i],
                            frames + names[i].first, how);
    (void)pthread_mutex_unlock (&trace->tables_lock);
    (void)atomic_fetch_add_explicit (&trace->names, 1, memory_order_release);
    return is_done;
}

bool hs_trace_add_names (struct hs_trace *trace, uint32_t image, const struct hs_image_name *names,
                         uint32_t n_names, const struct hs_image_frame *frames)
{
    return add_names (trace, image, names, n_names, frames, KEEP_KNOWN);
}

bool hs_trace_replace_names (struct hs_trace *trace, uint32_t image,
                             const struct hs_image_name *names, uint32_t n_names,
                             const struct hs_image_frame *frames)
{
    return add_names (trace, image, names, n_names, frames, REPLACE_KNOWN);
}

bool hs_trace_set_image_result (struct hs_trace *trace, uint32_t number,
                                const struct hs_image_result *result)
{
    struct hs_image *image;
    uint32_t detail;
    bool is_done;

    (void)pthread_mutex_lock (&trace->tables_lock);
    image = &trace->tables.images.items[number];
    is_done = intern (&trace->tables, result->detail, &detail);
    if (is_done) {
        image->detail = detail;
        image->state = result->state;
        image->found_id_size = 0;
        if (result->build_id_size <= sizeof image->found_id) {
            image->found_id_size = (uint8_t)result->build_id_size;
            if (result->build_id_size > 0)
                memcpy (image->found_id, result->build_id, result->build_id_size);
        }
    }
    (void)pthread_mutex_unlock (&trace->tables_lock);
    (void)atomic_fetch_add_explicit (&trace->names, 1, memory_order_release);
    return is_done;
}

void hs_trace_forget_images (struct hs_trace *trace, uint32_t states)
{
    (void)pthread_mutex_lock (&trace->tables_lock);
    for (size_t i = 0; i < trace->tables.images.n; i++) {
        struct hs_image *image = &trace->tables.images.items[i];

        if (image->state >= 32 || (states >> image->state & 1) == 0)
            continue;
        hs_idmap_clear (&image->names);
        image->names = (struct hs_idmap){ 0 };
        image->n_named = 0;
        image->state = 0;
        image->detail = 0;
        image->found_id_size = 0;
    }
    (void)pthread_mutex_unlock (&trace->tables_lock);
    (void)atomic_fetch_add_explicit (&trace->names, 1, memory_order_release);
}

static bool add_allocator (struct hs_tables *tables, const char *line, size_t n)
{
    struct hs_allocator_rule rule = { .is_none = n > 0 && line[0] == '-' };

    if (rule.is_none) {
        line++;
        n--;
    }
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\r' || line[n - 1] == '\t'))
        n--;
    rule.is_prefix = n > 0 && line[n - 1] == '*';
    n -= rule.is_prefix;
    if (n == 0 || line[0] == '#' || n > HS_LIMIT_STRING_BYTES)
        return true;
    if (!hs_intern_add (&tables->strings, line, n, &rule.name) ||
        !hs_array_reserve (&tables->allocators, 1))
        return false;
    tables->allocators.items[tables->allocators.n++] = rule;
    return true;
}

bool hs_trace_set_allocators (struct hs_trace *trace, const char *text)
{
    bool is_done = true;

    (void)pthread_mutex_lock (&trace->tables_lock);
    trace->tables.allocators.n = 0;
    while (*text != '\0' && is_done) {
        size_t n = strcspn (text, "\n");

        is_done = add_allocator (&trace->tables, text, n);
        text += n + (text[n] == '\n');
    }
    (void)pthread_mutex_unlock (&trace->tables_lock);
    (void)atomic_fetch_add_explicit (&trace->names, 1, memory_order_release);
    return is_done;
}

/* Linux' paths have a slash in front, in an ETL file too. */
static bool is_windows (const struct hs_module_info *module, const char *path)
{
    return path[0] != '/' &&
           (strchr (path, '\\') != NULL || module->debug_name != 0 || module->link_stamp != 0);
}

static void set_windows_id (struct hs_image_identity *identity, const struct hs_module_info *module)
{
    identity->is_windows = true;
    if (module->build_id_size == GUID_BYTES) {
        hs_put_u32 (identity->id + GUID_BYTES, module->pdb_age);
        identity->id_size = GUID_BYTES + 4;
    } else if (module->link_stamp != 0) {
        hs_put_u32 (identity->id, module->link_stamp);
        hs_put_u32 (identity->id + 4, (uint32_t)module->size);
        identity->id_size = 8;
    }
}

struct hs_image_identity hs_tables_identify (const struct hs_tables *tables,
                                             const struct hs_module_info *module)
{
    struct hs_image_identity identity = {
        .path = hs_intern_text (&tables->strings, module->path),
        .id_size = module->build_id_size,
        .debug_name = hs_intern_text (&tables->strings, module->debug_name),
        .link_stamp = module->link_stamp,
        .image_size = (uint32_t)module->size,
    };

    memcpy (identity.id, module->build_id, module->build_id_size);
    if (is_windows (module, identity.path))
        set_windows_id (&identity, module);
    return identity;
}

uint32_t hs_tables_image_of (const struct hs_tables *tables, const struct hs_module_info *module)
{
    struct hs_image_identity identity;
    uint64_t hash;

    if (tables->images.n == 0)
        return HS_NO_IMAGE;
    identity = hs_tables_identify (tables, module);
    return find_image (tables, module->path, identity.id, identity.id_size, &hash);
}

enum hs_name_known hs_tables_image_name (const struct hs_tables *tables,
                                         const struct hs_module_info *module, uint64_t address,
                                         const struct hs_frame_name **ret)
{
    uint32_t image = hs_tables_image_of (tables, module), name;

    if (image == HS_NO_IMAGE)
        return HS_NAME_UNKNOWN;
    name = hs_idmap_get (&tables->images.items[image].names, address - 1 - module->base);
    if (name == HS_IDMAP_NONE)
        return HS_NAME_UNKNOWN;
    if (name == NO_NAME)
        return HS_NAME_NONE;
    *ret = &tables->frame_names.items[name];
    return HS_NAME_FOUND;
}

void hs_tables_clear_images (struct hs_tables *tables)
{
    for (size_t i = 0; i < tables->images.n; i++)
        hs_idmap_clear (&tables->images.items[i].names);
    hs_array_clear (&tables->images);
    hs_array_clear (&tables->allocators);
    hs_idmap_clear (&tables->image_index);
}
