/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program; see application.h. */
#include "app/application.h"

#include "app/actions.h"
#include "app/window.h"
#include "app/window_state.h"
#include "model/settings.h"

#include <glib/gi18n.h>

#define ID "org.heapstrata.Heapstrata"

/* How often, and how many times in a row, a window must be settled before its picture is taken. */
#define PICTURE_LOOK_MS 100
#define PICTURE_LOOKS 4
#define PICTURE_WIDTH 1280
#define PICTURE_HEIGHT 800

struct _HsApplication {
    GtkApplication parent_instance;

    /* of --screenshot and its companions; such a process serves no one else */
    char *picture, *range, *filter, *view;
    gboolean is_dark;
    int looks;
    int status;
};

G_DEFINE_TYPE (HsApplication, hs_application, GTK_TYPE_APPLICATION)

/* ---- the picture of --screenshot ---- */

static gboolean has_start_options (HsApplication *self)
{
    return self->range != NULL || self->filter != NULL || self->view != NULL;
}

static void apply_start_options (HsApplication *self, HsWindow *window)
{
    if (self->range != NULL) {
        double from, to;
        char *end;

        from = g_ascii_strtod (self->range, &end);
        to = *end == ':' ? g_ascii_strtod (end + 1, NULL) : from;
        g_action_group_activate_action (G_ACTION_GROUP (window), "select-range",
                                        g_variant_new ("(dd)", from, to));
        g_clear_pointer (&self->range, g_free);
    }
    if (self->filter != NULL)
        g_action_group_activate_action (G_ACTION_GROUP (window), "filter",
                                        g_variant_new_string (self->filter));
    g_clear_pointer (&self->filter, g_free);
    if (self->view != NULL)
        g_action_group_activate_action (G_ACTION_GROUP (window), "view",
                                        g_variant_new_string (self->view));
    g_clear_pointer (&self->view, g_free);
}

/* A picture is of one size, title bar included, without what the pointer happens to stand on. */
static void prepare_picture (GtkWindow *window)
{
    GdkSeat *seat = gdk_display_get_default_seat (gtk_widget_get_display (GTK_WIDGET (window)));
    GdkScreen *screen = gtk_window_get_screen (window);

    gtk_window_resize (window, PICTURE_WIDTH,
                       PICTURE_HEIGHT -
                           gtk_widget_get_allocated_height (gtk_window_get_titlebar (window)));
    gdk_device_warp (gdk_seat_get_pointer (seat), screen, PICTURE_WIDTH + 200,
                     PICTURE_HEIGHT + 200);
}

static gboolean on_picture (gpointer data)
{
    HsApplication *self = data;
    GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));
    g_autoptr (GError) error = NULL;

    if (window == NULL)
        return G_SOURCE_REMOVE;
    if (self->picture != NULL && self->looks == 0)
        prepare_picture (window);
    if (!hs_window_is_settled (HS_WINDOW (window))) {
        self->looks = 0;
        return G_SOURCE_CONTINUE;
    }
    if (has_start_options (self)) {
        apply_start_options (self, HS_WINDOW (window));
        return G_SOURCE_CONTINUE;
    }
    if (++self->looks < PICTURE_LOOKS)
        return G_SOURCE_CONTINUE;
    if (self->picture != NULL) {
        if (!hs_window_save_picture (HS_WINDOW (window), self->picture, &error)) {
            g_printerr ("heapstrata-viewer: %s\n", error->message);
            self->status = 1;
        }
        gtk_widget_destroy (GTK_WIDGET (window));
    }
    return G_SOURCE_REMOVE;
}

/* ---- look ---- */

static void prefer_dark (const char *appearance)
{
    GtkSettings *settings = gtk_settings_get_default ();

    if (settings == NULL)
        return;
    if (g_str_equal (appearance, "system"))
        gtk_settings_reset_property (settings, "gtk-application-prefer-dark-theme");
    else
        g_object_set (settings, "gtk-application-prefer-dark-theme",
                      g_str_equal (appearance, "dark"), NULL);
}

void hs_application_set_appearance (GtkApplication *application, const char *appearance)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (application), "appearance");

    if (!g_str_equal (appearance, "light") && !g_str_equal (appearance, "dark"))
        appearance = "system";
    g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (appearance));
    prefer_dark (appearance);
    if (settings != NULL)
        g_settings_set_string (settings, "appearance", appearance);
}

static void restore_appearance (HsApplication *self)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    g_autofree char *appearance = NULL;
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), "appearance");

    if (self->is_dark)
        appearance = g_strdup ("dark");
    else if (settings != NULL)
        appearance = g_settings_get_string (settings, "appearance");
    else
        appearance = g_strdup ("system");
    g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (appearance));
    prefer_dark (appearance);
}

static void load_style (void)
{
    g_autoptr (GtkCssProvider) provider = gtk_css_provider_new ();

    gtk_css_provider_load_from_resource (provider, "/org/heapstrata/Heapstrata/style.css");
    gtk_style_context_add_provider_for_screen (gdk_screen_get_default (),
                                               GTK_STYLE_PROVIDER (provider),
                                               GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

void hs_application_show_about (GtkApplication *application)
{
    gtk_show_about_dialog (gtk_application_get_active_window (application), "program-name",
                           _ ("Heapstrata"), "version", HS_VERSION, "logo-icon-name", ID,
                           "comments", _ ("Shows what a program's heap is made of, over time"),
                           "license-type", GTK_LICENSE_GPL_3_0, "copyright",
                           _ ("The Heapstrata developers"), "translator-credits",
                           _ ("translator-credits"), NULL);
}

/* ---- life ---- */

static void hs_application_startup (GApplication *application)
{
    G_APPLICATION_CLASS (hs_application_parent_class)->startup (application);
    gtk_window_set_default_icon_name (ID);
    hs_actions_add_to_application (GTK_APPLICATION (application));
    restore_appearance (HS_APPLICATION (application));
    load_style ();
}

static void hs_application_activate (GApplication *application)
{
    GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (application));

    if (window == NULL)
        window = GTK_WINDOW (hs_window_new (GTK_APPLICATION (application)));
    gtk_window_present (window);
    if (HS_APPLICATION (application)->picture != NULL)
        g_timeout_add (PICTURE_LOOK_MS, on_picture, application);
}

/* Files given together are those of one session. */
static void hs_application_open (GApplication *application, GFile **files, int n_files,
                                 const char *hint)
{
    HsApplication *self = HS_APPLICATION (application);
    GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (application));

    if (window == NULL || !HS_IS_WINDOW (window) || !hs_window_is_free (HS_WINDOW (window)))
        window = GTK_WINDOW (hs_window_new (GTK_APPLICATION (application)));
    gtk_window_present (window);
    hs_window_open_files (HS_WINDOW (window), files, (gsize)n_files);
    if (self->picture != NULL || has_start_options (self))
        g_timeout_add (PICTURE_LOOK_MS, on_picture, application);
}

static int hs_application_handle_local_options (GApplication *application, GVariantDict *options)
{
    HsApplication *self = HS_APPLICATION (application);

    if (g_variant_dict_contains (options, "version")) {
        g_print ("heapstrata-viewer %s\n", HS_VERSION);
        return 0;
    }
    g_variant_dict_lookup (options, "screenshot", "^ay", &self->picture);
    g_variant_dict_lookup (options, "range", "s", &self->range);
    g_variant_dict_lookup (options, "filter", "s", &self->filter);
    g_variant_dict_lookup (options, "view", "s", &self->view);
    g_variant_dict_lookup (options, "dark", "b", &self->is_dark);
    if (self->picture != NULL || has_start_options (self) || self->is_dark)
        g_application_set_flags (application,
                                 g_application_get_flags (application) | G_APPLICATION_NON_UNIQUE);
    return -1;
}

static void hs_application_finalize (GObject *object)
{
    HsApplication *self = HS_APPLICATION (object);

    g_free (self->picture);
    g_free (self->range);
    g_free (self->filter);
    g_free (self->view);
    G_OBJECT_CLASS (hs_application_parent_class)->finalize (object);
}

static void hs_application_class_init (HsApplicationClass *class)
{
    GApplicationClass *application_class = G_APPLICATION_CLASS (class);

    G_OBJECT_CLASS (class)->finalize = hs_application_finalize;
    application_class->startup = hs_application_startup;
    application_class->activate = hs_application_activate;
    application_class->open = hs_application_open;
    application_class->handle_local_options = hs_application_handle_local_options;
}

static void hs_application_init (HsApplication *self)
{
    static const GOptionEntry options[] = {
        { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Tell the version"), NULL },
        { "range", 0, 0, G_OPTION_ARG_STRING, NULL,
          N_ ("Start with this range selected, in seconds"), N_ ("FROM:TO") },
        { "filter", 0, 0, G_OPTION_ARG_STRING, NULL,
          N_ ("Start with this filter, as in the window's entry: png_read size:4k.."),
          N_ ("WORDS") },
        { "view", 0, 0, G_OPTION_ARG_STRING, NULL,
          N_ ("Start with this view: top-down, bottom-up, freed-by, marks, findings, symbols, "
              "source"),
          N_ ("VIEW") },
        { "dark", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Start with the dark theme"), NULL },
        { "screenshot", 0, 0, G_OPTION_ARG_FILENAME, NULL,
          N_ ("Save a picture of the window once everything is shown, and end"), N_ ("FILE.png") },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    g_application_add_main_option_entries (G_APPLICATION (self), options);
    g_application_set_option_context_parameter_string (G_APPLICATION (self), _ ("[FILE…]"));
    g_application_set_option_context_summary (
        G_APPLICATION (self),
        _ ("Shows a heap trace. Several files of one recording session open as one trace."));
}

HsApplication *hs_application_new (void)
{
    return g_object_new (HS_TYPE_APPLICATION, "application-id", ID, "flags",
                         G_APPLICATION_HANDLES_OPEN, "resource-base-path",
                         "/org/heapstrata/Heapstrata", NULL);
}

int hs_application_get_status (HsApplication *self)
{
    return self->status;
}
