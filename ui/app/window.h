/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One window: a start page, or one trace with its views. Commands stand in actions.c. */
#ifndef HS_APP_WINDOW_H
#define HS_APP_WINDOW_H

#include "model/live.h"
#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_WINDOW (hs_window_get_type ())
G_DECLARE_FINAL_TYPE (HsWindow, hs_window, HS, WINDOW, GtkApplicationWindow)

HsWindow *hs_window_new (GtkApplication *application);

HsDocument *hs_window_get_document (HsWindow *self);
HsSelection *hs_window_get_selection (HsWindow *self);
HsLive *hs_window_get_live (HsWindow *self);

/* Whether a trace can be opened in this window, or another one is needed. */
gboolean hs_window_is_free (HsWindow *self);

/* Opens the files of one session; in another window when this one has a trace. */
void hs_window_open_files (HsWindow *self, GFile **files, gsize n_files);
void hs_window_ask_and_open (HsWindow *self);

/* Starts recording and follows the file at once; in another window when `window` has a trace.
 * FALSE with `error`: nothing was started. */
gboolean hs_window_record (GtkWindow *window, const HsLaunch *launch, GError **error);
gboolean hs_window_attach (GtkWindow *window, const HsAttachment *attachment, GError **error);

void hs_window_go_to_peak (HsWindow *self);
void hs_window_show_error (HsWindow *self, const char *headline, const char *sentence);
/* Asks for a name, and gives it to the present moment of a recording. */
void hs_window_mark (HsWindow *self);

void hs_window_zoom (HsWindow *self, double factor);

/* By id of the table in views.c; HsWindow keeps the state of the action win.view. */
void hs_window_show_view (HsWindow *self, const char *id);

/* Puts the focus on "timeline", "view" or "histogram". */
void hs_window_focus (HsWindow *self, const char *place);

/* Whether everything is read and every view shows the answer to what was asked last. */
gboolean hs_window_is_settled (HsWindow *self);

/* What the window shows, as PNG; FALSE with `error` set. */
gboolean hs_window_save_picture (HsWindow *self, const char *path, GError **error);

#endif
