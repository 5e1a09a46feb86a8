/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the .hst encoder share. A *segment* is a definitions chunk and the events
 * chunk that uses them; it is collected here and goes to the writer when it is full or when told.
 * Memory: fixed for events; grows with the number of stack nodes, names and chunks.
 */
#ifndef HS_ENCODE_HST_STATE_H
#define HS_ENCODE_HST_STATE_H

#include "base/idmap.h"
#include "base/intern.h"
#include "base/limits.h"
#include "encode/encoder.h"
#include "encode/hst_writer.h"
#include "event/hst_model.h"

#define HS_HST_SEGMENT_EVENT_BYTES (1u << 20)
#define HS_HST_SEGMENT_DEFINITION_BYTES (1u << 20)

/* Direct-mapped memories; what they say is checked against the model, so they are never emptied. */
#define HS_HST_CONTEXT_MEMORY 256u
#define HS_HST_LOCAL_MEMORY 8192u
#define HS_HST_PLACE_MEMORY_BITS 15
#define HS_HST_PLACE_MEMORY (1u << HS_HST_PLACE_MEMORY_BITS)

struct hs_hst_node {
    uint64_t address;
    uint32_t parent;
};

struct hs_hst_state {
    struct hs_hst_writer writer;
    struct hs_encode_report report;

    /* the segment's events */
    uint8_t *events; /* HS_HST_SEGMENT_EVENT_BYTES, the header included */
    size_t n_event_bytes;
    uint32_t n_ops;
    uint32_t n_block_events;
    uint64_t first_event;
    int64_t first_time, last_time;
    int64_t record_time; /* HS_HST_NO_TIME: none yet */
    bool has_record_time_to_tell;
    struct hs_hst_model *model;
    uint16_t context_memory[HS_HST_CONTEXT_MEMORY];
    uint16_t local_memory[HS_HST_LOCAL_MEMORY];
    uint32_t place_memory[HS_HST_PLACE_MEMORY]; /* births: number << 1, deaths: | 1 */

    /* the segment's definitions */
    struct hs_hst_bytes definitions;
    struct hs_hst_bytes record; /* payload being put together */
    uint32_t n_definitions;     /* that are events */
    uint32_t n_pending;         /* of them: not yet placed among the events */
    int64_t definition_time;
    hs_stack_slot definition_slot;

    /* defined so far in the file */
    HS_ARRAY (struct hs_hst_node) nodes; /* node 0 = the root */
    struct hs_idmap node_index;
    uint32_t path[HS_LIMIT_STACK_DEPTH]; /* the nodes of the newest stack, outermost first */
    uint32_t n_path;
    struct hs_intern strings;

    uint64_t n_by_op[3]; /* allocs, frees, reallocs */

    struct hs_hst_circular *circular; /* NULL: all is kept */
    bool is_base;                     /* what is put now stands for dropped segments */
};

/* Everything but HS_EVENT_NONE is one of these: runs of allocs and frees whose process, flags and
 * heap are those of `common`, other events, definitions. There must be room in the segment. */
void hs_hst_put_event (struct hs_hst_state *state, const struct hs_event *event);
void hs_hst_put_blocks (struct hs_hst_state *state, const struct hs_event *common,
                        const struct hs_brief_block *blocks, uint32_t n);
void hs_hst_put_definition (struct hs_hst_state *state, const struct hs_event *event);

/* Sends what is collected; whether another event might not fit. */
void hs_hst_flush_segment (struct hs_hst_state *state);
bool hs_hst_is_full (const struct hs_hst_state *state);

/* Begins the definitions of a segment. */
void hs_hst_begin_definitions (struct hs_hst_state *state);

#endif
