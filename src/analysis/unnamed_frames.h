/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which frames of a trace have no names yet, the most important first: those of the stacks that
 * hold most memory. What a symbolizer is to be asked.
 */
#ifndef HS_ANALYSIS_UNNAMED_FRAMES_H
#define HS_ANALYSIS_UNNAMED_FRAMES_H

#include "analysis/stack_sums.h"
#include "base/array.h"

struct hs_unnamed_frame {
    uint32_t image;  /* trace/images.h */
    uint64_t offset; /* as there: of the call, not of the return address */
};

struct hs_unnamed_frames {
    HS_ARRAY (struct hs_unnamed_frame) frames; /* each once */
    size_t n_first; /* so many are of the heaviest stacks: what a view shows first */
};

/* Any thread; adds images to the trace for the modules that it meets. Modules whose names cannot be
 * looked up (neither a file of Linux nor an image of Windows that is told by more than its path)
 * are left out; while the trace is_growing also those whose PDB was not told yet. */
enum hs_status hs_unnamed_frames (struct hs_trace *trace, bool is_growing,
                                  const struct hs_cancel *cancel, struct hs_unnamed_frames *ret,
                                  struct hs_error *err);
void hs_unnamed_frames_clear (struct hs_unnamed_frames *frames);

#endif
