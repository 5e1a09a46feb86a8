/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains of buffers; see etl_chain.h. */
#include "decode/etl/etl_chain.h"

#include "base/limits.h"
#include "base/memory.h"
#include "decode/etl/etl_layout.h"
#include "decode/etl/xpress.h"

#include <inttypes.h>
#include <stdlib.h>

static int compare_places (const void *left, const void *right)
{
    const struct hs_etl_place *a = left;
    const struct hs_etl_place *b = right;

    if (a->run != b->run)
        return a->run < b->run ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

void hs_etl_chain_sort (struct hs_etl_chain *chain)
{
    for (size_t i = 1; i < chain->places.n; i++) {
        if (compare_places (&chain->places.items[i - 1], &chain->places.items[i]) > 0) {
            qsort (chain->places.items, chain->places.n, sizeof chain->places.items[0],
                   compare_places);
            return;
        }
    }
}

/* Makes room for `n` bytes; HS_TOO_LARGE (without `err`) when all pages together hold too much. */
static enum hs_status reserve (struct hs_etl_page *page, uint32_t n, uint64_t limit,
                               struct hs_etl_loading *loading, struct hs_error *err)
{
    uint8_t *bytes;

    if (page->capacity >= n)
        return HS_OK;
    if (loading->page_bytes + n - page->capacity > limit)
        return HS_TOO_LARGE;
    hs_free (page->bytes);
    loading->page_bytes -= page->capacity;
    page->bytes = NULL;
    page->capacity = 0;
    bytes = hs_alloc_array (n, 1);
    if (bytes == NULL)
        return hs_error_no_memory (err);
    page->bytes = bytes;
    page->capacity = n;
    loading->page_bytes += n;
    return HS_OK;
}

/* Reads exactly `n` bytes unless the file has become shorter: HS_DAMAGED without `err`. */
static enum hs_status read_exactly (struct hs_source *source, uint64_t offset, uint8_t *bytes,
                                    size_t n, struct hs_error *err)
{
    size_t got;
    enum hs_status status = hs_source_read (source, offset, bytes, n, &got, err);

    if (hs_status_is_error (status))
        return status;
    return got == n ? HS_OK : HS_DAMAGED;
}

static enum hs_status unpack (struct hs_etl_page *page, const struct hs_etl_place *place,
                              struct hs_etl_loading *loading, struct hs_error *err)
{
    size_t n_packed = place->size - ETL_BUFFER_HEADER_BYTES;
    size_t n_wanted = place->filled - ETL_BUFFER_HEADER_BYTES;
    size_t n;
    enum hs_xpress_outcome outcome;
    enum hs_status status;

    if (loading->packed_capacity < n_packed) {
        uint8_t *packed = hs_realloc_array (loading->packed, n_packed, 1);

        if (packed == NULL)
            return hs_error_no_memory (err);
        loading->packed = packed;
        loading->packed_capacity = n_packed;
    }
    status = read_exactly (loading->source, place->offset + ETL_BUFFER_HEADER_BYTES,
                           loading->packed, n_packed, err);
    if (status != HS_OK)
        return status;
    outcome = hs_xpress_decode ((struct hs_span){ loading->packed, n_packed },
                                page->bytes + ETL_BUFFER_HEADER_BYTES, n_wanted, &n);
    page->filled = ETL_BUFFER_HEADER_BYTES + (uint32_t)n;
    if ((outcome == HS_XPRESS_DONE && n == n_wanted) ||
        (place->is_truncated && outcome != HS_XPRESS_DAMAGED))
        return HS_OK;
    hs_note_pile_add (loading->notes, HS_NOTE_DECOMPRESSION, place->offset,
                      "The packed buffer at 0x%" PRIx64
                      " does not unpack to its %zu bytes (%s after %zu); it was skipped.",
                      place->offset, n_wanted,
                      outcome == HS_XPRESS_DAMAGED ? "damaged"
                      : outcome == HS_XPRESS_CUT   ? "cut off"
                                                   : "at its end",
                      n);
    page->filled = 0;
    return HS_OK;
}

static enum hs_status read_plain (struct hs_etl_page *page, const struct hs_etl_place *place,
                                  struct hs_etl_loading *loading, struct hs_error *err)
{
    page->filled = place->filled < place->size ? place->filled : place->size;
    return read_exactly (loading->source, place->offset, page->bytes, page->filled, err);
}

/* Loads one buffer into an empty page. */
static enum hs_status load (struct hs_etl_chain *chain, struct hs_etl_page *page,
                            const struct hs_etl_place *place, struct hs_etl_loading *loading,
                            struct hs_error *err)
{
    size_t n_entries = page->entries.capacity;
    enum hs_status status;

    page->offset = place->offset;
    page->cpu = place->cpu;
    page->file = chain->file;
    page->was_packed = place->is_packed;
    page->is_truncated = place->is_truncated;
    loading->done_bytes += place->size;
    status = place->is_packed ? unpack (page, place, loading, err)
                              : read_plain (page, place, loading, err);
    if (status == HS_DAMAGED) {
        hs_note_pile_add (loading->notes, HS_NOTE_TRUNCATED, place->offset,
                          "The buffer at 0x%" PRIx64
                          " is gone: the file became shorter while it was read.",
                          place->offset);
        page->filled = 0;
        return HS_OK;
    }
    if (status != HS_OK)
        return status;
    status = hs_etl_page_scan (page, chain->last_time, &loading->range, loading->notes, err);
    loading->page_bytes += (page->entries.capacity - n_entries) * sizeof page->entries.items[0];
    if (page->entries.n > 0)
        chain->last_time = page->entries.items[page->entries.n - 1].time;
    return status;
}

/* ---- the next buffer, made ahead ---- */

#define MIN_PLACES_AHEAD 4 /* fewer are not worth a thread */

static uint64_t bytes_of (const struct hs_etl_page *page)
{
    return page->capacity + page->entries.capacity * sizeof page->entries.items[0];
}

static bool need_ahead (struct hs_etl_chain *chain, struct hs_etl_loading *loading)
{
    if (!loading->has_tried_ahead && chain->places.n - chain->next_place >= MIN_PLACES_AHEAD) {
        loading->has_tried_ahead = true;
        loading->ahead = hs_etl_ahead_new ();
    }
    if (loading->ahead != NULL && chain->job == NULL)
        chain->job = HS_NEW (struct hs_etl_job);
    return loading->ahead != NULL && chain->job != NULL;
}

static void clear_job (struct hs_etl_job *job)
{
    hs_etl_page_clear (&job->page);
    hs_free (job->packed);
    *job = (struct hs_etl_job){ .packed = NULL };
}

static void release_job (struct hs_etl_job *job, struct hs_etl_loading *loading)
{
    loading->job_bytes -= bytes_of (&job->page) + job->packed_capacity;
    clear_job (job);
}

/* Room for the packed and the unpacked bytes of a buffer. */
static bool reserve_job (struct hs_etl_job *job, const struct hs_etl_place *place,
                         struct hs_etl_loading *loading)
{
    size_t n_packed = place->size - ETL_BUFFER_HEADER_BYTES;

    if (job->page.capacity >= place->filled && job->packed_capacity >= n_packed)
        return true;
    release_job (job, loading);
    if (loading->job_bytes + place->filled + n_packed > HS_LIMIT_ETL_MERGE_BYTES / 4)
        return false;
    job->page.bytes = hs_alloc_array (place->filled, 1);
    job->packed = hs_alloc_array (n_packed, 1);
    if (job->page.bytes == NULL || job->packed == NULL) {
        clear_job (job);
        return false;
    }
    job->page.capacity = place->filled;
    job->packed_capacity = n_packed;
    loading->job_bytes += place->filled + n_packed;
    return true;
}

/* Has the buffer that comes next made ahead. Whatever is in the way: then it is loaded in time. */
static void give_next (struct hs_etl_chain *chain, struct hs_etl_loading *loading)
{
    const struct hs_etl_place *place;
    struct hs_etl_job *job;

    while (chain->next_place < chain->places.n &&
           !chain->places.items[chain->next_place].has_records)
        chain->next_place++;
    place = &chain->places.items[chain->next_place];
    if (chain->next_place >= chain->places.n || !place->is_packed || place->is_truncated ||
        !need_ahead (chain, loading) || !reserve_job (chain->job, place, loading))
        return;
    job = chain->job;
    job->n_packed = place->size - ETL_BUFFER_HEADER_BYTES;
    job->n_wanted = place->filled - ETL_BUFFER_HEADER_BYTES;
    if (read_exactly (loading->source, place->offset + ETL_BUFFER_HEADER_BYTES, job->packed,
                      job->n_packed, NULL) != HS_OK)
        return;
    job->page.offset = place->offset;
    job->page.cpu = place->cpu;
    job->page.file = chain->file;
    job->page.was_packed = true;
    job->page.is_truncated = false;
    job->last_time = chain->last_time;
    job->range = loading->range;
    job->n_bytes = bytes_of (&job->page); /* its list may grow */
    hs_etl_ahead_give (loading->ahead, job);
}

/* The page of the next buffer, if it was made ahead and there is nothing to note. */
static bool take_next (struct hs_etl_chain *chain, struct hs_etl_page *page,
                       struct hs_etl_loading *loading)
{
    struct hs_etl_job *job = chain->job;
    struct hs_etl_page used = *page;

    if (job == NULL || !job->is_given)
        return false;
    hs_etl_ahead_take (loading->ahead, job);
    loading->job_bytes += bytes_of (&job->page) - job->n_bytes;
    if (!job->is_clean)
        return false;
    *page = job->page;
    job->page = used;
    loading->job_bytes += bytes_of (&used) - bytes_of (page);
    loading->page_bytes += bytes_of (page) - bytes_of (&used);
    loading->done_bytes += chain->places.items[chain->next_place++].size;
    if (page->entries.n > 0)
        chain->last_time = page->entries.items[page->entries.n - 1].time;
    return true;
}

/* Fills one page with the next buffer that has records, as long as there are buffers. */
static enum hs_status fill_page (struct hs_etl_chain *chain, struct hs_etl_page *page,
                                 uint64_t limit, struct hs_etl_loading *loading,
                                 struct hs_error *err)
{
    while (chain->next_place < chain->places.n) {
        const struct hs_etl_place *place = &chain->places.items[chain->next_place];
        enum hs_status status;

        if (!place->has_records) {
            chain->next_place++;
            continue;
        }
        if (take_next (chain, page, loading)) {
            if (page->entries.n == 0)
                continue;
            give_next (chain, loading);
            return HS_OK;
        }
        status = reserve (page, place->filled, limit, loading, err);
        if (status == HS_TOO_LARGE && limit < HS_LIMIT_ETL_MERGE_BYTES)
            return HS_OK;
        chain->next_place++;
        if (status == HS_TOO_LARGE) {
            hs_note_pile_add (loading->notes, HS_NOTE_VALUE_ABSURD, place->offset,
                              "The buffer at 0x%" PRIx64 " of %" PRIu32
                              " bytes was skipped: the buffers needed at one time are over the "
                              "limit of %" PRIu64 " bytes.",
                              place->offset, place->filled, HS_LIMIT_ETL_MERGE_BYTES);
            continue;
        }
        if (status == HS_OK)
            status = load (chain, page, place, loading, err);
        if (status == HS_OK && page->entries.n > 0)
            give_next (chain, loading);
        if (status != HS_OK || page->entries.n > 0)
            return status;
    }
    return HS_OK;
}

static void release (struct hs_etl_page *page, struct hs_etl_loading *loading)
{
    loading->page_bytes -= bytes_of (page);
    hs_etl_page_clear (page);
}

enum hs_status hs_etl_chain_refill (struct hs_etl_chain *chain, struct hs_etl_loading *loading,
                                    struct hs_error *err)
{
    struct hs_etl_page *page = &chain->pages[chain->current];
    struct hs_etl_page *ahead = &chain->pages[chain->current ^ 1];
    enum hs_status status = HS_OK;

    if (page->next >= page->entries.n) {
        struct hs_etl_page *other = page;

        page->entries.n = page->next = 0;
        chain->current ^= 1;
        page = ahead;
        ahead = other;
    }
    if (page->next >= page->entries.n) {
        page->entries.n = page->next = 0;
        status = fill_page (chain, page, HS_LIMIT_ETL_MERGE_BYTES, loading, err);
    }
    if (status == HS_OK && ahead->next >= ahead->entries.n) {
        ahead->entries.n = ahead->next = 0;
        status = fill_page (chain, ahead, HS_LIMIT_ETL_MERGE_BYTES / 2, loading, err);
    }
    if (chain->next_place < chain->places.n)
        return status;
    if (chain->job != NULL)
        release_job (chain->job, loading);
    if (ahead->entries.n == 0)
        release (ahead, loading);
    if (page->entries.n == 0)
        release (page, loading);
    return status;
}

void hs_etl_chain_clear (struct hs_etl_chain *chain)
{
    hs_etl_page_clear (&chain->pages[0]);
    hs_etl_page_clear (&chain->pages[1]);
    if (chain->job != NULL)
        clear_job (chain->job);
    hs_free (chain->job);
    hs_array_clear (&chain->places);
}
