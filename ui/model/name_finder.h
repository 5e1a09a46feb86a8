/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds names for the functions of a trace on a thread of its own, while it is loaded and shown:
 * the heaviest stacks first. What it finds is in the trace's snapshots (hs_snapshot.names). Where
 * it looks is what the settings say (settings.h) when it begins. Main thread only.
 */
#ifndef HS_MODEL_NAME_FINDER_H
#define HS_MODEL_NAME_FINDER_H

#include "model/document.h"

typedef struct _HsNameFinder HsNameFinder;

/* Begins at once. `path` is the trace's first file: names may lie beside it. */
HsNameFinder *hs_name_finder_start (HsTraceHold *hold, const char *path);

/* The trace grows no more: what is there now is looked up, then the thread rests. */
void hs_name_finder_end (HsNameFinder *finder);

/* Looks again, where the settings say now, for what was not found or only half. */
void hs_name_finder_retry (HsNameFinder *finder);

/* Whether names may still come. */
gboolean hs_name_finder_is_busy (HsNameFinder *finder);

/* What is being fetched from a server; FALSE: nothing is. */
gboolean hs_name_finder_get_download (HsNameFinder *finder, HsSymbolDownload *ret);
void hs_name_finder_cancel_download (HsNameFinder *finder);

/* Stops and lets go; waits for nothing. */
void hs_name_finder_drop (HsNameFinder *finder);

#endif
