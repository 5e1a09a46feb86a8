/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `heapstrata draw` asks of heapstrata-draw.so. Cairo and Pango bring some forty libraries:
 * linked into the program they made every command, and each recording, begin 4 ms later.
 */
#ifndef HS_CLI_CHART_DRAWING_H
#define HS_CLI_CHART_DRAWING_H

#include "analysis/filter.h"
#include "base/error.h"
#include "trace/trace.h"

#include <stdbool.h>

struct chart_request { /* lent for the call */
    struct hs_trace *trace;
    const struct hs_snapshot *snapshot; /* of the trace */
    const struct hs_filter *filter;
    const char *output; /* a file name that ends in .svg or .png */
    const char *font;   /* NULL: the painters' own */
    int width, height;  /* pixels */
    bool is_histogram;  /* else the timeline */
    bool is_dark, counts_blocks;
};

/* Draws into the file. *ret_unwritten: why it could not be written (static), or NULL. */
enum hs_status chart_draw (const struct chart_request *request, const char **ret_unwritten,
                           struct hs_error *err) __attribute__ ((visibility ("default")));

#endif
