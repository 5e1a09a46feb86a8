/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The columns of bytes beside source lines; see source_gutter.h. */
#include "views/source_gutter.h"

#include "base/units.h"

#include <glib/gi18n.h>

#define KEY "hs-rows"
#define COLOUR_KEY "hs-colour"
#define COLUMN_WIDTH 78

typedef enum { COLUMN_OUTSTANDING, COLUMN_ALLOCATED, N_COLUMNS } Column;

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

static void on_query_data (GtkSourceGutterRenderer *renderer, GtkTextIter *start, GtkTextIter *end,
                           GtkSourceGutterRendererState state, gpointer column)
{
    GtkTextView *view = gtk_source_gutter_renderer_get_view (renderer);
    const struct hs_source_rows *rows = g_object_get_data (G_OBJECT (view), KEY);
    const struct hs_source_row *row =
        hs_source_gutter_find (rows, (guint)gtk_text_iter_get_line (start) + 1);
    const char *colour = g_object_get_data (G_OBJECT (view), COLOUR_KEY);
    char text[HS_UNITS_TEXT_SIZE] = "";
    g_autofree char *markup = NULL;
    guint64 bytes = 0;

    if (row != NULL)
        bytes = GPOINTER_TO_INT (column) == COLUMN_OUTSTANDING
                    ? hs_sums_outstanding_bytes (&row->sums)
                    : hs_sums_opened_bytes (&row->sums);
    if (bytes > 0)
        (void)hs_format_bytes (bytes, text);
    markup =
        g_strdup_printf ("<span foreground='%s'>%s</span>", colour != NULL ? colour : "gray", text);
    gtk_source_gutter_renderer_text_set_markup (GTK_SOURCE_GUTTER_RENDERER_TEXT (renderer), markup,
                                                -1);
}

static GtkSourceGutterRenderer *renderer_of (GtkSourceView *view, int column)
{
    static const char *const keys[] = { "hs-outstanding", "hs-allocated" };

    return g_object_get_data (G_OBJECT (view), keys[column]);
}

void hs_source_gutter_set_colours (GtkSourceView *view, const GdkRGBA *text, const GdkRGBA *base)
{
    char *colour = g_strdup_printf ("#%02x%02x%02x", (guint)(text->red * 255),
                                    (guint)(text->green * 255), (guint)(text->blue * 255));

    g_object_set_data_full (G_OBJECT (view), COLOUR_KEY, colour, g_free);
    for (int column = 0; column < N_COLUMNS; column++)
        gtk_source_gutter_renderer_set_background (renderer_of (view, column), base);
}

void hs_source_gutter_add (GtkSourceView *view)
{
    GtkSourceGutter *gutter = gtk_source_view_get_gutter (view, GTK_TEXT_WINDOW_LEFT);

    for (int column = 0; column < N_COLUMNS; column++) {
        GtkSourceGutterRenderer *renderer = gtk_source_gutter_renderer_text_new ();

        gtk_source_gutter_renderer_set_size (renderer, COLUMN_WIDTH);
        gtk_source_gutter_renderer_set_alignment (renderer, 1, 0.5);
        gtk_source_gutter_renderer_set_padding (renderer, 4, -1);
        g_object_set_data (G_OBJECT (view), column == 0 ? "hs-outstanding" : "hs-allocated",
                           renderer);
        g_signal_connect (renderer, "query-data", G_CALLBACK (on_query_data),
                          GINT_TO_POINTER (column));
        /* left of the line numbers */
        gtk_source_gutter_insert (gutter, renderer,
                                  GTK_SOURCE_VIEW_GUTTER_POSITION_LINES - N_COLUMNS + column);
    }
}

void hs_source_gutter_set_rows (GtkSourceView *view, const struct hs_source_rows *rows)
{
    g_object_set_data (G_OBJECT (view), KEY, (gpointer)rows);
    gtk_source_gutter_queue_draw (gtk_source_view_get_gutter (view, GTK_TEXT_WINDOW_LEFT));
}
