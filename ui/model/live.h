/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a trace that is being written is doing - rate, losses, size - and what can be done about it.
 * One per window. The recorder behind the file may be one of ours, or one that somebody started
 * elsewhere: it is found by asking the recorder of each process in the trace for its file. Files of
 * other writers can only be followed. No widgets. Main thread.
 *
 * Signals: `changed` - the state or a figure is another; `refused` (sentence) - the recorder did
 * not do what it was asked.
 */
#ifndef HS_MODEL_LIVE_H
#define HS_MODEL_LIVE_H

#include "model/document.h"
#include "model/recorder_process.h"

#define HS_TYPE_LIVE (hs_live_get_type ())
G_DECLARE_FINAL_TYPE (HsLive, hs_live, HS, LIVE, GObject)

typedef enum {
    HS_LIVE_NOT,       /* a file that nobody writes */
    HS_LIVE_FOLLOWING, /* somebody writes it */
    HS_LIVE_STARTING,  /* our recorder runs, nothing was read yet */
    HS_LIVE_RECORDING,
    HS_LIVE_PAUSED, /* the recording itself, by somebody else */
    HS_LIVE_ENDING, /* told to stop, or ended: the last bytes are read */
    HS_LIVE_ENDED,  /* a recording of this window that is complete */
    HS_LIVE_FAILED, /* a recording of this window that never began */
} HsLiveState;

HsLive *hs_live_new (HsDocument *document);

/* Follows the file of a recorder that runs. */
void hs_live_set_recorder (HsLive *self, HsRecorder *recorder);
HsRecorder *hs_live_get_recorder (HsLive *self); /* NULL: none of ours */

HsLiveState hs_live_get_state (HsLive *self);
gboolean hs_live_is_growing (HsLive *self); /* something may still come */

/* Events of the last second; at first of less, which is uneven. */
double hs_live_get_rate (HsLive *self);
gboolean hs_live_knows_rate (HsLive *self); /* of a whole second */

/* "recording · 412 k events/s · 0 lost · 12.3 MiB · 38.2 s", translated. Free with g_free. */
char *hs_live_text (HsLive *self);

/* Ends the recording; the program runs on. */
gboolean hs_live_can_stop (HsLive *self);
void hs_live_stop (HsLive *self);

/* Names the present moment; it comes back in the trace. */
gboolean hs_live_can_mark (HsLive *self);
void hs_live_mark (HsLive *self, const char *name);

#endif
