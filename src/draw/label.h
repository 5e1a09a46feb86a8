/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of text in a chart, by pango: any script, tabular figures. */
#ifndef HS_DRAW_LABEL_H
#define HS_DRAW_LABEL_H

#include "draw/palette.h"

enum hs_align {
    HS_ALIGN_LEFT, /* x is the left end of the text */
    HS_ALIGN_CENTRE,
    HS_ALIGN_RIGHT,
};

struct hs_text_spot {
    double x, y; /* y: the middle of the line */
    enum hs_align align;
    bool is_bold;
    struct hs_color color;
    double max_width; /* 0 = as long as it is; else cut with an ellipsis */
};

/* Returns the width drawn, pixels. */
double hs_draw_label (cairo_t *cr, const struct hs_draw_style *style,
                      const struct hs_text_spot *label, const char *text);

double hs_draw_label_width (cairo_t *cr, const struct hs_draw_style *style, const char *text);

#endif
