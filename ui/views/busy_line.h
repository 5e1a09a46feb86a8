/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thin moving line at the top of a view while an answer of it takes longer than 300 ms. */
#ifndef HS_VIEWS_BUSY_LINE_H
#define HS_VIEWS_BUSY_LINE_H

#include "model/query.h"

#include <gtk/gtk.h>

/* `line` is made in the view's template; it is shown and hidden from here on. May be called for
 * several queries. */
void hs_busy_line_watch (GtkProgressBar *line, HsQuery *query);

#endif
