/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoder to trace, batch by batch; see loader.h. */
#include "load/loader.h"

#include "base/memory.h"
#include "load/closing_index.h"
#include "load/read_ahead.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

struct hs_loader {
    struct hs_decoder *decoder;
    struct hs_trace *trace;
    struct hs_event_batch *batch;
    struct hs_read_ahead *ahead; /* NULL: not yet, or batches are read on this thread */
    struct hs_cancel cancel;
    bool may_use_index, is_from_index, may_read_ahead;
    _Atomic uint32_t progress_millionths;
    _Atomic uint64_t n_events;
};

enum hs_status hs_loader_new_take (struct hs_decoder *decoder, struct hs_trace *trace,
                                   struct hs_loader **ret, struct hs_error *err)
{
    struct hs_loader *loader = HS_NEW (struct hs_loader);

    if (loader != NULL)
        loader->batch = hs_batch_new ();
    if (loader == NULL || loader->batch == NULL) {
        hs_free (loader);
        hs_decoder_close (decoder);
        return hs_error_no_memory (err);
    }
    loader->decoder = decoder;
    loader->trace = trace;
    loader->may_read_ahead = sysconf (_SC_NPROCESSORS_ONLN) > 1;
    *ret = loader;
    return HS_OK;
}

enum hs_status hs_loader_open_files (const struct hs_files *files, struct hs_trace *trace,
                                     struct hs_loader **ret, struct hs_error *err)
{
    struct hs_decoder *decoder;
    enum hs_status status = hs_decoder_open_files (files, &decoder, err);

    if (status == HS_OK)
        status = hs_loader_new_take (decoder, trace, ret, err);
    if (status == HS_OK)
        (*ret)->may_use_index = true;
    return status;
}

enum hs_status hs_loader_open (const char *const *paths, size_t n_paths, enum hs_source_mode mode,
                               struct hs_trace *trace, struct hs_loader **ret, struct hs_error *err)
{
    const struct hs_files files = { .paths = paths, .n = n_paths, .mode = mode };

    return hs_loader_open_files (&files, trace, ret, err);
}

void hs_loader_leave_index (struct hs_loader *loader)
{
    loader->may_use_index = false;
}

enum hs_status hs_loader_write_index (struct hs_loader *loader, uint64_t *ret_bytes,
                                      struct hs_error *err)
{
    if (loader->is_from_index)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "the recording has an index");
    return hs_closing_index_write (loader->decoder, loader->trace, &loader->cancel, ret_bytes, err);
}

/* Fewer are read in full faster than anybody sees. */
#define KEEP_FROM_EVENTS 500000u

static bool is_sound (const struct hs_trace *trace)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool is_sound = true;

    for (size_t i = 0; i < tables->findings.n; i++)
        is_sound &= !hs_note_kind_is_structural (tables->findings.items[i].kind);
    hs_trace_unlock (trace);
    return is_sound;
}

void hs_loader_keep_index (struct hs_loader *loader)
{
    struct hs_extent extent;
    struct stat info;
    uint64_t n_bytes;
    bool is_own;
    int fd;

    if (loader->is_from_index || !is_sound (loader->trace) ||
        hs_trace_snapshot (loader->trace).n_events < KEEP_FROM_EVENTS ||
        hs_decoder_index (loader->decoder, &extent, &fd, NULL) != HS_OK)
        return;
    is_own = fstat (fd, &info) == 0 && info.st_uid == geteuid ();
    (void)close (fd);
    if (is_own && extent.index_bytes == 0)
        (void)hs_loader_write_index (loader, &n_bytes, NULL);
}

static void tell_progress (struct hs_loader *loader, double fraction)
{
    atomic_store_explicit (&loader->n_events, hs_trace_snapshot (loader->trace).n_events,
                           memory_order_relaxed);
    atomic_store_explicit (&loader->progress_millionths, (uint32_t)(fraction * 1e6),
                           memory_order_relaxed);
}

/* Whether the trace came from the index. That one is there and cannot be used is a finding. */
static bool use_index (struct hs_loader *loader)
{
    struct hs_error err = { 0 };
    enum hs_status status = hs_closing_index_open (loader->decoder, loader->trace, &err);

    loader->may_use_index = false;
    loader->is_from_index = status == HS_OK;
    if (status == HS_OK)
        tell_progress (loader, 1);
    if (!hs_status_is_error (status))
        return status == HS_OK;
    hs_batch_reset (loader->batch);
    hs_batch_add_note (loader->batch, HS_NOTE_INDEX, err.file_offset, "%s", err.text);
    (void)hs_trace_append (loader->trace, loader->batch, NULL);
    return false;
}

/* A thread is worth its start when there is more than one batch. */
static enum hs_status read_batch (struct hs_loader *loader, const struct hs_event_batch **ret,
                                  double *ret_progress, struct hs_error *err)
{
    enum hs_status status;

    if (loader->ahead != NULL)
        return hs_read_ahead_next (loader->ahead, ret, ret_progress, err);
    status = hs_decoder_next (loader->decoder, loader->batch, err);
    *ret = loader->batch;
    *ret_progress = hs_decoder_progress (loader->decoder);
    if (status == HS_OK && loader->may_read_ahead) {
        loader->ahead = hs_read_ahead_new (loader->decoder, loader->trace);
        loader->may_read_ahead = false;
    }
    return status;
}

enum hs_status hs_loader_step (struct hs_loader *loader, struct hs_error *err)
{
    enum hs_status read_status, status;
    const struct hs_event_batch *batch;
    double progress;

    if (hs_cancel_is_set (&loader->cancel)) {
        (void)hs_trace_finish (loader->trace, NULL);
        return HS_CANCELLED;
    }
    if (loader->may_use_index && use_index (loader))
        return HS_END;
    read_status = read_batch (loader, &batch, &progress, err);
    /* what came before an error is in the batch and is kept */
    status = hs_trace_append (loader->trace, batch, hs_status_is_error (read_status) ? NULL : err);
    tell_progress (loader, progress);
    if (read_status == HS_END || hs_status_is_error (read_status) || status != HS_OK) {
        enum hs_status finish_status = hs_trace_finish (loader->trace, NULL);

        if (status == HS_OK)
            status = finish_status;
    }
    return hs_status_is_error (read_status) || status == HS_OK ? read_status : status;
}

enum hs_status hs_loader_run (struct hs_loader *loader, struct hs_error *err)
{
    enum hs_status status;

    do
        status = hs_loader_step (loader, err);
    while (status == HS_OK);
    if (status != HS_AGAIN)
        return status;
    return hs_trace_finish (loader->trace, err) == HS_OK ? HS_END : HS_NO_MEMORY;
}

void hs_loader_stop_following (struct hs_loader *loader)
{
    hs_decoder_stop_following (loader->decoder);
}

void hs_loader_cancel (struct hs_loader *loader)
{
    hs_cancel_set (&loader->cancel);
}

struct hs_load_progress hs_loader_progress (const struct hs_loader *loader)
{
    return (struct hs_load_progress){
        .fraction = atomic_load_explicit (&loader->progress_millionths, memory_order_relaxed) / 1e6,
        .bytes_total = hs_decoder_bytes_total (loader->decoder),
        .n_events = atomic_load_explicit (&loader->n_events, memory_order_relaxed),
    };
}

const struct hs_format *hs_loader_format (const struct hs_loader *loader)
{
    return hs_decoder_format (loader->decoder);
}

void hs_loader_free (struct hs_loader *loader)
{
    if (loader == NULL)
        return;
    hs_read_ahead_free (loader->ahead);
    hs_decoder_close (loader->decoder);
    hs_batch_free (loader->batch);
    hs_free (loader);
}
