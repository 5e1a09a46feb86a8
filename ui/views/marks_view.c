/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The marks of the trace; see marks_view.h. Marks are only ever added, so rows are too. */
#include "views/marks_view.h"

#include "base/units.h"
#include "views/refresh.h"

#include <glib/gi18n.h>

struct _HsMarksView {
    GtkBox parent_instance;

    GtkListStore *store;
    GtkTreeView *list;
    GtkWidget *placeholder;

    HsSelection *selection;
};

G_DEFINE_TYPE (HsMarksView, hs_marks_view, GTK_TYPE_BOX)

enum { COLUMN_NAME, COLUMN_TIME, COLUMN_LENGTH };

static const HsMarkEntry *mark_at (HsMarksView *self, guint i)
{
    GArray *marks = hs_document_get_info (hs_selection_get_document (self->selection))->marks;

    return i < marks->len ? &g_array_index (marks, HsMarkEntry, i) : NULL;
}

static void show_row (HsMarksView *self, GtkTreeIter *iter, guint i)
{
    const HsMarkEntry *mark = mark_at (self, i), *next = mark_at (self, i + 1);
    double seconds = hs_selection_seconds (self->selection, mark->time);
    char length[HS_UNITS_TEXT_SIZE] = "";
    g_autofree char *time = g_strdup_printf ("%.3f s", seconds);

    if (next != NULL)
        hs_format_seconds (hs_selection_seconds (self->selection, next->time) - seconds, length);
    gtk_list_store_set (self->store, iter, COLUMN_NAME, mark->name, COLUMN_TIME, time,
                        COLUMN_LENGTH, length, -1);
}

static void refresh (GtkWidget *widget)
{
    HsMarksView *self = HS_MARKS_VIEW (widget);
    GtkTreeModel *model = GTK_TREE_MODEL (self->store);
    guint n_shown = (guint)gtk_tree_model_iter_n_children (model, NULL);
    GtkTreeIter iter;

    /* the last row learns its length from the new ones */
    if (n_shown > 0 && mark_at (self, n_shown) != NULL &&
        gtk_tree_model_iter_nth_child (model, &iter, NULL, (int)n_shown - 1))
        show_row (self, &iter, n_shown - 1);
    for (; mark_at (self, n_shown) != NULL; n_shown++) {
        gtk_list_store_append (self->store, &iter);
        show_row (self, &iter, n_shown);
    }
    gtk_widget_set_visible (self->placeholder, n_shown == 0);
}

/* From the first chosen mark to the last one; a single one goes to the next mark, or on. */
static void on_selected (GtkTreeSelection *rows, HsMarksView *self)
{
    GList *paths = gtk_tree_selection_get_selected_rows (rows, NULL);
    const HsMarkEntry *from, *to;
    guint first, last;

    if (paths == NULL || self->selection == NULL)
        return;
    first = (guint)gtk_tree_path_get_indices (paths->data)[0];
    last = (guint)gtk_tree_path_get_indices (g_list_last (paths)->data)[0];
    g_list_free_full (paths, (GDestroyNotify)gtk_tree_path_free);
    from = mark_at (self, first);
    to = mark_at (self, last > first ? last : first + 1);
    if (from != NULL)
        hs_selection_set_range (self->selection, from->time, to != NULL ? to->time : G_MAXINT64,
                                HS_STEP_NEW);
}

static void hs_marks_view_dispose (GObject *object)
{
    HsMarksView *self = HS_MARKS_VIEW (object);

    /* rows that go away choose nothing */
    if (self->list != NULL)
        g_signal_handlers_disconnect_by_data (gtk_tree_view_get_selection (self->list), self);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_marks_view_parent_class)->dispose (object);
}

static void hs_marks_view_class_init (HsMarksViewClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_marks_view_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/marks_view.ui");
    gtk_widget_class_bind_template_child (widget_class, HsMarksView, store);
    gtk_widget_class_bind_template_child (widget_class, HsMarksView, list);
    gtk_widget_class_bind_template_child (widget_class, HsMarksView, placeholder);
    gtk_widget_class_bind_template_callback (widget_class, on_selected);
}

static void hs_marks_view_init (HsMarksView *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *hs_marks_view_new (HsSelection *selection)
{
    HsMarksView *self = g_object_new (HS_TYPE_MARKS_VIEW, "visible", TRUE, NULL);

    self->selection = g_object_ref (selection);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->list)), _ ("Marks"));
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
    return GTK_WIDGET (self);
}
