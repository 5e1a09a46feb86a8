/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which functions are the allocator itself: trees fold them into their caller, for "malloc
 * allocates most" helps nobody. Names only; no state, any thread.
 */
#ifndef HS_ANALYSIS_ALLOCATOR_FRAMES_H
#define HS_ANALYSIS_ALLOCATOR_FRAMES_H

#include "trace/tables.h"

#include <stdbool.h>

/* Whether a function of that name (demangled, with or without its arguments) allocates on behalf
 * of its caller. */
bool hs_is_allocator_frame (const char *function);

/* The same by the user's own list first; with the lock that the tables came from. */
bool hs_is_allocator_in (const struct hs_tables *tables, const char *function);

#endif
