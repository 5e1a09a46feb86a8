/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Property: events encoded as ETL and decoded again are the same. Random events of every kind that
 * ETL or our own provider can hold (fixed seeds, printed) are written and read back; both sides are
 * put into one text, one line per event with process and stack spelled out, and compared.
 */
#include "base/idmap.h"
#include "base/memory.h"
#include "decode/decoder.h"
#include "encode/encoder.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_EVENTS 3000
#define N_PROCESSES 3
#define N_STACKS 60
#define MAX_REFS 20000
#define FILETIME INT64_C (133500000000000000)

/* What was told, as lines; stacks are put in when all is known. */
struct told {
    char *lines[4 * N_EVENTS];
    uint32_t slots[4 * N_EVENTS]; /* stack of the line */
    uint64_t refs[4 * N_EVENTS];  /* or its number until a link comes */
    uint32_t n;
    char *stacks[N_STACKS * 4 + 1]; /* by slot */
    uint32_t pids[64];              /* by hs_process_id */
    struct hs_clock_fields clock;
    uint32_t n_notes;
};

static char path[64];
static uint64_t seed;
static struct told *given, *read_back;

static uint32_t random_below (uint32_t below)
{
    seed = hs_hash_u64 (seed + 0x9e3779b97f4a7c15);
    return (uint32_t)(seed >> 32) % below;
}

static void setup (void)
{
    int fd;

    (void)snprintf (path, sizeof path, "test_etl_roundtrip.XXXXXX.etl");
    fd = mkstemps (path, 4);
    ck_assert_int_ge (fd, 0);
    close (fd);
    given = calloc (1, sizeof *given);
    read_back = calloc (1, sizeof *read_back);
}

static void free_told (struct told *told)
{
    for (uint32_t i = 0; i < told->n; i++)
        free (told->lines[i]);
    for (size_t i = 0; i < sizeof told->stacks / sizeof *told->stacks; i++)
        free (told->stacks[i]);
    free (told);
}

static void teardown (void)
{
    unlink (path);
    free_told (given);
    free_told (read_back);
}

static uint32_t pid_of (const struct told *told, hs_process_id process)
{
    return process == HS_NO_PROCESS ? UINT32_MAX : told->pids[process];
}

static void keep_stack (struct told *told, const struct hs_stack_fields *stack)
{
    size_t size = (size_t)stack->n_frames * 20 + 1;
    char *text = calloc (1, size);
    size_t n = 0;

    ck_assert_uint_lt (stack->slot, sizeof told->stacks / sizeof *told->stacks);
    for (uint32_t i = 0; i < stack->n_frames; i++)
        n += (size_t)snprintf (text + n, size - n, " %" PRIx64, stack->frames[i]);
    free (told->stacks[stack->slot]);
    told->stacks[stack->slot] = text;
}

static void link_stack (struct told *told, const struct hs_stack_fields *stack)
{
    for (uint32_t i = told->n; i > 0; i--)
        if (told->refs[i - 1] == stack->ref) {
            told->slots[i - 1] = stack->slot;
            return;
        }
    ck_abort_msg ("link to nobody");
}

static int print_block (char *line, size_t size, const struct hs_event *event)
{
    const struct hs_block_fields *b = &event->block;

    return snprintf (line, size,
                     "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIx64 " %" PRIu64 " %u %u", b->heap,
                     b->address, b->size, b->old_address, b->old_size, event->source, event->call);
}

static int print_module (char *line, size_t size, const struct hs_module_fields *m)
{
    int n = snprintf (line, size, "%d %" PRIx64 " %" PRIu64 " %.*s %u %u %u:", (int)m->op, m->base,
                      m->size, (int)m->path.length, m->path.bytes, m->pdb_age, m->link_stamp,
                      m->checksum);

    for (unsigned i = 0; i < m->build_id_size; i++)
        n += snprintf (line + n, size - (size_t)n, "%02x", m->build_id[i]);
    return n;
}

static int print_frame (char *line, size_t size, const struct hs_frame_fields *f)
{
    return snprintf (line, size, "%" PRIx64 " %.*s %.*s %.*s %u %u", f->address,
                     (int)f->function.length, f->function.bytes, (int)f->file.length, f->file.bytes,
                     (int)f->module.length, f->module.bytes, f->line, f->inline_depth);
}

/* The fields of an event that must survive; false for kinds that are no property of this test. */
static bool print_fields (char *line, size_t size, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_ALLOC:
    case HS_EVENT_FREE:
    case HS_EVENT_REALLOC:
        return print_block (line, size, event) > 0;
    case HS_EVENT_HEAP_CREATE:
    case HS_EVENT_HEAP_DESTROY:
    case HS_EVENT_HEAP_SEEN:
        return snprintf (line, size, "%" PRIx64, event->heap.heap) > 0;
    case HS_EVENT_HEAP_RANGE:
        return snprintf (line, size, "%d %" PRIx64 " %" PRIx64 " %" PRIu64, (int)event->heap.op,
                         event->heap.heap, event->heap.address, event->heap.size) > 0;
    case HS_EVENT_PROCESS_END:
        return snprintf (line, size, "%d", event->process_info->exit_status) > 0;
    case HS_EVENT_VIRTUAL:
        return snprintf (line, size, "%d %" PRIx64 " %" PRIu64 " %x", (int)event->virtual_memory.op,
                         event->virtual_memory.address, event->virtual_memory.size,
                         event->virtual_memory.flags) > 0;
    case HS_EVENT_POOL:
        return snprintf (line, size, "%d %d %.4s %" PRIx64 " %" PRIu64, event->pool.is_free,
                         event->pool.is_session, event->pool.tag, event->pool.address,
                         event->pool.size) > 0;
    case HS_EVENT_MEMORY_SAMPLE:
        return snprintf (line, size, "%" PRIu64, event->number) > 0;
    case HS_EVENT_MODULE:
        return event->module->op != HS_MODULE_RUNDOWN_END &&
               event->module->op != HS_MODULE_IDENTITY &&
               print_module (line, size, event->module) > 0;
    case HS_EVENT_FRAME_NAME:
        return print_frame (line, size, event->frame) > 0;
    case HS_EVENT_HEAP_NAME:
        return snprintf (line, size, "%" PRIx64 " %.*s", event->heap_name.heap,
                         (int)event->heap_name.name.length, event->heap_name.name.bytes) > 0;
    case HS_EVENT_MARK:
    case HS_EVENT_SUPPRESSION:
        return snprintf (line, size, "%.*s", (int)event->text.length, event->text.bytes) > 0;
    case HS_EVENT_GAP:
        return snprintf (line, size, "%" PRId64, event->end_time) > 0;
    case HS_EVENT_RESET:
        line[0] = '\0';
        return true;
    case HS_EVENT_CLOCK:
    case HS_EVENT_PROCESS:
    case HS_EVENT_THREAD:
    case HS_EVENT_STACK:
    case HS_EVENT_STACK_LINK:
    case HS_EVENT_FACT:
    case HS_EVENT_COUNT:
    case HS_EVENT_NOTE:
    case HS_EVENT_LOST:
    case HS_EVENT_NONE:
    case HS_N_EVENT_KINDS:
        break;
    }
    return false;
}

static bool has_time (enum hs_event_kind kind)
{
    return kind != HS_EVENT_FRAME_NAME && kind != HS_EVENT_SUPPRESSION;
}

/* Records without ids in their header lose the thread; what belongs to no thread has none. */
static bool has_thread (enum hs_event_kind kind)
{
    return (kind >= HS_EVENT_ALLOC && kind <= HS_EVENT_HEAP_SEEN);
}

static void add_line (struct told *told, const struct hs_event *event, const char *fields)
{
    enum hs_event_kind kind = (enum hs_event_kind)event->kind;
    uint32_t pid = kind == HS_EVENT_POOL ? 0 : pid_of (told, event->process);
    char line[1024];

    ck_assert_uint_lt (told->n, 4 * N_EVENTS);
    (void)snprintf (line, sizeof line, "%s %" PRId64 " pid %u tid %u flags %x: %s",
                    hs_event_kind_name (kind), has_time (kind) ? event->time : 0, pid,
                    has_thread (kind) ? event->thread : 0, event->flags, fields);
    told->lines[told->n] = strdup (line);
    told->slots[told->n] = event->stack;
    told->refs[told->n] = event->stack_ref;
    told->n++;
}

/* The GUID of a PDB comes with a record of its own: put in with the module it belongs to. */
static void hear (struct told *told, const struct hs_event_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_event *event = &batch->events[i];
        char fields[900];

        if (event->kind == HS_EVENT_PROCESS) {
            ck_assert_uint_lt (event->process, 64);
            told->pids[event->process] = event->process_info->pid;
        } else if (event->kind == HS_EVENT_CLOCK) {
            told->clock = event->clock;
        } else if (event->kind == HS_EVENT_STACK) {
            keep_stack (told, &event->stack_info);
        } else if (event->kind == HS_EVENT_STACK_LINK) {
            link_stack (told, &event->stack_info);
        } else if (event->kind == HS_EVENT_NOTE) {
            told->n_notes++;
        } else if (print_fields (fields, sizeof fields, event)) {
            add_line (told, event, fields);
        }
    }
}

static struct hs_text text_of (const char *text)
{
    return (struct hs_text){ text, (uint32_t)strlen (text) };
}

static struct hs_event *add (struct hs_event_batch *batch, enum hs_event_kind kind, int64_t time)
{
    struct hs_event *event = hs_batch_add (batch, kind, time);

    event->process = random_below (N_PROCESSES);
    event->thread = 100 + random_below (5);
    return event;
}

static void add_stack (struct hs_event_batch *batch, hs_stack_slot slot)
{
    uint64_t frames[40];
    uint32_t n = 1 + random_below (40);

    for (uint32_t i = 0; i < n; i++)
        frames[i] = 0x400000 + (uint64_t)slot * 0x10000 + random_below (4096);
    hs_batch_add_stack (batch, random_below (N_PROCESSES), slot, frames, n);
}

static uint64_t random_address (void)
{
    return 0x10000 + (uint64_t)random_below (500) * 16;
}

static void add_moving_realloc (struct hs_event_batch *batch, int64_t *time)
{
    struct hs_event *alloc = add (batch, HS_EVENT_ALLOC, *time), *free_old, *summary;
    struct hs_block_fields block = { .heap = 0x1000, .address = random_address (), .size = 77 };

    alloc->source = 3;
    alloc->block = block;
    free_old = hs_batch_add (batch, HS_EVENT_FREE, *time += 5);
    free_old->block = (struct hs_block_fields){ .heap = 0x1000, .address = random_address () + 8 };
    summary = hs_batch_add (batch, HS_EVENT_REALLOC, *time += 5);
    block.old_address = free_old->block.address;
    block.old_size = random_below (100);
    summary->block = block;
    free_old->source = summary->source = 3;
    free_old->process = summary->process = alloc->process;
    free_old->thread = summary->thread = alloc->thread;
}

static void add_block (struct hs_event_batch *batch, int64_t time, uint64_t *ref)
{
    static const enum hs_event_kind kinds[] = { HS_EVENT_ALLOC, HS_EVENT_ALLOC, HS_EVENT_FREE,
                                                HS_EVENT_REALLOC };
    struct hs_event *event = add (batch, kinds[random_below (4)], time);

    event->source = (uint8_t)(1 + random_below (6));
    event->call = (uint8_t)random_below (16);
    event->block = (struct hs_block_fields){ .heap = 0x1000 + random_below (3) * 0x1000ull,
                                             .address = random_address () };
    if (event->kind != HS_EVENT_FREE)
        event->block.size = (uint64_t)random_below (1000) << random_below (30);
    if (event->kind == HS_EVENT_REALLOC) { /* in place, or failed */
        event->block.old_address = event->block.address;
        event->block.old_size = random_below (1000);
        if (random_below (4) == 0)
            event->block.address = 0;
    }
    if (event->kind != HS_EVENT_FREE && random_below (8) == 0)
        event->stack_ref = ++*ref;
    else if (random_below (8) != 0 && event->kind != HS_EVENT_FREE)
        event->stack = 1 + random_below (N_STACKS);
}

static void add_module (struct hs_event_batch *batch, int64_t time)
{
    static const char *const paths[] = { "/usr/lib/libc.so.6", "\\Device\\x\\ntdll.dll",
                                         "/opt/gr\xc3\xbc\xc3\x9f.so" };
    struct hs_module_fields module = { .op = random_below (2) == 0 ? HS_MODULE_LOAD
                                                                   : HS_MODULE_RUNDOWN_START };

    module.base = 0x700000000000 + (uint64_t)random_below (1000) * 0x100000;
    module.size = 0x1000 + random_below (100) * 0x1000ull;
    module.path = text_of (paths[random_below (3)]);
    module.link_stamp = random_below (1000);
    module.checksum = random_below (1000);
    module.debug_name = text_of ("");
    hs_batch_add_module (batch, time, &module)->process = random_below (N_PROCESSES);
}

static void add_own (struct hs_event_batch *batch, int64_t time)
{
    struct hs_frame_fields frame = { .address = random_address (),
                                     .function = text_of ("std::vector<int>::push_back"),
                                     .file = text_of ("a/b.c"),
                                     .module = text_of ("prog"),
                                     .line = random_below (5000),
                                     .inline_depth = random_below (3) };

    switch (random_below (5)) {
    case 0:
        hs_batch_add_frame (batch, &frame)->process = random_below (N_PROCESSES);
        break;
    case 1:
        hs_batch_add (batch, HS_EVENT_MARK, time)->text = text_of ("a mark \xe2\x82\xac");
        break;
    case 2:
        hs_batch_add (batch, HS_EVENT_SUPPRESSION, time)->text = text_of ("^leak*x$");
        add (batch, HS_EVENT_HEAP_NAME, time)->heap_name =
            (struct hs_heap_name_fields){ 0x1000, text_of ("caché") };
        break;
    case 3:
        add (batch, HS_EVENT_MEMORY_SAMPLE, time)->number = random_below (UINT32_MAX);
        break;
    default:
        hs_batch_add (batch, random_below (20) == 0 ? HS_EVENT_RESET : HS_EVENT_GAP, time)
            ->end_time = time + random_below (1000);
        break;
    }
}

static void add_memory (struct hs_event_batch *batch, int64_t time)
{
    static const enum hs_event_kind heap_kinds[] = { HS_EVENT_HEAP_CREATE, HS_EVENT_HEAP_DESTROY,
                                                     HS_EVENT_HEAP_SEEN };
    static const char tags[][5] = { "Ntfs", "Thre", "ab  " };
    struct hs_event *event;

    switch (random_below (4)) {
    case 0:
        event = add (batch, heap_kinds[random_below (3)], time);
        event->heap = (struct hs_heap_fields){ .heap = random_address () };
        break;
    case 1:
        event = add (batch, HS_EVENT_HEAP_RANGE, time);
        event->heap =
            (struct hs_heap_fields){ .heap = random_address (),
                                     .address = 0x900000,
                                     .size = 1 + random_below (1 << 20),
                                     .op = random_below (2) == 0 ? HS_HEAP_RANGE_RESERVE
                                                                 : HS_HEAP_RANGE_RELEASE };
        break;
    case 2:
        event = add (batch, HS_EVENT_VIRTUAL, time);
        event->virtual_memory =
            (struct hs_virtual_fields){ .address = random_address () << 12,
                                        .size = 4096,
                                        .flags = HS_VIRTUAL_COMMIT | HS_VIRTUAL_RESERVE };
        event->virtual_memory.op = random_below (2) == 0 ? HS_VIRTUAL_ALLOC : HS_VIRTUAL_FREE;
        break;
    default:
        event = hs_batch_add (batch, HS_EVENT_POOL, time);
        event->pool = (struct hs_pool_fields){ .address = 0xffff800000000000 + random_address (),
                                               .size = random_below (4096),
                                               .is_free = random_below (2) == 0,
                                               .is_session = random_below (4) == 0 };
        memcpy (event->pool.tag, tags[random_below (3)], 4);
        break;
    }
}

/* Links to some of the events that were promised one, and the stacks not told so far. */
static void add_links (struct hs_event_batch *batch, uint64_t from, uint64_t to)
{
    for (uint64_t ref = from; ref <= to; ref++)
        if (random_below (4) != 0)
            hs_batch_add_stack_link (batch, ref, 1 + random_below (N_STACKS));
}

static void give (void *encoder, struct hs_event_batch *batch)
{
    struct hs_error error;

    ck_assert (!batch->is_out_of_memory);
    hear (given, batch);
    ck_assert_int_eq (hs_etl_encoder.append (encoder, batch, &error), HS_OK);
    hs_batch_reset (batch);
}

static void write_events (void)
{
    struct hs_process_fields process = { .parent_pid = 1,
                                         .image = text_of ("prog"),
                                         .command_line = text_of ("prog -x"),
                                         .is_image_known = true };
    struct hs_event_batch *batch = hs_batch_new ();
    uint64_t ref = 0, n_linked = 0;
    struct hs_error error;
    int64_t time = 0;
    void *encoder;

    ck_assert_int_eq (hs_etl_encoder.open (path, &encoder, &error), HS_OK);
    hs_batch_add (batch, HS_EVENT_CLOCK, 0)->clock =
        (struct hs_clock_fields){ 1000000000, FILETIME, 1 };
    for (hs_process_id i = 0; i < N_PROCESSES; i++) {
        process.pid = 4000 + i;
        hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &process)->process = i;
    }
    for (hs_stack_slot slot = 1; slot <= N_STACKS / 2; slot++)
        add_stack (batch, slot);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        time += 1 + random_below (100000);
        switch (random_below (12)) {
        case 0:
            add_moving_realloc (batch, &time);
            break;
        case 1:
            add_module (batch, time);
            break;
        case 2:
            add_own (batch, time);
            break;
        case 3:
            add_memory (batch, time);
            break;
        default:
            add_block (batch, time, &ref);
            break;
        }
        if (i % 100 == 99) {
            add_links (batch, n_linked + 1, ref);
            n_linked = ref;
            give (encoder, batch);
        }
    }
    for (hs_stack_slot slot = N_STACKS / 2 + 1; slot <= N_STACKS; slot++)
        add_stack (batch, slot); /* told after their use */
    batch->last_time = time + 12345;
    batch->has_last_time = true;
    {
        struct hs_process_fields end = { .exit_status = 3, .image = text_of ("") };

        end.command_line = end.image;
        hs_batch_add_process (batch, HS_EVENT_PROCESS_END, time + 1, &end)->process = 1;
    }
    give (encoder, batch);
    ck_assert_int_eq (hs_etl_encoder.finish (encoder, NULL, &error), HS_OK);
    hs_batch_free (batch);
}

static int64_t read_events (void)
{
    const char *const paths[] = { path };
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_decoder *decoder;
    enum hs_status status;
    struct hs_error error;
    int64_t last_time = 0;

    ck_assert_int_eq (hs_decoder_open (paths, 1, HS_SOURCE_WHOLE, &decoder, &error), HS_OK);
    do {
        status = hs_decoder_next (decoder, batch, &error);
        hear (read_back, batch);
        last_time = batch->last_time;
    } while (status == HS_OK);
    ck_assert_int_eq (status, HS_END);
    hs_decoder_close (decoder);
    hs_batch_free (batch);
    return last_time;
}

static const char *stack_of (const struct told *told, uint32_t i)
{
    uint32_t slot = told->slots[i];

    return slot == HS_NO_STACK || told->stacks[slot] == NULL ? "" : told->stacks[slot];
}

/* Everything keeps its place but what comes late by nature: sorted, so that order within one
 * stamp does not matter. */
static int compare_lines (const void *a, const void *b)
{
    return strcmp (*(char *const *)a, *(char *const *)b);
}

static void put_stacks (struct told *told)
{
    for (uint32_t i = 0; i < told->n; i++) {
        const char *stack = stack_of (told, i);
        size_t size = strlen (told->lines[i]) + strlen (stack) + 4;
        char *line = malloc (size);

        (void)snprintf (line, size, "%s @%s", told->lines[i], stack);
        free (told->lines[i]);
        told->lines[i] = line;
    }
    qsort (told->lines, told->n, sizeof *told->lines, compare_lines);
}

START_TEST (events_survive)
{
    int64_t last_time;

    seed = (uint64_t)_i;
    write_events ();
    last_time = read_events ();
    ck_assert_uint_eq (read_back->n_notes, 0);
    ck_assert_int_gt (last_time, 12345);
    put_stacks (given);
    put_stacks (read_back);
    for (uint32_t i = 0; i < given->n && i < read_back->n; i++)
        if (strcmp (given->lines[i], read_back->lines[i]) != 0)
            ck_abort_msg ("seed %d\n  written: %s\n  read:    %s", _i, given->lines[i],
                          read_back->lines[i]);
    ck_assert_uint_eq (given->n, read_back->n);
    ck_assert_uint_gt (given->n, N_EVENTS * 9 / 10);
    ck_assert_uint_eq (read_back->clock.ticks_per_second, 1000000000);
    ck_assert_int_eq (read_back->clock.zero_filetime, FILETIME);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl_roundtrip");
    TCase *tests = tcase_create ("all");

    tcase_set_timeout (tests, 60);
    tcase_add_checked_fixture (tests, setup, teardown);
    tcase_add_loop_test (tests, events_survive, 1, 9);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
