/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata draw`: the charts of the window as SVG or PNG, by the same painters; those are in a
 * module of their own (chart_drawing.h). */
#include "cli/chart_drawing.h"
#include "cli/open_trace.h"

#include <dlfcn.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#define MODULE "heapstrata-draw.so"

#define MIN_SIDE 64
#define MAX_SIDE 16384

static gchar *option_output, *option_size, *option_font;
static gboolean option_dark, option_blocks;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
      N_ ("Write this file; its name ends in .svg or .png"), N_ ("FILE") },
    { "size", 0, 0, G_OPTION_ARG_STRING, &option_size,
      N_ ("Width and height, pixels (timeline 1200x400, histogram 800x400)"), N_ ("WxH") },
    { "dark", 0, 0, G_OPTION_ARG_NONE, &option_dark, N_ ("Light on dark"), NULL },
    { "count-blocks", 0, 0, G_OPTION_ARG_NONE, &option_blocks, N_ ("Count blocks, not bytes"),
      NULL },
    { "font", 0, 0, G_OPTION_ARG_STRING, &option_font, N_ ("Font family (Sans)"), N_ ("NAME") },
    G_OPTION_ENTRY_NULL,
};

static const struct chart {
    const char *name;
    int width, height;
    bool is_histogram;
} charts[] = { { "timeline", 1200, 400, false }, { "histogram", 800, 400, true } };

static gboolean parse_size (const struct chart *chart, int *width, int *height)
{
    char end;

    *width = chart->width;
    *height = chart->height;
    if (option_size == NULL)
        return TRUE;
    return sscanf (option_size, "%5dx%5d%c", width, height, &end) == 2 && *width >= MIN_SIDE &&
           *width <= MAX_SIDE && *height >= MIN_SIDE && *height <= MAX_SIDE;
}

/* Beside the program (a build folder), else where it is installed; NULL after saying why. It stays
 * loaded: the libraries it brings are not made to be taken out again. */
static __typeof__ (&chart_draw) load_module (void)
{
    char *program = g_file_read_link ("/proc/self/exe", NULL);
    char *folder = program != NULL ? g_path_get_dirname (program) : g_strdup (".");
    char *path = g_build_filename (folder, MODULE, NULL);
    __typeof__ (&chart_draw) ret = NULL;
    void *module;

    if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
        g_free (path);
        path = g_build_filename (HEAPSTRATA_MODULE_DIR, MODULE, NULL);
    }
    module = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    if (module != NULL)
        *(void **)&ret = dlsym (module, "chart_draw");
    if (ret == NULL)
        (void)fprintf (stderr, "heapstrata: %s\n", dlerror ());
    g_free (path);
    g_free (folder);
    g_free (program);
    return ret;
}

static int draw_file (const struct cli_call *call, const struct chart *chart, int width, int height)
{
    struct chart_request request = {
        .output = option_output,
        .font = option_font,
        .width = width,
        .height = height,
        .is_histogram = chart->is_histogram,
        .is_dark = option_dark,
        .counts_blocks = option_blocks,
    };
    __typeof__ (&chart_draw) draw = load_module ();
    const char *unwritten;
    struct open_trace open;
    struct hs_filter filter;
    struct hs_error err = { 0 };
    int status;

    if (draw == NULL || !open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (!cli_filter (call, &open.snapshot, &filter)) {
        open_trace_clear (&open);
        return CLI_BAD_USAGE;
    }
    request.trace = open.trace;
    request.snapshot = &open.snapshot;
    request.filter = &filter;
    status = open_trace_status (&open);
    if (draw (&request, &unwritten, &err) != HS_OK) {
        status = cli_query_failed (call, &err);
    } else if (unwritten != NULL) {
        (void)fprintf (stderr, "heapstrata: %s: %s\n", option_output, unwritten);
        status = CLI_BAD_INPUT;
    }
    open_trace_clear (&open);
    return status;
}

static int run (const struct cli_call *call)
{
    struct cli_call files = *call;
    const struct chart *chart = NULL;
    int width, height;

    for (size_t i = 0; i < G_N_ELEMENTS (charts); i++)
        if (strcmp (call->files[0], charts[i].name) == 0)
            chart = &charts[i];
    if (chart == NULL)
        return cli_usage_error (_ ("draw what? Say “timeline” or “histogram” first"));
    if (call->n_files < 2)
        return cli_usage_error (_ ("name a file; see “heapstrata help %s”"), "draw");
    if (option_output == NULL ||
        (!g_str_has_suffix (option_output, ".svg") && !g_str_has_suffix (option_output, ".png")))
        return cli_usage_error (_ ("--output takes a name that ends in .svg or .png"));
    if (!parse_size (chart, &width, &height))
        return cli_usage_error (_ ("--size takes WIDTHxHEIGHT, %d to %d each"), MIN_SIDE, MAX_SIDE);
    files.files++;
    files.n_files--;
    return draw_file (&files, chart, width, height);
}

const struct cli_command cli_command_draw = {
    .name = "draw",
    .arguments = N_ ("timeline|histogram FILE… -o OUT.svg|OUT.png"),
    .summary = N_ ("Draw a chart as SVG or PNG"),
    .shared_options = CLI_OPTION_RANGE | CLI_OPTION_PROCESS,
    .options = entries,
    .run = run,
};
