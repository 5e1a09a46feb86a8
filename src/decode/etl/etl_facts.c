/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ETL file says about itself; see etl_facts.h. */
#include "decode/etl/etl_facts.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>

#define GUID_BYTES 16
#define N_GROUP_PLACES 65536
/* Kinds counted apart; providers of a real machine have some thousands. The rest is one kind. */
#define MAX_KINDS 65536
#define OTHERS 0 /* its place in the list */
#define MAX_COLLISIONS 16
#define TICKS_100NS UINT64_C (10000000)
/* System time advances in steps of 0.5 to 15.6 ms (formats/etl.md 4.2). */
#define SYSTEM_TIME_STEP 5000

enum { CLOCK_QPC = 1, CLOCK_SYSTEM_TIME, CLOCK_CPU_CYCLES };

bool hs_etl_facts_init (struct hs_etl_facts *facts)
{
    *facts = (struct hs_etl_facts){ 0 };
    facts->by_group = hs_alloc_zeroed (N_GROUP_PLACES, sizeof *facts->by_group);
    if (facts->by_group == NULL || !hs_array_reserve (&facts->counts, 1))
        return false;
    facts->counts.items[facts->counts.n++] = (struct hs_etl_count){ .group = HS_ETL_NO_GROUP };
    return true;
}

void hs_etl_facts_clear (struct hs_etl_facts *facts)
{
    hs_array_clear (&facts->counts);
    hs_idmap_clear (&facts->by_guid);
    hs_free (facts->by_group);
    facts->by_group = NULL;
}

/* ---- counts ---- */

/* Index of a new kind, HS_IDMAP_NONE when memory is out. */
static uint32_t add_count (struct hs_etl_facts *facts, const struct hs_etl_record *record)
{
    struct hs_etl_count count = { .group = record->group,
                                  .opcode = record->opcode,
                                  .is_message =
                                      record->group == HS_ETL_NO_GROUP && record->guid == NULL };

    if (!hs_array_reserve (&facts->counts, 1))
        return HS_IDMAP_NONE;
    if (record->guid != NULL)
        memcpy (count.guid, record->guid, GUID_BYTES);
    facts->counts.items[facts->counts.n] = count;
    return (uint32_t)facts->counts.n++;
}

static bool is_count_of (const struct hs_etl_count *count, const struct hs_etl_record *record)
{
    static const uint8_t zeros[GUID_BYTES];

    return count->group == HS_ETL_NO_GROUP && count->opcode == record->opcode &&
           count->is_message == (record->guid == NULL) &&
           memcmp (count->guid, record->guid != NULL ? record->guid : zeros, GUID_BYTES) == 0;
}

static uint32_t find_by_guid (struct hs_etl_facts *facts, const struct hs_etl_record *record)
{
    uint64_t hash = record->opcode;
    unsigned n_collisions = 0;
    uint32_t i;

    if (record->guid != NULL)
        hash = hs_hash_u64 (hs_get_u64 (record->guid) ^ hash) ^ hs_get_u64 (record->guid + 8);
    while ((i = hs_idmap_get (&facts->by_guid, hash)) != HS_IDMAP_NONE) {
        if (is_count_of (&facts->counts.items[i], record))
            return i;
        if (++n_collisions == MAX_COLLISIONS)
            return OTHERS;
        hash++;
    }
    if (facts->counts.n >= MAX_KINDS)
        return OTHERS;
    i = add_count (facts, record);
    if (i != HS_IDMAP_NONE && !hs_idmap_set (&facts->by_guid, hash, i)) {
        facts->counts.n--;
        return HS_IDMAP_NONE;
    }
    return i;
}

bool hs_etl_facts_count_other (struct hs_etl_facts *facts, const struct hs_etl_record *record)
{
    uint32_t i = OTHERS;

    if (record->group >= HS_ETL_NO_GROUP) {
        i = find_by_guid (facts, record);
    } else if (facts->counts.n < MAX_KINDS) {
        i = add_count (facts, record);
        if (i != HS_IDMAP_NONE)
            facts->by_group[record->group << 8 | record->opcode] = i + 1;
    }
    if (i == HS_IDMAP_NONE)
        return false;
    facts->counts.items[i].count++;
    return true;
}

static void name_of (const struct hs_etl_count *count, size_t i, char name[64])
{
    const uint8_t *guid = count->guid;
    char group[16];

    if (i == OTHERS)
        (void)snprintf (name, 64, "Others/0");
    else if (count->is_message)
        (void)snprintf (name, 64, "Message/%u", count->opcode);
    else if (count->group != HS_ETL_NO_GROUP)
        (void)snprintf (name, 64, "%s/%u", hs_etl_group_name (count->group, group), count->opcode);
    else
        (void)snprintf (name, 64, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x/%u",
                        hs_get_u32 (guid), hs_get_u16 (guid + 4), hs_get_u16 (guid + 6), guid[8],
                        guid[9], guid[10], guid[11], guid[12], guid[13], guid[14], guid[15],
                        count->opcode);
}

/* ---- facts ---- */

uint64_t hs_etl_facts_clock (const struct hs_etl_header *header, struct hs_etl_sink *sink)
{
    if (header->clock == CLOCK_SYSTEM_TIME)
        return TICKS_100NS;
    if (header->clock == CLOCK_CPU_CYCLES && header->cpu_mhz != 0)
        return header->cpu_mhz * UINT64_C (1000000);
    if (header->clock != CLOCK_CPU_CYCLES && header->perf_freq > 0) {
        if (header->clock > CLOCK_CPU_CYCLES)
            hs_note_pile_add (&sink->notes, HS_NOTE_CLOCK, HS_NO_OFFSET,
                              "the file's clock type %u is unknown; read as a performance counter",
                              header->clock);
        return (uint64_t)header->perf_freq;
    }
    hs_note_pile_add (&sink->notes, HS_NOTE_CLOCK, HS_NO_OFFSET,
                      "the file does not say how fast its clock runs (type %u, %lld Hz, %u MHz); "
                      "read as 10 MHz",
                      header->clock, (long long)header->perf_freq, header->cpu_mhz);
    return TICKS_100NS;
}

void hs_etl_facts_start (const struct hs_etl_header *header, uint64_t ticks_per_second,
                         struct hs_etl_sink *sink)
{
    struct hs_event_batch *batch = sink->batch;
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_CLOCK, 0);

    event->clock = (struct hs_clock_fields){
        .ticks_per_second = ticks_per_second,
        .zero_filetime = header->start_filetime,
        .resolution_ticks = header->clock == CLOCK_SYSTEM_TIME ? SYSTEM_TIME_STEP : 1,
    };
    hs_batch_add_fact_unsigned (batch, "header.pointer_size", header->pointer_size);
    hs_batch_add_fact_unsigned (batch, "header.clock", header->clock);
    hs_batch_add_fact_number (batch, "header.perf_freq", header->perf_freq);
    hs_batch_add_fact_unsigned (batch, "header.processors", header->n_processors);
    hs_batch_add_fact_unsigned (batch, "header.buffer_size", header->buffer_size);
    hs_batch_add_fact_unsigned (batch, "header.buffers_written", header->buffers_written);
    hs_batch_add_fact_unsigned (batch, "header.events_lost", header->events_lost);
    hs_batch_add_fact_unsigned (batch, "header.buffers_lost", header->buffers_lost);
    hs_batch_add_fact_number (batch, "header.start_filetime", header->start_filetime);
    hs_batch_add_fact_number (batch, "header.end_filetime", header->end_filetime);
    hs_batch_add_fact_number (batch, "header.boot_filetime", header->boot_filetime);
    hs_batch_add_fact_number (batch, "header.record_ts", header->record_time);
    hs_batch_add_fact_text (batch, "header.session_name", header->session_name);
    hs_batch_add_fact_text (batch, "header.log_file_name", header->log_file_name);
    hs_batch_add_fact_unsigned (batch, "header.cpu_mhz", header->cpu_mhz);
}

void hs_etl_facts_session (struct hs_etl_facts *facts, struct hs_etl_sink *sink,
                           const struct hs_etl_record *record)
{
    bool is_64bit = record->pointer_size == 8;
    struct hs_span payload = record->payload;
    size_t name_offset = is_64bit ? 0x118 : 0x110;
    char fact[48], name[256];

    if (!facts->has_header) {
        facts->has_header = true;
        return;
    }
    if (payload.size < name_offset) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    facts->n_sessions++;
    (void)hs_text_from_utf16 (hs_span_part (payload, name_offset, SIZE_MAX), name, sizeof name);
    (void)snprintf (fact, sizeof fact, "session.%u.name", facts->n_sessions);
    hs_batch_add_fact_text (sink->batch, fact, name);
    (void)snprintf (fact, sizeof fact, "session.%u.events_lost", facts->n_sessions);
    hs_batch_add_fact_unsigned (sink->batch, fact, hs_span_u32_at (payload, 0x30));
    (void)snprintf (fact, sizeof fact, "session.%u.buffers_lost", facts->n_sessions);
    hs_batch_add_fact_unsigned (sink->batch, fact,
                                hs_span_u32_at (payload, is_64bit ? 0x114 : 0x10c));
}

static void tell_totals (const struct hs_etl_facts *facts, const struct hs_etl_stacks *stacks,
                         uint64_t n_buffers, struct hs_event_batch *batch)
{
    const struct hs_etl_stack_table *table = &stacks->table;

    hs_batch_add_fact_unsigned (batch, "buffers.present", n_buffers);
    hs_batch_add_fact_unsigned (batch, "events_total", facts->n_records);
    hs_batch_add_fact_unsigned (batch, "stack.walks", stacks->counts.walks);
    hs_batch_add_fact_unsigned (batch, "stack.items", stacks->counts.items);
    hs_batch_add_fact_unsigned (batch, "stack.attached", stacks->counts.attached);
    hs_batch_add_fact_unsigned (batch, "stack.orphans", stacks->counts.orphans);
    hs_batch_add_fact_unsigned (batch, "stack.key_definitions", stacks->counts.definitions);
    hs_batch_add_fact_unsigned (batch, "stack.key_references", stacks->counts.references);
    hs_batch_add_fact_unsigned (batch, "stack.keys_resolved", table->n_resolved);
    hs_batch_add_fact_unsigned (batch, "stack.unresolved", table->n_references - table->n_resolved);
}

bool hs_etl_facts_tell (struct hs_etl_facts *facts, const struct hs_etl_stacks *stacks,
                        uint64_t n_buffers, struct hs_etl_sink *sink)
{
    struct hs_event_batch *batch = sink->batch;

    if (!hs_batch_has_room (batch, 16))
        return false;
    if (facts->cursor == 0)
        tell_totals (facts, stacks, n_buffers, batch);
    for (; facts->cursor < facts->counts.n; facts->cursor++) {
        struct hs_etl_count *count = &facts->counts.items[facts->cursor];
        char name[64];

        if (count->count == count->told)
            continue;
        if (!hs_batch_has_room (batch, 1))
            return false;
        name_of (count, facts->cursor, name);
        hs_batch_add_count (batch, name, count->count);
        count->told = count->count;
    }
    facts->cursor = 0;
    facts->n_told = facts->n_records;
    return true;
}
