/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Collapsed recursion, direct and through others: random stacks of few functions, whose trees are
 * compared with those that a few lines make of the same stacks written as words, a letter for each
 * function. Seeds are fixed.
 */
#include "analysis/call_tree.h"
#include "analysis/caller_path.h"
#include "analysis/functions.h"
#include "trace_maker.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <string.h>

#define N_LETTERS 6u
#define N_STACKS 200u
#define MOST_DEPTH 14u

struct world {
    struct trace_maker maker;
    struct hs_snapshot snapshot;
    char words[N_STACKS][MOST_DEPTH + 1]; /* the program's start first */
    uint64_t bytes[N_STACKS];
    uint32_t n;
};

static void add_stack (struct world *world, const char *word, uint64_t bytes)
{
    uint64_t frames[MOST_DEPTH + 1] = { 0 };
    size_t depth = strlen (word);

    for (size_t i = 0; i < depth; i++) /* two places of each function */
        frames[depth - 1 - i] = 0x100u * (uint64_t)word[i] + (i & 1);
    memcpy (world->words[world->n], word, depth + 1);
    world->bytes[world->n++] = bytes;
    trace_maker_alloc (&world->maker, 16 * world->n, bytes,
                       trace_maker_stack (&world->maker, frames));
}

static struct world *begin_world (void)
{
    struct world *world = calloc (1, sizeof *world);

    ck_assert_ptr_nonnull (world);
    world->maker = trace_maker_begin ();
    (void)trace_maker_process (&world->maker, 7, "one.exe");
    for (uint64_t letter = 'a'; letter < 'a' + N_LETTERS; letter++) {
        char name[2] = { (char)letter, '\0' };

        trace_maker_name (&world->maker, 0x100 * letter, 0, name);
        trace_maker_name (&world->maker, 0x100 * letter + 1, 0, name);
    }
    return world;
}

static void end_world (struct world *world)
{
    trace_maker_end (&world->maker);
    free (world);
}

/* What is to be: a letter that comes again takes back all that came after it. */
static void collapse (const char *word, enum hs_tree_direction direction, char *ret)
{
    size_t depth = strlen (word), n = 0;

    for (size_t i = 0; i < depth; i++) {
        char letter = word[direction == HS_TREE_TOP_DOWN ? i : depth - 1 - i];
        char *before = memchr (ret, letter, n);

        n = before != NULL ? (size_t)(before - ret) : n;
        ret[n++] = letter;
    }
    ret[n] = '\0';
}

static bool is_called (const struct world *world, char caller, char callee)
{
    const char pair[3] = { caller, callee, '\0' };

    for (uint32_t i = 0; i < world->n; i++)
        if (strstr (world->words[i], pair) != NULL)
            return true;
    return false;
}

/* The row's word, from the tree's top. */
static void word_of (const struct hs_call_tree *tree, uint32_t node, char *ret)
{
    uint32_t depth = 0;

    for (uint32_t at = node; at != 0; at = tree->nodes[at].parent)
        depth++;
    ck_assert_uint_le (depth, N_LETTERS);
    ret[depth] = '\0';
    for (uint32_t at = node; at != 0; at = tree->nodes[at].parent)
        ret[--depth] = tree->texts[tree->nodes[at].label];
}

static void check_row (const struct world *world, const struct hs_call_tree *tree, uint32_t node)
{
    const struct hs_call_tree_node *row = &tree->nodes[node];
    struct hs_filter filter = hs_filter_all ();
    struct hs_caller_path_query asked = { hs_call_tree_row (tree, node), HS_METRIC_TOTAL };
    char word[N_LETTERS + 1], stack[N_LETTERS + 1];
    uint64_t inclusive = 0, exclusive = 0;
    struct hs_caller_path *path;
    uint32_t n_stacks = 0;
    size_t depth;

    word_of (tree, node, word);
    depth = strlen (word);
    for (uint32_t i = 0; i < world->n; i++) {
        collapse (world->words[i], tree->query.direction, stack);
        inclusive += strncmp (stack, word, depth) == 0 ? world->bytes[i] : 0;
        exclusive += strcmp (stack, word) == 0 ? world->bytes[i] : 0;
        n_stacks += strncmp (stack, word, depth) == 0;
    }
    ck_assert_uint_gt (inclusive, 0);
    ck_assert_uint_eq (row->inclusive.bytes[1], inclusive);
    ck_assert_uint_eq (row->exclusive.bytes[1], exclusive);
    if (depth > 1 && tree->query.direction == HS_TREE_TOP_DOWN)
        ck_assert (is_called (world, word[depth - 2], word[depth - 1]));
    else if (depth > 1)
        ck_assert (is_called (world, word[depth - 1], word[depth - 2]));
    ck_assert_int_eq (hs_caller_path (&world->snapshot, &filter, &asked, NULL, &path, NULL), HS_OK);
    ck_assert_uint_eq (path->row_sums.bytes[1], inclusive);
    ck_assert_uint_le (path->n_stacks, n_stacks); /* the same word may come twice */
    ck_assert_uint_gt (path->n, path->chosen);
    ck_assert_int_eq (path->frames[path->chosen].function[0], word[depth - 1]);
    for (uint32_t i = 0; i < path->chosen && tree->query.direction == HS_TREE_TOP_DOWN; i++)
        ck_assert_int_ne (path->frames[i].function[0], word[depth - 1]); /* the innermost */
    hs_caller_path_free (path);
}

static void check_trees (struct world *world)
{
    struct hs_filter filter = hs_filter_all ();
    struct hs_call_tree *tree;

    for (int i = 0; i < 2; i++) {
        struct hs_call_tree_query query = { .direction = (enum hs_tree_direction)i,
                                            .metric = HS_METRIC_TOTAL,
                                            .collapse_recursion = true };

        ck_assert_int_eq (hs_call_tree (&world->snapshot, &filter, &query, NULL, &tree, NULL),
                          HS_OK);
        for (uint32_t node = 1; node < tree->n_nodes; node++)
            check_row (world, tree, node);
        hs_call_tree_unref (tree);
    }
}

/* A function has each stack that it stands in once. */
static void check_functions (struct world *world)
{
    struct hs_functions_query query = { .metric = HS_METRIC_TOTAL };
    struct hs_filter filter = hs_filter_all ();
    struct hs_functions *functions;

    ck_assert_int_eq (hs_functions (&world->snapshot, &filter, &query, NULL, &functions, NULL),
                      HS_OK);
    for (uint32_t i = 0; i < functions->n; i++) {
        char letter = functions->functions[i].label[0];
        uint64_t inclusive = 0, exclusive = 0;

        for (uint32_t k = 0; k < world->n; k++) {
            const char *word = world->words[k];

            inclusive += strchr (word, letter) != NULL ? world->bytes[k] : 0;
            exclusive += word[strlen (word) - 1] == letter ? world->bytes[k] : 0;
        }
        ck_assert_uint_eq (functions->functions[i].inclusive.bytes[1], inclusive);
        ck_assert_uint_eq (functions->functions[i].exclusive.bytes[1], exclusive);
    }
    hs_functions_unref (functions);
}

START_TEST (random_stacks_as_the_words_say)
{
    uint64_t random = 1 + (uint64_t)_i;
    struct world *world = begin_world ();

    while (world->n < N_STACKS) {
        char word[MOST_DEPTH + 1] = "";
        size_t depth = 1 + (random >> 40) % MOST_DEPTH;

        for (size_t i = 0; i < depth; i++) {
            random = random * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
            word[i] = (char)('a' + (random >> 33) % (2 + (unsigned)_i % (N_LETTERS - 1)));
        }
        add_stack (world, word, 1 + (random >> 50));
    }
    world->snapshot = trace_maker_snapshot (&world->maker);
    check_trees (world);
    check_functions (world);
    end_world (world);
}
END_TEST

static struct hs_call_tree_node find_row (const struct hs_call_tree *tree, const char *word)
{
    char found[N_LETTERS + 1];

    for (uint32_t node = 1; node < tree->n_nodes; node++) {
        word_of (tree, node, found);
        if (strcmp (found, word) == 0)
            return tree->nodes[node];
    }
    ck_abort_msg ("no row %s", word);
    return tree->nodes[0];
}

/* a is main; b and c call each other. */
START_TEST (functions_that_call_each_other)
{
    struct hs_call_tree_query query = { .metric = HS_METRIC_TOTAL, .collapse_recursion = true };
    struct hs_filter filter = hs_filter_all ();
    struct world *world = begin_world ();
    struct hs_call_tree *tree;

    add_stack (world, "abcbcbd", 1);
    add_stack (world, "abd", 2);
    add_stack (world, "abcbc", 4);
    world->snapshot = trace_maker_snapshot (&world->maker);
    ck_assert_int_eq (hs_call_tree (&world->snapshot, &filter, &query, NULL, &tree, NULL), HS_OK);
    ck_assert_uint_eq (tree->n_nodes, 5);
    ck_assert_uint_eq (find_row (tree, "ab").inclusive.bytes[1], 7);
    ck_assert_uint_eq (find_row (tree, "abd").exclusive.bytes[1], 3);
    ck_assert_uint_eq (find_row (tree, "abc").exclusive.bytes[1], 4);
    hs_call_tree_unref (tree);
    query.collapse_recursion = false;
    ck_assert_int_eq (hs_call_tree (&world->snapshot, &filter, &query, NULL, &tree, NULL), HS_OK);
    ck_assert_uint_eq (tree->n_nodes, 9);
    hs_call_tree_unref (tree);
    end_world (world);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("recursion");
    TCase *tests = tcase_create ("collapsed");

    tcase_add_loop_test (tests, random_stacks_as_the_words_say, 0, 10);
    tcase_add_test (tests, functions_that_call_each_other);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
