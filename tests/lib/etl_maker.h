/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hand-made ETL records for tests of their meaning: payloads put together field by field, fed to
 * hs_etl_meaning, and the events that came of them. No file and no buffer is involved.
 */
#ifndef TESTS_LIB_ETL_MAKER_H
#define TESTS_LIB_ETL_MAKER_H

#include "decode/etl/etl_meaning.h"

#include <check.h>
#include <stdlib.h>

#define MAKER_BATCHES 8
#define MAKER_T0 1000000

enum { EVENT_TRACE = 0, PAGE_FAULT = 2, PROCESS = 3, THREAD = 5, POOL = 0xe, HEAP = 0x10 };
enum { IMAGE = 0x14, STACK_WALK = 0x18 };

struct maker {
    struct hs_etl_meaning *meaning;
    struct hs_event_batch *batches[MAKER_BATCHES]; /* kept, so that events stay readable */
    unsigned n_batches;
    uint8_t payload[70000];
    size_t n; /* bytes of the payload under construction */
    unsigned pointer_size;
    struct hs_etl_record record; /* the next one: ids, cpu, version as set */
};

static inline void maker_new_batch (struct maker *maker)
{
    ck_assert_uint_lt (maker->n_batches, MAKER_BATCHES);
    maker->batches[maker->n_batches] = hs_batch_new ();
    ck_assert_ptr_nonnull (maker->batches[maker->n_batches]);
    hs_etl_meaning_begin (maker->meaning, maker->batches[maker->n_batches++]);
}

static inline void maker_init (struct maker *maker, unsigned pointer_size)
{
    struct hs_etl_header header = { .buffer_size = 65536,
                                    .pointer_size = pointer_size,
                                    .clock = 1,
                                    .perf_freq = 10000000,
                                    .n_processors = 2,
                                    .record_time = MAKER_T0 };

    memset (maker, 0, sizeof *maker);
    maker->pointer_size = pointer_size;
    maker->meaning = hs_etl_meaning_new (&header);
    ck_assert_ptr_nonnull (maker->meaning);
    maker_new_batch (maker);
}

static inline void maker_clear (struct maker *maker)
{
    hs_etl_meaning_free (maker->meaning);
    for (unsigned i = 0; i < maker->n_batches; i++)
        hs_batch_free (maker->batches[i]);
}

static inline void put_u8 (struct maker *maker, unsigned value)
{
    maker->payload[maker->n++] = (uint8_t)value;
}

static inline void put_u32 (struct maker *maker, uint64_t value)
{
    hs_put_u32 (maker->payload + maker->n, (uint32_t)value);
    maker->n += 4;
}

static inline void put_u64 (struct maker *maker, uint64_t value)
{
    hs_put_u64 (maker->payload + maker->n, value);
    maker->n += 8;
}

static inline void put_ptr (struct maker *maker, uint64_t value)
{
    if (maker->pointer_size == 8)
        put_u64 (maker, value);
    else
        put_u32 (maker, value);
}

static inline void put_ansi (struct maker *maker, const char *text)
{
    memcpy (maker->payload + maker->n, text, strlen (text) + 1);
    maker->n += strlen (text) + 1;
}

static inline void put_wide (struct maker *maker, const char *ascii)
{
    do {
        put_u8 (maker, (unsigned char)*ascii);
        put_u8 (maker, 0);
    } while (*ascii++ != '\0');
}

/* Sends the record that has been put together; time in ticks. Keeps the other settings. */
static inline void send_record (struct maker *maker, unsigned group, unsigned opcode, int64_t time)
{
    uint8_t *exact = malloc (maker->n > 0 ? maker->n : 1); /* so that over-reads are seen */
    size_t n_read;

    memcpy (exact, maker->payload, maker->n);
    maker->record.group = (uint16_t)group;
    maker->record.opcode = (uint8_t)opcode;
    maker->record.pointer_size = (uint8_t)maker->pointer_size;
    maker->record.time = MAKER_T0 + time;
    maker->record.payload = (struct hs_span){ exact, maker->n };
    ck_assert (hs_etl_meaning_read (maker->meaning, &maker->record, 1, &n_read));
    ck_assert (hs_etl_meaning_drain (maker->meaning));
    free (exact);
    maker->n = 0;
}

static inline void finish_records (struct maker *maker)
{
    ck_assert (hs_etl_meaning_finish (maker->meaning));
    ck_assert (hs_etl_meaning_drain (maker->meaning));
    ck_assert (hs_etl_meaning_tell (maker->meaning, 1));
}

/* The i-th event of a kind over all batches, or NULL. */
static inline const struct hs_event *find_event (const struct maker *maker, enum hs_event_kind kind,
                                                 unsigned i)
{
    for (unsigned b = 0; b < maker->n_batches; b++) {
        for (uint32_t e = 0; e < maker->batches[b]->n; e++) {
            if (maker->batches[b]->events[e].kind == kind && i-- == 0)
                return &maker->batches[b]->events[e];
        }
    }
    return NULL;
}

static inline const struct hs_event *get_event (const struct maker *maker, enum hs_event_kind kind,
                                                unsigned i)
{
    const struct hs_event *event = find_event (maker, kind, i);

    ck_assert_msg (event != NULL, "no %s event number %u", hs_event_kind_name (kind), i);
    return event;
}

static inline unsigned count_events (const struct maker *maker, enum hs_event_kind kind)
{
    unsigned n = 0;

    while (find_event (maker, kind, n) != NULL)
        n++;
    return n;
}

static inline void check_text (struct hs_text text, const char *expected)
{
    ck_assert_uint_eq (text.length, strlen (expected));
    ck_assert_int_eq (memcmp (text.bytes, expected, text.length), 0);
}

/* The newest value of a FACT or COUNT; fails when it was never told. */
static inline uint64_t told (const struct maker *maker, enum hs_event_kind kind, const char *name)
{
    const struct hs_fact_fields *found = NULL;

    for (unsigned i = 0; i < count_events (maker, kind); i++) {
        const struct hs_fact_fields *fact = get_event (maker, kind, i)->fact;

        if (fact->name.length == strlen (name) &&
            memcmp (fact->name.bytes, name, fact->name.length) == 0)
            found = fact;
    }
    ck_assert_msg (found != NULL, "%s was not told", name);
    return found->count;
}

/* How often a doubt was noted; finish_records first. */
static inline unsigned noted (const struct maker *maker, enum hs_note_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count_events (maker, HS_EVENT_NOTE); i++) {
        const struct hs_note_fields *note = get_event (maker, HS_EVENT_NOTE, i)->note;

        n += note->kind == kind ? note->count : 0;
    }
    return n;
}

#endif
