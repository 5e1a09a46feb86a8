/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The module list of a raw heaptrack file (`m` records): written as a whole again and again, told
 * on as what came and what went. formats/heaptrack.md section 4. One thread at a time.
 */
#ifndef HS_DECODE_HEAPTRACK_MODULES_H
#define HS_DECODE_HEAPTRACK_MODULES_H

#include "base/array.h"
#include "base/idmap.h"
#include "base/intern.h"
#include "event/event_batch.h"

struct hs_heaptrack_module {
    uint64_t base, end;
    uint32_t path; /* in paths */
};

struct hs_heaptrack_modules {
    struct hs_intern paths;
    HS_ARRAY (struct hs_heaptrack_module) told, wanted;
    struct hs_idmap told_keys, wanted_keys;
    size_t n_flushed; /* of told, then of wanted */
    bool has_changed; /* `wanted` is being collected or not all told */
};

/* The list begins anew. */
void hs_heaptrack_modules_forget (struct hs_heaptrack_modules *modules);

/* False when memory is out. */
bool hs_heaptrack_modules_add (struct hs_heaptrack_modules *modules, const char *path,
                               size_t path_length, uint64_t base, uint64_t end);

/* The list is complete: tells what changed. False: the batch has room for only `keep` events more,
 * call again with another one. */
bool hs_heaptrack_modules_flush (struct hs_heaptrack_modules *modules, hs_process_id process,
                                 int64_t time, uint32_t keep, struct hs_event_batch *batch);

void hs_heaptrack_modules_clear (struct hs_heaptrack_modules *modules);

#endif
