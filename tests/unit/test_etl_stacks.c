/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which stack goes to which event (formats/etl.md section 9): one test per rule. */
#include "../lib/etl_maker.h"
#include "../lib/run_suite.h"

#define PID 10
#define TID 11
#define KERNEL UINT64_C (0xfffff80000001000)
#define USER UINT64_C (0x7ff600001000)

static void start (struct maker *maker)
{
    maker_init (maker, 8);
    maker->record = (struct hs_etl_record){ .version = 2, .process = PID, .thread = TID };
}

static void heap_block (struct maker *maker, unsigned opcode, int64_t time)
{
    put_ptr (maker, 0xaa0000);
    if (opcode == 0x21)
        put_ptr (maker, 64);
    put_ptr (maker, 0xaa1000);
    put_u32 (maker, 2);
    send_record (maker, HEAP, opcode, time);
}

static void virtual_alloc (struct maker *maker, uint64_t base, uint32_t pid, int64_t time)
{
    put_ptr (maker, base);
    put_ptr (maker, 0x1000);
    put_u32 (maker, pid);
    put_u32 (maker, 0x1000);
    send_record (maker, PAGE_FAULT, 98, time);
}

static void put_head (struct maker *maker, int64_t event_time)
{
    put_u64 (maker, (uint64_t)(MAKER_T0 + event_time));
    put_u32 (maker, PID);
    put_u32 (maker, TID);
}

/* `n_kernel` kernel frames, then `n_user`; `first` tells stacks apart. */
static void put_frames (struct maker *maker, unsigned n_kernel, unsigned n_user, unsigned first)
{
    for (unsigned i = 0; i < n_kernel; i++)
        put_ptr (maker, KERNEL + first + i);
    for (unsigned i = 0; i < n_user; i++)
        put_ptr (maker, USER + first + i);
}

static void stack_of (struct maker *maker, int64_t event_time, unsigned n_kernel, unsigned n_user,
                      unsigned first)
{
    put_head (maker, event_time);
    put_frames (maker, n_kernel, n_user, first);
    send_record (maker, STACK_WALK, 32, event_time + 3);
}

static void reference (struct maker *maker, unsigned opcode, int64_t event_time, uint64_t key)
{
    put_head (maker, event_time);
    put_ptr (maker, key);
    send_record (maker, STACK_WALK, opcode, event_time + 3);
}

static void define (struct maker *maker, unsigned opcode, uint64_t key, bool is_kernel,
                    unsigned first)
{
    put_ptr (maker, key);
    put_frames (maker, is_kernel ? 2 : 0, is_kernel ? 0 : 2, first);
    send_record (maker, STACK_WALK, opcode, 100000);
}

/* The slot the i-th event of a kind has in the end, whichever way it got it. */
static hs_stack_slot slot_of (const struct maker *maker, enum hs_event_kind kind, unsigned i)
{
    const struct hs_event *event = get_event (maker, kind, i);

    if (event->stack != HS_NO_STACK || event->stack_ref == 0)
        return event->stack;
    for (unsigned link = 0; link < count_events (maker, HS_EVENT_STACK_LINK); link++) {
        const struct hs_event *found = get_event (maker, HS_EVENT_STACK_LINK, link);

        if (found->stack_info.ref == event->stack_ref)
            return found->stack_info.slot;
    }
    return HS_NO_STACK;
}

static void check_stack (const struct maker *maker, enum hs_event_kind kind, unsigned i,
                         unsigned n_kernel, unsigned n_user, unsigned first)
{
    hs_stack_slot slot = slot_of (maker, kind, i);
    const struct hs_event *found = NULL;

    for (unsigned s = 0; s < count_events (maker, HS_EVENT_STACK); s++) {
        const struct hs_event *stack = get_event (maker, HS_EVENT_STACK, s);

        if (stack->stack_info.slot == slot) {
            ck_assert_msg (found == NULL, "slot %u was defined twice", slot);
            found = stack;
        }
    }
    ck_assert_msg (found != NULL, "slot %u was never defined", slot);
    ck_assert_uint_eq (found->process, 0);
    ck_assert_uint_eq (found->stack_info.n_frames, n_kernel + n_user);
    for (unsigned f = 0; f < n_kernel; f++)
        ck_assert_uint_eq (found->stack_info.frames[f], KERNEL + first + f);
    for (unsigned f = 0; f < n_user; f++)
        ck_assert_uint_eq (found->stack_info.frames[n_kernel + f], USER + first + f);
}

static void check_no_stack (const struct maker *maker, enum hs_event_kind kind, unsigned i)
{
    ck_assert_uint_eq (slot_of (maker, kind, i), HS_NO_STACK);
}

START_TEST (whole_stack_in_the_same_batch)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 0, 3, 0);
    heap_block (&maker, 0x21, 20);
    stack_of (&maker, 20, 0, 3, 0);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 3, 0);
    ck_assert_uint_eq (slot_of (&maker, HS_EVENT_ALLOC, 1), slot_of (&maker, HS_EVENT_ALLOC, 0));
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_STACK), 1); /* once per distinct stack */
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_STACK_LINK), 0);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.walks"), 2);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.attached"), 2);
    maker_clear (&maker);
}
END_TEST

START_TEST (stack_after_its_batch_has_left)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    maker_new_batch (&maker);
    stack_of (&maker, 10, 0, 3, 5);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 3, 5);
    ck_assert_uint_gt (get_event (&maker, HS_EVENT_ALLOC, 0)->stack_ref, 0);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_STACK_LINK), 1);
    maker_clear (&maker);
}
END_TEST

START_TEST (parts)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 2, 0, 0); /* kernel, then user */
    stack_of (&maker, 10, 0, 3, 0);
    heap_block (&maker, 0x21, 20);
    stack_of (&maker, 20, 2, 3, 7); /* both in one */
    heap_block (&maker, 0x21, 30);
    stack_of (&maker, 30, 0, 3, 9); /* user only */
    heap_block (&maker, 0x21, 40);
    stack_of (&maker, 40, 2, 0, 11); /* kernel only: told at the end */
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_ALLOC, 3)->stack, HS_NO_STACK);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 2, 3, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 2, 3, 7);
    check_stack (&maker, HS_EVENT_ALLOC, 2, 0, 3, 9);
    check_stack (&maker, HS_EVENT_ALLOC, 3, 2, 0, 11);
    maker_clear (&maker);
}
END_TEST

/* The user part of a thread serves all kernel parts that wait, even much later (9.2). */
START_TEST (user_part_serves_all_kernel_parts)
{
    struct maker maker;

    start (&maker);
    for (int i = 0; i < 3; i++) {
        virtual_alloc (&maker, 0x1000, PID, 10 + i);
        stack_of (&maker, 10 + i, 1, 0, 0);
    }
    maker_new_batch (&maker);
    maker.record.thread = 99; /* another thread's user part is not ours */
    heap_block (&maker, 0x21, 50);
    put_u64 (&maker, MAKER_T0 + 50);
    put_u32 (&maker, PID);
    put_u32 (&maker, 99);
    put_frames (&maker, 0, 1, 200);
    send_record (&maker, STACK_WALK, 32, 51);
    stack_of (&maker, 12, 0, 2, 0);
    finish_records (&maker);
    for (unsigned i = 0; i < 3; i++)
        check_stack (&maker, HS_EVENT_VIRTUAL, i, 1, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 1, 200);
    maker_clear (&maker);
}
END_TEST

/* … but heap events are logged from user mode: both parts have one stamp. */
START_TEST (heap_parts_keep_to_their_stamp)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 2, 0, 0);
    heap_block (&maker, 0x21, 20);
    stack_of (&maker, 20, 0, 2, 50);
    stack_of (&maker, 10, 0, 2, 0);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 2, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 0, 2, 50);
    maker_clear (&maker);
}
END_TEST

START_TEST (keys_defined_later)
{
    unsigned definition = _i == 0 ? 35 : 36; /* delete, rundown */
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    reference (&maker, 37, 10, 5);
    reference (&maker, 38, 10, 5); /* the same value in the other name space */
    heap_block (&maker, 0x21, 20);
    reference (&maker, 38, 20, 5);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_STACK), 0);
    define (&maker, definition, 5, false, 0);
    define (&maker, definition, 5, true, 0);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 2, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 0, 2, 0);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.key_references"), 3);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.keys_resolved"), 3);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_STACK_UNRESOLVED), 0);
    maker_clear (&maker);
}
END_TEST

START_TEST (key_value_used_again)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    reference (&maker, 38, 10, 5);
    define (&maker, 35, 5, false, 0); /* a delete never serves a later reference */
    maker.record.time = 0;
    heap_block (&maker, 0x21, 100010);
    reference (&maker, 38, 100010, 5);
    define (&maker, 35, 5, false, 40);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 0, 2, 40);
    maker_clear (&maker);
}
END_TEST

START_TEST (key_defined_in_advance)
{
    struct maker maker;

    start (&maker);
    define (&maker, _i == 0 ? 34 : 36, 5, false, 0);
    heap_block (&maker, 0x21, 100010);
    reference (&maker, 38, 100010, 5);
    ck_assert_uint_ne (get_event (&maker, HS_EVENT_ALLOC, 0)->stack, HS_NO_STACK);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 2, 0); /* at once: a growing file needs no end */
    define (&maker, 35, 5, false, 0);
    heap_block (&maker, 0x21, 100020);
    reference (&maker, 38, 100020, 5);
    define (&maker, 35, 5, false, 80);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 0, 2, 80);
    maker_clear (&maker);
}
END_TEST

START_TEST (key_and_record_mixed)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 2, 0, 0);
    reference (&maker, 38, 10, 6);
    heap_block (&maker, 0x21, 20);
    reference (&maker, 37, 20, 7);
    stack_of (&maker, 20, 0, 2, 0);
    define (&maker, 35, 6, false, 0);
    define (&maker, 35, 7, true, 0);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 2, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 2, 2, 0);
    maker_clear (&maker);
}
END_TEST

START_TEST (key_never_defined)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    reference (&maker, 38, 10, 6);
    heap_block (&maker, 0x21, 20);
    stack_of (&maker, 20, 2, 0, 0);
    reference (&maker, 38, 20, 6);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 0, 0); /* an empty stack: known to be unknown */
    check_stack (&maker, HS_EVENT_ALLOC, 1, 2, 0, 0);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.unresolved"), 2);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_STACK_UNRESOLVED), 2);
    maker_clear (&maker);
}
END_TEST

/* 9.4.4: equal stamps get whole stacks in order, and Frees stay out of it. */
START_TEST (ties_in_order)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    heap_block (&maker, 0x24, 10);
    heap_block (&maker, 0x21, 10);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 0, 2, 0);
    stack_of (&maker, 10, 1, 0, 20);
    stack_of (&maker, 10, 0, 2, 20);
    stack_of (&maker, 10, 0, 2, 60);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 2, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 1, 2, 20);
    check_stack (&maker, HS_EVENT_ALLOC, 2, 0, 2, 60);
    check_no_stack (&maker, HS_EVENT_FREE, 0);
    maker_clear (&maker);
}
END_TEST

/* Two kernel parts, then their user parts, all of one stamp. */
START_TEST (ties_of_halves)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 10, 1, 0, 0);
    stack_of (&maker, 10, 1, 0, 30);
    stack_of (&maker, 10, 0, 1, 0);
    stack_of (&maker, 10, 0, 1, 30);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 1, 1, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 1, 1, 30);
    maker_clear (&maker);
}
END_TEST

START_TEST (frees_with_stacks)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x24, 10);
    stack_of (&maker, 10, 0, 2, 0);
    heap_block (&maker, 0x24, 20); /* from now on they take part in ties */
    heap_block (&maker, 0x21, 20);
    stack_of (&maker, 20, 0, 2, 30);
    stack_of (&maker, 20, 0, 2, 60);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_FREE, 0, 0, 2, 0);
    check_stack (&maker, HS_EVENT_FREE, 1, 0, 2, 30);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 2, 60);
    maker_clear (&maker);
}
END_TEST

/* Frees stop waiting after 4,096 in vain, and start again when a stack for one turns up. */
START_TEST (frees_without_stacks)
{
    struct maker maker;
    int64_t time = 10;

    start (&maker);
    for (unsigned i = 0; i < 4096; i++, time += 10) {
        if (i % 1000 == 0)
            maker_new_batch (&maker);
        heap_block (&maker, 0x24, time);
    }
    ck_assert_uint_gt (get_event (&maker, HS_EVENT_FREE, 4095)->stack_ref, 0);
    maker_new_batch (&maker);
    heap_block (&maker, 0x24, time);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_FREE, 4096)->stack_ref, 0);
    stack_of (&maker, time, 0, 2, 0);
    check_no_stack (&maker, HS_EVENT_FREE, 4096);
    time += 10;
    heap_block (&maker, 0x24, time);
    stack_of (&maker, time, 0, 2, 0);
    check_stack (&maker, HS_EVENT_FREE, 4097, 0, 2, 0);
    finish_records (&maker);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.orphans"), 0);
    maker_clear (&maker);
}
END_TEST

/* With a coarse clock a stack on a lower CPU stands ahead of its event. */
START_TEST (stack_ahead_of_its_event)
{
    struct maker maker;

    start (&maker);
    put_head (&maker, 10);
    put_frames (&maker, 0, 2, 0);
    send_record (&maker, STACK_WALK, 32, 10);
    heap_block (&maker, 0x24, 10);
    heap_block (&maker, 0x21, 10);
    heap_block (&maker, 0x21, 20);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 0, 2, 0);
    check_no_stack (&maker, HS_EVENT_FREE, 0);
    check_no_stack (&maker, HS_EVENT_ALLOC, 1);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.orphans"), 0);
    maker_clear (&maker);
}
END_TEST

START_TEST (orphans)
{
    struct maker maker;

    start (&maker);
    send_record (&maker, THREAD, 36, 5); /* some event that is not shown */
    heap_block (&maker, 0x21, 10);
    stack_of (&maker, 5, 0, 2, 0);  /* its stack is no orphan */
    stack_of (&maker, 11, 0, 2, 0); /* no event has this stamp */
    put_u64 (&maker, MAKER_T0 + 10);
    put_u32 (&maker, TID); /* ids the wrong way round: not our event, but one is there */
    put_u32 (&maker, PID);
    put_frames (&maker, 0, 2, 0);
    send_record (&maker, STACK_WALK, 32, 15);
    finish_records (&maker);
    check_no_stack (&maker, HS_EVENT_ALLOC, 0);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.orphans"), 1);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_STACK_UNRESOLVED), 1);
    maker_clear (&maker);
}
END_TEST

/* 9.4.3: without ids the stamp decides, then the CPU, then the owner in the payload. */
START_TEST (records_without_ids)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 5); /* process 0 is PID */
    maker.record.process = maker.record.thread = HS_ETL_NO_ID;
    maker.record.cpu = 0;
    virtual_alloc (&maker, 0x1000, 77, 10);
    maker.record.cpu = 1;
    virtual_alloc (&maker, 0x2000, 77, 10);
    virtual_alloc (&maker, 0x3000, PID, 10);
    stack_of (&maker, 10, 1, 1, 0);  /* CPU 1: PID's */
    stack_of (&maker, 10, 1, 1, 20); /* CPU 1: the other */
    maker.record.cpu = 0;
    stack_of (&maker, 10, 1, 1, 40);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_VIRTUAL, 2, 1, 1, 0);
    check_stack (&maker, HS_EVENT_VIRTUAL, 1, 1, 1, 20); /* frames are the caller's: process 0 */
    check_stack (&maker, HS_EVENT_VIRTUAL, 0, 1, 1, 40);
    maker_clear (&maker);
}
END_TEST

static const uint8_t event_tracing[16] = { 0x37, 0xec, 0x75, 0xb6, 0xb6, 0xbd, 0x48, 0x46,
                                           0xbc, 0x92, 0xf3, 0xfd, 0xc7, 0x4d, 0x3c, 0xa2 };

START_TEST (stacks_inside_events)
{
    uint8_t bytes[16];
    struct maker maker;

    start (&maker);
    hs_put_u64 (bytes, KERNEL);
    hs_put_u64 (bytes + 8, USER);
    maker.record.stack = (struct hs_etl_stack_item){ { bytes, 16 }, 0, 8, false };
    heap_block (&maker, 0x21, 10);
    maker.record.stack = (struct hs_etl_stack_item){ { bytes, 8 }, 77, 8, false };
    heap_block (&maker, 0x21, 20);
    maker.record.event_id = 18;
    maker.record.guid = event_tracing;
    maker.record.stack = (struct hs_etl_stack_item){ { bytes + 8, 8 }, 77, 8, false };
    send_record (&maker, HS_ETL_NO_GROUP, 24, 30);
    hs_put_u64 (bytes, 4711); /* a key */
    maker.record.guid = NULL;
    maker.record.stack = (struct hs_etl_stack_item){ { bytes, 8 }, 0, 8, true };
    heap_block (&maker, 0x21, 40);
    maker.record.stack = (struct hs_etl_stack_item){ 0 };
    define (&maker, 36, 4711, false, 50);
    finish_records (&maker);
    check_stack (&maker, HS_EVENT_ALLOC, 0, 1, 1, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 1, 1, 1, 0);
    check_stack (&maker, HS_EVENT_ALLOC, 2, 0, 2, 50);
    ck_assert_uint_eq (told (&maker, HS_EVENT_FACT, "stack.items"), 3);
    maker_clear (&maker);
}
END_TEST

START_TEST (narrow_records)
{
    struct maker maker;
    const struct hs_event *stack;

    start (&maker);
    maker.pointer_size = 4;
    heap_block (&maker, 0x21, 10);
    put_head (&maker, 10);
    put_ptr (&maker, 0x80001000); /* kernel of a 32-bit system */
    send_record (&maker, STACK_WALK, 32, 11);
    put_head (&maker, 10);
    put_ptr (&maker, 0x00401000);
    put_u8 (&maker, 1); /* an odd byte is no address */
    send_record (&maker, STACK_WALK, 32, 12);
    maker.n = 15;
    send_record (&maker, STACK_WALK, 32, 13);
    finish_records (&maker);
    stack = get_event (&maker, HS_EVENT_STACK, 0);
    ck_assert_uint_eq (stack->stack_info.n_frames, 2);
    ck_assert_uint_eq (stack->stack_info.frames[0], 0x80001000);
    ck_assert_uint_eq (stack->stack_info.frames[1], 0x00401000);
    ck_assert_uint_eq (noted (&maker, HS_NOTE_PAYLOAD_SHORT), 1);
    maker_clear (&maker);
}
END_TEST

/* A pid that is used again is another process: the same frames are another stack. */
static void whole_or_key (struct maker *maker, bool is_key, int64_t event_time)
{
    if (is_key)
        reference (maker, 38, event_time, 5);
    else
        stack_of (maker, event_time, 0, 2, 0);
}

START_TEST (stacks_belong_to_instances)
{
    struct maker maker;

    start (&maker);
    heap_block (&maker, 0x21, 10);
    whole_or_key (&maker, _i == 1, 10);
    put_ptr (&maker, 1); /* End of PID, version 2 */
    put_u32 (&maker, PID);
    for (unsigned i = 0; i < 4; i++)
        put_u32 (&maker, 0);
    put_ansi (&maker, "a");
    send_record (&maker, PROCESS, 2, 20);
    heap_block (&maker, 0x21, 30);
    whole_or_key (&maker, _i == 1, 30);
    if (_i == 1)
        define (&maker, 36, 5, false, 0);
    finish_records (&maker);
    ck_assert_uint_eq (get_event (&maker, HS_EVENT_ALLOC, 1)->process, 1);
    ck_assert_uint_eq (count_events (&maker, HS_EVENT_STACK), 2);
    ck_assert_uint_ne (slot_of (&maker, HS_EVENT_ALLOC, 0), slot_of (&maker, HS_EVENT_ALLOC, 1));
    maker_clear (&maker);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_stacks");
    TCase *tcase = tcase_create ("stacks");

    tcase_add_test (tcase, whole_stack_in_the_same_batch);
    tcase_add_test (tcase, stack_after_its_batch_has_left);
    tcase_add_test (tcase, parts);
    tcase_add_test (tcase, user_part_serves_all_kernel_parts);
    tcase_add_test (tcase, heap_parts_keep_to_their_stamp);
    tcase_add_loop_test (tcase, keys_defined_later, 0, 2);
    tcase_add_test (tcase, key_value_used_again);
    tcase_add_loop_test (tcase, key_defined_in_advance, 0, 2);
    tcase_add_test (tcase, key_and_record_mixed);
    tcase_add_test (tcase, key_never_defined);
    tcase_add_test (tcase, ties_in_order);
    tcase_add_test (tcase, ties_of_halves);
    tcase_add_test (tcase, frees_with_stacks);
    tcase_add_test (tcase, frees_without_stacks);
    tcase_add_test (tcase, stack_ahead_of_its_event);
    tcase_add_test (tcase, orphans);
    tcase_add_test (tcase, records_without_ids);
    tcase_add_test (tcase, stacks_inside_events);
    tcase_add_test (tcase, narrow_records);
    tcase_add_loop_test (tcase, stacks_belong_to_instances, 0, 2);
    suite_add_tcase (suite, tcase);
    return run_suite (suite);
}
