/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The programs and libraries of a trace with what became of the search for their names, and how
 * much memory each hides by having none. One row per image (trace/images.h), however many
 * processes map it; what hides most comes first.
 */
#ifndef HS_ANALYSIS_SYMBOL_LIST_H
#define HS_ANALYSIS_SYMBOL_LIST_H

#include "base/cancel.h"
#include "base/error.h"
#include "symbols/symbol_state.h"
#include "trace/trace.h"

struct hs_symbol_row {
    const char *path;   /* as in the trace */
    const char *detail; /* the file that was read, or what is wrong; "" */
    uint8_t wanted_id[20], found_id[20];
    uint8_t wanted_id_size, found_id_size; /* 0 = not known */
    bool is_windows;
    bool is_looked_for; /* else the state means nothing: no frame needed it, or nobody looked */
    enum hs_symbol_state state;
    uint32_t image;                      /* HS_NO_IMAGE when not looked for */
    uint32_t n_frames, n_named;          /* distinct return addresses in it */
    uint64_t hidden_bytes, hidden_count; /* outstanding, of stacks with a frame without name */
};

struct hs_symbol_list {
    uint32_t n;
    uint32_t n_with_frames, n_with_names; /* images: that stacks lead through; with names of them */
    uint64_t total_bytes;                 /* outstanding, of all stacks */
    struct hs_symbol_row *rows;           /* in the same block, texts too */
};

/* "lines", "no-file" …: stable words for JSON. "no file" …: marked for translation with N_(). */
const char *hs_symbol_state_name (enum hs_symbol_state state);
const char *hs_symbol_state_title (enum hs_symbol_state state);

/* Any thread. */
enum hs_status hs_symbol_list (const struct hs_snapshot *snapshot, const struct hs_cancel *cancel,
                               struct hs_symbol_list **ret, struct hs_error *err);
void hs_symbol_list_free (struct hs_symbol_list *list); /* NULL is allowed */

#endif
