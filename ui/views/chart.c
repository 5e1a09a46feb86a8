/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture of a chart: its cached layer, its overlay, its style; see chart.h. */
#include "views/chart.h"

#include "views/chart_private.h"
#include "views/chart_style.h"

#include <gtk/gtk-a11y.h>

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (HsChart, hs_chart, GTK_TYPE_DRAWING_AREA)

HsChartPrivate *hs_chart_get_private (HsChart *self)
{
    return hs_chart_get_instance_private (self);
}

static struct hs_rect area_of (HsChart *self)
{
    GtkWidget *widget = GTK_WIDGET (self);

    return (struct hs_rect){ 0, 0, gtk_widget_get_allocated_width (widget),
                             gtk_widget_get_allocated_height (widget) };
}

void hs_chart_do_layout (HsChart *self)
{
    struct hs_draw_style style;

    hs_chart_style_init (&style, GTK_WIDGET (self));
    HS_CHART_GET_CLASS (self)->layout (self, &style, area_of (self));
}

/* Makes the costly layer, in device pixels. */
static void make_picture (HsChart *self, const struct hs_draw_style *style)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    GtkWidget *widget = GTK_WIDGET (self);
    cairo_t *cr;

    priv->width = gtk_widget_get_allocated_width (widget);
    priv->height = gtk_widget_get_allocated_height (widget);
    priv->scale = gtk_widget_get_scale_factor (widget);
    priv->picture = gdk_window_create_similar_image_surface (
        gtk_widget_get_window (widget), CAIRO_FORMAT_ARGB32, MAX (1, priv->width * priv->scale),
        MAX (1, priv->height * priv->scale), priv->scale);
    cr = cairo_create (priv->picture);
    HS_CHART_GET_CLASS (self)->paint (self, cr, style);
    cairo_destroy (cr);
}

static void draw_cursor (HsChart *self, cairo_t *cr, const struct hs_draw_style *style)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    gboolean has_focus = gtk_widget_has_focus (GTK_WIDGET (self));
    struct hs_rect rect;

    if (has_focus && priv->cursor != HS_CHART_WHOLE && class->mark_rect (self, priv->cursor, &rect))
        hs_draw_cursor (cr, style, rect);
    if (priv->hover != HS_CHART_WHOLE && priv->drag == HS_DRAG_NONE &&
        class->mark_rect (self, priv->hover, &rect))
        hs_draw_cursor (cr, style, rect);
}

static gboolean hs_chart_draw (GtkWidget *widget, cairo_t *cr)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    GtkStyleContext *context = gtk_widget_get_style_context (widget);
    struct hs_draw_style style;
    struct hs_rect area = area_of (self);

    gtk_render_background (context, cr, 0, 0, area.width, area.height);
    hs_chart_style_init (&style, widget);
    class->layout (self, &style, area);
    if (priv->picture != NULL &&
        (priv->width != (int)area.width || priv->height != (int)area.height ||
         priv->scale != gtk_widget_get_scale_factor (widget)))
        g_clear_pointer (&priv->picture, cairo_surface_destroy);
    if (priv->picture == NULL)
        make_picture (self, &style);
    cairo_set_source_surface (cr, priv->picture, 0, 0);
    cairo_paint (cr);
    if (class->paint_overlay != NULL)
        class->paint_overlay (self, cr, &style);
    draw_cursor (self, cr, &style);
    if (gtk_widget_has_visible_focus (widget))
        gtk_render_focus (context, cr, 1, 1, area.width - 2, area.height - 2);
    return GDK_EVENT_PROPAGATE;
}

char *hs_chart_describe (HsChart *self, int mark)
{
    char *text = HS_CHART_GET_CLASS (self)->describe (self, mark);

    return text != NULL ? text : g_strdup ("");
}

int hs_chart_n_marks (HsChart *self)
{
    return HS_CHART_GET_CLASS (self)->n_marks (self);
}

void hs_chart_tell (HsChart *self, int mark)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    g_autofree char *text = NULL;

    if (priv->selection == NULL)
        return;
    if (mark != HS_CHART_WHOLE)
        text = hs_chart_describe (self, mark);
    hs_selection_set_hint (priv->selection, text);
}

static gboolean hs_chart_query_tooltip (GtkWidget *widget, int x, int y, gboolean is_keyboard,
                                        GtkTooltip *tooltip)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    int mark = is_keyboard ? priv->cursor : class->mark_at (self, x, y);
    g_autofree char *text = NULL;
    struct hs_rect rect;

    if (mark == HS_CHART_WHOLE || priv->drag != HS_DRAG_NONE)
        return FALSE;
    text = hs_chart_describe (self, mark);
    if (text[0] == '\0')
        return FALSE;
    gtk_tooltip_set_text (tooltip, text);
    if (class->mark_rect (self, mark, &rect))
        gtk_tooltip_set_tip_area (tooltip, &(GdkRectangle){ (int)rect.x, (int)rect.y,
                                                            MAX (1, (int)rect.width),
                                                            MAX (1, (int)rect.height) });
    return TRUE;
}

void hs_chart_invalidate (HsChart *self)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    int n_marks;

    g_clear_pointer (&priv->picture, cairo_surface_destroy);
    if (gtk_widget_get_realized (GTK_WIDGET (self)))
        hs_chart_do_layout (self);
    n_marks = hs_chart_n_marks (self);
    if (priv->cursor >= n_marks)
        priv->cursor = n_marks - 1;
    priv->hover = MIN (priv->hover, n_marks - 1);
    hs_chart_accessible_marks_changed (self);
    gtk_widget_queue_draw (GTK_WIDGET (self));
}

void hs_chart_forget_anchor (HsChart *self)
{
    hs_chart_get_private (self)->anchor = HS_CHART_WHOLE;
}

void hs_chart_redraw_overlay (HsChart *self)
{
    gtk_widget_queue_draw (GTK_WIDGET (self));
}

int hs_chart_get_cursor (HsChart *self)
{
    return hs_chart_get_private (self)->cursor;
}

void hs_chart_set_cursor (HsChart *self, int mark)
{
    HsChartPrivate *priv = hs_chart_get_private (self);

    priv->cursor = CLAMP (mark, HS_CHART_WHOLE, hs_chart_n_marks (self) - 1);
    hs_chart_tell (self, priv->cursor);
    hs_chart_accessible_cursor_moved (self);
    gtk_widget_queue_draw (GTK_WIDGET (self));
}

void hs_chart_set_up (HsChart *self, HsSelection *selection, const char *title)
{
    HsChartPrivate *priv = hs_chart_get_private (self);

    g_set_object (&priv->selection, selection);
    g_free (priv->title);
    priv->title = g_strdup (title);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self)), title);
}

HsSelection *hs_chart_get_selection (HsChart *self)
{
    return hs_chart_get_private (self)->selection;
}

static void hs_chart_style_updated (GtkWidget *widget)
{
    GTK_WIDGET_CLASS (hs_chart_parent_class)->style_updated (widget);
    g_clear_pointer (&hs_chart_get_private (HS_CHART (widget))->picture, cairo_surface_destroy);
}

static void hs_chart_unrealize (GtkWidget *widget)
{
    g_clear_pointer (&hs_chart_get_private (HS_CHART (widget))->picture, cairo_surface_destroy);
    GTK_WIDGET_CLASS (hs_chart_parent_class)->unrealize (widget);
}

static void hs_chart_dispose (GObject *object)
{
    HsChartPrivate *priv = hs_chart_get_private (HS_CHART (object));

    g_clear_object (&priv->pinch);
    g_clear_object (&priv->selection);
    g_clear_pointer (&priv->title, g_free);
    G_OBJECT_CLASS (hs_chart_parent_class)->dispose (object);
}

static void hs_chart_class_init (HsChartClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_chart_dispose;
    widget_class->draw = hs_chart_draw;
    widget_class->query_tooltip = hs_chart_query_tooltip;
    widget_class->style_updated = hs_chart_style_updated;
    widget_class->unrealize = hs_chart_unrealize;
    gtk_widget_class_set_css_name (widget_class, "hschart");
    gtk_widget_class_set_accessible_type (widget_class, hs_chart_accessible_get_type ());
    hs_chart_input_class_init (class);
}

static void hs_chart_init (HsChart *self)
{
    HsChartPrivate *priv = hs_chart_get_private (self);

    priv->cursor = priv->hover = priv->anchor = HS_CHART_WHOLE;
    hs_chart_input_init (self);
}
