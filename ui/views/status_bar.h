/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The range in numbers, what is pointed at, and what makes the numbers unsure. */
#ifndef HS_VIEWS_STATUS_BAR_H
#define HS_VIEWS_STATUS_BAR_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_STATUS_BAR (hs_status_bar_get_type ())
G_DECLARE_FINAL_TYPE (HsStatusBar, hs_status_bar, HS, STATUS_BAR, GtkBox)

void hs_status_bar_set_selection (HsStatusBar *self, HsSelection *selection);
gboolean hs_status_bar_has_answers (HsStatusBar *self); /* of whatever was asked */
gboolean hs_status_bar_is_settled (HsStatusBar *self);

#endif
