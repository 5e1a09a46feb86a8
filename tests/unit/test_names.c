/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names that come from outside, on hand-made traces: images, what is asked for and in what order,
 * how trees change when names arrive, what modules hide, side files.
 */
#include "analysis/call_tree.h"
#include "analysis/module_shares.h"
#include "analysis/name_side_file.h"
#include "analysis/unnamed_frames.h"
#include "trace_maker.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* 0x1100 and 0x1200 are in the program, 0x5100 in a library, 0xdead in nothing. */
static const uint64_t light[] = { 0x5100, 0x1100, 0 };
static const uint64_t heavy[] = { 0x1200, 0x1100, 0 };
static const uint64_t lost[] = { 0xdead, 0x1100, 0 };

static struct trace_maker make (void)
{
    struct trace_maker m = trace_maker_begin ();

    (void)trace_maker_process (&m, 7, "/bin/program");
    trace_maker_module (&m, 0x1000, 0x1000, "/bin/program");
    trace_maker_module (&m, 0x5000, 0x1000, "/lib/library.so");
    m.time++, trace_maker_alloc (&m, 1, 10, trace_maker_stack (&m, light));
    m.time++, trace_maker_alloc (&m, 2, 500, trace_maker_stack (&m, heavy));
    m.time++, trace_maker_alloc (&m, 3, 70, trace_maker_stack (&m, lost));
    return m;
}

static struct hs_unnamed_frames unnamed_of (struct trace_maker *m)
{
    struct hs_unnamed_frames frames;

    ck_assert_int_eq (hs_unnamed_frames (m->trace, false, NULL, &frames, NULL), HS_OK);
    return frames;
}

static void name (struct trace_maker *m, uint32_t image, uint64_t offset, const char *function)
{
    struct hs_image_frame frame = { function, "/src/program.c", 12 };
    struct hs_image_name one = { .offset = offset, .first = 0, .n = function != NULL };

    ck_assert (hs_trace_add_names (m->trace, image, &one, 1, &frame));
}

static struct hs_call_tree *tree_of (struct trace_maker *m)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (m->trace);
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree_query query = { .metric = HS_METRIC_OUTSTANDING };
    struct hs_call_tree *tree;

    ck_assert_int_eq (hs_call_tree (&snapshot, &filter, &query, NULL, &tree, NULL), HS_OK);
    return tree;
}

static const char *label (const struct hs_call_tree *tree, uint32_t node)
{
    return tree->texts + tree->nodes[node].label;
}

START_TEST (heaviest_frames_are_asked_first)
{
    struct trace_maker m = make ();
    struct hs_unnamed_frames frames;

    (void)trace_maker_snapshot (&m);
    frames = unnamed_of (&m);
    ck_assert_uint_eq (frames.frames.n, 3); /* each once; 0xdead is nobody's */
    ck_assert_uint_eq (frames.n_first, 3);
    ck_assert_uint_eq (frames.frames.items[0].offset, 0x1ff); /* of the call: one before */
    ck_assert_uint_eq (frames.frames.items[1].offset, 0xff);
    ck_assert_uint_eq (frames.frames.items[0].image, frames.frames.items[1].image);
    ck_assert_uint_eq (frames.frames.items[2].offset, 0xff);
    ck_assert_uint_ne (frames.frames.items[0].image, frames.frames.items[2].image);

    name (&m, frames.frames.items[0].image, 0x1ff, "heavy");
    name (&m, frames.frames.items[2].image, 0xff, NULL); /* there is none: not asked again */
    hs_unnamed_frames_clear (&frames);
    frames = unnamed_of (&m);
    ck_assert_uint_eq (frames.frames.n, 1);
    hs_unnamed_frames_clear (&frames);
    trace_maker_end (&m);
}
END_TEST

START_TEST (rows_take_names_and_keep_a_memory)
{
    struct trace_maker m = make ();
    struct hs_snapshot before = trace_maker_snapshot (&m), after;
    struct hs_unnamed_frames frames = unnamed_of (&m);
    uint32_t program = frames.frames.items[0].image;
    struct hs_call_tree *tree = tree_of (&m);
    uint64_t outer, inner;

    ck_assert_str_eq (label (tree, 1), "program+0x100");
    ck_assert_str_eq (label (tree, 2), "program+0x200");
    outer = tree->nodes[1].key;
    inner = tree->nodes[2].key;
    ck_assert_uint_eq (tree->nodes[1].former_key, 0);
    hs_call_tree_unref (tree);

    name (&m, program, 0xff, "main");
    name (&m, program, 0x1ff, "heavy");
    after = hs_trace_snapshot (m.trace);
    ck_assert_uint_eq (after.generation, before.generation);
    ck_assert_uint_ne (after.names, before.names);
    tree = tree_of (&m);
    ck_assert_str_eq (label (tree, 1), "main");
    ck_assert_str_eq (label (tree, 2), "heavy");
    ck_assert_uint_eq (tree->nodes[1].former_key, outer);
    ck_assert_uint_eq (tree->nodes[2].former_key, inner);
    ck_assert_str_eq (tree->texts + tree->nodes[2].location, "program.c:12");
    hs_call_tree_unref (tree);
    hs_unnamed_frames_clear (&frames);
    trace_maker_end (&m);
}
END_TEST

/* What a server sends comes after what was found on the disk. */
START_TEST (better_names_replace_known_ones)
{
    struct trace_maker m = make ();
    struct hs_image_frame frame = { "better", "/src/better.c", 3 };
    struct hs_image_name names[2] = { { .offset = 0x11, .first = 0, .n = 1 },
                                      { .offset = 0x22, .first = 0, .n = 0 } };
    struct hs_image_identity identity = { .path = "/bin/program" };
    const struct hs_tables *tables;
    const struct hs_frame_name *found;
    uint32_t image;

    (void)trace_maker_snapshot (&m);
    ck_assert (hs_trace_need_image (m.trace, &identity, &image));
    name (&m, image, 0x11, "plain");
    name (&m, image, 0x22, "kept");
    name (&m, image, 0x33, NULL);
    name (&m, image, 0x11, "not taken");
    ck_assert (hs_trace_replace_names (m.trace, image, names, 2, &frame));
    names[0].offset = 0x33;
    ck_assert (hs_trace_replace_names (m.trace, image, names, 1, &frame));
    tables = hs_trace_lock (m.trace);
    ck_assert_uint_eq (tables->images.items[image].n_named, 3);
    for (uint64_t offset = 0x11; offset <= 0x33; offset += 0x11) {
        ck_assert_int_eq (hs_tables_image_name (tables, &tables->modules.items[0],
                                                tables->modules.items[0].base + offset + 1, &found),
                          HS_NAME_FOUND);
        ck_assert_str_eq (hs_intern_text (&tables->strings, found->function),
                          offset == 0x22 ? "kept" : "better");
    }
    hs_trace_unlock (m.trace);
    trace_maker_end (&m);
}
END_TEST

START_TEST (inlined_functions_are_rows)
{
    struct trace_maker m = make ();
    struct hs_image_frame chain[] = { { "inner", "a.h", 1 },
                                      { "malloc", "", 0 },
                                      { "main", "", 0 } };
    struct hs_image_name one = { .offset = 0xff, .first = 0, .n = 3 };
    struct hs_unnamed_frames frames;
    struct hs_call_tree *tree;

    (void)trace_maker_snapshot (&m);
    frames = unnamed_of (&m);
    ck_assert (hs_trace_add_names (m.trace, frames.frames.items[0].image, &one, 1, chain));
    tree = tree_of (&m);
    ck_assert_str_eq (label (tree, 1), "main");
    ck_assert (!tree->nodes[1].is_inlined);
    ck_assert_str_eq (label (tree, 2), "malloc"); /* not at the leaf: not folded */
    ck_assert (tree->nodes[2].is_inlined);
    ck_assert_str_eq (label (tree, 3), "inner");
    hs_call_tree_unref (tree);
    hs_unnamed_frames_clear (&frames);
    trace_maker_end (&m);
}
END_TEST

static struct hs_module_shares *shares_of (struct trace_maker *m)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (m->trace);
    struct hs_module_shares *shares;

    ck_assert_int_eq (hs_module_shares (&snapshot, NULL, &shares, NULL), HS_OK);
    return shares;
}

START_TEST (modules_hide_what_has_no_name)
{
    struct trace_maker m = make ();
    struct hs_unnamed_frames frames;
    struct hs_module_shares *shares;

    (void)trace_maker_snapshot (&m);
    frames = unnamed_of (&m);
    shares = shares_of (&m);
    ck_assert_uint_eq (shares->n, 2);
    ck_assert_uint_eq (shares->shares[0].n_frames, 2);
    ck_assert_uint_eq (shares->shares[0].hidden_bytes, 580); /* each stack once */
    ck_assert_uint_eq (shares->shares[0].hidden_count, 3);
    ck_assert_uint_eq (shares->shares[1].hidden_bytes, 10);
    hs_module_shares_free (shares);

    name (&m, frames.frames.items[0].image, 0xff, "main");
    shares = shares_of (&m);
    ck_assert_uint_eq (shares->shares[0].n_named, 1);
    ck_assert_uint_eq (shares->shares[0].hidden_bytes, 500);
    hs_module_shares_free (shares);
    hs_unnamed_frames_clear (&frames);
    trace_maker_end (&m);
}
END_TEST

START_TEST (a_side_file_brings_the_names_back)
{
    struct trace_maker m = make (), other = make ();
    struct hs_unnamed_frames frames;
    struct hs_side_file_text text;
    struct hs_call_tree *tree;
    struct hs_error err;

    (void)trace_maker_snapshot (&m);
    (void)trace_maker_snapshot (&other);
    frames = unnamed_of (&m);
    name (&m, frames.frames.items[0].image, 0xff, "main\nof nothing");
    name (&m, frames.frames.items[0].image, 0x1ff, "heavy");
    ck_assert_int_eq (hs_name_side_file_write (m.trace, &text, NULL), HS_OK);
    ck_assert_uint_eq (text.n_names, 2);
    ck_assert_uint_eq (text.n_images, 1);
    ck_assert_int_eq (
        hs_name_side_file_read (
            other.trace, (struct hs_span){ (const uint8_t *)text.bytes.items, text.bytes.n }, NULL),
        HS_OK);
    tree = tree_of (&other);
    ck_assert_str_eq (label (tree, 1), "main?of nothing");
    ck_assert_str_eq (label (tree, 2), "heavy");
    hs_call_tree_unref (tree);
    /* cut anywhere: an error or a whole line's end, never more */
    for (size_t n = 0; n < text.bytes.n; n++) {
        enum hs_status status = hs_name_side_file_read (
            other.trace, (struct hs_span){ (const uint8_t *)text.bytes.items, n }, &err);

        ck_assert_int_eq (status, n >= 19 && text.bytes.items[n - 1] == '\n' ? HS_OK : HS_DAMAGED);
    }
    hs_array_clear (&text.bytes);
    hs_unnamed_frames_clear (&frames);
    trace_maker_end (&m);
    trace_maker_end (&other);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("names");
    TCase *tests = tcase_create ("names");

    tcase_add_test (tests, heaviest_frames_are_asked_first);
    tcase_add_test (tests, rows_take_names_and_keep_a_memory);
    tcase_add_test (tests, better_names_replace_known_ones);
    tcase_add_test (tests, inlined_functions_are_rows);
    tcase_add_test (tests, modules_hide_what_has_no_name);
    tcase_add_test (tests, a_side_file_brings_the_names_back);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
