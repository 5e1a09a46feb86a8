/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stream of all records of the files of one session in time order; see record.h.
 *
 * All buffer headers are read first: a processor that was idle may flush its first buffer last, so
 * nothing can be delivered in order before that. Then a heap of chains delivers.
 *
 * A growing file: a processor without a further buffer holds the others back, because its next one
 * may hold earlier records - until the newest buffer was flushed LATE_SECONDS after the record in
 * question (sessions flush all processors once a second), or the file has not grown for that long,
 * or it has been closed (end time and all announced buffers are there). What comes too late
 * nevertheless is delivered at the time of the record before it, and noted.
 */
#include "decode/etl/record.h"

#include "base/idmap.h"
#include "base/limits.h"
#include "decode/etl/etl_chain.h"
#include "decode/etl/etl_layout.h"
#include "decode/etl/etl_queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define LATE_SECONDS 3
#define SECONDS_PER_DAY 86400u
_Static_assert(HS_ETL_MERGE_NOTES >= HS_N_NOTE_KINDS, "one of each kind fits");

struct etl_file {
    struct hs_source *source; /* borrowed */
    struct hs_etl_log log;
    struct hs_etl_walk walk;
    bool is_followed; /* may still grow */
};

struct hs_etl_merge {
    struct etl_file *files;
    size_t n_files;
    HS_ARRAY (struct hs_etl_chain *) chains;
    struct hs_idmap chain_numbers; /* by chain_key() */
    struct hs_etl_queue queue;
    struct hs_etl_chain *last; /* lent a record from: moved on by the next call */
    int64_t last_time;         /* of the latest record delivered */
    uint64_t n_late;           /* records that were clamped since the last note */
    uint64_t late_offset;
    bool is_followed; /* some file is */
    int64_t newest_flush;
    uint64_t late_ticks;
    int64_t stalled_since_ns; /* 0 = the files grew when they were last looked at */
    bool is_released;         /* they have not for so long that nothing is held back any more */
    uint64_t total_bytes;     /* of all buffers found */
    struct hs_etl_loading loading;
    struct hs_note_pile notes;
};

static int64_t now_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the queue of chains ---- */

static inline int64_t first_time (struct hs_etl_chain *chain)
{
    const struct hs_etl_page *page = hs_etl_chain_first (chain);

    return page->entries.items[page->next].time;
}

/* Queues all chains that have records. */
static void rebuild_queue (struct hs_etl_merge *merge)
{
    merge->queue.n = 0;
    for (size_t i = 0; i < merge->chains.n; i++) {
        struct hs_etl_chain *chain = merge->chains.items[i];

        chain->is_queued = hs_etl_chain_first (chain) != NULL;
        if (chain->is_queued)
            merge->queue.items[merge->queue.n++] =
                (struct hs_etl_queued){ first_time (chain), chain->rank, chain };
    }
    for (size_t i = merge->queue.n / 2; i > 0; i--)
        hs_etl_queue_sift (&merge->queue, i - 1);
}

/* ---- the index ---- */

static uint64_t chain_key (const struct hs_etl_merge *merge, size_t file,
                           const struct hs_etl_buffer *buffer)
{
    bool is_one = (merge->files[file].log.header.mode & ETL_MODE_ONE_CHAIN) != 0;

    return (uint64_t)(is_one ? 0 : buffer->cpu) << 48 | (uint64_t)file << 32 | buffer->logger;
}

/* The chain of a buffer. NULL when memory is out or there are too many. */
static struct hs_etl_chain *find_chain (struct hs_etl_merge *merge, size_t file,
                                        const struct hs_etl_buffer *buffer)
{
    uint64_t key = chain_key (merge, file, buffer);
    uint32_t number = hs_idmap_get (&merge->chain_numbers, key);
    struct hs_etl_chain *chain;

    if (number != HS_IDMAP_NONE)
        return merge->chains.items[number];
    if (!hs_array_reserve (&merge->chains, 1) ||
        !hs_idmap_set (&merge->chain_numbers, key, (uint32_t)merge->chains.n))
        return NULL;
    chain = HS_NEW (struct hs_etl_chain);
    if (chain == NULL) {
        (void)hs_idmap_remove (&merge->chain_numbers, key);
        return NULL;
    }
    chain->file = (uint16_t)file;
    chain->rank = (key & ~UINT64_C (0xffffffff)) | merge->chains.n;
    chain->last_time = merge->files[0].log.header.record_time;
    merge->chains.items[merge->chains.n++] = chain;
    return chain;
}

static enum hs_status add_place (struct hs_etl_chain *chain, const struct hs_etl_buffer *buffer,
                                 struct hs_error *err)
{
    if (!hs_array_reserve (&chain->places, 1))
        return hs_error_no_memory (err);
    chain->places.items[chain->places.n++] = (struct hs_etl_place){
        .offset = buffer->offset,
        .sequence = buffer->sequence,
        .size = buffer->size,
        .filled = buffer->filled,
        .run = buffer->run,
        .cpu = buffer->cpu,
        .is_packed = (buffer->flags & ETL_FLAG_PACKED) != 0,
        .is_truncated = buffer->is_truncated,
        .is_header = buffer->is_header,
        .has_records = buffer->has_records,
    };
    return HS_OK;
}

/* Takes in all buffers of a file that are there. */
static enum hs_status index_file (struct hs_etl_merge *merge, size_t file, struct hs_error *err)
{
    struct hs_etl_walk *walk = &merge->files[file].walk;

    for (;;) {
        struct hs_etl_buffer buffer;
        struct hs_etl_chain *chain;
        enum hs_status status = hs_etl_walk_next (walk, &merge->notes, &buffer, err);

        if (status != HS_OK)
            return status == HS_END || status == HS_AGAIN ? HS_OK : status;
        merge->total_bytes += buffer.size;
        if ((uint64_t)buffer.flush_time - (uint64_t)merge->loading.range.first <=
                merge->loading.range.length &&
            buffer.flush_time > merge->newest_flush)
            merge->newest_flush = buffer.flush_time;
        if (merge->chains.n >= HS_LIMIT_ETL_CHAINS &&
            hs_idmap_get (&merge->chain_numbers, chain_key (merge, file, &buffer)) ==
                HS_IDMAP_NONE) {
            hs_note_pile_add (&merge->notes, HS_NOTE_BUFFER_DAMAGED, buffer.offset,
                              "The buffer at 0x%" PRIx64
                              " belongs to one processor more than there can be; it was skipped.",
                              buffer.offset);
            continue;
        }
        chain = find_chain (merge, file, &buffer);
        status = chain != NULL ? add_place (chain, &buffer, err) : hs_error_no_memory (err);
        if (status != HS_OK)
            return status;
    }
}

static int compare_numbers (const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

static void note_gaps (struct hs_etl_merge *merge, int64_t *numbers, size_t n)
{
    uint64_t n_missing = 0;
    int64_t first = 0;

    qsort (numbers, n, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < n; i++) {
        uint64_t step = (uint64_t)numbers[i] - (uint64_t)numbers[i - 1];

        if (step <= 1)
            continue;
        if (n_missing == 0)
            first = numbers[i - 1];
        n_missing = step - 1 < UINT64_MAX - n_missing ? n_missing + step - 1 : UINT64_MAX;
    }
    if (n_missing > 0)
        hs_note_pile_add_many (&merge->notes, HS_NOTE_SEQUENCE_GAP, n_missing, HS_NO_OFFSET,
                               "%" PRIu64
                               " numbers are missing from the numbering of the buffers, the "
                               "first after %" PRId64 "; records may be missing.",
                               n_missing, first);
}

/* Missing buffers of one file, by their numbers and by what the header announces. */
static enum hs_status check_completeness (struct hs_etl_merge *merge, size_t file,
                                          struct hs_error *err)
{
    const struct hs_etl_header *header = &merge->files[file].log.header;
    const struct hs_etl_walk *walk = &merge->files[file].walk;
    int64_t *numbers;
    size_t n = 0;

    if ((header->mode & ETL_MODE_CIRCULAR) == 0 && header->buffers_written != 0 &&
        header->buffers_written != walk->n_found)
        hs_note_pile_add (&merge->notes, HS_NOTE_SEQUENCE_GAP, ETL_BUFFER_HEADER_BYTES,
                          "The log file header announces %" PRIu32 " buffers, %" PRIu64
                          " were found.",
                          header->buffers_written, walk->n_found);
    if (walk->run > 0)
        return HS_OK; /* appended sessions number their buffers anew */
    numbers = hs_alloc_array ((size_t)walk->n_found + 1, sizeof *numbers);
    if (numbers == NULL)
        return hs_error_no_memory (err);
    for (size_t i = 0; i < merge->chains.n; i++) {
        const struct hs_etl_chain *chain = merge->chains.items[i];

        for (size_t k = 0; chain->file == file && k < chain->places.n; k++) {
            if (!chain->places.items[k].is_header)
                numbers[n++] = chain->places.items[k].sequence;
        }
    }
    note_gaps (merge, numbers, n);
    hs_free (numbers);
    return HS_OK;
}

/* Everything that can be said about a file once it does not grow any more. */
static enum hs_status conclude_file (struct hs_etl_merge *merge, size_t file, struct hs_error *err)
{
    hs_etl_log_note (&merge->files[file].log, &merge->notes);
    return check_completeness (merge, file, err);
}

/* Makes room in the heap for all chains, and loads those that are not in it. */
static enum hs_status queue_chains (struct hs_etl_merge *merge, struct hs_error *err)
{
    if (merge->queue.capacity < merge->chains.n) {
        struct hs_etl_queued *heap =
            hs_realloc_array (merge->queue.items, merge->chains.n, sizeof *heap);

        if (heap == NULL)
            return hs_error_no_memory (err);
        merge->queue.items = heap;
        merge->queue.capacity = merge->chains.n;
    }
    for (size_t i = 0; i < merge->chains.n; i++) {
        struct hs_etl_chain *chain = merge->chains.items[i];
        enum hs_status status;

        merge->loading.source = merge->files[chain->file].source;
        status = hs_etl_chain_refill (chain, &merge->loading, err);
        if (status != HS_OK)
            return status;
    }
    rebuild_queue (merge);
    return HS_OK;
}

/* ---- growing files ---- */

/* Looks whether the writer has closed or left the file: then its end is the end. */
static enum hs_status check_final (struct hs_etl_merge *merge, size_t number, struct hs_error *err)
{
    struct etl_file *file = &merge->files[number];
    struct hs_etl_log log;
    enum hs_status status;
    bool is_left = hs_source_mode (file->source) == HS_SOURCE_WHOLE;
    bool is_read = hs_etl_log_read (file->source, &log, NULL) == HS_OK;

    if (!is_left && (!is_read || log.header.end_filetime == 0 ||
                     file->walk.n_found < log.header.buffers_written))
        return HS_OK;
    if (is_read)
        file->log = log;
    file->walk.is_final = true;
    file->is_followed = false;
    status = index_file (merge, number, err);
    return status == HS_OK ? conclude_file (merge, number, err) : status;
}

static enum hs_status look_for_growth (struct hs_etl_merge *merge, struct hs_error *err)
{
    uint64_t before = merge->total_bytes;
    enum hs_status status = HS_OK;

    merge->is_followed = false;
    for (size_t i = 0; i < merge->n_files && status == HS_OK; i++) {
        if (!merge->files[i].is_followed)
            continue;
        status = index_file (merge, i, err);
        if (status == HS_OK)
            status = check_final (merge, i, err);
        merge->is_followed |= merge->files[i].is_followed;
    }
    if (status != HS_OK)
        return status;
    if (merge->total_bytes != before) {
        merge->stalled_since_ns = 0;
        return queue_chains (merge, err);
    }
    if (merge->stalled_since_ns == 0)
        merge->stalled_since_ns = now_ns ();
    return HS_OK;
}

/* Whether a chain of a growing file has nothing left, or a processor no chain yet. */
static bool has_dry_chain (const struct hs_etl_merge *merge)
{
    uint64_t n_missing = 0;

    for (size_t i = 0; i < merge->n_files; i++) {
        const struct hs_etl_header *header = &merge->files[i].log.header;

        if (merge->files[i].is_followed)
            n_missing += (header->mode & ETL_MODE_ONE_CHAIN) != 0 ? 1 : header->n_processors;
    }
    for (size_t i = 0; i < merge->chains.n; i++) {
        const struct hs_etl_chain *chain = merge->chains.items[i];

        if (!merge->files[chain->file].is_followed)
            continue;
        if (!chain->is_queued)
            return true;
        n_missing -= n_missing > 0;
    }
    return n_missing > 0;
}

/* Whether there may yet come a record that belongs in front of the first one in the heap. */
static bool is_held_back (const struct hs_etl_merge *merge)
{
    if (merge->queue.n == 0)
        return true;
    if (merge->queue.items[0].time <= merge->newest_flush &&
        (uint64_t)merge->newest_flush - (uint64_t)merge->queue.items[0].time >= merge->late_ticks)
        return false;
    return has_dry_chain (merge);
}

static enum hs_status wait_for_chains (struct hs_etl_merge *merge, struct hs_error *err)
{
    enum hs_status status;

    if (!is_held_back (merge) || (merge->is_released && merge->queue.n > 0))
        return HS_OK;
    status = look_for_growth (merge, err);
    if (status != HS_OK || !merge->is_followed || !is_held_back (merge))
        return status;
    merge->is_released = merge->stalled_since_ns != 0 &&
                         now_ns () - merge->stalled_since_ns >= (int64_t)LATE_SECONDS * 1000000000;
    return merge->is_released && merge->queue.n > 0 ? HS_OK : HS_AGAIN;
}

/* ---- delivering ---- */

/* Moves on behind the record that was lent last. */
static enum hs_status move_on (struct hs_etl_merge *merge, struct hs_error *err)
{
    struct hs_etl_chain *chain = merge->last;

    merge->last = NULL;
    if (hs_etl_chain_is_low (chain)) {
        enum hs_status status;

        merge->loading.source = merge->files[chain->file].source;
        status = hs_etl_chain_refill (chain, &merge->loading, err);
        if (status != HS_OK)
            return status;
        if (hs_etl_chain_first (chain) == NULL) {
            chain->is_queued = false;
            merge->queue.items[0] = merge->queue.items[--merge->queue.n];
            if (merge->queue.n > 0)
                hs_etl_queue_sift (&merge->queue, 0);
            return HS_OK;
        }
    }
    merge->queue.items[0].time = first_time (chain);
    hs_etl_queue_sift (&merge->queue, 0);
    return HS_OK;
}

static void note_late (struct hs_etl_merge *merge)
{
    if (merge->n_late > 0)
        hs_note_pile_add_many (&merge->notes, HS_NOTE_OUT_OF_ORDER, merge->n_late,
                               merge->late_offset,
                               "Time runs backwards from the record at 0x%" PRIx64
                               " on, further than could be put in order; %" PRIu64
                               " records were taken at the time of the one before.",
                               merge->late_offset, merge->n_late);
    merge->n_late = 0;
}

/* Records of the chain on top as long as it stays there. Where more may be loaded or written
 * meanwhile, that is looked at after each. */
static size_t deliver (struct hs_etl_merge *merge, size_t max, struct hs_etl_record *records)
{
    struct hs_etl_chain *chain = merge->queue.items[0].chain;
    struct hs_etl_page *page = hs_etl_chain_first (chain);
    int64_t until = hs_etl_chain_until (chain, page);
    int64_t until_others = hs_etl_queue_until (&merge->queue);
    size_t n;

    if (merge->is_followed || hs_etl_chain_is_low (chain))
        max = 1;
    n = hs_etl_page_take (page, until < until_others ? until : until_others, max, &merge->notes,
                          records);
    for (size_t i = 0; i < n && records[i].time < merge->last_time; i++) {
        if (merge->n_late++ == 0)
            merge->late_offset = records[i].file_offset;
        records[i].time = merge->last_time;
    }
    merge->last_time = records[n - 1].time;
    merge->last = chain;
    return n;
}

enum hs_status hs_etl_merge_next (struct hs_etl_merge *merge, struct hs_event_batch *notes,
                                  size_t max, struct hs_etl_record *ret, size_t *ret_n,
                                  struct hs_error *err)
{
    enum hs_status status = HS_OK;

    if (merge->last != NULL) {
        bool is_new_page = hs_etl_chain_is_low (merge->last);

        status = move_on (merge, err);
        if (is_new_page)
            note_late (merge);
    }
    if (status == HS_OK && merge->is_followed)
        status = wait_for_chains (merge, err);
    if (status == HS_OK && merge->queue.n == 0) {
        note_late (merge);
        status = HS_END;
    }
    if (status == HS_OK)
        *ret_n = deliver (merge, max, ret);
    if (merge->notes.has_any)
        hs_note_pile_flush (&merge->notes, notes);
    return status;
}

/* ---- opening and closing ---- */

/* Raw stamps more than HS_LIMIT_SPAN_DAYS from the start cannot be. */
static struct hs_etl_time_range time_range (const struct hs_etl_header *header)
{
    uint64_t ticks = hs_etl_ticks_per_second (header);
    uint64_t seconds = (uint64_t)HS_LIMIT_SPAN_DAYS * SECONDS_PER_DAY;
    struct hs_etl_time_range range = { INT64_MIN, UINT64_MAX };
    uint64_t span;

    if (ticks > INT64_MAX / seconds / 2)
        return range;
    span = ticks * seconds;
    if (header->record_time < INT64_MIN + (int64_t)span)
        return range;
    range.first = header->record_time - (int64_t)span;
    range.length = 2 * span;
    return range;
}

static enum hs_status open_file (struct hs_etl_merge *merge, size_t number,
                                 struct hs_source *source, struct hs_error *err)
{
    struct etl_file *file = &merge->files[number];
    enum hs_status status = hs_etl_log_read (source, &file->log, err);

    if (status == HS_OK && number > 0)
        status = hs_etl_header_compare_clocks (&merge->files[0].log.header, &file->log.header, err);
    if (hs_status_is_error (status) && merge->n_files > 1)
        (void)hs_error_prefix (err, status, "%s", hs_source_name (source));
    if (status != HS_OK)
        return status;
    file->source = source;
    file->is_followed = hs_source_mode (source) == HS_SOURCE_FOLLOW;
    hs_etl_walk_init (&file->walk, source, &file->log);
    merge->is_followed |= file->is_followed;
    return HS_OK;
}

/* Reads the heads of all files, then all buffer headers, then the first buffers. */
static enum hs_status open_all (struct hs_etl_merge *merge, struct hs_source *const *sources,
                                struct hs_error *err)
{
    enum hs_status status = HS_OK;

    for (size_t i = 0; i < merge->n_files && status == HS_OK; i++)
        status = open_file (merge, i, sources[i], err);
    if (status != HS_OK)
        return status;
    merge->loading.notes = &merge->notes;
    merge->loading.range = time_range (&merge->files[0].log.header);
    merge->newest_flush = merge->last_time = INT64_MIN;
    merge->late_ticks = LATE_SECONDS * hs_etl_ticks_per_second (&merge->files[0].log.header);
    for (size_t i = 0; i < merge->n_files && status == HS_OK; i++) {
        status = index_file (merge, i, err);
        if (status == HS_OK && !merge->files[i].is_followed)
            status = conclude_file (merge, i, err);
    }
    if (status != HS_OK)
        return status;
    if (!merge->is_followed) {
        for (size_t i = 0; i < merge->chains.n; i++)
            hs_etl_chain_sort (merge->chains.items[i]);
    }
    return queue_chains (merge, err);
}

enum hs_status hs_etl_merge_open (struct hs_source *const *sources, size_t n_sources,
                                  struct hs_etl_merge **ret, struct hs_error *err)
{
    struct hs_etl_merge *merge;
    enum hs_status status;

    if (n_sources == 0 || n_sources > HS_LIMIT_ETL_FILES)
        return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                             "at most %u files of one session can be joined, not %zu",
                             HS_LIMIT_ETL_FILES, n_sources);
    merge = HS_NEW (struct hs_etl_merge);
    if (merge == NULL)
        return hs_error_no_memory (err);
    merge->files = hs_alloc_zeroed (n_sources, sizeof *merge->files);
    merge->n_files = n_sources;
    status = merge->files != NULL ? open_all (merge, sources, err) : hs_error_no_memory (err);
    if (status != HS_OK) {
        hs_etl_merge_close (merge);
        return status;
    }
    *ret = merge;
    return HS_OK;
}

const struct hs_etl_header *hs_etl_merge_header (const struct hs_etl_merge *merge)
{
    return &merge->files[0].log.header;
}

uint64_t hs_etl_merge_n_buffers (const struct hs_etl_merge *merge)
{
    uint64_t n = 0;

    for (size_t i = 0; i < merge->n_files; i++)
        n += merge->files[i].walk.n_found;
    return n;
}

double hs_etl_merge_progress (const struct hs_etl_merge *merge)
{
    if (merge->total_bytes == 0)
        return 1.0;
    return (double)merge->loading.done_bytes / (double)merge->total_bytes;
}

void hs_etl_merge_close (struct hs_etl_merge *merge)
{
    if (merge == NULL)
        return;
    hs_etl_ahead_free (merge->loading.ahead);
    for (size_t i = 0; i < merge->chains.n; i++) {
        hs_etl_chain_clear (merge->chains.items[i]);
        hs_free (merge->chains.items[i]);
    }
    hs_array_clear (&merge->chains);
    hs_idmap_clear (&merge->chain_numbers);
    hs_free (merge->queue.items);
    hs_free (merge->loading.packed);
    hs_free (merge->files);
    hs_free (merge);
}
