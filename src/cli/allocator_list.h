/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The user's own list of functions that allocate for their callers. Program side: prints. */
#ifndef HS_CLI_ALLOCATOR_LIST_H
#define HS_CLI_ALLOCATOR_LIST_H

#include "trace/trace.h"

/* Gives the trace the rules of $XDG_CONFIG_HOME/heapstrata/allocators, then those of `more` (ends
 * with NULL; may be NULL), which count before them. What cannot be read is told on stderr. */
void cli_use_allocators (struct hs_trace *trace, const char *const *more);

#endif
