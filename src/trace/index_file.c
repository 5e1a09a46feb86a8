/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A trace opened by its closing index; see index_file.h. The head and the tables are read at once,
 * chunks of columns when the first reader wants them: any thread, one at a time. The memory of all
 * columns is reserved when it is opened, so that bringing a chunk cannot fail for want of it.
 */
#include "trace/index_file.h"

#include "trace/index_private.h"

#include "base/checksum.h"
#include "base/limits.h"

#include <errno.h>
#include <unistd.h>

/* A picture of the whole trace needs some 15, any question about rows more than this. */
#define FEW_CHUNKS 32

struct hs_index {
    struct hs_column_backing backing; /* first: fetch is given its address */
    int fd;
    struct hs_extent extent;
    struct hs_index_fallback fallback;
    struct hs_index_counts counts;
    uint64_t n_processes, n_heaps;
    struct hs_range_index *ranges; /* of the trace */
    struct hs_store *store;        /* the trace's: has the memory of all chunks */
    struct hs_column *columns[HS_N_COLUMNS];
    struct hs_index_entry *entries;
    size_t first_entry[HS_N_COLUMNS];
    uint8_t *memory;
    uint64_t n_memory;
    uint32_t n_brought; /* chunks */
    uint64_t first_byte[HS_N_COLUMNS];
    uint8_t *packed;
    pthread_mutex_t lock;   /* for bringing chunks */
    struct hs_trace *whole; /* the recording read in full, when the index failed */
    bool is_whole_tried;
    struct hs_error error;   /* the first one */
    _Atomic bool is_damaged; /* `error` is set, and not yet a finding */
    _Atomic bool is_lost;    /* nor could the recording be read */
};

/* What is read before the trace is touched: when something fails, it is as new. */
struct opening {
    struct hs_tables tables;
    struct hs_range_index ranges;
    int64_t first_time, last_time;
    struct hs_column columns[HS_N_COLUMNS];
};

/* Bytes of the file behind `offset`; HS_DAMAGED when it ends too early. */
static enum hs_status read_at (const struct hs_index *index, uint64_t offset, uint8_t *to, size_t n,
                               struct hs_error *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread (index->fd, to + done, n - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hs_error_set_errno (err, errno, "cannot read the index");
        if (got == 0)
            return hs_error_set (err, HS_DAMAGED, offset + done, "the file ends inside the index");
        done += (size_t)got;
    }
    return HS_OK;
}

static uint32_t values_of (const struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    return hs_index_chunk_values (hs_index_column_values (&index->counts, id), chunk);
}

static void *place_of (const struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    return index->memory + index->first_byte[id] +
           (uint64_t)chunk * HS_COLUMN_CHUNK_VALUES * index->columns[id]->value_size;
}

static const struct hs_index_entry *entry_of (const struct hs_index *index, enum hs_column_id id,
                                              uint32_t chunk)
{
    return &index->entries[index->first_entry[id] + chunk];
}

static const void *need_chunk (struct hs_index *index, enum hs_column_id id, uint32_t chunk);

static struct hs_index_check check_of (struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    struct hs_index_check check = {
        .counts = &index->counts,
        .n_processes = index->n_processes,
        .n_heaps = index->n_heaps,
        .first = (uint64_t)chunk * HS_COLUMN_CHUNK_VALUES,
        .n = values_of (index, id, chunk),
    };

    if (id == HS_COLUMN_BIRTH_BITS) {
        check.rank = entry_of (index, HS_COLUMN_BIRTH_RANK, chunk)->base;
        check.next_rank = chunk + 1 < hs_index_column_chunks (&index->counts, id)
                              ? entry_of (index, HS_COLUMN_BIRTH_RANK, chunk + 1)->base
                              : index->counts.of[HS_INDEX_ROWS];
    } else if (id == HS_COLUMN_NODE_FRAME) {
        check.parents = need_chunk (index, HS_COLUMN_NODE_PARENT, chunk);
    }
    return check;
}

/* From the file, checked. */
static enum hs_status read_chunk (struct hs_index *index, enum hs_column_id id, uint32_t chunk,
                                  struct hs_error *err)
{
    const struct hs_index_entry *entry = entry_of (index, id, chunk);
    struct hs_index_check check = check_of (index, id, chunk);
    size_t n_bytes = (size_t)check.n * entry->width;
    uint64_t offset = index->extent.recording_bytes + entry->offset;
    void *values = place_of (index, id, chunk);
    enum hs_status status = read_at (index, offset, index->packed, n_bytes, err);

    if (status != HS_OK)
        return status;
    if (hs_checksum32 ((struct hs_span){ index->packed, n_bytes }) != entry->sum)
        return hs_error_set (err, HS_DAMAGED, offset, "a part of the index has a wrong check sum");
    hs_index_unpack (id, index->columns[id]->value_size, entry, index->packed, check.n, values);
    if (!hs_index_values_are_sound (id, values, &check))
        return hs_error_set (err, HS_DAMAGED, offset, "a part of the index makes no sense");
    return HS_OK;
}

static bool is_same_trace (const struct hs_index *index, const struct hs_trace *whole)
{
    struct hs_column *columns[HS_N_COLUMNS];
    bool is_same;

    hs_trace_list_columns (whole, columns);
    is_same = whole->n_rows == index->counts.of[HS_INDEX_ROWS] &&
              whole->n_events == index->counts.of[HS_INDEX_EVENTS] &&
              whole->first_event == index->counts.of[HS_INDEX_FIRST_EVENT] &&
              whole->tables.processes.n == index->n_processes &&
              whole->tables.heaps.n == index->n_heaps;
    for (unsigned id = 0; !hs_index_is_of_ranges ((enum hs_column_id)id); id++)
        is_same = is_same &&
                  columns[id]->n == hs_index_column_values (&index->counts, (enum hs_column_id)id);
    return is_same;
}

/* Values of a narrow column, of which the index has all as wide as the last one is. */
static void copy_widened (void *to, unsigned value_size, const struct hs_column *column,
                          uint64_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (value_size == 2)
            ((uint16_t *)to)[i] = (uint16_t)hs_narrow_get (column, first + i);
        else
            ((uint32_t *)to)[i] = hs_narrow_get (column, first + i);
    }
}

/* From the recording itself; it is read in full for the first chunk that needs it. */
static bool load_chunk (struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    struct hs_column *columns[HS_N_COLUMNS];
    const struct hs_column *part;
    uint64_t first = (uint64_t)chunk * HS_COLUMN_CHUNK_VALUES;
    unsigned value_size = index->columns[id]->value_size;

    if (!index->is_whole_tried) {
        index->is_whole_tried = true;
        index->whole = index->fallback.load (index->fallback.self);
        if (index->whole != NULL && !is_same_trace (index, index->whole)) {
            hs_trace_free (index->whole);
            index->whole = NULL;
        }
    }
    if (index->whole == NULL)
        return false;
    hs_trace_list_columns (index->whole, columns);
    part = hs_narrow_part (columns[id], first);
    if (part->value_size == value_size)
        memcpy (place_of (index, id, chunk), hs_column_chunk (part, first),
                (size_t)values_of (index, id, chunk) * value_size);
    else
        copy_widened (place_of (index, id, chunk), value_size, columns[id], first,
                      values_of (index, id, chunk));
    return true;
}

static void bring_chunk (struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    struct hs_error error = { 0 };
    void *values = place_of (index, id, chunk);
    struct hs_index_check check;

    if (!index->is_whole_tried && read_chunk (index, id, chunk, &error) == HS_OK)
        return;
    if (!index->is_whole_tried) {
        index->error = error;
        atomic_store (&index->is_damaged, true);
    }
    if (hs_index_is_of_ranges (id)) /* the values are no matter then */
        hs_range_index_turn_off (index->ranges);
    else if (load_chunk (index, id, chunk))
        return;
    else
        atomic_store (&index->is_lost, true);
    check = check_of (index, id, chunk);
    memset (values, 0, (size_t)check.n * index->columns[id]->value_size);
    hs_index_fill (id, &check, values);
}

/* With the lock. Births and their ranks come together. */
static const void *need_chunk (struct hs_index *index, enum hs_column_id id, uint32_t chunk)
{
    const struct hs_column *column = index->columns[id];
    const void *values = __atomic_load_n (&column->chunks[chunk], __ATOMIC_ACQUIRE);

    if (values != NULL)
        return values;
    if (index->n_brought++ == FEW_CHUNKS)
        hs_reserve_most (index->memory, index->n_memory);
    if (id == HS_COLUMN_BIRTH_RANK) {
        const uint64_t *bits = need_chunk (index, HS_COLUMN_BIRTH_BITS, chunk);

        hs_index_rank (bits, values_of (index, id, chunk), entry_of (index, id, chunk)->base,
                       place_of (index, id, chunk));
    } else {
        bring_chunk (index, id, chunk);
    }
    hs_column_publish (column, chunk, place_of (index, id, chunk));
    return place_of (index, id, chunk);
}

static const void *fetch (struct hs_column_backing *backing, const struct hs_column *column,
                          uint32_t chunk)
{
    struct hs_index *index = (struct hs_index *)backing;
    unsigned id = 0;
    const void *values;

    while (index->columns[id] != column)
        id++;
    (void)pthread_mutex_lock (&index->lock);
    values = need_chunk (index, (enum hs_column_id)id, chunk);
    (void)pthread_mutex_unlock (&index->lock);
    return values;
}

static enum hs_status damaged (struct hs_error *err, uint64_t offset, const char *what)
{
    return hs_error_set (err, HS_DAMAGED, offset, "the index cannot be used: %s", what);
}

/* The counts, among them and with the file. */
static bool are_counts_sound (const struct hs_index *index)
{
    const uint32_t *of = index->counts.of;
    uint64_t n_entries = 0;

    for (unsigned id = 0; id < HS_N_COLUMNS; id++)
        n_entries += hs_index_column_chunks (&index->counts, (enum hs_column_id)id);
    return of[HS_INDEX_EVENTS] <= HS_LIMIT_EVENTS && of[HS_INDEX_ROWS] <= of[HS_INDEX_EVENTS] &&
           of[HS_INDEX_FIRST_EVENT] <= of[HS_INDEX_EVENTS] &&
           of[HS_INDEX_FIRST_ROW] <= of[HS_INDEX_ROWS] &&
           of[HS_INDEX_SEGMENTS] <= of[HS_INDEX_EVENTS] &&
           (of[HS_INDEX_SEGMENTS] > 0) == (of[HS_INDEX_EVENTS] > 0) &&
           of[HS_INDEX_CONTEXTS] <= of[HS_INDEX_ROWS] &&
           (of[HS_INDEX_CONTEXTS] > 0) == (of[HS_INDEX_ROWS] > 0) &&
           of[HS_INDEX_LARGE] <= of[HS_INDEX_ROWS] && of[HS_INDEX_NODES] > 0 &&
           of[HS_INDEX_SLOTS] > 0 && of[HS_INDEX_SLOTS] <= HS_LIMIT_STACK_SLOTS &&
           n_entries * HS_INDEX_ENTRY_BYTES < index->extent.index_bytes;
}

static bool read_entry (const struct hs_index *index, const uint8_t *at, unsigned value_size,
                        struct hs_index_entry *entry)
{
    *entry = (struct hs_index_entry){
        .offset = hs_get_u64 (at + HS_INDEX_ENTRY_AT_OFFSET),
        .base = hs_get_u64 (at + HS_INDEX_ENTRY_AT_BASE),
        .sum = hs_get_u32 (at + HS_INDEX_ENTRY_AT_SUM),
        .width = at[HS_INDEX_ENTRY_AT_WIDTH],
    };
    return entry->width <= value_size && entry->offset <= index->extent.index_bytes;
}

/* Births are counted upwards, from no row to all. */
static bool are_ranks_sound (const struct hs_index *index)
{
    uint64_t n = hs_index_column_chunks (&index->counts, HS_COLUMN_BIRTH_RANK), before = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t rank = entry_of (index, HS_COLUMN_BIRTH_RANK, i)->base;

        if (rank < before || rank > index->counts.of[HS_INDEX_ROWS] || (i == 0 && rank != 0) ||
            rank - before > (uint64_t)HS_COLUMN_CHUNK_VALUES * 64)
            return false;
        before = rank;
    }
    return index->counts.of[HS_INDEX_ROWS] - before <= (uint64_t)HS_COLUMN_CHUNK_VALUES * 64;
}

static void add_memory (struct hs_index *index, enum hs_column_id id)
{
    uint64_t n_chunks = hs_index_column_chunks (&index->counts, id);

    index->first_byte[id] = index->n_memory;
    index->n_memory += n_chunks * HS_COLUMN_CHUNK_VALUES * index->columns[id]->value_size;
}

/* What is looked at least comes first: beyond the share of memory the beginning is of a file. */
static void lay_out (struct hs_index *index)
{
    add_memory (index, HS_COLUMN_ADDRESS);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        if (id != HS_COLUMN_ADDRESS)
            add_memory (index, (enum hs_column_id)id);
    }
}

static enum hs_status read_entries (struct hs_index *index, struct hs_span rest,
                                    struct hs_error *err)
{
    size_t n = 0, at = 0;

    for (unsigned id = 0; id < HS_N_COLUMNS; id++)
        n += (size_t)hs_index_column_chunks (&index->counts, (enum hs_column_id)id);
    if (rest.size < n * HS_INDEX_ENTRY_BYTES)
        return damaged (err, HS_NO_OFFSET, "its head is too short");
    index->entries = hs_alloc_array (n, sizeof *index->entries);
    if (index->entries == NULL)
        return hs_error_no_memory (err);
    lay_out (index);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        uint64_t n_chunks = hs_index_column_chunks (&index->counts, (enum hs_column_id)id);

        index->first_entry[id] = at;
        for (uint64_t i = 0; i < n_chunks; i++, at++) {
            if (!read_entry (index, rest.data + at * HS_INDEX_ENTRY_BYTES,
                             index->columns[id]->value_size, &index->entries[at]))
                return damaged (err, HS_NO_OFFSET, "a part lies outside of it");
        }
    }
    return are_ranks_sound (index) ? HS_OK : damaged (err, HS_NO_OFFSET, "its counts differ");
}

static enum hs_status read_head (struct hs_index *index, struct hs_span head,
                                 struct opening *opening, struct hs_error *err)
{
    if (head.size < HS_INDEX_HEAD_BYTES ||
        hs_span_u64_at (head, HS_INDEX_AT_RECORDING) != index->extent.recording_bytes ||
        hs_span_u32_at (head, HS_INDEX_AT_SEAL) != index->extent.recording_seal)
        return damaged (err, index->extent.recording_bytes, "it belongs to another recording");
    if (hs_span_u32_at (head, HS_INDEX_AT_VERSION) != HS_INDEX_VERSION ||
        hs_span_u32_at (head, HS_INDEX_AT_N_COLUMNS) != HS_N_COLUMNS ||
        hs_span_u32_at (head, HS_INDEX_AT_ENTRY_BYTES) != HS_INDEX_ENTRY_BYTES)
        return hs_error_set (err, HS_UNSUPPORTED, index->extent.recording_bytes,
                             "the index is of another version");
    for (unsigned i = 0; i < HS_N_INDEX_COUNTS; i++)
        index->counts.of[i] = hs_span_u32_at (head, HS_INDEX_AT_COUNTS + i * 4);
    if (!are_counts_sound (index))
        return damaged (err, index->extent.recording_bytes, "its counts make no sense");
    index->columns[HS_COLUMN_CONTEXT]->value_size =
        index->columns[HS_COLUMN_SURVIVOR_CONTEXT]->value_size =
            hs_narrow_bytes (index->counts.of[HS_INDEX_CONTEXTS]);
    opening->first_time = (int64_t)hs_span_u64_at (head, HS_INDEX_AT_FIRST_TIME);
    opening->last_time = (int64_t)hs_span_u64_at (head, HS_INDEX_AT_LAST_TIME);
    opening->tables.ticks_per_second = hs_span_u64_at (head, HS_INDEX_AT_TICKS);
    if (opening->tables.ticks_per_second == 0)
        return damaged (err, index->extent.recording_bytes, "its clock does not tick");
    return read_entries (index, hs_span_part (head, HS_INDEX_HEAD_BYTES, SIZE_MAX), err);
}

/* A part of the file, of `n_bytes` as the file says. */
static enum hs_status read_part (const struct hs_index *index, uint64_t offset, uint64_t n_bytes,
                                 uint32_t sum, uint8_t **ret, struct hs_error *err)
{
    enum hs_status status;

    if (offset > index->extent.index_bytes || n_bytes > index->extent.index_bytes - offset)
        return damaged (err, index->extent.recording_bytes, "a part lies outside of it");
    *ret = hs_alloc_array (n_bytes, 1);
    if (*ret == NULL)
        return hs_error_no_memory (err);
    status = read_at (index, index->extent.recording_bytes + offset, *ret, n_bytes, err);
    if (status == HS_OK && hs_checksum32 ((struct hs_span){ *ret, n_bytes }) != sum)
        status = damaged (err, index->extent.recording_bytes + offset, "a wrong check sum");
    if (status != HS_OK) {
        hs_free (*ret);
        *ret = NULL;
    }
    return status;
}

static enum hs_status read_tables (struct hs_index *index, const uint8_t *where,
                                   struct hs_tables *tables, struct hs_error *err)
{
    uint64_t n_bytes = hs_get_u64 (where + 8);
    uint8_t *bytes;
    enum hs_status status =
        read_part (index, hs_get_u64 (where), n_bytes, hs_get_u32 (where + 16), &bytes, err);

    if (status != HS_OK)
        return status;
    status = hs_index_read_tables ((struct hs_span){ bytes, n_bytes }, &index->counts, tables);
    hs_free (bytes);
    index->n_processes = tables->processes.n;
    index->n_heaps = tables->heaps.n;
    if (status == HS_NO_MEMORY)
        return hs_error_no_memory (err);
    return status == HS_OK ? HS_OK
                           : damaged (err, index->extent.recording_bytes, "its tables are damaged");
}

static enum hs_status read_blocks (struct hs_index *index, const uint8_t *where,
                                   struct hs_range_index *ranges, struct hs_error *err)
{
    uint64_t n_bytes = hs_get_u64 (where + 8);
    uint8_t *bytes;
    enum hs_status status =
        read_part (index, hs_get_u64 (where), n_bytes, hs_get_u32 (where + 16), &bytes, err);

    if (status != HS_OK)
        return status;
    status = hs_index_read_blocks ((struct hs_span){ bytes, n_bytes }, &index->counts, ranges);
    hs_free (bytes);
    if (status == HS_NO_MEMORY)
        return hs_error_no_memory (err);
    return status == HS_OK ? HS_OK
                           : damaged (err, index->extent.recording_bytes, "its blocks are damaged");
}

static enum hs_status read_all (struct hs_index *index, struct opening *opening,
                                struct hs_error *err)
{
    uint64_t end = index->extent.index_bytes - HS_INDEX_TRAILER_BYTES, n_head;
    uint8_t trailer[HS_INDEX_TRAILER_BYTES], *head;
    enum hs_status status =
        read_at (index, index->extent.recording_bytes + end, trailer, sizeof trailer, err);

    if (status != HS_OK)
        return status;
    n_head = hs_get_u64 (trailer + 16);
    if (memcmp (trailer, HS_INDEX_END_MAGIC, 8) != 0 ||
        hs_get_u32 (trailer + HS_INDEX_TRAILER_CHECKED) !=
            hs_checksum32 ((struct hs_span){ trailer, HS_INDEX_TRAILER_CHECKED }) ||
        n_head > end)
        return damaged (err, index->extent.recording_bytes + end, "its end is damaged");
    status = read_part (index, end - n_head, n_head, hs_get_u32 (trailer + 24), &head, err);
    if (status != HS_OK)
        return status;
    status = read_head (index, (struct hs_span){ head, n_head }, opening, err);
    if (status == HS_OK)
        status = read_tables (index, head + HS_INDEX_AT_TABLES, &opening->tables, err);
    if (status == HS_OK)
        status = read_blocks (index, head + HS_INDEX_AT_BLOCKS, &opening->ranges, err);
    hs_free (head);
    return status;
}

static enum hs_status back_columns (struct hs_index *index, struct hs_error *err)
{
    index->packed = hs_alloc_array (HS_INDEX_MAX_CHUNK_BYTES + HS_INDEX_SLACK, 1);
    index->memory = hs_store_reserve (index->store, index->n_memory);
    if (index->packed == NULL || index->memory == NULL)
        return hs_error_no_memory (err);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        uint64_t n = hs_index_column_values (&index->counts, (enum hs_column_id)id);

        if (!hs_column_back (index->columns[id], n, &index->backing))
            return hs_error_no_memory (err);
    }
    return HS_OK;
}

/* Rows that count are those born by events that count. */
static enum hs_status check_first (struct hs_index *index, struct hs_error *err)
{
    uint32_t event = index->counts.of[HS_INDEX_FIRST_EVENT], word = event / 64;
    uint32_t chunk = word / HS_COLUMN_CHUNK_VALUES, at = word % HS_COLUMN_CHUNK_VALUES;
    uint64_t rank = index->counts.of[HS_INDEX_ROWS];
    enum hs_status status;

    if (event < index->counts.of[HS_INDEX_EVENTS] && event > 0) {
        const uint64_t *bits = place_of (index, HS_COLUMN_BIRTH_BITS, chunk);

        status = read_chunk (index, HS_COLUMN_BIRTH_BITS, chunk, err);
        if (status != HS_OK)
            return status;
        rank = entry_of (index, HS_COLUMN_BIRTH_RANK, chunk)->base;
        for (uint32_t i = 0; i < at; i++)
            rank += (unsigned)__builtin_popcountll (bits[i]);
        rank += (unsigned)__builtin_popcountll (bits[at] & ((UINT64_C (1) << event % 64) - 1));
    } else if (event == 0) {
        rank = 0;
    }
    return rank == index->counts.of[HS_INDEX_FIRST_ROW]
               ? HS_OK
               : damaged (err, index->extent.recording_bytes, "its counts differ");
}

void hs_index_close (struct hs_index *index)
{
    if (index == NULL)
        return;
    hs_trace_free (index->whole);
    hs_free (index->entries);
    hs_free (index->packed);
    (void)close (index->fd);
    if (index->fallback.free != NULL)
        index->fallback.free (index->fallback.self);
    (void)pthread_mutex_destroy (&index->lock);
    hs_free (index);
}

/* Nothing can fail any more. */
static void fill_trace (struct hs_trace *trace, struct hs_index *index, struct opening *opening)
{
    struct hs_column *columns[HS_N_COLUMNS];

    hs_trace_clear_writer (trace);
    hs_stacks_seal (&trace->stacks);
    hs_trace_clear_tables (&trace->tables);
    trace->tables = opening->tables;
    hs_range_index_clear (&trace->range_index);
    opening->ranges.columns = trace->range_index.columns; /* one by one, below */
    trace->range_index = opening->ranges;
    atomic_store (&trace->range_index.has_ends, true);
    index->ranges = &trace->range_index;
    hs_trace_list_columns (trace, columns);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        hs_column_clear (columns[id]); /* the root of the stacks */
        *columns[id] = opening->columns[id];
        index->columns[id] = columns[id];
    }
    trace->n_events = index->counts.of[HS_INDEX_EVENTS];
    trace->n_rows = index->counts.of[HS_INDEX_ROWS];
    trace->first_event = index->counts.of[HS_INDEX_FIRST_EVENT];
    trace->first_row = index->counts.of[HS_INDEX_FIRST_ROW];
    trace->first_time = opening->first_time;
    trace->last_time = opening->last_time;
    atomic_store (&trace->rows.n_large, index->counts.of[HS_INDEX_LARGE]);
    trace->are_modules_dirty = trace->tables.modules.n > 0;
    trace->is_closed = true;
    trace->index = index;
}

enum hs_status hs_index_open_take (struct hs_trace *trace, int fd, const struct hs_extent *extent,
                                   const struct hs_index_fallback *fallback, struct hs_error *err)
{
    struct hs_index *index = HS_NEW (struct hs_index);
    struct opening opening = { 0 };
    enum hs_status status;

    if (index == NULL) {
        (void)close (fd);
        fallback->free (fallback->self);
        return hs_error_no_memory (err);
    }
    index->backing.fetch = fetch;
    index->store = &trace->store;
    index->fd = fd;
    index->extent = *extent;
    index->fallback = *fallback;
    (void)pthread_mutex_init (&index->lock, NULL);
    hs_trace_list_columns (trace, index->columns);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        opening.columns[id] = hs_column_init (index->columns[id]->value_size);
        index->columns[id] = &opening.columns[id];
    }
    status = extent->index_bytes < HS_INDEX_START_BYTES + HS_INDEX_TRAILER_BYTES
                 ? damaged (err, extent->recording_bytes, "it is cut off")
                 : read_all (index, &opening, err);
    if (status == HS_OK)
        status = back_columns (index, err);
    if (status == HS_OK)
        status = check_first (index, err);
    if (status != HS_OK) {
        for (unsigned id = 0; id < HS_N_COLUMNS; id++)
            hs_column_clear (&opening.columns[id]);
        hs_trace_clear_tables (&opening.tables);
        hs_range_index_clear (&opening.ranges);
        hs_index_close (index);
        return status;
    }
    (void)pthread_mutex_lock (&trace->tables_lock);
    fill_trace (trace, index, &opening);
    hs_trace_note_shortages (trace, true);
    (void)pthread_mutex_unlock (&trace->tables_lock);
    hs_trace_publish (trace);
    return HS_OK;
}

void hs_index_tell (struct hs_index *index, struct hs_trace *trace)
{
    if (!atomic_exchange (&index->is_damaged, false))
        return;
    (void)hs_trace_add_finding (
        trace, HS_NOTE_INDEX, 1, index->error.file_offset,
        (struct hs_text){ index->error.text, (uint32_t)strlen (index->error.text) });
}

enum hs_status hs_trace_check (const struct hs_trace *trace, struct hs_error *err)
{
    if (trace->index == NULL || !atomic_load (&trace->index->is_lost))
        return HS_OK;
    return hs_error_set (err, HS_DAMAGED, trace->index->error.file_offset,
                         "%s, and the recording itself cannot be read any more",
                         trace->index->error.text);
}
