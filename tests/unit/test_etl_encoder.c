/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ETL encoder, byte by byte against formats/etl.md 12: walks the written file with a walker of
 * its own (no decoder of ours), one test per rule.
 */
#include "base/endian.h"
#include "base/memory.h"
#include "encode/encoder.h"
#include "event/own_provider.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0 1000000000
#define MAX_RECORDS 20000

struct record {
    const uint8_t *at; /* header */
    const uint8_t *payload;
    uint32_t n_payload;
    uint16_t
        hook; /* group << 8 | opcode; 0xff00 | id for our own events; 0xfe00 | opcode ImageID */
    uint8_t version;
    uint32_t pid, tid;
    int64_t time;
    uint32_t buffer;
};

static char path[] = "test_etl_encoder.XXXXXX.etl";
static uint8_t *file;
static long file_size;
static struct record records[MAX_RECORDS];
static uint32_t n_records;

static struct hs_event_batch *batch;
static void *encoder;
static struct hs_encode_report report;

static void setup (void)
{
    struct hs_error error;
    int fd;

    memcpy (path + strlen ("test_etl_encoder."), "XXXXXX", 6); /* the template again */
    fd = mkstemps (path, 4);
    ck_assert_int_ge (fd, 0);
    close (fd);
    batch = hs_batch_new ();
    ck_assert_int_eq (hs_etl_encoder.open (path, &encoder, &error), HS_OK);
}

static void teardown (void)
{
    unlink (path);
    hs_batch_free (batch);
    free (file);
}

static void append (void)
{
    struct hs_error error;

    ck_assert_int_eq (hs_etl_encoder.append (encoder, batch, &error), HS_OK);
    hs_batch_reset (batch);
}

static void add_record (const uint8_t *at, uint32_t buffer)
{
    struct record *r = &records[n_records++];
    uint32_t header = at[2] == 2 ? 0x20 : at[2] == 17 ? 0x10 : at[2] == 20 ? 0x30 : 0x50;
    uint32_t size = hs_get_u16 (at + (at[2] == 2 || at[2] == 17 ? 4 : 0));

    ck_assert_uint_lt (n_records, MAX_RECORDS);
    ck_assert_uint_eq (at[3], 0xc0);
    ck_assert (at[2] == 2 || at[2] == 17 || at[2] == 19 || at[2] == 20);
    *r = (struct record){
        .at = at, .payload = at + header, .n_payload = size - header, .buffer = buffer
    };
    r->time = (int64_t)hs_get_u64 (at + (at[2] == 17 ? 8 : 0x10));
    if (at[2] != 17) {
        r->tid = hs_get_u32 (at + 8);
        r->pid = hs_get_u32 (at + 12);
    }
    if (at[2] == 19) {
        ck_assert_mem_eq (at + 0x18, hs_own_provider_guid, 16);
        r->hook = 0xff00 | hs_get_u16 (at + 0x28);
    } else if (at[2] == 20) {
        r->hook = 0xfe00 | at[4];
    } else {
        r->hook = (uint16_t)(at[7] << 8 | at[6]);
        r->version = at[0];
    }
}

/* Completes the file and splits it into records; checks what every file must obey. */
static void finish (void)
{
    struct hs_error error;
    FILE *f;
    int64_t last = 0;

    append ();
    ck_assert_int_eq (hs_etl_encoder.finish (encoder, &report, &error), HS_OK);
    f = fopen (path, "rb");
    ck_assert_ptr_nonnull (f);
    ck_assert_int_eq (fseek (f, 0, SEEK_END), 0);
    file_size = ftell (f);
    rewind (f);
    file = malloc ((size_t)file_size);
    ck_assert_uint_eq (fread (file, 1, (size_t)file_size, f), (size_t)file_size);
    fclose (f);
    ck_assert_int_eq (file_size % 0x10000, 0);
    n_records = 0;
    for (long b = 0; b < file_size / 0x10000; b++) {
        const uint8_t *buffer = file + b * 0x10000;
        uint32_t end = hs_get_u32 (buffer + 0x30);
        uint32_t at = 0x48;
        bool is_end = b == 0 || b == file_size / 0x10000 - 1;

        ck_assert_uint_eq (hs_get_u32 (buffer), 0x10000);
        ck_assert_uint_eq (hs_get_u32 (buffer + 4), end);
        ck_assert_uint_eq (hs_get_u32 (buffer + 8), end);
        ck_assert_uint_eq (hs_get_u64 (buffer + 0x18), (uint64_t)b);
        ck_assert_uint_eq (hs_get_u32 (buffer + 0x2c), 3);
        ck_assert_uint_eq (hs_get_u16 (buffer + 0x34) & 0x21, is_end ? 0x21 : 0x20);
        ck_assert_uint_eq (hs_get_u16 (buffer + 0x36), b == 0 ? 4 : 0);
        ck_assert_uint_gt (end, 0x48);
        while (at < end) {
            add_record (buffer + at, (uint32_t)b);
            ck_assert_int_ge (records[n_records - 1].time, last);
            last = records[n_records - 1].time;
            at += (uint32_t)(records[n_records - 1].payload - (buffer + at)) +
                  records[n_records - 1].n_payload + 7;
            at &= ~7u;
        }
        ck_assert_uint_eq (at, end);
        for (; at < 0x10000; at++)
            ck_assert_uint_eq (buffer[at], 0xff);
    }
    ck_assert_uint_eq (report.n_records, n_records);
}

static uint32_t count (uint16_t hook)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < n_records; i++)
        n += records[i].hook == hook;
    return n;
}

/* The n-th (from 0) record of the hook. */
static const struct record *find (uint16_t hook, uint32_t n)
{
    for (uint32_t i = 0; i < n_records; i++)
        if (records[i].hook == hook && n-- == 0)
            return &records[i];
    ck_abort_msg ("no record %04x", hook);
}

static void add_clock (uint64_t ticks_per_second, int64_t filetime)
{
    struct hs_event *event = hs_batch_add (batch, HS_EVENT_CLOCK, 0);

    event->clock = (struct hs_clock_fields){ ticks_per_second, filetime, 1 };
}

static struct hs_text text_of (const char *text)
{
    return (struct hs_text){ text, (uint32_t)strlen (text) };
}

static void add_process (hs_process_id id, uint32_t pid)
{
    struct hs_process_fields fields = { .pid = pid,
                                        .parent_pid = 7,
                                        .image = text_of ("prog"),
                                        .command_line = text_of ("prog --x"),
                                        .is_image_known = true };

    hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &fields)->process = id;
}

static struct hs_event *add_block (enum hs_event_kind kind, int64_t time, uint64_t address,
                                   uint64_t size)
{
    struct hs_event *event = hs_batch_add (batch, kind, time);

    event->process = 0;
    event->thread = 11;
    event->block = (struct hs_block_fields){ .heap = 0x5000, .address = address, .size = size };
    return event;
}

static struct hs_event *add_realloc (int64_t time, uint64_t old, uint64_t address, uint64_t size)
{
    struct hs_event *event = add_block (HS_EVENT_REALLOC, time, address, size);

    event->block.old_address = old;
    event->block.old_size = 16;
    return event;
}

START_TEST (header_is_complete)
{
    const uint8_t *log;

    add_clock (1000, 133500000000000000);
    add_process (0, 42);
    add_block (HS_EVENT_ALLOC, 2500, 0x1000, 16);
    batch->last_time = 4000;
    batch->has_last_time = true;
    finish ();
    ck_assert_uint_eq (records[0].hook, 0);
    ck_assert_uint_eq (records[0].version, 2);
    ck_assert_int_eq (records[0].time, T0);
    log = records[0].payload;
    ck_assert_uint_eq (hs_get_u32 (log), 0x10000);
    ck_assert_mem_eq (log + 4, "\x0a\x00\x01\x05", 4);
    ck_assert_uint_eq (hs_get_u64 (log + 0x10), 133500000000000000 + 40000000);
    ck_assert_uint_eq (hs_get_u32 (log + 0x20), 0x10000000);
    ck_assert_uint_eq (hs_get_u32 (log + 0x24), (uint32_t)(file_size / 0x10000));
    ck_assert_uint_eq (hs_get_u32 (log + 0x2c), 8);
    ck_assert_uint_eq (hs_get_u32 (log + 0x30), 0);
    ck_assert_uint_eq (hs_get_u64 (log + 0x100), 1000000000);
    ck_assert_uint_eq (hs_get_u64 (log + 0x108), 133500000000000000);
    ck_assert_uint_eq (hs_get_u32 (log + 0x110), 1);
    ck_assert_mem_eq (log + 0x118, "h\0e\0a\0p\0s\0t\0r\0a\0t\0a\0\0\0", 22);
    /* the trace ends where the source ended */
    ck_assert_int_eq (records[n_records - 1].time, T0 + INT64_C (4000000000));
}
END_TEST

START_TEST (alloc_and_free_have_windows_layout)
{
    const struct record *r;

    add_clock (1000, 0);
    add_process (0, 42);
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16)->source = 6;
    add_block (HS_EVENT_FREE, 6, 0x1000, 0);
    finish ();
    r = find (0x1021, 0);
    ck_assert_uint_eq (r->at[2], 2);
    ck_assert_uint_eq (r->version, 2);
    ck_assert_uint_eq (r->pid, 42);
    ck_assert_uint_eq (r->tid, 11);
    ck_assert_uint_eq (r->n_payload, 0x1c);
    ck_assert_int_eq (r->time, T0 + 5000000);
    ck_assert_uint_eq (hs_get_u64 (r->payload), 0x5000);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 8), 16);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 16), 0x1000);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 24), 6);
    r = find (0x1024, 0);
    ck_assert_uint_eq (r->n_payload, 0x14);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 8), 0x1000);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 16), 3);
}
END_TEST

START_TEST (stamps_of_a_thread_differ)
{
    add_clock (1000, 0);
    add_process (0, 42);
    for (int i = 0; i < 5; i++)
        add_block (HS_EVENT_ALLOC, 5, 0x1000 + (uint64_t)i * 16, 16);
    add_block (HS_EVENT_ALLOC, 5, 0x2000, 16)->thread = 12;
    add_block (HS_EVENT_FREE, 6, 0x1000, 0);
    finish ();
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_int_eq (find (0x1021, i)->time, T0 + 5000000 + i);
    /* another thread may share the stamp */
    ck_assert_int_eq (find (0x1021, 5)->time, T0 + 5000004);
    ck_assert_int_eq (find (0x1024, 0)->time, T0 + 6000000);
    ck_assert_uint_eq (report.n_moved_times, 4);
}
END_TEST

static const uint64_t frames[] = { 0x401000, 0x402000, 0x403000 };

START_TEST (key_follows_first_reference_and_comes_again_at_the_end)
{
    const struct record *r;
    uint32_t at;

    add_clock (1000, 0);
    add_process (0, 42);
    hs_batch_add_stack (batch, 0, 1, frames, 3);
    hs_batch_add_stack (batch, 0, 2, frames, 1); /* never used: never written */
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16)->stack = 1;
    add_block (HS_EVENT_ALLOC, 6, 0x2000, 16)->stack = 1;
    finish ();
    ck_assert_uint_eq (count (0x1826), 2);
    ck_assert_uint_eq (count (0x1824), 2);
    at = (uint32_t)(find (0x1021, 0) - records);
    ck_assert_uint_eq (records[at + 1].hook, 0x1826);
    ck_assert_uint_eq (records[at + 2].hook, 0x1824);
    ck_assert_uint_eq (records[at + 3].hook, 0x1021);
    ck_assert_uint_eq (records[at + 4].hook, 0x1826);
    ck_assert_uint_eq (records[at + 5].hook, 0x1824);
    ck_assert_uint_eq (records[at + 6].hook, 0x0304); /* before the rundown */
    r = &records[at + 1];
    ck_assert_uint_eq (r->at[2], 17);
    ck_assert_uint_eq (r->version, 2);
    ck_assert_int_eq ((int64_t)hs_get_u64 (r->payload), T0 + 5000000);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 8), 42);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 12), 11);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 16), 1);
    r = &records[at + 2];
    ck_assert_uint_eq (r->n_payload, 8 + 24);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq (hs_get_u64 (r->payload + 8 + i * 8), frames[i]);
    ck_assert_uint_eq (report.n_stacks, 1);
}
END_TEST

START_TEST (stacks_told_later_find_their_event)
{
    const struct record *r;

    add_clock (1000, 0);
    add_process (0, 42);
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16)->stack_ref = 77;
    add_block (HS_EVENT_ALLOC, 9, 0x2000, 16)->stack = 3; /* defined below */
    append ();
    hs_batch_add_stack_link (batch, 77, 3);
    hs_batch_add_stack_link (batch, 78, 3); /* nobody's */
    hs_batch_add_stack (batch, 0, 3, frames, 2);
    finish ();
    ck_assert_uint_eq (count (0x1826), 2);
    r = find (0x1826, 1);
    ck_assert_int_eq ((int64_t)hs_get_u64 (r->payload), T0 + 5000000);
    ck_assert_uint_eq (count (0x1824), 2);
    ck_assert (find (0x1824, 0) > r);
    ck_assert_uint_eq (report.left_out[HS_LEFT_OUT_STACK_LINKS], 1);
}
END_TEST

START_TEST (kernel_stacks_use_the_kernel_table)
{
    static const uint64_t kernel[] = { 0xfffff80000001000, 0xfffff80000002000 };

    add_clock (1000, 0);
    add_process (0, 42);
    hs_batch_add_stack (batch, 0, 1, kernel, 2);
    hs_batch_add_stack (batch, 0, 2, frames, 0);
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16)->stack = 1;
    add_block (HS_EVENT_ALLOC, 6, 0x2000, 16)->stack = 2; /* empty: no reference at all */
    finish ();
    ck_assert_uint_eq (count (0x1825), 1);
    ck_assert_uint_eq (count (0x1826), 0);
}
END_TEST

START_TEST (lone_moving_realloc_becomes_three_records)
{
    const struct record *r;
    uint32_t at;

    add_clock (1000, 0);
    add_process (0, 42);
    hs_batch_add_stack (batch, 0, 1, frames, 3);
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16);
    add_realloc (6, 0x1000, 0x3000, 64)->stack = 1;
    finish ();
    at = (uint32_t)(find (0x1021, 1) - records);
    r = &records[at];
    ck_assert_uint_eq (hs_get_u64 (r->payload + 8), 64);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 16), 0x3000);
    ck_assert_uint_eq (records[at + 1].hook, 0x1826);
    ck_assert_uint_eq (records[at + 3].hook, 0x1024);
    ck_assert_uint_eq (hs_get_u64 (records[at + 3].payload + 8), 0x1000);
    r = &records[at + 4];
    ck_assert_uint_eq (r->hook, 0x1022);
    ck_assert_uint_eq (r->n_payload, 0x2c);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 8), 0x3000);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 16), 0x1000);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 24), 64);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 32), 16);
    ck_assert_int_eq (r->time, records[at].time + 2);
}
END_TEST

START_TEST (summary_realloc_stays_one_record)
{
    add_clock (1000, 0);
    add_process (0, 42);
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16);
    add_block (HS_EVENT_ALLOC, 6, 0x3000, 64);
    add_block (HS_EVENT_FREE, 7, 0x1000, 0);
    add_realloc (8, 0x1000, 0x3000, 64);
    add_realloc (9, 0x3000, 0x1000, 64);  /* the first is claimed: this one stands alone */
    add_realloc (10, 0x1000, 0x1000, 70); /* in place */
    add_realloc (11, 0x1000, 0, 70);      /* failed */
    finish ();
    ck_assert_uint_eq (count (0x1022), 4);
    ck_assert_uint_eq (count (0x1021), 3);
    ck_assert_uint_eq (count (0x1024), 2);
}
END_TEST

START_TEST (alloc_of_another_thread_or_size_is_not_summed_up)
{
    add_clock (1000, 0);
    add_process (0, 42);
    add_block (HS_EVENT_ALLOC, 5, 0x3000, 64)->thread = 12;
    add_realloc (8, 0x1000, 0x3000, 64);
    add_block (HS_EVENT_ALLOC, 9, 0x4000, 64);
    add_realloc (10, 0x1000, 0x4000, 65);
    add_block (HS_EVENT_ALLOC, 11, 0x6000, 64);
    add_block (HS_EVENT_FREE, 12, 0x6000, 0)->thread = 12;
    add_realloc (13, 0x1000, 0x6000, 64);
    finish ();
    ck_assert_uint_eq (count (0x1022), 3);
    ck_assert_uint_eq (count (0x1021), 6);
}
END_TEST

START_TEST (nothing_ends_that_did_not_end)
{
    struct hs_module_fields module = { .base = 0x400000,
                                       .size = 0x1000,
                                       .path = text_of ("/usr/lib/libx.so"),
                                       .build_id = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                     11, 12, 13, 14, 15, 16, 17, 18, 19, 20 },
                                       .build_id_size = 20,
                                       .op = HS_MODULE_LOAD };
    const struct record *r;

    add_clock (1000, 0);
    add_process (0, 42);
    add_process (1, 43);
    hs_batch_add_module (batch, 1, &module)->process = 0;
    module.base = 0x500000;
    hs_batch_add_module (batch, 1, &module)->process = 0;
    module.op = HS_MODULE_UNLOAD;
    hs_batch_add_module (batch, 2, &module)->process = 0;
    add_block (HS_EVENT_ALLOC, 5, 0x1000, 16);
    {
        struct hs_process_fields end = { .exit_status = 3 };

        hs_batch_add_process (batch, HS_EVENT_PROCESS_END, 6, &end)->process = 1;
    }
    finish ();
    ck_assert_uint_eq (count (0x0303), 2);
    ck_assert_uint_eq (count (0x0302), 1);
    ck_assert_uint_eq (hs_get_u32 (find (0x0302, 0)->payload + 8), 43);
    ck_assert_uint_eq (hs_get_u32 (find (0x0302, 0)->payload + 20), 3);
    ck_assert_uint_eq (count (0x0304), 1);
    r = find (0x0304, 0);
    ck_assert_uint_eq (r->version, 4);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 8), 42);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 12), 7);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 20), 259);
    ck_assert_str_eq ((const char *)r->payload + 0x28, "prog");
    ck_assert_mem_eq (r->payload + 0x2d, "p\0r\0o\0g\0 \0-\0-\0x\0\0\0", 18);
    ck_assert_uint_eq (count (0x030a), 2);
    ck_assert_uint_eq (count (0x1402), 1);
    ck_assert_uint_eq (count (0x1404), 1);
    ck_assert_uint_eq (hs_get_u64 (find (0x1404, 0)->payload), 0x400000);
    ck_assert_uint_eq (count (0x0504), 1);
    r = find (0xfe24, 0); /* RSDS: the GUID is the first 16 bytes of the build id */
    ck_assert_uint_eq (hs_get_u64 (r->payload), 0x400000);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 8), 42);
    ck_assert_mem_eq (r->payload + 12, module.build_id, 16);
    ck_assert_str_eq ((const char *)r->payload + 32, "libx.so");
    r = find (0xff00 | HS_OWN_MODULE, 0);
    ck_assert_uint_eq (r->payload[12], 20);
    ck_assert_mem_eq (r->payload + 13, module.build_id, 20);
}
END_TEST

START_TEST (own_events_carry_the_rest)
{
    struct hs_frame_fields frame = { .address = 0x401000,
                                     .function = text_of ("main"),
                                     .file = text_of ("a.c"),
                                     .module = text_of ("prog"),
                                     .line = 12,
                                     .inline_depth = 1 };
    const struct record *r;

    add_clock (1000, 0);
    add_process (0, 0); /* a pid of 0 means the kernel in an ETL: another one is taken */
    hs_batch_add_frame (batch, &frame)->process = 0;
    hs_batch_add (batch, HS_EVENT_MARK, 3)->text = text_of ("hello");
    hs_batch_add (batch, HS_EVENT_SUPPRESSION, 3)->text = text_of ("leak:x");
    hs_batch_add (batch, HS_EVENT_MEMORY_SAMPLE, 4)->number = 123456;
    hs_batch_add (batch, HS_EVENT_GAP, 5)->end_time = 6;
    hs_batch_add (batch, HS_EVENT_RESET, 7);
    add_block (HS_EVENT_ALLOC, 8, 0x1000, 16)->flags = HS_EVENT_ADDRESS_INVENTED;
    finish ();
    r = find (0xff00 | HS_OWN_ORIGIN, 0);
    ck_assert_uint_eq (hs_get_u32 (r->payload), HS_OWN_WALL_CLOCK_UNKNOWN);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 4), 1000000);
    r = find (0xff00 | HS_OWN_ORIGIN, 1);
    ck_assert_uint_eq (hs_get_u32 (r->payload),
                       HS_OWN_WALL_CLOCK_UNKNOWN | HS_OWN_ADDRESSES_INVENTED);
    ck_assert (r < find (0x1021, 0));
    ck_assert_uint_eq (find (0x1021, 0)->pid, 1);
    r = find (0xff00 | HS_OWN_PROCESS, 0);
    ck_assert_uint_eq (hs_get_u32 (r->payload), 1);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 4), 0);
    r = find (0xff00 | HS_OWN_FRAME, 0);
    ck_assert_uint_eq (r->n_payload, 20 + 6 + 5 + 6);
    ck_assert_uint_eq (hs_get_u64 (r->payload + 4), 0x401000);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 12), 12);
    ck_assert_uint_eq (hs_get_u32 (r->payload + 16), 1);
    ck_assert_mem_eq (r->payload + 20, "\x04\0main\x03\0a.c\x04\0prog", 15);
    ck_assert_mem_eq (find (0xff00 | HS_OWN_MARK, 0)->payload, "\x05\0hello", 7);
    ck_assert_mem_eq (find (0xff00 | HS_OWN_SUPPRESSION, 0)->payload, "\x06\0leak:x", 8);
    ck_assert_uint_eq (hs_get_u64 (find (0xff00 | HS_OWN_MEMORY_SAMPLE, 0)->payload + 4), 123456);
    ck_assert_int_eq ((int64_t)hs_get_u64 (find (0xff00 | HS_OWN_GAP, 0)->payload), T0 + 6000000);
    ck_assert_uint_eq (count (0xff00 | HS_OWN_RESET), 1);
}
END_TEST

START_TEST (losses_and_times_that_cannot_be_are_counted)
{
    bool has_flag = false;

    add_clock (1, 0);
    add_process (0, 42);
    hs_batch_add (batch, HS_EVENT_LOST, 0)->number = 9;
    add_block (HS_EVENT_ALLOC, -5, 0x1000, 16);
    add_block (HS_EVENT_ALLOC, INT64_MAX, 0x2000, 16);
    add_block (HS_EVENT_ALLOC, 2, 0x3000, 16);
    add_block (HS_EVENT_ALLOC, 1, 0x4000, 16);
    finish ();
    ck_assert_uint_eq (hs_get_u32 (records[0].payload + 0x30), 9);
    for (long b = 1; b < file_size / 0x10000; b++)
        has_flag |= (file[b * 0x10000 + 0x34] & 2) != 0;
    ck_assert (has_flag);
    ck_assert_int_eq (find (0x1021, 0)->time, T0);
    ck_assert_int_eq (find (0x1021, 2)->time, T0 + INT64_C (2000000000));
    ck_assert_int_eq (find (0x1021, 3)->time, T0 + INT64_C (2000000001));
    ck_assert_uint_eq (report.left_out[HS_LEFT_OUT_EARLY_TIMES], 1);
    ck_assert_uint_eq (report.left_out[HS_LEFT_OUT_ABSURD_TIMES], 1);
}
END_TEST

START_TEST (records_never_cross_buffers)
{
    static char name[HS_BATCH_EVENTS * 16];
    struct hs_frame_fields frame = { .address = 1 };

    memset (name, 'n', sizeof name);
    frame.function = (struct hs_text){ name, 60000 }; /* cut to fit, and counted */
    frame.file = frame.module = frame.function;
    add_clock (1000, 0);
    add_process (0, 42);
    for (unsigned i = 0; i < 2000; i++) {
        add_block (HS_EVENT_ALLOC, i, 0x1000 + i * 16, 16);
        if (i % 500 == 0)
            hs_batch_add_frame (batch, &frame)->process = 0;
    }
    finish (); /* checks every buffer */
    ck_assert_uint_eq (count (0x1021), 2000);
    ck_assert_int_gt (file_size, 3 * 0x10000);
    ck_assert_uint_eq (report.left_out[HS_LEFT_OUT_CUT_TEXTS], 4);
}
END_TEST

START_TEST (utf8_becomes_utf16_or_a_replacement)
{
    struct hs_module_fields module = { .base = 0x400000,
                                       .size = 0x1000,
                                       .op = HS_MODULE_LOAD,
                                       .path = text_of ("a\xc3\xa4\xf0\x9f\x98\x80\xff") };

    add_clock (1000, 0);
    add_process (0, 42);
    hs_batch_add_module (batch, 1, &module)->process = 0;
    finish ();
    ck_assert_mem_eq (find (0x030a, 0)->payload + 0x38, "a\0\xe4\0\x3d\xd8\x00\xde\xfd\xff\0\0",
                      12);
}
END_TEST

START_TEST (every_allocation_may_fail)
{
    struct hs_error error;
    enum hs_status status = HS_NO_MEMORY;

    for (uint64_t n = 1; status != HS_OK; n++) {
        void *self;

        ck_assert_uint_lt (n, 1000);
        hs_batch_reset (batch);
        add_clock (1000, 0);
        add_process (0, 42);
        hs_batch_add_stack (batch, 0, 1, frames, 3);
        add_block (HS_EVENT_ALLOC, 5, 0x1000, 16)->stack_ref = 1;
        hs_batch_add_stack_link (batch, 1, 1);
        add_realloc (6, 0x1000, 0x3000, 64)->stack = 1;
        hs_memory_fail_at (n);
        status = hs_etl_encoder.open (path, &self, &error);
        if (status == HS_OK) {
            status = hs_etl_encoder.append (self, batch, &error);
            if (hs_etl_encoder.finish (self, NULL, &error) != HS_OK)
                status = HS_NO_MEMORY;
        }
        hs_memory_fail_never ();
        ck_assert (status == HS_OK || status == HS_NO_MEMORY);
    }
    hs_etl_encoder.abandon (encoder);
}
END_TEST

START_TEST (full_disk_is_an_error)
{
    struct hs_error error;
    void *self;
    enum hs_status status;

    hs_etl_encoder.abandon (encoder);
    ck_assert_int_eq (hs_etl_encoder.open ("/nonexistent/x.etl", &self, &error), HS_IO);
    if (access ("/dev/full", W_OK) != 0)
        return;
    ck_assert_int_eq (hs_etl_encoder.open ("/dev/full", &self, &error), HS_OK);
    add_clock (1000, 0);
    add_process (0, 42);
    status = hs_etl_encoder.append (self, batch, &error);
    ck_assert_int_eq (status, HS_IO);
    ck_assert_int_eq (hs_etl_encoder.finish (self, &report, &error), HS_IO);
    ck_assert_ptr_nonnull (strstr (error.text, "No space"));
}
END_TEST

START_TEST (extension_chooses_the_encoder)
{
    hs_etl_encoder.abandon (encoder);
    ck_assert_ptr_eq (hs_encoder_for_path ("/a.b/x.ETL"), &hs_etl_encoder);
    ck_assert_ptr_null (hs_encoder_for_path ("/a.etl/x"));
    ck_assert_ptr_eq (hs_encoder_for_path ("x.hst"), &hs_hst_encoder);
    ck_assert_ptr_null (hs_encoder_for_path ("x.raw"));
    for (enum hs_left_out what = 0; what < HS_N_LEFT_OUT; what++) {
        ck_assert_str_ne (hs_left_out_text (what), "");
        ck_assert_str_ne (hs_left_out_name (what), "");
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_encoder");
    TCase *tests = tcase_create ("all");

    tcase_add_checked_fixture (tests, setup, teardown);
    tcase_add_test (tests, header_is_complete);
    tcase_add_test (tests, alloc_and_free_have_windows_layout);
    tcase_add_test (tests, stamps_of_a_thread_differ);
    tcase_add_test (tests, key_follows_first_reference_and_comes_again_at_the_end);
    tcase_add_test (tests, stacks_told_later_find_their_event);
    tcase_add_test (tests, kernel_stacks_use_the_kernel_table);
    tcase_add_test (tests, lone_moving_realloc_becomes_three_records);
    tcase_add_test (tests, summary_realloc_stays_one_record);
    tcase_add_test (tests, alloc_of_another_thread_or_size_is_not_summed_up);
    tcase_add_test (tests, nothing_ends_that_did_not_end);
    tcase_add_test (tests, own_events_carry_the_rest);
    tcase_add_test (tests, losses_and_times_that_cannot_be_are_counted);
    tcase_add_test (tests, records_never_cross_buffers);
    tcase_add_test (tests, utf8_becomes_utf16_or_a_replacement);
    tcase_add_test (tests, every_allocation_may_fail);
    tcase_add_test (tests, full_disk_is_an_error);
    tcase_add_test (tests, extension_chooses_the_encoder);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
