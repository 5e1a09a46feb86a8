/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every chart of the window does alike: the cached picture and what is laid over it, pointer,
 * keyboard, tooltip, clipboard and the accessible object. A view fills in the class.
 *
 * A mark is what can be pointed at: a column of pixels, a bar. There are as many as pixels at most,
 * so nothing here depends on the size of the trace. Tooltip, status line, accessible name and
 * clipboard text of a mark are the same sentence.
 */
#ifndef HS_VIEWS_CHART_H
#define HS_VIEWS_CHART_H

#include "draw/plot.h"
#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_CHART (hs_chart_get_type ())
G_DECLARE_DERIVABLE_TYPE (HsChart, hs_chart, HS, CHART, GtkDrawingArea)

#define HS_CHART_WHOLE (-1) /* in place of a mark: the chart as a whole */

struct _HsChartClass {
    GtkDrawingAreaClass parent_class;

    /* the picture; `layout` comes before everything else that needs places */
    void (*layout) (HsChart *self, const struct hs_draw_style *style, struct hs_rect area);
    void (*paint) (HsChart *self, cairo_t *cr, const struct hs_draw_style *style);
    void (*paint_overlay) (HsChart *self, cairo_t *cr, const struct hs_draw_style *style);

    /* marks */
    int (*n_marks) (HsChart *self);
    int (*mark_at) (HsChart *self, double x, double y); /* HS_CHART_WHOLE: none */
    gboolean (*mark_rect) (HsChart *self, int mark, struct hs_rect *ret);
    char *(*describe) (HsChart *self, int mark); /* free with g_free */

    /* what the user does; each may be NULL */
    void (*choose) (HsChart *self, int mark);                          /* click, Enter */
    void (*select) (HsChart *self, int anchor, int mark, HsStep step); /* drag, Shift + arrows */
    void (*extend) (HsChart *self, int mark);                          /* Shift + click */
    void (*zoom) (HsChart *self, double x, double factor);             /* factor < 1: closer */
    void (*pan) (HsChart *self, double share); /* of the width; > 0: later */
    void (*fit) (HsChart *self);
};

/* Before the widget is shown. `title` is the accessible name, translated. */
void hs_chart_set_up (HsChart *self, HsSelection *selection, const char *title);
HsSelection *hs_chart_get_selection (HsChart *self);

/* The costly picture must be made anew: another answer, other axes. */
void hs_chart_invalidate (HsChart *self);

/* Marks mean other things now: what Shift + arrows began is over. */
void hs_chart_forget_anchor (HsChart *self);

/* Only what is laid over it is another: selection, moment. */
void hs_chart_redraw_overlay (HsChart *self);

/* Runs `layout` for the present size; for code that needs places outside of drawing. */
void hs_chart_do_layout (HsChart *self);

int hs_chart_get_cursor (HsChart *self);
void hs_chart_set_cursor (HsChart *self, int mark);

#endif
