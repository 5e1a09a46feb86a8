/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of the views that stand behind tabs; see views.h. */
#include "views/views.h"

#include "views/findings_view.h"
#include "views/marks_view.h"
#include "views/source_view.h"
#include "views/symbols_view.h"
#include "views/tree_view.h"

#include <glib/gi18n.h>

const HsViewEntry hs_views[] = {
    { "top-down", N_ ("Top-down"), hs_tree_view_new_top_down, hs_tree_view_is_settled },
    { "bottom-up", N_ ("Bottom-up"), hs_tree_view_new_bottom_up, hs_tree_view_is_settled },
    { "marks", N_ ("Marks"), hs_marks_view_new, NULL },
    { "findings", N_ ("Findings"), hs_findings_view_new, NULL },
    { "symbols", N_ ("Symbols"), hs_symbols_view_new, hs_symbols_view_is_settled },
    { "source", N_ ("Source"), hs_source_view_new, hs_source_view_is_settled },
    { "freed-by", N_ ("Freed by"), hs_tree_view_new_freed_by, hs_tree_view_is_settled },
};

const guint hs_n_views = G_N_ELEMENTS (hs_views);
