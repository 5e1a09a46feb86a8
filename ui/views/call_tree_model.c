/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call tree as a GtkTreeModel; see call_tree_model.h. */
#include "views/call_tree_model.h"

#include "base/units.h"

#include <glib/gi18n.h>

struct _HsCallTreeModel {
    GObject parent_instance;

    struct hs_call_tree *tree;
    GHashTable *levels; /* parent node -> Level; those that are not in the answer's order */
    int stamp;
};

/* Another order of the children of a node; all indices count from its first child. */
typedef struct {
    uint32_t *child_at; /* place -> child */
    uint32_t *place_of; /* child -> place */
} Level;

static void tree_model_init (GtkTreeModelIface *iface);
G_DEFINE_TYPE_WITH_CODE (HsCallTreeModel, hs_call_tree_model, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (GTK_TYPE_TREE_MODEL, tree_model_init))

/* An iterator: user_data is the node, or for the row "and more" the parent, with user_data2 set. */
static gboolean set_iter (HsCallTreeModel *self, GtkTreeIter *iter, uint32_t node, gboolean is_more)
{
    iter->stamp = self->stamp;
    iter->user_data = GUINT_TO_POINTER (node);
    iter->user_data2 = GINT_TO_POINTER (is_more);
    iter->user_data3 = NULL;
    return TRUE;
}

static gboolean no_iter (GtkTreeIter *iter)
{
    iter->stamp = 0;
    return FALSE;
}

uint32_t hs_call_tree_model_node_number (GtkTreeIter *iter)
{
    return GPOINTER_TO_UINT (iter->user_data);
}

static gboolean is_more_row (GtkTreeIter *iter)
{
    return GPOINTER_TO_INT (iter->user_data2);
}

static const struct hs_call_tree_node *node_at (HsCallTreeModel *self, uint32_t number)
{
    return &self->tree->nodes[number];
}

/* The first child of a node that has one; its children are laid out from now on. */
static uint32_t first_child (HsCallTreeModel *self, uint32_t number)
{
    hs_call_tree_open (self->tree, number);
    return node_at (self, number)->first_child;
}

static uint32_t child_at (HsCallTreeModel *self, uint32_t parent, uint32_t place)
{
    const Level *level = g_hash_table_lookup (self->levels, GUINT_TO_POINTER (parent));

    return first_child (self, parent) + (level != NULL ? level->child_at[place] : place);
}

static uint32_t place_of (HsCallTreeModel *self, uint32_t node)
{
    uint32_t parent = node_at (self, node)->parent;
    const Level *level = g_hash_table_lookup (self->levels, GUINT_TO_POINTER (parent));
    uint32_t child = node - node_at (self, parent)->first_child;

    return level != NULL ? level->place_of[child] : child;
}

static int n_rows_below (HsCallTreeModel *self, uint32_t number)
{
    uint32_t n = node_at (self, number)->n_children;

    return n > HS_CALL_TREE_LEVEL_ROWS ? (int)HS_CALL_TREE_LEVEL_ROWS + 1 : (int)n;
}

static gboolean nth_below (HsCallTreeModel *self, GtkTreeIter *iter, uint32_t parent, int n)
{
    if (n < 0 || n >= n_rows_below (self, parent))
        return no_iter (iter);
    if (n == (int)HS_CALL_TREE_LEVEL_ROWS)
        return set_iter (self, iter, parent, TRUE);
    return set_iter (self, iter, child_at (self, parent, (uint32_t)n), FALSE);
}

static GtkTreeModelFlags model_get_flags (GtkTreeModel *model)
{
    return GTK_TREE_MODEL_ITERS_PERSIST;
}

static int model_get_n_columns (GtkTreeModel *model)
{
    return HS_CALL_TREE_N_COLUMNS;
}

static GType model_get_column_type (GtkTreeModel *model, int column)
{
    return G_TYPE_STRING;
}

static gboolean model_get_iter (GtkTreeModel *model, GtkTreeIter *iter, GtkTreePath *path)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    int depth, *indices = gtk_tree_path_get_indices_with_depth (path, &depth);
    uint32_t node = 0;

    if (self->tree->n_nodes == 0 || depth == 0)
        return no_iter (iter);
    for (int i = 0; i < depth; i++) {
        if (!nth_below (self, iter, node, indices[i]))
            return FALSE;
        if (is_more_row (iter) && i + 1 < depth)
            return no_iter (iter);
        node = hs_call_tree_model_node_number (iter);
    }
    return TRUE;
}

static GtkTreePath *model_get_path (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    GtkTreePath *path = gtk_tree_path_new ();
    uint32_t node = hs_call_tree_model_node_number (iter);

    if (is_more_row (iter))
        gtk_tree_path_append_index (path, (int)HS_CALL_TREE_LEVEL_ROWS);
    while (node != 0) {
        gtk_tree_path_prepend_index (path, (int)place_of (self, node));
        node = node_at (self, node)->parent;
    }
    return path;
}

/* The function; a row without a stack has a text of ours. */
static const char *function_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *label = self->tree->texts + node->label;

    return node->kind == HS_LABEL_NO_STACK && label[0] != '\0' ? _ (label) : label;
}

static char *label_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *label = function_of (self, node);
    const char *module = self->tree->texts + node->module;

    if (module[0] == '\0')
        return g_strdup (label);
    return g_strdup_printf ("%s %s", label, module);
}

static char *more_label (HsCallTreeModel *self, GtkTreeIter *iter)
{
    uint32_t n =
        node_at (self, hs_call_tree_model_node_number (iter))->n_children - HS_CALL_TREE_LEVEL_ROWS;
    char count[HS_UNITS_TEXT_SIZE];

    /* Translators: the last row of a long list; %s is a number */
    return g_strdup_printf (ngettext ("… and %s more", "… and %s more", n),
                            hs_format_count (n, count));
}

static void append_unsure (GString *text, const struct hs_sums *sums)
{
    char bytes[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE];
    guint n = (guint)MIN (sums->unsure_count, G_MAXUINT);

    g_string_append_c (text, '\n');
    /* Translators: of what is outstanding; bytes and a number */
    g_string_append_printf (
        text,
        ngettext ("%s in %s block may have been freed in a gap of the recording",
                  "%s in %s blocks may have been freed in a gap of the recording", n),
        hs_format_bytes (sums->unsure_bytes, bytes), hs_format_count (sums->unsure_count, count));
}

static char *tooltip_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *module = self->tree->texts + node->module;
    const char *location = self->tree->texts + node->location;
    g_autoptr (GString) text = g_string_new (NULL);
    g_autofree char *label = g_markup_escape_text (function_of (self, node), -1);

    g_string_append_printf (text, "<b>%s</b>", label);
    if (module[0] != '\0') {
        g_autofree char *escaped = g_markup_escape_text (module, -1);

        g_string_append_printf (text, "\n%s", escaped);
    }
    if (location[0] != '\0') {
        g_autofree char *escaped = g_markup_escape_text (location, -1);

        g_string_append_printf (text, "\n%s", escaped);
    }
    if (node->is_inlined)
        g_string_append_printf (text, "\n%s", _ ("inlined"));
    if (self->tree->query.metric == HS_METRIC_OUTSTANDING && node->inclusive.unsure_count > 0)
        append_unsure (text, &node->inclusive);
    return g_string_free (g_steal_pointer (&text), FALSE);
}

static void model_get_value (GtkTreeModel *model, GtkTreeIter *iter, int column, GValue *value)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);

    g_value_init (value, G_TYPE_STRING);
    if (node == NULL)
        g_value_take_string (value, more_label (self, iter));
    else if (column == HS_CALL_TREE_COLUMN_LABEL)
        g_value_take_string (value, label_of (self, node));
    else
        g_value_take_string (value, tooltip_of (self, node));
}

static gboolean model_iter_children (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *parent)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (parent != NULL && is_more_row (parent)))
        return no_iter (iter);
    return nth_below (self, iter, parent != NULL ? hs_call_tree_model_node_number (parent) : 0, 0);
}

static gboolean model_iter_nth_child (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *parent,
                                      int n)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (parent != NULL && is_more_row (parent)))
        return no_iter (iter);
    return nth_below (self, iter, parent != NULL ? hs_call_tree_model_node_number (parent) : 0, n);
}

static int model_iter_n_children (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (iter != NULL && is_more_row (iter)))
        return 0;
    return n_rows_below (self, iter != NULL ? hs_call_tree_model_node_number (iter) : 0);
}

static gboolean model_iter_has_child (GtkTreeModel *model, GtkTreeIter *iter)
{
    return model_iter_n_children (model, iter) > 0;
}

static gboolean model_iter_next (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (iter), parent;

    if (is_more_row (iter))
        return no_iter (iter);
    parent = node_at (self, node)->parent;
    return nth_below (self, iter, parent, (int)place_of (self, node) + 1);
}

static gboolean model_iter_previous (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (iter), parent;

    if (is_more_row (iter))
        return nth_below (self, iter, node, (int)HS_CALL_TREE_LEVEL_ROWS - 1);
    parent = node_at (self, node)->parent;
    return nth_below (self, iter, parent, (int)place_of (self, node) - 1);
}

static gboolean model_iter_parent (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *child)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (child);
    uint32_t parent = is_more_row (child) ? node : node_at (self, node)->parent;

    return parent == 0 ? no_iter (iter) : set_iter (self, iter, parent, FALSE);
}

static void tree_model_init (GtkTreeModelIface *iface)
{
    iface->get_flags = model_get_flags;
    iface->get_n_columns = model_get_n_columns;
    iface->get_column_type = model_get_column_type;
    iface->get_iter = model_get_iter;
    iface->get_path = model_get_path;
    iface->get_value = model_get_value;
    iface->iter_children = model_iter_children;
    iface->iter_nth_child = model_iter_nth_child;
    iface->iter_n_children = model_iter_n_children;
    iface->iter_has_child = model_iter_has_child;
    iface->iter_next = model_iter_next;
    iface->iter_previous = model_iter_previous;
    iface->iter_parent = model_iter_parent;
}

/* ---- the order of another model ---- */

static void free_level (gpointer data)
{
    Level *level = data;

    g_free (level->child_at);
    g_free (level->place_of);
    g_free (level);
}

static guint n_shown (HsCallTreeModel *self, uint32_t parent)
{
    return MIN (node_at (self, parent)->n_children, HS_CALL_TREE_LEVEL_ROWS);
}

/* Where the children of `parent` are by key: key -> child + 1. */
static GHashTable *children_by_key (HsCallTreeModel *self, uint32_t parent)
{
    GHashTable *children = g_hash_table_new (g_int64_hash, g_int64_equal);
    const struct hs_call_tree_node *node = node_at (self, parent);

    for (uint32_t i = 0; i < node->n_children; i++)
        g_hash_table_insert (children,
                             (gpointer)&node_at (self, first_child (self, parent) + i)->key,
                             GUINT_TO_POINTER (i + 1));
    return children;
}

typedef struct {
    HsCallTreeModel *self, *other;
    GtkTreeView *view; /* shows other */
    gboolean is_same;
} Order;

static void keep_level (Order *order, uint32_t parent, uint32_t other_parent)
{
    HsCallTreeModel *self = order->self, *other = order->other;
    g_autoptr (GHashTable) children = NULL;
    guint n = node_at (self, parent)->n_children, n_other = n_shown (other, other_parent), at = 0;
    Level *level;

    order->is_same = order->is_same && n == node_at (other, other_parent)->n_children;
    if (n > HS_CALL_TREE_LEVEL_ROWS) { /* which of them are shown is for the answer to say */
        order->is_same = FALSE;
        return;
    }
    children = children_by_key (self, parent);
    level = g_new0 (Level, 1);
    level->child_at = g_new (uint32_t, n + 1);
    level->place_of = g_new (uint32_t, n + 1);
    for (guint i = 0; i < n; i++)
        level->place_of[i] = G_MAXUINT32;
    for (guint i = 0; i < n_other; i++) {
        uint32_t was = child_at (other, other_parent, i), child;

        child = GPOINTER_TO_UINT (g_hash_table_lookup (children, &node_at (other, was)->key));
        order->is_same =
            order->is_same && child != 0 &&
            (node_at (other, was)->n_children > 0) ==
                (node_at (self, first_child (self, parent) + child - 1)->n_children > 0);
        if (child == 0)
            continue;
        level->child_at[at] = child - 1;
        level->place_of[child - 1] = at++;
    }
    for (guint i = 0; i < n; i++) {
        if (level->place_of[i] != G_MAXUINT32)
            continue;
        level->child_at[at] = i;
        level->place_of[i] = at++;
    }
    g_hash_table_insert (self->levels, GUINT_TO_POINTER (parent), level);
}

/* The node of `self` on the same path of keys as a row of the other, or 0. */
static uint32_t same_node (Order *order, uint32_t other_node)
{
    uint32_t other_parent = node_at (order->other, other_node)->parent, parent = 0;
    guint64 key = node_at (order->other, other_node)->key;
    const struct hs_call_tree_node *node;

    if (other_parent != 0)
        parent = same_node (order, other_parent);
    if (other_parent != 0 && parent == 0)
        return 0;
    node = node_at (order->self, parent);
    for (uint32_t i = 0; i < node->n_children; i++)
        if (node_at (order->self, first_child (order->self, parent) + i)->key == key)
            return node->first_child + i;
    return 0;
}

static void keep_open_row (GtkTreeView *view, GtkTreePath *path, gpointer data)
{
    Order *order = data;
    GtkTreeIter iter;
    uint32_t other_node, node;

    if (!gtk_tree_model_get_iter (GTK_TREE_MODEL (order->other), &iter, path))
        return;
    other_node = hs_call_tree_model_node_number (&iter);
    node = same_node (order, other_node);
    if (node != 0)
        keep_level (order, node, other_node);
}

gboolean hs_call_tree_model_keep_order (HsCallTreeModel *self, GtkTreeView *view)
{
    Order order = { .self = self,
                    .other = HS_CALL_TREE_MODEL (gtk_tree_view_get_model (view)),
                    .view = view,
                    .is_same = TRUE };

    if (order.other == NULL || order.other->tree->n_nodes == 0 || self->tree->n_nodes == 0)
        return FALSE;
    keep_level (&order, 0, 0);
    gtk_tree_view_map_expanded_rows (view, keep_open_row, &order);
    return order.is_same;
}

/* As the rows stand below each other in the view; FALSE at the last one. */
static gboolean go_to_next_row (HsCallTreeModel *self, GtkTreeView *view, GtkTreePath *path)
{
    GtkTreeIter iter;

    if (gtk_tree_view_row_expanded (view, path)) {
        gtk_tree_path_down (path);
        return TRUE;
    }
    for (;;) {
        gtk_tree_path_next (path);
        if (gtk_tree_model_get_iter (GTK_TREE_MODEL (self), &iter, path))
            return TRUE;
        if (gtk_tree_path_get_depth (path) == 1)
            return FALSE;
        (void)gtk_tree_path_up (path);
    }
}

void hs_call_tree_model_replace (HsCallTreeModel *self, HsCallTreeModel *other, GtkTreeView *view)
{
    struct hs_call_tree *tree = self->tree;
    GHashTable *levels = self->levels;
    GtkTreePath *path, *last;

    self->tree = other->tree;
    self->levels = other->levels;
    other->tree = tree;
    other->levels = levels;
    if (!gtk_tree_view_get_visible_range (view, &path, &last))
        return;
    do {
        GtkTreeIter iter;

        if (gtk_tree_model_get_iter (GTK_TREE_MODEL (self), &iter, path))
            gtk_tree_model_row_changed (GTK_TREE_MODEL (self), path, &iter);
    } while (go_to_next_row (self, view, path) && gtk_tree_path_compare (path, last) <= 0);
    gtk_tree_path_free (path);
    gtk_tree_path_free (last);
}

static void hs_call_tree_model_finalize (GObject *object)
{
    hs_call_tree_unref (HS_CALL_TREE_MODEL (object)->tree);
    g_hash_table_unref (HS_CALL_TREE_MODEL (object)->levels);
    G_OBJECT_CLASS (hs_call_tree_model_parent_class)->finalize (object);
}

static void hs_call_tree_model_class_init (HsCallTreeModelClass *class)
{
    G_OBJECT_CLASS (class)->finalize = hs_call_tree_model_finalize;
}

static void hs_call_tree_model_init (HsCallTreeModel *self)
{
    self->stamp = g_random_int_range (1, G_MAXINT);
    self->levels = g_hash_table_new_full (NULL, NULL, NULL, free_level);
}

HsCallTreeModel *hs_call_tree_model_new (struct hs_call_tree *tree)
{
    HsCallTreeModel *self = g_object_new (HS_TYPE_CALL_TREE_MODEL, NULL);

    self->tree = hs_call_tree_ref (tree);
    return self;
}

struct hs_call_tree *hs_call_tree_model_get_tree (HsCallTreeModel *self)
{
    return self->tree;
}

const struct hs_call_tree_node *hs_call_tree_model_get_node (HsCallTreeModel *self,
                                                             GtkTreeIter *iter)
{
    if (is_more_row (iter))
        return NULL;
    return node_at (self, hs_call_tree_model_node_number (iter));
}

void hs_call_tree_model_get_iter (HsCallTreeModel *self, uint32_t node, GtkTreeIter *iter)
{
    (void)set_iter (self, iter, node, FALSE);
}

const char *hs_call_tree_model_get_function (HsCallTreeModel *self, GtkTreeIter *iter)
{
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);

    return node != NULL ? function_of (self, node) : "";
}
