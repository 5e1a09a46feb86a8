/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One scan of all rows into 65 classes; see histogram.h. */
#include "analysis/histogram.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/units.h"

#include <stdio.h>

static void add (struct hs_size_class_sums *to, const struct hs_size_class_sums *from)
{
    for (int i = 0; i < 4; i++) {
        to->count[i] += from->count[i];
        to->bytes[i] = hs_add_saturated (to->bytes[i], from->bytes[i]);
    }
    to->whole_count += from->whole_count;
    to->whole_bytes = hs_add_saturated (to->whole_bytes, from->whole_bytes);
}

static void scan_run (const struct hs_scan *scan, const struct hs_row_run *run,
                      struct hs_size_class_sums *classes)
{
    for (uint32_t i = 0; i < run->n; i++) {
        struct hs_size_class_sums *sums;
        hs_row_no row = run->first + i;
        hs_event_no ended;
        uint64_t size;
        unsigned class;

        if (!hs_scan_passes (scan, run, i, &size))
            continue;
        sums = &classes[hs_size_class (size)];
        sums->whole_count++;
        sums->whole_bytes = hs_add_saturated (sums->whole_bytes, size);
        ended = hs_run_peek (run->end, i);
        if (row >= scan->row_end || ended < scan->begin)
            continue;
        class = (row < scan->row_begin ? 2u : 0u) + (ended < scan->end ? 0u : 1u);
        sums->count[class]++;
        sums->bytes[class] = hs_add_saturated (sums->bytes[class], size);
    }
}

static void add_bytes (struct hs_size_class_sums *sums, unsigned class, uint32_t count,
                       uint64_t bytes)
{
    sums->count[class] += count;
    sums->bytes[class] += bytes;
}

/* A whole block; `is_inside`: of rows born in the range, else of rows born before it. */
static void add_block (const struct hs_scan *scan, const struct hs_range_block *block,
                       bool is_inside, struct hs_size_class_sums *classes)
{
    const struct hs_rows *rows = scan->snapshot.rows;
    const bool has_ends = hs_range_index_has_ends (&scan->snapshot);

    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        classes[k].whole_count += block->classes[k].count;
        classes[k].whole_bytes += block->classes[k].bytes;
        if (is_inside)
            add_bytes (&classes[k], 0, block->classes[k].count, block->classes[k].bytes);
    }
    for (uint32_t i = 0; i < block->n_survivors; i++) {
        const struct hs_survivor *survivor = &block->survivors[i];
        hs_event_no ended =
            has_ends ? hs_run_peek (&survivor->end, 0) : hs_column_peek (&rows->end, survivor->row);
        uint64_t size;
        struct hs_size_class_sums *sums;

        if (ended < (is_inside ? scan->end : scan->begin))
            continue;
        size =
            survivor->size != HS_SIZE_LARGE ? survivor->size : hs_rows_size (rows, survivor->row);
        sums = &classes[hs_size_class (size)];
        if (is_inside) {
            sums->count[0]--;
            sums->bytes[0] -= size;
            add_bytes (sums, 1, 1, size);
        } else {
            add_bytes (sums, ended < scan->end ? 2 : 3, 1, size);
        }
    }
}

/* A block of rows born after the range. */
static void add_later_block (const struct hs_range_block *block, struct hs_size_class_sums *classes)
{
    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        classes[k].whole_count += block->classes[k].count;
        classes[k].whole_bytes += block->classes[k].bytes;
    }
}

/* The rows from `first` to the next of the range's borders: at once where whole blocks tell. */
static uint32_t scan_from (const struct hs_scan *scan, hs_row_no first,
                           struct hs_size_class_sums *classes)
{
    const struct hs_range_block *block = NULL;
    struct hs_row_run run;
    hs_row_no end = first < scan->row_begin ? scan->row_begin
                    : first < scan->row_end ? scan->row_end
                                            : scan->snapshot.n_rows;

    if (scan->passes_all)
        block = hs_scan_block (scan, first, end, &run);
    else
        run = hs_row_run_at (&scan->snapshot, first, end);
    if (block == NULL)
        scan_run (scan, &run, classes);
    else if (first < scan->row_end)
        add_block (scan, block, first >= scan->row_begin, classes);
    else
        add_later_block (block, classes);
    return block != NULL ? block->n_rows : run.n;
}

static void finish (struct hs_histogram *histogram)
{
    histogram->first = HS_N_SIZE_CLASSES;
    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        if (histogram->classes[k].whole_count == 0)
            continue;
        add (&histogram->total, &histogram->classes[k]);
        if (histogram->first == HS_N_SIZE_CLASSES)
            histogram->first = k;
        histogram->n = k + 1 - histogram->first;
    }
    if (histogram->n == 0)
        histogram->first = 0;
}

enum hs_status hs_histogram (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_cancel *cancel, struct hs_histogram **ret,
                             struct hs_error *err)
{
    struct hs_filter any_size = *filter;
    struct hs_histogram *histogram;
    struct hs_scan scan;
    enum hs_status status;
    uint32_t n;

    any_size.size_min = 0;
    any_size.size_max = UINT64_MAX;
    status = hs_scan_init (&scan, snapshot, &any_size, err);
    if (status != HS_OK)
        return status;
    histogram = HS_NEW (struct hs_histogram);
    if (histogram == NULL) {
        hs_scan_clear (&scan);
        return hs_error_no_memory (err);
    }
    for (hs_row_no row = snapshot->first_row; row < snapshot->n_rows; row += n) {
        if (hs_cancel_is_set (cancel)) {
            status = HS_CANCELLED;
            break;
        }
        n = scan_from (&scan, row, histogram->classes);
    }
    hs_scan_clear (&scan);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status != HS_OK) {
        hs_free (histogram);
        return status;
    }
    finish (histogram);
    atomic_init (&histogram->n_references, 1);
    *ret = histogram;
    return HS_OK;
}

struct hs_histogram *hs_histogram_ref (struct hs_histogram *histogram)
{
    atomic_fetch_add_explicit (&histogram->n_references, 1, memory_order_relaxed);
    return histogram;
}

void hs_histogram_unref (struct hs_histogram *histogram)
{
    if (histogram != NULL &&
        atomic_fetch_sub_explicit (&histogram->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (histogram);
}

/* "64", "1 KiB": a power of two in the largest unit that divides it. */
static void power_text (unsigned power, char *text, size_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

    (void)snprintf (text, size, "%u %s", 1u << power % 10, units[power / 10]);
}

const char *hs_size_class_text (unsigned size_class, char *text)
{
    char low[16], high[16];

    if (size_class == 0) {
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "0 B");
        return text;
    }
    if (size_class == 1) {
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "1 B");
        return text;
    }
    power_text (size_class - 1, low, sizeof low);
    if (size_class <= 10)
        (void)snprintf (high, sizeof high, "%u B", (1u << size_class) - 1);
    else if (size_class == HS_N_SIZE_CLASSES - 1)
        (void)snprintf (high, sizeof high, "16 EiB");
    else
        power_text (size_class, high, sizeof high);
    /* above a kibibyte the last byte is not worth its digits: "1 KiB - <2 KiB" */
    (void)snprintf (text, HS_UNITS_TEXT_SIZE, size_class <= 10 ? "%s - %s" : "%s - <%s", low, high);
    return text;
}
