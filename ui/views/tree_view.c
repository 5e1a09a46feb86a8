/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The call tree of the query; see tree_view.h. */
#include "views/tree_view.h"

#include "model/questions.h"
#include "views/busy_line.h"
#include "views/call_tree_model.h"
#include "views/refresh.h"
#include "views/tree_columns.h"
#include "views/tree_curves.h"
#include "views/tree_memory.h"

#include <glib/gi18n.h>

/* How often the rows of a live trace are sorted anew while nobody is at them. */
#define SORT_INTERVAL_US (3 * G_USEC_PER_SEC)

/* The hot path goes on while one child has at least this share of its parent. */
#define HOT_SHARE 0.5

struct _HsTreeView {
    GtkBox parent_instance;

    GtkTreeView *tree;
    GtkProgressBar *busy_line;
    GtkLabel *placeholder, *cut;

    enum hs_tree_direction direction;
    enum hs_stacks_of stacks_of;
    HsSelection *selection;
    HsQueryState shown; /* what the columns are of */
    HsQuery *query;
    HsTreeMemory *memory;
    HsTreeCurves *curves;  /* the tree's; NULL: of frees there are none */
    hs_process_id process; /* of the tree shown; HS_NO_PROCESS - 1: none yet */
    gboolean is_restoring;
    gboolean is_touched; /* somebody opened, closed or chose a row */
    guint question;      /* that the rows answer */
    gint64 sorted_at;    /* monotonic */
};

G_DEFINE_TYPE (HsTreeView, hs_tree_view, GTK_TYPE_BOX)

static struct hs_call_tree *answer_of (HsTreeView *self)
{
    GtkTreeModel *model = gtk_tree_view_get_model (self->tree);

    return model != NULL ? hs_call_tree_model_get_tree (HS_CALL_TREE_MODEL (model)) : NULL;
}

static void queue_curves (HsTreeView *self)
{
    if (self->curves != NULL)
        hs_tree_curves_queue (self->curves);
}

/* Nobody freed what is outstanding: there all blocks of the range count. */
static void set_shown (HsTreeView *self)
{
    self->shown = *hs_selection_get_state (self->selection);
    if (self->stacks_of == HS_STACKS_OF_ENDS && self->shown.metric == HS_METRIC_OUTSTANDING)
        self->shown.metric = HS_METRIC_TOTAL;
}

/* ---- rows ---- */

static void open_path_to (HsTreeView *self, uint32_t node)
{
    GtkTreeIter iter;
    GtkTreePath *path;

    hs_call_tree_model_get_iter (HS_CALL_TREE_MODEL (gtk_tree_view_get_model (self->tree)), node,
                                 &iter);
    path = gtk_tree_model_get_path (gtk_tree_view_get_model (self->tree), &iter);
    gtk_tree_view_expand_to_path (self->tree, path);
    gtk_tree_view_set_cursor (self->tree, path, NULL, FALSE);
    gtk_tree_view_scroll_to_cell (self->tree, path, NULL, FALSE, 0, 0);
    gtk_tree_path_free (path);
}

/* Follows the largest child as long as it has most of its parent; returns the last one. */
static uint32_t hot_path_from (struct hs_call_tree *tree, uint32_t node)
{
    for (;;) {
        const struct hs_call_tree_node *here = &tree->nodes[node];
        double own =
            (double)hs_sums_metric (&here->inclusive, tree->query.metric, tree->query.unit);
        double child;

        if (here->n_children == 0)
            return node;
        hs_call_tree_open (tree, node);
        child = (double)hs_sums_metric (&tree->nodes[here->first_child].inclusive,
                                        tree->query.metric, tree->query.unit);
        if (node != 0 && (child <= 0 || child < own * HOT_SHARE))
            return node;
        node = here->first_child;
    }
}

static void open_hot_path (HsTreeView *self)
{
    struct hs_call_tree *tree = answer_of (self);
    GtkTreeIter iter;
    uint32_t from = 0, node;

    if (tree == NULL || tree->n_nodes < 2)
        return;
    if (gtk_tree_selection_get_selected (gtk_tree_view_get_selection (self->tree), NULL, &iter))
        from = hs_call_tree_model_node_number (&iter);
    node = hot_path_from (tree, from);
    if (node != 0)
        open_path_to (self, node);
}

/* At first, and in another process, top-down shows the hot path down to where it branches. */
static void open_first_rows (HsTreeView *self)
{
    struct hs_call_tree *tree = answer_of (self);
    uint32_t node = hot_path_from (tree, 0);
    GtkTreeIter iter;
    GtkTreePath *path;

    if (self->direction != HS_TREE_TOP_DOWN || node == 0 || tree->nodes[node].parent == 0)
        return;
    hs_call_tree_model_get_iter (HS_CALL_TREE_MODEL (gtk_tree_view_get_model (self->tree)),
                                 tree->nodes[node].parent, &iter);
    path = gtk_tree_model_get_path (gtk_tree_view_get_model (self->tree), &iter);
    gtk_tree_view_expand_to_path (self->tree, path);
    gtk_tree_path_free (path);
}

static void remember_row (GtkTreeView *view, GtkTreePath *path, gpointer data)
{
    HsTreeView *self = data;
    GtkTreeIter iter;

    if (gtk_tree_model_get_iter (gtk_tree_view_get_model (view), &iter, path))
        hs_tree_memory_set_open (self->memory, answer_of (self),
                                 hs_call_tree_model_node_number (&iter), TRUE);
}

/* From the first touch on rows stay as they are, those opened for a start too. */
static void touch (HsTreeView *self)
{
    if (self->is_touched || self->is_restoring || answer_of (self) == NULL)
        return;
    self->is_touched = TRUE;
    self->process = hs_selection_get_state (self->selection)->process;
    gtk_tree_view_map_expanded_rows (self->tree, remember_row, self);
}

static void remember_open (HsTreeView *self, GtkTreeIter *iter, gboolean is_open)
{
    queue_curves (self);
    touch (self);
    if (!self->is_restoring && answer_of (self) != NULL)
        hs_tree_memory_set_open (self->memory, answer_of (self),
                                 hs_call_tree_model_node_number (iter), is_open);
}

static void on_row_expanded (GtkTreeView *view, GtkTreeIter *iter, GtkTreePath *path,
                             HsTreeView *self)
{
    remember_open (self, iter, TRUE);
}

static void on_row_collapsed (GtkTreeView *view, GtkTreeIter *iter, GtkTreePath *path,
                              HsTreeView *self)
{
    remember_open (self, iter, FALSE);
}

static void on_row_activated (GtkTreeView *view, GtkTreePath *path, GtkTreeViewColumn *column,
                              HsTreeView *self)
{
    if (gtk_tree_view_row_expanded (view, path))
        gtk_tree_view_collapse_row (view, path);
    else
        gtk_tree_view_expand_row (view, path, FALSE);
}

static uint32_t selected_node (HsTreeView *self)
{
    GtkTreeIter iter;

    if (!gtk_tree_selection_get_selected (gtk_tree_view_get_selection (self->tree), NULL, &iter))
        return 0;
    return hs_call_tree_model_node_number (&iter);
}

/* Other views show what lies behind the row; a tree that is not seen chooses nothing, and of frees
 * they know nothing. */
static void tell_row (HsTreeView *self)
{
    uint32_t node = selected_node (self);

    if (node != 0 && self->stacks_of == HS_STACKS_OF_BIRTHS &&
        gtk_widget_get_mapped (GTK_WIDGET (self)))
        hs_selection_set_row (self->selection, hs_call_tree_row (answer_of (self), node));
    queue_curves (self);
}

static void on_selected (GtkTreeSelection *selection, HsTreeView *self)
{
    if (self->is_restoring)
        return;
    touch (self);
    if (answer_of (self) == NULL)
        return;
    hs_tree_memory_set_selected (self->memory, answer_of (self), selected_node (self));
    tell_row (self);
}

/* A click with the other button, or the key for it: what can be done with the row. */
static gboolean show_menu (HsTreeView *self, const GdkEvent *event)
{
    g_autoptr (GMenu) entries = g_menu_new ();
    GtkWidget *menu;

    if (selected_node (self) == 0)
        return GDK_EVENT_PROPAGATE;
    tell_row (self);
    g_menu_append (entries, _ ("Show _Source"), "win.show-source");
    menu = gtk_menu_new_from_model (G_MENU_MODEL (entries));
    gtk_menu_attach_to_widget (GTK_MENU (menu), GTK_WIDGET (self->tree), NULL);
    g_signal_connect (menu, "selection-done", G_CALLBACK (gtk_widget_destroy), NULL);
    gtk_menu_popup_at_pointer (GTK_MENU (menu), event);
    return GDK_EVENT_STOP;
}

static gboolean on_button_press (GtkWidget *widget, GdkEventButton *event, HsTreeView *self)
{
    GtkTreePath *path = NULL;

    if (!gdk_event_triggers_context_menu ((GdkEvent *)event) ||
        event->window != gtk_tree_view_get_bin_window (self->tree) ||
        !gtk_tree_view_get_path_at_pos (self->tree, (int)event->x, (int)event->y, &path, NULL, NULL,
                                        NULL))
        return GDK_EVENT_PROPAGATE;
    gtk_tree_view_set_cursor (self->tree, path, NULL, FALSE);
    gtk_tree_path_free (path);
    return show_menu (self, (GdkEvent *)event);
}

static gboolean on_popup_menu (GtkWidget *widget, HsTreeView *self)
{
    return show_menu (self, NULL);
}

static gboolean copy_row (HsTreeView *self)
{
    GtkTreeIter iter;
    g_autofree char *text = NULL;

    if (!gtk_tree_selection_get_selected (gtk_tree_view_get_selection (self->tree), NULL, &iter))
        return GDK_EVENT_PROPAGATE;
    text = hs_tree_columns_row_text (self->tree, &iter);
    gtk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self), GDK_SELECTION_CLIPBOARD),
                            text, -1);
    return GDK_EVENT_STOP;
}

/* Left closes or goes to the caller, Right opens: what GTK leaves to Shift. */
static gboolean go_sideways (HsTreeView *self, gboolean is_left)
{
    GtkTreePath *path = NULL;
    gboolean is_done = FALSE;

    gtk_tree_view_get_cursor (self->tree, &path, NULL);
    if (path == NULL)
        return GDK_EVENT_PROPAGATE;
    if (!is_left) {
        is_done = gtk_tree_view_expand_row (self->tree, path, FALSE);
    } else if (gtk_tree_view_row_expanded (self->tree, path)) {
        is_done = gtk_tree_view_collapse_row (self->tree, path);
    } else if (gtk_tree_path_get_depth (path) > 1 && gtk_tree_path_up (path)) {
        gtk_tree_view_set_cursor (self->tree, path, NULL, FALSE);
        is_done = TRUE;
    }
    gtk_tree_path_free (path);
    return is_done ? GDK_EVENT_STOP : GDK_EVENT_PROPAGATE;
}

static gboolean on_key_press (GtkWidget *widget, GdkEventKey *event, HsTreeView *self)
{
    GdkModifierType modifiers = event->state & gtk_accelerator_get_default_mod_mask ();

    if (modifiers == GDK_CONTROL_MASK && event->keyval == GDK_KEY_c)
        return copy_row (self);
    if (modifiers != 0)
        return GDK_EVENT_PROPAGATE;
    switch (event->keyval) {
    case GDK_KEY_space:
        open_hot_path (self);
        return GDK_EVENT_STOP;
    case GDK_KEY_Left:
    case GDK_KEY_Right:
        return go_sideways (self, event->keyval == GDK_KEY_Left);
    default:
        return GDK_EVENT_PROPAGATE;
    }
}

/* ---- answers ---- */

static void update_placeholder (HsTreeView *self)
{
    struct hs_call_tree *tree = answer_of (self);
    HsDocument *document = hs_selection_get_document (self->selection);
    gboolean is_empty = tree != NULL && (tree->n_nodes < 2 || tree->nodes[0].n_children == 0) &&
                        hs_document_get_state (document) != HS_DOCUMENT_LOADING;
    gboolean is_unknown =
        self->stacks_of == HS_STACKS_OF_ENDS && !hs_document_has_free_stacks (document);

    /* rows that all say "(no call stack)" would say less */
    gtk_widget_set_visible (GTK_WIDGET (self->tree), !is_unknown);
    if (is_unknown)
        gtk_label_set_text (self->placeholder,
                            _ ("This trace has no call stacks of frees.\n“Record…” takes them when "
                               "asked to."));
    else
        gtk_label_set_text (self->placeholder, _ ("Nothing to show for this query"));
    is_empty = is_empty || is_unknown;
    gtk_widget_set_visible (GTK_WIDGET (self->placeholder), is_empty);
    gtk_widget_set_visible (GTK_WIDGET (self->cut), tree != NULL && tree->is_cut);
}

static void refresh (GtkWidget *widget)
{
    HsTreeView *self = HS_TREE_VIEW (widget);
    struct hs_filter filter = hs_selection_get_filter (self->selection);
    gint64 rows = self->direction;

    set_shown (self);
    rows |= self->shown.shows_allocators ? HS_TREE_SHOWS_ALLOCATORS : 0;
    rows |= self->shown.collapses_recursion ? HS_TREE_COLLAPSES_RECURSION : 0;
    hs_query_ask (self->query, &filter,
                  (gint64[HS_QUERY_N_PARAMETERS]){ rows, self->shown.metric, self->shown.unit,
                                                   self->stacks_of });
    update_placeholder (self); /* what was being read was empty, perhaps */
}

static void open_at_first (HsTreeView *self, hs_process_id process)
{
    HsDocument *document = hs_selection_get_document (self->selection);
    HsDocumentState state = hs_document_get_state (document);
    gboolean has_all = state != HS_DOCUMENT_LIVE && !hs_document_is_naming (document) &&
                       hs_query_is_settled (self->query);
    gboolean is_moving = state == HS_DOCUMENT_LOADING || (!has_all && !self->is_touched);

    /* while a trace grows and gets names the hot path moves: until somebody touches them its rows
     * are not kept */
    self->is_restoring = is_moving;
    open_first_rows (self);
    self->is_restoring = FALSE;
    if (!is_moving)
        self->process = process;
}

static gboolean is_attended (HsTreeView *self)
{
    GtkWidget *widget = GTK_WIDGET (self->tree);
    GdkSeat *seat = gdk_display_get_default_seat (gtk_widget_get_display (widget));
    GtkAllocation area;
    int x, y;

    if (gtk_widget_is_focus (widget))
        return TRUE;
    if (!gtk_widget_get_realized (widget))
        return FALSE;
    gtk_widget_get_allocation (widget, &area);
    gdk_window_get_device_position (gtk_widget_get_window (widget), gdk_seat_get_pointer (seat), &x,
                                    &y, NULL);
    return x >= 0 && y >= 0 && x < area.width && y < area.height;
}

/*
 * Rows that run away cannot be read: while a trace is live they keep the order they had, and rows
 * that are new come last. They are sorted anew for another question, at the end, and every few
 * seconds as long as neither the pointer nor the keyboard is among them.
 */
static gboolean is_order_kept (HsTreeView *self)
{
    HsDocument *document = hs_selection_get_document (self->selection);

    return hs_document_get_state (document) == HS_DOCUMENT_LIVE && answer_of (self) != NULL &&
           self->question == hs_query_get_question (self->query) &&
           (is_attended (self) || g_get_monotonic_time () - self->sorted_at < SORT_INTERVAL_US);
}

static void show_model (HsTreeView *self, HsCallTreeModel *model)
{
    GtkAdjustment *scroll = gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (self->tree));
    double place = gtk_adjustment_get_value (scroll);
    hs_process_id process = hs_selection_get_state (self->selection)->process;

    self->is_restoring = TRUE;
    gtk_tree_view_set_model (self->tree, GTK_TREE_MODEL (model));
    hs_tree_columns_update (self->tree);
    hs_tree_memory_restore (self->memory, self->tree);
    self->is_restoring = FALSE;
    if (process != self->process && hs_call_tree_model_get_tree (model)->n_nodes > 1)
        open_at_first (self, process);
    gtk_adjustment_set_value (scroll, place);
    tell_row (self);
}

static void on_answered (HsTreeView *self)
{
    struct hs_call_tree *tree = hs_query_get_answer (self->query);
    g_autoptr (HsCallTreeModel) model = NULL;
    gboolean is_kept = is_order_kept (self);

    if (tree == answer_of (self))
        return;
    model = hs_call_tree_model_new (tree);
    if (!is_kept) {
        self->question = hs_query_get_question (self->query);
        self->sorted_at = g_get_monotonic_time ();
    }
    if (is_kept && hs_call_tree_model_keep_order (model, self->tree)) {
        hs_call_tree_model_replace (HS_CALL_TREE_MODEL (gtk_tree_view_get_model (self->tree)),
                                    model, self->tree);
        hs_tree_columns_update (self->tree);
    } else {
        show_model (self, model);
    }
    update_placeholder (self);
    queue_curves (self);
}

gboolean hs_tree_view_is_settled (GtkWidget *widget)
{
    HsTreeView *self = HS_TREE_VIEW (widget);

    if (gtk_widget_get_mapped (widget) && self->curves != NULL &&
        !hs_tree_curves_are_settled (self->curves))
        return FALSE;
    return hs_query_is_settled (self->query) &&
           (hs_query_get_answer (self->query) != NULL || !gtk_widget_get_mapped (widget));
}

static void hs_tree_view_dispose (GObject *object)
{
    HsTreeView *self = HS_TREE_VIEW (object);

    self->is_restoring = TRUE; /* rows that go away are not news */
    self->curves = NULL;
    g_clear_object (&self->query);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_tree_view_parent_class)->dispose (object);
}

static void hs_tree_view_finalize (GObject *object)
{
    hs_tree_memory_free (HS_TREE_VIEW (object)->memory);
    G_OBJECT_CLASS (hs_tree_view_parent_class)->finalize (object);
}

static void hs_tree_view_class_init (HsTreeViewClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_tree_view_dispose;
    G_OBJECT_CLASS (class)->finalize = hs_tree_view_finalize;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/tree_view.ui");
    gtk_widget_class_bind_template_child (widget_class, HsTreeView, tree);
    gtk_widget_class_bind_template_child (widget_class, HsTreeView, busy_line);
    gtk_widget_class_bind_template_child (widget_class, HsTreeView, placeholder);
    gtk_widget_class_bind_template_child (widget_class, HsTreeView, cut);
    gtk_widget_class_bind_template_callback (widget_class, on_row_expanded);
    gtk_widget_class_bind_template_callback (widget_class, on_row_collapsed);
    gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
    gtk_widget_class_bind_template_callback (widget_class, on_key_press);
    gtk_widget_class_bind_template_callback (widget_class, on_button_press);
    gtk_widget_class_bind_template_callback (widget_class, on_popup_menu);
    gtk_widget_class_bind_template_callback (widget_class, on_selected);
}

static void hs_tree_view_init (HsTreeView *self)
{
    self->memory = hs_tree_memory_new ();
    self->process = HS_NO_PROCESS - 1;
    gtk_widget_init_template (GTK_WIDGET (self));
}

static GtkWidget *make (HsSelection *selection, enum hs_tree_direction direction,
                        enum hs_stacks_of stacks_of, const char *name)
{
    HsTreeView *self = g_object_new (HS_TYPE_TREE_VIEW, "visible", TRUE, NULL);

    self->direction = direction;
    self->stacks_of = stacks_of;
    self->selection = g_object_ref (selection);
    self->query = hs_query_new (&hs_question_call_tree, hs_selection_get_document (selection));
    g_signal_connect_object (self->query, "answered", G_CALLBACK (on_answered), self,
                             G_CONNECT_SWAPPED);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->tree)), name);
    set_shown (self);
    hs_tree_columns_add (self->tree, &self->shown, stacks_of);
    if (stacks_of == HS_STACKS_OF_BIRTHS)
        self->curves = hs_tree_curves_new (self->tree, selection);
    /* the first column's title: rows are callers or callees of each other */
    gtk_tree_view_column_set_title (gtk_tree_view_get_column (self->tree, 0), _ ("Function"));
    hs_tree_columns_update (self->tree);
    gtk_tree_view_set_fixed_height_mode (self->tree, TRUE);
    gtk_tree_view_set_tooltip_column (self->tree, HS_CALL_TREE_COLUMN_TOOLTIP);
    hs_busy_line_watch (self->busy_line, self->query);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
    return GTK_WIDGET (self);
}

GtkWidget *hs_tree_view_new_top_down (HsSelection *selection)
{
    return make (selection, HS_TREE_TOP_DOWN, HS_STACKS_OF_BIRTHS, _ ("Call tree, top-down"));
}

GtkWidget *hs_tree_view_new_bottom_up (HsSelection *selection)
{
    return make (selection, HS_TREE_BOTTOM_UP, HS_STACKS_OF_BIRTHS, _ ("Call tree, bottom-up"));
}

GtkWidget *hs_tree_view_new_freed_by (HsSelection *selection)
{
    return make (selection, HS_TREE_BOTTOM_UP, HS_STACKS_OF_ENDS, _ ("Call tree of frees"));
}
