/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables that the records of a heaptrack file build up and refer to by number: strings, code
 * addresses, call stacks, allocation infos. formats/heaptrack.md sections 4, 5 and 7.
 *
 * Numbers from the file may be anything: what does not exist reads as "none". Adding functions
 * return false when memory is out. One thread at a time.
 */
#ifndef HS_DECODE_HEAPTRACK_TABLES_H
#define HS_DECODE_HEAPTRACK_TABLES_H

#include "base/array.h"
#include "base/idmap.h"
#include "base/limits.h"
#include "event/event_batch.h"

/* One `t` record. Stacks are chains to the root. */
struct hs_heaptrack_node {
    uint64_t frame;
    uint32_t parent; /* 0 = root; always less than the own number */
    uint32_t depth;
    hs_stack_slot slot; /* HS_NO_STACK until first used */
};

/* One `a` record. */
struct hs_heaptrack_info {
    uint64_t size;
    uint32_t node;
    uint32_t newest; /* live block, 0 = none */
};

struct hs_heaptrack_tables {
    struct hs_arena texts;
    HS_ARRAY (struct hs_text) strings; /* number - 1 */
    HS_ARRAY (uint64_t) addresses;     /* of `i` records as they stand in stacks, number - 1 */
    struct hs_idmap known_addresses;   /* taken addresses -> 0 */
    struct hs_idmap known_contents;    /* hash of the whole `i` record -> number - 1 */
    HS_ARRAY (struct hs_heaptrack_node) nodes; /* number - 1 */
    HS_ARRAY (struct hs_heaptrack_info) infos; /* number */
    HS_ARRAY (uint32_t) older; /* per block number - 1: next older one of its info, or next free */
    uint32_t free_block;
    hs_stack_slot n_slots;
    char scratch[HS_LIMIT_STRING_BYTES];
    uint64_t frames[HS_LIMIT_STACK_DEPTH];
};

/* UTF-8 out of bytes of a file, at most HS_LIMIT_STRING_BYTES; lent until the next call. */
struct hs_text hs_heaptrack_clean_text (struct hs_heaptrack_tables *tables, struct hs_span bytes);

bool hs_heaptrack_add_string (struct hs_heaptrack_tables *tables, struct hs_span bytes);
struct hs_text hs_heaptrack_string (const struct hs_heaptrack_tables *tables, uint64_t number);

/*
 * One `i` record: `pointer` and the text of the rest of it. *ret_address is the frame it gets:
 * pointer + 1 (a return address), or an invented one when other names have taken that. *ret_is_new:
 * its names have not been told.
 */
bool hs_heaptrack_add_address (struct hs_heaptrack_tables *tables, uint64_t pointer,
                               struct hs_span rest, uint64_t *ret_address, bool *ret_is_new);
bool hs_heaptrack_add_no_address (struct hs_heaptrack_tables *tables);
uint64_t hs_heaptrack_address (const struct hs_heaptrack_tables *tables, uint64_t number);

/* What a frame with an unknown code address is called: return address of pointer 0. */
#define HS_HEAPTRACK_UNKNOWN_FRAME 1u

/* *ret_is_deep: over HS_LIMIT_STACK_DEPTH, so the node stands for its parent. */
bool hs_heaptrack_add_node (struct hs_heaptrack_tables *tables, uint64_t frame, uint64_t parent,
                            bool *ret_is_deep);

/* The slot of a node's stack; adds a STACK event to the batch (room: 1) at its first use. */
hs_stack_slot hs_heaptrack_stack (struct hs_heaptrack_tables *tables, uint64_t number,
                                  hs_process_id process, struct hs_event_batch *batch);

bool hs_heaptrack_add_info (struct hs_heaptrack_tables *tables, uint64_t size, uint64_t node);

/*
 * Addresses for files without: unique among live blocks, the newest of an info is freed first,
 * small numbers are used again. Open: 0 when memory is out. Close: 0 when no block is live.
 */
uint64_t hs_heaptrack_open_block (struct hs_heaptrack_tables *tables, uint32_t info);
uint64_t hs_heaptrack_close_block (struct hs_heaptrack_tables *tables, uint32_t info);

void hs_heaptrack_tables_clear (struct hs_heaptrack_tables *tables);

#endif
