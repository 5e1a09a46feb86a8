/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of heaptrack files; see heaptrack_tables.h. */
#include "decode/heaptrack_tables.h"

#include "base/text.h"

#define BLOCK_STEP 16u /* between invented addresses */
#define INVENTED_FRAMES                                                                            \
    (UINT64_C (0xffff) << 48 | UINT64_C (0xfffe) << 32) /* no user code there                      \
                                                         */

struct hs_text hs_heaptrack_clean_text (struct hs_heaptrack_tables *tables, struct hs_span bytes)
{
    size_t n;

    if (bytes.size < HS_LIMIT_STRING_BYTES && hs_text_is_utf8 (bytes))
        return (struct hs_text){ (const char *)bytes.data, (uint32_t)bytes.size };
    n = hs_text_from_utf8 (bytes, tables->scratch, sizeof tables->scratch);
    return (struct hs_text){ tables->scratch, (uint32_t)n };
}

bool hs_heaptrack_add_string (struct hs_heaptrack_tables *tables, struct hs_span bytes)
{
    struct hs_text text = hs_heaptrack_clean_text (tables, bytes);

    if (!hs_array_reserve (&tables->strings, 1))
        return false;
    text.bytes = hs_arena_strndup (&tables->texts, text.bytes, text.length);
    tables->strings.items[tables->strings.n++] = text;
    return text.bytes != NULL;
}

struct hs_text hs_heaptrack_string (const struct hs_heaptrack_tables *tables, uint64_t number)
{
    if (number == 0 || number > tables->strings.n)
        return (struct hs_text){ "", 0 };
    return tables->strings.items[number - 1];
}

static uint64_t hash_bytes (uint64_t hash, struct hs_span bytes)
{
    for (size_t at = 0; at < bytes.size; at += 8) {
        uint8_t part[8] = { 0 };

        memcpy (part, bytes.data + at, bytes.size - at < 8 ? bytes.size - at : 8);
        hash = hs_hash_u64 (hash ^ hs_get_u64 (part));
    }
    return hs_hash_u64 (hash ^ bytes.size);
}

/* pointer + 1 if no other names have it, else the first free number of a range of our own. */
static uint64_t choose_address (const struct hs_heaptrack_tables *tables, uint64_t pointer)
{
    uint64_t address = pointer + 1;

    if (hs_idmap_get (&tables->known_addresses, address) == HS_IDMAP_NONE)
        return address;
    address = INVENTED_FRAMES + tables->addresses.n;
    while (hs_idmap_get (&tables->known_addresses, address) != HS_IDMAP_NONE)
        address++;
    return address;
}

bool hs_heaptrack_add_address (struct hs_heaptrack_tables *tables, uint64_t pointer,
                               struct hs_span rest, uint64_t *ret_address, bool *ret_is_new)
{
    uint64_t hash = hash_bytes (hs_hash_u64 (pointer), rest);
    uint32_t known = hs_idmap_get (&tables->known_contents, hash);
    uint64_t address;

    if (!hs_array_reserve (&tables->addresses, 1))
        return false;
    address =
        known != HS_IDMAP_NONE ? tables->addresses.items[known] : choose_address (tables, pointer);
    if (known == HS_IDMAP_NONE &&
        (!hs_idmap_set (&tables->known_contents, hash, (uint32_t)tables->addresses.n) ||
         !hs_idmap_set (&tables->known_addresses, address, 0)))
        return false;
    tables->addresses.items[tables->addresses.n++] = address;
    *ret_address = address;
    *ret_is_new = known == HS_IDMAP_NONE;
    return true;
}

bool hs_heaptrack_add_no_address (struct hs_heaptrack_tables *tables)
{
    if (!hs_array_reserve (&tables->addresses, 1))
        return false;
    tables->addresses.items[tables->addresses.n++] = HS_HEAPTRACK_UNKNOWN_FRAME;
    return true;
}

uint64_t hs_heaptrack_address (const struct hs_heaptrack_tables *tables, uint64_t number)
{
    if (number == 0 || number > tables->addresses.n)
        return HS_HEAPTRACK_UNKNOWN_FRAME;
    return tables->addresses.items[number - 1];
}

bool hs_heaptrack_add_node (struct hs_heaptrack_tables *tables, uint64_t frame, uint64_t parent,
                            bool *ret_is_deep)
{
    struct hs_heaptrack_node node = { .frame = frame, .depth = 1 };

    *ret_is_deep = false;
    if (!hs_array_reserve (&tables->nodes, 1))
        return false;
    if (parent > 0 && parent <= tables->nodes.n) {
        const struct hs_heaptrack_node *above = &tables->nodes.items[parent - 1];

        node.parent = (uint32_t)parent;
        node.depth = above->depth + 1;
        *ret_is_deep = node.depth > HS_LIMIT_STACK_DEPTH;
        if (*ret_is_deep) {
            node = *above; /* so that what is deeper still shares all frames with it */
            node.slot = HS_NO_STACK;
        }
    }
    tables->nodes.items[tables->nodes.n++] = node;
    return true;
}

hs_stack_slot hs_heaptrack_stack (struct hs_heaptrack_tables *tables, uint64_t number,
                                  hs_process_id process, struct hs_event_batch *batch)
{
    struct hs_heaptrack_node *leaf;
    uint32_t n = 0;

    if (number == 0 || number > tables->nodes.n)
        return HS_NO_STACK;
    leaf = &tables->nodes.items[number - 1];
    if (leaf->slot != HS_NO_STACK)
        return leaf->slot;
    for (uint64_t at = number; at != 0 && n < HS_LIMIT_STACK_DEPTH;) {
        const struct hs_heaptrack_node *node = &tables->nodes.items[at - 1];

        tables->frames[n++] = node->frame;
        at = node->parent;
    }
    leaf->slot = ++tables->n_slots;
    hs_batch_add_stack (batch, process, leaf->slot, tables->frames, n);
    return leaf->slot;
}

bool hs_heaptrack_add_info (struct hs_heaptrack_tables *tables, uint64_t size, uint64_t node)
{
    struct hs_heaptrack_info info = { .size = size };

    if (!hs_array_reserve (&tables->infos, 1))
        return false;
    if (node <= tables->nodes.n)
        info.node = (uint32_t)node;
    tables->infos.items[tables->infos.n++] = info;
    return true;
}

uint64_t hs_heaptrack_open_block (struct hs_heaptrack_tables *tables, uint32_t info)
{
    uint32_t block = tables->free_block;

    if (block != 0) {
        tables->free_block = tables->older.items[block - 1];
    } else {
        if (tables->older.n >= UINT32_MAX || !hs_array_reserve (&tables->older, 1))
            return 0;
        block = (uint32_t)++tables->older.n;
    }
    tables->older.items[block - 1] = tables->infos.items[info].newest;
    tables->infos.items[info].newest = block;
    return (uint64_t)block * BLOCK_STEP;
}

uint64_t hs_heaptrack_close_block (struct hs_heaptrack_tables *tables, uint32_t info)
{
    uint32_t block = tables->infos.items[info].newest;

    if (block == 0)
        return 0;
    tables->infos.items[info].newest = tables->older.items[block - 1];
    tables->older.items[block - 1] = tables->free_block;
    tables->free_block = block;
    return (uint64_t)block * BLOCK_STEP;
}

void hs_heaptrack_tables_clear (struct hs_heaptrack_tables *tables)
{
    hs_arena_clear (&tables->texts);
    hs_array_clear (&tables->strings);
    hs_array_clear (&tables->addresses);
    hs_idmap_clear (&tables->known_addresses);
    hs_idmap_clear (&tables->known_contents);
    hs_array_clear (&tables->nodes);
    hs_array_clear (&tables->infos);
    hs_array_clear (&tables->older);
}
