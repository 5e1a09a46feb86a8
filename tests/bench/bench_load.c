/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Measures one trace file: decoding alone, and decoding with pairing and index (what opening a file
 * costs), each in CPU time of the process and on the wall (decoding also of its own thread); how
 * soon there is something to show, and the picture of the whole trace; pairing on one thread, the
 * looking up of addresses alone and with columns and index; and the memory the open trace holds.
 *
 *   bench_load FILE [ROUNDS]               figures as one JSON object per round
 *   bench_load --budget BUDGETS FILE       memory only: fails when over the budgets; a test
 */
#include "analysis/call_tree.h"
#include "analysis/timeline.h"
#include "load/loader.h"
#include "trace/live_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct times {
    double cpu; /* of all threads */
    double thread, wall;
};

struct figures {
    struct times decode, load;
    struct times first_picture; /* from opening on */
    struct times picture;       /* of the trace that is loaded */
    double pair_only, append;   /* seconds of the one thread; without decoding */
    uint64_t bytes, events, rows, memory;
};

static double seconds (clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime (clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static struct times now (void)
{
    return (struct times){ seconds (CLOCK_PROCESS_CPUTIME_ID), seconds (CLOCK_THREAD_CPUTIME_ID),
                           seconds (CLOCK_MONOTONIC) };
}

static struct times since (struct times begin)
{
    struct times end = now ();

    return (struct times){ end.cpu - begin.cpu, end.thread - begin.thread, end.wall - begin.wall };
}

static int complain (const char *what, const struct hs_error *err)
{
    (void)fprintf (stderr, "bench_load: %s: %s\n", what, err->text);
    return 1;
}

static int measure_decode (const char *path, struct figures *figures)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_error err = { 0 };
    struct hs_decoder *decoder;
    struct times begin = now ();
    enum hs_status status;

    if (batch == NULL || hs_decoder_open (&path, 1, HS_SOURCE_WHOLE, &decoder, &err) != HS_OK) {
        hs_batch_free (batch);
        return complain (path, &err);
    }
    do
        status = hs_decoder_next (decoder, batch, &err);
    while (status == HS_OK);
    figures->bytes = hs_decoder_bytes_total (decoder);
    hs_decoder_close (decoder);
    hs_batch_free (batch);
    figures->decode = since (begin);
    return status == HS_END ? 0 : complain (path, &err);
}

/* The window's first page: the chart over time, and the tree as far as it is unfolded. */
static enum hs_status draw_picture (const struct hs_snapshot *snapshot, struct hs_error *err)
{
    struct hs_timeline_query query = { .from = snapshot->first_time,
                                       .to = snapshot->last_time,
                                       .n_columns = 1000,
                                       .may_move_borders = true };
    struct hs_call_tree_query tree_query = { .layout = HS_TREE_AS_OPENED };
    struct hs_filter filter = hs_filter_all ();
    struct hs_timeline *timeline = NULL;
    struct hs_call_tree *tree = NULL;
    enum hs_status status = hs_timeline (snapshot, &filter, &query, NULL, &timeline, err);

    if (status == HS_OK)
        status = hs_call_tree (snapshot, &filter, &tree_query, NULL, &tree, err);
    hs_timeline_unref (timeline);
    hs_call_tree_unref (tree);
    return status;
}

static int open_file (const char *path, struct hs_trace **ret_trace, struct hs_loader **ret)
{
    struct hs_trace *trace = hs_trace_new ();
    struct hs_error err = { 0 };

    if (trace == NULL || hs_loader_open (&path, 1, HS_SOURCE_WHOLE, trace, ret, &err) != HS_OK) {
        hs_trace_free (trace);
        return complain (path, &err);
    }
    *ret_trace = trace;
    return 0;
}

/* As the window does: a picture of what is there after the first step that had events. */
static int measure_first_picture (const char *path, struct figures *figures)
{
    struct times begin = now ();
    struct hs_error err = { 0 };
    struct hs_loader *loader;
    struct hs_trace *trace;
    struct hs_snapshot snapshot;
    enum hs_status status;

    if (open_file (path, &trace, &loader) != 0)
        return 1;
    do {
        status = hs_loader_step (loader, &err);
        snapshot = hs_trace_snapshot (trace);
    } while (status == HS_OK && snapshot.n_events == 0);
    if (!hs_status_is_error (status))
        status = draw_picture (&snapshot, &err);
    figures->first_picture = since (begin);
    hs_loader_free (loader);
    hs_trace_free (trace);
    return hs_status_is_error (status) ? complain (path, &err) : 0;
}

static int measure_load (const char *path, struct figures *figures)
{
    struct times begin = now (), loaded;
    struct hs_error err = { 0 };
    struct hs_loader *loader;
    struct hs_trace *trace;
    struct hs_snapshot snapshot;
    enum hs_status status;

    if (open_file (path, &trace, &loader) != 0)
        return 1;
    status = hs_loader_run (loader, &err);
    figures->load = since (begin);
    snapshot = hs_trace_snapshot (trace);
    figures->events = snapshot.n_events;
    figures->rows = snapshot.n_rows;
    figures->memory = hs_trace_memory (trace);
    loaded = now ();
    if (!hs_status_is_error (status))
        status = draw_picture (&snapshot, &err);
    figures->picture = since (loaded);
    hs_loader_free (loader);
    hs_trace_free (trace);
    return hs_status_is_error (status) ? complain (path, &err) : 0;
}

static double thread_seconds (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

struct pairing {
    struct hs_live_map live;
    uint32_t *ends; /* of rows */
    uint32_t row, event;
};

/* What no analysis of a heap can do without: who was freed by which event. All blocks of one heap.
 */
static void pair_batch (struct pairing *pairing, const struct hs_event_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_event *event = &batch->events[i];
        bool is_realloc = event->kind == HS_EVENT_REALLOC;
        struct hs_live_block block = { event->block.address, pairing->row, 0 }, old;

        if (i + 16 < batch->n)
            hs_live_map_prefetch (&pairing->live, event[16].block.address);
        if (event->kind == HS_EVENT_FREE || is_realloc) {
            old = hs_live_map_remove (&pairing->live,
                                      is_realloc ? event->block.old_address : event->block.address);
            if (old.row != HS_NO_ROW)
                pairing->ends[old.row] = pairing->event;
        }
        if (event->kind == HS_EVENT_ALLOC || is_realloc) {
            if (!hs_live_map_exchange (&pairing->live, &block, &old))
                return;
            pairing->ends[pairing->row++] = HS_NO_EVENT;
        }
        pairing->event += event->kind <= HS_EVENT_REALLOC;
    }
}

static int measure_pairing (const char *path, struct figures *figures)
{
    size_t n_bytes = (figures->events + 1) * sizeof (uint32_t);
    struct hs_event_batch *batch = hs_batch_new ();
    struct pairing pairing = { .ends = malloc (n_bytes) };
    struct hs_trace *trace = hs_trace_new ();
    struct hs_error err = { 0 };
    struct hs_decoder *decoder;
    enum hs_status status;
    double begin, paired;

    if (batch == NULL || pairing.ends == NULL || trace == NULL ||
        hs_decoder_open (&path, 1, HS_SOURCE_WHOLE, &decoder, &err) != HS_OK)
        return complain (path, &err);
    memset (pairing.ends, 0, n_bytes);
    do {
        status = hs_decoder_next (decoder, batch, &err);
        begin = thread_seconds ();
        pair_batch (&pairing, batch);
        paired = thread_seconds ();
        figures->pair_only += paired - begin;
        if (hs_trace_append (trace, batch, &err) != HS_OK)
            status = HS_NO_MEMORY;
        figures->append += thread_seconds () - paired;
    } while (status == HS_OK);
    begin = thread_seconds ();
    (void)hs_trace_finish (trace, NULL);
    figures->append += thread_seconds () - begin;
    hs_decoder_close (decoder);
    hs_live_map_clear (&pairing.live);
    free (pairing.ends);
    hs_batch_free (batch);
    hs_trace_free (trace);
    return status == HS_END ? 0 : complain (path, &err);
}

/* Lines of "name value  # why". */
static int check_budget (const char *budgets, const char *path)
{
    FILE *file = fopen (budgets, "r");
    double per_trace = 0, per_row = 0, per_event = 0, value, allowed;
    struct figures figures = { 0 };
    char line[256], name[64];

    if (file == NULL) {
        perror (budgets);
        return 1;
    }
    while (fgets (line, sizeof line, file) != NULL) {
        if (sscanf (line, "%63s %lf", name, &value) != 2)
            continue;
        if (strcmp (name, "bytes_per_trace") == 0)
            per_trace = value;
        else if (strcmp (name, "bytes_per_allocation") == 0)
            per_row = value;
        else if (strcmp (name, "bytes_per_event") == 0)
            per_event = value;
    }
    (void)fclose (file);
    if (measure_load (path, &figures) != 0)
        return 1;
    allowed = per_trace + per_row * (double)figures.rows + per_event * (double)figures.events;
    printf ("%llu events, %llu allocations: %llu bytes held, %.0f allowed (%.2f bytes an event)\n",
            (unsigned long long)figures.events, (unsigned long long)figures.rows,
            (unsigned long long)figures.memory, allowed,
            (double)figures.memory / (double)figures.events);
    return allowed > 0 && (double)figures.memory <= allowed ? 0 : 1;
}

int main (int argc, char **argv)
{
    unsigned long rounds;

    if (argc == 4 && strcmp (argv[1], "--budget") == 0)
        return check_budget (argv[2], argv[3]);
    if (argc < 2) {
        (void)fprintf (stderr, "usage: bench_load FILE [ROUNDS] | --budget BUDGETS FILE\n");
        return 2;
    }
    rounds = argc > 2 ? strtoul (argv[2], NULL, 10) : 1;
    for (unsigned long i = 0; i < rounds; i++) {
        struct figures f = { 0 };

        if (measure_decode (argv[1], &f) != 0 || measure_first_picture (argv[1], &f) != 0 ||
            measure_load (argv[1], &f) != 0 || measure_pairing (argv[1], &f) != 0)
            return 1;
        printf ("{\"bytes\": %llu, \"events\": %llu, \"allocations\": %llu, \"memory\": %llu, "
                "\"decode_cpu\": %.6f, \"decode_thread\": %.6f, "
                "\"decode_wall\": %.6f, \"load_cpu\": %.6f, "
                "\"load_wall\": %.6f, \"picture_wall\": %.6f, \"first_picture_wall\": %.6f, "
                "\"pair_only_cpu\": %.6f, \"append_cpu\": %.6f}\n",
                (unsigned long long)f.bytes, (unsigned long long)f.events,
                (unsigned long long)f.rows, (unsigned long long)f.memory, f.decode.cpu,
                f.decode.thread, f.decode.wall, f.load.cpu, f.load.wall, f.picture.wall,
                f.first_picture.wall, f.pair_only, f.append);
        (void)fflush (stdout);
    }
    return 0;
}
