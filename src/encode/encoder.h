/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap events to a file: the mirror of decode/format.h, used by `convert` and the recorder.
 *
 * Events are given in the order of time, batch by batch, as decoders give them. What the target
 * cannot hold is left out and counted, never refused.
 */
#ifndef HS_ENCODE_ENCODER_H
#define HS_ENCODE_ENCODER_H

#include "base/error.h"
#include "event/event_batch.h"

/* What a target cannot hold, or cannot say as exactly. */
enum hs_left_out {
    HS_LEFT_OUT_NOTES,         /* findings about the source file: they are not about this one */
    HS_LEFT_OUT_STACK_LINKS,   /* stacks that came too long after their event */
    HS_LEFT_OUT_KERNEL_STACKS, /* stacks used before they proved to be kernel stacks */
    HS_LEFT_OUT_NO_PROCESS,    /* block events of a process that was never described */
    HS_LEFT_OUT_CUT_TEXTS,     /* names shortened to fit a record */
    HS_LEFT_OUT_EARLY_TIMES,   /* events before the trace's zero, moved to it */
    HS_LEFT_OUT_ABSURD_TIMES,  /* times over HS_LIMIT_SPAN_DAYS, moved to their neighbour's */
    HS_LEFT_OUT_DEEP_STACKS,   /* stacks deeper than a record holds */
    HS_N_LEFT_OUT,
};

/* What was written; counts of things, not of records, unless it says so. */
struct hs_encode_report {
    uint64_t n_bytes;
    uint64_t n_buffers;
    uint64_t n_records;
    uint64_t n_block_events; /* given; a moving realloc may have become three records */
    uint64_t n_stacks;
    uint64_t n_frame_names;
    uint64_t n_processes;
    uint64_t n_modules;
    uint64_t n_moved_times; /* moved by nanoseconds so that stamps of one thread differ */
    bool has_invented_addresses;
    uint64_t left_out[HS_N_LEFT_OUT];
};

/* English, marked with N_(), without the count: "findings about the source file". */
const char *hs_left_out_text (enum hs_left_out what);

/* "notes", "stack_links" …: stable words for JSON and tests. */
const char *hs_left_out_name (enum hs_left_out what);

struct hs_encoder_class {
    const char *name; /* "etl" */
    const char *description;
    const char *extension;
    enum hs_status (*open) (const char *path, void **ret, struct hs_error *err);
    enum hs_status (*append) (void *self, const struct hs_event_batch *batch, struct hs_error *err);
    /* Optional (NULL): appends `n` allocs and frees, as if they were in a batch. `common` has the
     * process, flags and heap of all. */
    enum hs_status (*put_blocks) (void *self, const struct hs_event *common,
                                  const struct hs_brief_block *blocks, uint32_t n,
                                  struct hs_error *err);
    /* Optional (NULL): makes all that was appended readable in the file at once. */
    enum hs_status (*flush) (void *self, struct hs_error *err);
    /* Completes and closes the file and frees self, also on error: then the file is what could be
     * written. `ret_report` is filled in all cases; NULL is allowed. */
    enum hs_status (*finish) (void *self, struct hs_encode_report *ret_report,
                              struct hs_error *err);
    void (*abandon) (void *self); /* frees; leaves the file as it is */
};

extern const struct hs_encoder_class hs_etl_encoder;
extern const struct hs_encoder_class hs_hst_encoder; /* more in encode/hst_encoder.h */

/* The encoder whose extension the path has, or NULL. */
const struct hs_encoder_class *hs_encoder_for_path (const char *path);

#endif
