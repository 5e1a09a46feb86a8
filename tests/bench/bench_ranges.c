/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions about ranges of large traces: a made-up history of EVENTS heap events goes into a trace
 * as a decoder would hand it over, and ranges of it are asked with the sums of blocks and by plain
 * scans of the same columns, whose answers must be equal.
 *
 *   bench_ranges EVENTS [FILE.hst]        figures as one JSON object; FILE.hst: the history too
 *
 * 20,000 distinct stacks of 4 to 24 frames, few of which make most calls; half of the blocks die
 * within some tens of events, others within thousands or millions, one of 64 never.
 */
#include "analysis/call_tree.h"
#include "analysis/histogram.h"
#include "encode/hst_encoder.h"
#include "trace/trace_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_STACKS 20000u
#define N_DELAYS 64u
#define ROUNDS 5

static int n_rounds = ROUNDS; /* more of them, and no scans: for a profiler */
static bool has_scans = true;

struct history {
    uint64_t random;
    struct hs_event_batch *batch;
    struct hs_trace *trace;
    void *encoder; /* NULL: no file */
    /* blocks that live, by how long they are meant to: rings */
    struct ring {
        uint64_t *addresses;
        uint32_t size, at;
    } rings[4];
    uint64_t next_address;
    uint64_t *free_addresses;
    uint32_t n_free;
    int64_t time;
    double append_seconds;
};

static double now (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint32_t draw (struct history *h, uint32_t below)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (uint32_t)((h->random >> 32) * below >> 32);
}

static void give_up (const char *what)
{
    (void)fprintf (stderr, "bench_ranges: %s\n", what);
    exit (1);
}

static void hand_over (struct history *h)
{
    double begin = now ();

    h->batch->last_time = h->time;
    h->batch->has_last_time = true;
    if (hs_trace_append (h->trace, h->batch, NULL) != HS_OK)
        give_up ("no memory");
    h->append_seconds += now () - begin;
    if (h->encoder != NULL && hs_hst_encoder.append (h->encoder, h->batch, NULL) != HS_OK)
        give_up ("cannot write");
    hs_batch_reset (h->batch);
}

static struct hs_event *next_event (struct history *h, enum hs_event_kind kind)
{
    struct hs_event *event;

    if (!hs_batch_has_room (h->batch, 2))
        hand_over (h);
    h->time += 20 + draw (h, 60);
    event = hs_batch_add (h->batch, kind, h->time);
    event->process = 0;
    event->thread = 100 + (h->random >> 60 & 3);
    event->block = (struct hs_block_fields){ .heap = 0x1000 };
    return event;
}

static void begin (struct history *h)
{
    static const uint32_t sizes[4] = { 16, 256, 20000, 400000 };
    struct hs_process_fields process = { .pid = 4242, .image = { "big", 3 } };
    uint64_t frames[24];

    h->random = UINT64_C (0x9e3779b97f4a7c15);
    h->batch = hs_batch_new ();
    h->trace = hs_trace_new ();
    h->free_addresses = malloc (sizeof (uint64_t) * 1000000);
    if (h->batch == NULL || h->trace == NULL || h->free_addresses == NULL)
        give_up ("no memory");
    for (int i = 0; i < 4; i++) {
        h->rings[i].size = sizes[i];
        h->rings[i].addresses = calloc (sizes[i], sizeof (uint64_t));
        if (h->rings[i].addresses == NULL)
            give_up ("no memory");
    }
    h->next_address = 0x550000000000;
    hs_batch_add_process (h->batch, HS_EVENT_PROCESS, 0, &process)->process = 0;
    for (uint32_t slot = 1; slot <= N_STACKS; slot++) {
        uint32_t n = 4 + draw (h, 21);

        for (uint32_t i = 0; i < n; i++) /* callers are few, leaves many */
            frames[n - 1 - i] = 0x400000 + i * 0x10000 + 16 * draw (h, 1 + i * 3);
        hs_batch_add_stack (h->batch, 0, slot, frames, n);
        hand_over (h);
    }
    h->append_seconds = 0;
}

/* Frees what stands in the way of the new block in its ring. */
static uint32_t add_block (struct history *h)
{
    struct hs_event *event;
    uint64_t u = draw (h, 1 << 20);
    uint32_t luck = draw (h, 64), n = 1;
    struct ring *ring = luck == 0   ? NULL
                        : luck < 34 ? &h->rings[0]
                        : luck < 56 ? &h->rings[1]
                        : luck < 62 ? &h->rings[2]
                                    : &h->rings[3];
    uint64_t address = h->n_free > 0 ? h->free_addresses[--h->n_free] : (h->next_address += 48);

    event = next_event (h, HS_EVENT_ALLOC);
    event->stack = 1 + (uint32_t)(u * u * u >> 40) * N_STACKS / (1u << 20);
    event->block.address = address;
    event->block.size = (16u << event->stack % 9) + 8 * draw (h, 4);
    if (ring == NULL)
        return n;
    ring->at = draw (h, ring->size);
    if (ring->addresses[ring->at] != 0) {
        next_event (h, HS_EVENT_FREE)->block.address = ring->addresses[ring->at];
        if (h->n_free < 1000000)
            h->free_addresses[h->n_free++] = ring->addresses[ring->at];
        n++;
    }
    ring->addresses[ring->at] = address;
    return n;
}

/* ---- questions ---------------------------------------------------------------------------------
 */

struct range {
    const char *name;
    double from, to; /* of the whole */
    enum { NO_FILTER, BY_SIZE, BY_THREAD, BY_HEAP } by;
};

static struct hs_filter filter_of (const struct hs_snapshot *snapshot, const struct range *range)
{
    struct hs_filter filter = hs_filter_all ();

    filter.has_range = true;
    filter.from = (int64_t)((double)snapshot->last_time * range->from);
    filter.to = (int64_t)((double)snapshot->last_time * range->to);
    if (range->by == BY_SIZE) {
        filter.size_min = 1024;
        filter.size_max = 4095;
    }
    filter.has_thread = range->by == BY_THREAD;
    filter.thread = 101;
    filter.has_heap = range->by == BY_HEAP;
    filter.heap = 0x1000;
    return filter;
}

static int compare_doubles (const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median (double *values, int n)
{
    qsort (values, (size_t)n, sizeof *values, compare_doubles);
    return values[n / 2];
}

enum question { STACKS, TREE, HISTOGRAM, N_QUESTIONS };

static double ask (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                   enum question question, struct hs_stack_sums **ret_sums,
                   struct hs_histogram *ret_histogram)
{
    static struct hs_call_tree *earlier; /* the picture that the window shows meanwhile */
    struct hs_call_tree_query query = { .direction = HS_TREE_TOP_DOWN,
                                        .layout = HS_TREE_AS_OPENED,
                                        .earlier = earlier };
    struct hs_histogram *histogram;
    struct hs_call_tree *tree;
    enum hs_status status = HS_OK;
    double begin = now (), seconds;

    if (question == STACKS)
        status = hs_stack_sums (snapshot, filter, NULL, ret_sums, NULL);
    else if (question == TREE)
        status = hs_call_tree (snapshot, filter, &query, NULL, &tree, NULL);
    else
        status = hs_histogram (snapshot, filter, NULL, &histogram, NULL);
    seconds = now () - begin;
    if (status != HS_OK)
        give_up ("a question failed");
    if (question == TREE) {
        hs_call_tree_unref (earlier);
        earlier = tree;
    }
    if (question == HISTOGRAM) {
        *ret_histogram = *histogram;
        hs_histogram_unref (histogram);
    }
    return seconds;
}

static void compare (const struct hs_stack_sums *one, const struct hs_stack_sums *other)
{
    if (one->n != other->n || memcmp (&one->total, &other->total, sizeof one->total) != 0)
        give_up ("the index and the scan differ");
    for (uint32_t i = 0; i < one->n; i++) {
        if (one->stacks[i].node != other->stacks[i].node ||
            one->stacks[i].row != other->stacks[i].row ||
            memcmp (&one->stacks[i].sums, &other->stacks[i].sums, sizeof one->stacks[i].sums) != 0)
            give_up ("the index and the scan differ");
    }
}

static void measure (struct hs_trace *trace, const struct range *range)
{
    static const char *const names[] = { "stacks", "tree", "histogram" };
    struct hs_snapshot snapshot = hs_trace_snapshot (trace);
    struct hs_filter filter = filter_of (&snapshot, range);
    struct hs_stack_sums *sums[2] = { NULL, NULL };
    struct hs_histogram histograms[2] = { 0 };
    double seconds[2][N_QUESTIONS][1000];

    for (int scan = 0; scan < (has_scans ? 2 : 1); scan++) {
        trace->range_index.is_off = scan == 1;
        for (int question = 0; question < N_QUESTIONS; question++) {
            for (int round = 0; round < (scan == 1 ? 1 : n_rounds); round++) {
                if (question == STACKS)
                    hs_stack_sums_free (sums[scan]);
                seconds[scan][question][round] = ask (&snapshot, &filter, (enum question)question,
                                                      &sums[scan], &histograms[scan]);
            }
        }
    }
    trace->range_index.is_off = false;
    if (has_scans)
        compare (sums[0], sums[1]);
    if (has_scans && memcmp (&histograms[0], &histograms[1], sizeof histograms[0]) != 0)
        give_up ("the index and the scan differ");
    for (int question = 0; question < N_QUESTIONS; question++)
        printf (", \"%s %s\": {\"index_ms\": %.3f, \"scan_ms\": %.3f}", range->name,
                names[question], median (seconds[0][question], n_rounds) * 1e3,
                has_scans ? seconds[1][question][0] * 1e3 : 0);
    hs_stack_sums_free (sums[0]);
    hs_stack_sums_free (sums[1]);
}

/* What the trace holds, by kind of column. */
static void print_memory (struct hs_trace *trace)
{
    static const struct part {
        const char *name;
        unsigned first, end;
    } parts[] = {
        { "rows", HS_COLUMN_END, HS_COLUMN_TIME_DELTA },
        { "events", HS_COLUMN_TIME_DELTA, HS_COLUMN_CONTEXT_PROCESS },
        { "overview", HS_COLUMN_CONTEXT_PROCESS, HS_COLUMN_NODE_PARENT },
        { "stack_nodes", HS_COLUMN_NODE_PARENT, HS_COLUMN_SUM_BYTES },
        { "sums", HS_COLUMN_SUM_BYTES, HS_COLUMN_SURVIVOR_ROW },
        { "survivors", HS_COLUMN_SURVIVOR_ROW, HS_COLUMN_PEAK_BYTES },
    };
    struct hs_column *columns[HS_N_COLUMNS];
    uint64_t rest = hs_trace_memory (trace);

    printf ("\"memory\": %llu, \"parts\": {", (unsigned long long)rest);
    hs_trace_list_columns (trace, columns);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint64_t n = 0;

        for (unsigned k = parts[i].first; k < parts[i].end; k++)
            n += hs_column_bytes (columns[k]);
        printf ("\"%s\": %llu, ", parts[i].name, (unsigned long long)n);
        rest -= n;
    }
    printf ("\"rest\": %llu}", (unsigned long long)rest);
}

int main (int argc, char **argv)
{
    static const struct range ranges[] = {
        { "1 %", 0.47, 0.48, NO_FILTER },
        { "50 %", 0.25, 0.75, NO_FILTER },
        { "100 %", 0, 1, NO_FILTER },
        { "random a", 0.137, 0.911, NO_FILTER },
        { "random b", 0.613, 0.687, NO_FILTER },
        { "last half", 0.5, 1, NO_FILTER },
        { "a moment", 0, 0.613, NO_FILTER }, /* what is alive then: AIFO */
        { "50 % sizes", 0.25, 0.75, BY_SIZE },
        { "50 % thread", 0.25, 0.75, BY_THREAD },
        { "50 % heap", 0.25, 0.75, BY_HEAP },
    };
    struct history h = { 0 };
    uint64_t n_events = argc > 1 ? strtoull (argv[1], NULL, 10) : 0;
    struct hs_snapshot snapshot;
    double finish;

    if (argc > 3) {
        n_rounds = (int)strtoul (argv[3], NULL, 10);
        has_scans = false;
    }
    if (n_events == 0) {
        (void)fprintf (stderr, "usage: bench_ranges EVENTS [FILE.hst]\n");
        return 2;
    }
    if (argc > 2 && argv[2][0] != '-' && hs_hst_encoder.open (argv[2], &h.encoder, NULL) != HS_OK)
        give_up ("cannot write the file");
    begin (&h);
    for (uint64_t n = 0; n < n_events;)
        n += add_block (&h);
    hand_over (&h);
    finish = now ();
    if (hs_trace_finish (h.trace, NULL) != HS_OK ||
        (h.encoder != NULL && hs_hst_encoder.finish (h.encoder, NULL, NULL) != HS_OK))
        give_up ("cannot finish");
    h.append_seconds += now () - finish;
    snapshot = hs_trace_snapshot (h.trace);
    printf ("{\"events\": %u, \"allocations\": %u, \"pair_ns\": %.2f, ", snapshot.n_events,
            snapshot.n_rows, h.append_seconds / (double)snapshot.n_events * 1e9);
    print_memory (h.trace);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        measure (h.trace, &ranges[i]);
    printf ("}\n");
    hs_trace_free (h.trace);
    hs_batch_free (h.batch);
    for (int i = 0; i < 4; i++)
        free (h.rings[i].addresses);
    free (h.free_addresses);
    return 0;
}
