/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Call stacks as a trie: a node is (parent, frame), from the root (program start) to the leaf
 * (allocating frame); a stack is its leaf's node. Every process instance has its own top nodes, so
 * a process filter is a stack filter. Frames are return addresses. Nodes and slots are only added;
 * readers within a snapshot need no lock.
 */
#ifndef HS_TRACE_STACKS_H
#define HS_TRACE_STACKS_H

#include "base/column.h"
#include "base/idmap.h"
#include "event/ids.h"

/* Node 0 is the root of everything. A process's own root is a child of it whose frame is the
 * process id; stacks hang below. A node's parent always has a smaller number. */
#define HS_NODE_ROOT 0u
#define HS_NODE_NONE UINT32_MAX

#define HS_STACKS_LEFT 64u /* ranges kept apart */

/* Addresses that a module has left: nodes of before mean another function there than later ones. */
struct hs_left_range {
    hs_process_id process; /* HS_NO_PROCESS = all */
    uint64_t begin, end;
    uint32_t first_node; /* that may be taken for new stacks */
};

struct hs_stacks {
    struct hs_column parent;    /* u32 */
    struct hs_column frame;     /* u64: return address; for a process root its hs_process_id */
    struct hs_column slot_node; /* u32 per slot: leaf node, HS_NODE_NONE until known. Peek. */

    /* the writer's */
    uint32_t *table; /* node + 1 by hash of (parent, frame); 0 = free */
    uint32_t table_size;
    struct hs_column process_root; /* u32 per process id, HS_NODE_NONE = none yet */
    uint32_t n_left;
    struct hs_left_range left[HS_STACKS_LEFT];
};

/* A node's process: the walk to the process root. */
hs_process_id hs_stacks_process (const struct hs_stacks *stacks, uint32_t node);

/* Frames of a stack, leaf first; at most `max` are written. Returns how many there are. */
uint32_t hs_stacks_frames (const struct hs_stacks *stacks, uint32_t node, uint64_t *frames,
                           uint32_t max);

/* Writer: the leaf node of a stack, new or known. An empty stack is the process root.
 * False when memory is out. */
bool hs_stacks_add (struct hs_stacks *stacks, hs_process_id process, const uint64_t *frames,
                    uint32_t n_frames, uint32_t *ret_node);

/* Writer: a module of the process was unloaded from [begin, end): stacks added from now on share no
 * nodes there with those of before. */
void hs_stacks_leave (struct hs_stacks *stacks, hs_process_id process, uint64_t begin,
                      uint64_t end);

/* Writer: sets slot -> node; a slot may be set before or after rows use it. */
bool hs_stacks_set_slot (struct hs_stacks *stacks, hs_stack_slot slot, uint32_t node);

/* Writer: nothing more will be added; frees the hash table. */
void hs_stacks_seal (struct hs_stacks *stacks);

bool hs_stacks_init (struct hs_stacks *stacks);
void hs_stacks_clear (struct hs_stacks *stacks);

#endif
