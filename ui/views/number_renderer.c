/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers from glyphs that are shaped once; see number_renderer.h. */
#include "views/number_renderer.h"

#define N_CHARACTERS 128
#define MOST_CHARACTERS 32

struct _HsNumberRenderer {
    GtkCellRendererText parent_instance;

    /* of the font that the widget had when its context had this serial */
    PangoContext *context;
    guint serial;
    PangoFont *font;
    int ascent, height; /* pixels */
    PangoGlyphInfo glyphs[N_CHARACTERS];
    gboolean is_shaped[N_CHARACTERS]; /* looked at; without a glyph of `font`: width 0 */
};

G_DEFINE_TYPE (HsNumberRenderer, hs_number_renderer, GTK_TYPE_CELL_RENDERER_TEXT)

static void forget (HsNumberRenderer *self)
{
    g_clear_object (&self->font);
    g_clear_object (&self->context);
    memset (self->is_shaped, 0, sizeof self->is_shaped);
}

/* What Pango makes of a character, to be freed; NULL: nothing. */
static PangoItem *find_item (HsNumberRenderer *self, const char *character)
{
    PangoAttrList *attributes;
    GList *items;
    PangoItem *item = NULL;

    g_object_get (self, "attributes", &attributes, NULL);
    items = pango_itemize (self->context, character, 0, 1, attributes, NULL);
    if (items != NULL && items->next == NULL)
        item = g_steal_pointer (&items->data);
    pango_attr_list_unref (attributes);
    g_list_free_full (items, (GDestroyNotify)pango_item_free);
    return item;
}

static void follow_font (HsNumberRenderer *self, GtkWidget *widget)
{
    PangoContext *context = gtk_widget_get_pango_context (widget);
    guint serial = pango_context_get_serial (context);
    PangoFontMetrics *metrics;
    PangoItem *digit;

    if (self->context == context && self->serial == serial)
        return;
    forget (self);
    self->context = g_object_ref (context);
    self->serial = serial;
    digit = find_item (self, "0");
    if (digit == NULL)
        return;
    if (PANGO_IS_CAIRO_FONT (digit->analysis.font))
        self->font = g_object_ref (digit->analysis.font);
    metrics = pango_font_get_metrics (digit->analysis.font, digit->analysis.language);
    self->ascent = PANGO_PIXELS (pango_font_metrics_get_ascent (metrics));
    self->height = PANGO_PIXELS_CEIL (pango_font_metrics_get_ascent (metrics) +
                                      pango_font_metrics_get_descent (metrics));
    pango_font_metrics_unref (metrics);
    pango_item_free (digit);
}

static void shape (HsNumberRenderer *self, char character)
{
    PangoGlyphInfo *glyph = &self->glyphs[(guchar)character];
    PangoItem *item = find_item (self, &character);
    PangoGlyphString *string = pango_glyph_string_new ();

    self->is_shaped[(guchar)character] = TRUE;
    glyph->geometry.width = 0;
    if (item != NULL)
        pango_shape (&character, 1, &item->analysis, string);
    if (item != NULL && string->num_glyphs == 1 && item->analysis.font == self->font &&
        (string->glyphs[0].glyph & PANGO_GLYPH_UNKNOWN_FLAG) == 0)
        *glyph = string->glyphs[0];
    pango_glyph_string_free (string);
    g_clear_pointer (&item, pango_item_free);
}

/* The width in Pango's units; 0 when the text cannot be shown so. */
static int lay_out (HsNumberRenderer *self, const char *text, PangoGlyphInfo *glyphs, int *n)
{
    int width = 0;

    for (*n = 0; text[*n] != '\0'; (*n)++) {
        guchar character = (guchar)text[*n];

        if (character >= N_CHARACTERS || *n == MOST_CHARACTERS)
            return 0;
        if (!self->is_shaped[character])
            shape (self, text[*n]);
        glyphs[*n] = self->glyphs[character];
        if (glyphs[*n].geometry.width == 0)
            return 0;
        width += glyphs[*n].geometry.width;
    }
    return width;
}

static void take_colour (cairo_t *cr, GtkWidget *widget)
{
    GtkStyleContext *style = gtk_widget_get_style_context (widget);
    GdkRGBA colour;

    gtk_style_context_get_color (style, gtk_style_context_get_state (style), &colour);
    gdk_cairo_set_source_rgba (cr, &colour);
}

/* Without Pango's renderer: it would take the transparency of what it drew before. */
static void show (HsNumberRenderer *self, cairo_t *cr, double x, double y,
                  const PangoGlyphInfo *glyphs, int n)
{
    cairo_glyph_t placed[MOST_CHARACTERS];
    int n_placed = 0;

    for (int i = 0; i < n; i++) {
        if (glyphs[i].glyph != PANGO_GLYPH_EMPTY)
            placed[n_placed++] = (cairo_glyph_t){ glyphs[i].glyph, x, y };
        x += pango_units_to_double (glyphs[i].geometry.width);
    }
    cairo_set_scaled_font (cr, pango_cairo_font_get_scaled_font (PANGO_CAIRO_FONT (self->font)));
    cairo_show_glyphs (cr, placed, n_placed);
}

static void hs_number_renderer_render (GtkCellRenderer *renderer, cairo_t *cr, GtkWidget *widget,
                                       const GdkRectangle *background, const GdkRectangle *cell,
                                       GtkCellRendererState flags)
{
    HsNumberRenderer *self = HS_NUMBER_RENDERER (renderer);
    PangoGlyphInfo glyphs[MOST_CHARACTERS];
    g_autofree char *text = NULL;
    int n = 0, width = 0, xpad, ypad;

    g_object_get (renderer, "text", &text, NULL);
    if (text == NULL || text[0] == '\0')
        return;
    gtk_cell_renderer_get_padding (renderer, &xpad, &ypad);
    follow_font (self, widget);
    if (self->font != NULL)
        width = PANGO_PIXELS_CEIL (lay_out (self, text, glyphs, &n));
    /* where it is tight a number may stand in the padding before it */
    if (width > 0 && width <= cell->width - xpad) {
        take_colour (cr, widget);
        show (self, cr, cell->x + cell->width - xpad - width,
              cell->y + (cell->height - self->height) / 2 + self->ascent, glyphs, n);
    } else {
        GTK_CELL_RENDERER_CLASS (hs_number_renderer_parent_class)
            ->render (renderer, cr, widget, background, cell, flags);
    }
}

static void hs_number_renderer_dispose (GObject *object)
{
    forget (HS_NUMBER_RENDERER (object));
    G_OBJECT_CLASS (hs_number_renderer_parent_class)->dispose (object);
}

static void hs_number_renderer_class_init (HsNumberRendererClass *class)
{
    G_OBJECT_CLASS (class)->dispose = hs_number_renderer_dispose;
    GTK_CELL_RENDERER_CLASS (class)->render = hs_number_renderer_render;
}

static void hs_number_renderer_init (HsNumberRenderer *self)
{
}

GtkCellRenderer *hs_number_renderer_new (void)
{
    PangoAttrList *attributes = pango_attr_list_new ();
    GtkCellRenderer *renderer;

    pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
    renderer =
        g_object_new (HS_TYPE_NUMBER_RENDERER, "xalign", 1.0, "attributes", attributes, NULL);
    pango_attr_list_unref (attributes);
    return renderer;
}
