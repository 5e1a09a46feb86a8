/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing the closing index; see index_file.h. One pass over the columns, with pwrite. */
#include "trace/index_private.h"

#include "base/checksum.h"

#include <errno.h>
#include <unistd.h>

struct writer {
    const struct hs_trace *trace;
    const struct hs_extent *extent;
    int fd;
    const struct hs_cancel *cancel;
    uint64_t n_bytes; /* of the section so far */
    struct hs_index_counts counts;
    struct hs_index_bytes head;
    struct hs_index_bytes tables, blocks;
    uint8_t *packed; /* HS_INDEX_MAX_CHUNK_BYTES + HS_INDEX_SLACK */
    struct hs_error *err;
};

uint64_t hs_index_column_values (const struct hs_index_counts *counts, enum hs_column_id column)
{
    const uint32_t *of = counts->of;

    switch (column) {
    case HS_COLUMN_END:
    case HS_COLUMN_SIZE:
    case HS_COLUMN_STACK:
    case HS_COLUMN_ADDRESS:
    case HS_COLUMN_CONTEXT:
        return of[HS_INDEX_ROWS];
    case HS_COLUMN_LARGE_ROW:
    case HS_COLUMN_LARGE_SIZE:
        return of[HS_INDEX_LARGE];
    case HS_COLUMN_TIME_DELTA:
        return of[HS_INDEX_EVENTS];
    case HS_COLUMN_SEGMENT_FIRST:
    case HS_COLUMN_SEGMENT_BASE:
        return of[HS_INDEX_SEGMENTS];
    case HS_COLUMN_BIRTH_BITS:
    case HS_COLUMN_BIRTH_RANK:
        return ((uint64_t)of[HS_INDEX_EVENTS] + 63) / 64;
    case HS_COLUMN_CONTEXT_PROCESS:
    case HS_COLUMN_CONTEXT_HEAP:
    case HS_COLUMN_CONTEXT_THREAD:
    case HS_COLUMN_CONTEXT_SOURCE:
    case HS_COLUMN_CONTEXT_ADDRESS_HIGH:
        return of[HS_INDEX_CONTEXTS];
    case HS_COLUMN_OVERVIEW_PROCESS:
    case HS_COLUMN_OVERVIEW_FIRST:
    case HS_COLUMN_OVERVIEW_LAST:
    case HS_COLUMN_OVERVIEW_MIN:
    case HS_COLUMN_OVERVIEW_MAX:
    case HS_COLUMN_OVERVIEW_END:
    case HS_COLUMN_OVERVIEW_BIRTH_BYTES:
    case HS_COLUMN_OVERVIEW_FIRST_TIME:
    case HS_COLUMN_OVERVIEW_LAST_TIME:
    case HS_COLUMN_OVERVIEW_BIRTHS:
    case HS_COLUMN_OVERVIEW_LIVE_COUNT:
    case HS_COLUMN_OVERVIEW_PEAK_EVENT:
        return of[HS_INDEX_OVERVIEW];
    case HS_COLUMN_STEP_MIN:
    case HS_COLUMN_STEP_MAX:
    case HS_COLUMN_STEP_END:
    case HS_COLUMN_STEP_BIRTH_BYTES:
    case HS_COLUMN_STEP_FIRST_TIME:
    case HS_COLUMN_STEP_LAST_TIME:
    case HS_COLUMN_STEP_BIRTHS:
    case HS_COLUMN_STEP_LIVE_COUNT:
    case HS_COLUMN_STEP_PEAK_EVENT:
        return of[HS_INDEX_STEPS];
    case HS_COLUMN_NODE_PARENT:
    case HS_COLUMN_NODE_FRAME:
        return of[HS_INDEX_NODES];
    case HS_COLUMN_SLOT_NODE:
        return of[HS_INDEX_SLOTS];
    case HS_COLUMN_SUM_BYTES:
    case HS_COLUMN_SUM_SLOT:
    case HS_COLUMN_SUM_PROCESS:
    case HS_COLUMN_SUM_COUNT:
    case HS_COLUMN_SUM_TEMPORARY:
    case HS_COLUMN_SUM_LAST_ROW:
        return of[HS_INDEX_SUMS];
    case HS_COLUMN_SURVIVOR_ROW:
    case HS_COLUMN_SURVIVOR_SIZE:
    case HS_COLUMN_SURVIVOR_CONTEXT:
    case HS_COLUMN_SURVIVOR_STACK:
    case HS_COLUMN_SURVIVOR_END:
        return of[HS_INDEX_SURVIVORS];
    case HS_COLUMN_PEAK_BYTES:
    case HS_COLUMN_PEAK_COUNT:
    case HS_COLUMN_PEAK_ROW:
    case HS_COLUMN_WHOLE_FREED_BYTES:
    case HS_COLUMN_WHOLE_LIVE_BYTES:
    case HS_COLUMN_WHOLE_TIME:
    case HS_COLUMN_WHOLE_FREED_COUNT:
    case HS_COLUMN_WHOLE_LIVE_COUNT:
    case HS_COLUMN_WHOLE_TEMPORARY:
    case HS_COLUMN_WHOLE_ROW:
    case HS_COLUMN_WHOLE_PROCESS:
        return of[HS_INDEX_PEAKS];
    case HS_N_COLUMNS:
        break;
    }
    return 0;
}

uint64_t hs_index_column_chunks (const struct hs_index_counts *counts, enum hs_column_id column)
{
    return (hs_index_column_values (counts, column) + HS_COLUMN_CHUNK_VALUES - 1) /
           HS_COLUMN_CHUNK_VALUES;
}

static enum hs_status put (struct writer *writer, const uint8_t *bytes, size_t n)
{
    uint64_t at = writer->extent->recording_bytes + writer->n_bytes;
    size_t done = 0;

    while (done < n) {
        ssize_t written = pwrite (writer->fd, bytes + done, n - done, (off_t)(at + done));

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return hs_error_set_errno (writer->err, written < 0 ? errno : ENOSPC,
                                       "cannot write the index");
        done += (size_t)written;
    }
    writer->n_bytes += n;
    return HS_OK;
}

static uint8_t *head_room (struct writer *writer, size_t n)
{
    uint8_t *at;

    if (!hs_array_reserve (&writer->head.bytes, n))
        return NULL;
    at = writer->head.bytes.items + writer->head.bytes.n;
    memset (at, 0, n);
    writer->head.bytes.n += n;
    return at;
}

static void count (struct writer *writer)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (writer->trace);

    writer->counts = (struct hs_index_counts){ {
        [HS_INDEX_EVENTS] = snapshot.n_events,
        [HS_INDEX_ROWS] = snapshot.n_rows,
        [HS_INDEX_FIRST_EVENT] = snapshot.first_event,
        [HS_INDEX_FIRST_ROW] = snapshot.first_row,
        [HS_INDEX_SEGMENTS] = snapshot.n_segments,
        [HS_INDEX_CONTEXTS] = snapshot.n_contexts,
        [HS_INDEX_OVERVIEW] = snapshot.n_overview,
        [HS_INDEX_STEPS] = snapshot.n_steps,
        [HS_INDEX_NODES] = snapshot.n_nodes,
        [HS_INDEX_SLOTS] = snapshot.n_slots,
        [HS_INDEX_LARGE] = atomic_load (&snapshot.rows->n_large),
    } };
    if (hs_range_index_is_off (&snapshot) || !hs_range_index_has_ends (&snapshot))
        return;
    writer->counts.of[HS_INDEX_SUMS] = (uint32_t)snapshot.ranges->sum_last_row.n;
    writer->counts.of[HS_INDEX_SURVIVORS] = (uint32_t)snapshot.ranges->survivor_end.n;
    writer->counts.of[HS_INDEX_PEAKS] = (uint32_t)snapshot.ranges->peak_row.n;
}

/* The head's fixed part; where the tables lie is filled in at the end. */
static bool begin_head (struct writer *writer)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (writer->trace);
    uint8_t *head = head_room (writer, HS_INDEX_HEAD_BYTES);

    if (head == NULL)
        return false;
    hs_put_u32 (head + HS_INDEX_AT_VERSION, HS_INDEX_VERSION);
    hs_put_u32 (head + HS_INDEX_AT_N_COLUMNS, HS_N_COLUMNS);
    hs_put_u64 (head + HS_INDEX_AT_RECORDING, writer->extent->recording_bytes);
    hs_put_u32 (head + HS_INDEX_AT_SEAL, writer->extent->recording_seal);
    hs_put_u32 (head + HS_INDEX_AT_ENTRY_BYTES, HS_INDEX_ENTRY_BYTES);
    for (unsigned i = 0; i < HS_N_INDEX_COUNTS; i++)
        hs_put_u32 (head + HS_INDEX_AT_COUNTS + i * 4, writer->counts.of[i]);
    hs_put_u64 (head + HS_INDEX_AT_FIRST_TIME, (uint64_t)snapshot.first_time);
    hs_put_u64 (head + HS_INDEX_AT_LAST_TIME, (uint64_t)snapshot.last_time);
    hs_put_u64 (head + HS_INDEX_AT_TICKS, snapshot.ticks_per_second);
    return true;
}

static enum hs_status write_chunk (struct writer *writer, enum hs_column_id id,
                                   const struct hs_column *whole, uint32_t chunk)
{
    uint32_t n = hs_index_chunk_values (hs_index_column_values (&writer->counts, id), chunk);
    uint64_t first = (uint64_t)chunk * HS_COLUMN_CHUNK_VALUES;
    const struct hs_column *column = hs_narrow_part (whole, first);
    struct hs_index_entry entry = { .offset = writer->n_bytes };
    uint8_t *at = head_room (writer, HS_INDEX_ENTRY_BYTES);
    size_t n_bytes;

    if (at == NULL)
        return hs_error_no_memory (writer->err);
    if (writer->cancel != NULL && hs_cancel_is_set (writer->cancel))
        return HS_CANCELLED;
    if (id == HS_COLUMN_BIRTH_RANK) /* counted from the bits: only where it begins */
        entry.base = hs_column_u32 (column, first);
    else
        hs_index_pack (id, column->value_size, hs_column_chunk (column, first), n, writer->packed,
                       &entry);
    n_bytes = (size_t)n * entry.width;
    entry.sum = hs_checksum32 ((struct hs_span){ writer->packed, n_bytes });
    hs_put_u64 (at + HS_INDEX_ENTRY_AT_OFFSET, entry.offset);
    hs_put_u64 (at + HS_INDEX_ENTRY_AT_BASE, entry.base);
    hs_put_u32 (at + HS_INDEX_ENTRY_AT_SUM, entry.sum);
    at[HS_INDEX_ENTRY_AT_WIDTH] = entry.width;
    return put (writer, writer->packed, n_bytes);
}

static enum hs_status write_columns (struct writer *writer)
{
    struct hs_column *columns[HS_N_COLUMNS];
    enum hs_status status = HS_OK;

    hs_trace_list_columns (writer->trace, columns);
    for (unsigned id = 0; id < HS_N_COLUMNS; id++) {
        uint64_t n = hs_index_column_chunks (&writer->counts, (enum hs_column_id)id);

        for (uint32_t chunk = 0; chunk < n && status == HS_OK; chunk++)
            status = write_chunk (writer, (enum hs_column_id)id, columns[id], chunk);
    }
    return status;
}

/* A part that the head tells of at `at`. */
static enum hs_status put_part (struct writer *writer, unsigned at,
                                const struct hs_index_bytes *part)
{
    struct hs_span bytes = { part->bytes.items, part->bytes.n };
    uint8_t *where = writer->head.bytes.items + at;

    hs_put_u64 (where, writer->n_bytes);
    hs_put_u64 (where + 8, bytes.size);
    hs_put_u32 (where + 16, hs_checksum32 (bytes));
    return put (writer, bytes.data, bytes.size);
}

static enum hs_status write_tables (struct writer *writer)
{
    const struct hs_tables *tables = hs_trace_lock (writer->trace);
    bool is_done = hs_index_write_tables (tables, &writer->tables);
    enum hs_status status;

    hs_trace_unlock (writer->trace);
    if (!is_done || !hs_index_write_blocks (&writer->trace->range_index, &writer->blocks))
        return hs_error_no_memory (writer->err);
    status = put_part (writer, HS_INDEX_AT_TABLES, &writer->tables);
    return status == HS_OK ? put_part (writer, HS_INDEX_AT_BLOCKS, &writer->blocks) : status;
}

static enum hs_status write_end (struct writer *writer)
{
    struct hs_span head = { writer->head.bytes.items, writer->head.bytes.n };
    uint8_t trailer[HS_INDEX_TRAILER_BYTES] = HS_INDEX_END_MAGIC;
    enum hs_status status = put (writer, head.data, head.size);

    hs_put_u64 (trailer + 8, writer->extent->recording_bytes);
    hs_put_u64 (trailer + 16, head.size);
    hs_put_u32 (trailer + 24, hs_checksum32 (head));
    hs_put_u32 (trailer + HS_INDEX_TRAILER_CHECKED,
                hs_checksum32 ((struct hs_span){ trailer, HS_INDEX_TRAILER_CHECKED }));
    return status == HS_OK ? put (writer, trailer, sizeof trailer) : status;
}

enum hs_status hs_index_write (const struct hs_trace *trace, int fd, const struct hs_extent *extent,
                               const struct hs_cancel *cancel, uint64_t *ret_bytes,
                               struct hs_error *err)
{
    struct writer writer = {
        .trace = trace, .extent = extent, .fd = fd, .cancel = cancel, .err = err
    };
    uint8_t start[HS_INDEX_START_BYTES] = HS_INDEX_MAGIC;
    enum hs_status status;

    if (atomic_load (&trace->rows.n_end_stacks) > 0)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "an index does not hold call stacks of frees: recordings with them "
                             "are read in full");
    count (&writer);
    writer.packed = hs_alloc_array (HS_INDEX_MAX_CHUNK_BYTES + HS_INDEX_SLACK, 1);
    if (writer.packed == NULL || !begin_head (&writer))
        status = hs_error_no_memory (err);
    else {
        hs_put_u64 (start + 8, extent->recording_bytes);
        status = put (&writer, start, sizeof start);
    }
    if (status == HS_OK)
        status = write_columns (&writer);
    if (status == HS_OK)
        status = write_tables (&writer);
    if (status == HS_OK)
        status = write_end (&writer);
    if (status == HS_OK)
        *ret_bytes = writer.n_bytes;
    hs_array_clear (&writer.head.bytes);
    hs_array_clear (&writer.tables.bytes);
    hs_array_clear (&writer.blocks.bytes);
    hs_free (writer.packed);
    return status;
}
