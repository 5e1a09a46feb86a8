/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes the definitions of a segment: decode/hst/FORMAT.md section 4. Names are interned and
 * stacks kept as a trie for the whole file, so each is written once.
 */
#include "encode/hst_state.h"

void hs_hst_begin_definitions (struct hs_hst_state *state)
{
    uint8_t header[HS_HST_DEFINITIONS_HEADER_BYTES] = { 0 };

    hs_put_u32 (header + 4, (uint32_t)state->nodes.n);
    hs_put_u32 (header + 8, state->strings.n == 0 ? 1 : state->strings.n);
    state->definitions.n = 0;
    hs_hst_bytes_put (&state->definitions, header, sizeof header);
    state->definition_time = 0;
    state->definition_slot = 0;
    state->n_definitions = state->n_pending = 0;
}

static void put_record (struct hs_hst_state *state, enum hs_hst_definition type, const void *bytes,
                        size_t n)
{
    hs_hst_bytes_put_u8 (&state->definitions, (uint8_t)type);
    hs_hst_bytes_put_varint (&state->definitions, n);
    hs_hst_bytes_put (&state->definitions, bytes, n);
}

/* Longer ones are cut at a whole character. */
static uint32_t cut_length (struct hs_hst_state *state, struct hs_text text)
{
    uint32_t n = text.length;

    if (n <= HS_LIMIT_STRING_BYTES)
        return n;
    state->report.left_out[HS_LEFT_OUT_CUT_TEXTS]++;
    for (n = HS_LIMIT_STRING_BYTES; n > 0 && ((uint8_t)text.bytes[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

static void put_text (struct hs_hst_state *state, struct hs_text text)
{
    uint32_t n = cut_length (state, text);

    hs_hst_bytes_put_varint (&state->record, n);
    hs_hst_bytes_put (&state->record, text.bytes, n);
}

/* The number of a name; writes it when it is new. */
static void put_string (struct hs_hst_state *state, struct hs_text text)
{
    uint32_t before = state->strings.n == 0 ? 1 : state->strings.n;
    uint32_t number, n = cut_length (state, text);

    if (!hs_intern_add (&state->strings, text.bytes, n, &number)) {
        hs_hst_writer_fail_memory (&state->writer);
        return;
    }
    if (number >= before)
        put_record (state, HS_HST_STRING, text.bytes, n);
    hs_hst_bytes_put_varint (&state->record, number);
}

static void put_head (struct hs_hst_state *state, const struct hs_event *event)
{
    struct hs_hst_bytes *record = &state->record;
    unsigned mask = 0;

    mask |= event->time != 0 ? HS_HST_HEAD_TIME : 0;
    mask |= event->process != HS_NO_PROCESS ? HS_HST_HEAD_PROCESS : 0;
    mask |= event->thread != 0 ? HS_HST_HEAD_THREAD : 0;
    mask |= hs_event_origin (event) != 0 ? HS_HST_HEAD_SOURCE : 0;
    mask |= event->flags != 0 ? HS_HST_HEAD_FLAGS : 0;
    mask |= event->stack != HS_NO_STACK ? HS_HST_HEAD_STACK : 0;
    mask |= event->stack_ref != 0 ? HS_HST_HEAD_REF : 0;
    record->n = 0;
    hs_hst_bytes_put_u8 (record, (uint8_t)mask);
    if (mask & HS_HST_HEAD_TIME) {
        hs_hst_bytes_put_zigzag (
            record, (int64_t)((uint64_t)event->time - (uint64_t)state->definition_time));
        state->definition_time = event->time;
    }
    if (mask & HS_HST_HEAD_PROCESS)
        hs_hst_bytes_put_varint (record, event->process);
    if (mask & HS_HST_HEAD_THREAD)
        hs_hst_bytes_put_varint (record, event->thread);
    if (mask & HS_HST_HEAD_SOURCE)
        hs_hst_bytes_put_varint (record, hs_event_origin (event));
    if (mask & HS_HST_HEAD_FLAGS)
        hs_hst_bytes_put_varint (record, event->flags);
    if (mask & HS_HST_HEAD_STACK)
        hs_hst_bytes_put_varint (record, event->stack);
    if (mask & HS_HST_HEAD_REF)
        hs_hst_bytes_put_varint (record, event->stack_ref);
}

static void put_clock (struct hs_hst_state *state, const struct hs_clock_fields *clock)
{
    hs_hst_bytes_put_varint (&state->record, clock->ticks_per_second);
    hs_hst_bytes_put_zigzag (&state->record, clock->zero_filetime);
    hs_hst_bytes_put_varint (&state->record, clock->resolution_ticks);
}

static void put_process (struct hs_hst_state *state, const struct hs_process_fields *fields)
{
    struct hs_hst_bytes *record = &state->record;
    unsigned bits = 0;

    bits |= fields->has_start ? HS_HST_PROCESS_HAS_START : 0;
    bits |= fields->is_32bit ? HS_HST_PROCESS_32BIT : 0;
    bits |= fields->is_image_known ? HS_HST_PROCESS_IMAGE_KNOWN : 0;
    bits |= fields->end_reason == HS_PROCESS_EXECED ? HS_HST_PROCESS_EXECED : 0;
    bits |= fields->is_forked ? HS_HST_PROCESS_FORKED : 0;
    hs_hst_bytes_put_varint (record, fields->pid);
    hs_hst_bytes_put_varint (record, fields->parent_pid);
    put_string (state, fields->image);
    put_string (state, fields->command_line);
    hs_hst_bytes_put_zigzag (record, fields->start);
    hs_hst_bytes_put_zigzag (record, fields->exit_status);
    hs_hst_bytes_put_u8 (record, (uint8_t)bits);
    state->report.n_processes++;
}

static void put_module (struct hs_hst_state *state, const struct hs_module_fields *fields)
{
    struct hs_hst_bytes *record = &state->record;

    hs_hst_bytes_put_varint (record, fields->base);
    hs_hst_bytes_put_varint (record, fields->size);
    put_string (state, fields->path);
    put_string (state, fields->debug_name);
    hs_hst_bytes_put_u8 (record, fields->build_id_size);
    hs_hst_bytes_put (record, fields->build_id, fields->build_id_size);
    hs_hst_bytes_put_varint (record, fields->pdb_age);
    hs_hst_bytes_put_varint (record, fields->link_stamp);
    hs_hst_bytes_put_varint (record, fields->checksum);
    hs_hst_bytes_put_u8 (record, (uint8_t)fields->op);
    state->report.n_modules++;
}

static void put_frame_name (struct hs_hst_state *state, const struct hs_frame_fields *fields)
{
    hs_hst_bytes_put_varint (&state->record, fields->address);
    put_string (state, fields->function);
    put_string (state, fields->file);
    put_string (state, fields->module);
    hs_hst_bytes_put_varint (&state->record, fields->line);
    hs_hst_bytes_put_varint (&state->record, fields->inline_depth);
    state->report.n_frame_names++;
}

/* The child of `parent` with that address, or HS_IDMAP_NONE and the key to store it under. */
static uint32_t find_node (const struct hs_hst_state *state, uint32_t parent, uint64_t address,
                           uint64_t *ret_key)
{
    uint64_t key = hs_hash_u64 (address) ^ (uint64_t)parent * UINT64_C (0x9e3779b97f4a7c15);

    for (;; key++) {
        uint32_t node = hs_idmap_get (&state->node_index, key);

        *ret_key = key;
        if (node == HS_IDMAP_NONE || (state->nodes.items[node].parent == parent &&
                                      state->nodes.items[node].address == address))
            return node;
    }
}

/* The node of the stack's outer frames as far as they have nodes; *n of its frames are left. */
static uint32_t find_outer (struct hs_hst_state *state, const struct hs_stack_fields *stack,
                            uint32_t *n)
{
    uint32_t parent = 0, depth = 0;
    uint64_t key;

    /* most of them are those of the stack before */
    for (; *n > 0 && depth < state->n_path; (*n)--, depth++) {
        if (state->nodes.items[state->path[depth]].address != stack->frames[*n - 1])
            break;
        parent = state->path[depth];
    }
    for (; *n > 0; (*n)--, depth++) {
        uint32_t node = find_node (state, parent, stack->frames[*n - 1], &key);

        if (node == HS_IDMAP_NONE)
            break;
        parent = state->path[depth] = node;
    }
    state->n_path = depth;
    return parent;
}

static void put_stack (struct hs_hst_state *state, const struct hs_stack_fields *stack)
{
    struct hs_hst_bytes *record = &state->record;
    uint32_t n = stack->n_frames, parent;
    uint64_t key, last;

    if (n > HS_LIMIT_STACK_DEPTH) { /* the outermost frames go */
        n = HS_LIMIT_STACK_DEPTH;
        state->report.left_out[HS_LEFT_OUT_DEEP_STACKS]++;
    }
    parent = find_outer (state, stack, &n);
    hs_hst_bytes_put_zigzag (record, (int64_t)stack->slot - (int64_t)state->definition_slot);
    hs_hst_bytes_put_varint (record, parent);
    hs_hst_bytes_put_varint (record, n);
    state->definition_slot = stack->slot;
    last = state->nodes.items[parent].address;
    for (; n > 0; n--) {
        uint64_t address = stack->frames[n - 1];

        (void)find_node (state, parent, address, &key);
        if (!hs_array_reserve (&state->nodes, 1) ||
            !hs_idmap_set (&state->node_index, key, (uint32_t)state->nodes.n)) {
            hs_hst_writer_fail_memory (&state->writer);
            return;
        }
        hs_hst_bytes_put_zigzag (record, (int64_t)(address - last));
        last = address;
        state->nodes.items[state->nodes.n] = (struct hs_hst_node){ address, parent };
        parent = (uint32_t)state->nodes.n++;
        state->path[state->n_path++] = parent;
    }
    state->report.n_stacks++;
}

static void put_fact (struct hs_hst_state *state, const struct hs_fact_fields *fact)
{
    put_string (state, fact->name);
    hs_hst_bytes_put_u8 (&state->record, (uint8_t)fact->type);
    if (fact->type == HS_FACT_TEXT)
        put_text (state, fact->text);
    else
        hs_hst_bytes_put_varint (&state->record, fact->count);
}

static void put_note (struct hs_hst_state *state, const struct hs_note_fields *note)
{
    const char *kind = hs_note_kind_name (note->kind);

    put_string (state, (struct hs_text){ kind, (uint32_t)strlen (kind) });
    hs_hst_bytes_put_varint (&state->record, note->count);
    hs_hst_bytes_put_varint (&state->record, note->file_offset + 1); /* HS_NO_OFFSET is 0 */
    put_text (state, note->text);
}

/* Head and body of the record; its type, or 0 for what is no definition. */
static unsigned put_body (struct hs_hst_state *state, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_CLOCK:
        put_clock (state, &event->clock);
        return HS_HST_CLOCK;
    case HS_EVENT_PROCESS:
        put_process (state, event->process_info);
        return HS_HST_PROCESS;
    case HS_EVENT_THREAD:
        put_string (state, event->thread_info.name);
        hs_hst_bytes_put_u8 (&state->record, event->thread_info.is_end);
        return HS_HST_THREAD;
    case HS_EVENT_MODULE:
        put_module (state, event->module);
        return HS_HST_MODULE;
    case HS_EVENT_STACK:
        put_stack (state, &event->stack_info);
        return HS_HST_STACK;
    case HS_EVENT_FRAME_NAME:
        put_frame_name (state, event->frame);
        return HS_HST_FRAME_NAME;
    case HS_EVENT_SUPPRESSION:
        put_text (state, event->text);
        return HS_HST_SUPPRESSION;
    case HS_EVENT_MARK:
        put_text (state, event->text);
        return HS_HST_MARK;
    case HS_EVENT_HEAP_NAME:
        hs_hst_bytes_put_varint (&state->record, event->heap_name.heap);
        put_text (state, event->heap_name.name);
        return HS_HST_HEAP_NAME;
    case HS_EVENT_FACT:
        put_fact (state, event->fact);
        return HS_HST_FACT;
    case HS_EVENT_COUNT:
        put_string (state, event->fact->name);
        hs_hst_bytes_put_varint (&state->record, event->fact->count);
        return HS_HST_COUNT;
    case HS_EVENT_NOTE:
        put_note (state, event->note);
        return HS_HST_NOTE;
    case HS_EVENT_GAP:
        hs_hst_bytes_put_zigzag (&state->record, event->end_time);
        return HS_HST_GAP;
    case HS_EVENT_LOST:
        hs_hst_bytes_put_varint (&state->record, event->number);
        return HS_HST_LOST;
    case HS_EVENT_RESET:
        return HS_HST_RESET;
    case HS_EVENT_NONE:
    case HS_EVENT_ALLOC:
    case HS_EVENT_FREE:
    case HS_EVENT_REALLOC:
    case HS_EVENT_HEAP_CREATE:
    case HS_EVENT_HEAP_DESTROY:
    case HS_EVENT_HEAP_SEEN:
    case HS_EVENT_PROCESS_END:
    case HS_EVENT_HEAP_RANGE:
    case HS_EVENT_VIRTUAL:
    case HS_EVENT_POOL:
    case HS_EVENT_MEMORY_SAMPLE:
    case HS_EVENT_STACK_LINK:
    case HS_N_EVENT_KINDS:
        break;
    }
    return 0;
}

void hs_hst_put_definition (struct hs_hst_state *state, const struct hs_event *event)
{
    unsigned type;

    put_head (state, event);
    type = put_body (state, event);
    if (type == 0)
        return;
    put_record (state, (enum hs_hst_definition)type, state->record.items, state->record.n);
    state->n_definitions++;
    state->n_pending++;
    if (state->definitions.has_failed || state->record.has_failed)
        hs_hst_writer_fail_memory (&state->writer);
}
