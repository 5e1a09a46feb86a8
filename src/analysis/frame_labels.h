/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names for the frames of stacks: what rows of trees and lists are called and merged by. A label
 * is a (function, module), a module + offset, or a bare address; a frame is a chain of labels,
 * because a return address may stand for several functions inlined into each other.
 *
 * Made for one answer, owned by it; everything needed is copied under the trace's lock by init.
 */
#ifndef HS_ANALYSIS_FRAME_LABELS_H
#define HS_ANALYSIS_FRAME_LABELS_H

#include "analysis/stack_sums.h"
#include "base/array.h"
#include "base/intern.h"

enum hs_label_kind {
    HS_LABEL_FRAME,
    HS_LABEL_PROCESS,  /* "alpha.exe (2000)" */
    HS_LABEL_NO_STACK, /* a text marked with N_() */
};

struct hs_label {
    enum hs_label_kind kind;
    const char *text;
    const char *module;   /* file name without folders, or "" */
    const char *location; /* "file.c:123" of the first frame with that label, or "" */
    uint64_t key;         /* the same in every answer */
    uint64_t former_key;  /* that of its first frame before its name was found; 0 = none */
    bool is_inlined;      /* everywhere */
    bool is_allocator;
};

struct hs_label_place { /* in the sources, of one label of one frame */
    uint32_t file;      /* in `locations`: path as the compiler wrote it; 0 = not known */
    uint32_t line;      /* 0 = not known */
    bool is_inlined;    /* into the next label of the same frame */
};

struct hs_label_chain { /* labels [first, first + n) of `chained`, innermost first */
    uint32_t first, n;
};

struct hs_labelled_frame {
    hs_process_id process;
    uint64_t address;
    int64_t from, to; /* times at which it means this (its module is loaded) */
    struct hs_label_chain chain;
};

struct hs_frame_labels {
    struct hs_snapshot snapshot;
    const struct hs_tables *tables;    /* while they are locked by init */
    HS_ARRAY (struct hs_label) labels; /* index: number of the string in `identities`; 0 unused */
    HS_ARRAY (uint32_t) chained;
    HS_ARRAY (struct hs_label_place) places; /* of `chained` */
    HS_ARRAY (struct hs_labelled_frame) frames;
    struct hs_idmap index;       /* hash of (process, address) -> frames */
    struct hs_idmap processes;   /* process id -> frames; filled when has_processes */
    struct hs_intern identities; /* "function\0module" */
    struct hs_intern locations;
    uint32_t *node_frame; /* per node of the trie: 1 + index into frames, 0 = not asked for */
    uint32_t no_stack, not_freed; /* labels */
    bool has_processes;           /* stacks of more than one process */
};

/* Labels of all frames of the stacks in `sums`, which came from the same snapshot. */
enum hs_status hs_frame_labels_init (struct hs_frame_labels *labels,
                                     const struct hs_snapshot *snapshot,
                                     const struct hs_stack_sums *sums, struct hs_error *err);
void hs_frame_labels_clear (struct hs_frame_labels *labels); /* a zeroed one is valid */

/* The one label of a stack without frames. */
uint32_t hs_frame_labels_none (const struct hs_frame_labels *labels,
                               const struct hs_stack_sum *stack);

/* The labels of a node of a stack of `sums`, innermost first. The root of a process, when
 * has_processes: its name. */
struct hs_label_chain hs_frame_labels_of (const struct hs_frame_labels *labels, uint32_t node);

/* The label of a process with stacks in `sums`, when has_processes. */
uint32_t hs_frame_labels_process (const struct hs_frame_labels *labels, hs_process_id process);

/*
 * The labels of a whole stack, the allocating function first: *path is reused (a zeroed array at
 * first) and holds at least one (no_stack or not_freed where there is none). With `fold`, innermost
 * labels that are allocators are left out, but never the outermost. The process's row comes last
 * when has_processes. False when memory is out.
 */
struct hs_label_path {
    HS_ARRAY (uint32_t) labels;
    HS_ARRAY (struct hs_label_place) places; /* of `labels` */
};
void hs_label_path_clear (struct hs_label_path *path);
bool hs_frame_labels_path (const struct hs_frame_labels *labels, const struct hs_stack_sum *stack,
                           bool fold, struct hs_label_path *path);

#endif
