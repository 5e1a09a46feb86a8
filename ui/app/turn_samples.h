/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For measuring only: where the main thread was while a turn of its loop took long. A timer of the
 * thread's own CPU time notes the call stack some 250 times a second of it (the kernel's tick);
 * what was noted in a turn is dropped unless the turn was slow.
 */
#ifndef HS_APP_TURN_SAMPLES_H
#define HS_APP_TURN_SAMPLES_H

#include <glib.h>

/* The calling thread is the one that is watched, until the end. FALSE: there is no such timer. */
gboolean hs_turn_samples_begin (void);
void hs_turn_samples_end (void);

/* A turn begins: what was noted so far is dropped. */
void hs_turn_samples_drop (void);

/* What was noted since as JSON: an array of stacks, innermost first, each an array of
 * ["file", offset]. */
char *hs_turn_samples_tell (void);

#endif
