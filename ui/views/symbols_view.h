/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs and libraries of the trace, what became of the search for their names, and how much
 * memory each hides; places to look in, a second look, and what is being fetched. */
#ifndef HS_VIEWS_SYMBOLS_VIEW_H
#define HS_VIEWS_SYMBOLS_VIEW_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_SYMBOLS_VIEW (hs_symbols_view_get_type ())
G_DECLARE_FINAL_TYPE (HsSymbolsView, hs_symbols_view, HS, SYMBOLS_VIEW, GtkBox)

GtkWidget *hs_symbols_view_new (HsSelection *selection);
gboolean hs_symbols_view_is_settled (GtkWidget *self);

#endif
