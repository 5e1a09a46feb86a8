/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log file header record; see etl_header.h. */
#include "decode/etl/etl_header.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "decode/etl/etl_layout.h"

#include <inttypes.h>
#include <math.h>

#define RECORD_MAX 0xffffu
#define HEAD_MAX                                                                                   \
    (ETL_BUFFER_HEADER_BYTES + RECORD_MAX) /* the record is the first in its buffer                \
                                            */
#define SESSION_BUFFER_MIN 0x400u
#define FILETIME_PER_SECOND 10000000
#define CLOCK_ZERO_TOLERANCE_SECONDS 60 /* adjustments of the wall clock while a trace runs */

static enum hs_status refuse (struct hs_error *err, const char *why)
{
    return hs_error_set (err, HS_UNSUPPORTED, 0, "not an event trace log (ETL): %s", why);
}

/* Size 0 = end of the UTF-16 text; `ret_next` is where the following one starts. */
static size_t utf16_bytes (struct hs_span text, size_t *ret_next)
{
    size_t n = 0;

    while (text.size - n >= 2 && hs_get_u16 (text.data + n) != 0)
        n += 2;
    *ret_next = text.size - n >= 2 ? n + 2 : text.size;
    return n;
}

static void read_names (struct hs_span names, struct hs_etl_header *ret)
{
    size_t next;
    size_t n = utf16_bytes (names, &next);

    (void)hs_text_from_utf16 (hs_span_part (names, 0, n), ret->session_name,
                              sizeof ret->session_name);
    (void)hs_text_from_utf16 (hs_span_part (names, next, SIZE_MAX), ret->log_file_name,
                              sizeof ret->log_file_name);
}

/* `payload` has at least the fixed part; `later` fields stand ETL_LOG_EARLIER_IN_32 earlier in
 * the 32-bit form. */
static void read_payload (struct hs_span payload, size_t earlier, struct hs_etl_header *ret)
{
    const uint8_t *at = payload.data;
    const uint8_t *late = payload.data - earlier;

    ret->buffer_size = hs_get_u32 (at + ETL_LOG_BUFFER_SIZE_AT);
    ret->os_major = at[ETL_LOG_MAJOR_AT];
    ret->os_minor = at[ETL_LOG_MINOR_AT];
    ret->os_build = hs_get_u32 (at + ETL_LOG_BUILD_AT);
    ret->n_processors = hs_get_u32 (at + ETL_LOG_PROCESSORS_AT);
    ret->end_filetime = (int64_t)hs_get_u64 (at + ETL_LOG_END_TIME_AT);
    ret->mode = hs_get_u32 (at + ETL_LOG_MODE_AT);
    ret->buffers_written = hs_get_u32 (at + ETL_LOG_BUFFERS_WRITTEN_AT);
    ret->pointer_size = hs_get_u32 (at + ETL_LOG_POINTER_SIZE_AT);
    ret->events_lost = hs_get_u32 (at + ETL_LOG_EVENTS_LOST_AT);
    ret->cpu_mhz = hs_get_u32 (at + ETL_LOG_MHZ_AT);
    ret->boot_filetime = (int64_t)hs_get_u64 (late + ETL_LOG_BOOT_TIME_AT_64);
    ret->perf_freq = (int64_t)hs_get_u64 (late + ETL_LOG_PERF_FREQ_AT_64);
    ret->start_filetime = (int64_t)hs_get_u64 (late + ETL_LOG_START_TIME_AT_64);
    ret->clock = hs_get_u32 (late + ETL_LOG_CLOCK_AT_64);
    ret->buffers_lost = hs_get_u32 (late + ETL_LOG_BUFFERS_LOST_AT_64);
    read_names (hs_span_part (payload, ETL_LOG_BYTES_64 - earlier, SIZE_MAX), ret);
}

/* `head`: the used part of the first buffer, as far as it is of interest. */
static enum hs_status read_record (struct hs_span head, struct hs_etl_header *ret,
                                   struct hs_error *err)
{
    struct hs_span record = hs_span_part (head, ETL_BUFFER_HEADER_BYTES, RECORD_MAX);
    size_t earlier, size;

    if (record.size < ETL_SYSTEM_BYTES || record.data[3] != ETL_MARK_TRACE ||
        (record.data[2] != ETL_SYSTEM32 && record.data[2] != ETL_SYSTEM64) ||
        record.data[ETL_SYSTEM_GROUP_AT] != 0 || record.data[ETL_SYSTEM_OPCODE_AT] != 0)
        return refuse (err, "its first record is no log file header");
    size = hs_get_u16 (record.data + 4);
    earlier = record.data[2] == ETL_SYSTEM32 ? ETL_LOG_EARLIER_IN_32 : 0;
    if (size > record.size || size < ETL_SYSTEM_BYTES + ETL_LOG_BYTES_64 - earlier)
        return hs_error_set (err, HS_DAMAGED, ETL_BUFFER_HEADER_BYTES,
                             "the log file header record has %zu bytes, which does not hold it",
                             size);
    ret->record_time = (int64_t)hs_get_u64 (record.data + ETL_TIME_AT);
    read_payload (hs_span_part (record, ETL_SYSTEM_BYTES, size - ETL_SYSTEM_BYTES), earlier, ret);
    if (ret->pointer_size != 4 && ret->pointer_size != 8)
        ret->pointer_size = earlier != 0 ? 4 : 8;
    return HS_OK;
}

static enum hs_status check_packing (const struct hs_etl_log *log, struct hs_error *err)
{
    if ((log->header.mode & ETL_MODE_PACKED) == 0)
        return HS_OK;
    if (log->packing == ETL_PACKING_LZNT1 || log->packing == ETL_PACKING_XPRESS_HUFFMAN)
        return hs_error_set (
            err, HS_UNSUPPORTED, ETL_BUFFER_STATE_AT,
            "its buffers are packed with %s, which cannot be read; only XPRESS can",
            log->packing == ETL_PACKING_LZNT1 ? "LZNT1" : "XPRESS Huffman");
    return HS_OK;
}

static enum hs_status read_head (struct hs_source *source, uint8_t *bytes, struct hs_etl_log *ret,
                                 struct hs_error *err)
{
    struct hs_span head = { bytes, 0 };
    uint32_t filled;
    enum hs_status status = hs_source_read (source, 0, bytes, HEAD_MAX, &head.size, err);

    if (hs_status_is_error (status))
        return status;
    if (head.size < ETL_BUFFER_HEADER_BYTES)
        return hs_source_mode (source) == HS_SOURCE_FOLLOW ? HS_AGAIN
                                                           : refuse (err, "it is too small");
    ret->first_buffer_size = hs_get_u32 (bytes + ETL_BUFFER_SIZE_AT);
    ret->packing = hs_get_u32 (bytes + ETL_BUFFER_STATE_AT) & 0xffff;
    filled = hs_get_u32 (bytes + ETL_BUFFER_FILLED_AT);
    if (hs_get_u16 (bytes + ETL_BUFFER_TYPE_AT) != ETL_BUFFER_TYPE_HEADER)
        return refuse (err, "its first buffer is no header buffer");
    if (ret->first_buffer_size < ETL_BUFFER_HEADER_BYTES ||
        ret->first_buffer_size > HS_LIMIT_ETL_BUFFER_BYTES || filled > ret->first_buffer_size)
        return hs_error_set (err, HS_DAMAGED, 0,
                             "the header buffer says that it has %" PRIu32 " bytes, %" PRIu32
                             " of them in use",
                             ret->first_buffer_size, filled);
    if (head.size < filled && head.size < HEAD_MAX && hs_source_mode (source) == HS_SOURCE_FOLLOW)
        return HS_AGAIN;
    head = hs_span_part (head, 0, filled);
    status = read_record (head, &ret->header, err);
    return status == HS_OK ? check_packing (ret, err) : status;
}

enum hs_status hs_etl_log_read (struct hs_source *source, struct hs_etl_log *ret,
                                struct hs_error *err)
{
    uint8_t *bytes = hs_alloc_array (HEAD_MAX, 1);
    struct hs_etl_log *log = HS_NEW (struct hs_etl_log);
    enum hs_status status;

    if (bytes == NULL || log == NULL)
        status = hs_error_no_memory (err);
    else
        status = read_head (source, bytes, log, err);
    if (status == HS_OK)
        *ret = *log;
    hs_free (bytes);
    hs_free (log);
    return status;
}

void hs_etl_log_note (const struct hs_etl_log *log, struct hs_note_pile *notes)
{
    const struct hs_etl_header *header = &log->header;

    if (header->buffer_size < SESSION_BUFFER_MIN || header->buffer_size > HS_LIMIT_ETL_BUFFER_BYTES)
        hs_note_pile_add (notes, HS_NOTE_VALUE_ABSURD, ETL_BUFFER_HEADER_BYTES,
                          "The log file header announces buffers of %" PRIu32
                          " bytes; the nearest possible size was assumed.",
                          header->buffer_size);
    if (header->end_filetime == 0)
        hs_note_pile_add (notes, HS_NOTE_NOT_FINALIZED, ETL_BUFFER_HEADER_BYTES,
                          "The log file header has no end time: the session was still running or "
                          "ended without closing the file; everything written was read.");
    if (header->events_lost != 0 || header->buffers_lost != 0)
        hs_note_pile_add_many (notes, HS_NOTE_EVENTS_LOST,
                               (uint64_t)header->events_lost + header->buffers_lost,
                               ETL_BUFFER_HEADER_BYTES,
                               "The session lost %" PRIu32 " events and %" PRIu32
                               " buffers while it recorded; blocks may look leaked or unknown.",
                               header->events_lost, header->buffers_lost);
}

uint64_t hs_etl_ticks_per_second (const struct hs_etl_header *header)
{
    if (header->clock == 2)
        return FILETIME_PER_SECOND;
    if (header->clock == 3)
        return header->cpu_mhz > 0 ? (uint64_t)header->cpu_mhz * 1000000 : FILETIME_PER_SECOND;
    return header->perf_freq > 0 ? (uint64_t)header->perf_freq : FILETIME_PER_SECOND;
}

/* Wall clock of raw time 0, in seconds: the same for all sessions since the system was started. */
static double clock_zero_seconds (const struct hs_etl_header *header)
{
    return (double)header->start_filetime / FILETIME_PER_SECOND -
           (double)header->record_time / (double)hs_etl_ticks_per_second (header);
}

enum hs_status hs_etl_header_compare_clocks (const struct hs_etl_header *a,
                                             const struct hs_etl_header *b, struct hs_error *err)
{
    uint32_t clock_a = a->clock == 0 ? 1 : a->clock;
    uint32_t clock_b = b->clock == 0 ? 1 : b->clock;

    if (clock_a != clock_b)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "its time stamps come from clock type %" PRIu32
                             ", those of the first file from type %" PRIu32
                             ", so their order is unknown; open the files one by one",
                             clock_b, clock_a);
    if (hs_etl_ticks_per_second (a) != hs_etl_ticks_per_second (b))
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "its clock makes %" PRIu64 " ticks per second, that of the first file "
                             "%" PRIu64 ", so their order is unknown; open the files one by one",
                             hs_etl_ticks_per_second (b), hs_etl_ticks_per_second (a));
    if (fabs (clock_zero_seconds (a) - clock_zero_seconds (b)) > CLOCK_ZERO_TOLERANCE_SECONDS)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "it was recorded after another start of the system (or on another "
                             "one) than the first file; open the files one by one");
    return HS_OK;
}
