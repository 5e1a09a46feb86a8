/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads files into a trace on the thread that calls hs_follow_run, and goes on as long as somebody
 * writes them. The owner looks at the atomics and sets the flags from another thread; no GObject,
 * no signals.
 *
 * Whether somebody writes a file is asked of the kernel (a read lease is refused while it is open
 * for writing); where it cannot tell - a share, someone else's file - by when it changed last. A
 * file that nobody writes is read to its end, and says what a cut file says.
 */
#ifndef HS_MODEL_FOLLOW_H
#define HS_MODEL_FOLLOW_H

#include "load/loader.h"

#include <glib.h>

typedef enum {
    HS_FOLLOW_WHILE_WRITTEN,
    HS_FOLLOW_UNTIL_TOLD, /* the file may even come later */
} HsFollowMode;

typedef struct {
    /* set before the thread starts */
    char **paths; /* borrowed */
    HsFollowMode mode;

    /* set by the owner, any time */
    struct hs_cancel cancel;
    _Atomic bool is_told_to_end; /* read what is there, then end */

    /* set by the thread */
    struct hs_loader *_Atomic loader; /* once; freed by the owner after the thread's end */
    _Atomic bool is_caught_up;        /* everything there was read, and more may come */
    _Atomic guint64 file_bytes;       /* of all files, as last seen */
} HsFollow;

/* HS_END, HS_CANCELLED or an error: what was read stays in the trace. */
enum hs_status hs_follow_run (HsFollow *self, struct hs_trace *trace, struct hs_error *err);

#endif
