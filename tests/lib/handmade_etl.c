/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small ETL files; see handmade_etl.h. */
#include "handmade_etl.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

uint8_t *etl_last_buffer (struct etl_file *maker)
{
    return maker->bytes + maker->n - ETL_SIZE;
}

void etl_begin_buffer (struct etl_file *maker, unsigned cpu, unsigned sequence)
{
    uint8_t *at = maker->bytes + maker->n;

    ck_assert_uint_lt (maker->n, sizeof maker->bytes);
    memset (at, 0, ETL_HEAD);
    memset (at + ETL_HEAD, 0xff, ETL_SIZE - ETL_HEAD);
    hs_put_u32 (at, ETL_SIZE);
    hs_put_u32 (at + 0x04, ETL_HEAD);
    hs_put_u64 (at + 0x18, sequence);
    hs_put_u16 (at + 0x28, (uint16_t)cpu);
    hs_put_u16 (at + 0x2a, 5);
    hs_put_u32 (at + 0x2c, 3);
    hs_put_u32 (at + 0x30, ETL_HEAD);
    hs_put_u16 (at + 0x34, 0x20);
    maker->n += ETL_SIZE;
}

/* Room for a record of `size` bytes in the last buffer; the gap behind it holds rubbish. */
uint8_t *etl_add_bytes (struct etl_file *maker, size_t size)
{
    uint8_t *buffer = etl_last_buffer (maker);
    uint32_t filled = hs_get_u32 (buffer + 0x30);
    uint32_t end = filled + (uint32_t)((size + 7) & ~(size_t)7);

    ck_assert_uint_le (end, ETL_SIZE);
    memset (buffer + filled, 0xa5, end - filled);
    memset (buffer + filled, 0, size);
    hs_put_u32 (buffer + 0x30, end);
    hs_put_u32 (buffer + 0x04, end);
    return buffer + filled;
}

/* A PERFINFO64 record of group 10 (Heap) whose opcode tells it from others. */
uint8_t *etl_add_perf (struct etl_file *maker, int64_t time, unsigned opcode, size_t payload)
{
    uint8_t *at = etl_add_bytes (maker, 0x10 + payload);

    hs_put_u32 (at, 0xc0110002);
    hs_put_u16 (at + 4, (uint16_t)(0x10 + payload));
    at[6] = (uint8_t)opcode;
    at[7] = 0x10;
    hs_put_u64 (at + 8, (uint64_t)time);
    return at;
}

static void add_header_record (struct etl_file *maker, unsigned type)
{
    size_t earlier = type == 1 ? 8 : 0;
    static const uint16_t names[] = { 'm', 0xe4, 'x', 0, 'C', ':', 'f', 0 };
    size_t size = 0x20 + 0x118 - earlier + sizeof names;
    uint8_t *at = etl_add_bytes (maker, size);
    uint8_t *log = at + 0x20;

    hs_put_u32 (at, 0xc0000002 | type << 16);
    hs_put_u16 (at + 4, (uint16_t)size);
    hs_put_u64 (at + 0x10, ETL_T0);
    hs_put_u32 (log, ETL_SIZE);
    log[4] = 10;
    hs_put_u32 (log + 0x08, 19041);
    hs_put_u32 (log + 0x0c, 4);
    hs_put_u64 (log + 0x10, 133500000000000001);
    hs_put_u32 (log + 0x20, 1);
    hs_put_u32 (log + 0x2c, type == 1 ? 4 : 8);
    hs_put_u32 (log + 0x34, 3000);
    log -= earlier;
    hs_put_u64 (log + 0xf8, 77);
    hs_put_u64 (log + 0x100, 10000000);
    hs_put_u64 (log + 0x108, 133500000000000000);
    hs_put_u32 (log + 0x110, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        hs_put_u16 (log + 0x118 + 2 * i, names[i]);
}

struct etl_file *etl_new_file (unsigned header_type)
{
    struct etl_file *maker = calloc (1, sizeof *maker);

    etl_begin_buffer (maker, 0, 0);
    hs_put_u16 (maker->bytes + 0x34, 0x21);
    hs_put_u16 (maker->bytes + 0x36, 4);
    add_header_record (maker, header_type);
    return maker;
}

uint8_t *etl_log_of (struct etl_file *maker)
{
    return maker->bytes + ETL_HEAD + 0x20;
}

/* XPRESS without matches: a word of 32 zero flags, 32 literals, and so on. The last buffer. */
void etl_pack_last (struct etl_file *maker)
{
    uint8_t *buffer = etl_last_buffer (maker);
    uint32_t filled = hs_get_u32 (buffer + 0x30);
    uint8_t packed[2 * ETL_SIZE];
    size_t n = 0;

    for (uint32_t i = ETL_HEAD; i < filled; i++) {
        if ((i - ETL_HEAD) % 32 == 0) {
            memset (packed + n, 0, 4);
            n += 4;
        }
        packed[n++] = buffer[i];
    }
    ck_assert_uint_le (n, ETL_SIZE);
    memcpy (buffer + ETL_HEAD, packed, n);
    hs_put_u32 (buffer, (uint32_t)(ETL_HEAD + n));
    hs_put_u16 (buffer + 0x34, 0x60);
    maker->n = (size_t)(buffer - maker->bytes) + ETL_HEAD + n;
}

void etl_drain (struct hs_etl_merge *merge, struct etl_seen *seen)
{
    struct hs_event_batch *batch = hs_batch_new ();

    for (;;) {
        size_t max = 1 + seen->n % 5; /* runs of any length are the same records */
        size_t n = 0;

        ck_assert_uint_le (seen->n + max, ETL_MAX_RECORDS);
        hs_batch_reset (batch);
        seen->status =
            hs_etl_merge_next (merge, batch, max, seen->records + seen->n, &n, &seen->err);
        for (uint32_t i = 0; i < batch->n; i++) {
            const struct hs_note_fields *note = batch->events[i].note;

            seen->notes[note->kind] += note->count;
            ck_assert_int_eq (note->text.bytes[note->text.length - 1], '.');
        }
        if (seen->status != HS_OK)
            break;
        ck_assert_uint_le (n, max);
        seen->n += n;
    }
    seen->n_buffers = hs_etl_merge_n_buffers (merge);
    hs_batch_free (batch);
}

/* `n` bytes of the file, in memory of exactly that size. */
struct etl_seen *etl_read_bytes (const uint8_t *bytes, size_t n)
{
    struct etl_seen *seen = calloc (1, sizeof *seen);
    uint8_t *copy = malloc (n > 0 ? n : 1);
    struct hs_source *source;
    struct hs_etl_merge *merge;

    memcpy (copy, bytes, n);
    ck_assert_int_eq (hs_source_open_memory ((struct hs_span){ copy, n }, "made", &source, NULL),
                      HS_OK);
    seen->status = hs_etl_merge_open (&source, 1, &merge, &seen->err);
    if (seen->status == HS_OK) {
        etl_drain (merge, seen);
        hs_etl_merge_close (merge);
    }
    hs_source_close (source);
    free (copy);
    return seen;
}

struct etl_seen *etl_read_file (struct etl_file *maker)
{
    struct etl_seen *seen = etl_read_bytes (maker->bytes, maker->n);

    free (maker);
    return seen;
}

uint32_t etl_n_issues (const struct etl_seen *seen)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < HS_N_NOTE_KINDS; i++)
        n += hs_note_kind_is_structural ((enum hs_note_kind)i) ? seen->notes[i] : 0;
    return n;
}

/* The opcodes behind the log file header record, in the order of delivery. */
void etl_expect_opcodes (const struct etl_seen *seen, const char *wanted)
{
    char got[3 * ETL_MAX_RECORDS] = "";

    for (size_t i = 1; i < seen->n; i++)
        (void)snprintf (got + strlen (got), sizeof got - strlen (got), "%s%u", i > 1 ? " " : "",
                        seen->records[i].opcode);
    ck_assert_str_eq (got, wanted);
}
