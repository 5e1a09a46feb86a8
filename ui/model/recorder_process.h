/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One recording that the window started: `heapstrata record` or `heapstrata attach` as a process of
 * its own, so that neither can take the other down. The window reads the file that it writes. No
 * widgets. Main thread.
 *
 * When the last reference goes, the recording ends and its file is closed; the program runs on.
 *
 * Signal: `changed` - the state is another.
 */
#ifndef HS_MODEL_RECORDER_PROCESS_H
#define HS_MODEL_RECORDER_PROCESS_H

#include <gio/gio.h>

#define HS_TYPE_RECORDER (hs_recorder_get_type ())
G_DECLARE_FINAL_TYPE (HsRecorder, hs_recorder, HS, RECORDER, GObject)

typedef enum {
    HS_RECORDER_IDLE,
    HS_RECORDER_RUNNING,
    HS_RECORDER_STOPPING, /* told to end */
    HS_RECORDER_ENDED,    /* the file is complete */
    HS_RECORDER_FAILED,   /* nothing was recorded */
} HsRecorderState;

/* What to run; strings are borrowed. */
typedef struct {
    const char *program;            /* looked up in PATH unless it has a slash */
    const char *const *arguments;   /* ends with NULL */
    const char *folder;             /* to run it in; NULL: the current one */
    const char *const *environment; /* NAME=value, added to ours; ends with NULL */
    const char *output;             /* the file: .hst or .etl */
    gboolean follow;                /* children, too */
    gboolean free_stacks;           /* call stacks of frees, too */
} HsLaunch;

/* Whom to attach to; strings are borrowed. */
typedef struct {
    guint pid;
    const char *output;   /* the file: .hst or .etl */
    gboolean free_stacks; /* call stacks of frees, too */
} HsAttachment;

HsRecorder *hs_recorder_new (void);

/* Starts it, once per object. FALSE with `error`: `heapstrata` itself cannot be started. */
gboolean hs_recorder_launch (HsRecorder *self, const HsLaunch *launch, GError **error);

/* Records a process that runs already, from now on. */
gboolean hs_recorder_attach (HsRecorder *self, const HsAttachment *attachment, GError **error);
gboolean hs_recorder_is_attached (HsRecorder *self);

/* Asks it to end; `changed` follows when the file is complete. */
void hs_recorder_stop (HsRecorder *self);

HsRecorderState hs_recorder_get_state (HsRecorder *self);
const char *hs_recorder_get_output (HsRecorder *self);

/* What the recorder said when it ended: sentences, one a line; "" when nothing. */
const char *hs_recorder_get_words (HsRecorder *self);

/* "FOLDER/ls.hst", or "FOLDER/ls.1.hst" … where that is taken. Free with g_free. */
char *hs_recorder_free_name (const char *folder, const char *program);

#endif
