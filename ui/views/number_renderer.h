/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers in a tree's cell, right-aligned: as GtkCellRendererText shows its `text`, at a small part
 * of the cost, for each digit is shaped once and not with every cell of every frame. What is not
 * ASCII, or too wide, is left to GtkCellRendererText. Main thread.
 */
#ifndef HS_VIEWS_NUMBER_RENDERER_H
#define HS_VIEWS_NUMBER_RENDERER_H

#include <gtk/gtk.h>

#define HS_TYPE_NUMBER_RENDERER (hs_number_renderer_get_type ())
G_DECLARE_FINAL_TYPE (HsNumberRenderer, hs_number_renderer, HS, NUMBER_RENDERER,
                      GtkCellRendererText)

GtkCellRenderer *hs_number_renderer_new (void);

#endif
