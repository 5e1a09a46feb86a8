/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes over time in a cell; see spark_renderer.h. */
#include "views/spark_renderer.h"

#include "draw/sparkline_painter.h"
#include "views/chart_style.h"

#define MARGIN_X 5
#define MARGIN_Y 4

struct _HsSparkRenderer {
    GtkCellRendererText parent_instance;

    const struct hs_row_curve *curve;
    guint n_columns;
};

G_DEFINE_TYPE (HsSparkRenderer, hs_spark_renderer, GTK_TYPE_CELL_RENDERER_TEXT)

static void hs_spark_renderer_render (GtkCellRenderer *renderer, cairo_t *cr, GtkWidget *widget,
                                      const GdkRectangle *background, const GdkRectangle *cell,
                                      GtkCellRendererState flags)
{
    HsSparkRenderer *self = HS_SPARK_RENDERER (renderer);
    struct hs_rect area = { cell->x + MARGIN_X, cell->y + MARGIN_Y, cell->width - 2 * MARGIN_X,
                            cell->height - 2 * MARGIN_Y };
    struct hs_draw_style style;

    if (self->curve == NULL || area.width < 1 || area.height < 1)
        return;
    hs_chart_style_init (&style, widget);
    hs_draw_sparkline (cr, &style, area, self->curve, self->n_columns);
}

void hs_spark_renderer_set_curve (HsSparkRenderer *self, const struct hs_row_curve *curve,
                                  guint n_columns)
{
    self->curve = curve;
    self->n_columns = n_columns;
}

static void hs_spark_renderer_class_init (HsSparkRendererClass *class)
{
    GTK_CELL_RENDERER_CLASS (class)->render = hs_spark_renderer_render;
}

static void hs_spark_renderer_init (HsSparkRenderer *self)
{
}

GtkCellRenderer *hs_spark_renderer_new (void)
{
    return g_object_new (HS_TYPE_SPARK_RENDERER, NULL);
}
