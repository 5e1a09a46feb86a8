/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which stack belongs to which event of an ETL file; see etl_stacks.h. */
#include "decode/etl/etl_stacks.h"

#include "base/limits.h"

#include <string.h>

#define KERNEL_FROM_64 UINT64_C (0xffff000000000000)
#define KERNEL_FROM_32 UINT64_C (0x80000000)
#define SYSTEM_PID 4u
#define MAX_HALVES_OF_THREAD 256
#define OFF_AFTER_NEVER 4096
#define OFF_AFTER_EVER 65536
#define DOUBTFUL_KINDS                                                                             \
    (1u << HS_ETL_STACK_OF_FREE | 1u << HS_ETL_STACK_OF_HEAP | 1u << HS_ETL_STACK_OF_POOL_FREE)

enum { STACK = 32, KEY_CREATE = 34, KEY_DELETE, KEY_RUNDOWN, KERNEL_REFERENCE, USER_REFERENCE };

/* The bits that follow from the states of the kinds; after every change of one. */
static void sum_up_kinds (struct hs_etl_stacks *stacks)
{
    stacks->useful = 0;
    stacks->doubtful = DOUBTFUL_KINDS;
    for (unsigned kind = 0; kind < HS_ETL_N_STACK_KINDS; kind++) {
        if (!stacks->kinds[kind].is_off)
            stacks->useful |= 1u << kind;
        if (stacks->kinds[kind].has_evidence)
            stacks->doubtful &= ~(1u << kind);
    }
}

bool hs_etl_stacks_init (struct hs_etl_stacks *stacks, struct hs_etl_processes *processes,
                         struct hs_etl_sink *sink)
{
    *stacks = (struct hs_etl_stacks){ .processes = processes, .sink = sink, .now = INT64_MIN };
    sum_up_kinds (stacks);
    return hs_etl_stack_table_init (&stacks->table);
}

void hs_etl_stacks_clear (struct hs_etl_stacks *stacks)
{
    hs_etl_stack_table_clear (&stacks->table);
    hs_etl_waiting_clear (&stacks->waiting);
    hs_etl_recent_clear (&stacks->recent);
    hs_array_clear (&stacks->halves);
    hs_idmap_clear (&stacks->half_of_thread);
    hs_idmap_clear (&stacks->half_of_match);
}

/* Gives an event its slot: in its batch while that is at hand, by a link later. */
static void complete (struct hs_etl_stacks *stacks, const struct hs_etl_target *target,
                      hs_stack_slot slot)
{
    struct hs_etl_sink *sink = stacks->sink;

    if (slot != HS_NO_STACK)
        stacks->counts.attached++;
    if (target->batch_number == sink->batch_number) {
        sink->batch->events[target->index].stack = slot;
        sink->batch->events[target->index].stack_ref = 0;
    } else if (slot != HS_NO_STACK) {
        struct hs_etl_deferred *deferred = hs_etl_sink_defer (sink, HS_EVENT_STACK_LINK);

        if (deferred != NULL) {
            deferred->ref = target->ref;
            deferred->slot = slot;
        }
    }
}

/* Frames in the scratch become a part. */
static hs_etl_part part_of (struct hs_etl_stacks *stacks, struct hs_etl_arrival *arrival)
{
    if (!arrival->is_in_part) {
        arrival->part = hs_etl_stack_table_part (&stacks->table, stacks->sink,
                                                 stacks->table.scratch, arrival->n_frames);
        arrival->is_in_part = true;
    }
    return arrival->part;
}

/* ---- halves: the kernel part came, the user part comes when the thread leaves the kernel ---- */

static void free_half (struct hs_etl_stacks *stacks, uint32_t number)
{
    stacks->halves.items[number].is_used = false;
    stacks->halves.items[number].next = stacks->free_half;
    stacks->free_half = number + 1;
    stacks->n_halves--;
}

static void complete_half (struct hs_etl_stacks *stacks, uint32_t number, hs_etl_part user)
{
    struct hs_etl_half half = stacks->halves.items[number];

    free_half (stacks, number);
    complete (stacks, &half.target,
              hs_etl_stack_table_join (&stacks->table, stacks->sink, half.target.process,
                                       half.kernel, user));
}

/* HS_IDMAP_NONE when there is no room: the caller completes without a user part. */
static uint32_t new_half (struct hs_etl_stacks *stacks, const struct hs_etl_half *half)
{
    uint32_t number = stacks->free_half;

    if (stacks->n_halves >= HS_LIMIT_PENDING_STACKS)
        return HS_IDMAP_NONE;
    if (number == 0) {
        if (!hs_array_reserve (&stacks->halves, 1)) {
            stacks->sink->is_out_of_memory = true;
            return HS_IDMAP_NONE;
        }
        number = (uint32_t)++stacks->halves.n;
    } else {
        stacks->free_half = stacks->halves.items[number - 1].next;
    }
    stacks->halves.items[number - 1] = *half;
    stacks->halves.items[number - 1].is_used = true;
    stacks->n_halves++;
    return number - 1;
}

/* Appends to the thread's list; when that is too long its oldest goes without a user part. */
static void add_half (struct hs_etl_stacks *stacks, const struct hs_etl_half *half)
{
    uint32_t number = new_half (stacks, half);
    uint32_t first = hs_idmap_get (&stacks->half_of_thread, half->owner);
    uint32_t last = first;
    unsigned length = 1;

    if (number == HS_IDMAP_NONE) {
        complete (stacks, &half->target,
                  hs_etl_stack_table_join (&stacks->table, stacks->sink, half->target.process,
                                           half->kernel, HS_ETL_NO_PART));
        return;
    }
    if (first != HS_IDMAP_NONE) {
        while (stacks->halves.items[last].next != 0) {
            last = stacks->halves.items[last].next - 1;
            length++;
        }
        stacks->halves.items[last].next = number + 1;
        if (length < MAX_HALVES_OF_THREAD)
            return;
        number = stacks->halves.items[first].next - 1;
        complete_half (stacks, first, HS_ETL_NO_PART);
    }
    if (!hs_idmap_set (&stacks->half_of_thread, half->owner, number))
        stacks->sink->is_out_of_memory = true;
}

/*
 * A user part serves all kernel parts of its thread (9.2), but for those of heap events, whose
 * parts have one stamp. Of those with its own stamp it serves only the first, for coarse clocks
 * give several events one stamp and each its own stack (9.4.4). True when there was one.
 */
static bool serve_halves (struct hs_etl_stacks *stacks, struct hs_etl_arrival *arrival)
{
    uint64_t owner = (uint64_t)arrival->key.pid << 32 | arrival->key.thread;
    uint32_t number = hs_idmap_get (&stacks->half_of_thread, owner);
    uint32_t first_kept = 0, last_kept = 0; /* + 1 */
    bool has_own = false;

    if (number == HS_IDMAP_NONE)
        return false;
    for (uint32_t next = number + 1; next != 0;) {
        struct hs_etl_half *half = &stacks->halves.items[next - 1];
        uint32_t this_half = next;

        next = half->next;
        if (half->time == arrival->key.time ? !has_own : !half->needs_own_stamp) {
            has_own = has_own || half->time == arrival->key.time;
            complete_half (stacks, this_half - 1, part_of (stacks, arrival));
            continue;
        }
        half->next = 0;
        if (last_kept != 0)
            stacks->halves.items[last_kept - 1].next = this_half;
        else
            first_kept = this_half;
        last_kept = this_half;
    }
    if (first_kept == 0)
        (void)hs_idmap_remove (&stacks->half_of_thread, owner);
    else if (!hs_idmap_set (&stacks->half_of_thread, owner, first_kept - 1))
        stacks->sink->is_out_of_memory = true;
    return has_own;
}

/* ---- arrivals ---- */

static hs_stack_slot slot_of (struct hs_etl_stacks *stacks, const struct hs_etl_arrival *arrival,
                              hs_process_id process)
{
    if (!arrival->is_in_part)
        return hs_etl_stack_table_slot (&stacks->table, stacks->sink, process,
                                        stacks->table.scratch, arrival->n_frames);
    if (arrival->side == HS_ETL_KERNEL_SIDE)
        return hs_etl_stack_table_join (&stacks->table, stacks->sink, process, arrival->part,
                                        HS_ETL_NO_PART);
    return hs_etl_stack_table_join (&stacks->table, stacks->sink, process, HS_ETL_NO_PART,
                                    arrival->part);
}

/* Frames are addresses of the process that ran, which for VirtualAlloc need not be the owner. */
static hs_process_id process_of (struct hs_etl_stacks *stacks, const struct hs_etl_waiter *waiter,
                                 uint32_t pid)
{
    hs_process_id process = waiter->target.process;

    if (!waiter->has_ids && (process == HS_NO_PROCESS || waiter->pid != pid))
        process = hs_etl_process_trailing (stacks->processes, stacks->sink, pid,
                                           hs_etl_ticks (stacks->sink, stacks->now));
    return process;
}

/* Finds the event; false when there is none (yet). */
static bool place (struct hs_etl_stacks *stacks, struct hs_etl_arrival *arrival,
                   enum hs_etl_find find)
{
    struct hs_etl_waiter *waiter;
    struct hs_etl_target target;
    bool needs_own_stamp;

    if (arrival->side == HS_ETL_USER_SIDE && stacks->n_halves > 0 && serve_halves (stacks, arrival))
        return true;
    waiter = hs_etl_waiting_find (&stacks->waiting, &arrival->key, stacks->doubtful, find);
    if (waiter == NULL)
        return false;
    stacks->kinds[waiter->kind].n_in_vain = 0;
    if (!stacks->kinds[waiter->kind].has_evidence) {
        stacks->kinds[waiter->kind].has_evidence = true;
        sum_up_kinds (stacks);
    }
    needs_own_stamp = waiter->kind <= HS_ETL_STACK_OF_HEAP;
    target = waiter->target;
    target.process = process_of (stacks, waiter, arrival->key.pid);
    hs_etl_waiting_take (&stacks->waiting, waiter);
    if (target.process == HS_NO_PROCESS)
        return true;
    if (arrival->side == HS_ETL_KERNEL_SIDE && arrival->key.pid > SYSTEM_PID) {
        struct hs_etl_half half = { .time = arrival->key.time,
                                    .owner = (uint64_t)arrival->key.pid << 32 | arrival->key.thread,
                                    .target = target,
                                    .kernel = part_of (stacks, arrival),
                                    .needs_own_stamp = needs_own_stamp };

        add_half (stacks, &half);
    } else {
        complete (stacks, &target, slot_of (stacks, arrival, target.process));
    }
    return true;
}

/* Its event is not waiting and will not come any more. */
static void settle (struct hs_etl_stacks *stacks, struct hs_etl_arrival *arrival)
{
    unsigned kinds;

    if (place (stacks, arrival, HS_ETL_FIND_ANY))
        return;
    kinds = hs_etl_recent_kinds (&stacks->recent, arrival->key.time);
    if (kinds == 0)
        stacks->counts.orphans++;
    for (unsigned kind = 0; kind < HS_ETL_N_STACK_KINDS; kind++) {
        if (stacks->kinds[kind].is_off && (kinds >> kind & 1) != 0) {
            stacks->kinds[kind] = (struct hs_etl_stack_state){ .has_evidence = true };
            sum_up_kinds (stacks);
        }
    }
}

/* With equal stamps a stack may come ahead of its event, from another CPU's chain. */
static void arrive (struct hs_etl_stacks *stacks, struct hs_etl_arrival *arrival)
{
    if (place (stacks, arrival, HS_ETL_FIND_SURE))
        return;
    if (arrival->key.time < stacks->now || stacks->n_early == HS_ETL_MAX_EARLY) {
        settle (stacks, arrival);
        return;
    }
    (void)part_of (stacks, arrival);
    stacks->early[stacks->n_early++] = *arrival;
}

static void remove_early (struct hs_etl_stacks *stacks, uint32_t i)
{
    stacks->n_early--;
    memmove (&stacks->early[i], &stacks->early[i + 1],
             (stacks->n_early - i) * sizeof stacks->early[0]);
}

void hs_etl_stacks_settle_early (struct hs_etl_stacks *stacks)
{
    for (uint32_t i = 0; i < stacks->n_early;) {
        if (stacks->early[i].key.time < stacks->now) {
            struct hs_etl_arrival arrival = stacks->early[i];

            remove_early (stacks, i);
            settle (stacks, &arrival);
        } else {
            i++;
        }
    }
}

/* Stacks that came ahead of the event just added. */
static void call_early (struct hs_etl_stacks *stacks, const struct hs_etl_record *record)
{
    bool has_ids = record->thread != HS_ETL_NO_ID && record->process != HS_ETL_NO_ID;

    for (uint32_t i = 0; i < stacks->n_early;) {
        struct hs_etl_arrival arrival = stacks->early[i];

        if (arrival.key.time == record->time &&
            (!has_ids ||
             (arrival.key.thread == record->thread && arrival.key.pid == record->process)) &&
            place (stacks, &arrival, HS_ETL_FIND_SURE))
            remove_early (stacks, i);
        else
            i++;
    }
}

/* A stack inside the event needs no correlation (9.4.6), but its user part may come later. */
static void take_item (struct hs_etl_stacks *stacks, const struct hs_etl_record *record,
                       const struct hs_etl_target *target)
{
    const struct hs_etl_stack_item *item = &record->stack;
    hs_etl_part part;
    struct hs_etl_half half;
    uint32_t number;

    stacks->counts.items++;
    if (!item->is_key && item->match_id == 0) {
        uint32_t n = hs_etl_stack_table_read (&stacks->table, item->addresses, item->address_size);

        complete (stacks, target,
                  hs_etl_stack_table_slot (&stacks->table, stacks->sink, target->process,
                                           stacks->table.scratch, n));
        return;
    }
    if (item->is_key) {
        uint64_t key = item->address_size == 8 ? hs_span_u64_at (item->addresses, 0)
                                               : hs_span_u32_at (item->addresses, 0);

        stacks->counts.references++;
        part = hs_etl_stack_table_refer (
            &stacks->table, stacks->sink,
            item->match_id != 0 ? HS_ETL_KERNEL_KEYS : HS_ETL_USER_KEYS, key);
    } else {
        part = hs_etl_stack_table_part (
            &stacks->table, stacks->sink, stacks->table.scratch,
            hs_etl_stack_table_read (&stacks->table, item->addresses, item->address_size));
    }
    if (item->match_id == 0) {
        complete (stacks, target,
                  hs_etl_stack_table_join (&stacks->table, stacks->sink, target->process,
                                           HS_ETL_NO_PART, part));
        return;
    }
    half = (struct hs_etl_half){ .owner = item->match_id, .target = *target, .kernel = part };
    number = hs_idmap_remove (&stacks->half_of_match, item->match_id);
    if (number != HS_IDMAP_NONE) /* the id is used again: its user part will not come */
        complete_half (stacks, number, HS_ETL_NO_PART);
    number = new_half (stacks, &half);
    if (number == HS_IDMAP_NONE)
        complete (stacks, target,
                  hs_etl_stack_table_join (&stacks->table, stacks->sink, target->process, part,
                                           HS_ETL_NO_PART));
    else if (!hs_idmap_set (&stacks->half_of_match, item->match_id, number))
        stacks->sink->is_out_of_memory = true;
}

void hs_etl_stacks_match (struct hs_etl_stacks *stacks, const struct hs_etl_record *record)
{
    static const uint8_t event_tracing[16] = { 0x37, 0xec, 0x75, 0xb6, 0xb6, 0xbd, 0x48, 0x46,
                                               0xbc, 0x92, 0xf3, 0xfd, 0xc7, 0x4d, 0x3c, 0xa2 };
    const struct hs_etl_stack_item *item = &record->stack;
    hs_etl_part user;
    uint32_t number;

    if (item->match_id == 0 || record->event_id != 18 || record->guid == NULL ||
        memcmp (record->guid, event_tracing, sizeof event_tracing) != 0)
        return;
    number = hs_idmap_remove (&stacks->half_of_match, item->match_id);
    if (number == HS_IDMAP_NONE)
        return; /* belongs to an event that is not shown */
    if (item->is_key) {
        stacks->counts.references++;
        user = hs_etl_stack_table_refer (&stacks->table, stacks->sink, HS_ETL_USER_KEYS,
                                         item->address_size == 8
                                             ? hs_span_u64_at (item->addresses, 0)
                                             : hs_span_u32_at (item->addresses, 0));
    } else {
        user = hs_etl_stack_table_part (
            &stacks->table, stacks->sink, stacks->table.scratch,
            hs_etl_stack_table_read (&stacks->table, item->addresses, item->address_size));
    }
    complete_half (stacks, number, user);
}

void hs_etl_stacks_await (struct hs_etl_stacks *stacks, const struct hs_etl_record *record,
                          enum hs_etl_stack_kind kind, uint32_t pid, struct hs_event *event)
{
    struct hs_etl_sink *sink = stacks->sink;
    struct hs_etl_stack_state *state = &stacks->kinds[kind];
    struct hs_etl_target target = { sink->batch_number, 0, (uint32_t)(event - sink->batch->events),
                                    event->process };
    struct hs_etl_waiter *waiter;

    target.ref = event->stack_ref = ++sink->n_refs;
    if (record->stack.address_size != 0) {
        take_item (stacks, record, &target);
        return;
    }
    waiter = hs_etl_waiting_add (&stacks->waiting, stacks->useful);
    if (waiter == NULL) {
        sink->is_out_of_memory = true;
        return;
    }
    waiter->time = record->time;
    waiter->pid = pid;
    waiter->thread = record->thread;
    waiter->cpu = record->cpu;
    waiter->kind = (uint8_t)kind;
    waiter->has_ids = record->thread != HS_ETL_NO_ID && record->process != HS_ETL_NO_ID;
    waiter->is_done = false;
    waiter->target = target;
    if (++state->n_in_vain >= (state->has_evidence ? OFF_AFTER_EVER : OFF_AFTER_NEVER)) {
        state->is_off = true;
        sum_up_kinds (stacks);
    }
    if (stacks->n_early > 0 && (stacks->doubtful >> kind & 1) == 0)
        call_early (stacks, record);
}

/* ---- records of group 18 ---- */

static bool is_kernel_address (uint64_t address, unsigned pointer_size)
{
    return address >= (pointer_size == 8 ? KERNEL_FROM_64 : KERNEL_FROM_32);
}

static enum hs_etl_stack_side side_of (const uint64_t *frames, uint32_t n, unsigned pointer_size)
{
    while (n > 0 && frames[n - 1] == 0) /* walks that broke off end in zeros */
        n--;
    if (n == 0)
        return HS_ETL_BOTH_SIDES;
    if (is_kernel_address (frames[n - 1], pointer_size))
        return HS_ETL_KERNEL_SIDE;
    return is_kernel_address (frames[0], pointer_size) ? HS_ETL_BOTH_SIDES : HS_ETL_USER_SIDE;
}

static void read_definition (struct hs_etl_stacks *stacks, const struct hs_etl_record *record)
{
    unsigned p = record->pointer_size;
    struct hs_span payload = record->payload;
    uint64_t key = p == 8 ? hs_span_u64_at (payload, 0) : hs_span_u32_at (payload, 0);
    uint32_t n = hs_etl_stack_table_read (&stacks->table, hs_span_part (payload, p, SIZE_MAX), p);
    bool is_kernel = n > 0 && is_kernel_address (stacks->table.scratch[n - 1], p);

    stacks->counts.definitions++;
    hs_etl_stack_table_define (&stacks->table, stacks->sink,
                               is_kernel ? HS_ETL_KERNEL_KEYS : HS_ETL_USER_KEYS, key, n,
                               record->opcode == KEY_DELETE ? HS_ETL_KEY_ENDS : HS_ETL_KEY_STAYS);
}

static void read_stack (struct hs_etl_stacks *stacks, const struct hs_etl_record *record)
{
    struct hs_span payload = record->payload;
    unsigned p = record->pointer_size;
    /* here the process comes before the thread, unlike in record headers */
    struct hs_etl_arrival arrival = {
        .key = { .time = (int64_t)hs_get_u64 (payload.data),
                 .pid = hs_get_u32 (payload.data + 8),
                 .thread = hs_get_u32 (payload.data + 12),
                 .cpu = record->cpu },
    };
    struct hs_span rest = hs_span_part (payload, 16, SIZE_MAX);

    if (record->opcode == STACK) {
        stacks->counts.walks++;
        arrival.n_frames = hs_etl_stack_table_read (&stacks->table, rest, p);
        arrival.side = (uint8_t)side_of (stacks->table.scratch, arrival.n_frames, p);
    } else {
        bool is_kernel = record->opcode == KERNEL_REFERENCE;

        stacks->counts.references++;
        arrival.side = is_kernel ? HS_ETL_KERNEL_SIDE : HS_ETL_USER_SIDE;
        arrival.is_in_part = true;
        arrival.part = hs_etl_stack_table_refer (
            &stacks->table, stacks->sink, is_kernel ? HS_ETL_KERNEL_KEYS : HS_ETL_USER_KEYS,
            p == 8 ? hs_span_u64_at (rest, 0) : hs_span_u32_at (rest, 0));
    }
    arrive (stacks, &arrival);
}

void hs_etl_stacks_record (struct hs_etl_stacks *stacks, const struct hs_etl_record *record)
{
    unsigned p = record->pointer_size;
    size_t least;

    hs_etl_stacks_advance (stacks, record->time);
    if (record->opcode == STACK)
        least = 16;
    else if (record->opcode == KERNEL_REFERENCE || record->opcode == USER_REFERENCE)
        least = 16 + p;
    else if (record->opcode >= KEY_CREATE && record->opcode <= KEY_RUNDOWN)
        least = p;
    else
        return;
    if (record->payload.size < least)
        hs_etl_sink_note_short (stacks->sink, record);
    else if (least == p)
        read_definition (stacks, record);
    else
        read_stack (stacks, record);
}

void hs_etl_stacks_finish (struct hs_etl_stacks *stacks)
{
    hs_etl_stacks_advance (stacks, INT64_MAX);
    while (stacks->n_early > 0) /* those with the last stamp there can be */
        settle (stacks, &stacks->early[--stacks->n_early]);
    for (uint32_t i = 0; i < stacks->halves.n; i++) {
        if (stacks->halves.items[i].is_used)
            complete_half (stacks, i, HS_ETL_NO_PART);
    }
    hs_etl_stack_table_finish (&stacks->table, stacks->sink);
}
