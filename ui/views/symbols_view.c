/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules and their names; see symbols_view.h. Rows that stay where they were are written over, so
 * that nothing jumps while names are found. */
#include "views/symbols_view.h"

#include "base/units.h"
#include "model/questions.h"
#include "model/settings.h"
#include "views/busy_line.h"
#include "views/refresh.h"

#include <glib/gi18n.h>

struct _HsSymbolsView {
    GtkBox parent_instance;

    GtkListStore *store;
    GtkTreeView *list;
    GtkProgressBar *busy_line;
    GtkLabel *summary, *placeholder, *environment;
    GtkRevealer *download_revealer;
    GtkLabel *download_label;
    GtkProgressBar *download_bar;
    GtkEntry *folders, *symbol_path;
    GtkPopover *places;

    HsSelection *selection;
    HsQuery *query;
};

G_DEFINE_TYPE (HsSymbolsView, hs_symbols_view, GTK_TYPE_BOX)

enum {
    COLUMN_NAME,
    COLUMN_STATE,
    COLUMN_ICON,
    COLUMN_HIDES,
    COLUMN_SHARE,
    COLUMN_FRAMES,
    COLUMN_DETAIL,
    COLUMN_TOOLTIP,
    COLUMN_WEIGHT,
    COLUMN_IS_HIDING,
};

static const char *name_of (const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    return *name != '\0' ? name : path;
}

static char *id_text (const guint8 *id, guint size)
{
    GString *text = g_string_new (NULL);

    for (guint i = 0; i < size; i++)
        g_string_append_printf (text, "%02x", id[i]);
    return g_string_free (text, FALSE);
}

static gboolean is_trouble (const struct hs_symbol_row *row)
{
    return row->state == HS_SYMBOLS_NO_FILE || row->state == HS_SYMBOLS_MISMATCH ||
           row->state == HS_SYMBOLS_FAILED || row->state == HS_SYMBOLS_NONE;
}

static const char *state_text (const struct hs_symbol_row *row)
{
    if (row->n_frames == 0)
        return _ ("not needed"); /* no call stack leads through it */
    if (!row->is_looked_for)     /* its identity is not known, so neither is its file */
        return row->n_named == row->n_frames ? _ ("named by the trace")
                                             : _ ("cannot be looked for");
    return _ (hs_symbol_state_title (row->state));
}

static const char *icon_of (const struct hs_symbol_row *row)
{
    if (row->n_frames == 0 || !row->is_looked_for)
        return NULL;
    if (row->state == HS_SYMBOLS_DOWNLOADING)
        return "folder-download-symbolic";
    return is_trouble (row) ? "dialog-warning-symbolic" : NULL;
}

/* The trouble in words, both ids when they differ. Free with g_free. */
static char *detail_text (const struct hs_symbol_row *row)
{
    g_autofree char *wanted = id_text (row->wanted_id, MIN (row->wanted_id_size, 8u));
    g_autofree char *found = id_text (row->found_id, MIN (row->found_id_size, 8u));

    if (row->is_looked_for && row->state == HS_SYMBOLS_MISMATCH && row->wanted_id_size > 0)
        /* Translators: ids of two builds, then the file */
        return g_strdup_printf (_ ("wanted %s…, found %s… in %s"), wanted, found, row->detail);
    return g_utf8_make_valid (row->is_looked_for ? row->detail : "", -1);
}

static char *tooltip_markup (const struct hs_symbol_row *row)
{
    g_autofree char *wanted = id_text (row->wanted_id, row->wanted_id_size);
    g_autofree char *found = id_text (row->found_id, row->found_id_size);
    g_autofree char *path = g_utf8_make_valid (row->path, -1);
    g_autofree char *detail = g_utf8_make_valid (row->detail, -1);
    GString *text = g_string_new (NULL);
    char *line;

    line = g_markup_printf_escaped ("<b>%s</b>", path);
    g_string_append (text, line);
    g_free (line);
    if (*detail != '\0') {
        line = g_markup_printf_escaped ("\n%s: %s", state_text (row), detail);
        g_string_append (text, line);
        g_free (line);
    }
    if (*wanted != '\0')
        g_string_append_printf (text, _ ("\nid in the trace: %s"), wanted);
    if (*found != '\0')
        g_string_append_printf (text, _ ("\nid of the file: %s"), found);
    return g_string_free (text, FALSE);
}

static void set_row (HsSymbolsView *self, GtkTreeIter *iter, const struct hs_symbol_list *list,
                     const struct hs_symbol_row *row)
{
    char bytes[HS_UNITS_TEXT_SIZE], unnamed[HS_UNITS_TEXT_SIZE], frames[HS_UNITS_TEXT_SIZE];
    double share =
        list->total_bytes > 0 ? 100.0 * (double)row->hidden_bytes / (double)list->total_bytes : 0;
    g_autofree char *name = g_utf8_make_valid (name_of (row->path), -1);
    g_autofree char *hides = NULL, *detail = detail_text (row), *tooltip = tooltip_markup (row);
    g_autofree char *of = NULL;

    share = MIN (share, 100);
    if (row->hidden_bytes > 0)
        hides = g_strdup_printf ("%s (%.1f %%)", hs_format_bytes (row->hidden_bytes, bytes), share);
    if (row->n_frames > 0)
        /* Translators: frames without name, of so many frames */
        of = g_strdup_printf (_ ("%s of %s"),
                              hs_format_count (row->n_frames - row->n_named, unnamed),
                              hs_format_count (row->n_frames, frames));
    gtk_list_store_set (self->store, iter, COLUMN_NAME, name, COLUMN_STATE, state_text (row),
                        COLUMN_ICON, icon_of (row), COLUMN_HIDES, hides != NULL ? hides : "",
                        COLUMN_SHARE, (int)(share + 0.5), COLUMN_FRAMES, of != NULL ? of : "",
                        COLUMN_DETAIL, detail, COLUMN_TOOLTIP, tooltip, COLUMN_WEIGHT,
                        is_trouble (row) && row->hidden_bytes > 0 ? PANGO_WEIGHT_BOLD
                                                                  : PANGO_WEIGHT_NORMAL,
                        COLUMN_IS_HIDING, row->hidden_bytes > 0, -1);
}

static void update_summary (HsSymbolsView *self, const struct hs_symbol_list *list)
{
    g_autofree char *text = NULL;
    guint64 most = list->n > 0 ? list->rows[0].hidden_bytes : 0;

    if (list->n_with_frames == 0)
        text = g_strdup (_ ("No call stacks lead through these modules"));
    else if (most == 0)
        text = g_strdup_printf (_ ("%u of %u modules have names; nothing is hidden"),
                                list->n_with_names, list->n_with_frames);
    else
        /* Translators: %.1f: percent of the memory */
        text =
            g_strdup_printf (_ ("%u of %u modules have names; %s hides %.1f %%"),
                             list->n_with_names, list->n_with_frames, name_of (list->rows[0].path),
                             MIN (100.0, 100.0 * (double)most / (double)list->total_bytes));
    gtk_label_set_text (self->summary, text);
}

static void on_answered (HsSymbolsView *self)
{
    const struct hs_symbol_list *list = hs_query_get_answer (self->query);
    GtkTreeModel *model = GTK_TREE_MODEL (self->store);
    GtkTreeIter iter;
    gboolean has_row;

    if (list == NULL)
        return;
    has_row = gtk_tree_model_get_iter_first (model, &iter);
    for (guint i = 0; i < list->n; i++) {
        if (!has_row)
            gtk_list_store_append (self->store, &iter);
        set_row (self, &iter, list, &list->rows[i]);
        has_row = has_row && gtk_tree_model_iter_next (model, &iter);
    }
    while (has_row)
        has_row = gtk_list_store_remove (self->store, &iter);
    update_summary (self, list);
    gtk_widget_set_visible (GTK_WIDGET (self->placeholder), list->n == 0);
}

/* ---- downloads ---- */

/* The name of an image of the list, or "". */
static const char *image_name (HsSymbolsView *self, guint32 image)
{
    const struct hs_symbol_list *list = hs_query_get_answer (self->query);

    for (guint i = 0; list != NULL && i < list->n; i++)
        if (list->rows[i].image == image)
            return name_of (list->rows[i].path);
    return "";
}

static void on_progress (HsSymbolsView *self)
{
    HsDocument *document = hs_selection_get_document (self->selection);
    char done[HS_UNITS_TEXT_SIZE], all[HS_UNITS_TEXT_SIZE];
    g_autofree char *text = NULL;
    HsSymbolDownload download;
    gboolean is_one = hs_document_get_download (document, &download);

    gtk_revealer_set_reveal_child (self->download_revealer, is_one);
    if (!is_one)
        return;
    (void)hs_format_bytes (download.n_bytes, done);
    if (download.n_total > 0) {
        /* Translators: module, bytes that came, bytes in all */
        text = g_strdup_printf (_ ("Fetching symbols of %s: %s of %s"),
                                image_name (self, download.image), done,
                                hs_format_bytes (download.n_total, all));
        gtk_progress_bar_set_fraction (
            self->download_bar, MIN (1.0, (double)download.n_bytes / (double)download.n_total));
    } else {
        text = g_strdup_printf (_ ("Fetching symbols of %s: %s"), image_name (self, download.image),
                                done);
        gtk_progress_bar_pulse (self->download_bar);
    }
    gtk_label_set_text (self->download_label, text);
}

/* ---- places ---- */

static void show_environment (HsSymbolsView *self)
{
    static const char *const names[] = { "_NT_SYMBOL_PATH", "DEBUGINFOD_URLS" };
    GString *text = g_string_new (NULL);

    for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
        const char *value = g_getenv (names[i]);

        if (value != NULL && *value != '\0')
            g_string_append_printf (text, "%s%s=%s", text->len > 0 ? "\n" : "", names[i], value);
    }
    gtk_label_set_text (self->environment,
                        text->len > 0 ? text->str
                                      : _ ("Neither _NT_SYMBOL_PATH nor DEBUGINFOD_URLS is set"));
    g_string_free (text, TRUE);
}

static void on_places_shown (GtkWidget *popover, HsSymbolsView *self)
{
    g_autoptr (HsSymbolPlaces) places = hs_symbol_places_load ();
    g_autofree char *folders = g_strjoinv (":", places->folders);

    gtk_entry_set_text (self->folders, folders);
    gtk_entry_set_text (self->symbol_path, places->symbol_path);
    show_environment (self);
}

static void on_look_again (GtkWidget *widget, HsSymbolsView *self)
{
    g_autoptr (HsSymbolPlaces) places = hs_symbol_places_load ();

    g_strfreev (places->folders);
    g_free (places->symbol_path);
    places->folders = g_strsplit (gtk_entry_get_text (self->folders), ":", 0);
    places->symbol_path = g_strdup (gtk_entry_get_text (self->symbol_path));
    hs_symbol_places_save (places);
    gtk_popover_popdown (self->places);
    hs_document_retry_symbols (hs_selection_get_document (self->selection));
}

/* ---- the widget ---- */

static void refresh (GtkWidget *widget)
{
    HsSymbolsView *self = HS_SYMBOLS_VIEW (widget);
    struct hs_filter filter = hs_filter_all ();
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { 0 };

    hs_query_ask (self->query, &filter, parameters);
    on_progress (self);
}

gboolean hs_symbols_view_is_settled (GtkWidget *widget)
{
    HsSymbolsView *self = HS_SYMBOLS_VIEW (widget);

    return hs_query_is_settled (self->query) &&
           (hs_query_get_answer (self->query) != NULL || !gtk_widget_get_mapped (widget));
}

static void hs_symbols_view_dispose (GObject *object)
{
    HsSymbolsView *self = HS_SYMBOLS_VIEW (object);

    g_clear_object (&self->query);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_symbols_view_parent_class)->dispose (object);
}

static void hs_symbols_view_class_init (HsSymbolsViewClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_symbols_view_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/symbols_view.ui");
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, store);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, list);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, busy_line);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, summary);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, placeholder);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, environment);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, download_revealer);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, download_label);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, download_bar);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, folders);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, symbol_path);
    gtk_widget_class_bind_template_child (widget_class, HsSymbolsView, places);
    gtk_widget_class_bind_template_callback (widget_class, on_places_shown);
    gtk_widget_class_bind_template_callback (widget_class, on_look_again);
}

static void hs_symbols_view_init (HsSymbolsView *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *hs_symbols_view_new (HsSelection *selection)
{
    HsSymbolsView *self = g_object_new (HS_TYPE_SYMBOLS_VIEW, "visible", TRUE, NULL);
    HsDocument *document = hs_selection_get_document (selection);

    self->selection = g_object_ref (selection);
    self->query = hs_query_new (&hs_question_symbols, document);
    g_signal_connect_object (self->query, "answered", G_CALLBACK (on_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (document, "progress", G_CALLBACK (on_progress), self,
                             G_CONNECT_SWAPPED);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->list)), _ ("Symbols"));
    hs_busy_line_watch (self->busy_line, self->query);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
    return GTK_WIDGET (self);
}
