/* SPDX-License-Identifier: GPL-3.0-or-later */
/* THE TABLE of the views that stand behind tabs. To add one: write it, add a line in views.c. */
#ifndef HS_VIEWS_VIEWS_H
#define HS_VIEWS_VIEWS_H

#include "model/selection.h"

#include <gtk/gtk.h>

typedef struct {
    const char *id;    /* stable: parameter of the action win.view */
    const char *title; /* marked with N_() */
    GtkWidget *(*make) (HsSelection *selection);
    gboolean (*is_settled) (GtkWidget *view); /* NULL: asks nothing */
} HsViewEntry;

extern const HsViewEntry hs_views[];
extern const guint hs_n_views;

#endif
