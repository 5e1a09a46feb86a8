/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row of chips; see query_bar.h. Buttons name actions of the window. */
#include "views/query_bar.h"

#include <glib/gi18n.h>

struct _HsQueryBar {
    GtkBox parent_instance;

    GtkBox *chips;
    GtkLabel *whole; /* what stands there without chips */
    GtkEntry *frames;

    HsSelection *selection;
    gboolean is_typing; /* the change comes from the entry */
};

G_DEFINE_TYPE (HsQueryBar, hs_query_bar, GTK_TYPE_BOX)

/* The exact ends of a range, for who wants to copy them. Free with g_free. */
static char *exact_text (HsQueryBar *self, HsChip chip)
{
    const HsQueryState *state = hs_selection_get_state (self->selection);

    if (chip == HS_CHIP_RANGE && state->to == G_MAXINT64)
        return g_strdup_printf (_ ("From %.9f s on"),
                                hs_selection_seconds (self->selection, state->from));
    if (chip == HS_CHIP_RANGE)
        return g_strdup_printf (_ ("From %.9f s to %.9f s"),
                                hs_selection_seconds (self->selection, state->from),
                                hs_selection_seconds (self->selection, state->to));
    if (chip == HS_CHIP_MOMENT)
        return g_strdup_printf (_ ("At %.9f s"),
                                hs_selection_seconds (self->selection, state->moment));
    return hs_selection_chip_text (self->selection, chip);
}

static void on_remove (GtkButton *button, HsQueryBar *self)
{
    HsChip chip = (HsChip)GPOINTER_TO_INT (g_object_get_data (G_OBJECT (button), "hs-chip"));

    hs_selection_remove_chip (self->selection, chip);
}

static GtkWidget *make_chip (HsQueryBar *self, HsChip chip, const char *text)
{
    g_autoptr (GtkBuilder) builder =
        gtk_builder_new_from_resource ("/org/heapstrata/Heapstrata/chip.ui");
    GtkWidget *widget = GTK_WIDGET (gtk_builder_get_object (builder, "chip"));
    GtkWidget *button = GTK_WIDGET (gtk_builder_get_object (builder, "remove"));
    GtkWidget *label = GTK_WIDGET (gtk_builder_get_object (builder, "label"));
    g_autofree char *exact = exact_text (self, chip);
    g_autofree char *name = g_strdup_printf (_ ("Remove %s"), text);

    gtk_label_set_text (GTK_LABEL (label), text);
    gtk_widget_set_tooltip_text (label, exact);
    gtk_widget_set_tooltip_text (button, name);
    atk_object_set_name (gtk_widget_get_accessible (button), name);
    g_object_set_data (G_OBJECT (button), "hs-chip", GINT_TO_POINTER (chip));
    g_signal_connect (button, "clicked", G_CALLBACK (on_remove), self);
    return g_object_ref (widget);
}

/* Letters typed one after the other are one step back. */
static void on_typed (GtkEntry *entry, HsQueryBar *self)
{
    const char *text = gtk_entry_get_text (entry);
    const char *old =
        self->selection != NULL ? hs_selection_get_state (self->selection)->frames : "";

    if (self->selection == NULL)
        return;
    self->is_typing = TRUE;
    hs_selection_set_frames (self->selection, text,
                             old[0] != '\0' ? HS_STEP_CONTINUED : HS_STEP_NEW);
    self->is_typing = FALSE;
}

static void on_stop (GtkEntry *entry, HsQueryBar *self)
{
    gtk_entry_set_text (entry, "");
}

static void update_frames (HsQueryBar *self)
{
    if (self->is_typing)
        return;
    g_signal_handlers_block_by_func (self->frames, on_typed, self);
    gtk_entry_set_text (self->frames, hs_selection_get_state (self->selection)->frames);
    g_signal_handlers_unblock_by_func (self->frames, on_typed, self);
}

static void update (HsQueryBar *self)
{
    g_autoptr (GList) old = gtk_container_get_children (GTK_CONTAINER (self->chips));
    gboolean has_chip = FALSE;

    update_frames (self);
    for (GList *at = old; at != NULL; at = at->next)
        gtk_widget_destroy (at->data);
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
        g_autofree char *text = hs_selection_chip_text (self->selection, chip);
        g_autoptr (GtkWidget) widget = NULL;

        if (text == NULL)
            continue;
        widget = make_chip (self, chip, text);
        gtk_container_add (GTK_CONTAINER (self->chips), widget);
        has_chip = TRUE;
    }
    gtk_widget_set_visible (GTK_WIDGET (self->whole), !has_chip);
}

static void on_changed (HsQueryBar *self)
{
    update (self);
}

void hs_query_bar_set_selection (HsQueryBar *self, HsSelection *selection)
{
    g_return_if_fail (HS_IS_QUERY_BAR (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    g_signal_connect_object (selection, "changed", G_CALLBACK (on_changed), self,
                             G_CONNECT_SWAPPED);
    update (self);
}

void hs_query_bar_focus (HsQueryBar *self)
{
    gtk_widget_grab_focus (GTK_WIDGET (self->frames));
}

static void hs_query_bar_dispose (GObject *object)
{
    g_clear_object (&HS_QUERY_BAR (object)->selection);
    G_OBJECT_CLASS (hs_query_bar_parent_class)->dispose (object);
}

static void hs_query_bar_class_init (HsQueryBarClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_query_bar_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/query_bar.ui");
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, chips);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, whole);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, frames);
    gtk_widget_class_bind_template_callback (widget_class, on_typed);
    gtk_widget_class_bind_template_callback (widget_class, on_stop);
}

static void hs_query_bar_init (HsQueryBar *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
