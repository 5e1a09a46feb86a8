/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The painters' style out of a widget's theme: colours, font, direction, contrast. */
#ifndef HS_VIEWS_CHART_STYLE_H
#define HS_VIEWS_CHART_STYLE_H

#include "draw/palette.h"

#include <gtk/gtk.h>

/* `style->font_family` is valid as long as the widget keeps its style. */
void hs_chart_style_init (struct hs_draw_style *style, GtkWidget *widget);

#endif
