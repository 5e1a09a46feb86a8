/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log file header and record headers (formats/etl.md 1.4, 3 and 5) of files made by hand. */
#include "handmade_etl.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

/* ---- the log file header ---- */

START_TEST (both_forms_of_the_header_are_read)
{
    for (unsigned type = 1; type <= 2; type++) {
        struct etl_file *maker = etl_new_file (type);
        struct hs_source *source;
        struct hs_etl_merge *merge;
        const struct hs_etl_header *header;

        ck_assert_int_eq (
            hs_source_open_memory ((struct hs_span){ maker->bytes, maker->n }, "x", &source, NULL),
            HS_OK);
        ck_assert_int_eq (hs_etl_merge_open (&source, 1, &merge, NULL), HS_OK);
        header = hs_etl_merge_header (merge);
        ck_assert_uint_eq (header->buffer_size, ETL_SIZE);
        ck_assert_uint_eq (header->os_build, 19041);
        ck_assert_uint_eq (header->pointer_size, type == 1 ? 4 : 8);
        ck_assert_int_eq (header->perf_freq, 10000000);
        ck_assert_int_eq (header->start_filetime, 133500000000000000);
        ck_assert_int_eq (header->boot_filetime, 77);
        ck_assert_uint_eq (header->clock, 1);
        ck_assert_int_eq (header->record_time, ETL_T0);
        ck_assert_str_eq (header->session_name, "mäx");
        ck_assert_str_eq (header->log_file_name, "C:f");
        hs_etl_merge_close (merge);
        hs_source_close (source);
        free (maker);
    }
}
END_TEST

START_TEST (what_is_no_etl_file_is_refused)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    seen = etl_read_bytes (maker->bytes, ETL_HEAD - 1);
    ck_assert_int_eq (seen->status, HS_UNSUPPORTED);
    free (seen);
    seen = etl_read_bytes (maker->bytes, ETL_HEAD + 0x130);
    ck_assert_int_eq (seen->status, HS_DAMAGED);
    free (seen);
    maker->bytes[ETL_HEAD + 6] = 1; /* opcode of the first record */
    seen = etl_read_bytes (maker->bytes, maker->n);
    ck_assert_int_eq (seen->status, HS_UNSUPPORTED);
    free (seen);
    maker->bytes[0x36] = 0;
    seen = etl_read_file (maker);
    ck_assert_int_eq (seen->status, HS_UNSUPPORTED);
    free (seen);
}
END_TEST

START_TEST (packings_that_cannot_be_read_are_named)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    hs_put_u32 (etl_log_of (maker) + 0x20, 0x4000001);
    maker->bytes[0x2c] = 2;
    seen = etl_read_file (maker);
    ck_assert_int_eq (seen->status, HS_UNSUPPORTED);
    ck_assert_ptr_nonnull (strstr (seen->err.text, "LZNT1"));
    free (seen);
}
END_TEST

START_TEST (lost_and_unfinished_is_told)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 0, 1);
    etl_last_buffer (maker)[0x34] |= 2;
    etl_begin_buffer (maker, 0, 4);
    hs_put_u32 (etl_log_of (maker) + 0x30, 65);
    hs_put_u64 (etl_log_of (maker) + 0x10, 0);
    seen = etl_read_file (maker);
    ck_assert_int_eq (seen->status, HS_END);
    ck_assert_uint_eq (seen->notes[HS_NOTE_EVENTS_LOST], 66);
    ck_assert_uint_eq (seen->notes[HS_NOTE_NOT_FINALIZED], 1);
    ck_assert_uint_eq (seen->notes[HS_NOTE_SEQUENCE_GAP], 2);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    free (seen);
}
END_TEST

/* ---- records ---- */

START_TEST (system_headers_are_read)
{
    static const struct {
        unsigned type, bytes, pointer;
    } forms[] = { { 1, 0x20, 4 }, { 2, 0x20, 8 }, { 3, 0x18, 4 }, { 4, 0x18, 8 } };
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 3, 1);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *at = etl_add_bytes (maker, forms[i].bytes + 5 + 24 * (i / 2));

        hs_put_u32 (at, 0xc0000007 | forms[i].type << 16);
        at[1] = i / 2 > 0 ? 0x82 : 0; /* PEBS and two counters */
        hs_put_u16 (at + 4, (uint16_t)(forms[i].bytes + 5 + 24 * (i / 2)));
        at[6] = 39;
        at[7] = 3;
        hs_put_u32 (at + 8, 11);
        hs_put_u32 (at + 12, 22);
        hs_put_u64 (at + 16, ETL_T0 + i);
    }
    seen = etl_read_file (maker);
    ck_assert_uint_eq (seen->n, 5);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    for (unsigned i = 0; i < 4; i++) {
        const struct hs_etl_record *record = &seen->records[i + 1];

        ck_assert_int_eq (record->time, ETL_T0 + i);
        ck_assert_uint_eq (record->header_type, forms[i].type);
        ck_assert_uint_eq (record->pointer_size, forms[i].pointer);
        ck_assert_uint_eq (record->version, 7);
        ck_assert_uint_eq (record->group, 3);
        ck_assert_uint_eq (record->opcode, 39);
        ck_assert_uint_eq (record->thread, 11);
        ck_assert_uint_eq (record->process, 22);
        ck_assert_uint_eq (record->cpu, 3);
        ck_assert_uint_eq (record->payload.size, 5);
        ck_assert_uint_eq (record->kind, HS_ETL_CLASSIC);
    }
    ck_assert_uint_eq (seen->records[1].file_offset, ETL_SIZE + ETL_HEAD);
    free (seen);
}
END_TEST

static const uint8_t heap_guid[16] = { 0xab, 0x62, 0x29, 0x22, 0x80, 0x61, 0x88, 0x4b,
                                       0xa8, 0x25, 0x34, 0x6b, 0x75, 0xf2, 0xa2, 0x4a };

static uint8_t *add_guid_record (struct etl_file *maker, unsigned type, unsigned header,
                                 size_t rest)
{
    uint8_t *at = etl_add_bytes (maker, header + rest);

    hs_put_u16 (at, (uint16_t)(header + rest));
    at[2] = (uint8_t)type;
    at[3] = 0xc0;
    hs_put_u32 (at + 8, 33);
    hs_put_u32 (at + 12, 44);
    hs_put_u64 (at + 16, ETL_T0 + 1);
    memcpy (at + 0x18, heap_guid, 16);
    return at;
}

START_TEST (headers_with_a_guid_are_read)
{
    static const struct {
        unsigned type, bytes, pointer;
    } forms[] = { { 10, 0x30, 4 }, { 20, 0x30, 8 }, { 11, 0x48, 4 }, { 21, 0x48, 8 } };
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 0, 1);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *at = add_guid_record (maker, forms[i].type, forms[i].bytes, 9);

        at[4] = 33;
        hs_put_u16 (at + 6, 0x102);
        at[0x18] = (uint8_t)(at[0x18] + (i == 3));
    }
    seen = etl_read_file (maker);
    ck_assert_uint_eq (seen->n, 5);
    for (unsigned i = 0; i < 4; i++) {
        const struct hs_etl_record *record = &seen->records[i + 1];

        ck_assert_uint_eq (record->group, i < 3 ? 0x10 : HS_ETL_NO_GROUP);
        ck_assert_ptr_nonnull (record->guid);
        ck_assert_uint_eq (record->opcode, 33);
        ck_assert_uint_eq (record->version, 0x102);
        ck_assert_uint_eq (record->pointer_size, forms[i].pointer);
        ck_assert_uint_eq (record->thread, 33);
        ck_assert_uint_eq (record->process, 44);
        ck_assert_uint_eq (record->payload.size, 9);
    }
    free (seen);
}
END_TEST

static uint8_t *put_item (uint8_t *at, unsigned type, unsigned data_size, bool has_more)
{
    unsigned total = 8 + ((data_size + 7) & ~7u);

    hs_put_u16 (at, (uint16_t)total);
    hs_put_u16 (at + 2, (uint16_t)type);
    hs_put_u16 (at + 4, has_more);
    hs_put_u16 (at + 6, (uint16_t)data_size);
    return at + total;
}

START_TEST (extended_items_give_stacks)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;
    uint8_t *at;

    etl_begin_buffer (maker, 0, 1);
    at = add_guid_record (maker, 18, 0x50, 12 * 8 + 3); /* two items, a payload of 3 */
    hs_put_u16 (at + 4, 1);
    hs_put_u16 (at + 0x28, 4711);
    at[0x2a] = 2;
    at[0x2d] = 34;
    at = put_item (at + 0x50, 6, 8 + 8 * 6, true);
    hs_put_u64 (at - 56, 99); /* match id */
    put_item (at, 2, 24, false);
    at = add_guid_record (maker, 19, 0x50, 16 + 8);
    hs_put_u16 (at + 4, 1 | 0x20); /* of a 32-bit provider */
    put_item (at + 0x50, 0x11, 16, false);
    at = add_guid_record (maker, 19, 0x50, 24);
    hs_put_u16 (at + 4, 1);
    put_item (at + 0x50, 5, 8 + 4 * 2, false);
    seen = etl_read_file (maker);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    ck_assert_uint_eq (seen->n, 4);
    ck_assert_uint_eq (seen->records[1].kind, HS_ETL_EVENT);
    ck_assert_uint_eq (seen->records[1].event_id, 4711);
    ck_assert_uint_eq (seen->records[1].version, 2);
    ck_assert_uint_eq (seen->records[1].opcode, 34);
    ck_assert_uint_eq (seen->records[1].group, 0x10);
    ck_assert_uint_eq (seen->records[1].pointer_size, 4);
    ck_assert_uint_eq (seen->records[1].payload.size, 3);
    ck_assert_uint_eq (seen->records[1].stack.address_size, 8);
    ck_assert_uint_eq (seen->records[1].stack.addresses.size, 48);
    ck_assert_uint_eq (seen->records[1].stack.match_id, 99);
    ck_assert (!seen->records[1].stack.is_key);
    ck_assert_uint_eq (seen->records[2].pointer_size, 4);
    ck_assert (seen->records[2].stack.is_key);
    ck_assert_uint_eq (seen->records[2].stack.addresses.size, 4);
    ck_assert_uint_eq (seen->records[3].stack.address_size, 4);
    ck_assert_uint_eq (seen->records[3].stack.addresses.size, 8);
    ck_assert_uint_eq (seen->records[3].payload.size, 0);
    free (seen);
}
END_TEST

START_TEST (damaged_items_cost_the_payload_only)
{
    for (unsigned i = 0; i < 4; i++) {
        struct etl_file *maker = etl_new_file (2);
        struct etl_seen *seen;
        uint8_t *item;

        etl_begin_buffer (maker, 0, 1);
        item = add_guid_record (maker, 19, 0x50, 24 + 8);
        hs_put_u16 (item + 4, 1);
        item += 0x50;
        put_item (item, 6, 16, false);
        if (i == 0)
            hs_put_u16 (item, 0);
        if (i == 1)
            hs_put_u16 (item, 20);
        if (i == 2)
            hs_put_u16 (item, 40);
        if (i == 3)
            hs_put_u16 (item + 6, 17);
        etl_add_perf (maker, ETL_T0 + 2, 9, 0);
        seen = etl_read_file (maker);
        ck_assert_uint_eq (seen->n, 3);
        ck_assert_uint_eq (seen->notes[HS_NOTE_EXTENDED_ITEM], 1);
        ck_assert_uint_eq (etl_n_issues (seen), 1);
        ck_assert_uint_eq (seen->records[1].payload.size, 0);
        ck_assert_uint_eq (seen->records[1].stack.address_size, 0);
        ck_assert_uint_eq (seen->records[2].opcode, 9);
        free (seen);
    }
}
END_TEST

static uint8_t *add_message (struct etl_file *maker, uint32_t mark, unsigned options, size_t size)
{
    uint8_t *at = etl_add_bytes (maker, size);

    hs_put_u32 (at, mark | (uint32_t)size);
    hs_put_u16 (at + 4, 77);
    hs_put_u16 (at + 6, (uint16_t)options);
    return at;
}

START_TEST (messages_are_read)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;
    uint8_t *at;

    etl_begin_buffer (maker, 0, 1);
    etl_add_perf (maker, ETL_T0 + 5, 1, 0);
    add_message (maker, 0x90000000, 0, 8); /* takes the time of the record before */
    at = add_message (maker, 0x90000000, 1 | 2 | 8 | 0x20, 8 + 4 + 16 + 8 + 8 + 6);
    hs_put_u64 (at + 28, ETL_T0 + 7);
    hs_put_u32 (at + 36, 55);
    hs_put_u32 (at + 40, 66);
    at = add_message (maker, 0xc00f0000, 4 | 0x10, 8 + 4 + 8);
    hs_put_u64 (at + 12, ETL_T0 + 9);
    etl_add_perf (maker, ETL_T0 + 10, 2, 0);
    seen = etl_read_file (maker);
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    ck_assert_uint_eq (seen->n, 6);
    ck_assert_int_eq (seen->records[2].time, ETL_T0 + 5);
    ck_assert_uint_eq (seen->records[2].kind, HS_ETL_MESSAGE);
    ck_assert_ptr_null (seen->records[2].guid);
    ck_assert_int_eq (seen->records[3].time, ETL_T0 + 7);
    ck_assert_ptr_nonnull (seen->records[3].guid);
    ck_assert_uint_eq (seen->records[3].thread, 55);
    ck_assert_uint_eq (seen->records[3].process, 66);
    ck_assert_uint_eq (seen->records[3].payload.size, 6);
    ck_assert_uint_eq (seen->records[3].event_id, 77);
    ck_assert_int_eq (seen->records[4].time, ETL_T0 + 9);
    ck_assert_uint_eq (seen->records[4].payload.size, 0);
    free (seen);
}
END_TEST

START_TEST (a_damaged_record_costs_the_rest_of_its_buffer)
{
    for (unsigned i = 0; i < 5; i++) {
        struct etl_file *maker = etl_new_file (2);
        struct etl_seen *seen;
        uint8_t *at;

        etl_begin_buffer (maker, 0, 1);
        etl_add_perf (maker, ETL_T0 + 1, 1, 3);
        at = etl_add_perf (maker, ETL_T0 + 2, 2, 0);
        if (i == 0)
            at[3] = 0xb0;
        if (i == 1)
            at[2] = 12; /* a header type without a layout */
        if (i == 2)
            hs_put_u16 (at + 4, 0);
        if (i == 3)
            hs_put_u16 (at + 4, 0xfff8);
        if (i == 4)
            at[1] = 7; /* seven counters that are not there */
        etl_add_perf (maker, ETL_T0 + 3, 3, 0);
        etl_begin_buffer (maker, 0, 2);
        etl_add_perf (maker, ETL_T0 + 4, 4, 0);
        seen = etl_read_file (maker);
        etl_expect_opcodes (seen, "1 4");
        ck_assert_uint_eq (seen->notes[HS_NOTE_RECORD_DAMAGED], 1);
        ck_assert_uint_eq (etl_n_issues (seen), 1);
        free (seen);
    }
}
END_TEST

START_TEST (a_marker_of_ones_ends_a_buffer_quietly)
{
    struct etl_file *maker = etl_new_file (2);
    struct etl_seen *seen;

    etl_begin_buffer (maker, 0, 1);
    etl_add_perf (maker, ETL_T0 + 1, 1, 0);
    hs_put_u32 (etl_last_buffer (maker) + 0x30, ETL_SIZE);
    seen = etl_read_file (maker);
    etl_expect_opcodes (seen, "1");
    ck_assert_uint_eq (etl_n_issues (seen), 0);
    free (seen);
}
END_TEST

START_TEST (groups_have_guids_and_names)
{
    static const uint8_t range_guid[16] = { 0x11, 0xca, 0x81, 0xd7, 0xc0, 0x61, 0x87, 0x43,
                                            0xb8, 0x3d, 0xaf, 0x52, 0xd3, 0xd2, 0xdd, 0x6a };
    char buffer[16];

    ck_assert_uint_eq (hs_etl_group_of_guid (heap_guid), 0x10);
    ck_assert_uint_eq (hs_etl_group_of_guid (range_guid), 2);
    ck_assert_str_eq (hs_etl_group_name (0, buffer), "EventTrace");
    ck_assert_str_eq (hs_etl_group_name (0x0b, buffer), "SystemConfig");
    ck_assert_str_eq (hs_etl_group_name (0x10, buffer), "Heap");
    ck_assert_str_eq (hs_etl_group_name (0x14, buffer), "Image");
    ck_assert_str_eq (hs_etl_group_name (0x18, buffer), "StackWalk");
    ck_assert_str_eq (hs_etl_group_name (0x1e, buffer), "HypervisorX");
    ck_assert_str_eq (hs_etl_group_name (0x2a, buffer), "group42");
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_records");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 60);
    tcase_add_test (rules, both_forms_of_the_header_are_read);
    tcase_add_test (rules, what_is_no_etl_file_is_refused);
    tcase_add_test (rules, packings_that_cannot_be_read_are_named);
    tcase_add_test (rules, lost_and_unfinished_is_told);
    tcase_add_test (rules, system_headers_are_read);
    tcase_add_test (rules, headers_with_a_guid_are_read);
    tcase_add_test (rules, extended_items_give_stacks);
    tcase_add_test (rules, damaged_items_cost_the_payload_only);
    tcase_add_test (rules, messages_are_read);
    tcase_add_test (rules, a_damaged_record_costs_the_rest_of_its_buffer);
    tcase_add_test (rules, a_marker_of_ones_ends_a_buffer_quietly);
    tcase_add_test (rules, groups_have_guids_and_names);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
