/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A cell of a tree that shows bytes over time as a small picture. Its `text` is not drawn: it is
 * what the cell tells to those who cannot see it.
 */
#ifndef HS_VIEWS_SPARK_RENDERER_H
#define HS_VIEWS_SPARK_RENDERER_H

#include "analysis/row_curves.h"

#include <gtk/gtk.h>

#define HS_TYPE_SPARK_RENDERER (hs_spark_renderer_get_type ())
G_DECLARE_FINAL_TYPE (HsSparkRenderer, hs_spark_renderer, HS, SPARK_RENDERER, GtkCellRendererText)

GtkCellRenderer *hs_spark_renderer_new (void);

/* What to draw next; lent until then. NULL: nothing. */
void hs_spark_renderer_set_curve (HsSparkRenderer *self, const struct hs_row_curve *curve,
                                  guint n_columns);

#endif
