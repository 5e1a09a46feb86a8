/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For measuring only: how long the main loop was busy, in CPU time of its thread, each time it
 * woke. A turn of the loop may run several handlers, so this is never less than what one of them
 * took.
 */
#ifndef HS_APP_DISPATCH_TIMES_H
#define HS_APP_DISPATCH_TIMES_H

/* Begins when the environment names a file to write to: HEAPSTRATA_DISPATCH_TIMES. */
void hs_dispatch_times_begin (void);

/* Writes what was seen as JSON: turns, p99_ms, cpu_seconds, and the worst turns as pairs: when, in
 * seconds since `began` (monotonic), and how long, in ms; first_picture_ms, from the beginning to
 * the first frame with an answer; and until the frame that shows the answers of all views, as pairs
 * of ms on the wall and of CPU in all threads: motion, of the pointer with its button pressed, and
 * typing, from the last letter in an entry; giving_way, from another filter or range until what was
 * asked before is worked on no more; slow: turns over 16 ms, with the stacks that the thread
 * was seen in (see turn_samples.h). */
void hs_dispatch_times_end (void);

#endif
