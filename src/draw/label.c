/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of text in a chart; see label.h. */
#include "draw/label.h"

#include <pango/pangocairo.h>

static PangoLayout *make_layout (cairo_t *cr, const struct hs_draw_style *style, bool is_bold,
                                 const char *text)
{
    PangoLayout *layout = pango_cairo_create_layout (cr);
    PangoFontDescription *font = pango_font_description_new ();
    PangoAttrList *attributes = pango_attr_list_new ();

    pango_font_description_set_family (font, style->font_family);
    pango_font_description_set_absolute_size (font, style->font_size * PANGO_SCALE);
    pango_font_description_set_weight (font, is_bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description (layout, font);
    pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
    pango_layout_set_attributes (layout, attributes);
    pango_layout_set_single_paragraph_mode (layout, true);
    pango_layout_set_text (layout, text, -1);
    pango_attr_list_unref (attributes);
    pango_font_description_free (font);
    return layout;
}

double hs_draw_label (cairo_t *cr, const struct hs_draw_style *style,
                      const struct hs_text_spot *label, const char *text)
{
    PangoLayout *layout = make_layout (cr, style, label->is_bold, text);
    int width, height;
    double x = label->x;

    if (label->max_width > 0) {
        pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
        pango_layout_get_pixel_size (layout, &width, &height);
        if (width > label->max_width)
            pango_layout_set_width (layout, (int)(label->max_width * PANGO_SCALE));
    }
    pango_layout_get_pixel_size (layout, &width, &height);
    if (label->align == HS_ALIGN_CENTRE)
        x -= width / 2.0;
    else if (label->align == HS_ALIGN_RIGHT)
        x -= width;
    hs_draw_set_color (cr, label->color);
    cairo_move_to (cr, x, label->y - height / 2.0);
    pango_cairo_show_layout (cr, layout);
    g_object_unref (layout);
    return width;
}

double hs_draw_label_width (cairo_t *cr, const struct hs_draw_style *style, const char *text)
{
    PangoLayout *layout = make_layout (cr, style, false, text);
    int width, height;

    pango_layout_get_pixel_size (layout, &width, &height);
    g_object_unref (layout);
    return width;
}
