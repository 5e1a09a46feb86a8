/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A small picture of analysis/row_curves.h beside a row: bytes over time, to the row's own scale.
 * What stays stands at the bottom with an edge, what is freed above it without: not only the colour
 * tells them apart. Steps, never smoothed.
 */
#ifndef HS_DRAW_SPARKLINE_PAINTER_H
#define HS_DRAW_SPARKLINE_PAINTER_H

#include "analysis/row_curves.h"
#include "draw/plot.h"

/* The columns divide the width of `area` equally, whatever times they are of. */
void hs_draw_sparkline (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_row_curve *curve, uint32_t n_columns);

#endif
