/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The marks of the trace as a list. Choosing one selects the time from it to the next one; choosing
 * several, from the first to the last. */
#ifndef HS_VIEWS_MARKS_VIEW_H
#define HS_VIEWS_MARKS_VIEW_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_MARKS_VIEW (hs_marks_view_get_type ())
G_DECLARE_FINAL_TYPE (HsMarksView, hs_marks_view, HS, MARKS_VIEW, GtkBox)

GtkWidget *hs_marks_view_new (HsSelection *selection);

#endif
