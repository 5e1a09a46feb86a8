/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands; see actions.h. A command is one short function and one line. */
#include "app/actions.h"

#include "app/application.h"
#include "app/attach_dialog.h"
#include "app/file_dialog.h"
#include "app/record_dialog.h"
#include "app/window_state.h"
#include "model/settings.h"

#include <glib/gi18n.h>

#define ZOOM_STEP 1.5

typedef struct {
    const char *name; /* with its map: "win." or "app." */
    void (*run) (GtkApplication *application, HsWindow *window, GVariant *parameter);
    const char *parameter_type; /* NULL: none */
    const char *state;          /* of a choice, or "false" of a switch; NULL: neither */
    const char *keys[5];
} Action;

/* ---- the program ---- */

static void run_new_window (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    gtk_window_present (GTK_WINDOW (hs_window_new (application)));
}

static void run_about (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_application_show_about (application);
}

static void run_quit (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    /* each in a turn of its own, and it saves its state */
    for (GList *at = gtk_application_get_windows (application); at != NULL; at = at->next)
        gtk_window_close (at->data);
}

static void run_appearance (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_application_set_appearance (application, g_variant_get_string (parameter, NULL));
}

/* ---- a window ---- */

static void run_open (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_ask_and_open (window);
}

static void run_close (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    gtk_window_close (GTK_WINDOW (window));
}

static void run_cancel_loading (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_document_cancel (hs_window_get_document (window));
}

static void run_record (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_record_dialog_present (GTK_WINDOW (window), hs_window_record);
}

static void run_attach (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_attach_dialog_present (GTK_WINDOW (window), hs_window_attach);
}

static void run_pause (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    HsDocument *document = hs_window_get_document (window);

    hs_document_set_paused (document, !hs_document_is_paused (document));
}

static void run_stop (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_live_stop (hs_window_get_live (window));
}

static void run_mark (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_mark (window);
}

static void run_next_span (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_step_between_marks (hs_window_get_selection (window), 1);
}

static void run_previous_span (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_step_between_marks (hs_window_get_selection (window), -1);
}

static void run_back (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_back (hs_window_get_selection (window));
}

static void run_forward (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_forward (hs_window_get_selection (window));
}

static void run_clear (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_clear (hs_window_get_selection (window));
}

static void run_peak (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_go_to_peak (window);
}

static void run_zoom_in (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_zoom (window, 1 / ZOOM_STEP);
}

static void run_zoom_out (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_zoom (window, ZOOM_STEP);
}

static void run_fit (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_time_axis_fit (hs_selection_get_axis (hs_window_get_selection (window)));
}

static void run_zoom_to_range (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    HsSelection *selection = hs_window_get_selection (window);
    gint64 from, to;

    hs_selection_get_effective_range (selection, &from, &to);
    if (hs_selection_get_state (selection)->has_range)
        hs_time_axis_show (hs_selection_get_axis (selection), from, to);
}

static void run_select_range (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    HsSelection *selection = hs_window_get_selection (window);
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (hs_window_get_document (window));
    double from, to;

    g_variant_get (parameter, "(dd)", &from, &to);
    hs_selection_set_range (selection, hs_snapshot_ticks (snapshot, from),
                            hs_snapshot_ticks (snapshot, to), HS_STEP_NEW);
}

static void run_filter (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    HsSelection *selection = hs_window_get_selection (window);
    const struct hs_filter base = hs_selection_get_state (selection)->terms;
    g_autofree char *phrase =
        hs_selection_set_words (selection, &base, g_variant_get_string (parameter, NULL));

    if (phrase != NULL)
        hs_window_show_error (window, _ ("The filter is not understood"), phrase);
}

static const struct {
    const char *name;
    enum hs_metric metric;
} metrics[] = { { "outstanding", HS_METRIC_OUTSTANDING },
                { "net", HS_METRIC_NET },
                { "peak", HS_METRIC_PEAK },
                { "total", HS_METRIC_TOTAL } };

static void run_metric (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    const char *name = g_variant_get_string (parameter, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS (metrics); i++)
        if (g_str_equal (metrics[i].name, name))
            hs_selection_set_metric (hs_window_get_selection (window), metrics[i].metric);
}

static void run_unit (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_selection_set_unit (hs_window_get_selection (window),
                           g_str_equal (g_variant_get_string (parameter, NULL), "blocks")
                               ? HS_UNIT_BLOCKS
                               : HS_UNIT_BYTES);
}

static void run_view (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_show_view (window, g_variant_get_string (parameter, NULL));
}

static void run_show_allocators (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    const HsQueryState *state = hs_selection_get_state (hs_window_get_selection (window));

    hs_selection_set_rows (hs_window_get_selection (window), !state->shows_allocators,
                           state->collapses_recursion);
}

static void run_edit_allocators (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    g_autoptr (GError) error = NULL;

    if (!hs_allocators_edit (&error))
        hs_window_show_error (window, _ ("The list of allocators cannot be opened"),
                              error->message);
}

static void run_collapse_recursion (GtkApplication *application, HsWindow *window,
                                    GVariant *parameter)
{
    const HsQueryState *state = hs_selection_get_state (hs_window_get_selection (window));

    hs_selection_set_rows (hs_window_get_selection (window), state->shows_allocators,
                           !state->collapses_recursion);
}

static void run_show_source (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_show_view (window, "source");
}

static void run_focus (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_window_focus (window, g_variant_get_string (parameter, NULL));
}

static void run_save_picture (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    g_autoptr (GError) error = NULL;

    if (!hs_window_save_picture (window, g_variant_get_string (parameter, NULL), &error))
        g_printerr ("heapstrata-viewer: %s\n", error->message);
}

static void run_symbols_retry (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_document_retry_symbols (hs_window_get_document (window));
}

static void run_symbols_cancel (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    hs_document_cancel_download (hs_window_get_document (window));
}

static void run_symbols_offline (GtkApplication *application, HsWindow *window, GVariant *parameter)
{
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (window), "symbols-offline");
    g_autoptr (HsSymbolPlaces) places = hs_symbol_places_load ();

    places->is_offline = !g_variant_get_boolean (g_action_get_state (action));
    hs_symbol_places_save (places);
    g_simple_action_set_state (G_SIMPLE_ACTION (action),
                               g_variant_new_boolean (places->is_offline));
    hs_document_retry_symbols (hs_window_get_document (window));
}

static void run_add_symbol_folder (GtkApplication *application, HsWindow *window,
                                   GVariant *parameter)
{
    g_autoptr (HsSymbolPlaces) places = hs_symbol_places_load ();
    char *folder = hs_file_dialog_run_folder (GTK_WINDOW (window));
    guint n = g_strv_length (places->folders);

    if (folder == NULL)
        return;
    places->folders = g_renew (char *, places->folders, n + 2);
    places->folders[n] = folder;
    places->folders[n + 1] = NULL;
    hs_symbol_places_save (places);
    hs_document_retry_symbols (hs_window_get_document (window));
}

/* ---- the table ---- */

static const Action actions[] = {
    { "app.new-window", run_new_window, NULL, NULL, { "<Primary>n" } },
    { "app.about", run_about, NULL, NULL, { NULL } },
    { "app.quit", run_quit, NULL, NULL, { "<Primary>q" } },
    { "app.appearance", run_appearance, "s", "system", { NULL } },
    { "win.open", run_open, NULL, NULL, { "<Primary>o" } },
    { "win.close", run_close, NULL, NULL, { "<Primary>w" } },
    { "win.cancel-loading", run_cancel_loading, NULL, NULL, { "<Primary>period" } },
    { "win.record", run_record, NULL, NULL, { "<Primary>r" } },
    { "win.attach", run_attach, NULL, NULL, { "<Primary>t" } },
    { "win.pause", run_pause, NULL, "false", { "Pause", "<Primary>p" } },
    { "win.stop", run_stop, NULL, NULL, { "<Primary>e" } },
    { "win.mark", run_mark, NULL, NULL, { "m" } },
    { "win.next-span", run_next_span, NULL, NULL, { "bracketright" } },
    { "win.previous-span", run_previous_span, NULL, NULL, { "bracketleft" } },
    { "win.back", run_back, NULL, NULL, { "<Alt>Left", "<Primary>z", "Back" } },
    { "win.forward", run_forward, NULL, NULL, { "<Alt>Right", "<Primary><Shift>z", "Forward" } },
    { "win.clear", run_clear, NULL, NULL, { "Escape" } },
    { "win.go-to-peak", run_peak, NULL, NULL, { "p" } },
    { "win.zoom-in", run_zoom_in, NULL, NULL, { "<Primary>plus", "<Primary>equal", "plus" } },
    { "win.zoom-out", run_zoom_out, NULL, NULL, { "<Primary>minus", "minus" } },
    { "win.zoom-fit", run_fit, NULL, NULL, { "<Primary>0", "0" } },
    { "win.zoom-to-range", run_zoom_to_range, NULL, NULL, { "z" } },
    { "win.select-range", run_select_range, "(dd)", NULL, { NULL } },
    { "win.filter", run_filter, "s", NULL, { NULL } },
    { "win.metric", run_metric, "s", "outstanding", { NULL } },
    { "win.unit", run_unit, "s", "bytes", { NULL } },
    { "win.view", run_view, "s", "top-down", { NULL } },
    { "win.symbols-retry", run_symbols_retry, NULL, NULL, { NULL } },
    { "win.symbols-cancel", run_symbols_cancel, NULL, NULL, { NULL } },
    { "win.symbols-offline", run_symbols_offline, NULL, "false", { NULL } },
    { "win.add-symbol-folder", run_add_symbol_folder, NULL, NULL, { NULL } },
    { "win.show-allocators", run_show_allocators, NULL, "false", { NULL } },
    { "win.collapse-recursion", run_collapse_recursion, NULL, "false", { NULL } },
    { "win.edit-allocators", run_edit_allocators, NULL, NULL, { NULL } },
    { "win.show-source", run_show_source, NULL, NULL, { "s" } },
    { "win.focus", run_focus, "s", NULL, { NULL } },
    { "win.save-picture", run_save_picture, "s", NULL, { NULL } },
};

/* Keys of one choice of a command. */
static const struct {
    const char *detailed_name;
    const char *keys[2];
} choice_keys[] = {
    { "win.view::top-down", { "<Alt>1" } },    { "win.view::bottom-up", { "<Alt>2" } },
    { "win.view::marks", { "<Alt>3" } },       { "win.view::findings", { "<Alt>4" } },
    { "win.view::symbols", { "<Alt>5" } },     { "win.view::source", { "<Alt>6" } },
    { "win.view::freed-by", { "<Alt>7" } },    { "win.focus::timeline", { "F6" } },
    { "win.focus::view", { "F7" } },           { "win.focus::histogram", { "F8" } },
    { "win.focus::filter", { "<Primary>f" } }, { "win.unit::bytes", { "<Primary>1" } },
    { "win.unit::blocks", { "<Primary>2" } },
};

static const Action *find_action (GAction *action, const char *map)
{
    for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
        if (g_str_has_prefix (actions[i].name, map) &&
            g_str_equal (actions[i].name + 4, g_action_get_name (action)))
            return &actions[i];
    return NULL;
}

static void on_window_action (GAction *action, GVariant *parameter, gpointer window)
{
    find_action (action, "win.")
        ->run (gtk_window_get_application (window), HS_WINDOW (window), parameter);
}

static void on_application_action (GAction *action, GVariant *parameter, gpointer application)
{
    GtkWindow *window = gtk_application_get_active_window (application);

    find_action (action, "app.")
        ->run (application, HS_IS_WINDOW (window) ? HS_WINDOW (window) : NULL, parameter);
}

static void add_actions (GActionMap *map, const char *prefix, GCallback run)
{
    for (gsize i = 0; i < G_N_ELEMENTS (actions); i++) {
        const Action *entry = &actions[i];
        GVariantType *type =
            entry->parameter_type != NULL ? (GVariantType *)entry->parameter_type : NULL;
        GSimpleAction *action;

        if (!g_str_has_prefix (entry->name, prefix))
            continue;
        if (entry->state != NULL)
            action = g_simple_action_new_stateful (entry->name + 4, type,
                                                   g_str_equal (entry->state, "false")
                                                       ? g_variant_new_boolean (FALSE)
                                                       : g_variant_new_string (entry->state));
        else
            action = g_simple_action_new (entry->name + 4, type);
        g_signal_connect (action, "activate", run, map);
        g_action_map_add_action (map, G_ACTION (action));
        g_object_unref (action);
    }
}

void hs_actions_add_to_application (GtkApplication *application)
{
    add_actions (G_ACTION_MAP (application), "app.", G_CALLBACK (on_application_action));
    for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
        if (actions[i].keys[0] != NULL)
            gtk_application_set_accels_for_action (application, actions[i].name, actions[i].keys);
    for (gsize i = 0; i < G_N_ELEMENTS (choice_keys); i++)
        gtk_application_set_accels_for_action (application, choice_keys[i].detailed_name,
                                               choice_keys[i].keys);
}

void hs_actions_add_to_window (HsWindow *window)
{
    g_autoptr (HsSymbolPlaces) places = hs_symbol_places_load ();
    GAction *offline;

    add_actions (G_ACTION_MAP (window), "win.", G_CALLBACK (on_window_action));
    offline = g_action_map_lookup_action (G_ACTION_MAP (window), "symbols-offline");
    g_simple_action_set_state (G_SIMPLE_ACTION (offline),
                               g_variant_new_boolean (places->is_offline));
}

static void enable (HsWindow *window, const char *name, gboolean is_enabled)
{
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (window), name);

    g_simple_action_set_enabled (G_SIMPLE_ACTION (action), is_enabled);
}

void hs_actions_set_state (HsWindow *window, const char *name, const char *state)
{
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (window), name);

    g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (state));
}

static void set_switch (HsWindow *window, const char *name, gboolean is_on)
{
    GAction *action = g_action_map_lookup_action (G_ACTION_MAP (window), name);

    g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_boolean (is_on));
}

static void update_live (HsWindow *window)
{
    HsLive *live = hs_window_get_live (window);
    HsDocument *document = hs_window_get_document (window);
    GAction *pause = g_action_map_lookup_action (G_ACTION_MAP (window), "pause");

    enable (window, "pause", hs_live_is_growing (live) || hs_document_is_paused (document));
    enable (window, "stop", hs_live_can_stop (live));
    enable (window, "mark", hs_live_can_mark (live));
    enable (window, "next-span", hs_document_get_info (document)->marks->len > 0);
    enable (window, "previous-span", hs_document_get_info (document)->marks->len > 0);
    g_simple_action_set_state (G_SIMPLE_ACTION (pause),
                               g_variant_new_boolean (hs_document_is_paused (document)));
}

void hs_actions_update (HsWindow *window)
{
    HsSelection *selection = hs_window_get_selection (window);
    const HsQueryState *state = hs_selection_get_state (selection);
    HsDocumentState document = hs_document_get_state (hs_window_get_document (window));
    gboolean has_trace = document != HS_DOCUMENT_EMPTY;
    static const char *const need_trace[] = {
        "go-to-peak", "zoom-in", "zoom-out", "zoom-fit",     "metric",
        "unit",       "view",    "filter",   "select-range",
    };

    for (gsize i = 0; i < G_N_ELEMENTS (need_trace); i++)
        enable (window, need_trace[i], has_trace);
    enable (window, "back", hs_selection_can_go_back (selection));
    enable (window, "forward", hs_selection_can_go_forward (selection));
    enable (window, "clear", hs_selection_can_clear (selection));
    enable (window, "zoom-to-range", state->has_range);
    enable (window, "cancel-loading",
            document == HS_DOCUMENT_LOADING && !hs_live_is_growing (hs_window_get_live (window)));
    update_live (window);
    for (gsize i = 0; i < G_N_ELEMENTS (metrics); i++)
        if (metrics[i].metric == state->metric)
            hs_actions_set_state (window, "metric", metrics[i].name);
    hs_actions_set_state (window, "unit", state->unit == HS_UNIT_BLOCKS ? "blocks" : "bytes");
    set_switch (window, "show-allocators", state->shows_allocators);
    set_switch (window, "collapse-recursion", state->collapses_recursion);
}
