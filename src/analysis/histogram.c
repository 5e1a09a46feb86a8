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

/* What a run adds, per place of a row and size class, twice: rows next to each other tend to be of
 * one class, and would wait for each other's sums. */
enum place {
    /* 0 to 3: AIFI, AIFO, AOFI, AOFO */
    PLACE_OUTSIDE = 4, /* gone before the range, or born after it */
    N_PLACES,
};
#define N_LANES 2u
struct tally {
    struct {
        uint64_t bytes;
        uint64_t count;
    } of[N_LANES][N_PLACES][HS_N_SIZE_CLASSES];
};

static void add_tally (const struct tally *tally, struct hs_size_class_sums *classes)
{
    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        for (unsigned i = 0; i < N_LANES * N_PLACES; i++) {
            unsigned place = i / N_LANES;
            uint64_t count = tally->of[i % N_LANES][place][k].count;
            uint64_t bytes = tally->of[i % N_LANES][place][k].bytes;

            classes[k].whole_count += count;
            classes[k].whole_bytes = hs_add_saturated (classes[k].whole_bytes, bytes);
            if (place == PLACE_OUTSIDE)
                continue;
            classes[k].count[place] += count;
            classes[k].bytes[place] = hs_add_saturated (classes[k].bytes[place], bytes);
        }
    }
}

/* Rows on one side of the range's borders; `is_plain`: all of them pass, and no sum overflows. */
static inline __attribute__ ((always_inline)) void scan_run (const struct hs_scan *scan,
                                                             const struct hs_row_run *run,
                                                             const bool is_plain,
                                                             struct tally *tally)
{
    const unsigned first_place = run->first < scan->row_begin ? 2 : 0;
    const bool is_after = run->first >= scan->row_end;
    const hs_event_no begin = scan->begin, end = scan->end;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no ended = hs_run_peek (run->end, i);
        unsigned place = first_place + (ended >= end);
        unsigned class;
        uint64_t size;

        if (is_plain)
            size = hs_run_size (&scan->snapshot, run, i);
        else if (!hs_scan_passes (scan, run, i, &size))
            continue;
        class = hs_size_class (size);
        place = is_after || ended < begin ? PLACE_OUTSIDE : place;
        tally->of[i % N_LANES][place][class].count++;
        tally->of[i % N_LANES][place][class].bytes =
            is_plain ? tally->of[i % N_LANES][place][class].bytes + size
                     : hs_add_saturated (tally->of[i % N_LANES][place][class].bytes, size);
    }
}

/* Survivors of a block by when they ended. Nothing is to be guessed here: half of them lived, and
 * half did not. */
enum fate {
    FATE_BEFORE, /* the range */
    FATE_INSIDE,
    FATE_LATER, /* or never */
    N_FATES,
};
struct fates {
    struct {
        uint64_t bytes, count;
    } of[N_LANES][N_FATES][HS_N_SIZE_CLASSES];
};

static inline __attribute__ ((always_inline)) void add_survivors (const struct hs_scan *scan,
                                                                  const struct hs_survivor_run *run,
                                                                  const bool has_ends,
                                                                  struct fates *fates)
{
    const struct hs_rows *const rows = scan->snapshot.rows;
    const hs_event_no begin = scan->begin, end = scan->end;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no ended =
            has_ends ? hs_run_peek (run->end, i) : hs_column_peek (&rows->end, run->row[i]);
        uint64_t size =
            run->size[i] != HS_SIZE_LARGE ? run->size[i] : hs_rows_size (rows, run->row[i]);
        unsigned fate = (unsigned)(ended >= begin) + (unsigned)(ended >= end);
        unsigned class = hs_size_class (size);

        fates->of[i % N_LANES][fate][class].bytes += size;
        fates->of[i % N_LANES][fate][class].count++;
    }
}

/* Those of a block of rows born in the range are in its sums already, as some that ended in it. */
static void add_fates (const struct fates *fates, bool is_inside,
                       struct hs_size_class_sums *classes)
{
    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        for (unsigned lane = 0; lane < N_LANES; lane++) {
            uint64_t later_count = fates->of[lane][FATE_LATER][k].count;
            uint64_t later_bytes = fates->of[lane][FATE_LATER][k].bytes;

            classes[k].count[is_inside ? 1 : 3] += later_count;
            classes[k].bytes[is_inside ? 1 : 3] += later_bytes;
            if (is_inside) {
                classes[k].count[0] -= later_count;
                classes[k].bytes[0] -= later_bytes;
            } else {
                classes[k].count[2] += fates->of[lane][FATE_INSIDE][k].count;
                classes[k].bytes[2] += fates->of[lane][FATE_INSIDE][k].bytes;
            }
        }
    }
}

/* A whole block; `is_inside`: of rows born in the range, else of rows born before it. */
static void add_block (const struct hs_scan *scan, const struct hs_range_block *block,
                       bool is_inside, struct hs_size_class_sums *classes)
{
    uint64_t first = block->first_survivor, end = first + block->n_survivors;
    const bool has_ends = hs_range_index_has_ends (&scan->snapshot);
    struct fates fates = { 0 };

    for (unsigned k = 0; k < HS_N_SIZE_CLASSES; k++) {
        classes[k].whole_count += block->classes[k].count;
        classes[k].whole_bytes += block->classes[k].bytes;
        if (is_inside) {
            classes[k].count[0] += block->classes[k].count;
            classes[k].bytes[0] += block->classes[k].bytes;
        }
    }
    while (first < end) {
        struct hs_survivor_run run = hs_survivor_run_at (&scan->snapshot, first, end);

        if (has_ends)
            add_survivors (scan, &run, true, &fates);
        else
            add_survivors (scan, &run, false, &fates);
        first += run.n;
    }
    add_fates (&fates, is_inside, classes);
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
static uint32_t scan_from (const struct hs_scan *scan, hs_row_no first, struct tally *tally,
                           struct hs_size_class_sums *classes)
{
    const struct hs_range_block *block = NULL;
    struct hs_row_run run;
    hs_row_no end = first < scan->row_begin ? scan->row_begin
                    : first < scan->row_end ? scan->row_end
                                            : scan->snapshot.n_rows;

    if (scan->passes_all && scan->slot_passes == NULL)
        block = hs_scan_block (scan, first, end, &run);
    else
        run = hs_row_run_at (&scan->snapshot, first, end);
    if (block == NULL && scan->passes_all && scan->passes_sizes && scan->slot_passes == NULL)
        scan_run (scan, &run, true, tally);
    else if (block == NULL)
        scan_run (scan, &run, false, tally);
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

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_cancel *cancel, struct hs_histogram **ret,
                              struct hs_error *err)
{
    struct hs_filter any_size = *filter;
    struct hs_histogram *histogram;
    struct tally *tally;
    struct hs_scan scan;
    enum hs_status status;
    uint32_t n;

    any_size.size_min = 0;
    any_size.size_max = UINT64_MAX;
    status = hs_scan_init (&scan, snapshot, &any_size, cancel, err);
    if (status != HS_OK)
        return status;
    histogram = HS_NEW (struct hs_histogram);
    tally = HS_NEW (struct tally);
    if (histogram == NULL || tally == NULL) {
        hs_free (histogram);
        hs_free (tally);
        hs_scan_clear (&scan);
        return hs_error_no_memory (err);
    }
    for (hs_row_no row = snapshot->first_row; row < snapshot->n_rows; row += n) {
        if (hs_cancel_is_set (cancel)) {
            status = HS_CANCELLED;
            break;
        }
        n = scan_from (&scan, row, tally, histogram->classes);
    }
    add_tally (tally, histogram->classes);
    hs_free (tally);
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

enum hs_status hs_histogram (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_cancel *cancel, struct hs_histogram **ret,
                             struct hs_error *err)
{
    bool was_off = hs_range_index_is_off (snapshot);
    enum hs_status status = answer (snapshot, filter, cancel, ret, err);

    if (status != HS_OK || was_off || !hs_range_index_is_off (snapshot))
        return status;
    hs_histogram_unref (*ret); /* a part of the index was damaged: once more, without it */
    return answer (snapshot, filter, cancel, ret, err);
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
