/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The house colours, distinguishable without red-green vision; see palette.h. */
#include "draw/palette.h"

#include <stdint.h>

static struct hs_color rgb (uint32_t hex)
{
    return (struct hs_color){ (hex >> 16 & 0xff) / 255.0, (hex >> 8 & 0xff) / 255.0,
                              (hex & 0xff) / 255.0, 1 };
}

void hs_draw_style_init (struct hs_draw_style *style, enum hs_draw_theme theme)
{
    static const uint32_t series[2][HS_DRAW_N_SERIES] = {
        { 0x1c71d8, 0xe66100, 0x2ec27e, 0x9141ac, 0xb5835a, 0x9a9996 },
        { 0x62a0ea, 0xffa348, 0x57e389, 0xc061cb, 0xcdab8f, 0x77767b },
    };
    bool is_dark = theme == HS_DRAW_DARK;

    *style = (struct hs_draw_style){
        .font_family = "Sans",
        .font_size = 11,
        .theme = theme,
        .background = rgb (is_dark ? 0x1e1e1e : 0xffffff),
        .foreground = rgb (is_dark ? 0xf0f0f0 : 0x2e3436),
        .dim = rgb (is_dark ? 0x9a9996 : 0x6f6e6b),
        .grid = rgb (is_dark ? 0x333333 : 0xe6e5e3),
        .leak = rgb (is_dark ? 0xff7b7b : 0xc01c28),
        .freed = rgb (is_dark ? 0x3f6f5a : 0x8ab6a0),
        .ghost = rgb (is_dark ? 0x4a494d : 0xd5d3d0),
    };
    for (int i = 0; i < HS_DRAW_N_SERIES; i++)
        style->series[i] = rgb (series[is_dark][i]);
    style->selection = style->series[0];
    style->focus = style->series[1];
}

void hs_draw_set_color (cairo_t *cr, struct hs_color color)
{
    cairo_set_source_rgba (cr, color.red, color.green, color.blue, color.alpha);
}
