/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of one buffer; see etl_records.h. */
#include "decode/etl/etl_records.h"

#include "decode/etl/etl_layout.h"

#include <inttypes.h>
#include <stdlib.h>

#define CACHE_LINE 64
#define EXPECTED_LINES 4 /* an event of a heap and its stack key lie in so many at most */

struct header_layout {
    uint8_t bytes;   /* 0 = no such header */
    uint8_t time_at; /* 0 = none, or nobody knows where */
    uint8_t pointer_size;
    bool is_short; /* SYSTEM and its kin: byte 1 may announce words between header and payload */
};

static const struct header_layout layouts[UINT8_MAX + 1] = {
    [ETL_SYSTEM32] = { ETL_SYSTEM_BYTES, ETL_TIME_AT, 4, true },
    [ETL_SYSTEM64] = { ETL_SYSTEM_BYTES, ETL_TIME_AT, 8, true },
    [ETL_COMPACT32] = { ETL_COMPACT_BYTES, ETL_TIME_AT, 4, true },
    [ETL_COMPACT64] = { ETL_COMPACT_BYTES, ETL_TIME_AT, 8, true },
    [ETL_FULL32] = { ETL_FULL_BYTES, ETL_TIME_AT, 4, false },
    [ETL_FULL64] = { ETL_FULL_BYTES, ETL_TIME_AT, 8, false },
    [ETL_INSTANCE32] = { ETL_INSTANCE_BYTES, ETL_TIME_AT, 4, false },
    [ETL_INSTANCE64] = { ETL_INSTANCE_BYTES, ETL_TIME_AT, 8, false },
    [ETL_ERROR] = { ETL_ERROR_BYTES, 0, 8, false },
    [ETL_MESSAGE] = { ETL_MESSAGE_BYTES, 0, 8, false },
    [ETL_PERFINFO32] = { ETL_PERFINFO_BYTES, ETL_PERFINFO_TIME_AT, 4, true },
    [ETL_PERFINFO64] = { ETL_PERFINFO_BYTES, ETL_PERFINFO_TIME_AT, 8, true },
    [ETL_EVENT32] = { ETL_EVENT_BYTES, ETL_TIME_AT, 4, false },
    [ETL_EVENT64] = { ETL_EVENT_BYTES, ETL_TIME_AT, 8, false },
    [ETL_WPP] = { 0, 0, 8, false }, /* has another marker */
};

/* What ends the pass over a buffer. */
enum stop {
    STOP_NOT,
    STOP_END,
    STOP_MARKER,
    STOP_SIZE,
};

static unsigned extra_bytes (unsigned flags)
{
    return 8 * ((flags & ETL_EXTRA_COUNTERS) + ((flags & ETL_EXTRA_PEBS) != 0 ? 1 : 0));
}

/* Bytes of a message in front of its arguments; *ret_time_at = 0 when it has no time. */
static unsigned message_header (unsigned options, unsigned *ret_time_at)
{
    unsigned at = ETL_MESSAGE_BYTES;

    *ret_time_at = 0;
    if ((options & ETL_MESSAGE_HAS_SEQUENCE) != 0)
        at += 4;
    if ((options & ETL_MESSAGE_HAS_GUID) != 0)
        at += 16;
    else if ((options & ETL_MESSAGE_HAS_COMPONENT) != 0)
        at += 4;
    if ((options & ETL_MESSAGE_HAS_TIME) != 0) {
        *ret_time_at = at;
        at += 8;
    }
    if ((options & ETL_MESSAGE_HAS_IDS) != 0)
        at += 8;
    return at;
}

/* Looks at the record at `at`, of which `left` bytes (>= 8) are in the buffer. A record without a
 * time of its own leaves ret->time as it is. Where the size stands is asked by a branch, not
 * looked up: the next record is found without waiting for this one's kind. */
static inline enum stop scan_record (const uint8_t *at, uint32_t left, struct hs_etl_entry *ret)
{
    uint32_t marker = hs_get_u32 (at);
    unsigned mark = marker >> 24;
    unsigned type = (marker >> 16) & 0xff;
    unsigned size, header, time_at;

    if (__builtin_expect (mark == ETL_MARK_TRACE && layouts[type].is_short, 1)) {
        size = hs_get_u16 (at + ETL_SHORT_SIZE_AT);
        header = layouts[type].bytes;
        time_at = layouts[type].time_at;
        if (at[ETL_SYSTEM_FLAGS_AT] != 0)
            header += extra_bytes (at[ETL_SYSTEM_FLAGS_AT]);
    } else if (mark == ETL_MARK_TRACE && layouts[type].bytes != 0) {
        size = hs_get_u16 (at);
        header = layouts[type].bytes;
        time_at = layouts[type].time_at;
        if (type == ETL_MESSAGE)
            header = message_header (hs_get_u16 (at + ETL_MESSAGE_OPTIONS_AT), &time_at);
    } else if (mark == ETL_MARK_WPP) {
        type = ETL_WPP;
        size = hs_get_u16 (at);
        header = message_header (hs_get_u16 (at + ETL_MESSAGE_OPTIONS_AT), &time_at);
    } else {
        return marker == UINT32_MAX ? STOP_END : STOP_MARKER;
    }
    if (size < header || size > left)
        return STOP_SIZE;
    if (time_at != 0)
        ret->time = (int64_t)hs_get_u64 (at + time_at);
    ret->size = (uint16_t)size;
    ret->type = (uint8_t)type;
    ret->header = (uint8_t)header;
    return STOP_NOT;
}

static void note_stop (const struct hs_etl_page *page, enum stop stop, uint32_t at,
                       struct hs_note_pile *notes)
{
    uint32_t marker = hs_get_u32 (page->bytes + at);
    const char *place = page->was_packed ? "unpacked " : "";

    if (stop == STOP_MARKER)
        hs_note_pile_add (notes, HS_NOTE_RECORD_DAMAGED, page->offset + (page->was_packed ? 0 : at),
                          "Byte 0x%" PRIx32 " of the %sbuffer at 0x%" PRIx64
                          " starts no record (marker 0x%08" PRIx32
                          "); the rest of the buffer was skipped.",
                          at, place, page->offset, marker);
    else
        hs_note_pile_add (notes, HS_NOTE_RECORD_DAMAGED, page->offset + (page->was_packed ? 0 : at),
                          "The record at byte 0x%" PRIx32 " of the %sbuffer at 0x%" PRIx64
                          " has an impossible size (marker 0x%08" PRIx32 ", 0x%" PRIx32
                          " bytes left); the rest of the buffer was skipped.",
                          at, place, page->offset, marker, page->filled - at);
}

static int compare_entries (const void *left, const void *right)
{
    const struct hs_etl_entry *a = left;
    const struct hs_etl_entry *b = right;

    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

struct scan {
    const struct hs_etl_time_range *range;
    int64_t before;    /* time of the record before */
    uint64_t n_absurd; /* times that cannot be */
    uint32_t at;       /* of the next record */
    bool is_ordered;
};

/* Lists records as long as the list has room. */
static enum stop list_records (struct hs_etl_page *page, struct scan *scan)
{
    struct hs_etl_entry *entry = page->entries.items + page->entries.n;
    const struct hs_etl_entry *end = page->entries.items + page->entries.capacity;
    const struct hs_etl_time_range range = *scan->range;
    const uint8_t *bytes = page->bytes;
    uint32_t filled = page->filled;
    uint32_t at = scan->at;
    int64_t before = scan->before;
    bool is_ordered = scan->is_ordered;
    enum stop stop = STOP_NOT;

    for (; entry < end; entry++) {
        if (at >= filled || filled - at < 8) {
            stop = STOP_END;
            break;
        }
        entry->time = before;
        entry->at = at;
        stop = scan_record (bytes + at, filled - at, entry);
        if (stop != STOP_NOT)
            break;
        if ((uint64_t)entry->time - (uint64_t)range.first > range.length) {
            entry->time = before;
            scan->n_absurd++;
        }
        is_ordered &= entry->time >= before;
        before = entry->time;
        at += (entry->size + 7u) & ~7u;
    }
    page->entries.n = (size_t)(entry - page->entries.items);
    scan->at = at;
    scan->before = before;
    scan->is_ordered = is_ordered;
    return stop;
}

enum hs_status hs_etl_page_scan (struct hs_etl_page *page, int64_t last_time,
                                 const struct hs_etl_time_range *range, struct hs_note_pile *notes,
                                 struct hs_error *err)
{
    struct scan scan = { range, last_time, 0, ETL_BUFFER_HEADER_BYTES, true };
    enum stop stop;

    page->entries.n = page->next = 0;
    do {
        if (!hs_array_reserve (&page->entries, 1))
            return hs_error_no_memory (err);
        stop = list_records (page, &scan);
    } while (stop == STOP_NOT);
    if (stop > STOP_END && !(page->is_truncated && stop == STOP_SIZE))
        note_stop (page, stop, scan.at, notes);
    if (scan.n_absurd > 0)
        hs_note_pile_add_many (
            notes, HS_NOTE_CLOCK, scan.n_absurd, page->offset,
            "%" PRIu64 " records of the buffer at 0x%" PRIx64
            " have time stamps years away from the start of the trace; the time of "
            "the record before was taken.",
            scan.n_absurd, page->offset);
    if (!scan.is_ordered)
        qsort (page->entries.items, page->entries.n, sizeof page->entries.items[0],
               compare_entries);
    return HS_OK;
}

static void set_group (struct hs_etl_record *ret, const uint8_t *guid)
{
    ret->guid = guid;
    ret->group = hs_etl_group_of_guid (guid);
}

/* One item at `at` with `left` bytes behind; returns its size, 0 when it is damaged. */
static size_t decode_item (const uint8_t *at, size_t left, struct hs_etl_record *ret)
{
    size_t total, data_size;
    unsigned type;

    if (left < ETL_ITEM_BYTES)
        return 0;
    total = hs_get_u16 (at);
    type = hs_get_u16 (at + ETL_ITEM_TYPE_AT);
    data_size = hs_get_u16 (at + ETL_ITEM_DATA_SIZE_AT);
    if (total < ETL_ITEM_BYTES || total % 8 != 0 || total > left ||
        data_size > total - ETL_ITEM_BYTES)
        return 0;
    if ((type == ETL_ITEM_STACK32 || type == ETL_ITEM_STACK64 || type == ETL_ITEM_STACK_KEY32 ||
         type == ETL_ITEM_STACK_KEY64) &&
        data_size >= 8) {
        bool is_key = type == ETL_ITEM_STACK_KEY32 || type == ETL_ITEM_STACK_KEY64;
        bool is_wide = type == ETL_ITEM_STACK64 || type == ETL_ITEM_STACK_KEY64;
        size_t address_size = is_wide ? 8 : 4;
        size_t n_bytes = data_size - 8;

        n_bytes -= n_bytes % address_size;
        if (is_key && n_bytes > address_size)
            n_bytes = address_size;
        ret->stack.match_id = hs_get_u64 (at + ETL_ITEM_BYTES);
        ret->stack.addresses = (struct hs_span){ at + ETL_ITEM_BYTES + 8, n_bytes };
        ret->stack.address_size = (uint8_t)address_size;
        ret->stack.is_key = is_key;
    }
    return total;
}

/* Items follow the header; what is left behind the last one is the payload. */
static void decode_items (const struct hs_etl_page *page, const struct hs_etl_entry *entry,
                          struct hs_note_pile *notes, struct hs_etl_record *ret)
{
    struct hs_span rest = ret->payload;
    bool has_more = true;

    while (has_more) {
        size_t size = decode_item (rest.data, rest.size, ret);

        if (size == 0) {
            hs_note_pile_add (notes, HS_NOTE_EXTENDED_ITEM, ret->file_offset,
                              "An extended item of the event at byte 0x%" PRIx32
                              " of the buffer at 0x%" PRIx64
                              " runs over its record; its payload was not read.",
                              entry->at, page->offset);
            ret->payload.size = 0;
            return;
        }
        has_more = (hs_get_u16 (rest.data + ETL_ITEM_MORE_AT) & 1) != 0;
        rest = hs_span_part (rest, size, SIZE_MAX);
    }
    ret->payload = rest;
}

static void decode_event (const struct hs_etl_page *page, const struct hs_etl_entry *entry,
                          struct hs_note_pile *notes, struct hs_etl_record *ret)
{
    const uint8_t *at = page->bytes + entry->at;
    unsigned flags = hs_get_u16 (at + ETL_EVENT_FLAGS_AT);

    ret->kind = HS_ETL_EVENT;
    ret->thread = hs_get_u32 (at + ETL_THREAD_AT);
    ret->process = hs_get_u32 (at + ETL_PROCESS_AT);
    set_group (ret, at + ETL_GUID_AT);
    ret->event_id = hs_get_u16 (at + ETL_EVENT_ID_AT);
    ret->version = at[ETL_EVENT_VERSION_AT];
    ret->opcode = at[ETL_EVENT_OPCODE_AT];
    if ((flags & ETL_EVENT_IS_32) != 0)
        ret->pointer_size = 4;
    else if ((flags & ETL_EVENT_IS_64) != 0)
        ret->pointer_size = 8;
    if ((flags & ETL_EVENT_HAS_ITEMS) != 0)
        decode_items (page, entry, notes, ret);
}

static void decode_message (const uint8_t *at, const struct hs_etl_entry *entry,
                            struct hs_etl_record *ret)
{
    unsigned options = hs_get_u16 (at + ETL_MESSAGE_OPTIONS_AT);

    ret->kind = HS_ETL_MESSAGE;
    if (entry->type == ETL_ERROR)
        return;
    ret->event_id = hs_get_u16 (at + ETL_MESSAGE_NUMBER_AT);
    if ((options & ETL_MESSAGE_HAS_GUID) != 0)
        ret->guid = at + ETL_MESSAGE_BYTES + ((options & ETL_MESSAGE_HAS_SEQUENCE) != 0 ? 4 : 0);
    if ((options & ETL_MESSAGE_HAS_IDS) != 0) {
        ret->thread = hs_get_u32 (at + entry->header - 8);
        ret->process = hs_get_u32 (at + entry->header - 4);
    }
}

static void decode_full (const uint8_t *at, struct hs_etl_record *ret)
{
    ret->thread = hs_get_u32 (at + ETL_THREAD_AT);
    ret->process = hs_get_u32 (at + ETL_PROCESS_AT);
    ret->version = hs_get_u16 (at + ETL_FULL_VERSION_AT);
    ret->opcode = at[ETL_FULL_OPCODE_AT];
    set_group (ret, at + ETL_GUID_AT);
}

/* All headers that name a provider by its GUID, and messages. */
static void decode_long (const struct hs_etl_page *page, const struct hs_etl_entry *entry,
                         struct hs_note_pile *notes, struct hs_etl_record *ret)
{
    const uint8_t *at = page->bytes + entry->at;

    ret->thread = ret->process = HS_ETL_NO_ID;
    ret->group = HS_ETL_NO_GROUP;
    ret->version = 0;
    ret->opcode = 0;
    switch (entry->type) {
    case ETL_FULL32:
    case ETL_FULL64:
    case ETL_INSTANCE32:
    case ETL_INSTANCE64:
        decode_full (at, ret);
        break;
    case ETL_EVENT32:
    case ETL_EVENT64:
        decode_event (page, entry, notes, ret);
        break;
    default:
        decode_message (at, entry, ret);
        break;
    }
}

/* SYSTEM, COMPACT and PERFINFO: nearly all records there are. */
static inline void decode_short (const uint8_t *at, unsigned type, struct hs_etl_record *ret)
{
    /* no branch, for what comes next is anybody's guess; PERFINFO has its stamp in that place */
    uint32_t no_ids = type <= ETL_COMPACT64 ? 0 : HS_ETL_NO_ID;

    ret->thread = hs_get_u32 (at + ETL_THREAD_AT) | no_ids;
    ret->process = hs_get_u32 (at + ETL_PROCESS_AT) | no_ids;
    ret->version = at[0];
    ret->opcode = at[ETL_SYSTEM_OPCODE_AT];
    ret->group = at[ETL_SYSTEM_GROUP_AT];
}

static inline void decode (const struct hs_etl_page *page, const struct hs_etl_entry *entry,
                           struct hs_note_pile *notes, struct hs_etl_record *ret)
{
    const uint8_t *at = page->bytes + entry->at;
    const struct header_layout *layout = &layouts[entry->type];

    ret->time = ret->raw_time = entry->time;
    ret->file_offset = page->was_packed ? page->offset : page->offset + entry->at;
    ret->cpu = page->cpu;
    ret->file = page->file;
    ret->event_id = 0;
    ret->pointer_size = layout->pointer_size;
    ret->kind = HS_ETL_CLASSIC;
    ret->header_type = entry->type;
    ret->guid = NULL;
    ret->payload = (struct hs_span){ at + entry->header, (size_t)(entry->size - entry->header) };
    ret->stack.match_id = 0;
    ret->stack.address_size = 0;
    if (layout->is_short)
        decode_short (at, entry->type, ret);
    else
        decode_long (page, entry, notes, ret);
}

/* Only the items of an event can be damaged. */
static inline bool may_be_noted (const struct hs_etl_page *page, const struct hs_etl_entry *entry)
{
    return (entry->type == ETL_EVENT32 || entry->type == ETL_EVENT64) &&
           (hs_get_u16 (page->bytes + entry->at + ETL_EVENT_FLAGS_AT) & ETL_EVENT_HAS_ITEMS) != 0;
}

/* Other pages come first, as a rule: until the record is asked for, it and the next ones are on
 * their way from memory. */
static inline void expect (const struct hs_etl_page *page, const struct hs_etl_entry *entry)
{
    /* as numbers: the last ones may lie behind the buffer, where nothing is read */
    uintptr_t at = (uintptr_t)(page->bytes + entry->at);

    for (unsigned line = 0; line < EXPECTED_LINES; line++)
        __builtin_prefetch ((const void *)(at + line * CACHE_LINE));
    __builtin_prefetch ((const void *)((uintptr_t)entry + CACHE_LINE));
}

size_t hs_etl_page_take (struct hs_etl_page *page, int64_t until, size_t max,
                         struct hs_note_pile *notes, struct hs_etl_record *ret)
{
    const struct hs_etl_entry *entry = page->entries.items + page->next;
    size_t left = page->entries.n - page->next;
    size_t n = 0;

    if (max > left)
        max = left;
    do {
        decode (page, &entry[n], notes, &ret[n]);
        n++;
    } while (n < max && entry[n].time <= until && !notes->has_any &&
             !may_be_noted (page, &entry[n]));
    page->next += n;
    if (n < left)
        expect (page, &entry[n]);
    return n;
}

void hs_etl_page_clear (struct hs_etl_page *page)
{
    hs_free (page->bytes);
    hs_array_clear (&page->entries);
    *page = (struct hs_etl_page){ 0 };
}
