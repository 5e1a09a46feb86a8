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

struct hs_encoder;

struct hs_encoder_class {
    const char *name; /* "etl" */
    const char *description;
    const char *extension;
    enum hs_status (*open) (const char *path, void **ret, struct hs_error *err);
    enum hs_status (*append) (void *self, const struct hs_event_batch *batch, struct hs_error *err);
    /* Completes and closes the file; after an error the file is what could be written. */
    enum hs_status (*finish) (void *self, struct hs_error *err);
    void (*abandon) (void *self); /* frees; leaves the file as it is */
};

extern const struct hs_encoder_class hs_etl_encoder;

/* The encoder whose extension the path has, or NULL. */
const struct hs_encoder_class *hs_encoder_for_path (const char *path);

#endif
