/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rooms that chart.c (picture), chart_input.c and chart_accessible.c share; for no one else. */
#ifndef HS_VIEWS_CHART_PRIVATE_H
#define HS_VIEWS_CHART_PRIVATE_H

#include "views/chart.h"

typedef enum {
    HS_DRAG_NONE,
    HS_DRAG_PRESSED, /* not yet moved: a click, so far */
    HS_DRAG_SELECT,
    HS_DRAG_PAN,
} HsDrag;

typedef struct {
    HsSelection *selection;
    char *title;

    cairo_surface_t *picture; /* the costly layer; NULL: make it anew */
    int width, height, scale; /* that it was made for */

    int cursor; /* the keyboard's mark, HS_CHART_WHOLE: none */
    int hover;  /* the pointer's */
    int anchor; /* where Shift + arrows began, HS_CHART_WHOLE: not under way */

    HsDrag drag;
    int drag_mark;
    double drag_x;
    gboolean has_selected; /* the drag has made its step already */
    gboolean is_space_down;
    GtkGesture *pinch;
    double pinch_scale;
} HsChartPrivate;

HsChartPrivate *hs_chart_get_private (HsChart *self);

/* The sentence of a mark; never NULL. Free with g_free. */
char *hs_chart_describe (HsChart *self, int mark);
int hs_chart_n_marks (HsChart *self);

/* Says what the pointer or the cursor is at, in the status line. */
void hs_chart_tell (HsChart *self, int mark);

void hs_chart_input_init (HsChart *self);
void hs_chart_input_class_init (HsChartClass *class);

GType hs_chart_accessible_get_type (void);
void hs_chart_accessible_cursor_moved (HsChart *self);
void hs_chart_accessible_marks_changed (HsChart *self);

#endif
