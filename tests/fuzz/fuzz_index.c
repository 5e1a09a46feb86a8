/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: an .hst file with a closing index, whose checksums are made right, so that what
 * libFuzzer changes reaches the tables and columns; then every question is asked of the trace.
 * Numbers may be nonsense, as a crafted recording's may; answers must come, or a sentence.
 */
#include "analysis/findings.h"
#include "analysis/functions.h"
#include "analysis/histogram.h"
#include "analysis/timeline.h"
#include "base/memory.h"
#include "index_mend.h"
#include "load/loader.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

static void ask_trees (const struct hs_snapshot *snapshot, const struct hs_filter *filter)
{
    struct hs_call_tree_query query = { .direction = HS_TREE_TOP_DOWN };
    struct hs_functions_query functions_query = { .order = HS_FUNCTIONS_BY_EXCLUSIVE };
    struct hs_error err = { 0 };
    struct hs_call_tree *tree;
    struct hs_functions *functions;

    for (int direction = 0; direction < 2; direction++) {
        query.direction = direction == 0 ? HS_TREE_TOP_DOWN : HS_TREE_BOTTOM_UP;
        if (hs_call_tree (snapshot, filter, &query, NULL, &tree, &err) == HS_OK)
            hs_call_tree_unref (tree);
        else
            demand (err.text[0] != '\0');
    }
    if (hs_functions (snapshot, filter, &functions_query, NULL, &functions, &err) == HS_OK)
        hs_functions_unref (functions);
}

static void ask_rest (const struct hs_snapshot *snapshot, const struct hs_filter *filter)
{
    struct hs_timeline_query query = { .from = snapshot->first_time,
                                       .to = snapshot->last_time,
                                       .n_columns = 50 };
    struct hs_error err = { 0 };
    struct hs_finding_list *findings;
    struct hs_histogram *histogram;
    struct hs_timeline *timeline;

    for (uint32_t replayed = 0; replayed < 2; replayed++) {
        query.max_replay_events = replayed;
        if (hs_timeline (snapshot, filter, &query, NULL, &timeline, &err) == HS_OK)
            hs_timeline_unref (timeline);
        else
            demand (err.text[0] != '\0');
    }
    if (hs_histogram (snapshot, filter, NULL, &histogram, &err) == HS_OK)
        hs_histogram_unref (histogram);
    demand (hs_findings (snapshot, &findings, &err) == HS_OK);
    hs_findings_unref (findings);
}

static void ask (struct hs_trace *trace)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (trace);
    struct hs_filter filter = hs_filter_all ();
    uint64_t sum = 0;

    ask_trees (&snapshot, &filter);
    ask_rest (&snapshot, &filter);
    filter.has_range = true;
    filter.from = snapshot.first_time + (snapshot.last_time / 4);
    filter.to = snapshot.last_time / 2;
    filter.process = 0;
    ask_trees (&snapshot, &filter);
    ask_rest (&snapshot, &filter);
    for (hs_row_no row = 0; row < snapshot.n_rows; row++) {
        sum += hs_rows_address (snapshot.rows, row) + hs_rows_size (snapshot.rows, row);
        sum += hs_snapshot_row_node (&snapshot, row) + hs_snapshot_birth (&snapshot, row);
    }
    demand (sum != 1);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    int fd = memfd_create ("index", MFD_CLOEXEC);
    uint8_t *copy = hs_alloc_array (size + 1, 1);
    struct hs_trace *trace = hs_trace_new ();
    char path[64];
    const char *const paths[] = { path };
    struct hs_loader *loader;

    demand (copy != NULL && trace != NULL && fd >= 0);
    memcpy (copy, data, size);
    index_mend (copy, size);
    demand (write (fd, copy, size) == (ssize_t)size);
    (void)snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    if (hs_loader_open (paths, 1, HS_SOURCE_WHOLE, trace, &loader, NULL) == HS_OK) {
        if (strcmp (hs_loader_format (loader)->name, "hst") == 0) {
            (void)hs_loader_run (loader, NULL);
            hs_loader_free (loader);
            ask (trace);
        } else {
            hs_loader_free (loader);
        }
    }
    hs_trace_free (trace);
    hs_free (copy);
    (void)close (fd);
    return 0;
}
