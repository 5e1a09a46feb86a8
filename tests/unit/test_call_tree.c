/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Call trees, function lists, allocator frames and findings on hand-made traces. */
#include "analysis/allocator_frames.h"
#include "analysis/caller_path.h"
#include "analysis/findings.h"
#include "analysis/functions.h"
#include "base/memory.h"
#include "trace/images.h"
#include "trace_maker.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * main (0x900) calls load (0x810 or 0x820: two places in one function) and work (0x830); malloc is
 * 0x100; 0x830 has inner inlined into it, and inner has std::allocator inlined into it.
 *
 *   malloc < load < main            10 B freed
 *   malloc < load < main            20 B        (from its other place)
 *   allocate [inner [work]] < main  40 B
 *   0x5678 < main                   80 B        (lib.so + 0x678)
 *   malloc < 0xdead                160 B        (nothing known of its caller)
 */
static const uint64_t stack_a[] = { 0x100, 0x810, 0x900, 0 };
static const uint64_t stack_b[] = { 0x100, 0x820, 0x900, 0 };
static const uint64_t stack_c[] = { 0x830, 0x900, 0 };
static const uint64_t stack_d[] = { 0x5678, 0x900, 0 };
static const uint64_t stack_e[] = { 0x100, 0xdead, 0 };

static void name_frames (struct trace_maker *m)
{
    trace_maker_name (m, 0x100, 0, "malloc");
    trace_maker_place (m, 0x810, "load", "/src/load.c", 81);
    trace_maker_name (m, 0x820, 0, "load");
    trace_maker_name (m, 0x830, 0, "std::allocator<int>::allocate(unsigned long)");
    trace_maker_name (m, 0x830, 1, "inner");
    trace_maker_name (m, 0x830, 2, "work");
    trace_maker_name (m, 0x900, 0, "main");
    trace_maker_module (m, 0x5000, 0x1000, "/usr/lib/lib.so");
}

static struct trace_maker make (void)
{
    struct trace_maker m = trace_maker_begin ();

    (void)trace_maker_process (&m, 7, "one.exe");
    name_frames (&m);
    m.time++, trace_maker_alloc (&m, 1, 10, trace_maker_stack (&m, stack_a));
    m.time++, trace_maker_alloc (&m, 2, 20, trace_maker_stack (&m, stack_b));
    m.time++, trace_maker_free (&m, 1);
    m.time++, trace_maker_alloc (&m, 3, 40, trace_maker_stack (&m, stack_c));
    m.time++, trace_maker_alloc (&m, 4, 80, trace_maker_stack (&m, stack_d));
    m.time++, trace_maker_alloc (&m, 5, 160, trace_maker_stack (&m, stack_e));
    return m;
}

static struct hs_call_tree *tree_of (const struct hs_snapshot *snapshot,
                                     const struct hs_filter *filter,
                                     const struct hs_call_tree_query *query)
{
    struct hs_call_tree *tree;

    ck_assert_int_eq (hs_call_tree (snapshot, filter, query, NULL, &tree, NULL), HS_OK);
    return tree;
}

/* The tree as text: "label inclusive exclusive (children) …" of the bytes of the metric. */
static void write_level (const struct hs_call_tree *tree, const struct hs_call_tree_node *node,
                         char *text, size_t size)
{
    for (uint32_t i = 0; i < node->n_children; i++) {
        const struct hs_call_tree_node *child = &tree->nodes[node->first_child + i];
        size_t n = strlen (text);

        ck_assert_ptr_eq (&tree->nodes[child->parent], node);
        (void)snprintf (
            text + n, size - n, "%s%s %lld/%lld", i > 0 ? ", " : "", tree->texts + child->label,
            (long long)hs_sums_metric (&child->inclusive, tree->query.metric, tree->query.unit),
            (long long)hs_sums_metric (&child->exclusive, tree->query.metric, tree->query.unit));
        if (child->n_children == 0)
            continue;
        n = strlen (text);
        (void)snprintf (text + n, size - n, " (");
        write_level (tree, child, text, size);
        n = strlen (text);
        (void)snprintf (text + n, size - n, ")");
    }
}

static void assert_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                         struct hs_call_tree_query query, const char *expected)
{
    struct hs_call_tree *tree = tree_of (snapshot, filter, &query);
    char text[4096] = "";

    write_level (tree, &tree->nodes[0], text, sizeof text);
    ck_assert_str_eq (text, expected);
    hs_call_tree_unref (tree);
}

START_TEST (top_down_merges_by_function_and_folds)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };

    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/160, main 150/0 (lib.so+0x678 80/80, work 40/0 (inner 40/40), "
                 "load 30/30)");
    query.metric = HS_METRIC_OUTSTANDING;
    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/160, main 140/0 (lib.so+0x678 80/80, work 40/0 (inner 40/40), "
                 "load 20/20)");
    query.unit = HS_UNIT_BLOCKS;
    assert_tree (&snapshot, &filter, query,
                 "main 3/0 (lib.so+0x678 1/1, load 1/1, work 1/0 (inner 1/1)), 0xdead 1/1");
    trace_maker_end (&m);
}
END_TEST

START_TEST (allocators_are_shown_when_asked_for)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL,
                                        .allocator_frames = HS_ALLOCATOR_FRAMES_SHOW };

    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/0 (malloc 160/160), main 150/0 (lib.so+0x678 80/80, work 40/0 "
                 "(inner 40/0 (std::allocator<int>::allocate(unsigned long) 40/40)), "
                 "load 30/0 (malloc 30/30))");
    trace_maker_end (&m);
}
END_TEST

START_TEST (bottom_up_begins_at_the_leaf)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL, .direction = HS_TREE_BOTTOM_UP };

    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/160, lib.so+0x678 80/0 (main 80/80), inner 40/0 (work 40/0 "
                 "(main 40/40)), load 30/0 (main 30/30)");
    query.allocator_frames = HS_ALLOCATOR_FRAMES_SHOW;
    assert_tree (&snapshot, &filter, query,
                 "malloc 190/0 (0xdead 160/160, load 30/0 (main 30/30)), lib.so+0x678 80/0 "
                 "(main 80/80), std::allocator<int>::allocate(unsigned long) 40/0 (inner 40/0 "
                 "(work 40/0 (main 40/40)))");
    trace_maker_end (&m);
}
END_TEST

START_TEST (classes_that_are_not_wanted_vanish)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };

    filter.classes = HS_CLASS_AIFI;
    assert_tree (&snapshot, &filter, query, "main 10/0 (load 10/10)");
    trace_maker_end (&m);
}
END_TEST

START_TEST (rows_know_where_they_are)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };
    struct hs_call_tree *tree = tree_of (&snapshot, &filter, &query);
    bool has_load = false, has_inner = false, has_lib = false;

    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        const struct hs_call_tree_node *node = &tree->nodes[i];
        const char *label = tree->texts + node->label;

        if (strcmp (label, "load") == 0) {
            ck_assert_str_eq (tree->texts + node->location, "load.c:81");
            ck_assert (!node->is_inlined);
            has_load = true;
        } else if (strcmp (label, "inner") == 0) {
            ck_assert (node->is_inlined);
            has_inner = true;
        } else if (strcmp (label, "lib.so+0x678") == 0) {
            ck_assert_str_eq (tree->texts + node->module, "lib.so");
            has_lib = true;
        }
    }
    ck_assert (has_load && has_inner && has_lib);
    ck_assert_uint_eq (tree->total.bytes[0], 10);
    hs_call_tree_unref (hs_call_tree_ref (tree));
    hs_call_tree_unref (tree);
    trace_maker_end (&m);
}
END_TEST

/* A second process that calls the same function, blocks without a stack in both. */
static struct trace_maker make_two (void)
{
    struct trace_maker m = trace_maker_begin ();

    (void)trace_maker_process (&m, 7, "C:\\bin\\one.exe");
    trace_maker_name (&m, 0x900, 0, "main");
    trace_maker_alloc (&m, 1, 1, trace_maker_stack (&m, (uint64_t[]){ 0x900, 0 }));
    trace_maker_alloc (&m, 2, 2, HS_NO_STACK);
    (void)trace_maker_process (&m, 7, "two.exe"); /* the pid again */
    trace_maker_name (&m, 0x900, 0, "main");
    trace_maker_alloc (&m, 1, 4, trace_maker_stack (&m, (uint64_t[]){ 0x900, 0 }));
    return m;
}

START_TEST (several_processes_have_rows)
{
    struct trace_maker m = make_two ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };

    assert_tree (&snapshot, &filter, query,
                 "two.exe (7:1) 4/0 (main 4/4), one.exe (7) 3/0 ((no call stack) 2/2, main 1/1)");
    query.direction = HS_TREE_BOTTOM_UP;
    assert_tree (&snapshot, &filter, query,
                 "main 5/0 (two.exe (7:1) 4/4, one.exe (7) 1/1), (no call stack) 2/0 "
                 "(one.exe (7) 2/2)");
    filter.process = 0;
    query.direction = HS_TREE_TOP_DOWN;
    assert_tree (&snapshot, &filter, query, "(no call stack) 2/2, main 1/1");
    trace_maker_end (&m);
}
END_TEST

START_TEST (an_empty_answer_is_a_tree)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };

    filter.size_min = 1000;
    assert_tree (&snapshot, &filter, query, "");
    trace_maker_end (&m);
}
END_TEST

START_TEST (recursion_counts_once)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_functions_query query = { .metric = HS_METRIC_TOTAL };
    struct hs_filter filter = hs_filter_all ();
    struct hs_functions *functions;
    struct hs_snapshot snapshot;

    (void)trace_maker_process (&m, 7, "one.exe");
    trace_maker_name (&m, 0x100, 0, "operator new(unsigned long)");
    trace_maker_name (&m, 0x200, 0, "walk");
    trace_maker_name (&m, 0x201, 0, "walk");
    trace_maker_name (&m, 0x900, 0, "main");
    trace_maker_alloc (
        &m, 1, 10, trace_maker_stack (&m, (uint64_t[]){ 0x100, 0x200, 0x201, 0x200, 0x900, 0 }));
    trace_maker_alloc (&m, 2, 5, trace_maker_stack (&m, (uint64_t[]){ 0x100, 0x900, 0 }));
    snapshot = trace_maker_snapshot (&m);
    ck_assert_int_eq (hs_functions (&snapshot, &filter, &query, NULL, &functions, NULL), HS_OK);
    ck_assert_uint_eq (functions->n, 2);
    ck_assert_str_eq (functions->functions[0].label, "walk");
    ck_assert_uint_eq (functions->functions[0].exclusive.bytes[1], 10);
    ck_assert_uint_eq (functions->functions[0].inclusive.bytes[1], 10);
    ck_assert_str_eq (functions->functions[1].label, "main");
    ck_assert_uint_eq (functions->functions[1].exclusive.bytes[1], 5);
    ck_assert_uint_eq (functions->functions[1].inclusive.bytes[1], 15);
    hs_functions_unref (functions);
    query.order = HS_FUNCTIONS_BY_INCLUSIVE;
    query.allocator_frames = HS_ALLOCATOR_FRAMES_SHOW;
    ck_assert_int_eq (hs_functions (&snapshot, &filter, &query, NULL, &functions, NULL), HS_OK);
    ck_assert_uint_eq (functions->n, 3);
    ck_assert_str_eq (functions->functions[0].label, "operator new(unsigned long)");
    ck_assert_str_eq (functions->functions[1].label, "main");
    ck_assert_uint_eq (functions->functions[1].exclusive.count[1], 0);
    hs_functions_unref (functions);
    trace_maker_end (&m);
}
END_TEST

START_TEST (recursion_is_one_row_when_collapsed)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL, .collapse_recursion = true };
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot snapshot;

    (void)trace_maker_process (&m, 7, "one.exe");
    trace_maker_name (&m, 0x200, 0, "walk");
    trace_maker_name (&m, 0x201, 0, "walk");
    trace_maker_name (&m, 0x300, 0, "leaf");
    trace_maker_name (&m, 0x900, 0, "main");
    trace_maker_alloc (
        &m, 1, 10, trace_maker_stack (&m, (uint64_t[]){ 0x300, 0x200, 0x201, 0x200, 0x900, 0 }));
    trace_maker_alloc (&m, 2, 5, trace_maker_stack (&m, (uint64_t[]){ 0x201, 0x200, 0x900, 0 }));
    snapshot = trace_maker_snapshot (&m);
    assert_tree (&snapshot, &filter, query, "main 15/0 (walk 15/5 (leaf 10/10))");
    query.direction = HS_TREE_BOTTOM_UP;
    assert_tree (&snapshot, &filter, query,
                 "leaf 10/0 (walk 10/0 (main 10/10)), walk 5/0 (main 5/5)");
    query.collapse_recursion = false;
    query.direction = HS_TREE_TOP_DOWN;
    assert_tree (&snapshot, &filter, query,
                 "main 15/0 (walk 15/0 (walk 15/5 (walk 10/0 (leaf 10/10))))");
    trace_maker_end (&m);
}
END_TEST

/* Every row of every tree leads to a stack that has just what the row says. */
static void check_paths (const struct hs_snapshot *snapshot, struct hs_call_tree_query query)
{
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree *tree = tree_of (snapshot, &filter, &query);

    for (uint32_t node = 1; node < tree->n_nodes; node++) {
        struct hs_caller_path_query asked = { .row = hs_call_tree_row (tree, node),
                                              .metric = query.metric };
        struct hs_caller_path *path;

        ck_assert_int_eq (hs_caller_path (snapshot, &filter, &asked, NULL, &path, NULL), HS_OK);
        ck_assert_uint_gt (path->n, path->chosen);
        ck_assert_str_eq (path->frames[path->chosen].function,
                          tree->texts + tree->nodes[node].label);
        ck_assert_int_eq (
            hs_sums_metric (&path->row_sums, query.metric, HS_UNIT_BYTES),
            hs_sums_metric (&tree->nodes[node].inclusive, query.metric, HS_UNIT_BYTES));
        hs_caller_path_free (path);
    }
    hs_call_tree_unref (tree);
}

START_TEST (a_row_leads_to_its_stacks)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);

    for (unsigned i = 0; i < 8; i++)
        check_paths (&snapshot, (struct hs_call_tree_query){
                                    .metric = HS_METRIC_TOTAL,
                                    .direction = (enum hs_tree_direction) (i & 1),
                                    .allocator_frames = (enum hs_allocator_frames) (i >> 1 & 1),
                                    .collapse_recursion = (i >> 2 & 1) != 0 });
    trace_maker_end (&m);
    m = trace_maker_begin ();
    (void)trace_maker_process (&m, 7, "one.exe");
    trace_maker_name (&m, 0x200, 0, "walk");
    trace_maker_name (&m, 0x201, 0, "walk");
    trace_maker_name (&m, 0x900, 0, "main");
    trace_maker_alloc (&m, 1, 10,
                       trace_maker_stack (&m, (uint64_t[]){ 0x200, 0x201, 0x200, 0x900, 0 }));
    trace_maker_alloc (&m, 2, 5, trace_maker_stack (&m, (uint64_t[]){ 0x201, 0x200, 0x900, 0 }));
    snapshot = trace_maker_snapshot (&m);
    for (unsigned i = 0; i < 4; i++)
        check_paths (&snapshot,
                     (struct hs_call_tree_query){ .metric = HS_METRIC_TOTAL,
                                                  .direction = (enum hs_tree_direction) (i & 1),
                                                  .collapse_recursion = (i >> 1) != 0 });
    trace_maker_end (&m);
}
END_TEST

START_TEST (a_path_has_what_the_metric_counts)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_caller_path_query query = { .metric = HS_METRIC_OUTSTANDING };
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot snapshot;
    struct hs_caller_path *path;

    (void)trace_maker_process (&m, 7, "one.exe");
    trace_maker_name (&m, 0x200, 0, "kept");
    trace_maker_name (&m, 0x300, 0, "freed");
    trace_maker_alloc (&m, 1, 10, trace_maker_stack (&m, (uint64_t[]){ 0x200, 0 }));
    trace_maker_alloc (&m, 2, 500, trace_maker_stack (&m, (uint64_t[]){ 0x300, 0 }));
    trace_maker_free (&m, 2);
    snapshot = trace_maker_snapshot (&m);
    ck_assert_int_eq (hs_caller_path (&snapshot, &filter, &query, NULL, &path, NULL), HS_OK);
    ck_assert_uint_eq (path->n_stacks, 1);
    ck_assert_str_eq (path->frames[0].function, "kept");
    hs_caller_path_free (path);
    query.metric = HS_METRIC_TOTAL;
    ck_assert_int_eq (hs_caller_path (&snapshot, &filter, &query, NULL, &path, NULL), HS_OK);
    ck_assert_uint_eq (path->n_stacks, 2);
    ck_assert_str_eq (path->frames[0].function, "freed");
    hs_caller_path_free (path);
    filter.has_range = true; /* an empty one */
    filter.from = 1;
    filter.to = 0;
    ck_assert_int_eq (hs_caller_path (&snapshot, &filter, &query, NULL, &path, NULL), HS_OK);
    ck_assert_uint_eq (path->n, 0);
    hs_caller_path_free (path);
    trace_maker_end (&m);
}
END_TEST

START_TEST (the_user_names_allocators)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL };

    ck_assert (hs_trace_set_allocators (m.trace, "# mine\nin*\r\nload\n\n-malloc"));
    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/0 (malloc 160/160), main 150/0 (lib.so+0x678 80/80, work 40/40, "
                 "load 30/0 (malloc 30/30))");
    ck_assert (hs_trace_set_allocators (m.trace, "load"));
    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/160, main 150/30 (lib.so+0x678 80/80, work 40/0 (inner 40/40))");
    ck_assert (hs_trace_set_allocators (m.trace, ""));
    assert_tree (&snapshot, &filter, query,
                 "0xdead 160/160, main 150/0 (lib.so+0x678 80/80, work 40/0 (inner 40/40), "
                 "load 30/30)");
    trace_maker_end (&m);
}
END_TEST

START_TEST (allocators_are_known_by_name)
{
    static const char *const allocators[] = {
        "malloc",
        "malloc(unsigned long)",
        "calloc",
        "operator new(unsigned long)",
        "operator new[](unsigned long, std::nothrow_t const&)",
        "RtlAllocateHeap",
        "RtlpAllocateHeapInternal",
        "g_malloc0",
        "free",
        "operator delete(void*, unsigned long)",
        "g_free",
        "std::allocator<char>::deallocate(char*, unsigned long)",
        "std::allocator<char>::allocate(unsigned long)",
        "__gnu_cxx::new_allocator<int>::allocate(unsigned long, void const*)",
        "std::allocator_traits<std::allocator<int> >::allocate(std::allocator<int>&, unsigned "
        "long)",
    };
    static const char *const others[] = {
        "main",
        "malloc_info_for_humans",
        "my_malloc",
        "operator new_thing",
        "free_everything",
        "strdup",
        "g_strdup",
        "",
    };

    for (size_t i = 0; i < sizeof allocators / sizeof allocators[0]; i++)
        ck_assert_msg (hs_is_allocator_frame (allocators[i]), "%s", allocators[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg (!hs_is_allocator_frame (others[i]), "%s", others[i]);
}
END_TEST

START_TEST (findings_of_file_and_counters)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_finding_list *list;
    struct hs_snapshot snapshot;

    (void)trace_maker_process (&m, 7, "one.exe");
    trace_maker_note (&m, HS_NOTE_OUT_OF_ORDER, "late");
    trace_maker_note (&m, HS_NOTE_TRUNCATED, "cut");
    trace_maker_note (&m, HS_NOTE_TRUNCATED, "cut again");
    trace_maker_alloc (&m, 1, 1, trace_maker_stack (&m, (uint64_t[]){ 0x900, 0 }));
    trace_maker_alloc (&m, 2, 1, HS_NO_STACK);
    trace_maker_free (&m, 99);
    snapshot = trace_maker_snapshot (&m);
    ck_assert_int_eq (hs_findings (&snapshot, &list, NULL), HS_OK);
    ck_assert_uint_eq (list->n, 4);
    ck_assert_uint_eq (list->n_damages, 2);
    ck_assert_int_eq (list->rows[0].kind, HS_NOTE_TRUNCATED);
    ck_assert_int_eq (list->rows[0].severity, HS_SEVERITY_DAMAGE);
    ck_assert_uint_eq (list->rows[0].count, 2);
    ck_assert_uint_eq (list->rows[0].file_offset, 0x40);
    ck_assert_str_eq (list->rows[0].example, "cut");
    ck_assert_int_eq (list->rows[1].kind, HS_NOTE_STACK_UNRESOLVED);
    ck_assert_uint_eq (list->rows[1].count, 1);
    ck_assert_int_eq (list->rows[2].kind, HS_NOTE_OUT_OF_ORDER);
    ck_assert_int_eq (list->rows[3].kind, HS_NOTE_UNMATCHED_FREE);
    ck_assert_str_eq (list->rows[3].example, "");
    hs_findings_unref (list);
    trace_maker_end (&m);
}
END_TEST

/* Each allocation of an answer fails once: the right status, no crash, no leak (by ASan). */
static void survive (const struct hs_snapshot *snapshot,
                     enum hs_status (*ask) (const struct hs_snapshot *))
{
    enum hs_status status = HS_NO_MEMORY;
    uint64_t n;

    for (n = 1; status == HS_NO_MEMORY; n++) {
        hs_memory_fail_at (n);
        status = ask (snapshot);
        hs_memory_fail_never ();
    }
    ck_assert_int_eq (status, HS_OK);
    ck_assert_uint_gt (n, 2);
}

static enum hs_status ask_tree (const struct hs_snapshot *snapshot)
{
    struct hs_call_tree_query query = { .direction = HS_TREE_BOTTOM_UP };
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree *tree;
    enum hs_status status = hs_call_tree (snapshot, &filter, &query, NULL, &tree, NULL);

    if (status == HS_OK)
        hs_call_tree_unref (tree);
    return status;
}

static enum hs_status ask_top_down (const struct hs_snapshot *snapshot)
{
    struct hs_call_tree_query query = { .direction = HS_TREE_TOP_DOWN };
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree *tree;
    enum hs_status status = hs_call_tree (snapshot, &filter, &query, NULL, &tree, NULL);

    if (status == HS_OK)
        hs_call_tree_unref (tree);
    return status;
}

static enum hs_status ask_functions (const struct hs_snapshot *snapshot)
{
    struct hs_functions_query query = { .order = HS_FUNCTIONS_BY_EXCLUSIVE };
    struct hs_filter filter = hs_filter_all ();
    struct hs_functions *functions;
    enum hs_status status = hs_functions (snapshot, &filter, &query, NULL, &functions, NULL);

    if (status == HS_OK)
        hs_functions_unref (functions);
    return status;
}

static enum hs_status ask_findings (const struct hs_snapshot *snapshot)
{
    struct hs_finding_list *list;
    enum hs_status status = hs_findings (snapshot, &list, NULL);

    if (status == HS_OK)
        hs_findings_unref (list);
    return status;
}

START_TEST (answers_survive_the_lack_of_memory)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);

    survive (&snapshot, ask_tree);
    survive (&snapshot, ask_top_down);
    survive (&snapshot, ask_functions);
    survive (&snapshot, ask_findings);
    trace_maker_end (&m);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("call_tree");
    TCase *tests = tcase_create ("answers");

    tcase_add_test (tests, top_down_merges_by_function_and_folds);
    tcase_add_test (tests, allocators_are_shown_when_asked_for);
    tcase_add_test (tests, bottom_up_begins_at_the_leaf);
    tcase_add_test (tests, classes_that_are_not_wanted_vanish);
    tcase_add_test (tests, rows_know_where_they_are);
    tcase_add_test (tests, several_processes_have_rows);
    tcase_add_test (tests, an_empty_answer_is_a_tree);
    tcase_add_test (tests, recursion_counts_once);
    tcase_add_test (tests, recursion_is_one_row_when_collapsed);
    tcase_add_test (tests, a_row_leads_to_its_stacks);
    tcase_add_test (tests, a_path_has_what_the_metric_counts);
    tcase_add_test (tests, the_user_names_allocators);
    tcase_add_test (tests, allocators_are_known_by_name);
    tcase_add_test (tests, findings_of_file_and_counters);
    tcase_add_test (tests, answers_survive_the_lack_of_memory);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
