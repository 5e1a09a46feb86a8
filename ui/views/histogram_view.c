/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocation sizes; see histogram_view.h. */
#include "views/histogram_view.h"

#include "draw/histogram_painter.h"
#include "draw/label.h"

#include <glib/gi18n.h>

struct _HsHistogramView {
    HsChart parent_instance;

    struct hs_histogram *histogram;
    struct hs_rect area;
};

G_DEFINE_TYPE (HsHistogramView, hs_histogram_view, HS_TYPE_CHART)

static struct hs_histogram_look look_of (HsHistogramView *self)
{
    HsSelection *selection = hs_chart_get_selection (HS_CHART (self));
    const HsQueryState *state = hs_selection_get_state (selection);
    struct hs_histogram_look look = { .metric = state->metric, .unit = state->unit };

    if (!hs_selection_get_sizes (selection, &look.selected_first, &look.selected_last)) {
        look.selected_first = 1;
        look.selected_last = 0;
    }
    return look;
}

static guint class_of (HsHistogramView *self, int mark)
{
    return self->histogram->first + (guint)mark;
}

static void hs_histogram_view_layout (HsChart *chart, const struct hs_draw_style *style,
                                      struct hs_rect area)
{
    HS_HISTOGRAM_VIEW (chart)->area = area;
}

static void hs_histogram_view_paint (HsChart *chart, cairo_t *cr, const struct hs_draw_style *style)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);
    struct hs_histogram_look look;

    if (self->histogram == NULL)
        return;
    if (self->histogram->n == 0) {
        hs_draw_label (cr, style,
                       &(struct hs_text_spot){ .x = self->area.width / 2,
                                               .y = self->area.height / 2,
                                               .align = HS_ALIGN_CENTRE,
                                               .color = style->dim },
                       _ ("Nothing was allocated"));
        return;
    }
    look = look_of (self);
    hs_draw_histogram (cr, style, self->area, self->histogram, &look);
}

static int hs_histogram_view_n_marks (HsChart *chart)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);

    return self->histogram != NULL ? (int)self->histogram->n : 0;
}

static gboolean hs_histogram_view_mark_rect (HsChart *chart, int mark, struct hs_rect *ret)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);

    if (mark < 0 || mark >= hs_histogram_view_n_marks (chart))
        return FALSE;
    *ret = hs_histogram_bar (self->area, self->histogram, class_of (self, mark));
    return TRUE;
}

static int hs_histogram_view_mark_at (HsChart *chart, double x, double y)
{
    int n = hs_histogram_view_n_marks (chart);
    struct hs_rect bar, next;

    for (int i = 0; i < n; i++) {
        if (!hs_histogram_view_mark_rect (chart, i, &bar))
            break;
        /* the gap belongs to both neighbours, half each */
        if (i + 1 < n && hs_histogram_view_mark_rect (chart, i + 1, &next)) {
            if (x < (bar.x + bar.width + next.x) / 2)
                return i == 0 && x < bar.x - bar.width / 2 ? HS_CHART_WHOLE : i;
        } else if (x < bar.x + bar.width * 1.5) {
            return i;
        }
    }
    return HS_CHART_WHOLE;
}

static char *describe_sums (const char *name, const struct hs_size_class_sums *sums)
{
    char count[HS_UNITS_TEXT_SIZE], bytes[HS_UNITS_TEXT_SIZE];
    char left_count[HS_UNITS_TEXT_SIZE], left_bytes[HS_UNITS_TEXT_SIZE];
    char whole_count[HS_UNITS_TEXT_SIZE], whole_bytes[HS_UNITS_TEXT_SIZE];

    /* Translators: a size class; blocks and bytes allocated, outstanding, and in the whole trace */
    return g_strdup_printf (_ ("%s: %s allocated (%s), %s outstanding (%s); whole trace %s (%s)"),
                            name, hs_format_count (sums->count[0] + sums->count[1], count),
                            hs_format_bytes (sums->bytes[0] + sums->bytes[1], bytes),
                            hs_format_count (sums->count[1] + sums->count[3], left_count),
                            hs_format_bytes (sums->bytes[1] + sums->bytes[3], left_bytes),
                            hs_format_count (sums->whole_count, whole_count),
                            hs_format_bytes (sums->whole_bytes, whole_bytes));
}

static char *hs_histogram_view_describe (HsChart *chart, int mark)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);
    char name[HS_UNITS_TEXT_SIZE];

    if (self->histogram == NULL)
        return NULL;
    if (self->histogram->n == 0)
        return g_strdup (_ ("Nothing was allocated"));
    if (mark == HS_CHART_WHOLE)
        return describe_sums (_ ("All sizes"), &self->histogram->total);
    return describe_sums (hs_size_class_text (class_of (self, mark), name),
                          &self->histogram->classes[class_of (self, mark)]);
}

/* A click filters; on the class that is the filter already it takes it away. */
static void hs_histogram_view_choose (HsChart *chart, int mark)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);
    HsSelection *selection = hs_chart_get_selection (chart);
    guint class = class_of (self, mark), first, last;

    if (hs_selection_get_sizes (selection, &first, &last) && first == class && last == class)
        hs_selection_remove_chip (selection, HS_CHIP_TERMS + HS_TERM_SIZE);
    else
        hs_selection_set_sizes (selection, class, class, HS_STEP_NEW);
}

static void hs_histogram_view_select (HsChart *chart, int anchor, int mark, HsStep step)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (chart);

    hs_selection_set_sizes (hs_chart_get_selection (chart), class_of (self, anchor),
                            class_of (self, mark), step);
}

static void hs_histogram_view_extend (HsChart *chart, int mark)
{
    HsSelection *selection = hs_chart_get_selection (chart);
    guint class = class_of (HS_HISTOGRAM_VIEW (chart), mark), first, last;

    if (hs_selection_get_sizes (selection, &first, &last))
        hs_selection_set_sizes (selection, MIN (first, class), MAX (last, class), HS_STEP_NEW);
    else
        hs_selection_set_sizes (selection, class, class, HS_STEP_NEW);
}

void hs_histogram_view_set_histogram (HsHistogramView *self, struct hs_histogram *histogram)
{
    if (histogram == self->histogram)
        return;
    if (self->histogram != NULL)
        hs_histogram_unref (self->histogram);
    self->histogram = hs_histogram_ref (histogram);
    hs_chart_invalidate (HS_CHART (self));
}

guint64 hs_histogram_view_get_ghost_divisor (HsHistogramView *self)
{
    struct hs_histogram_look look = look_of (self);

    return self->histogram == NULL ? 1 : hs_histogram_ghost_divisor (self->histogram, &look);
}

static void hs_histogram_view_finalize (GObject *object)
{
    HsHistogramView *self = HS_HISTOGRAM_VIEW (object);

    if (self->histogram != NULL)
        hs_histogram_unref (self->histogram);
    G_OBJECT_CLASS (hs_histogram_view_parent_class)->finalize (object);
}

static void hs_histogram_view_class_init (HsHistogramViewClass *class)
{
    HsChartClass *chart_class = HS_CHART_CLASS (class);

    G_OBJECT_CLASS (class)->finalize = hs_histogram_view_finalize;
    chart_class->layout = hs_histogram_view_layout;
    chart_class->paint = hs_histogram_view_paint;
    chart_class->n_marks = hs_histogram_view_n_marks;
    chart_class->mark_at = hs_histogram_view_mark_at;
    chart_class->mark_rect = hs_histogram_view_mark_rect;
    chart_class->describe = hs_histogram_view_describe;
    chart_class->choose = hs_histogram_view_choose;
    chart_class->select = hs_histogram_view_select;
    chart_class->extend = hs_histogram_view_extend;
}

static void hs_histogram_view_init (HsHistogramView *self)
{
}
