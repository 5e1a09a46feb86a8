/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Call path and source; see source_view.h. Two questions: the heaviest stack behind the row, then
 * the lines of the file that its chosen frame lies in. The file is read in the background. */
#include "views/source_view.h"

#include "base/units.h"
#include "model/questions.h"
#include "model/settings.h"
#include "views/busy_line.h"
#include "views/refresh.h"
#include "views/source_gutter.h"

#include <glib/gi18n.h>
#include <string.h>

#define MOST_SOURCE_BYTES (16u << 20) /* a generated file can be large; more is no source */

struct _HsSourceView {
    GtkBox parent_instance;

    GtkListStore *store;
    GtkTreeView *path;
    GtkProgressBar *busy_line;
    GtkLabel *path_summary, *file_label, *line_label, *placeholder, *hint;
    GtkStack *stack;
    GtkSourceView *text;
    GtkWidget *edit_button, *locate_button;

    HsSelection *selection;
    HsQuery *path_query, *lines_query;
    GCancellable *reading;
    struct hs_tree_row row; /* that the path shows */
    char *file;             /* as the compiler wrote it; NULL: none */
    char *found;            /* here; NULL: nowhere */
    guint line;
    gboolean is_filling;
    guint scroll_source; /* 0: none */
};

G_DEFINE_TYPE (HsSourceView, hs_source_view, GTK_TYPE_BOX)

enum { COLUMN_FUNCTION, COLUMN_PLACE, COLUMN_TOOLTIP, COLUMN_STYLE };

static const char *base_name (const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    return name;
}

static GtkTextBuffer *buffer_of (HsSourceView *self)
{
    return gtk_text_view_get_buffer (GTK_TEXT_VIEW (self->text));
}

/* ---- the text ---- */

static void set_line_text (HsSourceView *self, const char *text)
{
    gtk_label_set_text (self->line_label, text);
    gtk_widget_set_visible (GTK_WIDGET (self->line_label), *text != '\0');
}

static void show_placeholder (HsSourceView *self, const char *text, const char *hint)
{
    gtk_label_set_text (self->placeholder, text);
    gtk_label_set_text (self->hint, hint);
    gtk_stack_set_visible_child_name (self->stack, "placeholder");
    gtk_widget_set_visible (self->edit_button, FALSE);
    gtk_widget_set_visible (self->locate_button, self->file != NULL && self->found == NULL);
}

/* A scheme for the theme that is on: dark where its background is. */
static void update_scheme (HsSourceView *self)
{
    GtkStyleContext *context = gtk_widget_get_style_context (GTK_WIDGET (self));
    GtkSourceStyleSchemeManager *manager = gtk_source_style_scheme_manager_get_default ();
    gboolean is_dark = FALSE;
    GdkRGBA base, text;

    if (gtk_style_context_lookup_color (context, "theme_base_color", &base) &&
        gtk_style_context_lookup_color (context, "theme_text_color", &text)) {
        is_dark = base.red + base.green + base.blue < 1.5;
        hs_source_gutter_set_colours (self->text, &text, &base);
    }
    gtk_source_buffer_set_style_scheme (
        GTK_SOURCE_BUFFER (buffer_of (self)),
        gtk_source_style_scheme_manager_get_scheme (manager, is_dark ? "oblivion" : "classic"));
}

static gboolean on_scroll (gpointer data)
{
    HsSourceView *self = data;

    self->scroll_source = 0;
    gtk_text_view_scroll_to_mark (GTK_TEXT_VIEW (self->text),
                                  gtk_text_buffer_get_insert (buffer_of (self)), 0, TRUE, 0, 0.4);
    /* it puts the text itself to the left edge, which hides the margin */
    gtk_adjustment_set_value (gtk_scrollable_get_hadjustment (GTK_SCROLLABLE (self->text)), 0);
    return G_SOURCE_REMOVE;
}

static void go_to_line (HsSourceView *self)
{
    GtkTextIter iter;

    gtk_text_buffer_get_iter_at_line (buffer_of (self), &iter,
                                      self->line > 0 ? (int)self->line - 1 : 0);
    gtk_text_buffer_place_cursor (buffer_of (self), &iter);
    /* once the heights of the lines are known, which the text finds out when it has time */
    if (self->scroll_source == 0)
        self->scroll_source = g_idle_add_full (G_PRIORITY_LOW, on_scroll, self, NULL);
}

static void update_line_label (HsSourceView *self)
{
    const struct hs_source_rows *rows = hs_query_get_answer (self->lines_query);
    const struct hs_source_row *row = hs_source_gutter_find (rows, self->line);
    char outstanding[HS_UNITS_TEXT_SIZE], allocated[HS_UNITS_TEXT_SIZE];
    g_autofree char *text = NULL;

    if (row != NULL && self->file != NULL)
        /* Translators: line number, bytes, bytes */
        text =
            g_strdup_printf (_ ("line %u: %s outstanding, %s allocated"), self->line,
                             hs_format_bytes (hs_sums_outstanding_bytes (&row->sums), outstanding),
                             hs_format_bytes (hs_sums_opened_bytes (&row->sums), allocated));
    set_line_text (self, text != NULL ? text : "");
}

static void show_text (HsSourceView *self, const char *bytes, gsize n)
{
    g_autofree char *text = g_utf8_make_valid (bytes, (gssize)n);
    GtkSourceLanguage *language = gtk_source_language_manager_guess_language (
        gtk_source_language_manager_get_default (), self->found, NULL);

    gtk_source_buffer_set_language (GTK_SOURCE_BUFFER (buffer_of (self)), language);
    gtk_text_buffer_set_text (buffer_of (self), text, -1);
    hs_source_gutter_set_n_lines (self->text,
                                  (guint)gtk_text_buffer_get_line_count (buffer_of (self)));
    update_scheme (self);
    gtk_stack_set_visible_child_name (self->stack, "text");
    gtk_widget_set_visible (self->edit_button, TRUE);
    gtk_widget_set_visible (self->locate_button, FALSE);
    go_to_line (self);
}

static void on_read (GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *bytes = NULL;
    HsSourceView *self = data;
    gsize n;

    if (g_file_load_contents_finish (G_FILE (source), result, &bytes, &n, NULL, &error)) {
        g_clear_object (&self->reading);
        if (n <= MOST_SOURCE_BYTES)
            show_text (self, bytes, n);
        else
            show_placeholder (self, _ ("The source file is too large to be shown"), "");
    } else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        g_clear_object (&self->reading);
        show_placeholder (self, error->message, "");
    }
}

static void stop_reading (HsSourceView *self)
{
    if (self->reading != NULL)
        g_cancellable_cancel (self->reading);
    g_clear_object (&self->reading);
}

static void read_file (HsSourceView *self)
{
    g_autoptr (GFile) file = NULL;
    g_autofree char *missing = NULL;

    stop_reading (self);
    g_clear_pointer (&self->found, g_free);
    self->found = hs_source_find (self->file);
    if (self->found == NULL) {
        missing = g_strdup_printf (_ ("%s is not on this machine"), self->file);
        show_placeholder (self, missing,
                          _ ("Once one file is located, its neighbours are found, too."));
        return;
    }
    self->reading = g_cancellable_new ();
    file = g_file_new_for_path (self->found);
    g_file_load_contents_async (file, self->reading, on_read, self);
}

static void ask_for_lines (HsSourceView *self)
{
    struct hs_filter filter = hs_selection_get_filter (self->selection);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { 0 };

    if (self->file == NULL)
        return;
    parameters[0] = (gint64)hs_source_path_key (self->file);
    hs_query_ask (self->lines_query, &filter, parameters);
}

static const char *label_of (const struct hs_path_frame *frame)
{
    return frame->kind == HS_LABEL_NO_STACK ? _ (frame->function) : frame->function;
}

/* Shows the place of a frame; the file stays when it is the same. */
static void show_frame (HsSourceView *self, const struct hs_path_frame *frame)
{
    g_autofree char *unknown = NULL, *valid = g_utf8_make_valid (frame->file, -1);

    self->line = frame->line;
    if (*frame->file != '\0' && g_strcmp0 (frame->file, self->file) == 0) {
        if (self->found != NULL && self->reading == NULL)
            go_to_line (self);
        update_line_label (self);
        return;
    }
    stop_reading (self);
    g_clear_pointer (&self->file, g_free);
    g_clear_pointer (&self->found, g_free);
    hs_source_gutter_set_rows (self->text, NULL);
    if (*frame->file == '\0') {
        const char *label = label_of (frame);

        gtk_label_set_text (self->file_label, label);
        set_line_text (self, frame->module);
        unknown = g_strdup_printf (_ ("No source file is known for %s"), label);
        show_placeholder (self, unknown,
                          _ ("The page of symbols says which modules have no line numbers."));
        return;
    }
    gtk_label_set_text (self->file_label, valid);
    set_line_text (self, "");
    self->file = g_strdup (frame->file);
    read_file (self);
    ask_for_lines (self);
}

static void on_lines_answered (HsSourceView *self)
{
    hs_source_gutter_set_rows (self->text, hs_query_get_answer (self->lines_query));
    update_line_label (self);
}

/* ---- the path ---- */

static void add_frame (HsSourceView *self, const struct hs_path_frame *frame)
{
    g_autofree char *place = NULL, *function = NULL, *tooltip = NULL;
    const char *label = label_of (frame);

    /* Translators: a function that was inlined into the one below it */
    function = g_strdup_printf (frame->is_inlined ? _ ("%s (inlined)") : "%s", label);
    if (*frame->file != '\0' && frame->line > 0)
        place = g_strdup_printf ("%s:%u", base_name (frame->file), frame->line);
    tooltip = g_markup_printf_escaped ("<b>%s</b>\n%s\n%s", label, frame->module, frame->file);
    gtk_list_store_insert_with_values (
        self->store, NULL, -1, COLUMN_FUNCTION, function, COLUMN_PLACE,
        place != NULL ? place : frame->module, COLUMN_TOOLTIP, tooltip, COLUMN_STYLE,
        frame->is_inlined ? PANGO_STYLE_ITALIC : PANGO_STYLE_NORMAL, -1);
}

static void choose_frame (HsSourceView *self, guint number)
{
    g_autoptr (GtkTreePath) path = gtk_tree_path_new_from_indices ((int)number, -1);

    gtk_tree_view_set_cursor (self->path, path, NULL, FALSE);
    gtk_tree_view_scroll_to_cell (self->path, path, NULL, TRUE, 0.3f, 0);
}

/* The row's own frame; of all stacks, the first that has a source. */
static guint first_choice (const struct hs_caller_path *path, const struct hs_tree_row *row)
{
    guint number = path->chosen;

    while (row->depth == 0 && number + 1 < path->n && path->frames[number].file[0] != '/')
        number++;
    return path->frames[number].file[0] != '\0' ? number : path->chosen;
}

static const char *format_metric (const struct hs_sums *sums, enum hs_metric metric,
                                  char text[HS_UNITS_TEXT_SIZE])
{
    gint64 bytes = hs_sums_metric (sums, metric, HS_UNIT_BYTES);

    return metric == HS_METRIC_NET ? hs_format_bytes_signed (bytes, text)
                                   : hs_format_bytes ((guint64)bytes, text);
}

static void update_summary (HsSourceView *self, const struct hs_caller_path *path)
{
    enum hs_metric metric = hs_selection_get_state (self->selection)->metric;
    char own[HS_UNITS_TEXT_SIZE], all[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE];
    g_autofree char *text = NULL;

    if (path->n > 0)
        /* Translators: bytes of one call path, of all, and how many there are */
        text = g_strdup_printf (ngettext ("%s of %s, in %s call path",
                                          "Heaviest: %s of %s, in %s call paths", path->n_stacks),
                                format_metric (&path->sums, metric, own),
                                format_metric (&path->row_sums, metric, all),
                                hs_format_count (path->n_stacks, count));
    gtk_label_set_text (self->path_summary, text != NULL ? text : _ ("No call path"));
}

static gboolean is_same_path (HsSourceView *self, const struct hs_caller_path *path)
{
    GtkTreeModel *model = GTK_TREE_MODEL (self->store);
    GtkTreeIter iter;
    guint i = 0;

    for (gboolean has = gtk_tree_model_get_iter_first (model, &iter); has;
         has = gtk_tree_model_iter_next (model, &iter), i++) {
        g_autofree char *shown = NULL;

        gtk_tree_model_get (model, &iter, COLUMN_FUNCTION, &shown, -1);
        if (i >= path->n || !g_str_has_prefix (shown, path->frames[i].function))
            return FALSE;
    }
    return i == path->n && i > 0;
}

static void show_nothing (HsSourceView *self, const char *text)
{
    stop_reading (self);
    g_clear_pointer (&self->file, g_free);
    g_clear_pointer (&self->found, g_free);
    hs_source_gutter_set_rows (self->text, NULL);
    gtk_label_set_text (self->file_label, _ ("No source"));
    set_line_text (self, "");
    show_placeholder (self, text, _ ("Choose another range, or another row of a call tree."));
}

static void on_path_answered (HsSourceView *self)
{
    const struct hs_caller_path *path = hs_query_get_answer (self->path_query);
    struct hs_tree_row row = hs_selection_get_row (self->selection);

    if (path == NULL)
        return;
    update_summary (self, path);
    if (row.hash == self->row.hash && row.depth == self->row.depth && is_same_path (self, path))
        return;
    self->row = row;
    self->is_filling = TRUE;
    gtk_list_store_clear (self->store);
    for (guint i = 0; i < path->n; i++)
        add_frame (self, &path->frames[i]);
    self->is_filling = FALSE;
    if (path->n > 0) {
        choose_frame (self, first_choice (path, &row));
    } else {
        show_nothing (self, row.depth == 0 ? _ ("Nothing is counted in this selection")
                                           : _ ("The chosen row is not in this selection"));
    }
}

static void on_frame_selected (GtkTreeSelection *selection, HsSourceView *self)
{
    const struct hs_caller_path *path = hs_query_get_answer (self->path_query);
    g_autoptr (GtkTreePath) at = NULL;
    GtkTreeModel *model;
    GtkTreeIter iter;
    guint number;

    if (self->is_filling || path == NULL ||
        !gtk_tree_selection_get_selected (selection, &model, &iter))
        return;
    at = gtk_tree_model_get_path (model, &iter);
    number = (guint)gtk_tree_path_get_indices (at)[0];
    if (number < path->n)
        show_frame (self, &path->frames[number]);
}

/* ---- buttons ---- */

static void on_edit (GtkWidget *button, HsSourceView *self)
{
    g_autoptr (GError) error = NULL;
    guint line = self->line;

    if (self->found != NULL && !hs_source_open_in_editor (self->found, line, &error))
        set_line_text (self, error->message);
}

static void on_locate (GtkWidget *button, HsSourceView *self)
{
    GtkWidget *window = gtk_widget_get_toplevel (button);
    g_autofree char *title = NULL, *chosen = NULL;
    g_autoptr (GtkFileChooserNative) dialog = NULL;

    title = g_strdup_printf (_ ("Where is %s?"), base_name (self->file));
    dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (window), GTK_FILE_CHOOSER_ACTION_OPEN,
                                          _ ("_Open"), _ ("_Cancel"));
    if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (dialog)) != GTK_RESPONSE_ACCEPT)
        return;
    chosen = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (dialog));
    if (chosen == NULL || self->file == NULL)
        return;
    hs_source_map (self->file, chosen);
    read_file (self);
}

/* ---- the widget ---- */

static void refresh (GtkWidget *widget)
{
    HsSourceView *self = HS_SOURCE_VIEW (widget);
    struct hs_filter filter = hs_selection_get_filter (self->selection);
    struct hs_tree_row row = hs_selection_get_row (self->selection);
    const HsQueryState *state = hs_selection_get_state (self->selection);
    gint64 flags =
        row.direction |
        (row.allocator_frames == HS_ALLOCATOR_FRAMES_SHOW ? HS_TREE_SHOWS_ALLOCATORS : 0) |
        (row.collapse_recursion ? HS_TREE_COLLAPSES_RECURSION : 0);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { (gint64)row.hash, row.depth, flags,
                                                 state->metric };

    hs_query_ask (self->path_query, &filter, parameters);
    ask_for_lines (self);
}

gboolean hs_source_view_is_settled (GtkWidget *widget)
{
    HsSourceView *self = HS_SOURCE_VIEW (widget);

    if (!gtk_widget_get_mapped (widget))
        return TRUE;
    return hs_query_is_settled (self->path_query) &&
           hs_query_get_answer (self->path_query) != NULL && self->reading == NULL &&
           self->scroll_source == 0 &&
           (self->file == NULL || hs_query_is_settled (self->lines_query));
}

static void hs_source_view_dispose (GObject *object)
{
    HsSourceView *self = HS_SOURCE_VIEW (object);

    stop_reading (self);
    g_clear_handle_id (&self->scroll_source, g_source_remove);
    if (self->lines_query != NULL && self->text != NULL)
        hs_source_gutter_set_rows (self->text, NULL);
    g_clear_object (&self->lines_query);
    g_clear_object (&self->path_query);
    g_clear_object (&self->selection);
    g_clear_pointer (&self->file, g_free);
    g_clear_pointer (&self->found, g_free);
    G_OBJECT_CLASS (hs_source_view_parent_class)->dispose (object);
}

static void hs_source_view_class_init (HsSourceViewClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_source_view_dispose;
    g_type_ensure (GTK_SOURCE_TYPE_VIEW);
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/source_view.ui");
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, store);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, path);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, busy_line);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, path_summary);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, file_label);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, line_label);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, placeholder);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, hint);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, stack);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, text);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, edit_button);
    gtk_widget_class_bind_template_child (widget_class, HsSourceView, locate_button);
    gtk_widget_class_bind_template_callback (widget_class, on_frame_selected);
    gtk_widget_class_bind_template_callback (widget_class, on_edit);
    gtk_widget_class_bind_template_callback (widget_class, on_locate);
}

static void hs_source_view_init (HsSourceView *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
    hs_source_gutter_add (self->text);
    g_signal_connect (self, "style-updated", G_CALLBACK (update_scheme), NULL);
}

GtkWidget *hs_source_view_new (HsSelection *selection)
{
    HsSourceView *self = g_object_new (HS_TYPE_SOURCE_VIEW, "visible", TRUE, NULL);
    HsDocument *document = hs_selection_get_document (selection);

    self->selection = g_object_ref (selection);
    self->path_query = hs_query_new (&hs_question_caller_path, document);
    self->lines_query = hs_query_new (&hs_question_source_lines, document);
    g_signal_connect_object (self->path_query, "answered", G_CALLBACK (on_path_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (self->lines_query, "answered", G_CALLBACK (on_lines_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (selection, "row-changed", G_CALLBACK (hs_refresh_queue), self,
                             G_CONNECT_SWAPPED);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->path)), _ ("Call path"));
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->text)), _ ("Source"));
    hs_busy_line_watch (self->busy_line, self->path_query);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
    show_placeholder (self, "", ""); /* until the first answer */
    return GTK_WIDGET (self);
}
