/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leads each ETL record to the file that knows its payload; see etl_meaning.h. */
#include "decode/etl/etl_meaning.h"

#include "base/limits.h"
#include "base/memory.h"
#include "decode/etl/etl_facts.h"
#include "decode/etl/etl_heap.h"
#include "decode/etl/etl_image.h"
#include "decode/etl/etl_memory.h"
#include "decode/etl/etl_own.h"
#include "decode/etl/etl_process.h"
#include "decode/etl/etl_stacks.h"

#define SECONDS_OF_A_DAY 86400

enum {
    GROUP_EVENT_TRACE = 0x00,
    GROUP_PAGE_FAULT = 0x02,
    GROUP_PROCESS = 0x03,
    GROUP_THREAD = 0x05,
    GROUP_POOL = 0x0e,
    GROUP_HEAP = 0x10,
    GROUP_IMAGE = 0x14,
    GROUP_STACK_WALK = 0x18,
};
enum { OPCODE_IMAGE_LOAD = 10, OPCODE_LOST_FIRST = 32, OPCODE_LOST_LAST = 34 };

struct hs_etl_meaning {
    struct hs_etl_sink sink;
    struct hs_etl_processes processes;
    struct hs_etl_images images;
    struct hs_etl_own own;
    struct hs_etl_stacks stacks;
    struct hs_etl_facts facts;
    struct hs_etl_header header;
    uint64_t ticks_per_second;
    int64_t last_time;      /* ticks */
    int64_t plausible_time; /* ticks: later stamps do not move the end of the trace */
    bool is_started;
};

struct hs_etl_meaning *hs_etl_meaning_new (const struct hs_etl_header *header)
{
    struct hs_etl_meaning *meaning = HS_NEW (struct hs_etl_meaning);
    uint64_t span;

    if (meaning == NULL)
        return NULL;
    meaning->header = *header;
    meaning->sink.zero = header->record_time;
    meaning->ticks_per_second = hs_etl_facts_clock (header, &meaning->sink);
    if (__builtin_mul_overflow (meaning->ticks_per_second,
                                (uint64_t)SECONDS_OF_A_DAY * HS_LIMIT_SPAN_DAYS, &span) ||
        span > INT64_MAX)
        span = INT64_MAX;
    meaning->plausible_time = (int64_t)span;
    meaning->own.ticks_per_second = meaning->ticks_per_second;
    meaning->own.zero_filetime = header->start_filetime;
    hs_etl_processes_init (&meaning->processes, meaning->ticks_per_second,
                           header->pointer_size == 4);
    if (!hs_etl_stacks_init (&meaning->stacks, &meaning->processes, &meaning->sink) ||
        !hs_etl_facts_init (&meaning->facts)) {
        hs_etl_meaning_free (meaning);
        return NULL;
    }
    return meaning;
}

void hs_etl_meaning_free (struct hs_etl_meaning *meaning)
{
    if (meaning == NULL)
        return;
    hs_etl_facts_clear (&meaning->facts);
    hs_etl_stacks_clear (&meaning->stacks);
    hs_etl_own_clear (&meaning->own);
    hs_etl_images_clear (&meaning->images);
    hs_etl_processes_clear (&meaning->processes);
    hs_etl_sink_clear (&meaning->sink);
    hs_free (meaning);
}

void hs_etl_meaning_begin (struct hs_etl_meaning *meaning, struct hs_event_batch *batch)
{
    uint64_t n_lost = (uint64_t)meaning->header.events_lost;

    hs_etl_sink_begin (&meaning->sink, batch);
    batch->last_time = meaning->last_time;
    batch->has_last_time = true;
    if (meaning->is_started)
        return;
    meaning->is_started = true;
    hs_etl_facts_start (&meaning->header, meaning->ticks_per_second, &meaning->sink);
    if (n_lost > 0)
        hs_batch_add (batch, HS_EVENT_LOST, 0)->number = n_lost;
}

/* Asked for every record: what others may call is not inlined. */
static inline bool has_room (const struct hs_etl_meaning *meaning)
{
    /* each early stack may name a process of its own when it is settled */
    return hs_batch_has_room (meaning->sink.batch,
                              HS_ETL_RECORD_EVENTS + HS_ETL_MERGE_NOTES + meaning->stacks.n_early);
}

bool hs_etl_meaning_has_room (const struct hs_etl_meaning *meaning)
{
    return has_room (meaning);
}

static bool is_lost_events (const uint8_t guid[16])
{
    static const uint8_t lost_events[16] = { 0xe0, 0x9a, 0x39, 0x6a, 0xc6, 0x4b, 0xe9, 0x4d,
                                             0x87, 0x0b, 0x36, 0x57, 0xf8, 0x94, 0x7e, 0x7e };

    return memcmp (guid, lost_events, sizeof lost_events) == 0;
}

/* Records of providers that are no system group. */
static void read_other (struct hs_etl_meaning *meaning, const struct hs_etl_record *record)
{
    struct hs_etl_sink *sink = &meaning->sink;

    if (record->guid == NULL || record->kind == HS_ETL_MESSAGE)
        return;
    if (hs_etl_is_image_id (record->guid)) {
        hs_etl_image_id_record (&meaning->images, &meaning->processes, sink, record);
    } else if (record->kind == HS_ETL_EVENT && hs_etl_is_own (record->guid)) {
        hs_etl_own_record (&meaning->own, &meaning->processes, sink, record);
    } else if (is_lost_events (record->guid) && record->opcode >= OPCODE_LOST_FIRST &&
               record->opcode <= OPCODE_LOST_LAST) {
        int64_t time = hs_etl_ticks (sink, record->time);

        hs_note_pile_add (&sink->notes, HS_NOTE_EVENTS_LOST, record->file_offset,
                          "the recording says here that events or buffers were lost");
        hs_batch_add (sink->batch, HS_EVENT_LOST, time)->number = 1;
    }
}

static inline void read_record (struct hs_etl_meaning *meaning, const struct hs_etl_record *record)
{
    struct hs_etl_processes *processes = &meaning->processes;
    struct hs_etl_sink *sink = &meaning->sink;

    if (__builtin_expect (record->group == GROUP_HEAP, 1)) {
        hs_etl_heap_record (processes, &meaning->stacks, sink, record);
        return;
    }
    switch (record->group) {
    case GROUP_PAGE_FAULT:
        hs_etl_page_fault_record (processes, &meaning->stacks, sink, record);
        break;
    case GROUP_POOL:
        hs_etl_pool_record (&meaning->stacks, sink, record);
        break;
    case GROUP_PROCESS:
        if (record->opcode == OPCODE_IMAGE_LOAD)
            hs_etl_image_record (&meaning->images, processes, sink, record);
        else
            hs_etl_process_record (processes, sink, record);
        break;
    case GROUP_IMAGE:
        hs_etl_image_record (&meaning->images, processes, sink, record);
        break;
    case GROUP_THREAD:
        hs_etl_thread_record (processes, sink, record);
        break;
    case GROUP_EVENT_TRACE:
        if (record->opcode == 0)
            hs_etl_facts_session (&meaning->facts, sink, record);
        break;
    case HS_ETL_NO_GROUP:
        read_other (meaning, record);
        break;
    default:
        break;
    }
}

bool hs_etl_meaning_drain (struct hs_etl_meaning *meaning)
{
    return meaning->sink.deferred.n == 0 || hs_etl_sink_drain (&meaning->sink);
}

static inline void count_record (struct hs_etl_meaning *meaning, const struct hs_etl_record *record)
{
    struct hs_etl_sink *sink = &meaning->sink;
    int64_t time = hs_etl_ticks (sink, record->time);

    if (time > meaning->last_time && time <= meaning->plausible_time) {
        meaning->last_time = time;
        sink->batch->last_time = time;
    }
    if (!hs_etl_facts_count (&meaning->facts, record))
        sink->is_out_of_memory = true;
}

bool hs_etl_meaning_read (struct hs_etl_meaning *meaning, const struct hs_etl_record *records,
                          size_t n, size_t *ret_n)
{
    const struct hs_etl_sink *sink = &meaning->sink;
    const struct hs_etl_record *record = records;
    const struct hs_etl_record *end = records + n;

    do {
        count_record (meaning, record);
        if (record->group == GROUP_STACK_WALK) {
            hs_etl_stacks_record (&meaning->stacks, record);
        } else {
            hs_etl_stacks_tick (&meaning->stacks, record);
            read_record (meaning, record);
            if (record->stack.match_id != 0)
                hs_etl_stacks_match (&meaning->stacks, record);
        }
        record++;
    } while (hs_etl_meaning_drain (meaning) && record < end && has_room (meaning) &&
             !sink->is_out_of_memory);
    *ret_n = (size_t)(record - records);
    return !sink->is_out_of_memory && !sink->batch->is_out_of_memory;
}

bool hs_etl_meaning_tell (struct hs_etl_meaning *meaning, uint64_t n_buffers)
{
    if (!hs_batch_has_room (meaning->sink.batch, HS_N_NOTE_KINDS))
        return false;
    hs_note_pile_flush (&meaning->sink.notes, meaning->sink.batch);
    return hs_etl_facts_tell (&meaning->facts, &meaning->stacks, n_buffers, &meaning->sink);
}

bool hs_etl_meaning_has_news (const struct hs_etl_meaning *meaning)
{
    return meaning->facts.n_records != meaning->facts.n_told;
}

bool hs_etl_meaning_finish (struct hs_etl_meaning *meaning)
{
    struct hs_etl_stacks *stacks = &meaning->stacks;
    struct hs_etl_sink *sink = &meaning->sink;
    uint64_t n_unresolved;

    hs_etl_stacks_finish (stacks);
    n_unresolved = stacks->table.n_references - stacks->table.n_resolved;
    if (n_unresolved > 0 || stacks->counts.orphans > 0) {
        hs_note_pile_add (&sink->notes, HS_NOTE_STACK_UNRESOLVED, HS_NO_OFFSET,
                          "%llu stack keys were never defined, %llu stacks belong to no event",
                          (unsigned long long)n_unresolved,
                          (unsigned long long)stacks->counts.orphans);
        sink->notes.notes[HS_NOTE_STACK_UNRESOLVED].count =
            (uint32_t)(n_unresolved + stacks->counts.orphans);
    }
    return !sink->is_out_of_memory;
}
