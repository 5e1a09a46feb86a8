/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dropping the oldest part of a recording; see hst_circular.h. */
#include "encode/hst_circular.h"

#include "base/checksum.h"
#include "base/endian.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GENERATIONS 4u /* the newest of them is still being written */
#define NONE UINT32_MAX

struct block {
    int64_t time;
    uint64_t heap, address, size;
    hs_process_id process; /* HS_NO_PROCESS: a free entry */
    uint32_t thread;
    hs_stack_slot stack;
    uint32_t next_free;
    uint8_t source;
    uint8_t flags, call;
};

struct generation {
    size_t first_chunk; /* in the writer's directory */
    uint64_t offset;
    uint64_t first_event, n_by_op[3];
    int64_t time;
    size_t n_world;       /* of world: told before it began */
    struct block *blocks; /* live when it began, by time */
    size_t n_blocks;
};

struct hs_hst_circular {
    char path[4096];
    uint64_t max_bytes; /* of the file, 0 = no limit */
    int64_t min_ns;     /* that are kept, 0 = no limit */
    HS_ARRAY (struct block) blocks;
    uint32_t first_free;
    struct hs_idmap index; /* hash of process, heap and address -> block */
    /* heaps that began and ended, processes that ended, address space: few, kept for ever */
    HS_ARRAY (struct hs_event) world;
    HS_ARRAY (struct hs_process_fields *) ends; /* what PROCESS_END of world points to */
    struct generation generations[GENERATIONS]; /* oldest first; the first needs no blocks */
    unsigned n_generations;
};

struct hs_hst_circular *hs_hst_circular_new (const char *path, uint64_t max_bytes, int64_t min_ns)
{
    struct hs_hst_circular *circular = HS_NEW (struct hs_hst_circular);

    if (circular == NULL)
        return NULL;
    (void)snprintf (circular->path, sizeof circular->path, "%s", path);
    circular->max_bytes = max_bytes;
    circular->min_ns = min_ns;
    circular->first_free = NONE;
    circular->n_generations = 1;
    return circular;
}

void hs_hst_circular_free (struct hs_hst_circular *circular)
{
    if (circular == NULL)
        return;
    for (unsigned i = 0; i < circular->n_generations; i++)
        hs_free (circular->generations[i].blocks);
    for (size_t i = 0; i < circular->ends.n; i++)
        hs_free (circular->ends.items[i]);
    hs_array_clear (&circular->ends);
    hs_array_clear (&circular->world);
    hs_array_clear (&circular->blocks);
    hs_idmap_clear (&circular->index);
    hs_free (circular);
}

static uint64_t key_of (const struct hs_event *event, uint64_t address)
{
    return hs_hash_u64 (address ^ hs_hash_u64 (event->block.heap ^ (uint64_t)event->process << 40));
}

static void forget (struct hs_hst_circular *circular, uint32_t number)
{
    circular->blocks.items[number].process = HS_NO_PROCESS;
    circular->blocks.items[number].next_free = circular->first_free;
    circular->first_free = number;
}

static bool remove_block (struct hs_hst_circular *circular, const struct hs_event *event,
                          uint64_t address)
{
    uint32_t number = hs_idmap_remove (&circular->index, key_of (event, address));

    if (number == HS_IDMAP_NONE)
        return false;
    forget (circular, number);
    return true;
}

static bool add_block (struct hs_hst_circular *circular, const struct hs_event *event)
{
    uint32_t number = circular->first_free;

    (void)remove_block (circular, event, event->block.address);
    number = circular->first_free;
    if (number != NONE) {
        circular->first_free = circular->blocks.items[number].next_free;
    } else {
        if (circular->blocks.n >= NONE - 1 || !hs_array_reserve (&circular->blocks, 1))
            return false;
        number = (uint32_t)circular->blocks.n++;
    }
    circular->blocks.items[number] = (struct block){
        .time = event->time,
        .heap = event->block.heap,
        .address = event->block.address,
        .size = event->block.size,
        .process = event->process,
        .thread = event->thread,
        .stack = event->stack,
        .source = event->source,
        .flags = event->flags,
        .call = event->call,
    };
    return hs_idmap_set (&circular->index, key_of (event, event->block.address), number);
}

/* What a ReAlloc does to blocks, as the trace sees it (trace/blocks.c): a moved one only sums up
 * the Alloc and the Free before it. */
static bool resize_block (struct hs_hst_circular *circular, const struct hs_event *event)
{
    bool is_moved = event->block.address != event->block.old_address;
    uint32_t number;

    if (event->block.address == 0)
        return true;
    number = hs_idmap_get (&circular->index, key_of (event, event->block.address));
    if (is_moved) {
        (void)remove_block (circular, event, event->block.old_address);
        if (number != HS_IDMAP_NONE && circular->blocks.items[number].size == event->block.size)
            return true;
    }
    return add_block (circular, event);
}

/* All blocks of a process, or of one of its heaps. */
static void end_blocks (struct hs_hst_circular *circular, const struct hs_event *event,
                        bool is_process)
{
    for (uint32_t i = 0; i < circular->blocks.n; i++) {
        const struct block *block = &circular->blocks.items[i];
        struct hs_event of_block = { .process = event->process, .block.heap = block->heap };

        if (block->process != event->process || (!is_process && block->heap != event->heap.heap))
            continue;
        (void)hs_idmap_remove (&circular->index, key_of (&of_block, block->address));
        forget (circular, i);
    }
}

static bool keep_world (struct hs_hst_circular *circular, const struct hs_event *event)
{
    struct hs_event *kept;

    if (!hs_array_reserve (&circular->world, 1) || !hs_array_reserve (&circular->ends, 1))
        return false;
    kept = &circular->world.items[circular->world.n];
    *kept = *event;
    if (event->kind == HS_EVENT_PROCESS_END) {
        struct hs_process_fields *fields = HS_NEW (struct hs_process_fields);

        if (fields == NULL)
            return false;
        fields->end_reason = event->process_info->end_reason;
        fields->exit_status = event->process_info->exit_status;
        kept->process_info = fields;
        circular->ends.items[circular->ends.n++] = fields;
    }
    circular->world.n++;
    return true;
}

bool hs_hst_circular_take (struct hs_hst_circular *circular, const struct hs_event *event)
{
    enum hs_event_kind kind = (enum hs_event_kind)event->kind;

    if (kind == HS_EVENT_ALLOC)
        return event->block.address == 0 || add_block (circular, event);
    if (kind == HS_EVENT_REALLOC)
        return resize_block (circular, event);
    if (kind == HS_EVENT_FREE)
        (void)remove_block (circular, event, event->block.address);
    if (kind == HS_EVENT_HEAP_DESTROY || kind == HS_EVENT_PROCESS_END)
        end_blocks (circular, event, kind == HS_EVENT_PROCESS_END);
    /* samples and the like go with their time */
    return (kind != HS_EVENT_HEAP_CREATE && kind != HS_EVENT_HEAP_DESTROY &&
            kind != HS_EVENT_PROCESS_END && kind != HS_EVENT_HEAP_RANGE &&
            kind != HS_EVENT_VIRTUAL) ||
           keep_world (circular, event);
}

static int by_time (const void *a, const void *b)
{
    const struct block *left = a, *right = b;

    return left->time < right->time ? -1 : left->time > right->time;
}

/* What lives now, for the generation that begins. */
static bool take_snapshot (struct hs_hst_circular *circular, struct generation *generation)
{
    generation->blocks = hs_alloc_array (circular->blocks.n + 1, sizeof *generation->blocks);
    if (generation->blocks == NULL)
        return false;
    for (size_t i = 0; i < circular->blocks.n; i++) {
        if (circular->blocks.items[i].process != HS_NO_PROCESS)
            generation->blocks[generation->n_blocks++] = circular->blocks.items[i];
    }
    qsort (generation->blocks, generation->n_blocks, sizeof *generation->blocks, by_time);
    return true;
}

static void begin_generation (struct hs_hst_circular *circular, struct hs_hst_state *state)
{
    struct generation *generation = &circular->generations[circular->n_generations];

    *generation = (struct generation){
        .first_chunk = state->writer.directory.n,
        .offset = state->writer.offset,
        .first_event = state->first_event,
        .time = state->record_time,
        .n_world = circular->world.n,
    };
    memcpy (generation->n_by_op, state->n_by_op, sizeof generation->n_by_op);
    if (take_snapshot (circular, generation))
        circular->n_generations++;
    else
        hs_hst_writer_fail_memory (&state->writer);
}

static void put (struct hs_hst_state *state, const struct hs_event *event)
{
    if (hs_hst_is_full (state))
        hs_hst_flush_segment (state);
    hs_hst_put_event (state, event);
}

static void put_block (struct hs_hst_state *state, const struct block *block)
{
    struct hs_event event = {
        .time = block->time,
        .kind = HS_EVENT_ALLOC,
        .flags = block->flags,
        .call = block->call,
        .source = block->source,
        .process = block->process,
        .thread = block->thread,
        .stack = block->stack,
        .block = { .heap = block->heap, .address = block->address, .size = block->size },
    };

    put (state, &event);
}

/* The base: what stands at the beginning of `cut`, as events by time. */
static void put_base (struct hs_hst_circular *circular, struct hs_hst_state *state,
                      const struct generation *cut)
{
    uint64_t first_event = state->first_event, n_base = cut->n_blocks;
    int64_t record_time = state->record_time;
    size_t w = 0;

    for (size_t i = 0; i < cut->n_world; i++)
        n_base += circular->world.items[i].kind <= HS_EVENT_PROCESS_END;
    state->first_event = cut->first_event - n_base;
    state->record_time = cut->time;
    state->is_base = true;
    for (size_t i = 0; i <= cut->n_blocks; i++) {
        while (w < cut->n_world &&
               (i == cut->n_blocks || circular->world.items[w].time <= cut->blocks[i].time))
            put (state, &circular->world.items[w++]);
        if (i < cut->n_blocks)
            put_block (state, &cut->blocks[i]);
    }
    hs_hst_flush_segment (state);
    state->is_base = false;
    state->first_event = first_event;
    state->record_time = record_time;
}

/* A chunk as it was, but for its number and flags. */
static bool copy_chunk (struct hs_hst_writer *to, int from, const struct hs_hst_entry *entry,
                        uint16_t flags)
{
    size_t n = HS_HST_CHUNK_HEADER_BYTES + entry->n_stored;
    uint8_t *chunk = hs_hst_bytes_room (&to->out, n);

    if (chunk == NULL || !hs_array_reserve (&to->directory, 1) ||
        pread (from, chunk, n, (off_t)entry->offset) != (ssize_t)n)
        return false;
    hs_put_u16 (chunk + HS_HST_CHUNK_AT_FLAGS, flags);
    hs_put_u32 (chunk + HS_HST_CHUNK_AT_NUMBER, (uint32_t)to->directory.n);
    hs_put_u32 (chunk + HS_HST_CHUNK_AT_CHECKSUM,
                hs_checksum32 ((struct hs_span){ chunk, HS_HST_CHUNK_HEADER_CHECKED }));
    to->directory.items[to->directory.n] = *entry;
    to->directory.items[to->directory.n].offset = to->offset + to->out.n;
    to->directory.items[to->directory.n++].flags = flags;
    to->out.n += n;
    hs_hst_writer_commit (to);
    return !to->has_failed;
}

/* Into the new file (state->writer already) what stays of the old one. */
static bool write_anew (struct hs_hst_circular *circular, struct hs_hst_state *state,
                        const struct hs_hst_writer *old, int from, const struct generation *cut)
{
    bool is_whole = true;

    for (size_t i = 0; i < cut->first_chunk && is_whole; i++) {
        const struct hs_hst_entry *entry = &old->directory.items[i];

        if (entry->type == HS_HST_CHUNK_DEFINITIONS)
            is_whole = copy_chunk (&state->writer, from, entry,
                                   (uint16_t)(entry->flags & ~HS_HST_CHUNK_FOLLOWED));
    }
    put_base (circular, state, cut);
    for (size_t i = cut->first_chunk; i < old->directory.n && is_whole; i++)
        is_whole = copy_chunk (&state->writer, from, &old->directory.items[i],
                               old->directory.items[i].flags);
    return is_whole && !state->writer.has_failed;
}

/* The oldest generation goes; the others' places in the file and in the counts move. */
static void forget_oldest (struct hs_hst_circular *circular, struct hs_hst_state *state,
                           size_t n_old_chunks, uint64_t old_offset, const uint64_t *base_by_op)
{
    struct generation *cut = &circular->generations[1];
    uint64_t gone_by_op[3];
    size_t gone_chunks = n_old_chunks - state->writer.directory.n;

    for (unsigned i = 0; i < 3; i++) {
        gone_by_op[i] = cut->n_by_op[i] - base_by_op[i];
        state->n_by_op[i] -= gone_by_op[i];
    }
    hs_free (circular->generations[0].blocks);
    for (unsigned g = 1; g < circular->n_generations; g++) {
        struct generation *generation = &circular->generations[g];

        generation->first_chunk -= gone_chunks;
        generation->offset -= old_offset - state->writer.offset;
        for (unsigned i = 0; i < 3; i++)
            generation->n_by_op[i] -= gone_by_op[i];
    }
    circular->n_generations--;
    memmove (circular->generations, circular->generations + 1,
             circular->n_generations * sizeof circular->generations[0]);
}

static void drop_oldest (struct hs_hst_circular *circular, struct hs_hst_state *state)
{
    const struct generation *cut = &circular->generations[1];
    struct hs_hst_writer old = state->writer, new = { .fd = -1, .level = old.level };
    uint64_t by_op[3], base_by_op[3];
    char path[sizeof circular->path + 8];
    int from = open (circular->path, O_RDONLY | O_CLOEXEC);
    struct hs_error error;

    (void)snprintf (path, sizeof path, "%s.new", circular->path);
    memcpy (by_op, state->n_by_op, sizeof by_op);
    if (hs_hst_writer_open (&new, path, &error) == HS_OK) {
        state->writer = new;
        if (from >= 0 && write_anew (circular, state, &old, from, cut) &&
            rename (path, circular->path) == 0) {
            for (unsigned i = 0; i < 3; i++)
                base_by_op[i] = state->n_by_op[i] - by_op[i];
            memcpy (state->n_by_op, by_op, sizeof by_op);
            forget_oldest (circular, state, old.directory.n, old.offset, base_by_op);
            hs_hst_writer_clear (&old);
            (void)close (from);
            return;
        }
        new = state->writer;
        (void)unlink (path);
    }
    /* no room for another file, say: this one stays as it is and is not written on */
    hs_hst_writer_clear (&new);
    state->writer = old;
    memcpy (state->n_by_op, by_op, sizeof by_op);
    hs_hst_writer_fail (&state->writer, "cannot write the newest part of the recording anew");
    if (from >= 0)
        (void)close (from);
}

/* Of a size at most so much is kept, of a time at least. */
static bool is_oldest_too_much (const struct hs_hst_circular *circular,
                                const struct hs_hst_state *state)
{
    if (circular->n_generations < 2)
        return false;
    if (circular->max_bytes > 0)
        return state->writer.offset > circular->max_bytes || circular->n_generations == GENERATIONS;
    return circular->n_generations == GENERATIONS;
}

void hs_hst_circular_turn (struct hs_hst_circular *circular, struct hs_hst_state *state)
{
    const struct generation *newest = &circular->generations[circular->n_generations - 1];
    bool is_big = circular->max_bytes > 0 &&
                  state->writer.offset - newest->offset >= circular->max_bytes / GENERATIONS;
    bool is_long = circular->min_ns > 0 && state->record_time != HS_HST_NO_TIME &&
                   state->record_time - newest->time >= circular->min_ns / (GENERATIONS - 1);

    if (state->is_base || state->writer.has_failed || (!is_big && !is_long))
        return;
    if (is_oldest_too_much (circular, state))
        drop_oldest (circular, state);
    if (!state->writer.has_failed)
        begin_generation (circular, state);
}
