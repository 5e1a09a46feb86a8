/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an ETL file says about itself, and how many records of which kind it holds: HS_EVENT_FACT
 * and HS_EVENT_COUNT. One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_FACTS_H
#define HS_DECODE_ETL_ETL_FACTS_H

#include "base/idmap.h"
#include "decode/etl/etl_sink.h"
#include "decode/etl/etl_stacks.h"

struct hs_etl_count {
    uint64_t count, told;
    uint8_t guid[16]; /* when group is HS_ETL_NO_GROUP */
    uint16_t group;
    uint8_t opcode;
    bool is_message; /* no group, no GUID */
};

struct hs_etl_facts {
    HS_ARRAY (struct hs_etl_count) counts;
    uint32_t *by_group;      /* counts + 1 by group << 8 | opcode */
    struct hs_idmap by_guid; /* hash of (GUID, opcode) -> counts */
    uint64_t n_records, n_told;
    uint32_t n_sessions; /* further log file header records met */
    size_t cursor;       /* counts not yet told in this round */
    bool has_header;     /* the first log file header record went by */
};

bool hs_etl_facts_init (struct hs_etl_facts *facts);
void hs_etl_facts_clear (struct hs_etl_facts *facts);

/* Not for direct use: a record of a kind not seen before, or without a group. */
bool hs_etl_facts_count_other (struct hs_etl_facts *facts, const struct hs_etl_record *record);

/* False when memory is out. */
static inline bool hs_etl_facts_count (struct hs_etl_facts *facts,
                                       const struct hs_etl_record *record)
{
    uint32_t place =
        record->group < HS_ETL_NO_GROUP ? facts->by_group[record->group << 8 | record->opcode] : 0;

    facts->n_records++;
    if (place == 0)
        return hs_etl_facts_count_other (facts, record);
    facts->counts.items[place - 1].count++;
    return true;
}

/* Once, at the start: some twenty events. Returns the ticks per second; doubts become notes. */
uint64_t hs_etl_facts_clock (const struct hs_etl_header *header, struct hs_etl_sink *sink);
void hs_etl_facts_start (const struct hs_etl_header *header, uint64_t ticks_per_second,
                         struct hs_etl_sink *sink);

/* EventTrace/0: the log file header of one more session in a merged file. Three events at most. */
void hs_etl_facts_session (struct hs_etl_facts *facts, struct hs_etl_sink *sink,
                           const struct hs_etl_record *record);

/* Tells what has changed; false when the batch is full: call again with the next one. */
bool hs_etl_facts_tell (struct hs_etl_facts *facts, const struct hs_etl_stacks *stacks,
                        uint64_t n_buffers, struct hs_etl_sink *sink);

#endif
