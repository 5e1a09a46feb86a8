/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap, virtual memory and pool records of the ETL encoder. Layouts: formats/etl.md 7 and 8; the
 * order of a moving realloc's records: its section 12.
 */
#include "encode/etl_state.h"

#include "base/endian.h"
#include "event/own_provider.h"

#include <string.h>

/* hook ids: group << 8 | opcode */
#define HEAP_CREATE 0x1020
#define HEAP_ALLOC 0x1021
#define HEAP_REALLOC 0x1022
#define HEAP_DESTROY 0x1023
#define HEAP_FREE 0x1024
#define HEAP_SNAPSHOT 0x1026
#define VIRTUAL_ALLOC 0x0262
#define VIRTUAL_FREE 0x0263
#define VIRTUAL_ROTATE 0x027f
#define VIRTUAL_DC_START 0x0280
#define HEAP_RANGE_RUNDOWN 0x0264
#define HEAP_RANGE_CREATE 0x0265
#define HEAP_RANGE_RESERVE 0x0266
#define HEAP_RANGE_RELEASE 0x0267
#define HEAP_RANGE_DESTROY 0x0268
#define POOL_ALLOC 0x0e20
#define POOL_ALLOC_SESSION 0x0e21
#define POOL_FREE 0x0e22
#define POOL_FREE_SESSION 0x0e23

#define HEAP_VERSION 2
#define HEAP_CREATE_VERSION 3
#define SOURCE_MAIN_PATH 3 /* what Windows calls the usual way to a block */

struct owner { /* of a heap record: the ids of its header */
    uint32_t pid, tid;
};

/* Time, process and thread of the record to come. No two heap records of one thread share a
 * stamp: stacks are found by (stamp, process, thread). */
static bool begin_record (struct hs_etl_state *state, const struct hs_event *event,
                          struct owner *ret, struct hs_etl_thread **ret_thread)
{
    struct hs_etl_thread *thread = hs_etl_thread_of (state, event->process, event->thread);
    int64_t stamp;

    if (thread == NULL)
        return false;
    hs_etl_set_time (state, event->time);
    stamp = state->writer.last_stamp;
    if (stamp <= thread->last_stamp)
        stamp = thread->last_stamp + 1;
    if (stamp <= state->unique_stamp)
        stamp = state->unique_stamp + 1;
    if (stamp != state->writer.last_stamp)
        state->report.n_moved_times++;
    state->writer.last_stamp = thread->last_stamp = stamp;
    *ret = (struct owner){ hs_etl_pid (state, event->process), thread->tid };
    *ret_thread = thread;
    return true;
}

static void next_stamp (struct hs_etl_state *state, struct hs_etl_thread *thread)
{
    thread->last_stamp = ++state->writer.last_stamp;
}

/* Tells by which functions the thread's blocks come and go, when that changes. */
static void tell_call (struct hs_etl_state *state, struct hs_etl_thread *thread, struct owner owner,
                       const struct hs_event *event)
{
    bool is_alloc = event->kind == HS_EVENT_ALLOC, is_free = event->kind == HS_EVENT_FREE;

    if ((is_free || thread->alloc_call == event->call) &&
        (is_alloc || thread->free_call == event->call))
        return;
    if (!is_free)
        thread->alloc_call = event->call;
    if (!is_alloc)
        thread->free_call = event->call;
    state->payload.n = 0;
    hs_etl_put_u8 (&state->payload, thread->alloc_call);
    hs_etl_put_u8 (&state->payload, thread->free_call);
    hs_etl_own_event (state, HS_OWN_CALL, owner.pid, owner.tid);
}

static uint32_t source_of (const struct hs_event *event)
{
    return event->source != 0 ? event->source : SOURCE_MAIN_PATH;
}

static void write_alloc (struct hs_etl_state *state, struct owner owner,
                         const struct hs_event *event)
{
    uint8_t *at =
        hs_etl_system_record (&state->writer, HEAP_ALLOC, HEAP_VERSION, owner.pid, owner.tid, 0x1c);

    hs_put_u64 (at + 0x00, event->block.heap);
    hs_put_u64 (at + 0x08, event->block.size);
    hs_put_u64 (at + 0x10, event->block.address);
    hs_put_u32 (at + 0x18, source_of (event));
}

static void write_free (struct hs_etl_state *state, struct owner owner,
                        const struct hs_event *event, uint64_t address)
{
    uint8_t *at =
        hs_etl_system_record (&state->writer, HEAP_FREE, HEAP_VERSION, owner.pid, owner.tid, 0x14);

    hs_put_u64 (at + 0x00, event->block.heap);
    hs_put_u64 (at + 0x08, address);
    hs_put_u32 (at + 0x10, source_of (event));
}

static void write_realloc (struct hs_etl_state *state, struct owner owner,
                           const struct hs_event *event)
{
    uint8_t *at = hs_etl_system_record (&state->writer, HEAP_REALLOC, HEAP_VERSION, owner.pid,
                                        owner.tid, 0x2c);

    hs_put_u64 (at + 0x00, event->block.heap);
    hs_put_u64 (at + 0x08, event->block.address);
    hs_put_u64 (at + 0x10, event->block.old_address);
    hs_put_u64 (at + 0x18, event->block.size);
    hs_put_u64 (at + 0x20, event->block.old_size);
    hs_put_u32 (at + 0x28, source_of (event));
}

/* Hash collisions only cost the memory of one recent allocation: places are compared in full. */
static uint64_t recent_key (uint64_t heap, uint64_t address)
{
    return hs_hash_u64 (address) ^ heap;
}

static void forget_alloc (struct hs_etl_state *state, uint64_t heap, uint64_t address)
{
    hs_idmap_remove (&state->recent_index, recent_key (heap, address));
}

static void remember_alloc (struct hs_etl_state *state, struct hs_etl_thread *thread,
                            const struct hs_event *event)
{
    uint32_t place = thread->next_recent++ % HS_ETL_RECENT_ALLOCS;
    struct hs_etl_recent_alloc *recent = &thread->recent[place];
    uint32_t number = (uint32_t)(thread - state->threads.items) * HS_ETL_RECENT_ALLOCS + place;

    if (hs_idmap_get (&state->recent_index, recent_key (recent->heap, recent->address)) == number)
        forget_alloc (state, recent->heap, recent->address);
    recent->heap = event->block.heap;
    recent->address = event->block.address;
    recent->size = event->block.size;
    if (!hs_idmap_set (&state->recent_index, recent_key (recent->heap, recent->address), number))
        hs_etl_writer_fail_memory (&state->writer);
}

/* Whether a moving ReAlloc sums up an Alloc that the thread has just recorded. */
static bool claim_alloc (struct hs_etl_state *state, const struct hs_etl_thread *thread,
                         const struct hs_event *event)
{
    const struct hs_block_fields *block = &event->block;
    uint32_t number =
        hs_idmap_remove (&state->recent_index, recent_key (block->heap, block->address));
    uint32_t first = (uint32_t)(thread - state->threads.items) * HS_ETL_RECENT_ALLOCS;
    const struct hs_etl_recent_alloc *recent;

    if (number == HS_IDMAP_NONE || number < first || number >= first + HS_ETL_RECENT_ALLOCS)
        return false;
    recent = &thread->recent[number - first];
    return recent->heap == block->heap && recent->address == block->address &&
           recent->size == block->size;
}

static void write_moving_realloc (struct hs_etl_state *state, struct hs_etl_thread *thread,
                                  struct owner owner, const struct hs_event *event)
{
    int64_t alloc_stamp = state->writer.last_stamp;

    if (claim_alloc (state, thread, event)) {
        write_realloc (state, owner, event);
        hs_etl_attach_stack (state, event, alloc_stamp, owner.pid, owner.tid);
        return;
    }
    write_alloc (state, owner, event);
    hs_etl_attach_stack (state, event, alloc_stamp, owner.pid, owner.tid);
    if (event->block.old_address != 0) {
        next_stamp (state, thread);
        forget_alloc (state, event->block.heap, event->block.old_address);
        write_free (state, owner, event, event->block.old_address);
    }
    next_stamp (state, thread);
    write_realloc (state, owner, event);
    if (event->stack != HS_NO_STACK) {
        struct hs_event summary = *event;

        summary.stack_ref = 0; /* a later link is for the Alloc, which opened the block */
        hs_etl_attach_stack (state, &summary, state->writer.last_stamp, owner.pid, owner.tid);
    }
}

void hs_etl_block_event (struct hs_etl_state *state, const struct hs_event *event)
{
    struct hs_etl_thread *thread;
    struct owner owner;

    if ((event->flags & HS_EVENT_ADDRESS_INVENTED) != 0 && !state->report.has_invented_addresses) {
        state->report.has_invented_addresses = true;
        hs_etl_origin_event (state);
    }
    if (event->process == HS_NO_PROCESS)
        state->report.left_out[HS_LEFT_OUT_NO_PROCESS]++;
    if (!begin_record (state, event, &owner, &thread))
        return;
    tell_call (state, thread, owner, event);
    state->report.n_block_events++;
    if (event->kind == HS_EVENT_FREE) {
        forget_alloc (state, event->block.heap, event->block.address);
        write_free (state, owner, event, event->block.address);
    } else if (event->kind == HS_EVENT_ALLOC) {
        remember_alloc (state, thread, event);
        write_alloc (state, owner, event);
    } else if (event->block.address != 0 && event->block.address != event->block.old_address) {
        write_moving_realloc (state, thread, owner, event);
        return;
    } else {
        forget_alloc (state, event->block.heap, event->block.address);
        write_realloc (state, owner, event);
    }
    hs_etl_attach_stack (state, event, state->writer.last_stamp, owner.pid, owner.tid);
}

void hs_etl_heap_event (struct hs_etl_state *state, const struct hs_event *event)
{
    struct hs_etl_thread *thread;
    struct owner owner;
    uint8_t *at;

    if (!begin_record (state, event, &owner, &thread))
        return;
    if (event->kind == HS_EVENT_HEAP_CREATE) {
        at = hs_etl_system_record (&state->writer, HEAP_CREATE, HEAP_CREATE_VERSION, owner.pid,
                                   owner.tid, 0x24);
        memset (at, 0, 0x24);
    } else if (event->kind == HS_EVENT_HEAP_DESTROY) {
        at = hs_etl_system_record (&state->writer, HEAP_DESTROY, HEAP_VERSION, owner.pid, owner.tid,
                                   8);
    } else { /* the heap exists: a snapshot says so without changing a block */
        at = hs_etl_system_record (&state->writer, HEAP_SNAPSHOT, HEAP_CREATE_VERSION, owner.pid,
                                   owner.tid, 0x40);
        memset (at, 0, 0x40);
        hs_put_u32 (at + 0x24, owner.pid);
    }
    hs_put_u64 (at, event->heap.heap);
    hs_etl_attach_stack (state, event, state->writer.last_stamp, owner.pid, owner.tid);
}

/* A record without ids in its header finds its stack by the stamp alone. */
static void begin_anonymous_record (struct hs_etl_state *state, const struct hs_event *event)
{
    hs_etl_set_time (state, event->time);
    if (event->stack == HS_NO_STACK && event->stack_ref == 0)
        return;
    state->unique_stamp = ++state->writer.last_stamp;
    state->report.n_moved_times++;
}

static void end_anonymous_record (struct hs_etl_state *state, const struct hs_event *event)
{
    hs_etl_attach_stack (state, event, state->writer.last_stamp, hs_etl_pid (state, event->process),
                         event->thread);
}

void hs_etl_heap_range_event (struct hs_etl_state *state, const struct hs_event *event)
{
    static const uint16_t hooks[] = {
        [HS_HEAP_RANGE_RUNDOWN] = HEAP_RANGE_RUNDOWN, [HS_HEAP_RANGE_CREATE] = HEAP_RANGE_CREATE,
        [HS_HEAP_RANGE_RESERVE] = HEAP_RANGE_RESERVE, [HS_HEAP_RANGE_RELEASE] = HEAP_RANGE_RELEASE,
        [HS_HEAP_RANGE_DESTROY] = HEAP_RANGE_DESTROY,
    };
    static const uint8_t sizes[] = {
        [HS_HEAP_RANGE_RUNDOWN] = 0x28, [HS_HEAP_RANGE_CREATE] = 0x14,
        [HS_HEAP_RANGE_RESERVE] = 0x18, [HS_HEAP_RANGE_RELEASE] = 0x18,
        [HS_HEAP_RANGE_DESTROY] = 0x08,
    };
    const struct hs_heap_fields *heap = &event->heap;
    struct hs_etl_thread *thread;
    struct owner owner;
    uint8_t *at;

    if (!begin_record (state, event, &owner, &thread))
        return;
    /* with ids: the provider's own records have them, and only a rundown says the process */
    at = hs_etl_system_record (&state->writer, hooks[heap->op],
                               heap->op == HS_HEAP_RANGE_RUNDOWN ? 3 : 2, owner.pid, owner.tid,
                               sizes[heap->op]);
    memset (at, 0, sizes[heap->op]);
    hs_put_u64 (at, heap->heap);
    switch (heap->op) {
    case HS_HEAP_RANGE_RUNDOWN:
        hs_put_u32 (at + 0x0c, owner.pid);
        hs_put_u32 (at + 0x10, 1);
        hs_put_u64 (at + 0x18, heap->address);
        hs_put_u64 (at + 0x20, heap->size);
        break;
    case HS_HEAP_RANGE_CREATE:
        hs_put_u64 (at + 0x08, heap->size);
        break;
    case HS_HEAP_RANGE_RESERVE:
    case HS_HEAP_RANGE_RELEASE:
        hs_put_u64 (at + 0x08, heap->address);
        hs_put_u64 (at + 0x10, heap->size);
        break;
    case HS_HEAP_RANGE_DESTROY:
        break;
    }
    hs_etl_attach_stack (state, event, state->writer.last_stamp, owner.pid, owner.tid);
}

void hs_etl_virtual_event (struct hs_etl_state *state, const struct hs_event *event)
{
    static const uint16_t hooks[] = {
        [HS_VIRTUAL_ALLOC] = VIRTUAL_ALLOC,
        [HS_VIRTUAL_FREE] = VIRTUAL_FREE,
        [HS_VIRTUAL_ROTATE] = VIRTUAL_ROTATE,
        [HS_VIRTUAL_RUNDOWN] = VIRTUAL_DC_START,
    };
    const struct hs_virtual_fields *memory = &event->virtual_memory;
    uint32_t n = memory->op == HS_VIRTUAL_ROTATE    ? 0x14
                 : memory->op == HS_VIRTUAL_RUNDOWN ? 0x20
                                                    : 0x18;
    uint8_t *at;

    begin_anonymous_record (state, event);
    at = hs_etl_perfinfo_record (&state->writer, hooks[memory->op], 2, n);
    hs_put_u64 (at + 0x00, memory->address);
    hs_put_u64 (at + 0x08, memory->size);
    if (memory->op == HS_VIRTUAL_ROTATE) {
        hs_put_u32 (at + 0x10, memory->flags);
    } else {
        hs_put_u32 (at + 0x10, hs_etl_pid (state, event->process));
        hs_put_u32 (at + 0x14, memory->flags);
        if (memory->op == HS_VIRTUAL_RUNDOWN)
            hs_put_u64 (at + 0x18, (memory->flags & HS_VIRTUAL_COMMIT) != 0 ? memory->size : 0);
    }
    end_anonymous_record (state, event);
}

void hs_etl_pool_event (struct hs_etl_state *state, const struct hs_event *event)
{
    const struct hs_pool_fields *pool = &event->pool;
    uint16_t hook = pool->is_free ? (pool->is_session ? POOL_FREE_SESSION : POOL_FREE)
                                  : (pool->is_session ? POOL_ALLOC_SESSION : POOL_ALLOC);
    uint8_t *at;

    begin_anonymous_record (state, event);
    at = hs_etl_perfinfo_record (&state->writer, hook, 2, pool->is_session ? 0x1c : 0x18);
    hs_put_u32 (at + 0x00, 0);
    memcpy (at + 0x04, pool->tag, sizeof pool->tag);
    hs_put_u64 (at + 0x08, pool->size);
    hs_put_u64 (at + 0x10, pool->address);
    if (pool->is_session)
        hs_put_u32 (at + 0x18, 0);
    end_anonymous_record (state, event);
}
