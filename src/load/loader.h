/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ties a decoder to a trace: the only writer of its trace. File or growing file alike.
 *
 * hs_loader_step() is called in a loop on one thread, and reads ahead on another where there are
 * two processors; everything under "any thread" may be called meanwhile. The trace belongs to the
 * loader's creator and outlives it.
 */
#ifndef HS_LOAD_LOADER_H
#define HS_LOAD_LOADER_H

#include "base/cancel.h"
#include "decode/decoder.h"
#include "trace/trace.h"

struct hs_loader;

struct hs_load_progress {
    double fraction; /* 0..1 */
    uint64_t bytes_total;
    uint64_t n_events; /* block events so far */
};

enum hs_status hs_loader_open_files (const struct hs_files *files, struct hs_trace *trace,
                                     struct hs_loader **ret, struct hs_error *err);
enum hs_status hs_loader_open (const char *const *paths, size_t n_paths, enum hs_source_mode mode,
                               struct hs_trace *trace, struct hs_loader **ret,
                               struct hs_error *err);

/* Takes over a decoder opened by other means. */
enum hs_status hs_loader_new_take (struct hs_decoder *decoder, struct hs_trace *trace,
                                   struct hs_loader **ret, struct hs_error *err);

/*
 * Before the first step: reads the recording itself, though it has a closing index. Without this, a
 * closed file that was opened by its path comes from its index in one step (trace/index_file.h).
 */
void hs_loader_leave_index (struct hs_loader *loader);

/*
 * After HS_END: writes the closing index behind the recording, in the place of one that is there.
 * HS_UNSUPPORTED: not a closed .hst, or the trace came from its index. hs_loader_cancel ends it
 * (HS_CANCELLED); when it fails the file is as long as the recording again.
 */
enum hs_status hs_loader_write_index (struct hs_loader *loader, uint64_t *ret_bytes,
                                      struct hs_error *err);

/* As above, when it is worth it and nobody minds: many events, no damage, the user's own file. */
void hs_loader_keep_index (struct hs_loader *loader);

/* One batch. HS_OK: call again; HS_AGAIN: wait for the file to grow; HS_END: complete;
 * HS_CANCELLED or an error: what was read so far is in the trace and stays usable. */
enum hs_status hs_loader_step (struct hs_loader *loader, struct hs_error *err);

/* hs_loader_step until the end; a growing file counts as ended when it stops giving. */
enum hs_status hs_loader_run (struct hs_loader *loader, struct hs_error *err);

/* After HS_AGAIN: nobody writes the file any more. The next steps read what is left and end. */
void hs_loader_stop_following (struct hs_loader *loader);

void hs_loader_cancel (struct hs_loader *loader);                            /* any thread */
struct hs_load_progress hs_loader_progress (const struct hs_loader *loader); /* any thread */
const struct hs_format *hs_loader_format (const struct hs_loader *loader);   /* any thread */
void hs_loader_free (struct hs_loader *loader);

#endif
