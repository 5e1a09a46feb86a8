/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Colours and type of all charts, handed to every painter as one value: the painters know no
 * toolkit. hs_draw_style_init gives the house colours; a window replaces those that its theme
 * decides (background, foreground, border, selection).
 */
#ifndef HS_DRAW_PALETTE_H
#define HS_DRAW_PALETTE_H

#include <cairo.h>
#include <stdbool.h>

struct hs_color {
    double red, green, blue, alpha; /* 0..1 */
};

enum hs_draw_theme {
    HS_DRAW_LIGHT,
    HS_DRAW_DARK,
};

#define HS_DRAW_N_SERIES 6

struct hs_draw_style {
    const char *font_family; /* lent */
    double font_size;        /* pixels */
    enum hs_draw_theme theme;
    bool is_rtl;           /* values stand at the right; time always runs to the right */
    bool is_high_contrast; /* stronger grid, outlines */
    struct hs_color background, foreground, dim, grid, selection, focus;
    struct hs_color series[HS_DRAW_N_SERIES]; /* blue, orange, green, purple, brown, grey */
    struct hs_color leak, freed, ghost;
};

void hs_draw_style_init (struct hs_draw_style *style, enum hs_draw_theme theme);

/* The colour with another opacity. */
static inline struct hs_color hs_color_fade (struct hs_color color, double alpha)
{
    color.alpha *= alpha;
    return color;
}

void hs_draw_set_color (cairo_t *cr, struct hs_color color);

#endif
