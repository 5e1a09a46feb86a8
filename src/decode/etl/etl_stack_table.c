/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stacks of an ETL file as slots; see etl_stack_table.h. */
#include "decode/etl/etl_stack_table.h"

#include "base/limits.h"
#include "base/memory.h"

#include <string.h>

#define FIRST_PLACES 1024
#define MAX_SLOTS ((UINT32_C (1) << 30) - 1) /* a row keeps 30 bits of it */

bool hs_etl_stack_table_init (struct hs_etl_stack_table *table)
{
    *table = (struct hs_etl_stack_table){ .n_places = FIRST_PLACES };
    table->scratch = hs_alloc_array (HS_LIMIT_STACK_DEPTH, sizeof *table->scratch);
    /* an address is as good as random: no file can be made whose stacks all fall together */
    table->seed = hs_hash_u64 ((uintptr_t)table->scratch) | 1;
    table->places = hs_alloc_zeroed (FIRST_PLACES, sizeof *table->places);
    if (table->scratch == NULL || table->places == NULL || !hs_array_reserve (&table->lists, 1) ||
        !hs_array_reserve (&table->keys, 1))
        return false;
    table->lists.items[table->lists.n++] = (struct hs_etl_frame_list){ 0 };
    table->keys.items[table->keys.n++] = (struct hs_etl_key){ 0 };
    return true;
}

void hs_etl_stack_table_clear (struct hs_etl_stack_table *table)
{
    hs_array_clear (&table->lists);
    hs_free (table->places);
    hs_arena_clear (&table->frames);
    hs_array_clear (&table->keys);
    for (unsigned space = 0; space < HS_ETL_N_KEY_SPACES; space++)
        hs_idmap_clear (&table->key_index[space]);
    hs_array_clear (&table->open);
    hs_idmap_clear (&table->open_index);
    hs_free (table->scratch);
    *table = (struct hs_etl_stack_table){ 0 };
}

uint32_t hs_etl_stack_table_read (struct hs_etl_stack_table *table, struct hs_span addresses,
                                  unsigned address_size)
{
    size_t n = addresses.size / address_size;

    if (n > HS_LIMIT_STACK_DEPTH)
        n = HS_LIMIT_STACK_DEPTH;
    if (address_size == 8) {
        hs_get_u64s (table->scratch, addresses.data, n);
    } else {
        for (size_t i = 0; i < n; i++)
            table->scratch[i] = hs_get_u32 (addresses.data + 4 * i);
    }
    return (uint32_t)n;
}

/* One wide multiplication for two frames: hashing is most of the cost of a known stack. */
static uint64_t fold (uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_frames (const struct hs_etl_stack_table *table, hs_process_id process,
                             const uint64_t *frames, uint32_t n)
{
    uint64_t hash = ((uint64_t)process << 32 | n) ^ UINT64_C (0x243f6a8885a308d3);
    uint64_t seed = table->seed;
    uint32_t i;

    for (i = 0; i + 1 < n; i += 2)
        hash = fold (frames[i] ^ seed, frames[i + 1] ^ hash);
    if (i < n)
        hash = fold (frames[i] ^ seed, hash ^ UINT64_C (0x9fb21c651e98df25));
    return (uint32_t)(hs_hash_u64 (hash) >> 16) | 1;
}

static bool grow_places (struct hs_etl_stack_table *table)
{
    size_t n = table->n_places * 2;
    struct hs_etl_stack_place *places = hs_alloc_zeroed (n, sizeof *places);

    if (places == NULL)
        return false;
    for (size_t i = 0; i < table->n_places; i++) {
        size_t at = table->places[i].hash & (n - 1);

        if (table->places[i].list == 0)
            continue;
        while (places[at].list != 0)
            at = (at + 1) & (n - 1);
        places[at] = table->places[i];
    }
    hs_free (table->places);
    table->places = places;
    table->n_places = n;
    return true;
}

static uint32_t add_list (struct hs_etl_stack_table *table, hs_process_id process,
                          const uint64_t *frames, uint32_t n)
{
    uint64_t *copy;

    if (table->lists.n >= HS_ETL_PART_IS_KEY || !hs_array_reserve (&table->lists, 1))
        return 0;
    copy = hs_arena_alloc (&table->frames, (size_t)n * sizeof *copy);
    if (copy == NULL)
        return 0;
    memcpy (copy, frames, (size_t)n * sizeof *copy);
    table->lists.items[table->lists.n] =
        (struct hs_etl_frame_list){ .frames = copy, .n = n, .process = process };
    return (uint32_t)table->lists.n++;
}

/* The number of the list, new or known; 0 when memory is out. n > 0. */
static uint32_t intern (struct hs_etl_stack_table *table, hs_process_id process,
                        const uint64_t *frames, uint32_t n)
{
    uint32_t hash = hash_frames (table, process, frames, n);
    size_t mask, at;
    uint32_t number;

    if (table->lists.n * 2 >= table->n_places && !grow_places (table))
        return 0;
    mask = table->n_places - 1;
    for (at = hash & mask; (number = table->places[at].list) != 0; at = (at + 1) & mask) {
        const struct hs_etl_frame_list *list = &table->lists.items[number];

        if (table->places[at].hash == hash && list->n == n && list->process == process &&
            memcmp (table->places[at].frames, frames, (size_t)n * sizeof *frames) == 0)
            return number;
    }
    number = add_list (table, process, frames, n);
    if (number != 0)
        table->places[at] =
            (struct hs_etl_stack_place){ hash, number, table->lists.items[number].frames };
    return number;
}

static hs_stack_slot new_slot (struct hs_etl_stack_table *table, struct hs_etl_sink *sink)
{
    if (table->n_slots >= MAX_SLOTS) {
        hs_note_pile_add (&sink->notes, HS_NOTE_VALUE_ABSURD, HS_NO_OFFSET,
                          "more distinct call stacks than can be numbered; the rest is left out");
        return HS_NO_STACK;
    }
    return ++table->n_slots;
}

static void send_stack (struct hs_etl_sink *sink, const struct hs_etl_frame_list *list,
                        hs_process_id process, hs_stack_slot slot)
{
    struct hs_etl_deferred *deferred = hs_etl_sink_defer (sink, HS_EVENT_STACK);

    if (deferred == NULL)
        return;
    deferred->process = process;
    deferred->slot = slot;
    deferred->frames = list->frames;
    deferred->n_frames = list->n;
}

hs_stack_slot hs_etl_stack_table_slot (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                       hs_process_id process, const uint64_t *frames, uint32_t n)
{
    struct hs_etl_frame_list *list;
    uint32_t number;

    if (n == 0)
        return HS_NO_STACK;
    number = intern (table, process, frames, n);
    if (number == 0) {
        sink->is_out_of_memory = true;
        return HS_NO_STACK;
    }
    list = &table->lists.items[number];
    if (list->slot == HS_NO_STACK) {
        list->slot = new_slot (table, sink);
        if (list->slot != HS_NO_STACK)
            send_stack (sink, list, process, list->slot);
    }
    return list->slot;
}

hs_etl_part hs_etl_stack_table_part (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                     const uint64_t *frames, uint32_t n)
{
    uint32_t number;

    if (n == 0)
        return HS_ETL_NO_PART;
    number = intern (table, HS_NO_PROCESS, frames, n);
    if (number == 0)
        sink->is_out_of_memory = true;
    return number;
}

/* What is known of a part: its list, or the empty list 0. */
static const struct hs_etl_frame_list *list_of (const struct hs_etl_stack_table *table,
                                                hs_etl_part part)
{
    if (part & HS_ETL_PART_IS_KEY)
        part = table->keys.items[part & ~HS_ETL_PART_IS_KEY].list;
    return &table->lists.items[part];
}

static bool is_known (const struct hs_etl_stack_table *table, hs_etl_part part)
{
    return !(part & HS_ETL_PART_IS_KEY) || table->keys.items[part & ~HS_ETL_PART_IS_KEY].list != 0;
}

/* Kernel part, then user part, into the scratch. */
static uint32_t concatenate (struct hs_etl_stack_table *table, hs_etl_part kernel, hs_etl_part user)
{
    const struct hs_etl_frame_list *lists[] = { list_of (table, kernel), list_of (table, user) };
    uint32_t n = 0;

    for (unsigned i = 0; i < 2; i++) {
        uint32_t take = lists[i]->n;

        if (take > HS_LIMIT_STACK_DEPTH - n)
            take = HS_LIMIT_STACK_DEPTH - n;
        if (take > 0)
            memcpy (table->scratch + n, lists[i]->frames, take * sizeof *table->scratch);
        n += take;
    }
    return n;
}

static uint64_t open_key (hs_process_id process, hs_etl_part kernel, hs_etl_part user)
{
    return hs_hash_u64 ((uint64_t)kernel << 32 | user) + process * UINT64_C (0x9e3779b97f4a7c15);
}

/* Makes the stack wait for its part, if that is a key without definition. */
static void wait_for (struct hs_etl_stack_table *table, uint32_t number, unsigned space)
{
    struct hs_etl_open_stack *stack = &table->open.items[number];
    hs_etl_part part = stack->parts[space];
    struct hs_etl_key *key;

    if (is_known (table, part))
        return;
    key = &table->keys.items[part & ~HS_ETL_PART_IS_KEY];
    stack->next[space] = key->first_stack;
    key->first_stack = number + 1;
}

static hs_stack_slot open_stack (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                 hs_process_id process, hs_etl_part kernel, hs_etl_part user)
{
    uint64_t hash = open_key (process, kernel, user);
    uint32_t number = hs_idmap_get (&table->open_index, hash);
    struct hs_etl_open_stack *stack;

    if (number != HS_IDMAP_NONE) {
        stack = &table->open.items[number];
        if (stack->process == process && stack->parts[HS_ETL_KERNEL_KEYS] == kernel &&
            stack->parts[HS_ETL_USER_KEYS] == user)
            return stack->slot;
    }
    if (table->open.n >= UINT32_MAX - 1 || !hs_array_reserve (&table->open, 1) ||
        !hs_idmap_set (&table->open_index, hash, (uint32_t)table->open.n)) {
        sink->is_out_of_memory = true;
        return HS_NO_STACK;
    }
    number = (uint32_t)table->open.n++;
    stack = &table->open.items[number];
    *stack = (struct hs_etl_open_stack){ .process = process,
                                         .slot = new_slot (table, sink),
                                         .parts = { kernel, user } };
    wait_for (table, number, HS_ETL_KERNEL_KEYS);
    wait_for (table, number, HS_ETL_USER_KEYS);
    return stack->slot;
}

/* The key was touched just now: the look into the index and at the stack waits for memory twice. */
static hs_stack_slot user_key_stack (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                     hs_process_id process, hs_etl_part kernel, hs_etl_part user)
{
    struct hs_etl_key *key = &table->keys.items[user & ~HS_ETL_PART_IS_KEY];

    if (key->slot == HS_NO_STACK || key->process != process || key->kernel != kernel) {
        key->slot = open_stack (table, sink, process, kernel, user);
        key->process = process;
        key->kernel = kernel;
    }
    return key->slot;
}

hs_stack_slot hs_etl_stack_table_join (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                       hs_process_id process, hs_etl_part kernel, hs_etl_part user)
{
    if (!is_known (table, user))
        return user_key_stack (table, sink, process, kernel, user);
    if (!is_known (table, kernel))
        return open_stack (table, sink, process, kernel, user);
    return hs_etl_stack_table_slot (table, sink, process, table->scratch,
                                    concatenate (table, kernel, user));
}

hs_etl_part hs_etl_stack_table_refer (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                      enum hs_etl_key_space space, uint64_t key)
{
    uint32_t number = hs_idmap_get (&table->key_index[space], key);

    table->n_references++;
    if (number == HS_IDMAP_NONE) {
        number = (uint32_t)table->keys.n;
        if (number >= HS_ETL_PART_IS_KEY || !hs_array_reserve (&table->keys, 1) ||
            !hs_idmap_set (&table->key_index[space], key, number)) {
            sink->is_out_of_memory = true;
            return HS_ETL_NO_PART;
        }
        table->keys.items[table->keys.n++] = (struct hs_etl_key){ .space = (uint8_t)space };
    }
    if (table->keys.items[number].list != 0) {
        table->n_resolved++;
        return table->keys.items[number].list;
    }
    table->keys.items[number].n_references++;
    return number | HS_ETL_PART_IS_KEY;
}

/* Fills in a stack whose parts are all known now, or as known as they will be. */
static void close_stack (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                         struct hs_etl_open_stack *stack)
{
    uint32_t n =
        concatenate (table, stack->parts[HS_ETL_KERNEL_KEYS], stack->parts[HS_ETL_USER_KEYS]);
    uint64_t hash =
        open_key (stack->process, stack->parts[HS_ETL_KERNEL_KEYS], stack->parts[HS_ETL_USER_KEYS]);
    uint32_t number = n > 0 ? intern (table, stack->process, table->scratch, n) : 0;
    struct hs_etl_frame_list *list = &table->lists.items[number];

    if (n > 0 && number == 0) {
        sink->is_out_of_memory = true;
        return;
    }
    if (number != 0 && list->slot == HS_NO_STACK)
        list->slot = stack->slot;
    if (stack->slot != HS_NO_STACK)
        send_stack (sink, list, stack->process, stack->slot);
    stack->is_sent = true;
    if (hs_idmap_get (&table->open_index, hash) == (uint32_t)(stack - table->open.items))
        (void)hs_idmap_remove (&table->open_index, hash);
}

/* The key has its list: all stacks that wait for nothing else are complete. */
static void serve (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                   struct hs_etl_key *key)
{
    uint32_t next = key->first_stack;

    table->n_resolved += key->n_references;
    key->n_references = 0;
    key->first_stack = 0;
    while (next != 0) {
        struct hs_etl_open_stack *stack = &table->open.items[next - 1];

        next = stack->next[key->space];
        if (!stack->is_sent && is_known (table, stack->parts[HS_ETL_KERNEL_KEYS]) &&
            is_known (table, stack->parts[HS_ETL_USER_KEYS]))
            close_stack (table, sink, stack);
    }
}

void hs_etl_stack_table_define (struct hs_etl_stack_table *table, struct hs_etl_sink *sink,
                                enum hs_etl_key_space space, uint64_t key, uint32_t n_frames,
                                enum hs_etl_definition definition)
{
    struct hs_idmap *index = &table->key_index[space];
    uint32_t number = hs_idmap_get (index, key);
    bool is_wanted = number != HS_IDMAP_NONE && table->keys.items[number].list == 0;

    if (n_frames == 0)
        return; /* says nothing; ours are never empty */
    if (definition == HS_ETL_KEY_STAYS || is_wanted) {
        uint32_t list = hs_etl_stack_table_part (table, sink, table->scratch, n_frames);

        if (list == 0)
            return;
        if (number == HS_IDMAP_NONE) {
            number = (uint32_t)table->keys.n;
            if (number >= HS_ETL_PART_IS_KEY || !hs_array_reserve (&table->keys, 1) ||
                !hs_idmap_set (index, key, number)) {
                sink->is_out_of_memory = true;
                return;
            }
            table->keys.items[table->keys.n++] = (struct hs_etl_key){ .space = (uint8_t)space };
        }
        table->keys.items[number].list = list;
        serve (table, sink, &table->keys.items[number]);
    }
    if (definition == HS_ETL_KEY_ENDS)
        (void)hs_idmap_remove (index, key);
}

void hs_etl_stack_table_finish (struct hs_etl_stack_table *table, struct hs_etl_sink *sink)
{
    for (size_t i = 0; i < table->open.n; i++) {
        if (!table->open.items[i].is_sent)
            close_stack (table, sink, &table->open.items[i]);
    }
}
