/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of functions in a tree's cell: as GtkCellRendererText shows its `text`, cut with an
 * ellipsis, at a small part of the cost, for a text is laid out when it is first seen and not with
 * every frame. Main thread.
 */
#ifndef HS_VIEWS_FUNCTION_RENDERER_H
#define HS_VIEWS_FUNCTION_RENDERER_H

#include <gtk/gtk.h>

#define HS_TYPE_FUNCTION_RENDERER (hs_function_renderer_get_type ())
G_DECLARE_FINAL_TYPE (HsFunctionRenderer, hs_function_renderer, HS, FUNCTION_RENDERER,
                      GtkCellRendererText)

GtkCellRenderer *hs_function_renderer_new (void);

/* Beside `text`: what comes behind `n_bytes` of it is dimmed, unless they are all. */
void hs_function_renderer_set_look (HsFunctionRenderer *self, gsize n_bytes, gboolean is_italic);

#endif
