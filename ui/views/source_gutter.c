/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The columns beside source lines; see source_gutter.h. The numbers of the lines are one of them:
 * those of GtkSourceView have the colours of its scheme, black in a dark theme that is grey. */
#include "views/source_gutter.h"

#include "base/units.h"

#include <glib/gi18n.h>

#define KEY "hs-rows"
#define COLOUR_KEY "hs-colour"
#define COLUMN_WIDTH 78
#define DIGIT_WIDTH 9

typedef enum { COLUMN_OUTSTANDING, COLUMN_ALLOCATED, COLUMN_NUMBER, N_COLUMNS } Column;

static const char *const renderer_keys[N_COLUMNS] = {
    [COLUMN_OUTSTANDING] = "hs-outstanding",
    [COLUMN_ALLOCATED] = "hs-allocated",
    [COLUMN_NUMBER] = "hs-number",
};

const struct hs_source_row *hs_source_gutter_find (const struct hs_source_rows *rows, guint line)
{
    guint low = 0, high = rows != NULL ? rows->n : 0;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (rows->rows[middle].line < line)
            low = middle + 1;
        else
            high = middle;
    }
    return rows != NULL && low < rows->n && rows->rows[low].line == line ? &rows->rows[low] : NULL;
}

static void format_cell (Column column, const struct hs_source_row *row, guint line,
                         char text[HS_UNITS_TEXT_SIZE])
{
    guint64 bytes;

    text[0] = '\0';
    if (column == COLUMN_NUMBER) {
        (void)g_snprintf (text, HS_UNITS_TEXT_SIZE, "%u", line);
        return;
    }
    if (row == NULL)
        return;
    bytes = column == COLUMN_OUTSTANDING ? hs_sums_outstanding_bytes (&row->sums)
                                         : hs_sums_opened_bytes (&row->sums);
    if (bytes > 0)
        (void)hs_format_bytes (bytes, text);
}

static void on_query_data (GtkSourceGutterRenderer *renderer, GtkTextIter *start, GtkTextIter *end,
                           GtkSourceGutterRendererState state, gpointer data)
{
    GtkTextView *view = gtk_source_gutter_renderer_get_view (renderer);
    const struct hs_source_rows *rows = g_object_get_data (G_OBJECT (view), KEY);
    const char *colour = g_object_get_data (G_OBJECT (view), COLOUR_KEY);
    guint line = (guint)gtk_text_iter_get_line (start) + 1;
    Column column = (Column)GPOINTER_TO_INT (data);
    char text[HS_UNITS_TEXT_SIZE];
    g_autofree char *markup = NULL;

    format_cell (column, hs_source_gutter_find (rows, line), line, text);
    markup = g_strdup_printf ("<span foreground='%s' alpha='%s'>%s</span>",
                              colour != NULL ? colour : "gray",
                              column == COLUMN_NUMBER ? "60%" : "100%", text);
    gtk_source_gutter_renderer_text_set_markup (GTK_SOURCE_GUTTER_RENDERER_TEXT (renderer), markup,
                                                -1);
}

static GtkSourceGutterRenderer *renderer_of (GtkSourceView *view, Column column)
{
    return g_object_get_data (G_OBJECT (view), renderer_keys[column]);
}

void hs_source_gutter_set_colours (GtkSourceView *view, const GdkRGBA *text, const GdkRGBA *base)
{
    char *colour = g_strdup_printf ("#%02x%02x%02x", (guint)(text->red * 255),
                                    (guint)(text->green * 255), (guint)(text->blue * 255));

    g_object_set_data_full (G_OBJECT (view), COLOUR_KEY, colour, g_free);
    for (Column column = 0; column < N_COLUMNS; column++)
        gtk_source_gutter_renderer_set_background (renderer_of (view, column), base);
}

void hs_source_gutter_add (GtkSourceView *view)
{
    GtkSourceGutter *gutter = gtk_source_view_get_gutter (view, GTK_TEXT_WINDOW_LEFT);

    for (Column column = 0; column < N_COLUMNS; column++) {
        GtkSourceGutterRenderer *renderer = gtk_source_gutter_renderer_text_new ();

        gtk_source_gutter_renderer_set_size (renderer, column == COLUMN_NUMBER ? 4 * DIGIT_WIDTH
                                                                               : COLUMN_WIDTH);
        gtk_source_gutter_renderer_set_alignment (renderer, 1, 0.5);
        gtk_source_gutter_renderer_set_padding (renderer, 4, -1);
        g_object_set_data (G_OBJECT (view), renderer_keys[column], renderer);
        g_signal_connect (renderer, "query-data", G_CALLBACK (on_query_data),
                          GINT_TO_POINTER (column));
        gtk_source_gutter_insert (gutter, renderer, (int)column);
    }
}

void hs_source_gutter_set_n_lines (GtkSourceView *view, guint n)
{
    int n_digits = 3;

    while (n >= 1000) {
        n /= 10;
        n_digits++;
    }
    gtk_source_gutter_renderer_set_size (renderer_of (view, COLUMN_NUMBER), n_digits * DIGIT_WIDTH);
}

void hs_source_gutter_set_rows (GtkSourceView *view, const struct hs_source_rows *rows)
{
    g_object_set_data (G_OBJECT (view), KEY, (gpointer)rows);
    gtk_source_gutter_queue_draw (gtk_source_view_get_gutter (view, GTK_TEXT_WINDOW_LEFT));
}
