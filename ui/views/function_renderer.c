/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of functions, laid out once; see function_renderer.h. */
#include "views/function_renderer.h"

#define MOST_LAYOUTS 500 /* some ten times as many as rows in sight */
#define LOOK_KEY "hs-look"
#define DIM_ALPHA (G_MAXUINT16 * 58 / 100)

struct _HsFunctionRenderer {
    GtkCellRendererText parent_instance;

    gsize n_bytes; /* that are not dimmed */
    gboolean is_italic;
    PangoContext *context; /* of the layouts, which follow its font */
    GHashTable *layouts;   /* text -> PangoLayout */
};

G_DEFINE_TYPE (HsFunctionRenderer, hs_function_renderer, GTK_TYPE_CELL_RENDERER_TEXT)

static PangoLayout *find_layout (HsFunctionRenderer *self, GtkWidget *widget, const char *text)
{
    PangoContext *context = gtk_widget_get_pango_context (widget);
    PangoLayout *layout;

    if (self->context != context || g_hash_table_size (self->layouts) > MOST_LAYOUTS) {
        g_hash_table_remove_all (self->layouts);
        g_set_object (&self->context, context);
    }
    layout = g_hash_table_lookup (self->layouts, text);
    if (layout == NULL) {
        layout = pango_layout_new (context);
        pango_layout_set_single_paragraph_mode (layout, TRUE);
        pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
        pango_layout_set_text (layout, text, -1);
        g_hash_table_insert (self->layouts, g_strdup (text), layout);
    }
    return layout;
}

/* Two rows of one text, one of them inlined, are laid out in turn. */
static void set_look (HsFunctionRenderer *self, PangoLayout *layout)
{
    gpointer look = GSIZE_TO_POINTER (self->n_bytes << 2 | (gsize)(self->is_italic != 0) << 1 | 1);
    PangoAttrList *attributes;
    PangoAttribute *dim;

    if (g_object_get_data (G_OBJECT (layout), LOOK_KEY) == look)
        return;
    g_object_set_data (G_OBJECT (layout), LOOK_KEY, look);
    attributes = pango_attr_list_new ();
    dim = pango_attr_foreground_alpha_new (DIM_ALPHA);
    dim->start_index = (guint)self->n_bytes;
    pango_attr_list_insert (attributes, dim);
    if (self->is_italic)
        pango_attr_list_insert (attributes, pango_attr_style_new (PANGO_STYLE_ITALIC));
    pango_layout_set_attributes (layout, attributes);
    pango_attr_list_unref (attributes);
}

static void hs_function_renderer_render (GtkCellRenderer *renderer, cairo_t *cr, GtkWidget *widget,
                                         const GdkRectangle *background, const GdkRectangle *cell,
                                         GtkCellRendererState flags)
{
    HsFunctionRenderer *self = HS_FUNCTION_RENDERER (renderer);
    g_autofree char *text = NULL;
    PangoLayout *layout;
    PangoRectangle place;
    int xpad, room, x;

    g_object_get (renderer, "text", &text, NULL);
    gtk_cell_renderer_get_padding (renderer, &xpad, NULL);
    room = cell->width - 2 * xpad;
    if (text == NULL || room <= 0)
        return;
    layout = find_layout (self, widget, text);
    set_look (self, layout);
    pango_layout_set_width (layout, room * PANGO_SCALE);
    pango_layout_get_pixel_extents (layout, NULL, &place);
    x = cell->x + xpad - place.x;
    if (gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL)
        x += room - place.width;
    gtk_render_layout (gtk_widget_get_style_context (widget), cr, x,
                       cell->y + (cell->height - place.height) / 2, layout);
}

/* The column says how wide it is, not the text. */
static void hs_function_renderer_get_preferred_width (GtkCellRenderer *renderer, GtkWidget *widget,
                                                      int *minimum, int *natural)
{
    *minimum = *natural = 0;
}

static void hs_function_renderer_dispose (GObject *object)
{
    HsFunctionRenderer *self = HS_FUNCTION_RENDERER (object);

    g_hash_table_remove_all (self->layouts);
    g_clear_object (&self->context);
    G_OBJECT_CLASS (hs_function_renderer_parent_class)->dispose (object);
}

static void hs_function_renderer_finalize (GObject *object)
{
    g_hash_table_unref (HS_FUNCTION_RENDERER (object)->layouts);
    G_OBJECT_CLASS (hs_function_renderer_parent_class)->finalize (object);
}

static void hs_function_renderer_class_init (HsFunctionRendererClass *class)
{
    GtkCellRendererClass *renderer_class = GTK_CELL_RENDERER_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_function_renderer_dispose;
    G_OBJECT_CLASS (class)->finalize = hs_function_renderer_finalize;
    renderer_class->render = hs_function_renderer_render;
    renderer_class->get_preferred_width = hs_function_renderer_get_preferred_width;
}

static void hs_function_renderer_init (HsFunctionRenderer *self)
{
    self->layouts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
}

void hs_function_renderer_set_look (HsFunctionRenderer *self, gsize n_bytes, gboolean is_italic)
{
    self->n_bytes = n_bytes;
    self->is_italic = is_italic;
}

GtkCellRenderer *hs_function_renderer_new (void)
{
    return g_object_new (HS_TYPE_FUNCTION_RENDERER, NULL);
}
