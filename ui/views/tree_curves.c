/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Curves of the rows in sight; see tree_curves.h. */
#include "views/tree_curves.h"

#include "base/units.h"
#include "model/questions.h"
#include "views/call_tree_model.h"
#include "views/refresh.h"
#include "views/spark_renderer.h"

#include <glib/gi18n.h>

#define ROW_HEIGHT 25
#define WIDTH 112
#define COLUMNS 100        /* a pixel each */
#define CHOSEN_COLUMNS 600 /* of the row that is drawn in the timeline */
#define MAX_ROWS 200
#define QUIET_MS 80
#define MOST_WAITS 25 /* two seconds */

struct HsTreeCurves {
    GtkTreeView *view;
    GtkTreeViewColumn *column;
    HsSelection *selection;
    HsQuery *rows, *chosen;
    guint quiet_source, n_waits;
    struct hs_filter queued_for;
};

/* ---- asking ---- */

static struct hs_call_tree *tree_of (HsTreeCurves *self)
{
    GtkTreeModel *model = gtk_tree_view_get_model (self->view);

    return model != NULL ? hs_call_tree_model_get_tree (HS_CALL_TREE_MODEL (model)) : NULL;
}

/* The next row in sight: below an open one, beside, or beside one of those above. */
static gboolean next_row (HsTreeCurves *self, GtkTreePath *path)
{
    GtkTreeModel *model = gtk_tree_view_get_model (self->view);
    GtkTreeIter iter;

    if (gtk_tree_view_row_expanded (self->view, path)) {
        gtk_tree_path_down (path);
        return TRUE;
    }
    for (;;) {
        gtk_tree_path_next (path);
        if (gtk_tree_model_get_iter (model, &iter, path))
            return TRUE;
        if (gtk_tree_path_get_depth (path) < 2)
            return FALSE;
        (void)gtk_tree_path_up (path);
    }
}

static GArray *nodes_in_sight (HsTreeCurves *self)
{
    GArray *nodes = g_array_new (FALSE, FALSE, sizeof (uint32_t));
    HsCallTreeModel *model = HS_CALL_TREE_MODEL (gtk_tree_view_get_model (self->view));
    GtkTreePath *at, *end;
    GtkTreeIter iter;

    if (!gtk_tree_view_get_visible_range (self->view, &at, &end))
        return nodes;
    do {
        uint32_t node;

        if (!gtk_tree_model_get_iter (GTK_TREE_MODEL (model), &iter, at))
            break;
        node = hs_call_tree_model_node_number (&iter);
        if (hs_call_tree_model_get_node (model, &iter) != NULL)
            g_array_append_val (nodes, node);
    } while (gtk_tree_path_compare (at, end) < 0 && nodes->len < MAX_ROWS && next_row (self, at));
    gtk_tree_path_free (at);
    gtk_tree_path_free (end);
    return nodes;
}

static void ask (HsTreeCurves *self, HsQuery *query, const uint32_t *nodes, guint n, gint64 columns)
{
    struct hs_filter filter = hs_selection_get_filter (self->selection);
    struct hs_tree_rows *rows = hs_tree_rows_new (tree_of (self), nodes, n);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { 0, 0, columns };

    if (rows == NULL)
        return;
    hs_question_part_of (hs_selection_get_axis (self->selection), parameters);
    hs_query_ask_about (query, &filter, parameters, rows, hs_tree_rows_id (rows));
    hs_tree_rows_unref (rows);
}

static void ask_chosen (HsTreeCurves *self)
{
    GtkTreeIter iter;
    uint32_t node;

    if (!gtk_tree_selection_get_selected (gtk_tree_view_get_selection (self->view), NULL, &iter)) {
        hs_selection_set_row_curves (self->selection, NULL);
        return;
    }
    node = hs_call_tree_model_node_number (&iter);
    ask (self, self->chosen, &node, 1, CHOSEN_COLUMNS);
}

static gboolean on_quiet (gpointer data)
{
    HsTreeCurves *self = data;
    g_autoptr (GArray) nodes = NULL;

    /* they read what all others read, and more: those would wait for the file beside them */
    if (!hs_query_are_all_answered () && self->n_waits++ < MOST_WAITS)
        return G_SOURCE_CONTINUE;
    self->quiet_source = self->n_waits = 0;
    if (tree_of (self) == NULL || !gtk_widget_get_mapped (GTK_WIDGET (self->view)))
        return G_SOURCE_REMOVE;
    nodes = nodes_in_sight (self);
    if (nodes->len > 0)
        ask (self, self->rows, (const uint32_t *)(void *)nodes->data, nodes->len, COLUMNS);
    ask_chosen (self);
    return G_SOURCE_REMOVE;
}

/* Another filter begins the time anew, and a drag is over first. New data does not: of a trace that
 * grows there would never be a curve. */
void hs_tree_curves_queue (HsTreeCurves *self)
{
    struct hs_filter filter = hs_selection_get_filter (self->selection);

    if (self->quiet_source != 0 && hs_filter_is_same (&filter, &self->queued_for))
        return;
    self->queued_for = filter;
    g_clear_handle_id (&self->quiet_source, g_source_remove);
    self->quiet_source = g_timeout_add (QUIET_MS, on_quiet, self);
}

/* Curves take longer than all else and are not waited for: while a range is dragged they would take
 * the processors from the answers that are. */
static void refresh (GtkWidget *widget)
{
    HsTreeCurves *self = g_object_get_data (G_OBJECT (widget), "hs-tree-curves");
    struct hs_filter filter = hs_selection_get_filter (self->selection);

    hs_query_cancel_others (self->rows, &filter);
    hs_query_cancel_others (self->chosen, &filter);
    hs_tree_curves_queue (self);
}

gboolean hs_tree_curves_are_settled (HsTreeCurves *self)
{
    return self->quiet_source == 0 && hs_query_is_settled (self->rows) &&
           hs_query_is_settled (self->chosen);
}

/* ---- showing ---- */

static char *describe (const struct hs_row_curve *curve, guint n_columns)
{
    const struct hs_row_value *last = &curve->values[n_columns - 1];
    char most[HS_UNITS_TEXT_SIZE], end[HS_UNITS_TEXT_SIZE], stays[HS_UNITS_TEXT_SIZE];

    /* Translators: a small chart in a sentence; three sizes */
    return g_strdup_printf (
        _ ("at most %s, %s at the end, of which %s stay"), hs_format_bytes (curve->max, most),
        hs_format_bytes (last->stays + last->freed, end), hs_format_bytes (last->stays, stays));
}

static void draw_cell (GtkTreeViewColumn *column, GtkCellRenderer *renderer, GtkTreeModel *model,
                       GtkTreeIter *iter, gpointer data)
{
    HsTreeCurves *self = data;
    const struct hs_row_curves *curves = hs_query_get_answer (self->rows);
    const struct hs_row_curve *curve = NULL;
    g_autofree char *text = NULL;

    if (curves != NULL && hs_call_tree_model_get_node (HS_CALL_TREE_MODEL (model), iter) != NULL)
        curve = hs_row_curves_find (
            curves, hs_call_tree_row (hs_call_tree_model_get_tree (HS_CALL_TREE_MODEL (model)),
                                      hs_call_tree_model_node_number (iter)));
    hs_spark_renderer_set_curve (HS_SPARK_RENDERER (renderer), curve,
                                 curves != NULL ? curves->n_columns : 0);
    text = curve != NULL ? describe (curve, curves->n_columns) : g_strdup ("");
    g_object_set (renderer, "text", text, NULL);
}

static void show_times (HsTreeCurves *self)
{
    HsTimeAxis *axis = hs_selection_get_axis (self->selection);
    double from = hs_selection_seconds (self->selection, hs_time_axis_get_from (axis));
    double to = hs_selection_seconds (self->selection, hs_time_axis_get_to (axis));
    g_autofree char *title = NULL;
    int decimals = 0;

    /* the column is narrow: two digits of what is shown */
    for (double shown = to - from; decimals < 9 && shown < 10; shown *= 10)
        decimals++;
    title = g_strdup_printf ("%.*f – %.*f s", decimals, from, decimals, to);
    gtk_label_set_text (GTK_LABEL (gtk_tree_view_column_get_widget (self->column)), title);
    gtk_tree_view_column_set_title (self->column, title);
}

/* The other columns are as they were, and most of the work. */
static void on_rows (HsTreeCurves *self)
{
    int x, y;

    show_times (self);
    gtk_tree_view_convert_bin_window_to_widget_coords (
        self->view, gtk_tree_view_column_get_x_offset (self->column), 0, &x, &y);
    gtk_widget_queue_draw_area (GTK_WIDGET (self->view), x, 0,
                                gtk_tree_view_column_get_width (self->column),
                                gtk_widget_get_allocated_height (GTK_WIDGET (self->view)));
}

static void on_chosen (HsTreeCurves *self)
{
    if (gtk_widget_get_mapped (GTK_WIDGET (self->view)))
        hs_selection_set_row_curves (self->selection, hs_query_get_answer (self->chosen));
}

static void add_column (HsTreeCurves *self)
{
    GtkCellRenderer *renderer = hs_spark_renderer_new ();
    GtkWidget *title = gtk_label_new (NULL);

    self->column = gtk_tree_view_column_new ();
    gtk_cell_renderer_set_fixed_size (renderer, -1, ROW_HEIGHT);
    gtk_label_set_ellipsize (GTK_LABEL (title), PANGO_ELLIPSIZE_END);
    gtk_widget_set_tooltip_text (title, _ ("The row's bytes over the time shown above: red what is "
                                           "still there at the end of the range, green what was "
                                           "freed"));
    gtk_widget_show (title);
    gtk_tree_view_column_set_widget (self->column, title);
    gtk_tree_view_column_pack_start (self->column, renderer, TRUE);
    gtk_tree_view_column_set_cell_data_func (self->column, renderer, draw_cell, self, NULL);
    gtk_tree_view_column_set_sizing (self->column, GTK_TREE_VIEW_COLUMN_FIXED);
    gtk_tree_view_column_set_fixed_width (self->column, WIDTH);
    gtk_tree_view_column_set_resizable (self->column, TRUE);
    gtk_tree_view_append_column (self->view, self->column);
}

static void free_curves (gpointer data)
{
    HsTreeCurves *self = data;

    g_clear_handle_id (&self->quiet_source, g_source_remove);
    g_object_unref (self->rows);
    g_object_unref (self->chosen);
    g_object_unref (self->selection);
    g_free (self);
}

HsTreeCurves *hs_tree_curves_new (GtkTreeView *view, HsSelection *selection)
{
    HsTreeCurves *self = g_new0 (HsTreeCurves, 1);
    HsDocument *document = hs_selection_get_document (selection);

    self->view = view;
    self->selection = g_object_ref (selection);
    self->rows = hs_query_new (&hs_question_row_curves, document);
    self->chosen = hs_query_new (&hs_question_row_curves, document);
    g_signal_connect_swapped (self->rows, "answered", G_CALLBACK (on_rows), self);
    g_signal_connect_swapped (self->chosen, "answered", G_CALLBACK (on_chosen), self);
    add_column (self);
    g_object_set_data_full (G_OBJECT (view), "hs-tree-curves", self, free_curves);
    g_signal_connect_object (gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (view)),
                             "value-changed", G_CALLBACK (refresh), view, G_CONNECT_SWAPPED);
    g_signal_connect (view, "size-allocate", G_CALLBACK (refresh), NULL);
    hs_refresh_watch (GTK_WIDGET (view), selection, refresh);
    return self;
}
