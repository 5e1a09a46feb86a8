/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns left of a text: outstanding and allocated bytes of each line, and its number. */
#ifndef HS_VIEWS_SOURCE_GUTTER_H
#define HS_VIEWS_SOURCE_GUTTER_H

#include "analysis/source_lines.h"

#include <gtksourceview/gtksource.h>

void hs_source_gutter_add (GtkSourceView *view);

/* The theme's colours of text and of what is behind it. */
void hs_source_gutter_set_colours (GtkSourceView *view, const GdkRGBA *text, const GdkRGBA *base);

/* Makes room for the numbers of so many lines. */
void hs_source_gutter_set_n_lines (GtkSourceView *view, guint n);

/* `rows` are lines, lent until the next call; NULL: none. */
void hs_source_gutter_set_rows (GtkSourceView *view, const struct hs_source_rows *rows);

/* The row of a line (1 …), or NULL. */
const struct hs_source_row *hs_source_gutter_find (const struct hs_source_rows *rows, guint line);

#endif
