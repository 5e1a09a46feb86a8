/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The columns of a call tree; see tree_columns.h. */
#include "views/tree_columns.h"

#include "base/units.h"
#include "views/call_tree_model.h"
#include "views/function_renderer.h"
#include "views/number_renderer.h"

#include <glib/gi18n.h>
#include <string.h>

#define ROW_HEIGHT 25
#define PADDING 5
#define LABEL_WIDTH 190
#define LABEL_LEAST 120

typedef enum {
    CELL_INCLUSIVE, /* the query's metric and unit */
    CELL_SHARE,
    CELL_SELF,
    CELL_OTHER_UNIT, /* the metric in the other unit */
    CELL_UNSURE,     /* of what is outstanding */
    CELL_AIFI,
    CELL_AIFO,
    CELL_AOFI,
    CELL_AOFO,
    CELL_TOTAL,
    CELL_PEAK,
    N_CELLS,
} Cell;

static const struct {
    const char *title, *tooltip;
    enum hs_metric metric; /* from CELL_AIFI on */
    int width;
} cells[N_CELLS] = {
    [CELL_INCLUSIVE] = { NULL, N_ ("With everything called from here"), HS_N_METRICS, 94 },
    [CELL_SHARE] = { N_ ("%"), N_ ("Share of all rows"), HS_N_METRICS, 52 },
    [CELL_SELF] = { N_ ("Self"), N_ ("Allocated by this function itself"), HS_N_METRICS, 76 },
    [CELL_OTHER_UNIT] = { NULL, N_ ("The same, counted in the other unit"), HS_N_METRICS, 66 },
    [CELL_UNSURE] = { N_ ("Unsure"),
                      N_ ("Of this, older than a gap in the recording: may have been freed in it"),
                      HS_N_METRICS, 76 },
    /* Translators: AIFI and the like are the terms of Windows Performance Analyzer; keep them */
    [CELL_AIFI] = { N_ ("AIFI"), N_ ("Allocated inside the range, freed inside"), HS_METRIC_AIFI,
                    76 },
    [CELL_AIFO] = { N_ ("AIFO"), N_ ("Allocated inside the range, outstanding at its end"),
                    HS_METRIC_AIFO, 76 },
    [CELL_AOFI] = { N_ ("AOFI"), N_ ("Allocated before the range, freed inside"), HS_METRIC_AOFI,
                    76 },
    [CELL_AOFO] = { N_ ("AOFO"), N_ ("Allocated before the range, outstanding at its end"),
                    HS_METRIC_AOFO, 76 },
    [CELL_TOTAL] = { N_ ("Total"), N_ ("Allocated inside the range, freed or not"), HS_METRIC_TOTAL,
                     82 },
    [CELL_PEAK] = { N_ ("Peak"), N_ ("Outstanding at the process's peak"), HS_METRIC_PEAK, 76 },
};

const char *hs_metric_title (enum hs_metric metric)
{
    switch (metric) {
    case HS_METRIC_OUTSTANDING:
        return _ ("Outstanding");
    case HS_METRIC_NET:
        return _ ("Net");
    case HS_METRIC_PEAK:
        return _ ("Peak");
    case HS_METRIC_TOTAL:
        return _ ("Total");
    case HS_METRIC_AIFI:
        return _ ("AIFI");
    case HS_METRIC_AIFO:
        return _ ("AIFO");
    case HS_METRIC_AOFI:
        return _ ("AOFI");
    case HS_METRIC_AOFO:
        return _ ("AOFO");
    case HS_METRIC_TEMPORARY:
        return _ ("Temporary");
    case HS_N_METRICS:
        break;
    }
    return "";
}

static void format_value (int64_t value, enum hs_metric metric, enum hs_metric_unit unit,
                          char *text)
{
    char plain[HS_UNITS_TEXT_SIZE];

    if (value == 0)
        g_strlcpy (text, "0", HS_UNITS_TEXT_SIZE);
    else if (unit == HS_UNIT_BYTES && metric == HS_METRIC_NET)
        (void)hs_format_bytes_signed (value, text);
    else if (unit == HS_UNIT_BYTES)
        (void)hs_format_bytes ((uint64_t)value, text);
    else if (value < 0 || metric == HS_METRIC_NET)
        g_snprintf (text, HS_UNITS_TEXT_SIZE, "%s%.*s", value < 0 ? "-" : "+",
                    HS_UNITS_TEXT_SIZE - 2, hs_format_count ((uint64_t)ABS (value), plain));
    else
        (void)hs_format_count ((uint64_t)value, text);
}

static void share_text (const struct hs_call_tree *tree, int64_t value, char *text)
{
    int64_t whole = hs_sums_metric (&tree->total, tree->query.metric, tree->query.unit);

    if (whole == 0 || value == 0)
        text[0] = '\0';
    else
        g_snprintf (text, HS_UNITS_TEXT_SIZE, "%.1f", 100.0 * (double)value / (double)whole);
}

static int64_t unsure_value (const struct hs_sums *sums, enum hs_metric_unit unit)
{
    return (int64_t)MIN (unit == HS_UNIT_BYTES ? sums->unsure_bytes : sums->unsure_count,
                         (uint64_t)INT64_MAX);
}

/* What a cell says, `text` of HS_UNITS_TEXT_SIZE; returns whether the value is zero. */
static gboolean cell_text (const struct hs_call_tree *tree, const struct hs_call_tree_node *node,
                           Cell cell, char *text)
{
    enum hs_metric metric = tree->query.metric;
    enum hs_metric_unit unit = tree->query.unit;
    const struct hs_sums *sums = cell == CELL_SELF ? &node->exclusive : &node->inclusive;
    int64_t value;

    if (cell == CELL_OTHER_UNIT)
        unit = unit == HS_UNIT_BYTES ? HS_UNIT_BLOCKS : HS_UNIT_BYTES;
    if (cell >= CELL_AIFI)
        metric = cells[cell].metric;
    value = cell == CELL_UNSURE ? unsure_value (sums, unit) : hs_sums_metric (sums, metric, unit);
    if (cell == CELL_SHARE)
        share_text (tree, value, text);
    else
        format_value (value, metric, unit, text);
    return value == 0;
}

static void draw_number (GtkTreeViewColumn *column, GtkCellRenderer *renderer, GtkTreeModel *model,
                         GtkTreeIter *iter, gpointer data)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);
    char text[HS_UNITS_TEXT_SIZE] = "";
    gboolean is_zero = FALSE;

    if (node != NULL)
        is_zero =
            cell_text (hs_call_tree_model_get_tree (self), node, GPOINTER_TO_INT (data), text);
    g_object_set (renderer, "text", text, "sensitive", !is_zero, NULL);
}

/* The function, and its module dimmed behind it. */
static void draw_label (GtkTreeViewColumn *column, GtkCellRenderer *renderer, GtkTreeModel *model,
                        GtkTreeIter *iter, gpointer data)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);
    g_autofree char *label = NULL;

    gtk_tree_model_get (model, iter, HS_CALL_TREE_COLUMN_LABEL, &label, -1);
    g_object_set (renderer, "text", label, NULL);
    hs_function_renderer_set_look (
        HS_FUNCTION_RENDERER (renderer),
        strlen (node != NULL ? hs_call_tree_model_get_function (self, iter) : label),
        node == NULL || node->is_inlined);
}

static void add_label (GtkTreeView *view)
{
    GtkCellRenderer *renderer = hs_function_renderer_new ();
    GtkTreeViewColumn *column = gtk_tree_view_column_new ();

    gtk_cell_renderer_set_fixed_size (renderer, -1, ROW_HEIGHT);
    g_object_set (renderer, "ypad", 0, NULL);
    gtk_tree_view_column_pack_start (column, renderer, TRUE);
    gtk_tree_view_column_set_cell_data_func (column, renderer, draw_label, NULL, NULL);
    gtk_tree_view_column_set_sizing (column, GTK_TREE_VIEW_COLUMN_FIXED);
    gtk_tree_view_column_set_fixed_width (column, LABEL_WIDTH);
    gtk_tree_view_column_set_expand (column, TRUE);
    gtk_tree_view_column_set_resizable (column, TRUE);
    gtk_tree_view_append_column (view, column);
}

static const char *tooltip_of (Cell cell, enum hs_stacks_of stacks_of)
{
    if (cell == CELL_SELF && stacks_of == HS_STACKS_OF_ENDS)
        return _ ("Freed by this function itself");
    return _ (cells[cell].tooltip);
}

static void add_number (GtkTreeView *view, Cell cell, enum hs_stacks_of stacks_of)
{
    GtkCellRenderer *renderer = hs_number_renderer_new ();
    GtkTreeViewColumn *column = gtk_tree_view_column_new ();
    GtkWidget *title = gtk_label_new (NULL);

    gtk_cell_renderer_set_fixed_size (renderer, -1, ROW_HEIGHT);
    g_object_set (renderer, "xpad", PADDING, "ypad", 0, "ellipsize", PANGO_ELLIPSIZE_END, NULL);
    gtk_widget_set_tooltip_text (title, tooltip_of (cell, stacks_of));
    gtk_widget_show (title);
    gtk_tree_view_column_set_widget (column, title);
    gtk_tree_view_column_pack_start (column, renderer, TRUE);
    gtk_tree_view_column_set_cell_data_func (column, renderer, draw_number, GINT_TO_POINTER (cell),
                                             NULL);
    gtk_tree_view_column_set_sizing (column, GTK_TREE_VIEW_COLUMN_FIXED);
    gtk_tree_view_column_set_fixed_width (column, cells[cell].width);
    gtk_tree_view_column_set_resizable (column, TRUE);
    gtk_tree_view_column_set_alignment (column, 1);
    gtk_tree_view_append_column (view, column);
}

void hs_tree_columns_add (GtkTreeView *view, const HsQueryState *state, enum hs_stacks_of stacks_of)
{
    add_label (view);
    for (Cell cell = 0; cell < N_CELLS; cell++)
        add_number (view, cell, stacks_of);
    g_object_set_data (G_OBJECT (view), "hs-query-state", (gpointer)state);
}

static const char *title_of (Cell cell, const HsQueryState *state)
{
    if (cell == CELL_INCLUSIVE)
        return hs_metric_title (state->metric);
    if (cell == CELL_OTHER_UNIT)
        return state->unit == HS_UNIT_BYTES ? _ ("Blocks") : _ ("Bytes");
    return _ (cells[cell].title);
}

/* `tree` is NULL before there is an answer. */
static gboolean is_shown (Cell cell, const HsQueryState *state, const struct hs_call_tree *tree)
{
    switch (cell) {
    case CELL_UNSURE:
        return tree != NULL && tree->query.metric == HS_METRIC_OUTSTANDING &&
               tree->total.unsure_count > 0;
    case CELL_AIFI: /* without a range nothing is older than it, and AIFO is what is outstanding */
    case CELL_AIFO:
    case CELL_AOFI:
    case CELL_AOFO:
        return state->has_range;
    case CELL_TOTAL: /* with a range the four classes need the room; the switch has these two */
        return !state->has_range && state->metric != HS_METRIC_TOTAL;
    case CELL_PEAK:
        return !state->has_range && state->metric != HS_METRIC_PEAK;
    case CELL_INCLUSIVE:
    case CELL_SHARE:
    case CELL_SELF:
    case CELL_OTHER_UNIT:
    case N_CELLS:
        break;
    }
    return TRUE;
}

/* No row has more than all of them together; "%" has room for all there can be. */
static void widest_text (Cell cell, const HsQueryState *state, const struct hs_call_tree *tree,
                         char text[HS_UNITS_TEXT_SIZE])
{
    enum hs_metric metric = cell >= CELL_AIFI ? cells[cell].metric : state->metric;
    enum hs_metric_unit unit = state->unit;

    text[0] = '\0';
    if (tree == NULL || cell == CELL_SHARE)
        return;
    if (cell == CELL_OTHER_UNIT)
        unit = unit == HS_UNIT_BYTES ? HS_UNIT_BLOCKS : HS_UNIT_BYTES;
    format_value (hs_sums_metric (&tree->total, metric, unit), metric, unit, text);
}

/* The functions make room: GTK shares out again what columns leave over only with another width of
 * the whole, and the last column would stand out of sight until then. */
static void grow (GtkTreeView *view, GtkTreeViewColumn *column, int width)
{
    GtkTreeViewColumn *label = gtk_tree_view_get_column (view, 0);
    int had = gtk_tree_view_column_get_fixed_width (column);

    if (had >= width)
        return;
    gtk_tree_view_column_set_fixed_width (column, width);
    gtk_tree_view_column_set_fixed_width (
        label, MAX (LABEL_LEAST, gtk_tree_view_column_get_fixed_width (label) - (width - had)));
}

/* A number without its last digits is another number: the column grows with the numbers and the
 * font; what is still too long ("1023.9 MiB" in a row of 2.1 GiB) ends with dots. */
static void make_room (GtkTreeView *view, GtkTreeViewColumn *column, const char *text)
{
    gsize had = GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (column), "hs-widest-length"));
    PangoAttrList *attributes;
    PangoLayout *layout;
    int width;

    if (strlen (text) <= had)
        return;
    g_object_set_data (G_OBJECT (column), "hs-widest-length", GSIZE_TO_POINTER (strlen (text)));
    layout = gtk_widget_create_pango_layout (GTK_WIDGET (view), text);
    attributes = pango_attr_list_new ();
    pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
    pango_layout_set_attributes (layout, attributes);
    pango_layout_get_pixel_size (layout, &width, NULL);
    pango_attr_list_unref (attributes);
    g_object_unref (layout);
    width += 3 * PADDING; /* and the theme's lines between cells */
    grow (view, column, width);
}

void hs_tree_columns_update (GtkTreeView *view)
{
    const HsQueryState *state = g_object_get_data (G_OBJECT (view), "hs-query-state");
    GtkTreeModel *model = gtk_tree_view_get_model (view);
    const struct hs_call_tree *tree =
        model != NULL ? hs_call_tree_model_get_tree (HS_CALL_TREE_MODEL (model)) : NULL;

    for (Cell cell = 0; cell < N_CELLS; cell++) {
        GtkTreeViewColumn *column = gtk_tree_view_get_column (view, (int)cell + 1);
        const char *title = title_of (cell, state);
        char widest[HS_UNITS_TEXT_SIZE];

        if (g_strcmp0 (gtk_tree_view_column_get_title (column), title) != 0) {
            gtk_label_set_text (GTK_LABEL (gtk_tree_view_column_get_widget (column)), title);
            gtk_tree_view_column_set_title (column, title);
        }
        gtk_tree_view_column_set_visible (column, is_shown (cell, state, tree));
        widest_text (cell, state, tree, widest);
        if (gtk_tree_view_column_get_visible (column))
            make_room (view, column, widest);
    }
}

char *hs_tree_columns_row_text (GtkTreeView *view, GtkTreeIter *iter)
{
    HsCallTreeModel *model = HS_CALL_TREE_MODEL (gtk_tree_view_get_model (view));
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (model, iter);
    const struct hs_call_tree *tree = hs_call_tree_model_get_tree (model);
    GString *line = g_string_new (NULL);
    char text[HS_UNITS_TEXT_SIZE];
    g_autofree char *label = NULL;

    gtk_tree_model_get (GTK_TREE_MODEL (model), iter, HS_CALL_TREE_COLUMN_LABEL, &label, -1);
    g_string_append (line, label);
    for (Cell cell = 0; node != NULL && cell < N_CELLS; cell++) {
        GtkTreeViewColumn *column = gtk_tree_view_get_column (view, (int)cell + 1);

        if (!gtk_tree_view_column_get_visible (column))
            continue;
        (void)cell_text (tree, node, cell, text);
        g_string_append_printf (line, "\t%s %s", gtk_tree_view_column_get_title (column), text);
    }
    return g_string_free (line, FALSE);
}
