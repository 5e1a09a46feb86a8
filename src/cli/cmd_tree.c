/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata tree`: who allocated, as a call tree or as a flat list of functions. */
#include "analysis/functions.h"
#include "base/units.h"
#include "cli/allocator_list.h"
#include "cli/find_names.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"

#include <glib/gi18n.h>
#include <string.h>

#define TEXT_LIMIT 10 /* rows below each row, unless --limit says otherwise */
#define TEXT_DEPTH 40
#define LIST_LIMIT 30 /* of --functions */

static gboolean option_leaks, option_bottom_up, option_blocks, option_show, option_collapse,
    option_functions, option_inclusive;
static gint option_depth = -1;
static char **option_allocators;
static char *option_metric, *option_by;

static const GOptionEntry entries[] = {
    { "leaks", 0, 0, G_OPTION_ARG_NONE, &option_leaks,
      N_ ("What was never freed: --metric outstanding, and no other rows"), NULL },
    { "bottom-up", 0, 0, G_OPTION_ARG_NONE, &option_bottom_up,
      N_ ("From the allocating function to its callers"), NULL },
    { "by", 0, 0, G_OPTION_ARG_STRING, &option_by,
      N_ ("Put blocks under who allocated them (alloc) or, when they have been, who freed them "
          "(free)"),
      N_ ("WHO") },
    { "functions", 0, 0, G_OPTION_ARG_NONE, &option_functions,
      N_ ("A flat list of functions instead of a tree"), NULL },
    { "inclusive", 0, 0, G_OPTION_ARG_NONE, &option_inclusive,
      N_ ("Sort functions by what they and their callees allocated"), NULL },
    { "metric", 0, 0, G_OPTION_ARG_STRING, &option_metric,
      N_ ("Sort by outstanding, aifi, aifo, aofi, aofo, total, net, peak or temporary"),
      N_ ("METRIC") },
    { "blocks", 0, 0, G_OPTION_ARG_NONE, &option_blocks, N_ ("Sort by blocks, not bytes"), NULL },
    { "depth", 0, 0, G_OPTION_ARG_INT, &option_depth,
      N_ ("At most so many levels; 0 = all (40 in text, all in JSON unless given)"), N_ ("N") },
    { "collapse-recursion", 0, 0, G_OPTION_ARG_NONE, &option_collapse,
      N_ ("Show a function that calls itself, also through others, as one row"), NULL },
    { "allocator", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_allocators,
      N_ ("Fold this function into its callers, too (NAME* all that begin so, -NAME this one "
          "not); may be repeated"),
      N_ ("NAME") },
    { "show-allocator-frames", 0, 0, G_OPTION_ARG_NONE, &option_show,
      N_ ("Show malloc and its like as functions of their own"), NULL },
    G_OPTION_ENTRY_NULL,
};

static const char *const metric_names[HS_N_METRICS] = {
    [HS_METRIC_OUTSTANDING] = "outstanding",
    [HS_METRIC_AIFI] = "aifi",
    [HS_METRIC_AIFO] = "aifo",
    [HS_METRIC_AOFI] = "aofi",
    [HS_METRIC_AOFO] = "aofo",
    [HS_METRIC_TOTAL] = "total",
    [HS_METRIC_NET] = "net",
    [HS_METRIC_PEAK] = "peak",
    [HS_METRIC_TEMPORARY] = "temporary",
};

struct view {
    struct hs_call_tree_query query;
    guint limit;
    guint depth; /* G_MAXUINT = all */
    const struct hs_snapshot *snapshot;
};

static gboolean parse_view (const struct cli_call *call, struct view *view)
{
    gint depth = option_depth >= 0 ? option_depth : call->json ? 0 : TEXT_DEPTH;

    view->query.direction = option_bottom_up ? HS_TREE_BOTTOM_UP : HS_TREE_TOP_DOWN;
    view->query.metric = option_leaks ? HS_METRIC_OUTSTANDING : HS_METRIC_TOTAL;
    if (option_by != NULL && strcmp (option_by, "free") == 0) {
        view->query.stacks_of = HS_STACKS_OF_ENDS;
    } else if (option_by != NULL && strcmp (option_by, "alloc") != 0) {
        (void)cli_usage_error (_ ("“%s”: blocks can be shown by “alloc” or “free”"), option_by);
        return FALSE;
    }
    view->query.unit = option_blocks ? HS_UNIT_BLOCKS : HS_UNIT_BYTES;
    view->query.allocator_frames =
        option_show ? HS_ALLOCATOR_FRAMES_SHOW : HS_ALLOCATOR_FRAMES_FOLD;
    view->query.collapse_recursion = option_collapse;
    view->limit = cli_limit (call, call->json         ? G_MAXUINT
                                   : option_functions ? LIST_LIMIT
                                                      : TEXT_LIMIT);
    view->depth = depth > 0 ? (guint)depth : G_MAXUINT;
    if (option_metric == NULL)
        return TRUE;
    for (guint i = 0; i < HS_N_METRICS; i++) {
        if (strcmp (option_metric, metric_names[i]) == 0) {
            view->query.metric = (enum hs_metric)i;
            return TRUE;
        }
    }
    (void)cli_usage_error (_ ("“%s” is no metric; see “heapstrata help tree”"), option_metric);
    return FALSE;
}

/* The metric of sums in the unit of the view: "1.2 MiB" or "3,456". */
static char *metric_text (const struct view *view, const struct hs_sums *sums,
                          enum hs_metric_unit unit)
{
    int64_t value = hs_sums_metric (sums, view->query.metric, unit);
    char text[HS_UNITS_TEXT_SIZE];

    if (view->query.metric == HS_METRIC_NET && unit == HS_UNIT_BYTES)
        return g_strdup (hs_format_bytes_signed (value, text));
    if (unit == HS_UNIT_BYTES && view->query.metric != HS_METRIC_TEMPORARY)
        return g_strdup (hs_format_bytes ((uint64_t)value, text));
    if (value < 0)
        return g_strdup_printf ("-%s", hs_format_count (0 - (uint64_t)value, text));
    return g_strdup (hs_format_count ((uint64_t)value, text));
}

static void add_metric (struct text_table *table, const struct view *view,
                        const struct hs_sums *sums, enum hs_metric_unit unit)
{
    char *text = metric_text (view, sums, unit);

    text_table_add (table, text);
    g_free (text);
}

/* A row counts as empty when its metric is 0 in bytes and in blocks. */
static gboolean is_empty (const struct view *view, const struct hs_sums *sums)
{
    return hs_sums_metric (sums, view->query.metric, HS_UNIT_BYTES) == 0 &&
           hs_sums_metric (sums, view->query.metric, HS_UNIT_BLOCKS) == 0;
}

static const char *label_of (enum hs_label_kind kind, const char *label)
{
    return kind == HS_LABEL_NO_STACK ? _ (label) : label;
}

/* "function  [module] file.c:12" */
static char *row_text (enum hs_label_kind kind, const char *label, const char *module,
                       const char *location, gboolean is_inlined)
{
    GString *text = g_string_new (label_of (kind, label));

    if (*module != '\0' && !g_str_has_prefix (label, module))
        g_string_append_printf (text, "  [%s]", module);
    if (*location != '\0')
        g_string_append_printf (text, " %s", location);
    if (is_inlined)
        g_string_append_printf (text, " %s", _ ("(inlined)"));
    return g_string_free (text, FALSE);
}

/* Whether the rows tell of blocks that a gap makes unsure. */
static gboolean has_unsure (const struct view *view, const struct hs_sums *total)
{
    return view->query.metric == HS_METRIC_OUTSTANDING && total->unsure_count > 0;
}

static void print_unsure (const struct hs_sums *total)
{
    char bytes[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE];

    (void)printf (
        _ ("\nUnsure: %s in %s blocks. They are older than a gap in the recording and may "
           "have been freed in it.\n"),
        hs_format_bytes (total->unsure_bytes, bytes), hs_format_count (total->unsure_count, count));
}

struct tree_print {
    const struct view *view;
    const struct hs_call_tree *tree;
    struct text_table *table; /* text, or … */
    struct json_out *json;
    int n_columns; /* of the table: 5 when one tells what is unsure */
    uint32_t n_rows;
};

static void add_tree_row (struct tree_print *print, const struct hs_call_tree_node *node,
                          guint depth)
{
    const char *texts = print->tree->texts;
    char *text = row_text (node->kind, texts + node->label, texts + node->module,
                           texts + node->location, node->is_inlined);

    add_metric (print->table, print->view, &node->inclusive, HS_UNIT_BYTES);
    add_metric (print->table, print->view, &node->inclusive, HS_UNIT_BLOCKS);
    add_metric (print->table, print->view, &node->exclusive, HS_UNIT_BYTES);
    if (print->n_columns > 4)
        text_table_bytes (print->table, node->inclusive.unsure_bytes);
    text_table_printf (print->table, "%*s%s", 2 * (int)(depth - 1), "", text);
    g_free (text);
}

static void add_json_label (struct json_out *json, enum hs_label_kind kind, const char *label,
                            const char *module, const char *location)
{
    static const char *const kinds[] = { "frame", "process", "no-stack" };

    json_string (json, "kind", kinds[kind]);
    json_string (json, "label", label);
    json_string (json, "module", module);
    json_string (json, "location", location);
}

static void add_json_row (struct tree_print *print, const struct hs_call_tree_node *node,
                          guint depth, gint64 parent)
{
    const char *texts = print->tree->texts;

    json_begin_object (print->json, NULL, JSON_COMPACT);
    if (parent >= 0)
        json_int (print->json, "parent", parent);
    else
        json_null (print->json, "parent");
    json_uint (print->json, "depth", depth);
    add_json_label (print->json, node->kind, texts + node->label, texts + node->module,
                    texts + node->location);
    json_bool (print->json, "inlined", node->is_inlined);
    json_begin_object (print->json, "inclusive", JSON_COMPACT);
    json_sums (print->json, &node->inclusive);
    json_end_object (print->json);
    json_begin_object (print->json, "exclusive", JSON_COMPACT);
    json_sums (print->json, &node->exclusive);
    json_end_object (print->json);
    json_end_object (print->json);
}

/* A row whose children are being printed. */
struct open_row {
    uint32_t node;
    uint32_t next; /* child */
    guint n_printed;
    gint64 row; /* its number, -1 for the invisible root */
};

static void add_more_row (struct tree_print *print, guint depth, guint n)
{
    char *text = g_strdup_printf (_ ("… and %u more"), n);

    for (int column = 1; column < print->n_columns; column++)
        text_table_add (print->table, "");
    text_table_printf (print->table, "%*s%s", 2 * (int)(depth - 1), "", text);
    g_free (text);
}

/* Prints the next child of the open row. FALSE: there is none, the row is done. */
static gboolean print_next_child (struct tree_print *print, struct open_row *open, guint depth,
                                  uint32_t *ret_node)
{
    const struct hs_call_tree_node *node = &print->tree->nodes[open->node], *child;

    do {
        if (open->next >= node->n_children)
            return FALSE;
        *ret_node = node->first_child + open->next++;
        child = &print->tree->nodes[*ret_node];
    } while (is_empty (print->view, &child->inclusive));
    if (open->n_printed++ >= print->view->limit) {
        if (print->table != NULL)
            add_more_row (print, depth, node->n_children - open->next + 1);
        return FALSE;
    }
    print->n_rows++;
    if (print->table != NULL)
        add_tree_row (print, child, depth);
    else
        add_json_row (print, child, depth, open->row);
    return TRUE;
}

/* Row by row, with a stack of our own: a file decides how deep a tree is. */
static void print_rows (struct tree_print *print)
{
    GArray *stack = g_array_new (FALSE, FALSE, sizeof (struct open_row));
    struct open_row next = { .row = -1 };

    g_array_append_val (stack, next);
    while (stack->len > 0) {
        guint depth = stack->len;
        struct open_row *open = &g_array_index (stack, struct open_row, depth - 1);

        next = (struct open_row){ .row = print->n_rows };
        if (!print_next_child (print, open, depth, &next.node))
            g_array_set_size (stack, depth - 1);
        else if (depth < print->view->depth)
            g_array_append_val (stack, next);
    }
    g_array_free (stack, TRUE);
}

static void begin_json (struct json_out *json, const struct view *view, const struct hs_sums *total,
                        int64_t peak_time)
{
    json_begin_object (json, NULL, JSON_LINES);
    json_string (json, "metric", metric_names[view->query.metric]);
    json_string (json, "unit", view->query.unit == HS_UNIT_BYTES ? "bytes" : "blocks");
    json_string (json, "by", view->query.stacks_of == HS_STACKS_OF_ENDS ? "free" : "alloc");
    json_begin_object (json, "total", JSON_COMPACT);
    json_sums (json, total);
    json_end_object (json);
    json_seconds (json, "peak_time", view->snapshot, peak_time);
}

static void print_total (struct text_table *table, const struct view *view,
                         const struct hs_sums *total, int n_columns)
{
    add_metric (table, view, total, HS_UNIT_BYTES);
    add_metric (table, view, total, HS_UNIT_BLOCKS);
    for (int i = 2; i < n_columns - 1; i++) {
        if (i == n_columns - 2 && has_unsure (view, total))
            text_table_bytes (table, total->unsure_bytes);
        else
            text_table_add (table, "");
    }
    text_table_add (table, _ ("(all)"));
}

static void print_tree (const struct view *view, const struct hs_call_tree *tree, gboolean is_json)
{
    const char *const last =
        view->query.direction == HS_TREE_TOP_DOWN ? _ ("Function") : _ ("Called from");
    const char *const sure[] = { _ ("Inclusive"), _ ("Blocks"), _ ("Exclusive"), last, NULL };
    const char *const unsure[] = { _ ("Inclusive"), _ ("Blocks"), _ ("Exclusive"),
                                   _ ("Unsure"),    last,         NULL };
    struct json_out json = json_begin (stdout);
    struct tree_print print = { .view = view, .tree = tree };

    if (is_json) {
        print.json = &json;
        begin_json (&json, view, &tree->total, tree->peak_time);
        json_string (&json, "direction",
                     view->query.direction == HS_TREE_TOP_DOWN ? "top-down" : "bottom-up");
        json_bool (&json, "is_cut", tree->is_cut);
        json_begin_array (&json, "rows", JSON_LINES);
        print_rows (&print);
        json_end_array (&json);
        json_end_object (&json);
        json_end (&json);
        return;
    }
    print.n_columns = has_unsure (view, &tree->total) ? 5 : 4;
    print.table =
        print.n_columns > 4 ? text_table_new ("rrrrl", unsure) : text_table_new ("rrrl", sure);
    print_total (print.table, view, &tree->total, print.n_columns);
    print_rows (&print);
    text_table_print (print.table, stdout, 0);
    if (print.n_columns > 4)
        print_unsure (&tree->total);
    text_table_free (print.table);
}

static void print_function_list (const struct view *view, const struct hs_functions *functions)
{
    const char *const sure[] = { _ ("Exclusive"), _ ("Blocks"),   _ ("Inclusive"),
                                 _ ("Blocks"),    _ ("Function"), NULL };
    const char *const unsure[] = {
        _ ("Exclusive"), _ ("Blocks"), _ ("Inclusive"), _ ("Blocks"), _ ("Unsure"),
        _ ("Function"),  NULL
    };
    gboolean is_unsure = has_unsure (view, &functions->total);
    struct text_table *table =
        is_unsure ? text_table_new ("rrrrrl", unsure) : text_table_new ("rrrrl", sure);
    guint n = 0;

    print_total (table, view, &functions->total, is_unsure ? 6 : 5);
    for (uint32_t i = 0; i < functions->n && n < view->limit; i++) {
        const struct hs_function *function = &functions->functions[i];
        char *text;

        if (is_empty (view, option_inclusive ? &function->inclusive : &function->exclusive))
            continue;
        text = row_text (function->kind, function->label, function->module, function->location,
                         function->is_inlined);
        add_metric (table, view, &function->exclusive, HS_UNIT_BYTES);
        add_metric (table, view, &function->exclusive, HS_UNIT_BLOCKS);
        add_metric (table, view, &function->inclusive, HS_UNIT_BYTES);
        add_metric (table, view, &function->inclusive, HS_UNIT_BLOCKS);
        if (is_unsure)
            text_table_bytes (table, function->inclusive.unsure_bytes);
        text_table_add (table, text);
        g_free (text);
        n++;
    }
    text_table_print (table, stdout, 0);
    if (is_unsure)
        print_unsure (&functions->total);
    text_table_free (table);
}

static void print_function_json (const struct view *view, const struct hs_functions *functions)
{
    struct json_out json = json_begin (stdout);

    begin_json (&json, view, &functions->total, functions->peak_time);
    json_begin_array (&json, "functions", JSON_LINES);
    for (uint32_t i = 0; i < functions->n && i < view->limit; i++) {
        const struct hs_function *function = &functions->functions[i];

        json_begin_object (&json, NULL, JSON_COMPACT);
        add_json_label (&json, function->kind, function->label, function->module,
                        function->location);
        json_begin_object (&json, "inclusive", JSON_COMPACT);
        json_sums (&json, &function->inclusive);
        json_end_object (&json);
        json_begin_object (&json, "exclusive", JSON_COMPACT);
        json_sums (&json, &function->exclusive);
        json_end_object (&json);
        json_end_object (&json);
    }
    json_end_array (&json);
    json_end_object (&json);
    json_end (&json);
}

static enum hs_status answer (const struct view *view, const struct hs_filter *filter,
                              gboolean is_json, struct hs_error *err)
{
    const struct hs_functions_query query = {
        .order = option_inclusive ? HS_FUNCTIONS_BY_INCLUSIVE : HS_FUNCTIONS_BY_EXCLUSIVE,
        .metric = view->query.metric,
        .unit = view->query.unit,
        .allocator_frames = view->query.allocator_frames,
        .stacks_of = view->query.stacks_of,
    };
    struct hs_functions *functions;
    struct hs_call_tree *tree;
    enum hs_status status;

    if (option_functions) {
        status = hs_functions (view->snapshot, filter, &query, NULL, &functions, err);
        if (status != HS_OK)
            return status;
        if (is_json)
            print_function_json (view, functions);
        else
            print_function_list (view, functions);
        hs_functions_unref (functions);
        return HS_OK;
    }
    status = hs_call_tree (view->snapshot, filter, &view->query, NULL, &tree, err);
    if (status != HS_OK)
        return status;
    print_tree (view, tree, is_json);
    hs_call_tree_unref (tree);
    return HS_OK;
}

static int refuse_frees (const struct cli_call *call)
{
    (void)fprintf (stderr,
                   _ ("heapstrata: %s: it has no call stacks of frees; “heapstrata record "
                      "--free-stacks” records them\n"),
                   call->files[0]);
    return CLI_BAD_INPUT;
}

static int run (const struct cli_call *call)
{
    struct view view = { .limit = 0 };
    struct open_trace open;
    struct hs_filter filter;
    struct hs_error err = { 0 };
    int status;

    if (!parse_view (call, &view))
        return CLI_BAD_USAGE;
    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    cli_use_allocators (open.trace, (const char *const *)option_allocators);
    cli_find_names (&open, call);
    view.snapshot = &open.snapshot;
    if (!cli_filter (call, &open.snapshot, &filter))
        status = CLI_BAD_USAGE;
    else if (view.query.stacks_of == HS_STACKS_OF_ENDS &&
             !hs_rows_have_end_stacks (open.snapshot.rows))
        status = refuse_frees (call);
    else if (answer (&view, &filter, call->json, &err) != HS_OK)
        status = cli_query_failed (call, &err);
    else
        status = open_trace_status (&open);
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "metric, unit", "string", "", N_ ("what rows are sorted by") },
    { "by", "string", "", N_ ("alloc or free: whose call stacks rows are of") },
    { "total.*", "integer", "", N_ ("sums of everything that passed the filter, as below") },
    { "peak_time", "number", "s", N_ ("the moment that peak_bytes and peak_count mean") },
    { "direction", "string", "", N_ ("top-down or bottom-up") },
    { "is_cut", "boolean", "", N_ ("the tree was too large: the lightest stacks end early") },
    { "rows[]", "object", "", N_ ("rows of the tree, each before the rows below it") },
    { "rows[].parent", "integer or null", "", N_ ("number of the row above, counted from 0") },
    { "rows[].depth", "integer", "", N_ ("1 for the top rows") },
    { "…kind", "string", "", N_ ("frame, process or no-stack") },
    { "…label", "string", "", N_ ("function, module+offset or address") },
    { "…module", "string", "", N_ ("file name of the module, or empty") },
    { "…location", "string", "", N_ ("file and line of one of its frames, or empty") },
    { "rows[].inlined", "boolean", "", N_ ("the function was inlined into the row above") },
    { "functions[]", "object", "", N_ ("with --functions, instead of rows") },
    { "…inclusive", "object", "", N_ ("sums with everything below, as below") },
    { "…exclusive", "object", "", N_ ("sums of stacks that end in this row, as below") },
    CLI_SUMS_FIELDS ("…"),
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_tree = {
    .name = "tree",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Show who allocated, or who freed: a call tree or a list of functions"),
    .description = N_ ("--by free needs call stacks of frees in the trace (record --free-stacks, "
                       "or Windows' own);\nblocks that were not freed, or by a call without a "
                       "stack, stand in rows of their own.\n\n"
                       "malloc, operator new, RtlAllocateHeap and their like are folded into "
                       "their callers. Lines in\n$XDG_CONFIG_HOME/heapstrata/allocators say which "
                       "functions are, too, or are not, as --allocator does.\n\n"
                       "--limit counts the rows below each row (10 in text, all in JSON); with "
                       "--functions, all rows."),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_LIMIT | CLI_OPTION_RANGE | CLI_OPTION_PROCESS |
                      CLI_OPTION_BLOCKS | CLI_OPTION_TYPE | CLI_OPTION_SYMBOLS,
    .options = entries,
    .json_fields = fields,
    .run = run,
};
