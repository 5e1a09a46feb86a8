/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gives the frames of a trace their names: asks a symbolizer for those that have none, the heaviest
 * stacks first, and adds what comes to the trace, where all answers find it. For a thread of its
 * own: it waits for the worker processes. One thread at a time; the trace may grow meanwhile. What
 * is on the disk comes first; servers are asked about the rest, module by module.
 */
#ifndef HS_ANALYSIS_NAMING_H
#define HS_ANALYSIS_NAMING_H

#include "base/cancel.h"
#include "symbols/symbolizer.h"
#include "trace/images.h"

struct hs_naming;

/* NULL when memory is out. The trace must live longer. */
struct hs_naming *hs_naming_new (struct hs_trace *trace,
                                 const struct hs_symbolizer_options *options);
void hs_naming_free (struct hs_naming *naming); /* NULL is allowed */

/*
 * Asks for all frames that have no name now, and returns when all are answered. Frames are asked
 * for once; images that failed stay failed. While the trace is_growing, images whose symbols are
 * not told of yet wait for a later run, and so does what servers are asked for. HS_OK, HS_CANCELLED
 * or HS_NO_MEMORY.
 */
enum hs_status hs_naming_run (struct hs_naming *naming, bool is_growing,
                              const struct hs_cancel *cancel, struct hs_error *err);

/* Whether servers are still asked: another run takes what they sent. */
bool hs_naming_is_fetching (const struct hs_naming *naming);

/* Any thread: the download that is under way; false when there is none. */
struct hs_naming_download {
    uint32_t image;
    uint64_t n_bytes, n_total; /* n_total 0 = not known */
};
bool hs_naming_download (const struct hs_naming *naming, struct hs_naming_download *ret);

/* Any thread: that download is given up, its image has failed; the run goes on. */
void hs_naming_give_up_download (struct hs_naming *naming);

#endif
