/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a trace format must offer. A new format is one file (or folder) and one line in formats.c.
 */
#ifndef HS_DECODE_FORMAT_H
#define HS_DECODE_FORMAT_H

#include "base/error.h"
#include "decode/source.h"
#include "event/event_batch.h"
#include "trace/index_file.h"

struct hs_format {
    const char *name;              /* "etl": stable, for JSON and tests */
    const char *description;       /* English, marked with N_() */
    const char *const *extensions; /* NULL-terminated, without dot; for file dialogs only */

    /* 0 (no) .. 100 (certain) for the first bytes of a file; looks only, keeps nothing. `head` has
     * at most HS_PROBE_BYTES and may be the whole file. */
    int (*probe) (struct hs_span head);

    /* Opens one trace out of `n` sources (1 unless the format joins the files of one session). The
     * sources stay the caller's and live longer than the decoder. */
    enum hs_status (*open) (struct hs_source *const *sources, size_t n, void **ret,
                            struct hs_error *err);

    /* Adds events to `out` (already reset) and advances only past whole records. HS_OK: call
     * again; HS_AGAIN: nothing of self has changed beyond the events delivered; HS_END. Damage is
     * a note in the batch; only what ends the trace is an error. The batch is valid in all cases.
     */
    enum hs_status (*next) (void *self, struct hs_event_batch *out, struct hs_error *err);

    /* Optional (NULL). Where the recording ends that its writer has closed, and its closing index,
     * when there is one. HS_END: it is not closed. An index that is not whole hides the recording's
     * end until it has been read; there is none then. */
    enum hs_status (*index) (void *self, struct hs_extent *ret, struct hs_error *err);

    double (*progress) (const void *self); /* 0..1 */
    void (*close) (void *self);
    bool joins_files;
};

#define HS_PROBE_BYTES 4096

/* THE TABLE: all formats, cheap and certain probes first; ends with NULL. */
extern const struct hs_format *const hs_formats[];

#endif
