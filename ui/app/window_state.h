/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a window remembers between runs (where the schema is installed), and how it tells errors. */
#ifndef HS_APP_WINDOW_STATE_H
#define HS_APP_WINDOW_STATE_H

#include "model/document.h"

#include <gtk/gtk.h>

void hs_window_state_restore (GtkWindow *window, GtkPaned *upper, GtkPaned *side);
void hs_window_state_save (GtkWindow *window, GtkPaned *upper, GtkPaned *side);

/* Whether recordings that were read in full get their index (document.h); without the schema they
 * stay as they are. */
gboolean hs_window_state_keeps_index (void);

/* The translated status as headline, the core's sentence below. */
void hs_window_state_show_failure (GtkInfoBar *bar, GtkLabel *title, GtkLabel *text,
                                   HsDocument *document);
void hs_window_state_show_error (GtkInfoBar *bar, GtkLabel *title, GtkLabel *text,
                                 const char *headline, const char *sentence);

#endif
