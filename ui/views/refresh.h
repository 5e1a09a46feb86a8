/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a view asks again: on its next frame after document, query or axis changed, if it is to be
 * seen. A hidden view costs nothing; it asks when it is shown. */
#ifndef HS_VIEWS_REFRESH_H
#define HS_VIEWS_REFRESH_H

#include "model/selection.h"

#include <gtk/gtk.h>

typedef void (*HsRefreshFunc) (GtkWidget *widget);

/* For the life of the widget. */
void hs_refresh_watch (GtkWidget *widget, HsSelection *selection, HsRefreshFunc func);

/* For further reasons, such as another size. */
void hs_refresh_queue (GtkWidget *widget);

#endif
