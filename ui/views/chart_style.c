/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The painters' style out of a widget's theme; see chart_style.h. */
#include "views/chart_style.h"

#include <string.h>

/* Chart labels are a little smaller than the text of the window. */
#define FONT_SHARE 0.84

static struct hs_color from_rgba (const GdkRGBA *color)
{
    return (struct hs_color){ color->red, color->green, color->blue, color->alpha };
}

static struct hs_color mix (struct hs_color a, struct hs_color b, double share)
{
    return (struct hs_color){ a.red + (b.red - a.red) * share,
                              a.green + (b.green - a.green) * share,
                              a.blue + (b.blue - a.blue) * share, 1 };
}

static double luminance (const GdkRGBA *color)
{
    return 0.2126 * color->red + 0.7152 * color->green + 0.0722 * color->blue;
}

static void set_font (struct hs_draw_style *style, GtkWidget *widget)
{
    PangoContext *context = gtk_widget_get_pango_context (widget);
    const PangoFontDescription *font = pango_context_get_font_description (context);
    double size = (double)pango_font_description_get_size (font) / PANGO_SCALE;

    if (!pango_font_description_get_size_is_absolute (font)) {
        double dpi = pango_cairo_context_get_resolution (context);

        size *= (dpi > 0 ? dpi : 96) / 72;
    }
    style->font_family = pango_font_description_get_family (font);
    style->font_size = size > 0 ? size * FONT_SHARE : 11;
}

void hs_chart_style_init (struct hs_draw_style *style, GtkWidget *widget)
{
    GtkStyleContext *context = gtk_widget_get_style_context (widget);
    g_autofree char *theme = NULL;
    GdkRGBA foreground, background;
    gboolean is_dark, is_high_contrast;

    gtk_style_context_get_color (context, gtk_style_context_get_state (context), &foreground);
    if (!gtk_style_context_lookup_color (context, "theme_base_color", &background))
        background =
            luminance (&foreground) > 0.5 ? (GdkRGBA){ 0, 0, 0, 1 } : (GdkRGBA){ 1, 1, 1, 1 };
    is_dark = luminance (&background) < luminance (&foreground);
    g_object_get (gtk_widget_get_settings (widget), "gtk-theme-name", &theme, NULL);
    is_high_contrast = theme != NULL && strstr (theme, "HighContrast") != NULL;

    hs_draw_style_init (style, is_dark ? HS_DRAW_DARK : HS_DRAW_LIGHT);
    style->foreground = from_rgba (&foreground);
    style->background = from_rgba (&background);
    style->dim = mix (style->foreground, style->background, is_high_contrast ? 0 : 0.36);
    style->grid = mix (style->background, style->foreground, is_high_contrast ? 0.4 : 0.11);
    style->is_high_contrast = is_high_contrast;
    style->is_rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
    set_font (style, widget);
}
