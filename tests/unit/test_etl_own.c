/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of our own provider, read back: payloads made by hand from event/own_provider.h. */
#include "decode/etl/etl_meaning.h"
#include "event/own_provider.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define T0 1000000000

static struct hs_etl_meaning *meaning;
static struct hs_event_batch *batch;
static uint8_t payload[512];
static size_t n;

static void put (uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        payload[n++] = (uint8_t)(value >> 8 * i);
}

static void put_text (const char *text)
{
    put (strlen (text), 2);
    memcpy (payload + n, text, strlen (text));
    n += strlen (text);
}

/* The first `size` bytes of the payload, in memory of exactly that size. */
static void send_part (enum hs_own_event_id id, int64_t ns, size_t size)
{
    uint8_t *exact = malloc (size > 0 ? size : 1);
    struct hs_etl_record record = { .time = T0 + ns,
                                    .thread = HS_ETL_NO_ID,
                                    .process = 42,
                                    .group = HS_ETL_NO_GROUP,
                                    .event_id = (uint16_t)id,
                                    .pointer_size = 8,
                                    .kind = HS_ETL_EVENT,
                                    .guid = hs_own_provider_guid };
    size_t n_read;

    memcpy (exact, payload, size);
    record.payload = (struct hs_span){ exact, size };
    ck_assert (hs_etl_meaning_read (meaning, &record, 1, &n_read));
    free (exact);
}

static void send (enum hs_own_event_id id, int64_t ns)
{
    send_part (id, ns, n);
    n = 0;
}

static void send_alloc (void)
{
    struct hs_etl_record record = { .time = T0 + 9,
                                    .thread = 7,
                                    .process = 42,
                                    .group = 0x10,
                                    .opcode = 0x21,
                                    .version = 2,
                                    .pointer_size = 8 };
    size_t n_read;

    put (1, 8);
    put (16, 8);
    put (0x1000, 8);
    put (3, 4);
    record.payload = (struct hs_span){ payload, n };
    ck_assert (hs_etl_meaning_read (meaning, &record, 1, &n_read));
    n = 0;
}

static void setup (void)
{
    struct hs_etl_header header = { .buffer_size = 65536,
                                    .pointer_size = 8,
                                    .clock = 1,
                                    .perf_freq = 1000000000,
                                    .start_filetime = 5000,
                                    .record_time = T0 };

    meaning = hs_etl_meaning_new (&header);
    batch = hs_batch_new ();
    hs_etl_meaning_begin (meaning, batch);
    n = 0;
    send_alloc (); /* process 42 is known */
}

static void teardown (void)
{
    hs_etl_meaning_free (meaning);
    hs_batch_free (batch);
}

static uint32_t count (enum hs_event_kind kind)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < batch->n; i++)
        found += batch->events[i].kind == kind;
    return found;
}

/* The newest event of the kind. */
static const struct hs_event *newest (enum hs_event_kind kind)
{
    for (uint32_t i = batch->n; i > 0; i--)
        if (batch->events[i - 1].kind == kind)
            return &batch->events[i - 1];
    ck_abort_msg ("no %s", hs_event_kind_name (kind));
}

static void check_text (struct hs_text text, const char *expected)
{
    ck_assert_uint_eq (text.length, strlen (expected));
    ck_assert_mem_eq (text.bytes, expected, text.length);
}

START_TEST (origin_marks_addresses_and_clock)
{
    const struct hs_clock_fields *clock;

    ck_assert_int_eq (newest (HS_EVENT_CLOCK)->clock.zero_filetime, 5000);
    send_alloc ();
    ck_assert_uint_eq (newest (HS_EVENT_ALLOC)->flags, 0);
    put (HS_OWN_ADDRESSES_INVENTED | HS_OWN_WALL_CLOCK_UNKNOWN, 4);
    put (10000000, 8);
    send (HS_OWN_ORIGIN, 5);
    clock = &newest (HS_EVENT_CLOCK)->clock;
    ck_assert_uint_eq (clock->ticks_per_second, 1000000000);
    ck_assert_uint_eq (clock->resolution_ticks, 10000000);
    ck_assert_int_eq (clock->zero_filetime, 0);
    send_alloc ();
    ck_assert_uint_eq (newest (HS_EVENT_ALLOC)->flags, HS_EVENT_ADDRESS_INVENTED);
}
END_TEST

START_TEST (process_keeps_its_real_pid_and_names)
{
    const struct hs_event *event;

    put (43, 4); /* ahead of its process record: the pid of the file is never told */
    put (0, 4);
    put_text ("/opt/gr\xc3\xbc\xc3\x9f/prog");
    put_text ("prog --x");
    send (HS_OWN_PROCESS, 5);
    event = newest (HS_EVENT_PROCESS);
    ck_assert_uint_eq (event->process_info->pid, 0);
    check_text (event->process_info->image, "/opt/gr\xc3\xbc\xc3\x9f/prog");
    check_text (event->process_info->command_line, "prog --x");
    ck_assert_uint_eq (count (HS_EVENT_PROCESS), 2);
    put (43, 4); /* still found by the pid of the file */
    put (7, 8);
    send (HS_OWN_MEMORY_SAMPLE, 6);
    ck_assert_uint_eq (newest (HS_EVENT_MEMORY_SAMPLE)->process, event->process);
}
END_TEST

START_TEST (module_gets_its_whole_build_id)
{
    const struct hs_module_fields *module;

    put (42, 4);
    put (0x400000, 8);
    put (20, 1);
    for (unsigned i = 0; i < 20; i++)
        put (i + 1, 1);
    send (HS_OWN_MODULE, 5);
    module = newest (HS_EVENT_MODULE)->module;
    ck_assert_int_eq (module->op, HS_MODULE_IDENTITY);
    ck_assert_uint_eq (module->base, 0x400000);
    ck_assert_uint_eq (module->build_id_size, 20);
    ck_assert_uint_eq (module->build_id[19], 20);
    put (0, 4); /* the kernel's */
    put (0x400000, 8);
    put (1, 1);
    put (1, 1);
    send (HS_OWN_MODULE, 5);
    ck_assert_uint_eq (newest (HS_EVENT_MODULE)->process, HS_NO_PROCESS);
    ck_assert_uint_eq (count (HS_EVENT_MODULE), 2);
    put (42, 4);
    put (0x400000, 8);
    put (21, 1); /* no build id is so long */
    n += 21;
    send (HS_OWN_MODULE, 5);
    ck_assert_uint_eq (count (HS_EVENT_MODULE), 2);
}
END_TEST

START_TEST (frame_names_survive)
{
    const struct hs_frame_fields *frame;

    put (42, 4);
    put (0x401234, 8);
    put (17, 4);
    put (2, 4);
    put_text ("main");
    put_text ("a.c");
    put_text ("\xffprog"); /* made valid */
    send (HS_OWN_FRAME, 5);
    frame = newest (HS_EVENT_FRAME_NAME)->frame;
    ck_assert_uint_eq (frame->address, 0x401234);
    ck_assert_uint_eq (frame->line, 17);
    ck_assert_uint_eq (frame->inline_depth, 2);
    check_text (frame->function, "main");
    check_text (frame->file, "a.c");
    check_text (frame->module, "\xef\xbf\xbdprog");
}
END_TEST

START_TEST (moments_survive)
{
    put_text ("hello");
    send (HS_OWN_MARK, 5);
    ck_assert_int_eq (newest (HS_EVENT_MARK)->time, 5);
    check_text (newest (HS_EVENT_MARK)->text, "hello");
    put_text ("x*");
    send (HS_OWN_SUPPRESSION, 6);
    check_text (newest (HS_EVENT_SUPPRESSION)->text, "x*");
    put (42, 4);
    put (123456, 8);
    send (HS_OWN_MEMORY_SAMPLE, 7);
    ck_assert_uint_eq (newest (HS_EVENT_MEMORY_SAMPLE)->number, 123456);
    ck_assert_uint_ne (newest (HS_EVENT_MEMORY_SAMPLE)->process, HS_NO_PROCESS);
    put (HS_ETL_NO_ID, 4);
    put (1, 8);
    send (HS_OWN_MEMORY_SAMPLE, 7);
    ck_assert_uint_eq (newest (HS_EVENT_MEMORY_SAMPLE)->process, HS_NO_PROCESS);
    put (T0 + 20, 8);
    send (HS_OWN_GAP, 8);
    ck_assert_int_eq (newest (HS_EVENT_GAP)->time, 8);
    ck_assert_int_eq (newest (HS_EVENT_GAP)->end_time, 20);
    ck_assert_uint_eq (newest (HS_EVENT_GAP)->process, HS_NO_PROCESS); /* older files tell none */
    put (T0 + 30, 8);
    put (42, 4);
    send (HS_OWN_GAP, 9);
    ck_assert_uint_ne (newest (HS_EVENT_GAP)->process, HS_NO_PROCESS);
    send (HS_OWN_RESET, 9);
    ck_assert_uint_eq (count (HS_EVENT_RESET), 1);
}
END_TEST

/* Cut anywhere, an event is a finding and changes nothing. */
START_TEST (short_events_are_noted)
{
    static const enum hs_own_event_id ids[] = { HS_OWN_ORIGIN, HS_OWN_PROCESS,       HS_OWN_MODULE,
                                                HS_OWN_FRAME,  HS_OWN_MEMORY_SAMPLE, HS_OWN_GAP };
    static const unsigned fixed[] = { 12, 8, 12, 20, 12, 8 };
    enum hs_own_event_id id = ids[_i];
    uint32_t n_events;
    size_t whole;

    for (unsigned i = 0; i < fixed[_i]; i++)
        put (i == 0 ? 42 : 0, 1);
    if (id == HS_OWN_MODULE)
        put (1, 1), put (1, 1);
    for (unsigned i = 0; i < (id == HS_OWN_PROCESS ? 2 : id == HS_OWN_FRAME ? 3 : 0); i++)
        put_text ("abc");
    whole = n;
    n_events = batch->n;
    for (size_t size = 0; size < whole; size++)
        send_part (id, 5, size);
    for (uint32_t i = n_events; i < batch->n; i++) /* at most the process itself is met */
        ck_assert (batch->events[i].kind == HS_EVENT_NONE ||
                   batch->events[i].kind == HS_EVENT_PROCESS);
    ck_assert (hs_etl_meaning_tell (meaning, 1));
    for (uint32_t i = 0; i < batch->n; i++)
        if (batch->events[i].kind == HS_EVENT_NOTE) {
            ck_assert_int_eq (batch->events[i].note->kind, HS_NOTE_PAYLOAD_SHORT);
            ck_assert_uint_eq (batch->events[i].note->count, whole);
        }
    ck_assert_uint_eq (count (HS_EVENT_NOTE), 1);
}
END_TEST

START_TEST (newer_events_are_left_alone)
{
    uint32_t n_events = batch->n;

    put_text ("?");
    send ((enum hs_own_event_id)999, 5);
    ck_assert_uint_eq (batch->n, n_events);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_own");
    TCase *tests = tcase_create ("all");

    tcase_add_checked_fixture (tests, setup, teardown);
    tcase_add_test (tests, origin_marks_addresses_and_clock);
    tcase_add_test (tests, process_keeps_its_real_pid_and_names);
    tcase_add_test (tests, module_gets_its_whole_build_id);
    tcase_add_test (tests, frame_names_survive);
    tcase_add_test (tests, moments_survive);
    tcase_add_loop_test (tests, short_events_are_noted, 0, 6);
    tcase_add_test (tests, newer_events_are_left_alone);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
