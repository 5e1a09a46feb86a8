/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demo's events; see demo_tracer.h. */
#include "demo_tracer.h"

#include "base/idmap.h"
#include "base/memory.h"

#include <string.h>

#define PROCESS 0u
#define PID 4242u
#define HEAP UINT64_C (0x7f2a40000000)
#define START_FILETIME INT64_C (134117856000000000) /* 2026-01-01 */
#define PROGRAM_BASE UINT64_C (0x555555554000)
#define LIBC_BASE UINT64_C (0x7f2a60000000)
#define SAMPLE_NS INT64_C (50000000)
#define CALL_NS 1500 /* an allocation and what the program does around it */
#define PROGRAM_RSS (UINT64_C (6) << 20)

#define MAX_DEPTH 32
#define MAX_SITES 512
#define MAX_FREE 8192
#define N_CLASSES 4096 /* of 16 bytes up to 64 KiB; above that nothing is used again */
#define MAX_THREADS 8
#define SPARE_EVENTS 40

struct frame {
    const char *function;
    uint32_t line;
};

struct site { /* a line of a function that calls or allocates: one address */
    struct frame frame;
    uint64_t address;
};

struct free_list {
    uint64_t *addresses;
    uint32_t n;
};

struct tracer {
    void *encoder;
    struct hs_event_batch *batch;
    const char *source_file;
    struct hs_error error;
    enum hs_status status;
    int64_t now;
    int64_t next_sample;
    uint32_t random;
    uint32_t tid;
    struct frame frames[MAX_DEPTH];
    uint32_t depth;
    struct site sites[MAX_SITES];
    uint32_t n_sites;
    struct hs_idmap stacks; /* hash of the frames' addresses -> slot */
    uint32_t n_stacks;
    uint32_t threads[MAX_THREADS];
    uint32_t n_threads;
    struct free_list free_lists[N_CLASSES];
    uint64_t next_address;
    uint64_t live_bytes, touched_bytes;
};

static void flush (struct tracer *tracer)
{
    tracer->batch->last_time = tracer->now;
    tracer->batch->has_last_time = true;
    if (tracer->batch->is_out_of_memory)
        tracer->status = hs_error_no_memory (&tracer->error);
    if (tracer->status == HS_OK)
        tracer->status = hs_etl_encoder.append (tracer->encoder, tracer->batch, &tracer->error);
    hs_batch_reset (tracer->batch);
}

static struct hs_event *add_event (struct tracer *tracer, enum hs_event_kind kind)
{
    struct hs_event *event;

    if (!hs_batch_has_room (tracer->batch, SPARE_EVENTS))
        flush (tracer);
    event = hs_batch_add (tracer->batch, kind, tracer->now);
    event->process = PROCESS;
    event->thread = tracer->tid;
    return event;
}

static struct hs_text text_of (const char *text)
{
    return (struct hs_text){ text, (uint32_t)strlen (text) };
}

static void describe (struct tracer *tracer)
{
    struct hs_process_fields process = { .pid = PID,
                                         .parent_pid = 1,
                                         .image = text_of ("heapstrata-demo"),
                                         .command_line = text_of ("heapstrata-demo --library"),
                                         .has_start = true,
                                         .is_image_known = true };
    struct hs_module_fields module = { .op = HS_MODULE_LOAD };

    hs_batch_add (tracer->batch, HS_EVENT_CLOCK, 0)->clock =
        (struct hs_clock_fields){ 1000000000, START_FILETIME, 1 };
    hs_batch_add_process (tracer->batch, HS_EVENT_PROCESS, 0, &process)->process = PROCESS;
    module.base = PROGRAM_BASE;
    module.size = 0x20000;
    module.path = text_of ("/usr/bin/heapstrata-demo");
    hs_batch_add_module (tracer->batch, 0, &module)->process = PROCESS;
    module.base = LIBC_BASE;
    module.size = 0x200000;
    module.path = text_of ("/usr/lib/x86_64-linux-gnu/libc.so.6");
    hs_batch_add_module (tracer->batch, 0, &module)->process = PROCESS;
}

struct tracer *tracer_new (const char *path, const char *source_file, struct hs_error *err)
{
    struct tracer *tracer = HS_NEW (struct tracer);
    const char *slash = strrchr (source_file, '/');

    if (tracer == NULL) {
        (void)hs_error_no_memory (err);
        return NULL;
    }
    tracer->source_file = slash != NULL ? slash + 1 : source_file;
    tracer->random = 2463534242u;
    tracer->next_address = HEAP + 0x1000;
    tracer->batch = hs_batch_new ();
    if (tracer->batch == NULL || hs_etl_encoder.open (path, &tracer->encoder, err) != HS_OK) {
        if (tracer->batch == NULL)
            (void)hs_error_no_memory (err);
        hs_batch_free (tracer->batch);
        hs_free (tracer);
        return NULL;
    }
    describe (tracer);
    return tracer;
}

enum hs_status tracer_finish (struct tracer *tracer, struct hs_error *err)
{
    enum hs_status status;

    flush (tracer);
    status = tracer->status;
    if (status != HS_OK)
        *err = tracer->error;
    if (status == HS_OK)
        status = hs_etl_encoder.finish (tracer->encoder, NULL, err);
    else
        hs_etl_encoder.abandon (tracer->encoder);
    for (unsigned i = 0; i < N_CLASSES; i++)
        hs_free (tracer->free_lists[i].addresses);
    hs_idmap_clear (&tracer->stacks);
    hs_batch_free (tracer->batch);
    hs_free (tracer);
    return status;
}

/* Time passes; the resident set is looked at every now and then. */
void tracer_wait (struct tracer *tracer, int64_t ns)
{
    tracer_until (tracer, tracer->now + ns);
}

void tracer_until (struct tracer *tracer, int64_t ns)
{
    while (tracer->next_sample <= ns) {
        if (tracer->next_sample > tracer->now)
            tracer->now = tracer->next_sample;
        tracer->next_sample += SAMPLE_NS;
        add_event (tracer, HS_EVENT_MEMORY_SAMPLE)->number =
            (PROGRAM_RSS + tracer->touched_bytes) & ~UINT64_C (4095);
    }
    if (ns > tracer->now)
        tracer->now = ns;
}

uint32_t tracer_random (struct tracer *tracer, uint32_t below)
{
    tracer->random ^= tracer->random << 13;
    tracer->random ^= tracer->random >> 17;
    tracer->random ^= tracer->random << 5;
    return tracer->random % below;
}

void tracer_mark (struct tracer *tracer, const char *name)
{
    add_event (tracer, HS_EVENT_MARK)->text = text_of (name);
}

static bool is_libc (const char *function)
{
    return strcmp (function, "__libc_start_main") == 0 || strcmp (function, "clone3") == 0 ||
           strcmp (function, "start_thread") == 0;
}

void tracer_enter (struct tracer *tracer, const char *function, uint32_t line_of_call)
{
    if (tracer->depth > 0 && !is_libc (tracer->frames[tracer->depth - 1].function))
        tracer->frames[tracer->depth - 1].line = line_of_call;
    if (tracer->depth < MAX_DEPTH)
        tracer->frames[tracer->depth++] = (struct frame){ function, 0 };
}

void tracer_leave (struct tracer *tracer)
{
    tracer->depth--;
}

void tracer_thread (struct tracer *tracer, uint32_t tid, const char *name)
{
    bool is_known = false;

    tracer->tid = tid;
    for (uint32_t i = 0; i < tracer->n_threads; i++)
        is_known |= tracer->threads[i] == tid;
    if (!is_known && tracer->n_threads < MAX_THREADS) {
        tracer->threads[tracer->n_threads++] = tid;
        add_event (tracer, HS_EVENT_THREAD)->thread_info =
            (struct hs_thread_fields){ .name = text_of (name) };
    }
    tracer->depth = 0;
    if (tid == PID) {
        tracer_enter (tracer, "_start", 0);
        tracer_enter (tracer, "__libc_start_main", 0);
        tracer_enter (tracer, "main", 0);
        tracer_enter (tracer, "work", 0);
    } else {
        tracer_enter (tracer, "clone3", 0);
        tracer_enter (tracer, "start_thread", 0);
    }
}

/* The address of a line of a function; a new one is named. */
static uint64_t address_of (struct tracer *tracer, const struct frame *frame)
{
    struct hs_frame_fields fields = { 0 };
    struct site *site = tracer->sites;
    bool is_foreign;

    for (uint32_t i = 0; i < tracer->n_sites; i++, site++)
        if (site->frame.line == frame->line && strcmp (site->frame.function, frame->function) == 0)
            return site->address;
    if (tracer->n_sites == MAX_SITES)
        return PROGRAM_BASE;
    is_foreign = is_libc (frame->function);
    site->frame = *frame;
    site->address =
        (is_foreign ? LIBC_BASE : PROGRAM_BASE) + 0x1000 + (uint64_t)tracer->n_sites++ * 0x20;
    fields.address = site->address;
    fields.function = text_of (frame->function);
    fields.module = text_of (is_foreign ? "libc.so.6" : "heapstrata-demo");
    fields.file = text_of (frame->line > 0 ? tracer->source_file : "");
    fields.line = frame->line;
    hs_batch_add_frame (tracer->batch, &fields)->process = PROCESS;
    return site->address;
}

static hs_stack_slot stack_of (struct tracer *tracer, uint32_t line)
{
    uint64_t addresses[MAX_DEPTH];
    uint64_t hash = 0;
    uint32_t slot;

    if (!hs_batch_has_room (tracer->batch, SPARE_EVENTS))
        flush (tracer);
    tracer->frames[tracer->depth - 1].line = line;
    for (uint32_t i = 0; i < tracer->depth; i++) {
        addresses[i] = address_of (tracer, &tracer->frames[tracer->depth - 1 - i]);
        hash = hs_hash_u64 (hash ^ addresses[i]);
    }
    slot = hs_idmap_get (&tracer->stacks, hash);
    if (slot != HS_IDMAP_NONE)
        return slot;
    slot = ++tracer->n_stacks;
    if (!hs_idmap_set (&tracer->stacks, hash, slot))
        tracer->status = hs_error_no_memory (&tracer->error);
    hs_batch_add_stack (tracer->batch, PROCESS, slot, addresses, tracer->depth);
    return slot;
}

/* As an allocator would: the block freed last of its class first, else new space. */
static uint64_t find_address (struct tracer *tracer, uint64_t size)
{
    uint64_t number = (size + 31) / 16; /* 16 bytes for the allocator itself */
    uint64_t address = tracer->next_address;

    if (number < N_CLASSES && tracer->free_lists[number].n > 0)
        return tracer->free_lists[number].addresses[--tracer->free_lists[number].n];
    tracer->next_address += number * 16;
    return address;
}

static void drop_address (struct tracer *tracer, uint64_t address, uint64_t size)
{
    uint64_t number = (size + 31) / 16;
    struct free_list *list;

    if (number >= N_CLASSES)
        return;
    list = &tracer->free_lists[number];
    if (list->addresses == NULL)
        list->addresses = hs_alloc_array (MAX_FREE, sizeof *list->addresses);
    if (list->addresses == NULL)
        tracer->status = hs_error_no_memory (&tracer->error);
    else if (list->n < MAX_FREE)
        list->addresses[list->n++] = address;
}

/* The resident set follows what is live, but comes down slowly and never all the way. */
static void count_live (struct tracer *tracer, uint64_t taken, uint64_t given)
{
    tracer->live_bytes += taken - given;
    if (tracer->live_bytes > tracer->touched_bytes)
        tracer->touched_bytes = tracer->live_bytes;
    else
        tracer->touched_bytes -= (tracer->touched_bytes - tracer->live_bytes) / 400;
}

struct block tracer_take (struct tracer *tracer, uint32_t line, uint64_t size)
{
    struct block block = { find_address (tracer, size), size };
    hs_stack_slot stack = stack_of (tracer, line);
    struct hs_event *event;

    tracer_wait (tracer, CALL_NS);
    event = add_event (tracer, HS_EVENT_ALLOC);
    event->stack = stack;
    event->block = (struct hs_block_fields){ .heap = HEAP, .address = block.address, .size = size };
    count_live (tracer, size, 0);
    return block;
}

void tracer_give (struct tracer *tracer, uint32_t line, struct block block)
{
    (void)line;
    tracer_wait (tracer, CALL_NS);
    add_event (tracer, HS_EVENT_FREE)->block =
        (struct hs_block_fields){ .heap = HEAP, .address = block.address };
    drop_address (tracer, block.address, block.size);
    count_live (tracer, 0, block.size);
}

void tracer_resize (struct tracer *tracer, uint32_t line, struct block *block, uint64_t size)
{
    struct block old = *block;
    hs_stack_slot stack = stack_of (tracer, line);
    struct hs_event *event;

    tracer_wait (tracer, CALL_NS);
    if ((size + 31) / 16 != (old.size + 31) / 16 && size % 3 != 0)
        block->address = find_address (tracer, size);
    block->size = size;
    event = add_event (tracer, HS_EVENT_REALLOC);
    event->stack = stack;
    event->block = (struct hs_block_fields){ .heap = HEAP,
                                             .address = block->address,
                                             .size = size,
                                             .old_address = old.address,
                                             .old_size = old.size };
    if (block->address != old.address)
        drop_address (tracer, old.address, old.size);
    count_live (tracer, size, old.size);
}
