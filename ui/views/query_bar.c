/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row of chips; see query_bar.h. Buttons name actions of the window. */
#include "views/query_bar.h"

#include "model/chips.h"

#include <glib/gi18n.h>

#define CHIPS_IN_ROW 3u

struct _HsQueryBar {
    GtkBox parent_instance;

    GtkBox *chips, *more_chips;    /* those that have no room beside the entry stand below */
    GtkBuilder *parts[HS_N_CHIPS]; /* of each chip that is shown */
    GtkLabel *whole;               /* what stands there without chips */
    GtkEntry *entry;
    GtkLabel *wrong; /* about what is in the entry */

    HsSelection *selection;
    gboolean is_typing, is_applying;
    struct hs_filter base; /* the terms when typing began */
};

G_DEFINE_TYPE (HsQueryBar, hs_query_bar, GTK_TYPE_BOX)

static void on_remove (GtkButton *button, HsQueryBar *self)
{
    HsChip chip = (HsChip)GPOINTER_TO_INT (g_object_get_data (G_OBJECT (button), "hs-chip"));

    hs_selection_remove_chip (self->selection, chip);
}

static GtkWidget *part_of (HsQueryBar *self, HsChip chip, const char *name)
{
    return GTK_WIDGET (gtk_builder_get_object (self->parts[chip], name));
}

static void make_chip (HsQueryBar *self, HsChip chip, GtkBox *row)
{
    self->parts[chip] = gtk_builder_new_from_resource ("/org/heapstrata/Heapstrata/chip.ui");
    g_object_set_data (G_OBJECT (part_of (self, chip, "remove")), "hs-chip",
                       GINT_TO_POINTER (chip));
    g_signal_connect (part_of (self, chip, "remove"), "clicked", G_CALLBACK (on_remove), self);
    gtk_box_pack_start (row, part_of (self, chip, "chip"), FALSE, FALSE, 0);
}

static void set_text (HsQueryBar *self, HsChip chip, const char *text)
{
    g_autofree char *exact = hs_chip_exact_text (self->selection, chip);
    g_autofree char *name = g_strdup_printf (_ ("Remove %s"), text);
    GtkWidget *label = part_of (self, chip, "label"), *button = part_of (self, chip, "remove");

    gtk_label_set_text (GTK_LABEL (label), text);
    gtk_widget_set_tooltip_text (label, exact);
    gtk_widget_set_tooltip_text (button, name);
    atk_object_set_name (gtk_widget_get_accessible (button), name);
}

/* ---- the entry ---- */

static void show_wrong (HsQueryBar *self, const char *phrase)
{
    GtkStyleContext *style = gtk_widget_get_style_context (GTK_WIDGET (self->entry));
    AtkObject *accessible = gtk_widget_get_accessible (GTK_WIDGET (self->entry));

    if (phrase != NULL)
        gtk_style_context_add_class (style, GTK_STYLE_CLASS_ERROR);
    else
        gtk_style_context_remove_class (style, GTK_STYLE_CLASS_ERROR);
    gtk_label_set_text (self->wrong, phrase != NULL ? phrase : "");
    gtk_widget_set_tooltip_text (GTK_WIDGET (self->wrong), phrase);
    gtk_widget_set_visible (GTK_WIDGET (self->wrong), phrase != NULL);
    atk_object_set_description (accessible, phrase != NULL ? phrase : "");
}

/* The terms in the entry become chips, as they do while they are typed. False: one is wrong. */
static gboolean apply (HsQueryBar *self, const char *words)
{
    g_autofree char *phrase = NULL;

    self->is_applying = TRUE;
    phrase = hs_selection_set_words (self->selection, &self->base, words);
    self->is_applying = FALSE;
    show_wrong (self, phrase);
    return phrase == NULL;
}

/* What is chosen stays; the entry is free for more. */
static void end_typing (HsQueryBar *self)
{
    self->is_typing = FALSE;
    show_wrong (self, NULL);
    gtk_entry_set_text (self->entry, "");
}

static void on_typed (GtkEntry *entry, HsQueryBar *self)
{
    const char *words = gtk_entry_get_text (entry);

    if (self->selection == NULL || (!self->is_typing && words[0] == '\0'))
        return;
    if (!self->is_typing)
        self->base = hs_selection_get_state (self->selection)->terms;
    self->is_typing = TRUE;
    (void)apply (self, words);
}

static void on_entered (GtkEntry *entry, HsQueryBar *self)
{
    on_typed (entry, self); /* the last letters may not have been looked at */
    if (self->is_typing && apply (self, gtk_entry_get_text (entry)))
        end_typing (self);
}

/* Escape takes back what is typed, and with it a question under way; then it clears the query. */
static void on_stop (GtkEntry *entry, HsQueryBar *self)
{
    if (self->is_typing) {
        (void)apply (self, "");
        end_typing (self);
    } else if (gtk_entry_get_text_length (entry) > 0) {
        gtk_entry_set_text (entry, ""); /* and not looked at yet */
    } else {
        hs_selection_clear (self->selection);
    }
}

/* A chip was removed, or a step taken back: what is typed is no more what is asked. */
static void update_entry (HsQueryBar *self)
{
    const struct hs_filter *terms = &hs_selection_get_state (self->selection)->terms;
    struct hs_filter typed = self->base;
    struct hs_filter_wrong wrong;

    if (self->is_applying || !self->is_typing)
        return;
    if (!hs_filter_set_words (&typed, gtk_entry_get_text (self->entry), &wrong) ||
        !hs_filter_is_same (&typed, terms))
        end_typing (self);
}

/* ---- chips ---- */

static void remove_chips (HsQueryBar *self)
{
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
        if (self->parts[chip] != NULL)
            gtk_widget_destroy (part_of (self, chip, "chip"));
        g_clear_object (&self->parts[chip]);
    }
}

static void make_chips (HsQueryBar *self, char *const *texts)
{
    guint n = 0;

    remove_chips (self);
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
        if (texts[chip] != NULL)
            make_chip (self, chip, n++ < CHIPS_IN_ROW ? self->chips : self->more_chips);
    }
    gtk_widget_set_visible (GTK_WIDGET (self->whole), n == 0);
    gtk_widget_set_visible (GTK_WIDGET (self->more_chips), n > CHIPS_IN_ROW);
}

/* While a range is dragged only the text of its chip changes. */
static void update (HsQueryBar *self)
{
    char *texts[HS_N_CHIPS];
    gboolean is_same = TRUE;

    update_entry (self);
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
        texts[chip] = hs_chip_text (self->selection, chip);
        is_same &= (texts[chip] != NULL) == (self->parts[chip] != NULL);
    }
    if (!is_same)
        make_chips (self, texts);
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
        if (texts[chip] != NULL)
            set_text (self, chip, texts[chip]);
        g_free (texts[chip]);
    }
}

void hs_query_bar_set_selection (HsQueryBar *self, HsSelection *selection)
{
    g_return_if_fail (HS_IS_QUERY_BAR (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    g_signal_connect_object (selection, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
    update (self);
}

void hs_query_bar_focus (HsQueryBar *self)
{
    gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

static void hs_query_bar_dispose (GObject *object)
{
    HsQueryBar *self = HS_QUERY_BAR (object);

    g_clear_object (&self->selection);
    for (HsChip chip = 0; chip < HS_N_CHIPS; chip++)
        g_clear_object (&self->parts[chip]);
    G_OBJECT_CLASS (hs_query_bar_parent_class)->dispose (object);
}

static void hs_query_bar_class_init (HsQueryBarClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_query_bar_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/query_bar.ui");
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, chips);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, more_chips);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, whole);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, entry);
    gtk_widget_class_bind_template_child (widget_class, HsQueryBar, wrong);
    gtk_widget_class_bind_template_callback (widget_class, on_typed);
    gtk_widget_class_bind_template_callback (widget_class, on_entered);
    gtk_widget_class_bind_template_callback (widget_class, on_stop);
}

static void hs_query_bar_init (HsQueryBar *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
