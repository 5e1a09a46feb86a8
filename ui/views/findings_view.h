/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the trace is worth: damage and doubts, counted, each with its first example. */
#ifndef HS_VIEWS_FINDINGS_VIEW_H
#define HS_VIEWS_FINDINGS_VIEW_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_FINDINGS_VIEW (hs_findings_view_get_type ())
G_DECLARE_FINAL_TYPE (HsFindingsView, hs_findings_view, HS, FINDINGS_VIEW, GtkBox)

GtkWidget *hs_findings_view_new (HsSelection *selection);

#endif
