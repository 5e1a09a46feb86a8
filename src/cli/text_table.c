/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Aligned columns; see text_table.h. */
#include "cli/text_table.h"

#include "base/units.h"

#include <glib.h>

struct text_table {
    const char *alignment;
    const char *const *headings;
    guint n_columns;
    GPtrArray *cells; /* row after row */
};

struct text_table *text_table_new (const char *alignment, const char *const *headings)
{
    struct text_table *table = g_new0 (struct text_table, 1);

    table->alignment = alignment;
    table->headings = headings;
    while (headings[table->n_columns] != NULL)
        table->n_columns++;
    table->cells = g_ptr_array_new_with_free_func (g_free);
    return table;
}

void text_table_free (struct text_table *table)
{
    g_ptr_array_unref (table->cells);
    g_free (table);
}

void text_table_add (struct text_table *table, const char *text)
{
    g_ptr_array_add (table->cells, g_utf8_make_valid (text, -1));
}

void text_table_count (struct text_table *table, uint64_t count)
{
    char text[HS_UNITS_TEXT_SIZE];

    text_table_add (table, hs_format_count (count, text));
}

void text_table_bytes (struct text_table *table, uint64_t bytes)
{
    char text[HS_UNITS_TEXT_SIZE];

    text_table_add (table, hs_format_bytes (bytes, text));
}

void text_table_printf (struct text_table *table, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_ptr_array_add (table->cells, g_strdup_vprintf (format, args));
    va_end (args);
}

static guint width_of (const struct text_table *table, guint column)
{
    glong width = g_utf8_strlen (table->headings[column], -1);

    for (guint i = column; i < table->cells->len; i += table->n_columns)
        width = MAX (width, g_utf8_strlen (table->cells->pdata[i], -1));
    return (guint)width;
}

static void print_cell (const struct text_table *table, FILE *out, guint column, const char *text,
                        guint width)
{
    guint padding = width - (guint)g_utf8_strlen (text, -1);
    gboolean is_right = table->alignment[column] == 'r';
    gboolean is_last = column + 1 == table->n_columns;

    (void)fprintf (out, "%*s%s%*s%s", is_right ? (int)padding : 0, "", text,
                   is_right || is_last ? 0 : (int)padding, "", is_last ? "\n" : "  ");
}

void text_table_print (const struct text_table *table, FILE *out, int indent)
{
    guint *widths = g_new (guint, table->n_columns);

    for (guint i = 0; i < table->n_columns; i++)
        widths[i] = width_of (table, i);
    (void)fprintf (out, "%*s", indent, "");
    for (guint i = 0; i < table->n_columns; i++)
        print_cell (table, out, i, table->headings[i], widths[i]);
    for (guint i = 0; i < table->cells->len; i++) {
        guint column = i % table->n_columns;

        if (column == 0)
            (void)fprintf (out, "%*s", indent, "");
        print_cell (table, out, column, table->cells->pdata[i], widths[column]);
    }
    g_free (widths);
}
