/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trie of call stacks; see stacks.h. */
#include "trace/stacks.h"

#include "base/limits.h"
#include "base/memory.h"

#define FIRST_TABLE_SIZE 1024u

static uint32_t hash_node (uint32_t parent, uint64_t frame)
{
    return (uint32_t)hs_hash_u64 (frame ^ (uint64_t)parent * UINT64_C (0x9e3779b97f4a7c15));
}

static bool grow_table (struct hs_stacks *stacks)
{
    uint32_t size = stacks->table_size == 0 ? FIRST_TABLE_SIZE : stacks->table_size * 2;
    uint32_t *table = hs_alloc_zeroed (size, sizeof *table);

    if (table == NULL)
        return false;
    for (uint32_t node = 0; node < stacks->parent.n; node++) {
        uint32_t at =
            hash_node (hs_column_u32 (&stacks->parent, node), hs_column_u64 (&stacks->frame, node));

        for (at &= size - 1; table[at] != 0; at = (at + 1) & (size - 1))
            ;
        table[at] = node + 1;
    }
    hs_free (stacks->table);
    stacks->table = table;
    stacks->table_size = size;
    return true;
}

static bool append_node (struct hs_stacks *stacks, uint32_t parent, uint64_t frame)
{
    if (!hs_column_append_u32 (&stacks->parent, parent))
        return false;
    if (!hs_column_append_u64 (&stacks->frame, frame)) {
        stacks->parent.n--;
        return false;
    }
    return true;
}

/* What it means has changed since the node was made. */
static bool is_outdated (const struct hs_stacks *stacks, hs_process_id process, uint64_t frame,
                         uint32_t node)
{
    for (uint32_t i = 0; i < stacks->n_left; i++) {
        const struct hs_left_range *left = &stacks->left[i];

        if (node < left->first_node && frame > left->begin && frame <= left->end &&
            (left->process == process || left->process == HS_NO_PROCESS))
            return true;
    }
    return false;
}

void hs_stacks_leave (struct hs_stacks *stacks, hs_process_id process, uint64_t begin, uint64_t end)
{
    struct hs_left_range *last = &stacks->left[HS_STACKS_LEFT - 1];
    uint32_t i = 0;

    while (i < stacks->n_left && (stacks->left[i].process != process ||
                                  stacks->left[i].begin != begin || stacks->left[i].end != end))
        i++;
    if (i < HS_STACKS_LEFT) {
        stacks->n_left += i == stacks->n_left;
        stacks->left[i] = (struct hs_left_range){ process, begin, end, (uint32_t)stacks->parent.n };
        return;
    }
    /* too many: the last one grows, which only keeps more nodes apart than need be */
    last->process = HS_NO_PROCESS;
    last->begin = begin < last->begin ? begin : last->begin;
    last->end = end > last->end ? end : last->end;
    last->first_node = (uint32_t)stacks->parent.n;
}

/* The child of `parent` for `frame`, new or known. */
static bool child (struct hs_stacks *stacks, hs_process_id process, uint32_t parent, uint64_t frame,
                   uint32_t *ret)
{
    uint32_t at, node;

    if (stacks->parent.n >= stacks->table_size / 2 && !grow_table (stacks))
        return false;
    at = hash_node (parent, frame) & (stacks->table_size - 1);
    while ((node = stacks->table[at]) != 0) {
        node--;
        if (hs_column_u64 (&stacks->frame, node) == frame &&
            hs_column_u32 (&stacks->parent, node) == parent && node != HS_NODE_ROOT &&
            (stacks->n_left == 0 || parent == HS_NODE_ROOT ||
             !is_outdated (stacks, process, frame, node))) {
            *ret = node;
            return true;
        }
        at = (at + 1) & (stacks->table_size - 1);
    }
    if (!append_node (stacks, parent, frame))
        return false;
    stacks->table[at] = (uint32_t)stacks->parent.n;
    *ret = (uint32_t)stacks->parent.n - 1;
    return true;
}

static bool process_root (struct hs_stacks *stacks, hs_process_id process, uint32_t *ret)
{
    while (stacks->process_root.n <= process) {
        if (!hs_column_append_u32 (&stacks->process_root, HS_NODE_NONE))
            return false;
    }
    *ret = hs_column_u32 (&stacks->process_root, process);
    if (*ret != HS_NODE_NONE)
        return true;
    if (!child (stacks, process, HS_NODE_ROOT, process, ret))
        return false;
    hs_column_poke (&stacks->process_root, process, *ret);
    return true;
}

hs_process_id hs_stacks_process (const struct hs_stacks *stacks, uint32_t node)
{
    uint32_t parent;

    if (node == HS_NODE_NONE || node == HS_NODE_ROOT)
        return HS_NO_PROCESS;
    while ((parent = hs_column_u32 (&stacks->parent, node)) != HS_NODE_ROOT)
        node = parent;
    return (hs_process_id)hs_column_u64 (&stacks->frame, node);
}

uint32_t hs_stacks_frames (const struct hs_stacks *stacks, uint32_t node, uint64_t *frames,
                           uint32_t max)
{
    uint32_t n = 0;

    if (node == HS_NODE_NONE || node == HS_NODE_ROOT)
        return 0;
    for (;;) {
        uint32_t parent = hs_column_u32 (&stacks->parent, node);

        if (parent == HS_NODE_ROOT)
            return n;
        if (n < max)
            frames[n] = hs_column_u64 (&stacks->frame, node);
        n++;
        node = parent;
    }
}

bool hs_stacks_add (struct hs_stacks *stacks, hs_process_id process, const uint64_t *frames,
                    uint32_t n_frames, uint32_t *ret_node)
{
    uint32_t node;

    if (!process_root (stacks, process, &node))
        return false;
    for (uint32_t i = n_frames; i > 0; i--) {
        if (!child (stacks, process, node, frames[i - 1], &node))
            return false;
    }
    *ret_node = node;
    return true;
}

bool hs_stacks_set_slot (struct hs_stacks *stacks, hs_stack_slot slot, uint32_t node)
{
    if (slot >= HS_LIMIT_STACK_SLOTS)
        return false;
    while (stacks->slot_node.n <= slot) {
        if (!hs_column_append_u32 (&stacks->slot_node, HS_NODE_NONE))
            return false;
    }
    if (node != HS_NODE_NONE)
        hs_column_poke (&stacks->slot_node, slot, node);
    return true;
}

bool hs_stacks_init (struct hs_stacks *stacks)
{
    *stacks = (struct hs_stacks){
        .parent = hs_column_init (4),
        .frame = hs_column_init (8),
        .slot_node = hs_column_init (4),
        .process_root = hs_column_init (4),
    };
    if (append_node (stacks, HS_NODE_ROOT, 0) &&
        hs_stacks_set_slot (stacks, HS_NO_STACK, HS_NODE_NONE))
        return true;
    hs_stacks_clear (stacks);
    return false;
}

void hs_stacks_seal (struct hs_stacks *stacks)
{
    hs_free (stacks->table);
    stacks->table = NULL;
    stacks->table_size = 0;
}

void hs_stacks_clear (struct hs_stacks *stacks)
{
    hs_column_clear (&stacks->parent);
    hs_column_clear (&stacks->frame);
    hs_column_clear (&stacks->slot_node);
    hs_column_clear (&stacks->process_root);
    hs_stacks_seal (stacks);
}
