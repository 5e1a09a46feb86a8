/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of a trace in the closing index. Each function goes through the fields of one thing,
 * writing or reading them as the pass says, so that both directions are one text. Numbers are
 * varints (signed ones zigzag). What is read is bounds-checked where others index with it.
 */
#include "trace/index_private.h"

#include "base/limits.h"

#include <stdlib.h>

struct pass {
    bool is_writing;
    bool is_out_of_memory;
    bool is_damaged;
    struct hs_reader in;
    struct hs_index_bytes *out;
    const struct hs_index_counts *counts;
};

static bool is_over (const struct pass *pass)
{
    return pass->is_out_of_memory || pass->is_damaged || pass->in.has_overrun;
}

static void put_bytes (struct pass *pass, const void *bytes, size_t n)
{
    if (pass->is_out_of_memory || !hs_array_reserve (&pass->out->bytes, n)) {
        pass->is_out_of_memory = true;
        return;
    }
    if (n > 0)
        memcpy (pass->out->bytes.items + pass->out->bytes.n, bytes, n);
    pass->out->bytes.n += n;
}

static void put_varint (struct pass *pass, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    put_bytes (pass, bytes, n);
}

static uint64_t get_varint (struct pass *pass)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = hs_reader_u8 (&pass->in);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    pass->is_damaged = true;
    return 0;
}

static void pass_u64 (struct pass *pass, uint64_t *value)
{
    if (pass->is_writing)
        put_varint (pass, *value);
    else
        *value = get_varint (pass);
}

/* A number below `limit`; what is not is damage. */
static void pass_below (struct pass *pass, uint32_t *value, uint64_t limit)
{
    uint64_t wide = *value;

    pass_u64 (pass, &wide);
    if (!pass->is_writing && wide >= limit) {
        pass->is_damaged = true;
        wide = 0;
    }
    *value = (uint32_t)wide;
}

static void pass_u32 (struct pass *pass, uint32_t *value)
{
    pass_below (pass, value, UINT64_C (1) << 32);
}

static void pass_i64 (struct pass *pass, int64_t *value)
{
    uint64_t wide = (uint64_t)*value << 1 ^ (uint64_t)(*value >> 63);

    pass_u64 (pass, &wide);
    *value = (int64_t)(wide >> 1 ^ (0 - (wide & 1)));
}

static void pass_bool (struct pass *pass, bool *value)
{
    uint32_t wide = *value;

    pass_below (pass, &wide, 2);
    *value = wide != 0;
}

/* An event of the trace, or HS_NO_EVENT. */
static void pass_event (struct pass *pass, hs_event_no *event)
{
    uint32_t wide = *event + 1;

    pass_below (pass, &wide, (uint64_t)pass->counts->of[HS_INDEX_EVENTS] + 1);
    *event = wide - 1;
}

static void pass_raw (struct pass *pass, void *bytes, size_t n)
{
    const uint8_t *at;

    if (pass->is_writing) {
        put_bytes (pass, bytes, n);
        return;
    }
    at = hs_reader_take (&pass->in, n);
    if (at != NULL)
        memcpy (bytes, at, n);
}

/* A count of things of at least a byte each. */
static size_t pass_count (struct pass *pass, size_t n)
{
    uint64_t wide = n;

    pass_u64 (pass, &wide);
    if (!pass->is_writing && wide > pass->in.rest.size) {
        pass->is_damaged = true;
        wide = 0;
    }
    return (size_t)wide;
}

/* Goes over the items of an array. */
#define PASS_ARRAY(pass, array, pass_item)                                                         \
    do {                                                                                           \
        size_t n_items = pass_count ((pass), (array)->n);                                          \
                                                                                                   \
        for (size_t at_item = 0; at_item < n_items && !is_over (pass); at_item++) {                \
            if (!(pass)->is_writing) {                                                             \
                if (!hs_array_reserve ((array), 1)) {                                              \
                    (pass)->is_out_of_memory = true;                                               \
                    break;                                                                         \
                }                                                                                  \
                memset (&(array)->items[at_item], 0, sizeof (array)->items[0]);                    \
                (array)->n++;                                                                      \
            }                                                                                      \
            pass_item ((pass), &(array)->items[at_item]);                                          \
        }                                                                                          \
    } while (0)

static void pass_counters (struct pass *pass, struct hs_counters *counters)
{
    uint64_t *const numbers[] = {
        &counters->allocs,           &counters->frees,           &counters->reallocs,
        &counters->realloc_inplace,  &counters->realloc_summary, &counters->realloc_standalone,
        &counters->realloc_failed,   &counters->opened,          &counters->opened_bytes,
        &counters->closed,           &counters->closed_bytes,    &counters->unmatched_frees,
        &counters->duplicate_allocs, &counters->destroy_count,   &counters->destroy_bytes,
        &counters->exit_count,       &counters->exit_bytes,      &counters->live_count,
        &counters->live_bytes,       &counters->temporary,       &counters->peak_bytes,
        &counters->peak_count,       &counters->unseen_allocs,   &counters->unseen_frees,
        &counters->inherited_frees,
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pass_u64 (pass, numbers[i]);
    pass_i64 (pass, &counters->peak_time);
    pass_event (pass, &counters->peak_event);
}

static void pass_process (struct pass *pass, struct hs_process_info *process)
{
    struct hs_virtual_counters *space = &process->virtual_memory;
    uint64_t *const numbers[] = { &space->allocs,        &space->frees,       &space->commit_bytes,
                                  &space->reserve_bytes, &space->peak_commit, &space->peak_reserve,
                                  &space->exit_commit };
    uint32_t reason = (uint32_t)process->end_reason;

    pass_u32 (pass, &process->pid);
    pass_u32 (pass, &process->parent_pid);
    pass_u32 (pass, &process->instance);
    pass_u32 (pass, &process->image);
    pass_u32 (pass, &process->command_line);
    pass_bool (pass, &process->has_start);
    pass_bool (pass, &process->has_end);
    pass_bool (pass, &process->is_32bit);
    pass_bool (pass, &process->is_forked);
    pass_bool (pass, &process->is_known);
    pass_bool (pass, &process->has_virtual);
    pass_i64 (pass, &process->start);
    pass_i64 (pass, &process->end);
    pass_event (pass, &process->exit_event);
    pass_below (pass, &reason, HS_PROCESS_EXECED + 1);
    process->end_reason = (enum hs_process_end_reason)reason;
    pass_counters (pass, &process->counters);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pass_u64 (pass, numbers[i]);
    pass_u32 (pass, &process->n_modules);
    pass_u64 (pass, &process->unsure.count);
    pass_u64 (pass, &process->unsure.bytes);
}

static void pass_module (struct pass *pass, struct hs_module_info *module)
{
    uint32_t id_size = module->build_id_size;

    pass_u32 (pass, &module->process);
    pass_u64 (pass, &module->base);
    pass_u64 (pass, &module->size);
    pass_i64 (pass, &module->load);
    pass_i64 (pass, &module->unload);
    pass_bool (pass, &module->is_rundown_only);
    pass_u32 (pass, &module->path);
    pass_u32 (pass, &module->debug_name);
    pass_below (pass, &id_size, sizeof module->build_id + 1);
    module->build_id_size = (uint8_t)id_size;
    pass_raw (pass, module->build_id, id_size);
    pass_u32 (pass, &module->pdb_age);
    pass_u32 (pass, &module->link_stamp);
    pass_u32 (pass, &module->checksum);
}

static void pass_thread (struct pass *pass, struct hs_thread_info *thread)
{
    pass_u32 (pass, &thread->process);
    pass_u32 (pass, &thread->thread);
    pass_u32 (pass, &thread->name);
}

static void pass_frame_name (struct pass *pass, struct hs_frame_name *name)
{
    uint32_t next = name->next + 1; /* 0 = none */

    pass_u32 (pass, &name->function);
    pass_u32 (pass, &name->file);
    pass_u32 (pass, &name->module);
    pass_u32 (pass, &name->line);
    pass_u32 (pass, &next);
    name->next = next - 1;
}

static void pass_finding (struct pass *pass, struct hs_finding *finding)
{
    uint32_t kind = (uint32_t)finding->kind;

    pass_below (pass, &kind, HS_N_NOTE_KINDS);
    finding->kind = (enum hs_note_kind)kind;
    pass_u64 (pass, &finding->count);
    pass_u64 (pass, &finding->file_offset);
    pass_u32 (pass, &finding->example);
}

/* Not those about an index: it was another one. */
/* Of the recording, not of how it was opened this time. */
static bool is_kept (const struct hs_finding *finding)
{
    return finding->kind != HS_NOTE_INDEX && finding->kind != HS_NOTE_SHORTAGE;
}

static void pass_findings (struct pass *pass, struct hs_tables *tables)
{
    size_t n = 0;

    if (!pass->is_writing) {
        PASS_ARRAY (pass, &tables->findings, pass_finding);
        return;
    }
    for (size_t i = 0; i < tables->findings.n; i++)
        n += is_kept (&tables->findings.items[i]);
    put_varint (pass, n);
    for (size_t i = 0; i < tables->findings.n; i++) {
        if (is_kept (&tables->findings.items[i]))
            pass_finding (pass, &tables->findings.items[i]);
    }
}

static void pass_fact (struct pass *pass, struct hs_fact *fact)
{
    uint32_t type = (uint32_t)fact->type;

    pass_u32 (pass, &fact->name);
    pass_below (pass, &type, HS_FACT_TEXT + 1);
    fact->type = (enum hs_fact_type)type;
    pass_i64 (pass, &fact->number);
    pass_u32 (pass, &fact->text);
}

static void pass_mark (struct pass *pass, struct hs_mark *mark)
{
    pass_i64 (pass, &mark->time);
    pass_u32 (pass, &mark->name);
}

static void pass_sample (struct pass *pass, struct hs_sample *sample)
{
    pass_i64 (pass, &sample->time);
    pass_u32 (pass, &sample->process);
    pass_u64 (pass, &sample->bytes);
}

static void pass_gap (struct pass *pass, struct hs_gap *gap)
{
    pass_i64 (pass, &gap->begin);
    pass_i64 (pass, &gap->end);
    pass_u32 (pass, &gap->process);
    pass_below (pass, &gap->event, (uint64_t)pass->counts->of[HS_INDEX_EVENTS] + 1);
    pass_below (pass, &gap->rows, (uint64_t)pass->counts->of[HS_INDEX_ROWS] + 1);
}

static void pass_tag (struct pass *pass, struct hs_pool_tag *tag)
{
    pass_raw (pass, tag->tag, sizeof tag->tag);
    pass_u64 (pass, &tag->allocs);
    pass_u64 (pass, &tag->frees);
    pass_u64 (pass, &tag->live_count);
    pass_u64 (pass, &tag->live_bytes);
}

static void pass_strings (struct pass *pass, struct hs_intern *strings)
{
    size_t n = pass_count (pass, strings->n);

    for (uint32_t i = 0; i < n && !is_over (pass); i++) {
        size_t length = pass_count (pass, pass->is_writing ? strings->entries[i].length : 0);
        const uint8_t *text;
        uint32_t number;

        if (pass->is_writing) {
            put_bytes (pass, strings->entries[i].text, length);
            continue;
        }
        text = hs_reader_take (&pass->in, length);
        if (text == NULL || length > HS_LIMIT_STRING_BYTES)
            pass->is_damaged = true;
        else if (!hs_intern_add (strings, (const char *)text, length, &number))
            pass->is_out_of_memory = true;
        else if (number != i) /* twice the same */
            pass->is_damaged = true;
    }
}

struct frame_entry {
    uint64_t key;
    uint32_t value;
};

static int compare_entries (const void *a, const void *b)
{
    const struct frame_entry *left = a, *right = b;

    return left->value < right->value ? -1 : left->value > right->value;
}

/* In the order of the names, not of the hash: the same trace gives the same bytes. */
static void put_frame_index (struct pass *pass, const struct hs_idmap *map)
{
    struct frame_entry *entries = hs_alloc_array (map->n, sizeof *entries);
    size_t place = 0, n = 0;

    if (entries == NULL) {
        pass->is_out_of_memory = true;
        return;
    }
    while (n < map->n && hs_idmap_next (map, &place, &entries[n].key, &entries[n].value))
        n++;
    if (n > 0)
        qsort (entries, n, sizeof *entries, compare_entries);
    put_varint (pass, n);
    for (size_t i = 0; i < n; i++) {
        put_varint (pass, entries[i].key);
        put_varint (pass, entries[i].value);
    }
    hs_free (entries);
}

static void pass_frame_index (struct pass *pass, struct hs_tables *tables)
{
    size_t n;

    if (pass->is_writing) {
        put_frame_index (pass, &tables->frame_index);
        return;
    }
    n = pass_count (pass, 0);
    for (size_t i = 0; i < n && !is_over (pass); i++) {
        uint64_t key = get_varint (pass);
        uint32_t value = 0;

        pass_below (pass, &value, tables->frame_names.n);
        if (!is_over (pass) && !hs_idmap_set (&tables->frame_index, key, value))
            pass->is_out_of_memory = true;
    }
}

static void pass_pool (struct pass *pass, struct hs_pool_info *pool)
{
    uint64_t *const numbers[] = { &pool->allocs,         &pool->frees,      &pool->alloc_bytes,
                                  &pool->live_count,     &pool->live_bytes, &pool->peak_bytes,
                                  &pool->unmatched_frees };

    pass_bool (pass, &pool->is_present);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pass_u64 (pass, numbers[i]);
    PASS_ARRAY (pass, &pool->tags, pass_tag);
}

static void pass_heap (struct pass *pass, struct hs_heap_info *heap)
{
    uint32_t n = HS_N_SIZE_CLASSES;

    pass_u32 (pass, &heap->process);
    pass_u64 (pass, &heap->handle);
    pass_u32 (pass, &heap->instance);
    pass_bool (pass, &heap->is_created);
    pass_bool (pass, &heap->is_destroyed);
    pass_i64 (pass, &heap->created);
    pass_i64 (pass, &heap->destroyed);
    pass_counters (pass, &heap->counters);
    while (pass->is_writing && n > 0 && heap->histogram[n - 1] == 0)
        n--;
    pass_below (pass, &n, HS_N_SIZE_CLASSES + 1);
    for (uint32_t i = 0; i < n; i++)
        pass_u64 (pass, &heap->histogram[i]);
}

static void pass_tables (struct pass *pass, struct hs_tables *tables)
{
    pass_strings (pass, &tables->strings);
    PASS_ARRAY (pass, &tables->processes, pass_process);
    PASS_ARRAY (pass, &tables->heaps, pass_heap);
    PASS_ARRAY (pass, &tables->modules, pass_module);
    PASS_ARRAY (pass, &tables->threads, pass_thread);
    PASS_ARRAY (pass, &tables->frame_names, pass_frame_name);
    pass_findings (pass, tables);
    PASS_ARRAY (pass, &tables->facts, pass_fact);
    PASS_ARRAY (pass, &tables->counts, pass_fact);
    PASS_ARRAY (pass, &tables->marks, pass_mark);
    PASS_ARRAY (pass, &tables->samples, pass_sample);
    PASS_ARRAY (pass, &tables->gaps, pass_gap);
    PASS_ARRAY (pass, &tables->suppressions, pass_u32);
    pass_counters (pass, &tables->totals);
    pass_pool (pass, &tables->pool);
    pass_u64 (pass, &tables->stack_events);
    pass_u64 (pass, &tables->stack_events_set);
    pass_u64 (pass, &tables->lost_events);
    pass_u64 (pass, &tables->unsure.count);
    pass_u64 (pass, &tables->unsure.bytes);
    pass_i64 (pass, &tables->zero_filetime);
    pass_bool (pass, &tables->has_invented_addresses);
    pass_frame_index (pass, tables);
}

/* What one table says about another. */
static bool are_linked (const struct hs_tables *tables)
{
    bool is_sound = true;

    for (size_t i = 0; i < tables->heaps.n; i++)
        is_sound &= tables->heaps.items[i].process < tables->processes.n;
    for (size_t i = 0; i < tables->modules.n; i++)
        is_sound &= tables->modules.items[i].process == HS_NO_PROCESS ||
                    tables->modules.items[i].process < tables->processes.n;
    for (size_t i = 0; i < tables->frame_names.n; i++) {
        uint32_t next = tables->frame_names.items[i].next;

        /* chains go on, so they end */
        is_sound &= next == UINT32_MAX || (next > i && next < tables->frame_names.n);
    }
    for (size_t i = 0; i < tables->findings.n; i++) {
        for (size_t k = 0; k < i; k++)
            is_sound &= tables->findings.items[k].kind != tables->findings.items[i].kind;
    }
    return is_sound;
}

bool hs_index_write_tables (const struct hs_tables *tables, struct hs_index_bytes *ret)
{
    struct hs_index_counts any = { { [HS_INDEX_EVENTS] = HS_LIMIT_EVENTS } };
    struct pass pass = { .is_writing = true, .out = ret, .counts = &any };

    pass_tables (&pass, (struct hs_tables *)tables); /* only read */
    return !pass.is_out_of_memory;
}

enum hs_status hs_index_read_tables (struct hs_span bytes, const struct hs_index_counts *counts,
                                     struct hs_tables *tables)
{
    struct pass pass = { .in = hs_reader_init (bytes), .counts = counts };

    pass_tables (&pass, tables);
    if (pass.is_out_of_memory)
        return HS_NO_MEMORY;
    return is_over (&pass) || !are_linked (tables) ? HS_DAMAGED : HS_OK;
}
