/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pointer, touch and keyboard of a chart; see chart.h. */
#include "views/chart_private.h"

#include <math.h>

#define DRAG_THRESHOLD 4.0 /* pixels before a click becomes a drag */
#define ZOOM_STEP 1.5
#define PAGES 10 /* Page Up and Down go by a tenth of the marks */

/* The mark at a place, or the nearest one while something is dragged beyond the edge. */
static int mark_near (HsChart *self, double x, double y)
{
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    int n = hs_chart_n_marks (self);
    struct hs_rect first, last;
    int mark = class->mark_at (self, x, y);

    if (mark != HS_CHART_WHOLE || n == 0 || !class->mark_rect (self, 0, &first) ||
        !class->mark_rect (self, n - 1, &last))
        return mark;
    if (x <= first.x)
        return 0;
    if (x >= last.x)
        return n - 1;
    return class->mark_at (self, x, first.y + first.height / 2);
}

static void select_to (HsChart *self, int anchor, int mark)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);

    if (class->select == NULL || anchor == HS_CHART_WHOLE || mark == HS_CHART_WHOLE)
        return;
    class->select (self, anchor, mark, priv->has_selected ? HS_STEP_CONTINUED : HS_STEP_NEW);
    priv->has_selected = TRUE;
}

/* In a trace that grows the times stay under pointer and cursor until the hand is off. */
static void hold_axis (HsChart *self, gboolean is_held)
{
    HsSelection *selection = hs_chart_get_private (self)->selection;

    if (selection != NULL)
        hs_time_axis_set_held (hs_selection_get_axis (selection), is_held);
}

static gboolean hs_chart_button_press (GtkWidget *widget, GdkEventButton *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    int mark = mark_near (self, event->x, event->y);

    gtk_widget_grab_focus (widget);
    if (event->type == GDK_2BUTTON_PRESS && event->button == GDK_BUTTON_PRIMARY) {
        priv->drag = HS_DRAG_NONE;
        if (class->fit != NULL)
            class->fit (self);
        return GDK_EVENT_STOP;
    }
    if (event->type != GDK_BUTTON_PRESS)
        return GDK_EVENT_PROPAGATE;
    priv->drag_x = event->x;
    priv->drag_mark = mark;
    priv->has_selected = FALSE;
    if (event->button == GDK_BUTTON_MIDDLE ||
        (event->button == GDK_BUTTON_PRIMARY && priv->is_space_down)) {
        priv->drag = HS_DRAG_PAN;
        return GDK_EVENT_STOP;
    }
    if (event->button != GDK_BUTTON_PRIMARY)
        return GDK_EVENT_PROPAGATE;
    if ((event->state & GDK_SHIFT_MASK) != 0) {
        if (class->extend != NULL && mark != HS_CHART_WHOLE)
            class->extend (self, mark);
        return GDK_EVENT_STOP;
    }
    priv->drag = HS_DRAG_PRESSED;
    hold_axis (self, TRUE);
    return GDK_EVENT_STOP;
}

static gboolean hs_chart_button_release (GtkWidget *widget, GdkEventButton *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    HsDrag drag = priv->drag;

    priv->drag = HS_DRAG_NONE;
    hold_axis (self, FALSE);
    if (drag == HS_DRAG_PRESSED && priv->drag_mark != HS_CHART_WHOLE) {
        hs_chart_set_cursor (self, priv->drag_mark);
        if (class->choose != NULL)
            class->choose (self, priv->drag_mark);
    }
    gtk_widget_queue_draw (widget);
    return drag == HS_DRAG_NONE ? GDK_EVENT_PROPAGATE : GDK_EVENT_STOP;
}

static gboolean hs_chart_motion (GtkWidget *widget, GdkEventMotion *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    int mark = mark_near (self, event->x, event->y);

    if (priv->drag == HS_DRAG_PRESSED && fabs (event->x - priv->drag_x) >= DRAG_THRESHOLD)
        priv->drag = HS_DRAG_SELECT;
    if (priv->drag == HS_DRAG_SELECT) {
        select_to (self, priv->drag_mark, mark);
    } else if (priv->drag == HS_DRAG_PAN && class->pan != NULL) {
        class->pan (self, (priv->drag_x - event->x) / gtk_widget_get_allocated_width (widget));
        priv->drag_x = event->x;
    } else if (priv->drag == HS_DRAG_NONE) {
        mark = class->mark_at (self, event->x, event->y);
    }
    if (mark != priv->hover) {
        priv->hover = mark;
        hs_chart_tell (self, mark);
        gtk_widget_queue_draw (widget);
    }
    return GDK_EVENT_PROPAGATE;
}

static gboolean hs_chart_leave (GtkWidget *widget, GdkEventCrossing *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);

    priv->hover = HS_CHART_WHOLE;
    hs_chart_tell (self, gtk_widget_has_focus (widget) ? priv->cursor : HS_CHART_WHOLE);
    gtk_widget_queue_draw (widget);
    return GDK_EVENT_PROPAGATE;
}

static gboolean hs_chart_scroll (GtkWidget *widget, GdkEventScroll *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    double dx = 0, dy = 0;

    if (class->zoom == NULL)
        return GDK_EVENT_PROPAGATE;
    if (event->direction == GDK_SCROLL_SMOOTH) {
        dx = event->delta_x;
        dy = event->delta_y;
    } else if (event->direction == GDK_SCROLL_UP || event->direction == GDK_SCROLL_DOWN) {
        dy = event->direction == GDK_SCROLL_UP ? -1 : 1;
    } else {
        dx = event->direction == GDK_SCROLL_LEFT ? -1 : 1;
    }
    if ((event->state & GDK_SHIFT_MASK) != 0 && dx == 0) {
        dx = dy;
        dy = 0;
    }
    if (dx != 0 && class->pan != NULL)
        class->pan (self, dx * 0.08);
    if (dy != 0)
        class->zoom (self, event->x, pow (ZOOM_STEP, dy));
    return GDK_EVENT_STOP;
}

static void on_pinch_begin (GtkGesture *gesture, GdkEventSequence *sequence, HsChart *self)
{
    hs_chart_get_private (self)->pinch_scale = 1;
}

static void on_pinch (GtkGestureZoom *gesture, double scale, HsChart *self)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    double x, y;

    if (class->zoom == NULL || scale <= 0 ||
        !gtk_gesture_get_bounding_box_center (GTK_GESTURE (gesture), &x, &y))
        return;
    class->zoom (self, x, priv->pinch_scale / scale);
    priv->pinch_scale = scale;
}

/* Moves the keyboard's mark; with Shift the selection grows along. */
static void move_cursor (HsChart *self, int mark, GdkModifierType modifiers)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    int n = hs_chart_n_marks (self), before = priv->cursor;

    if (n == 0)
        return;
    mark = CLAMP (mark, 0, n - 1);
    hs_chart_set_cursor (self, mark);
    if ((modifiers & GDK_SHIFT_MASK) == 0) {
        priv->anchor = HS_CHART_WHOLE;
        return;
    }
    hold_axis (self, TRUE);
    if (priv->anchor == HS_CHART_WHOLE) {
        priv->anchor = before == HS_CHART_WHOLE ? mark : before;
        priv->has_selected = FALSE;
    }
    select_to (self, priv->anchor, mark);
}

static void copy_sentence (HsChart *self)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    g_autofree char *text = hs_chart_describe (self, priv->cursor);

    gtk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self), GDK_SELECTION_CLIPBOARD),
                            text, -1);
}

/* Zooms about the cursor, or the middle. */
static void zoom_by_key (HsChart *self, double factor)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);
    double x = gtk_widget_get_allocated_width (GTK_WIDGET (self)) / 2.0;
    struct hs_rect rect;

    if (class->zoom == NULL)
        return;
    if (priv->cursor != HS_CHART_WHOLE && class->mark_rect (self, priv->cursor, &rect))
        x = rect.x + rect.width / 2;
    class->zoom (self, x, factor);
}

/* Keys that move the cursor; the mark to go to, or HS_CHART_WHOLE when the key is another. */
static int goal_of (HsChart *self, guint key)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    int n = hs_chart_n_marks (self), page = MAX (1, n / PAGES);
    int here = priv->cursor;

    if (here == HS_CHART_WHOLE && (key == GDK_KEY_Left || key == GDK_KEY_KP_Left))
        here = n;
    switch (key) {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
        return MAX (0, here - 1);
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
        return here + 1;
    case GDK_KEY_Page_Up:
        return MAX (0, here - page);
    case GDK_KEY_Page_Down:
        return here + page;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
        return 0;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
        return MAX (0, n - 1);
    default:
        return HS_CHART_WHOLE;
    }
}

static gboolean do_key (HsChart *self, guint key, GdkModifierType modifiers)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    HsChartClass *class = HS_CHART_GET_CLASS (self);

    switch (key) {
    case GDK_KEY_plus:
    case GDK_KEY_equal:
    case GDK_KEY_KP_Add:
        zoom_by_key (self, 1 / ZOOM_STEP);
        return class->zoom != NULL;
    case GDK_KEY_minus:
    case GDK_KEY_KP_Subtract:
        zoom_by_key (self, ZOOM_STEP);
        return class->zoom != NULL;
    case GDK_KEY_0:
    case GDK_KEY_KP_0:
        if (class->fit != NULL)
            class->fit (self);
        return class->fit != NULL;
    case GDK_KEY_Return:
    case GDK_KEY_KP_Enter:
        if (class->choose != NULL && priv->cursor != HS_CHART_WHOLE)
            class->choose (self, priv->cursor);
        return TRUE;
    case GDK_KEY_Escape: /* the window's command clears the query */
        priv->anchor = HS_CHART_WHOLE;
        hs_chart_set_cursor (self, HS_CHART_WHOLE);
        return FALSE;
    case GDK_KEY_space:
        priv->is_space_down = TRUE;
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean hs_chart_key_press (GtkWidget *widget, GdkEventKey *event)
{
    HsChart *self = HS_CHART (widget);
    GdkModifierType modifiers = event->state & gtk_accelerator_get_default_mod_mask ();
    int goal;

    if ((modifiers & GDK_CONTROL_MASK) != 0) {
        if (event->keyval != GDK_KEY_c)
            return GDK_EVENT_PROPAGATE;
        copy_sentence (self);
        return GDK_EVENT_STOP;
    }
    if ((modifiers & GDK_MOD1_MASK) != 0)
        return GDK_EVENT_PROPAGATE;
    goal = goal_of (self, event->keyval);
    if (goal != HS_CHART_WHOLE) {
        move_cursor (self, goal, modifiers);
        return GDK_EVENT_STOP;
    }
    return do_key (self, event->keyval, modifiers) ? GDK_EVENT_STOP : GDK_EVENT_PROPAGATE;
}

static gboolean hs_chart_key_release (GtkWidget *widget, GdkEventKey *event)
{
    if (event->keyval == GDK_KEY_space)
        hs_chart_get_private (HS_CHART (widget))->is_space_down = FALSE;
    if (event->keyval == GDK_KEY_Shift_L || event->keyval == GDK_KEY_Shift_R)
        hold_axis (HS_CHART (widget), FALSE);
    return GDK_EVENT_PROPAGATE;
}

static gboolean hs_chart_focus_out (GtkWidget *widget, GdkEventFocus *event)
{
    HsChart *self = HS_CHART (widget);
    HsChartPrivate *priv = hs_chart_get_private (self);

    priv->is_space_down = FALSE;
    hold_axis (self, FALSE);
    hs_chart_tell (self, priv->hover);
    gtk_widget_queue_draw (widget);
    return GDK_EVENT_PROPAGATE;
}

static gboolean hs_chart_focus_in (GtkWidget *widget, GdkEventFocus *event)
{
    HsChart *self = HS_CHART (widget);

    hs_chart_tell (self, hs_chart_get_private (self)->cursor);
    hs_chart_accessible_cursor_moved (self);
    gtk_widget_queue_draw (widget);
    return GDK_EVENT_PROPAGATE;
}

void hs_chart_input_class_init (HsChartClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    widget_class->button_press_event = hs_chart_button_press;
    widget_class->button_release_event = hs_chart_button_release;
    widget_class->motion_notify_event = hs_chart_motion;
    widget_class->leave_notify_event = hs_chart_leave;
    widget_class->scroll_event = hs_chart_scroll;
    widget_class->key_press_event = hs_chart_key_press;
    widget_class->key_release_event = hs_chart_key_release;
    widget_class->focus_in_event = hs_chart_focus_in;
    widget_class->focus_out_event = hs_chart_focus_out;
}

void hs_chart_input_init (HsChart *self)
{
    HsChartPrivate *priv = hs_chart_get_private (self);
    GtkWidget *widget = GTK_WIDGET (self);

    gtk_widget_set_can_focus (widget, TRUE);
    gtk_widget_set_has_tooltip (widget, TRUE);
    gtk_widget_add_events (widget, GDK_POINTER_MOTION_MASK | GDK_BUTTON_PRESS_MASK |
                                       GDK_BUTTON_RELEASE_MASK | GDK_LEAVE_NOTIFY_MASK |
                                       GDK_SCROLL_MASK | GDK_SMOOTH_SCROLL_MASK |
                                       GDK_TOUCHPAD_GESTURE_MASK | GDK_KEY_PRESS_MASK |
                                       GDK_KEY_RELEASE_MASK | GDK_FOCUS_CHANGE_MASK);
    priv->pinch = gtk_gesture_zoom_new (widget);
    g_signal_connect (priv->pinch, "begin", G_CALLBACK (on_pinch_begin), self);
    g_signal_connect (priv->pinch, "scale-changed", G_CALLBACK (on_pinch), self);
}
