/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds names for the functions of a trace on a thread of its own, while it is loaded and shown:
 * the heaviest stacks first. What it finds is in the trace's snapshots (hs_snapshot.names). Main
 * thread only.
 */
#ifndef HS_MODEL_NAME_FINDER_H
#define HS_MODEL_NAME_FINDER_H

#include "model/document.h"

typedef struct _HsNameFinder HsNameFinder;

/* Begins at once. `path` is the trace's first file: names may lie beside it. */
HsNameFinder *hs_name_finder_start (HsTraceHold *hold, const char *path);

/* The trace grows no more: what is there now is looked up, then the thread ends. */
void hs_name_finder_end (HsNameFinder *finder);

/* Whether names may still come. */
gboolean hs_name_finder_is_busy (HsNameFinder *finder);

/* Stops and lets go; waits for nothing. */
void hs_name_finder_drop (HsNameFinder *finder);

#endif
