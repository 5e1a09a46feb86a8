/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random traces, random questions: every answer equals a naive recomputation from the list of
 * operations. The oracle knows only times and sizes of blocks, no events, rows or chunks. Seeds
 * are fixed; a failure names the one it came from.
 */
#include "analysis/call_tree.h"
#include "analysis/filter_words.h"
#include "analysis/functions.h"
#include "analysis/histogram.h"
#include "analysis/range_peak.h"
#include "analysis/row_curves.h"
#include "analysis/timeline.h"
#include "base/memory.h"
#include "trace_maker.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_PROCESSES 3u
#define N_HEAPS 3u
#define N_THREADS 2u
#define N_STACKS 5u /* per process; number N_STACKS means none */
#define MAX_OPS 6000u
#define NEVER INT64_MAX

struct block {
    uint64_t size, address;
    uint32_t process, heap, thread, stack;
    uint32_t born, ended, gone; /* operations; UINT32_MAX = never. gone: ended, or exit */
};

struct world {
    uint64_t random;
    struct trace_maker maker;
    struct block blocks[MAX_OPS];
    uint32_t n_blocks;
    int64_t times[MAX_OPS]; /* of the operations */
    uint32_t n_ops;
    bool is_over[N_PROCESSES];
    hs_stack_slot slots[N_PROCESSES][N_STACKS];
    uint64_t frames[N_PROCESSES][N_STACKS][5];
};

static uint32_t draw (struct world *world, uint32_t n)
{
    world->random = world->random * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
    return (uint32_t)(world->random >> 33) % n;
}

static uint64_t draw_size (struct world *world)
{
    switch (draw (world, 12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_C (0xfffffffe) + draw (world, 4); /* around the 32-bit column */
    case 2:
        return UINT64_C (1) << draw (world, 40);
    default:
        return draw (world, 5000);
    }
}

static void begin_op (struct world *world, uint32_t process, uint32_t heap, uint32_t thread)
{
    if (draw (world, 3) > 0) /* or at the same tick as the last one */
        world->maker.time += draw (world, 50) == 0 ? 100000 : 1 + draw (world, 5);
    world->times[world->n_ops] = world->maker.time;
    world->maker.process = process;
    world->maker.heap = 0x1000 * (heap + 1);
    world->maker.thread = thread + 1;
}

static void open_block (struct world *world, struct block block)
{
    block.born = world->n_ops;
    block.ended = block.gone = UINT32_MAX;
    world->blocks[world->n_blocks++] = block;
}

static void alloc (struct world *world, uint32_t process)
{
    struct block block = {
        .size = draw_size (world),
        .address = 16 * (world->n_ops + UINT64_C (1)) | (uint64_t)draw (world, 3) << 33,
        .process = process,
        .heap = draw (world, N_HEAPS),
        .thread = draw (world, N_THREADS),
        .stack = draw (world, N_STACKS + 1),
    };

    begin_op (world, process, block.heap, block.thread);
    trace_maker_alloc (&world->maker, block.address, block.size,
                       block.stack < N_STACKS ? world->slots[process][block.stack] : HS_NO_STACK);
    open_block (world, block);
}

static struct block *draw_live (struct world *world)
{
    for (int i = 0; i < 20 && world->n_blocks > 0; i++) {
        struct block *block = &world->blocks[draw (world, world->n_blocks)];

        if (block->gone == UINT32_MAX)
            return block;
    }
    return NULL;
}

static void release (struct world *world, struct block *block)
{
    begin_op (world, block->process, block->heap, draw (world, N_THREADS));
    trace_maker_free (&world->maker, block->address);
    block->ended = block->gone = world->n_ops;
}

static void resize (struct world *world, struct block *block)
{
    struct block larger = *block;

    larger.size = draw_size (world);
    larger.stack = draw (world, N_STACKS); /* without one it would inherit */
    begin_op (world, block->process, block->heap, block->thread);
    trace_maker_realloc (&world->maker, block->address, block->address, larger.size,
                         world->slots[block->process][larger.stack]);
    block->ended = block->gone = world->n_ops;
    open_block (world, larger);
}

static void end_all (struct world *world, uint32_t process, uint32_t heap, bool is_exit)
{
    for (uint32_t i = 0; i < world->n_blocks; i++) {
        struct block *block = &world->blocks[i];

        if (block->process != process || block->gone != UINT32_MAX ||
            (!is_exit && block->heap != heap))
            continue;
        block->gone = world->n_ops;
        if (!is_exit)
            block->ended = world->n_ops;
    }
}

static void do_op (struct world *world)
{
    uint32_t process = draw (world, N_PROCESSES), kind = draw (world, 400), heap;
    struct block *block = draw_live (world);

    if (kind == 0) { /* destroys a heap */
        heap = draw (world, N_HEAPS);
        if (world->is_over[process])
            return;
        begin_op (world, process, heap, 0);
        trace_maker_destroy_heap (&world->maker);
        end_all (world, process, heap, false);
    } else if (kind == 1 && process > 0 && draw (world, 5) == 0) { /* process 0 stays */
        if (world->is_over[process])
            return;
        begin_op (world, process, 0, 0);
        trace_maker_exit (&world->maker);
        end_all (world, process, 0, true);
        world->is_over[process] = true;
    } else if (kind < 150 && block != NULL) {
        release (world, block);
    } else if (kind < 190 && block != NULL) {
        resize (world, block);
    } else {
        alloc (world, world->is_over[process] ? 0 : process);
    }
    world->n_ops++;
}

static void make_stacks (struct world *world)
{
    for (uint32_t process = 0; process < N_PROCESSES; process++) {
        (void)trace_maker_process (&world->maker, 100 + process, "x.exe");
        for (uint32_t i = 0; i < N_STACKS; i++) {
            uint64_t *frames = world->frames[process][i];

            frames[0] = 0x1000 + i; /* tells the stack */
            for (uint32_t k = 1; k < 4; k++)
                frames[k] = 0x10 + draw (world, 4);
            world->slots[process][i] = trace_maker_open_slot (&world->maker);
        }
        trace_maker_name (&world->maker, 0x10, 0, "again");
        trace_maker_name (&world->maker, 0x11, 0, "again");
        trace_maker_name (&world->maker, 0x1000, 0, "malloc");
        trace_maker_name (&world->maker, 0x1001, 0, "operator new(unsigned long)");
        trace_maker_name (&world->maker, 0x1001, 1, "maker");
        trace_maker_module (&world->maker, 0x1001, 2, "C:\\folder\\Heap.dll");
    }
}

static void define_stacks (struct world *world)
{
    for (uint32_t process = 0; process < N_PROCESSES; process++) {
        world->maker.process = process;
        for (uint32_t i = 0; i < N_STACKS; i++)
            trace_maker_define (&world->maker, world->slots[process][i], world->frames[process][i]);
    }
}

static struct world *make_world (uint64_t seed, uint32_t n_ops)
{
    struct world *world = calloc (1, sizeof *world);
    bool are_early;

    ck_assert_ptr_nonnull (world);
    world->random = seed * 77;
    world->maker = trace_maker_begin ();
    make_stacks (world);
    are_early = draw (world, 2) == 0;
    if (are_early)
        define_stacks (world);
    while (world->n_ops < n_ops)
        do_op (world);
    if (!are_early)
        define_stacks (world);
    return world;
}

static void end_world (struct world *world)
{
    trace_maker_end (&world->maker);
    free (world);
}

static int64_t draw_time (struct world *world)
{
    if (draw (world, 10) == 0)
        return (int64_t)draw (world, 3000000) - 1000;
    return world->times[draw (world, world->n_ops)] + (int64_t)draw (world, 3) - 1;
}

static void draw_terms (struct world *world, struct hs_filter *filter)
{
    static const char *const names[] = { "Malloc", "make", "agai", "else", "HEAP", "C:" };
    static const char *const modules[] = { "heap.", "folder", "malloc" };
    uint64_t ms = UINT64_C (1000000);

    if (draw (world, 3) == 0)
        hs_filter_set_term (filter, HS_TERM_FRAMES, names[draw (world, 6)]);
    if (draw (world, 6) == 0)
        hs_filter_set_term (filter, HS_TERM_MODULE, modules[draw (world, 3)]);
    if (draw (world, 3) > 0)
        return;
    if (draw (world, 3) > 0)
        filter->lifetime_min = draw (world, 3000) * ms + draw (world, 3) * (ms / 2);
    if (draw (world, 3) > 0)
        filter->lifetime_max = filter->lifetime_min + draw (world, 20000) * ms / 2;
}

static struct hs_filter draw_filter (struct world *world)
{
    struct hs_filter filter = hs_filter_all ();

    if (draw (world, 2) == 0)
        filter.process = draw (world, N_PROCESSES);
    filter.has_range = draw (world, 4) > 0;
    filter.from = draw_time (world);
    filter.to = draw_time (world);
    if (filter.from > filter.to && draw (world, 10) > 0) {
        int64_t later = filter.from;

        filter.from = filter.to;
        filter.to = later;
    }
    filter.has_thread = draw (world, 4) == 0;
    filter.thread = 1 + draw (world, N_THREADS);
    filter.has_heap = draw (world, 4) == 0;
    filter.heap = 0x1000 * (1 + draw (world, N_HEAPS));
    if (draw (world, 3) == 0) {
        filter.size_min = draw (world, 1000);
        filter.size_max = filter.size_min + draw (world, 4000);
    }
    draw_terms (world, &filter);
    return filter;
}

/* ---- the oracle --------------------------------------------------------------------------------
 */

/* Whether the names of make_stacks are on the block's stack; a return address lies behind its call.
 */
static bool has_names (const struct world *world, const struct block *block,
                       const struct hs_filter *filter)
{
    const uint64_t *frames = world->frames[block->process][block->stack];
    const char text = filter->frames[0];
    bool has_again = false, has_heap = block->stack == 2 || block->stack == 3;

    if (text == '\0' && filter->module[0] == '\0')
        return true;
    if (block->stack == N_STACKS ||
        (filter->module[0] != '\0' && (!has_heap || strcmp (filter->module, "heap.") != 0)))
        return false;
    for (int i = 1; i < 4; i++)
        has_again |= frames[i] == 0x10 || frames[i] == 0x11;
    return text == '\0' || (text == 'a' && has_again) || (text == 'M' && block->stack == 0) ||
           (text == 'm' && block->stack == 1) || (text == 'H' && has_heap);
}

/* A tick is a millisecond. */
static bool has_lifetime (const struct world *world, const struct block *block,
                          const struct hs_filter *filter)
{
    int64_t born = world->times[block->born];
    int64_t gone = block->gone != UINT32_MAX ? world->times[block->gone] : world->maker.time;
    uint64_t ns = (uint64_t)(gone - born) * 1000000;

    return ns >= filter->lifetime_min &&
           (filter->lifetime_max == UINT64_MAX ||
            (block->ended != UINT32_MAX && ns <= filter->lifetime_max));
}

static bool passes (const struct world *world, const struct block *block,
                    const struct hs_filter *filter, bool with_size)
{
    return (filter->process == HS_NO_PROCESS || filter->process == block->process) &&
           (!filter->has_thread || filter->thread == block->thread + 1) &&
           (!filter->has_heap || filter->heap == 0x1000 * (block->heap + UINT64_C (1))) &&
           (!with_size || (block->size >= filter->size_min && block->size <= filter->size_max)) &&
           has_names (world, block, filter) && has_lifetime (world, block, filter);
}

/* 0..3: AIFI AIFO AOFI AOFO, -1: neither; by times alone. */
static int class_of (const struct world *world, const struct block *block,
                     const struct hs_filter *filter)
{
    int64_t born = world->times[block->born];
    int64_t ended = block->ended != UINT32_MAX ? world->times[block->ended] : NEVER;

    if (!filter->has_range)
        return ended != NEVER ? 0 : 1;
    if (filter->from > filter->to || born > filter->to || ended < filter->from)
        return -1;
    return (born < filter->from ? 2 : 0) + (ended > filter->to ? 1 : 0);
}

/* Live bytes of a filter before the first operation and after each. */
static uint64_t *levels_of (const struct world *world, const struct hs_filter *filter)
{
    uint64_t *levels = calloc (world->n_ops + 2, sizeof *levels);

    ck_assert_ptr_nonnull (levels);
    for (uint32_t i = 0; i < world->n_blocks; i++) {
        const struct block *block = &world->blocks[i];
        uint32_t gone = block->gone < world->n_ops ? block->gone : world->n_ops;

        if (!passes (world, block, filter, true))
            continue;
        for (uint32_t op = block->born; op < gone; op++)
            levels[op + 1] += block->size;
    }
    return levels;
}

/* ---- comparisons -------------------------------------------------------------------------------
 */

static void check_histogram (struct world *world, const struct hs_snapshot *snapshot,
                             const struct hs_filter *filter)
{
    struct hs_size_class_sums expected[HS_N_SIZE_CLASSES] = { 0 };
    struct hs_histogram *histogram;

    for (uint32_t i = 0; i < world->n_blocks; i++) {
        const struct block *block = &world->blocks[i];
        int class = class_of (world, block, filter);
        unsigned k = 0;

        if (!passes (world, block, filter, false))
            continue;
        while (block->size >> k != 0) /* bits of the size */
            k++;
        expected[k].whole_count++;
        expected[k].whole_bytes += block->size;
        if (class < 0)
            continue;
        expected[k].count[class]++;
        expected[k].bytes[class] += block->size;
    }
    ck_assert_int_eq (hs_histogram (snapshot, filter, NULL, &histogram, NULL), HS_OK);
    ck_assert_mem_eq (histogram->classes, expected, sizeof expected);
    hs_histogram_unref (histogram);
}

static void check_column (const struct world *world, const uint64_t *levels,
                          const struct hs_timeline_column *column, int64_t begin, bool is_exact)
{
    uint32_t op = 0;
    uint64_t least, most, level;

    while (op < world->n_ops && world->times[op] < begin)
        op++;
    least = most = level = levels[op];
    for (; op < world->n_ops && world->times[op] <= column->end_time; op++) {
        level = levels[op + 1];
        least = level < least ? level : least;
        most = level > most ? level : most;
    }
    ck_assert_uint_eq (column->live_bytes, level);
    if (is_exact) {
        ck_assert_uint_eq (column->min_bytes, least);
        ck_assert_uint_eq (column->max_bytes, most);
    } else {
        ck_assert_uint_le (column->min_bytes, least);
        ck_assert_uint_ge (column->max_bytes, most);
    }
}

static void check_rates (const struct world *world, const struct hs_filter *filter,
                         const struct hs_timeline_column *column, int64_t begin)
{
    uint64_t births = 0, ends = 0, birth_bytes = 0, end_bytes = 0, live = 0;

    for (uint32_t i = 0; i < world->n_blocks; i++) {
        const struct block *block = &world->blocks[i];
        int64_t born = world->times[block->born];
        int64_t gone = block->gone != UINT32_MAX ? world->times[block->gone] : NEVER;

        if (!passes (world, block, filter, true))
            continue;
        live += born <= column->end_time && gone > column->end_time;
        if (born >= begin && born <= column->end_time) {
            births++;
            birth_bytes += block->size;
        }
        if (gone >= begin && gone <= column->end_time) {
            ends++;
            end_bytes += block->size;
        }
    }
    ck_assert_uint_eq (column->live_count, live);
    ck_assert_uint_eq (column->births, births);
    ck_assert_uint_eq (column->birth_bytes, birth_bytes);
    ck_assert_uint_eq (column->ends, ends);
    ck_assert_uint_eq (column->end_bytes, end_bytes);
}

static void check_peak (const struct world *world, const uint64_t *levels,
                        const struct hs_timeline *timeline, const struct hs_range_peak *peak)
{
    int64_t time = timeline->from;
    uint32_t op = 0;
    uint64_t most;

    while (op < world->n_ops && world->times[op] < timeline->from)
        op++;
    most = levels[op];
    for (; op < world->n_ops && world->times[op] <= timeline->to; op++) {
        if (levels[op + 1] > most) {
            most = levels[op + 1];
            time = world->times[op];
        }
    }
    ck_assert_uint_eq (timeline->max_bytes, most);
    ck_assert_int_eq (timeline->peak_time, time);
    ck_assert_uint_eq (peak->bytes, most);
    ck_assert_int_eq (peak->time, time);
}

static void check_timeline (struct world *world, const struct hs_snapshot *snapshot,
                            const struct hs_filter *filter, uint32_t max_replay_events)
{
    struct hs_timeline_query query = {
        .from = draw_time (world),
        .n_columns = 1 + draw (world, 9),
        .max_replay_events = max_replay_events,
        .has_exact_peak = draw (world, 2) == 0,
    };
    bool has_overview = !filter->has_thread && !filter->has_heap && filter->size_min == 0 &&
                        filter->size_max == UINT64_MAX && filter->frames[0] == '\0' &&
                        filter->module[0] == '\0' && filter->lifetime_min == 0 &&
                        filter->lifetime_max == UINT64_MAX;
    uint64_t *levels = levels_of (world, filter);
    struct hs_timeline *timeline;
    struct hs_range_peak peak;
    int64_t begin = query.from;

    query.to = query.from + (int64_t)draw (world, 200000);
    ck_assert_int_eq (
        hs_range_peak (snapshot, filter, (int64_t[2]){ query.from, query.to }, NULL, &peak, NULL),
        HS_OK);
    ck_assert_int_eq (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL), HS_OK);
    ck_assert_int_eq (timeline->columns[query.n_columns - 1].end_time, query.to);
    for (uint32_t i = 0; i < query.n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];

        if (max_replay_events == 0 || has_overview)
            check_column (world, levels, column, begin, max_replay_events == 0);
        check_rates (world, filter, column, begin);
        begin = column->end_time + 1;
    }
    if (max_replay_events == 0 || has_overview || query.has_exact_peak)
        check_peak (world, levels, timeline, &peak);
    hs_timeline_unref (timeline);
    free (levels);
}

/* The operation after which the level of the filter's process was highest for the first time. */
static uint32_t peak_of (const struct world *world, hs_process_id process)
{
    struct hs_filter filter = hs_filter_all ();
    uint64_t *levels, most = 0;
    uint32_t peak = UINT32_MAX;

    filter.process = process;
    levels = levels_of (world, &filter);
    for (uint32_t op = 0; op < world->n_ops; op++) {
        if (levels[op + 1] > most) {
            most = levels[op + 1];
            peak = op;
        }
    }
    free (levels);
    return peak;
}

static void add_block (struct hs_sums *sums, const struct block *block, int class, uint32_t peak)
{
    if (class >= 0) {
        sums->count[class]++;
        sums->bytes[class] += block->size;
    }
    if (peak != UINT32_MAX && block->born <= peak && block->gone > peak) {
        sums->peak_count++;
        sums->peak_bytes += block->size;
    }
}

static void assert_sums (struct hs_sums got, const struct hs_sums *expected)
{
    got.temporary = 0; /* the trace's own tests are for that */
    ck_assert_mem_eq (&got, expected, sizeof got);
}

static void check_sums (struct world *world, const struct hs_snapshot *snapshot,
                        const struct hs_filter *filter)
{
    struct hs_sums expected[N_PROCESSES][N_STACKS + 1] = { 0 }, total = { 0 };
    uint32_t peak = peak_of (world, filter->process), n_found = 0;
    struct hs_stack_sums *sums;

    for (uint32_t i = 0; i < world->n_blocks; i++) {
        const struct block *block = &world->blocks[i];
        int class = class_of (world, block, filter);

        if (!passes (world, block, filter, true))
            continue;
        add_block (&expected[block->process][block->stack], block, class, peak);
        add_block (&total, block, class, peak);
    }
    ck_assert_int_eq (hs_stack_sums (snapshot, filter, NULL, &sums, NULL), HS_OK);
    assert_sums (sums->total, &total);
    for (uint32_t i = 0; i < sums->n; i++) {
        const struct hs_stack_sum *stack = &sums->stacks[i];
        uint64_t leaf = 0x1000 + N_STACKS;

        (void)hs_stacks_frames (snapshot->stacks, stack->node, &leaf, 1);
        assert_sums (stack->sums, &expected[stack->process][leaf - 0x1000]);
        memset (&expected[stack->process][leaf - 0x1000], 0, sizeof total);
    }
    for (uint32_t process = 0; process < N_PROCESSES; process++) {
        for (uint32_t i = 0; i <= N_STACKS; i++)
            n_found += expected[process][i].count[0] + expected[process][i].count[1] +
                           expected[process][i].count[2] + expected[process][i].count[3] >
                       0;
    }
    ck_assert_uint_eq (n_found, 0); /* every stack was told */
    hs_stack_sums_free (sums);
}

/* Every row is the sum of what lies below it, and the top rows of all. */
static void check_rows (const struct hs_call_tree *tree)
{
    enum hs_metric metric = tree->query.metric;

    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        const struct hs_call_tree_node *node = &tree->nodes[i];
        int64_t sum = hs_sums_metric (&node->exclusive, metric, HS_UNIT_BYTES);

        for (uint32_t k = 0; k < node->n_children; k++) {
            const struct hs_call_tree_node *child = &tree->nodes[node->first_child + k];

            ck_assert_uint_eq (child->parent, i);
            sum += hs_sums_metric (&child->inclusive, metric, HS_UNIT_BYTES);
            if (k > 0)
                ck_assert_int_ge (hs_sums_metric (&child[-1].inclusive, metric, HS_UNIT_BYTES),
                                  hs_sums_metric (&child->inclusive, metric, HS_UNIT_BYTES));
        }
        ck_assert_int_eq (hs_sums_metric (&node->inclusive, metric, HS_UNIT_BYTES), sum);
    }
}

static void compare_levels (const struct hs_call_tree *whole, uint32_t node,
                            struct hs_call_tree *opened, uint32_t other)
{
    const struct hs_call_tree_node *left = &whole->nodes[node], *right;

    hs_call_tree_open (opened, other);
    right = &opened->nodes[other];
    ck_assert_uint_eq (left->n_children, right->n_children);
    for (uint32_t i = 0; i < left->n_children; i++) {
        const struct hs_call_tree_node *a = &whole->nodes[left->first_child + i];
        const struct hs_call_tree_node *b = &opened->nodes[right->first_child + i];

        ck_assert_str_eq (whole->texts + a->label, opened->texts + b->label);
        ck_assert_uint_eq (a->key, b->key);
        ck_assert_uint_eq (b->parent, other);
        ck_assert_mem_eq (&a->inclusive, &b->inclusive, sizeof a->inclusive);
        ck_assert_mem_eq (&a->exclusive, &b->exclusive, sizeof a->exclusive);
        compare_levels (whole, left->first_child + i, opened, right->first_child + i);
    }
}

/* Rows that are opened one by one, with the names of an earlier answer, are those of a whole tree.
 * *earlier is the last answer, and becomes the new one. */
static void check_opened (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                          const struct hs_call_tree *whole, struct hs_call_tree **earlier)
{
    struct hs_call_tree_query query = whole->query;
    struct hs_call_tree *opened;
    bool has_process_rows, has_one;

    query.layout = HS_TREE_AS_OPENED;
    query.earlier = *earlier;
    ck_assert_int_eq (hs_call_tree (snapshot, filter, &query, NULL, &opened, NULL), HS_OK);
    ck_assert_mem_eq (&opened->total, &whole->total, sizeof whole->total);
    has_process_rows = opened->n_nodes > 1 && opened->nodes[1].kind == HS_LABEL_PROCESS;
    has_one = whole->n_nodes > 1 && whole->nodes[1].kind != HS_LABEL_PROCESS;
    /* of the whole trace there may be several processes where the range has one */
    if (query.direction == HS_TREE_TOP_DOWN && has_process_rows && has_one) {
        ck_assert_uint_eq (opened->nodes[0].n_children, 1);
        compare_levels (whole, 0, opened, 1);
    } else if (query.direction == HS_TREE_TOP_DOWN) {
        compare_levels (whole, 0, opened, 0);
    }
    if (*earlier != NULL)
        hs_call_tree_unref (*earlier);
    *earlier = opened;
}

/* A function's own sums are what its row is in the bottom-up tree. */
static void check_tree (struct world *world, const struct hs_snapshot *snapshot,
                        const struct hs_filter *filter, struct hs_call_tree *earlier[2])
{
    struct hs_call_tree_query query = {
        .metric = draw (world, 2) == 0 ? HS_METRIC_OUTSTANDING : HS_METRIC_TOTAL,
        .allocator_frames = (enum hs_allocator_frames)draw (world, 2),
    };
    struct hs_functions_query flat = { .metric = query.metric,
                                       .allocator_frames = query.allocator_frames };
    struct hs_call_tree *down, *up;
    struct hs_functions *functions;
    uint32_t n_found = 0;

    ck_assert_int_eq (hs_call_tree (snapshot, filter, &query, NULL, &down, NULL), HS_OK);
    query.direction = HS_TREE_BOTTOM_UP;
    ck_assert_int_eq (hs_call_tree (snapshot, filter, &query, NULL, &up, NULL), HS_OK);
    ck_assert_int_eq (hs_functions (snapshot, filter, &flat, NULL, &functions, NULL), HS_OK);
    check_rows (down);
    check_rows (up);
    check_opened (snapshot, filter, down, &earlier[0]);
    check_opened (snapshot, filter, up, &earlier[1]);
    ck_assert_mem_eq (&down->total, &up->total, sizeof up->total);
    ck_assert_mem_eq (&functions->total, &up->total, sizeof up->total);
    for (uint32_t i = 0; i < functions->n; i++) {
        for (uint32_t k = 0; k < up->nodes[0].n_children; k++) {
            const struct hs_call_tree_node *row = &up->nodes[1 + k];

            if (row->key != functions->functions[i].key)
                continue;
            ck_assert_mem_eq (&row->inclusive, &functions->functions[i].exclusive,
                              sizeof row->inclusive);
            n_found++;
        }
    }
    ck_assert_uint_eq (n_found, up->nodes[0].n_children);
    hs_call_tree_unref (down);
    hs_call_tree_unref (up);
    hs_functions_unref (functions);
}

/* ---- curves of rows ---- */

#define MAX_CURVES 60u

/* What the row's blocks were at a moment, out of the tree of the time from then to the end of the
 * range: those that were there before and stay, or do not. */
static void check_curve_values (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                const struct hs_row_curves *curves, uint32_t column,
                                enum hs_tree_direction direction)
{
    struct hs_call_tree_query query = { .direction = direction, .metric = HS_METRIC_AOFI };
    int64_t end = filter->has_range ? filter->to : INT64_MAX;
    struct hs_filter later = *filter;
    struct hs_call_tree *trees[2];
    int64_t moment = (int64_t)(curves->from + ((__int128)curves->to - curves->from) * (column + 1) /
                                                  curves->n_columns);

    later.has_range = true;
    later.from = moment + 1;
    later.to = moment < end ? end : moment + 1;
    ck_assert_int_eq (hs_call_tree (snapshot, &later, &query, NULL, &trees[0], NULL), HS_OK);
    query.metric = HS_METRIC_AOFO;
    ck_assert_int_eq (hs_call_tree (snapshot, &later, &query, NULL, &trees[1], NULL), HS_OK);
    for (uint32_t i = 0; i < curves->n_rows; i++) {
        const struct hs_row_curve *curve = &curves->curves[i];
        uint64_t bytes[2] = { 0, 0 };

        for (int k = 0; k < 2; k++) {
            for (uint32_t node = 0; node < trees[k]->n_nodes; node++) {
                struct hs_tree_row row = hs_call_tree_row (trees[k], node);

                if (row.hash == curve->row.hash && row.depth == curve->row.depth)
                    bytes[k] = trees[k]->nodes[node].inclusive.bytes[k == 0 ? 2 : 3];
            }
        }
        if (moment >= end) { /* whatever is there has outlived the range */
            bytes[1] += bytes[0];
            bytes[0] = 0;
        }
        ck_assert_uint_eq (curve->values[column].freed, bytes[0]);
        ck_assert_uint_eq (curve->values[column].stays, bytes[1]);
        ck_assert_uint_ge (curve->max, bytes[0] + bytes[1]);
    }
    hs_call_tree_unref (trees[0]);
    hs_call_tree_unref (trees[1]);
}

/* All blocks together, from the list of blocks alone. */
static void check_root_curve (const struct world *world, const struct hs_filter *filter,
                              const struct hs_row_curves *curves)
{
    for (uint32_t column = 0; column < curves->n_columns; column++) {
        int64_t moment = (int64_t)(curves->from + ((__int128)curves->to - curves->from) *
                                                      (column + 1) / curves->n_columns);
        struct hs_row_value expected = { 0, 0 };

        for (uint32_t i = 0; i < world->n_blocks; i++) {
            const struct block *block = &world->blocks[i];
            int64_t ended = block->ended != UINT32_MAX ? world->times[block->ended] : NEVER;
            int64_t gone = block->gone != UINT32_MAX ? world->times[block->gone] : NEVER;

            if (!passes (world, block, filter, true) || world->times[block->born] > moment ||
                gone <= moment)
                continue;
            if (ended != NEVER && (!filter->has_range || ended <= filter->to))
                expected.freed += block->size;
            else
                expected.stays += block->size;
        }
        ck_assert_mem_eq (&curves->curves[0].values[column], &expected, sizeof expected);
    }
}

static void check_curves (struct world *world, const struct hs_snapshot *snapshot,
                          struct hs_filter filter)
{
    struct hs_call_tree_query query = { .direction = (enum hs_tree_direction)draw (world, 2),
                                        .metric = HS_METRIC_TOTAL,
                                        .layout = HS_TREE_AS_OPENED };
    struct hs_timeline_query times = { .from = draw_time (world),
                                       .n_columns = 1 + draw (world, 9) };
    uint32_t nodes[MAX_CURVES], n = 0;
    struct hs_row_curves *curves;
    struct hs_call_tree *tree;
    struct hs_tree_rows *rows;

    if (filter.from > filter.to)
        filter.has_range = false;
    times.to = times.from + (int64_t)draw (world, 200000);
    for (int with_rows = 0; with_rows < 2; with_rows++) {
        if (with_rows)
            filter.process = 0; /* it does not exit; with an exit trees count blocks further on */
        ck_assert_int_eq (hs_call_tree (snapshot, &filter, &query, NULL, &tree, NULL), HS_OK);
        for (n = 0; n < tree->n_nodes && n < (with_rows ? MAX_CURVES : 1); n++) {
            hs_call_tree_open (tree, n);
            nodes[n] = n;
        }
        rows = hs_tree_rows_new (tree, nodes, n);
        hs_call_tree_unref (tree);
        ck_assert_int_eq (hs_row_curves (snapshot, &filter,
                                         &(struct hs_row_curves_query){ rows, times }, NULL,
                                         &curves, NULL),
                          HS_OK);
        ck_assert_uint_eq (curves->n_rows, n);
        check_root_curve (world, &filter, curves);
        if (with_rows)
            check_curve_values (snapshot, &filter, curves, draw (world, curves->n_columns),
                                query.direction);
        hs_tree_rows_unref (rows);
        hs_row_curves_unref (curves);
    }
}

static void check_moments (struct world *world, const struct hs_snapshot *snapshot)
{
    int64_t times[4];
    const struct hs_moments_query query = { times, 4, (const uint32_t[]){ 0, 1, 2 }, N_PROCESSES };
    struct hs_moment *moments;

    times[0] = world->times[0] - 1;
    for (int i = 1; i < 4; i++)
        times[i] = times[i - 1] + (int64_t)draw (world, 20000);
    ck_assert_int_eq (hs_timeline_moments (snapshot, &query, &moments, NULL), HS_OK);
    for (uint32_t process = 0; process <= N_PROCESSES; process++) {
        struct hs_filter filter = hs_filter_all ();
        uint64_t *levels;

        filter.process = process < N_PROCESSES ? process : HS_NO_PROCESS;
        levels = levels_of (world, &filter);
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t op = 0;

            while (op < world->n_ops && world->times[op] <= times[i])
                op++;
            ck_assert_uint_eq (moments[process * 4 + i].live_bytes, levels[op]);
        }
        free (levels);
    }
    hs_free (moments);
}

START_TEST (answers_equal_the_oracle)
{
    struct world *world = make_world ((uint64_t)_i + 1, 50 + 40 * (uint32_t)_i);
    struct hs_snapshot snapshot = trace_maker_snapshot (&world->maker);
    struct hs_call_tree *earlier[2] = { NULL, NULL };

    for (int i = 0; i < 25; i++) {
        struct hs_filter filter = draw_filter (world);

        check_histogram (world, &snapshot, &filter);
        check_timeline (world, &snapshot, &filter, 0);
        check_sums (world, &snapshot, &filter);
        check_tree (world, &snapshot, &filter, earlier);
        check_curves (world, &snapshot, filter);
    }
    hs_call_tree_unref (earlier[0]);
    hs_call_tree_unref (earlier[1]);
    check_moments (world, &snapshot);
    end_world (world);
}
END_TEST

START_TEST (the_overview_bounds_the_truth)
{
    struct world *world = make_world (1000 + (uint64_t)_i, MAX_OPS - 1);
    struct hs_timeline_query query = {
        .from = INT32_MIN, .to = INT32_MAX, .n_columns = 7, .max_replay_events = 1
    };
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot snapshot;
    struct hs_timeline *timeline;
    uint64_t *levels = levels_of (world, &filter);

    (void)trace_maker_snapshot (&world->maker);
    ck_assert_int_eq (hs_trace_finish (world->maker.trace, NULL), HS_OK);
    snapshot = hs_trace_snapshot (world->maker.trace);
    for (int i = 0; i < 30; i++) {
        struct hs_filter some = draw_filter (world);

        check_timeline (world, &snapshot, &some, 1);
        filter.process = draw (world, N_PROCESSES);
        check_timeline (world, &snapshot, &filter, 1);
    }
    filter.process = HS_NO_PROCESS;
    ck_assert_int_eq (hs_timeline (&snapshot, &filter, &query, NULL, &timeline, NULL), HS_OK);
    ck_assert_uint_eq (timeline->max_bytes, levels[peak_of (world, HS_NO_PROCESS) + 1]);
    hs_timeline_unref (timeline);
    free (levels);
    end_world (world);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("analysis_random");
    TCase *tests = tcase_create ("properties");

    tcase_set_timeout (tests, 120);
    tcase_add_loop_test (tests, answers_equal_the_oracle, 0, 30);
    tcase_add_loop_test (tests, the_overview_bounds_the_truth, 0, 3);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
