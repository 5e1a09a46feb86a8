/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a window remembers, and how it tells errors; see window_state.h. */
#include "app/window_state.h"

#include "model/settings.h"

#include <glib/gi18n.h>

gboolean hs_window_state_keeps_index (void)
{
    g_autoptr (GSettings) settings = hs_settings_new ();

    return settings != NULL && g_settings_get_boolean (settings, "keep-index");
}

void hs_window_state_restore (GtkWindow *window, GtkPaned *upper, GtkPaned *side)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    int upper_position = -1, side_position = -1;
    int width = 1280, height = 800;

    if (settings != NULL) {
        width = g_settings_get_int (settings, "window-width");
        height = g_settings_get_int (settings, "window-height");
        upper_position = g_settings_get_int (settings, "upper-pane-position");
        side_position = g_settings_get_int (settings, "side-pane-position");
        if (g_settings_get_boolean (settings, "window-maximized"))
            gtk_window_maximize (window);
    }
    gtk_window_set_default_size (window, width, height);
    gtk_paned_set_position (upper, upper_position >= 0 ? upper_position : height * 36 / 100);
    gtk_paned_set_position (side, side_position >= 0 ? side_position : width - 330);
}

void hs_window_state_save (GtkWindow *window, GtkPaned *upper, GtkPaned *side)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    int width, height;

    if (settings == NULL)
        return;
    g_settings_set_boolean (settings, "window-maximized", gtk_window_is_maximized (window));
    g_settings_set_int (settings, "upper-pane-position", gtk_paned_get_position (upper));
    g_settings_set_int (settings, "side-pane-position", gtk_paned_get_position (side));
    if (gtk_window_is_maximized (window))
        return;
    gtk_window_get_size (window, &width, &height);
    g_settings_set_int (settings, "window-width", CLAMP (width, 320, 32767));
    g_settings_set_int (settings, "window-height", CLAMP (height, 240, 32767));
}

static const char *headline_of (enum hs_status status)
{
    switch (status) {
    case HS_DAMAGED:
        return _ ("The file is damaged");
    case HS_UNSUPPORTED:
        return _ ("The file is of a kind that is not read");
    case HS_TOO_LARGE:
        return _ ("The file is larger than can be read");
    case HS_NO_MEMORY:
        return _ ("Memory ran out");
    case HS_IO:
        return _ ("The file could not be read");
    case HS_OK:
    case HS_END:
    case HS_AGAIN:
    case HS_CANCELLED:
        break;
    }
    return _ ("The file could not be opened");
}

void hs_window_state_show_error (GtkInfoBar *bar, GtkLabel *title, GtkLabel *text,
                                 const char *headline, const char *sentence)
{
    gtk_label_set_text (title, headline);
    gtk_label_set_text (text, sentence);
    gtk_widget_set_visible (GTK_WIDGET (text), sentence[0] != '\0');
    gtk_widget_show (GTK_WIDGET (bar));
}

void hs_window_state_show_failure (GtkInfoBar *bar, GtkLabel *title, GtkLabel *text,
                                   HsDocument *document)
{
    const struct hs_error *error = hs_document_get_error (document);
    g_autofree char *sentence = g_utf8_make_valid (error->text, -1);

    hs_window_state_show_error (bar, title, text, headline_of (error->status), sentence);
}
