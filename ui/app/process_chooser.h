/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The middle of the header bar: what is shown, and the list of processes behind it. */
#ifndef HS_APP_PROCESS_CHOOSER_H
#define HS_APP_PROCESS_CHOOSER_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_PROCESS_CHOOSER (hs_process_chooser_get_type ())
G_DECLARE_FINAL_TYPE (HsProcessChooser, hs_process_chooser, HS, PROCESS_CHOOSER, GtkMenuButton)

void hs_process_chooser_set_selection (HsProcessChooser *self, HsSelection *selection);
void hs_process_chooser_set_subtitle (HsProcessChooser *self, const char *subtitle,
                                      gboolean is_live);

#endif
