/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names the present moment; see mark_button.h. */
#include "app/mark_button.h"

#include <glib/gi18n.h>

struct _HsMarkButton {
    GtkMenuButton parent_instance;

    GtkPopover *popover;
    GtkEntry *name;

    HsLive *live;
    HsDocument *document;
};

G_DEFINE_TYPE (HsMarkButton, hs_mark_button, GTK_TYPE_MENU_BUTTON)

static void on_toggled (HsMarkButton *self)
{
    g_autofree char *name = NULL;

    if (self->document == NULL || !gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self)))
        return;
    /* Translators: the name that is offered for a mark: "mark 3" */
    name = g_strdup_printf (_ ("mark %u"), hs_document_get_info (self->document)->marks->len + 1);
    gtk_entry_set_text (self->name, name);
    gtk_widget_grab_focus (GTK_WIDGET (self->name));
}

static void on_name_activate (GtkWidget *widget, HsMarkButton *self)
{
    g_autofree char *name = g_strstrip (g_strdup (gtk_entry_get_text (self->name)));

    if (name[0] == '\0')
        return;
    hs_live_mark (self->live, name);
    gtk_popover_popdown (self->popover);
}

void hs_mark_button_set_live (HsMarkButton *self, HsLive *live, HsDocument *document)
{
    g_return_if_fail (HS_IS_MARK_BUTTON (self) && self->live == NULL);
    self->live = g_object_ref (live);
    self->document = g_object_ref (document);
}

void hs_mark_button_open (HsMarkButton *self)
{
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self), TRUE);
}

static void hs_mark_button_dispose (GObject *object)
{
    HsMarkButton *self = HS_MARK_BUTTON (object);

    g_clear_object (&self->live);
    g_clear_object (&self->document);
    G_OBJECT_CLASS (hs_mark_button_parent_class)->dispose (object);
}

static void hs_mark_button_class_init (HsMarkButtonClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_mark_button_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/mark_button.ui");
    gtk_widget_class_bind_template_child (widget_class, HsMarkButton, popover);
    gtk_widget_class_bind_template_child (widget_class, HsMarkButton, name);
    gtk_widget_class_bind_template_callback (widget_class, on_name_activate);
}

static void hs_mark_button_init (HsMarkButton *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
    g_signal_connect (self, "toggled", G_CALLBACK (on_toggled), NULL);
}
