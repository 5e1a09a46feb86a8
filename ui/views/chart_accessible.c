/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A chart for assistive technology: role chart, the summary as its description, one child per mark
 * made when asked for. Focus follows the keyboard cursor.
 */
#include "views/chart_private.h"

#include <gtk/gtk-a11y.h>

/* ---- a mark ---- */

typedef struct {
    AtkObject parent_instance;
    GtkWidget *chart; /* weak */
    int mark;
} HsMarkAccessible;

typedef AtkObjectClass HsMarkAccessibleClass;

static void mark_component_init (AtkComponentIface *iface);
static GType hs_mark_accessible_get_type (void);
G_DEFINE_TYPE_WITH_CODE (HsMarkAccessible, hs_mark_accessible, ATK_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (ATK_TYPE_COMPONENT, mark_component_init))

#define MARK(object) ((HsMarkAccessible *)(object))

static const char *mark_get_name (AtkObject *object)
{
    HsMarkAccessible *self = MARK (object);
    g_autofree char *text = NULL;

    if (self->chart == NULL)
        return "";
    text = hs_chart_describe (HS_CHART (self->chart), self->mark);
    /* keeps the text; not through set_name, which would tell of a change */
    g_free (object->name);
    object->name = g_steal_pointer (&text);
    return object->name;
}

static AtkObject *mark_get_parent (AtkObject *object)
{
    return MARK (object)->chart == NULL ? NULL : gtk_widget_get_accessible (MARK (object)->chart);
}

static int mark_get_index (AtkObject *object)
{
    return MARK (object)->mark;
}

static AtkStateSet *mark_ref_states (AtkObject *object)
{
    HsMarkAccessible *self = MARK (object);
    AtkStateSet *states = atk_state_set_new ();

    if (self->chart == NULL) {
        atk_state_set_add_state (states, ATK_STATE_DEFUNCT);
        return states;
    }
    atk_state_set_add_state (states, ATK_STATE_ENABLED);
    atk_state_set_add_state (states, ATK_STATE_FOCUSABLE);
    atk_state_set_add_state (states, ATK_STATE_TRANSIENT);
    if (gtk_widget_get_mapped (self->chart)) {
        atk_state_set_add_state (states, ATK_STATE_VISIBLE);
        atk_state_set_add_state (states, ATK_STATE_SHOWING);
    }
    if (hs_chart_get_cursor (HS_CHART (self->chart)) == self->mark &&
        gtk_widget_has_focus (self->chart))
        atk_state_set_add_state (states, ATK_STATE_FOCUSED);
    return states;
}

static void mark_get_extents (AtkComponent *component, int *x, int *y, int *width, int *height,
                              AtkCoordType type)
{
    HsMarkAccessible *self = MARK (component);
    struct hs_rect rect;
    int chart_width, chart_height;

    *x = *y = *width = *height = -1;
    if (self->chart == NULL ||
        !HS_CHART_GET_CLASS (self->chart)->mark_rect (HS_CHART (self->chart), self->mark, &rect))
        return;
    atk_component_get_extents (ATK_COMPONENT (gtk_widget_get_accessible (self->chart)), x, y,
                               &chart_width, &chart_height, type);
    *x += (int)rect.x;
    *y += (int)rect.y;
    *width = MAX (1, (int)rect.width);
    *height = MAX (1, (int)rect.height);
}

static void mark_component_init (AtkComponentIface *iface)
{
    iface->get_extents = mark_get_extents;
}

static void hs_mark_accessible_finalize (GObject *object)
{
    if (MARK (object)->chart != NULL)
        g_object_remove_weak_pointer (G_OBJECT (MARK (object)->chart),
                                      (gpointer *)&MARK (object)->chart);
    G_OBJECT_CLASS (hs_mark_accessible_parent_class)->finalize (object);
}

static void hs_mark_accessible_class_init (HsMarkAccessibleClass *class)
{
    G_OBJECT_CLASS (class)->finalize = hs_mark_accessible_finalize;
    class->get_name = mark_get_name;
    class->get_parent = mark_get_parent;
    class->get_index_in_parent = mark_get_index;
    class->ref_state_set = mark_ref_states;
}

static void hs_mark_accessible_init (HsMarkAccessible *self)
{
    ATK_OBJECT (self)->role = ATK_ROLE_LIST_ITEM;
}

/* ---- the chart ---- */

typedef struct {
    GtkWidgetAccessible parent_instance;
    GHashTable *marks; /* number -> HsMarkAccessible, those asked for */
} HsChartAccessible;

typedef GtkWidgetAccessibleClass HsChartAccessibleClass;

G_DEFINE_TYPE (HsChartAccessible, hs_chart_accessible, GTK_TYPE_WIDGET_ACCESSIBLE)

static HsChart *chart_of (AtkObject *object)
{
    GtkWidget *widget = gtk_accessible_get_widget (GTK_ACCESSIBLE (object));

    return widget != NULL ? HS_CHART (widget) : NULL;
}

static int chart_get_n_children (AtkObject *object)
{
    HsChart *chart = chart_of (object);

    return chart != NULL ? hs_chart_n_marks (chart) : 0;
}

static AtkObject *chart_ref_child (AtkObject *object, int i)
{
    HsChartAccessible *self = (HsChartAccessible *)object;
    HsChart *chart = chart_of (object);
    HsMarkAccessible *mark;

    if (chart == NULL || i < 0 || i >= hs_chart_n_marks (chart))
        return NULL;
    mark = g_hash_table_lookup (self->marks, GINT_TO_POINTER (i));
    if (mark == NULL) {
        mark = g_object_new (hs_mark_accessible_get_type (), NULL);
        mark->mark = i;
        g_set_weak_pointer (&mark->chart, GTK_WIDGET (chart));
        g_hash_table_insert (self->marks, GINT_TO_POINTER (i), mark);
    }
    return g_object_ref (ATK_OBJECT (mark));
}

static const char *chart_get_description (AtkObject *object)
{
    HsChart *chart = chart_of (object);

    if (chart == NULL)
        return "";
    g_free (object->description);
    object->description = hs_chart_describe (chart, HS_CHART_WHOLE);
    return object->description;
}

static AtkStateSet *chart_ref_states (AtkObject *object)
{
    AtkStateSet *states =
        ATK_OBJECT_CLASS (hs_chart_accessible_parent_class)->ref_state_set (object);

    /* marks are made when asked for: a bridge must not walk them all */
    atk_state_set_add_state (states, ATK_STATE_MANAGES_DESCENDANTS);
    return states;
}

/* the parent's sets the role of any widget */
static void chart_initialize (AtkObject *object, gpointer data)
{
    ATK_OBJECT_CLASS (hs_chart_accessible_parent_class)->initialize (object, data);
    object->role = ATK_ROLE_CHART;
}

static void hs_chart_accessible_finalize (GObject *object)
{
    g_hash_table_unref (((HsChartAccessible *)object)->marks);
    G_OBJECT_CLASS (hs_chart_accessible_parent_class)->finalize (object);
}

static void hs_chart_accessible_class_init (HsChartAccessibleClass *class)
{
    AtkObjectClass *atk_class = ATK_OBJECT_CLASS (class);

    G_OBJECT_CLASS (class)->finalize = hs_chart_accessible_finalize;
    atk_class->initialize = chart_initialize;
    atk_class->get_n_children = chart_get_n_children;
    atk_class->ref_child = chart_ref_child;
    atk_class->get_description = chart_get_description;
    atk_class->ref_state_set = chart_ref_states;
}

static void hs_chart_accessible_init (HsChartAccessible *self)
{
    self->marks = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
}

void hs_chart_accessible_cursor_moved (HsChart *self)
{
    AtkObject *object = gtk_widget_get_accessible (GTK_WIDGET (self));
    int cursor = hs_chart_get_cursor (self);
    g_autoptr (AtkObject) mark = NULL;

    if (cursor == HS_CHART_WHOLE || !gtk_widget_has_focus (GTK_WIDGET (self)))
        return;
    mark = chart_ref_child (object, cursor);
    if (mark == NULL)
        return;
    g_signal_emit_by_name (object, "active-descendant-changed", mark);
    atk_object_notify_state_change (mark, ATK_STATE_FOCUSED, TRUE);
}

/* Names are asked for anew each time; only how many there are may be another. */
void hs_chart_accessible_marks_changed (HsChart *self)
{
    HsChartAccessible *object = (HsChartAccessible *)gtk_widget_get_accessible (GTK_WIDGET (self));
    int n = hs_chart_n_marks (self);
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init (&iter, object->marks);
    while (g_hash_table_iter_next (&iter, &key, NULL))
        if (GPOINTER_TO_INT (key) >= n)
            g_hash_table_iter_remove (&iter);
}
