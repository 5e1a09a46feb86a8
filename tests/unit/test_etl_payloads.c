/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads of ETL records, hand-made from formats/etl.md sections 6 to 8, in both pointer sizes. */
#include "../lib/etl_maker.h"

#include "event/own_provider.h"
#include "../lib/run_suite.h"

static const unsigned pointer_sizes[] = { 4, 8 };

static void put_process (struct maker *maker, unsigned version, uint64_t key, uint32_t pid)
{
    maker->record.version = (uint16_t)version;
    if (version == 0) {
        put_ptr (maker, pid);
        put_ptr (maker, 77);
    } else {
        put_ptr (maker, key);
        put_u32 (maker, pid);
        put_u32 (maker, 77);
        put_u32 (maker, 1);
        put_u32 (maker, 259);
    }
    if (version >= 3)
        put_ptr (maker, 0x1234000);
    if (version >= 4)
        put_u32 (maker, 2); /* WOW64 */
}

static void put_names (struct maker *maker, unsigned version)
{
    put_ansi (maker, "prog.exe");
    if (version >= 2)
        put_wide (maker, "prog.exe -x");
    if (version >= 4) {
        put_wide (maker, "");
        put_wide (maker, "");
    }
    if (version >= 5)
        put_u64 (maker, 1);
}

static void put_sid (struct maker *maker, bool is_user_zero)
{
    for (unsigned i = 0; i < 2; i++)
        put_ptr (maker, is_user_zero ? 0 : 0x11);
    put_u8 (maker, 1);
    put_u8 (maker, 2);
    for (unsigned i = 0; i < 6; i++)
        put_u8 (maker, i == 5 ? 5 : 0);
    put_u32 (maker, 32);
    put_u32 (maker, 544);
}

START_TEST (process_versions)
{
    unsigned pointer_size = pointer_sizes[_i / 18];
    unsigned version = (unsigned)_i % 6;
    unsigned sid = (unsigned)_i / 6 % 3; /* none, SID, SID behind a zeroed TOKEN_USER */
    const struct hs_process_fields *fields;
    struct maker maker;

    maker_init (&maker, 8);
    maker.pointer_size = pointer_size;
    put_process (&maker, version, 0xabc0, 4242);
    if (sid == 0)
        put_u32 (&maker, 0);
    else
        put_sid (&maker, sid == 2);
    put_names (&maker, version);
    send_record (&maker, PROCESS, 3, 100);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_PROCESS), 1);
    fields = get_event (&maker, HS_EVENT_PROCESS, 0)->process_info;
    ck_assert_uint_eq (fields->pid, 4242);
    ck_assert_uint_eq (fields->parent_pid, 77);
    check_text (fields->image, "prog.exe");
    check_text (fields->command_line, version >= 2 ? "prog.exe -x" : "");
    ck_assert (!fields->has_start);
    ck_assert (fields->is_image_known);
    ck_assert_int_eq (fields->is_32bit, version >= 4);
    finish_records (&maker);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 0);
    maker_clear (&maker);
}
END_TEST

START_TEST (process_cut_short)
{
    struct maker maker;
    size_t whole, cut;

    for (cut = 0; cut < 60; cut++) { /* up to the end of the SID: 24 + 4 + 8 + 4 + 16 + 16 = 72 */
        maker_init (&maker, 8);
        put_process (&maker, 4, 1, 10);
        put_sid (&maker, false);
        whole = maker.n;
        ck_assert_uint_gt (whole, cut);
        maker.n = cut;
        send_record (&maker, PROCESS, 1, 1);
        finish_records (&maker);
        ck_assert_uint_eq (count_events (&maker, HS_EVENT_PROCESS), 0);
        ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 1);
        maker_clear (&maker);
    }
}
END_TEST

static void process (struct maker *maker, unsigned opcode, uint64_t key, uint32_t pid, int64_t time)
{
    put_process (maker, 4, key, pid);
    put_u32 (maker, 0);
    put_names (maker, 4);
    send_record (maker, PROCESS, opcode, time);
}

START_TEST (process_instances)
{
    struct maker maker;

    maker_init (&maker, 8);
    process (&maker, 1, 1, 10, 100);
    process (&maker, 2, 1, 10, 200);
    process (&maker, 1, 2, 10, 300); /* the pid again */
    process (&maker, 1, 2, 10, 300); /* a second session tells the same */
    process (&maker, 1, 3, 10, 400); /* the End of key 2 was lost */
    process (&maker, 4, 3, 10, 500); /* still alive at the end */
    process (&maker, 39, 2, 10, 500);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_PROCESS_END, 0)->process, 0);
    ck_assert_int_eq (get_event (&maker, HS_EVENT_PROCESS_END, 0)->time, 200);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_PROCESS_END, 1)->process, 1);
    ck_assert_int_eq (get_event (&maker, HS_EVENT_PROCESS_END, 1)->time, 400);
    maker_clear (&maker);
}
END_TEST

START_TEST (process_zombie_is_no_new_one)
{
    struct maker maker;

    maker_init (&maker, 8);
    process (&maker, 3, 1, 10, 0);
    process (&maker, 2, 1, 10, 200);
    process (&maker, 39, 1, 10, 300);
    process (&maker, 4, 1, 10, 300);
    process (&maker, 2, 1, 10, 300); /* told twice */
    for (unsigned i = 0; i < count_events (&maker, HS_EVENT_PROCESS); i++)
        ck_assert_uint_eq (get_event (&maker, HS_EVENT_PROCESS, i)->process, 0);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_PROCESS_END), 1);
    maker_clear (&maker);
}
END_TEST

START_TEST (threads)
{
    struct maker maker;
    const struct hs_event *event;

    maker_init (&maker, 8);
    process (&maker, 3, 1, 10, 0);
    maker.record.version = 0;
    put_u32 (&maker, 21); /* thread first, only here */
    put_u32 (&maker, 10);
    send_record (&maker, THREAD, 1, 5);
    maker.record.version = 4;
    put_u32 (&maker, 10);
    put_u32 (&maker, 22);
    for (unsigned i = 0; i < 7; i++)
        put_ptr (&maker, 0x1000);
    put_u32 (&maker, 0);
    put_u32 (&maker, 0);
    put_wide (&maker, "worker");
    send_record (&maker, THREAD, 3, 6);
    put_u32 (&maker, 10);
    put_u32 (&maker, 22);
    put_wide (&maker, "renamed");
    send_record (&maker, THREAD, 72, 7);
    maker.record.version = 1;
    put_u32 (&maker, 10);
    put_u32 (&maker, 22);
    send_record (&maker, THREAD, 2, 8);
    event = get_event (&maker, HS_EVENT_THREAD, 0);
    ck_assert_uint_eq (event->thread, 21);
    ck_assert_uint_eq (event->process, 0);
    event = get_event (&maker, HS_EVENT_THREAD, 1);
    ck_assert_uint_eq (event->thread, 22);
    check_text (event->thread_info.name, "worker");
    check_text (get_event (&maker, HS_EVENT_THREAD, 2)->thread_info.name, "renamed");
    ck_assert (get_event (&maker, HS_EVENT_THREAD, 3)->thread_info.is_end);
    maker_clear (&maker);
}
END_TEST

START_TEST (image_versions)
{
    unsigned version = (unsigned)_i % 4;
    const struct hs_event *event;
    struct maker maker;

    maker_init (&maker, pointer_sizes[_i / 4]);
    maker.record.version = (uint16_t)version;
    maker.record.process = 10;
    put_ptr (&maker, 0x10000000);
    if (version == 0)
        put_u32 (&maker, 0x5000);
    else
        put_ptr (&maker, 0x5000);
    if (version >= 1)
        put_u32 (&maker, 10);
    if (version >= 2) {
        put_u32 (&maker, 0xc4ec);
        put_u32 (&maker, 0x57a3b);
        put_u32 (&maker, 0);
        put_ptr (&maker, 0x10000000);
        ck_assert_uint_eq (maker.n, maker.pointer_size == 8 ? 0x28 : 0x1c);
        for (unsigned i = 0; i < 4; i++)
            put_u32 (&maker, 0);
    }
    put_wide (&maker, "\\Device\\x.dll");
    send_record (&maker, PROCESS, 10, 50);
    event = get_event (&maker, HS_EVENT_MODULE, 0);
    ck_assert_uint_eq (event->process, 0);
    ck_assert_uint_eq (event->module->base, 0x10000000);
    ck_assert_uint_eq (event->module->size, 0x5000);
    ck_assert_int_eq (event->module->op, HS_MODULE_LOAD);
    ck_assert_uint_eq (event->module->checksum, version >= 2 ? 0xc4ec : 0);
    ck_assert_uint_eq (event->module->link_stamp, version >= 2 ? 0x57a3b : 0);
    check_text (event->module->path, "\\Device\\x.dll");
    maker_clear (&maker);
}
END_TEST

static const uint8_t image_id[16] = { 0xd7, 0x75, 0xe6, 0xb3, 0x54, 0x25, 0x18, 0x4f,
                                      0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde };

static void put_rsds (struct maker *maker, uint32_t pid, unsigned first, const char *name)
{
    put_ptr (maker, 0x7ff000);
    put_u32 (maker, pid);
    for (unsigned i = 0; i < 16; i++)
        put_u8 (maker, first + i);
    put_u32 (maker, 3);
    put_ansi (maker, name);
}

START_TEST (image_ids)
{
    const struct hs_module_fields *fields;
    struct maker maker;

    maker_init (&maker, pointer_sizes[_i]);
    maker.record.guid = image_id;
    put_rsds (&maker, 0, 1, "ntkrnlmp.pdb");
    send_record (&maker, HS_ETL_NO_GROUP, 36, 5);
    put_rsds (&maker, 0, 100, "managed.pdb"); /* the native one stays */
    send_record (&maker, HS_ETL_NO_GROUP, 37, 5);
    put_ptr (&maker, 0x7ff000);
    put_ptr (&maker, 0x4000);
    put_u32 (&maker, 0);
    put_u32 (&maker, 0x1234);
    put_wide (&maker, "ntkrnlmp.exe");
    send_record (&maker, HS_ETL_NO_GROUP, 0, 5);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_MODULE), 2);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_MODULE, 0)->process, HS_NO_PROCESS);
    fields = get_event (&maker, HS_EVENT_MODULE, 0)->module;
    ck_assert_int_eq (fields->op, HS_MODULE_IDENTITY);
    ck_assert_uint_eq (fields->build_id_size, 16);
    ck_assert_uint_eq (fields->build_id[0], 1);
    ck_assert_uint_eq (fields->build_id[15], 16);
    ck_assert_uint_eq (fields->pdb_age, 3);
    check_text (fields->debug_name, "ntkrnlmp.pdb");
    fields = get_event (&maker, HS_EVENT_MODULE, 1)->module;
    ck_assert_uint_eq (fields->link_stamp, 0x1234);
    finish_records (&maker);
    ck_assert_uint_eq (told (&maker, HS_EVENT_COUNT, "b3e675d7-2554-4f18-830b-2762732560de/36"), 1);
    maker_clear (&maker);
}
END_TEST

struct heap_case {
    unsigned opcode, version;
    unsigned least32, least64; /* formats/etl.md 7.1, 7.2 */
    enum hs_event_kind kind;
};

static const struct heap_case heap_cases[] = {
    { 0x20, 2, 0x8, 0xc, HS_EVENT_HEAP_CREATE },  { 0x20, 3, 0x14, 0x24, HS_EVENT_HEAP_CREATE },
    { 0x21, 2, 0x10, 0x1c, HS_EVENT_ALLOC },      { 0x22, 2, 0x18, 0x2c, HS_EVENT_REALLOC },
    { 0x23, 2, 0x4, 0x8, HS_EVENT_HEAP_DESTROY }, { 0x24, 2, 0xc, 0x14, HS_EVENT_FREE },
    { 0x25, 2, 0x1c, 0x34, HS_EVENT_HEAP_SEEN },  { 0x25, 3, 0x20, 0x3c, HS_EVENT_HEAP_SEEN },
    { 0x2a, 3, 0x20, 0x3c, HS_EVENT_HEAP_SEEN },  { 0x26, 2, 0x14, 0x24, HS_EVENT_HEAP_SEEN },
    { 0x2b, 2, 0x4, 0x8, HS_EVENT_HEAP_SEEN },    { 0x2e, 2, 0x4, 0x8, HS_EVENT_HEAP_SEEN },
    { 0x2f, 2, 0x10, 0x20, HS_EVENT_HEAP_SEEN },  { 0x33, 2, 0x10, 0x1c, HS_EVENT_HEAP_SEEN },
    { 0x35, 2, 0x14, 0x24, HS_EVENT_HEAP_SEEN },  { 0x36, 2, 0x8, 0xc, HS_EVENT_HEAP_SEEN },
    { 0x38, 2, 0x8, 0x10, HS_EVENT_HEAP_SEEN },   { 0x39, 2, 0xc, 0x14, HS_EVENT_HEAP_SEEN },
    { 0x3a, 2, 0xc, 0x14, HS_EVENT_HEAP_SEEN },
};

/* Every opcode is read at its least size, longer, and not a byte shorter. */
START_TEST (heap_sizes)
{
    const struct heap_case *this_case = &heap_cases[_i / 2];
    unsigned pointer_size = pointer_sizes[_i % 2];
    unsigned least = pointer_size == 8 ? this_case->least64 : this_case->least32;
    struct maker maker;

    maker_init (&maker, 8);
    maker.pointer_size = pointer_size;
    maker.record.version = (uint16_t)this_case->version;
    maker.record.process = 10;
    maker.record.thread = 11;
    memset (maker.payload, 0x11, 0x80);
    maker.n = least - 1;
    send_record (&maker, HEAP, this_case->opcode, 10);
    ck_assert_uint_eq (count_events (&maker, this_case->kind), 0);
    for (unsigned more = 0; more < 2; more++) {
        maker.n = least + 5 * more;
        send_record (&maker, HEAP, this_case->opcode, 20);
        ck_assert_uint_eq (count_events (&maker, this_case->kind), 1 + more);
    }
    ck_assert_uint_eq (get_event (&maker, this_case->kind, 0)->heap.heap,
                       pointer_size == 8 ? UINT64_C (0x1111111111111111) : 0x11111111);
    ck_assert_uint_eq (get_event (&maker, this_case->kind, 0)->process, 0);
    finish_records (&maker);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 1);
    maker_clear (&maker);
}
END_TEST

START_TEST (heap_fields)
{
    const struct hs_event *event;
    struct maker maker;

    maker_init (&maker, 8);
    maker.pointer_size = pointer_sizes[_i];
    maker.record = (struct hs_etl_record){ .version = 2, .process = 10, .thread = 11 };
    put_ptr (&maker, 0xaa0000); /* Alloc: heap, size, address, source */
    put_ptr (&maker, 640);
    put_ptr (&maker, 0xaa1000);
    put_u32 (&maker, 2);
    send_record (&maker, HEAP, 0x21, 10);
    put_ptr (&maker, 0xaa0000); /* ReAlloc: heap, new, old, new size, old size, source */
    put_ptr (&maker, 0xaa2000);
    put_ptr (&maker, 0xaa1000);
    put_ptr (&maker, 1280);
    put_ptr (&maker, 640);
    put_u32 (&maker, 3);
    send_record (&maker, HEAP, 0x22, 11);
    put_ptr (&maker, 0xaa0000); /* Free: heap, address, source */
    put_ptr (&maker, 0xaa2000);
    put_u32 (&maker, 6);
    send_record (&maker, HEAP, 0x24, 12);
    event = get_event (&maker, HS_EVENT_ALLOC, 0);
    ck_assert_int_eq (event->time, 10);
    ck_assert_uint_eq (event->thread, 11);
    ck_assert_uint_eq (event->source, 2);
    ck_assert_uint_eq (event->block.heap, 0xaa0000);
    ck_assert_uint_eq (event->block.size, 640);
    ck_assert_uint_eq (event->block.address, 0xaa1000);
    event = get_event (&maker, HS_EVENT_REALLOC, 0);
    ck_assert_uint_eq (event->block.address, 0xaa2000);
    ck_assert_uint_eq (event->block.old_address, 0xaa1000);
    ck_assert_uint_eq (event->block.size, 1280);
    ck_assert_uint_eq (event->block.old_size, 640);
    ck_assert_uint_eq (event->source, 3);
    event = get_event (&maker, HS_EVENT_FREE, 0);
    ck_assert_uint_eq (event->block.address, 0xaa2000);
    ck_assert_uint_eq (event->source, 6);
    /* the first 32-bit record of a process says what the process is */
    ck_assert_int_eq (get_event (&maker, HS_EVENT_PROCESS, _i == 0 ? 1 : 0)->process_info->is_32bit,
                      _i == 0);
    maker_clear (&maker);
}
END_TEST

START_TEST (virtual_and_ranges)
{
    unsigned pointer_size = pointer_sizes[_i];
    const struct hs_event *event;
    struct maker maker;

    maker_init (&maker, pointer_size);
    maker.record =
        (struct hs_etl_record){ .version = 2, .process = HS_ETL_NO_ID, .thread = HS_ETL_NO_ID };
    put_ptr (&maker, 0x10000);
    put_ptr (&maker, 0x3000);
    put_u32 (&maker, 10);
    put_u32 (&maker, 0x3000);
    send_record (&maker, PAGE_FAULT, 98, 1);
    put_ptr (&maker, 0x10000);
    put_ptr (&maker, 0x3000);
    put_u32 (&maker, 10);
    put_u32 (&maker, 0x8000);
    send_record (&maker, PAGE_FAULT, 99, 2);
    put_ptr (&maker, 0x10000);
    put_ptr (&maker, 0x3000);
    put_u32 (&maker, 10);
    put_u32 (&maker, 0x2000);
    send_record (&maker, PAGE_FAULT, 128, 3); /* without its commit size: too short */
    event = get_event (&maker, HS_EVENT_VIRTUAL, 0);
    ck_assert_uint_eq (event->process, 0);
    ck_assert_uint_eq (event->virtual_memory.address, 0x10000);
    ck_assert_uint_eq (event->virtual_memory.size, 0x3000);
    ck_assert_uint_eq (event->virtual_memory.flags, 0x3000);
    ck_assert_int_eq (event->virtual_memory.op, HS_VIRTUAL_ALLOC);
    ck_assert_int_eq (get_event (&maker, HS_EVENT_VIRTUAL, 1)->virtual_memory.op, HS_VIRTUAL_FREE);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_VIRTUAL), 2);

    maker.record.version = 3;
    put_ptr (&maker, 0xaa0000);
    put_u32 (&maker, 0);
    put_u32 (&maker, 10);
    put_u32 (&maker, 1000); /* announces more than it holds */
    put_u32 (&maker, 0);
    ck_assert_uint_eq (maker.n, pointer_size == 8 ? 0x18 : 0x14);
    for (unsigned i = 0; i < 3; i++) {
        put_ptr (&maker, 0x20000 + i);
        put_ptr (&maker, 0x100 + i);
    }
    send_record (&maker, PAGE_FAULT, 100, 4);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_HEAP_RANGE), 3);
    event = get_event (&maker, HS_EVENT_HEAP_RANGE, 2);
    ck_assert_uint_eq (event->heap.heap, 0xaa0000);
    ck_assert_uint_eq (event->heap.address, 0x20002);
    ck_assert_uint_eq (event->heap.size, 0x102);
    finish_records (&maker);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_VALUE_ABSURD), 1);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 1);
    maker_clear (&maker);
}
END_TEST

START_TEST (pool)
{
    const struct hs_event *event;
    struct maker maker;

    maker_init (&maker, pointer_sizes[_i]);
    maker.record.process = maker.record.thread = HS_ETL_NO_ID;
    for (unsigned opcode = 0x20; opcode <= 0x23; opcode++) {
        put_u32 (&maker, 0x200);
        memcpy (maker.payload + maker.n, "Ntfs", 4);
        maker.n += 4;
        put_ptr (&maker, 96);
        put_ptr (&maker, 0xbeef0);
        if (opcode & 1)
            put_u32 (&maker, 1);
        send_record (&maker, POOL, opcode, 5);
        event = get_event (&maker, HS_EVENT_POOL, opcode - 0x20);
        ck_assert_int_eq (memcmp (event->pool.tag, "Ntfs", 4), 0);
        ck_assert_uint_eq (event->pool.size, 96);
        ck_assert_uint_eq (event->pool.address, 0xbeef0);
        ck_assert_int_eq (event->pool.is_free, opcode >= 0x22);
        ck_assert_int_eq (event->pool.is_session, opcode & 1);
    }
    maker_clear (&maker);
}
END_TEST

static void put_text (struct maker *maker, const char *text)
{
    put_u8 (maker, (unsigned)strlen (text));
    put_u8 (maker, 0);
    memcpy (maker->payload + maker->n, text, strlen (text));
    maker->n += strlen (text);
}

static void send_own (struct maker *maker, unsigned id, int64_t time)
{
    maker->record.kind = HS_ETL_EVENT;
    maker->record.guid = hs_own_provider_guid;
    maker->record.event_id = (uint16_t)id;
    send_record (maker, HS_ETL_NO_GROUP, 0, time);
    maker->record.kind = HS_ETL_CLASSIC;
    maker->record.guid = NULL;
}

/* Layouts: event/own_provider.h. */
START_TEST (own_provider)
{
    const struct hs_process_fields *fields;
    const struct hs_event *event;
    struct maker maker;

    maker_init (&maker, 8);
    put_u32 (&maker, 3); /* addresses invented, no wall clock */
    put_u64 (&maker, 10000000);
    send_own (&maker, 1, 0);
    event = get_event (&maker, HS_EVENT_CLOCK, 1);
    ck_assert_uint_eq (event->clock.resolution_ticks, 100000); /* 10 ms at 10 MHz */
    ck_assert_int_eq (event->clock.zero_filetime, 0);

    process (&maker, 3, 1, 10, 5);
    put_u32 (&maker, 10);
    put_u32 (&maker, 0);
    put_text (&maker, "/usr/bin/gr\xc3\xbc\xc3\x9f");
    put_text (&maker, "gr --x");
    send_own (&maker, 2, 6);
    fields = get_event (&maker, HS_EVENT_PROCESS, 1)->process_info;
    ck_assert_uint_eq (fields->pid, 0);
    check_text (fields->image, "/usr/bin/gr\xc3\xbc\xc3\x9f");
    check_text (fields->command_line, "gr --x");

    put_u32 (&maker, 10);
    put_u64 (&maker, 0x400000);
    put_u8 (&maker, 20);
    for (unsigned i = 0; i < 20; i++)
        put_u8 (&maker, i);
    send_own (&maker, 3, 7);
    event = get_event (&maker, HS_EVENT_MODULE, 0);
    ck_assert_uint_eq (event->process, 0);
    ck_assert_uint_eq (event->module->build_id_size, 20);
    ck_assert_uint_eq (event->module->build_id[19], 19);

    put_u32 (&maker, 10);
    put_u64 (&maker, 0x401234);
    put_u32 (&maker, 99);
    put_u32 (&maker, 1);
    put_text (&maker, "main");
    put_text (&maker, "a.c");
    put_text (&maker, "");
    send_own (&maker, 4, 8);
    event = get_event (&maker, HS_EVENT_FRAME_NAME, 0);
    ck_assert_uint_eq (event->frame->address, 0x401234);
    ck_assert_uint_eq (event->frame->line, 99);
    ck_assert_uint_eq (event->frame->inline_depth, 1);
    check_text (event->frame->function, "main");
    check_text (event->frame->file, "a.c");

    put_text (&maker, "half time");
    send_own (&maker, 5, 9);
    check_text (get_event (&maker, HS_EVENT_MARK, 0)->text, "half time");
    put_u32 (&maker, 10);
    put_u64 (&maker, 4096);
    send_own (&maker, 6, 10);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_MEMORY_SAMPLE, 0)->number, 4096);
    put_text (&maker, "leak:foo");
    send_own (&maker, 7, 11);
    check_text (get_event (&maker, HS_EVENT_SUPPRESSION, 0)->text, "leak:foo");
    put_u64 (&maker, MAKER_T0 + 50);
    send_own (&maker, 8, 12);
    ck_assert_int_eq (get_event (&maker, HS_EVENT_GAP, 0)->end_time, 50);
    send_own (&maker, 9, 50);
    ck_assert_int_eq (get_event (&maker, HS_EVENT_RESET, 0)->time, 50);

    put_ptr (&maker, 0xaa0000); /* from here on all addresses are invented */
    maker.record.process = 10;
    maker.record.version = 2;
    put_ptr (&maker, 64);
    put_ptr (&maker, 0xaa1000);
    put_u32 (&maker, 0);
    send_record (&maker, HEAP, 0x21, 60);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_ALLOC, 0)->flags, HS_EVENT_ADDRESS_INVENTED);

    put_u32 (&maker, 10);
    put_u64 (&maker, 0x400000);
    put_u8 (&maker, 21); /* no build id is that long */
    maker.n += 21;
    send_own (&maker, 3, 61);
    put_u8 (&maker, 9);
    put_u8 (&maker, 0); /* nine bytes that are not there */
    send_own (&maker, 5, 62);
    finish_records (&maker);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 2);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_MARK), 1);
    maker_clear (&maker);
}
END_TEST

START_TEST (clocks)
{
    struct hs_etl_header header = { .clock = 3, .cpu_mhz = 2400, .record_time = 5 };
    struct hs_event_batch *batch = hs_batch_new ();
    static const struct {
        uint32_t clock, mhz;
        int64_t frequency;
        uint64_t expected;
    } cases[] = { { 1, 0, 3000000, 3000000 }, { 0, 0, 10000000, 10000000 }, { 2, 0, 5, 10000000 },
                  { 3, 2400, 5, 2400000000 }, { 3, 0, 5, 10000000 },        { 1, 9, 0, 10000000 },
                  { 1, 9, -4, 10000000 } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_etl_meaning *meaning;
        bool has_note = false;

        header.clock = cases[i].clock;
        header.cpu_mhz = cases[i].mhz;
        header.perf_freq = cases[i].frequency;
        meaning = hs_etl_meaning_new (&header);
        hs_batch_reset (batch);
        hs_etl_meaning_begin (meaning, batch);
        ck_assert (hs_etl_meaning_tell (meaning, 1));
        ck_assert_int_eq (batch->events[0].kind, HS_EVENT_CLOCK);
        ck_assert_uint_eq (batch->events[0].clock.ticks_per_second, cases[i].expected);
        for (uint32_t e = 0; e < batch->n; e++)
            has_note = has_note || batch->events[e].kind == HS_EVENT_NOTE;
        ck_assert_int_eq (has_note, i >= 4);
        hs_etl_meaning_free (meaning);
    }
    hs_batch_free (batch);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_payloads");
    TCase *tcase = tcase_create ("payloads");

    tcase_add_loop_test (tcase, process_versions, 0, 36);
    tcase_add_test (tcase, process_cut_short);
    tcase_add_test (tcase, process_instances);
    tcase_add_test (tcase, process_zombie_is_no_new_one);
    tcase_add_test (tcase, threads);
    tcase_add_loop_test (tcase, image_versions, 0, 8);
    tcase_add_loop_test (tcase, image_ids, 0, 2);
    tcase_add_loop_test (tcase, heap_sizes, 0, 2 * sizeof heap_cases / sizeof heap_cases[0]);
    tcase_add_loop_test (tcase, heap_fields, 0, 2);
    tcase_add_loop_test (tcase, virtual_and_ranges, 0, 2);
    tcase_add_loop_test (tcase, pool, 0, 2);
    tcase_add_test (tcase, own_provider);
    tcase_add_test (tcase, clocks);
    suite_add_tcase (suite, tcase);
    return run_suite (suite);
}
