/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacks the events of a segment; FORMAT.md sections 5 and 6. One bounds test per op: behind the
 * payload lie HS_HST_MAX_OP_BYTES zeros, so an op is read whole and then looked at.
 */
#include "decode/hst/hst_reader.h"

/* What all events of the context have in common. */
static void set_template (struct hs_hst *self, uint32_t number)
{
    const struct hs_hst_context *context = &self->model->contexts[number];
    struct hs_event *event = &self->templates[number];

    *event = (struct hs_event){ .flags = context->flags,
                                .process = context->process,
                                .thread = context->thread,
                                .block.heap = context->heap };
    hs_event_set_origin (event, context->source);
}

void hs_hst_begin_read_events (struct hs_hst *self)
{
    struct hs_span payload = { self->events.bytes, self->events.n };
    uint64_t first_event = hs_span_u64_at (payload, HS_HST_EVENTS_AT_FIRST_EVENT);
    uint32_t n_ops = hs_span_u32_at (payload, HS_HST_EVENTS_AT_N_OPS);

    self->op = (struct hs_hst_cursor){ payload.data, payload.data };
    self->n_ops = 0;
    self->n_block_events = 0;
    self->segment_time = HS_HST_NO_TIME;
    if (payload.size < HS_HST_EVENTS_HEADER_BYTES || n_ops > HS_HST_MAX_OPS) {
        hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                     "The header of a chunk of events makes no sense; the chunk is left out.");
        hs_hst_lose_events (self, self->record_time);
        return;
    }
    if (first_event != self->first_event) {
        hs_hst_lose_events (self, self->record_time);
        hs_hst_note (self, HS_NOTE_EVENTS_LOST, self->events_offset,
                     "A chunk begins with heap event %llu where %llu was expected.",
                     (unsigned long long)first_event, (unsigned long long)self->first_event);
    }
    self->first_event = first_event;
    self->op.at += HS_HST_EVENTS_HEADER_BYTES;
    self->op.end += payload.size;
    self->n_ops = n_ops;
    self->segment_time = (int64_t)hs_get_u64 (payload.data + HS_HST_EVENTS_AT_RECORD_TIME);
    hs_hst_model_reset (self->model,
                        (int64_t)hs_get_u64 (payload.data + HS_HST_EVENTS_AT_FIRST_TIME));
    set_template (self, 0);
}

/* False when the context is none; the same is true of every function here that returns a bool. */
static bool read_context (struct hs_hst *self, const uint8_t **at, uint32_t *ret_number,
                          struct hs_event_batch *out)
{
    struct hs_hst_model *model = self->model;
    uint64_t code = hs_hst_varint (at), process, thread, source, flags;
    struct hs_hst_context fields = { 0 };

    if (code != 0) {
        *ret_number = (uint32_t)(code - 1);
        return code - 1 < model->n_contexts;
    }
    process = hs_hst_varint (at);
    thread = hs_hst_varint (at);
    fields.heap = hs_hst_varint (at);
    source = hs_hst_varint (at);
    flags = hs_hst_varint (at);
    if (process > HS_NO_PROCESS || thread > UINT32_MAX || source > UINT16_MAX ||
        flags > UINT8_MAX || model->n_contexts == HS_HST_MAX_CONTEXTS)
        return false;
    fields.process = process == 0 ? HS_NO_PROCESS : (hs_process_id)(process - 1);
    fields.thread = (uint32_t)thread;
    fields.source = (uint16_t)source;
    fields.flags = (uint8_t)flags;
    if (fields.process != HS_NO_PROCESS && !hs_hst_need_process (self, fields.process, out))
        fields.process = HS_NO_PROCESS;
    *ret_number = hs_hst_add_context (model, &fields);
    set_template (self, *ret_number);
    return true;
}

static bool read_new_stack (struct hs_hst *self, const uint8_t **at, uint32_t *ret_local)
{
    struct hs_hst_model *model = self->model;
    int64_t slot = (int64_t)((uint64_t)model->new_slot + (uint64_t)hs_hst_signed_varint (at));

    if (model->n_locals == HS_HST_MAX_LOCALS || !hs_hst_is_slot (self, slot))
        return false;
    *ret_local = model->n_locals;
    model->new_slot = (hs_stack_slot)slot;
    model->locals[model->n_locals++] = (hs_stack_slot)slot;
    return true;
}

/* A full code; sets stack and ref of the event and the local number. */
static bool read_stack (struct hs_hst *self, const uint8_t **at, struct hs_event *event,
                        uint32_t *ret_local)
{
    struct hs_hst_model *model = self->model;
    uint64_t code = hs_hst_varint (at), slot;

    *ret_local = HS_HST_LOCAL_NONE;
    if (code == HS_HST_STACK_NEW) {
        if (!read_new_stack (self, at, ret_local))
            return false;
    } else if (code == HS_HST_STACK_WIDE) {
        slot = hs_hst_varint (at);
        model->ref += (uint64_t)hs_hst_signed_varint (at);
        if (slot > UINT32_MAX || !hs_hst_is_slot (self, (int64_t)slot))
            return false;
        event->stack = (hs_stack_slot)slot;
        event->stack_ref = model->ref;
        return true;
    } else if (code - HS_HST_STACK_FIRST_LOCAL < model->n_locals) {
        *ret_local = (uint32_t)(code - HS_HST_STACK_FIRST_LOCAL);
    } else {
        return false;
    }
    event->stack = model->locals[*ret_local];
    if (*ret_local == HS_HST_LOCAL_NEXT_REF)
        event->stack_ref = ++model->ref;
    return true;
}

static uint64_t read_full_address (const uint8_t **at, uint64_t *last)
{
    uint64_t code = hs_hst_varint (at);

    if ((code & 1) == 0)
        *last += (uint64_t)hs_hst_unzigzag (code >> 1) << 4;
    else
        *last += (uint64_t)hs_hst_signed_varint (at);
    return *last;
}

static int64_t read_time (struct hs_hst_model *model, const uint8_t **at, uint8_t op)
{
    unsigned kind = op >> HS_HST_OP_TIME_SHIFT & 3;

    if (kind == 1) {
        model->time += *(*at)++;
    } else if (kind == 2) {
        model->time = (int64_t)((uint64_t)model->time + hs_get_u16 (*at));
        *at += 2;
    } else if (kind == 3) {
        model->time = (int64_t)((uint64_t)model->time + (uint64_t)hs_hst_signed_varint (at));
    }
    return model->time;
}

static uint32_t read_distance (const uint8_t **at, unsigned kind)
{
    uint32_t distance = kind == 1 ? **at : hs_get_u16 (*at);

    *at += kind;
    return distance;
}

/*
 * Context, time and stack of an alloc or free (`what`), in the next event of the batch: written in
 * place, for a copy would wait for what was just written. It is not counted yet. NULL: it makes no
 * sense. Made twice, for allocs and for frees.
 */
static inline __attribute__ ((always_inline)) struct hs_event *read_next (
    struct hs_hst *self, const uint8_t **at, uint8_t op, unsigned what, struct hs_event_batch *out,
    struct hs_hst_context **ret_context)
{
    struct hs_hst_model *model = self->model;
    struct hs_hst_context *context = &model->contexts[model->context];
    uint32_t number = context->successor[what], local;
    struct hs_event *event;

    if ((op & HS_HST_OP_CONTEXT) != 0) {
        if (!read_context (self, at, &number, out))
            return NULL;
        context->successor[what] = (uint16_t)number;
    }
    event = &out->events[out->n]; /* a new context may have added a process before it */
    model->context = number;
    *ret_context = context = &model->contexts[number];
    *event = self->templates[number];
    event->kind = what == HS_HST_FOR_ALLOC ? HS_EVENT_ALLOC : HS_EVENT_FREE;
    event->time = read_time (model, at, op);
    if ((op & HS_HST_OP_STACK) != 0) {
        if (!read_stack (self, at, event, &local))
            return NULL;
    } else {
        local = hs_hst_expected_stack (model, context, what);
        event->stack = model->locals[local];
        if (local == HS_HST_LOCAL_NEXT_REF)
            event->stack_ref = ++model->ref;
    }
    hs_hst_learn_stack (model, context, what, local);
    return event;
}

/* The event, or NULL; read_free too. */
static const struct hs_event *read_alloc (struct hs_hst *self, const uint8_t **at, uint8_t op,
                                          struct hs_event_batch *out)
{
    struct hs_hst_model *model = self->model;
    unsigned kind = op >> HS_HST_OP_ADDRESS_SHIFT & 3;
    struct hs_hst_context *context;
    struct hs_event *event = read_next (self, at, op, HS_HST_FOR_ALLOC, out, &context);
    uint64_t *size;
    uint32_t death;
    uint16_t size_class;

    if (event == NULL)
        return NULL;
    size = hs_hst_expected_size (model, context->stack[HS_HST_FOR_ALLOC]);
    if ((op & HS_HST_OP_SIZE) != 0)
        *size = hs_hst_varint (at);
    event->block.size = *size;
    size_class = hs_hst_size_class (context, *size);
    if (kind == 3) {
        event->block.address = read_full_address (at, &context->last_born);
    } else {
        death = hs_hst_expected_death (model, size_class);
        if (kind != 0) {
            death = read_distance (at, kind);
            death = death > 0 && death <= model->n_deaths ? model->n_deaths - death + 1 : 0;
        }
        if (death == 0)
            return NULL;
        event->block.address = model->deaths[death - 1].address;
        hs_hst_take_death (model, death - 1);
    }
    hs_hst_add_birth (model, context, event->block.address, size_class);
    return event;
}

static const struct hs_event *read_free (struct hs_hst *self, const uint8_t **at, uint8_t op,
                                         struct hs_event_batch *out)
{
    struct hs_hst_model *model = self->model;
    unsigned kind = op >> HS_HST_OP_ADDRESS_SHIFT & 3;
    struct hs_hst_context *context;
    struct hs_event *event = read_next (self, at, op, HS_HST_FOR_FREE, out, &context);
    uint32_t birth;

    if (event == NULL)
        return NULL;
    if (kind == 3) {
        event->block.address = read_full_address (at, &context->last_dead);
        hs_hst_add_old_death (model, event->block.address);
        return event;
    }
    birth = context->newest_birth;
    if (kind != 0) {
        birth = read_distance (at, kind);
        birth = birth > 0 && birth <= model->n_births ? model->n_births - birth + 1 : 0;
    }
    if (birth == 0)
        return NULL;
    event->block.address = model->births[birth - 1].address;
    hs_hst_add_death (model, context, birth - 1);
    return event;
}

static bool read_realloc (struct hs_hst *self, const uint8_t **at, struct hs_event *event)
{
    struct hs_hst_model *model = self->model;
    struct hs_hst_context *context = &model->contexts[model->context];
    uint64_t birth = hs_hst_varint (at), death;
    bool is_in_place;
    uint16_t size_class;

    if (birth > model->n_births)
        return false;
    birth = birth == 0 ? 0 : model->n_births - birth + 1; /* number + 1 */
    event->block.old_address =
        birth == 0 ? read_full_address (at, &context->last_dead) : model->births[birth - 1].address;
    death = hs_hst_varint (at);
    is_in_place = death == 1;
    if (death > model->n_deaths + UINT64_C (1))
        return false;
    death = death < 2 ? 0 : model->n_deaths + 2 - death;
    if (is_in_place)
        event->block.address = event->block.old_address;
    else
        event->block.address = death == 0 ? read_full_address (at, &context->last_born)
                                          : model->deaths[death - 1].address;
    event->block.heap = context->heap;
    event->block.size = hs_hst_varint (at);
    event->block.old_size = hs_hst_varint (at);
    size_class = hs_hst_size_class (context, event->block.size);
    if (is_in_place && birth != 0) {
        model->births[birth - 1].size_class = size_class;
        return true;
    }
    if (!is_in_place) {
        if (death != 0)
            hs_hst_take_death (model, (uint32_t)death - 1);
        if (birth != 0)
            hs_hst_add_death (model, context, (uint32_t)birth - 1);
        else
            hs_hst_add_old_death (model, event->block.old_address);
    }
    hs_hst_add_birth (model, context, event->block.address, size_class);
    return true;
}

static bool read_process_end (const uint8_t **at, struct hs_event *event,
                              struct hs_event_batch *out)
{
    struct hs_process_fields fields = { 0 };
    struct hs_process_fields *copy;
    uint8_t reason = *(*at)++;

    fields.end_reason = (enum hs_process_end_reason)reason;
    fields.exit_status = (int32_t)hs_hst_signed_varint (at);
    copy = hs_arena_alloc (&out->arena, sizeof *copy);
    if (copy == NULL) {
        out->is_out_of_memory = true;
        return false;
    }
    *copy = fields;
    copy->image = copy->command_line = (struct hs_text){ "", 0 };
    event->process_info = copy;
    return reason <= HS_PROCESS_EXECED;
}

static bool read_address_space (enum hs_hst_op op, uint64_t heap, const uint8_t **at,
                                struct hs_event *event)
{
    uint64_t address = hs_hst_varint (at), size = hs_hst_varint (at), flags;
    uint8_t last;

    if (op == HS_HST_OP_HEAP_RANGE) {
        last = *(*at)++;
        event->heap = (struct hs_heap_fields){ heap, address, size, (enum hs_heap_range_op)last };
        return last <= HS_HEAP_RANGE_DESTROY;
    }
    if (op == HS_HST_OP_VIRTUAL) {
        flags = hs_hst_varint (at);
        last = *(*at)++;
        event->virtual_memory =
            (struct hs_virtual_fields){ address, size, (uint32_t)flags, (enum hs_virtual_op)last };
        return last <= HS_VIRTUAL_RUNDOWN && flags <= UINT32_MAX;
    }
    event->pool = (struct hs_pool_fields){ .address = address, .size = size };
    memcpy (event->pool.tag, *at, sizeof event->pool.tag);
    *at += sizeof event->pool.tag;
    last = *(*at)++;
    event->pool.is_free = (last & HS_HST_POOL_FREE) != 0;
    event->pool.is_session = (last & HS_HST_POOL_SESSION) != 0;
    return true;
}

static enum hs_event_kind kind_of_op (enum hs_hst_op op)
{
    static const uint8_t kinds[] = {
        [HS_HST_OP_REALLOC] = HS_EVENT_REALLOC,
        [HS_HST_OP_HEAP_CREATE] = HS_EVENT_HEAP_CREATE,
        [HS_HST_OP_HEAP_DESTROY] = HS_EVENT_HEAP_DESTROY,
        [HS_HST_OP_HEAP_SEEN] = HS_EVENT_HEAP_SEEN,
        [HS_HST_OP_PROCESS_END] = HS_EVENT_PROCESS_END,
        [HS_HST_OP_HEAP_RANGE] = HS_EVENT_HEAP_RANGE,
        [HS_HST_OP_VIRTUAL] = HS_EVENT_VIRTUAL,
        [HS_HST_OP_POOL] = HS_EVENT_POOL,
        [HS_HST_OP_MEMORY_SAMPLE] = HS_EVENT_MEMORY_SAMPLE,
    };

    return op < sizeof kinds ? (enum hs_event_kind)kinds[op] : HS_EVENT_NONE;
}

/* Everything but alloc, free, definitions and stack links. */
static bool read_wide (struct hs_hst *self, const uint8_t **at, enum hs_hst_op op,
                       struct hs_event *event, struct hs_event_batch *out)
{
    struct hs_hst_model *model = self->model;
    const struct hs_hst_context *context;
    uint32_t local;

    if (event->kind == HS_EVENT_NONE)
        return false;
    model->time = (int64_t)((uint64_t)model->time + (uint64_t)hs_hst_signed_varint (at));
    event->time = model->time;
    if (!read_context (self, at, &model->context, out) || !read_stack (self, at, event, &local))
        return false;
    context = &model->contexts[model->context];
    event->process = context->process;
    event->thread = context->thread;
    hs_event_set_origin (event, context->source);
    event->flags = context->flags;
    if (op == HS_HST_OP_REALLOC)
        return read_realloc (self, at, event);
    if (op == HS_HST_OP_PROCESS_END)
        return read_process_end (at, event, out);
    if (op >= HS_HST_OP_HEAP_RANGE && op <= HS_HST_OP_POOL)
        return read_address_space (op, context->heap, at, event);
    if (op == HS_HST_OP_MEMORY_SAMPLE)
        event->number = hs_hst_varint (at);
    else
        event->heap = (struct hs_heap_fields){ .heap = context->heap };
    return true;
}

static bool read_stack_link (struct hs_hst *self, const uint8_t **at, struct hs_event_batch *out)
{
    struct hs_hst_model *model = self->model;
    struct hs_event stack = { 0 };
    uint32_t local;

    model->link_ref += 1 + (uint64_t)hs_hst_signed_varint (at);
    if (!read_stack (self, at, &stack, &local) || stack.stack_ref != 0)
        return false;
    hs_batch_add_stack_link (out, model->link_ref, stack.stack);
    return true;
}

static bool needs_process (const struct hs_event *event)
{
    return event->kind <= HS_EVENT_PROCESS_END || event->kind == HS_EVENT_VIRTUAL;
}

/* An op beyond alloc and free. */
static bool read_other (struct hs_hst *self, const uint8_t **at, enum hs_hst_op op,
                        struct hs_event_batch *out)
{
    struct hs_event event = { 0 };
    uint64_t n;

    if (op == HS_HST_OP_DEFINITIONS) {
        n = hs_hst_varint (at);
        self->n_definitions_due = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        return true;
    }
    if (op == HS_HST_OP_STACK_LINK)
        return read_stack_link (self, at, out);
    if (op >= HS_HST_OP_FIRST_SIZED) {
        n = hs_hst_varint (at);
        if (*at > self->op.end || n > (size_t)(self->op.end - *at))
            return false;
        *at += n;
        hs_hst_note (self, HS_NOTE_UNSUPPORTED, self->events_offset,
                     "Events of a newer kind (%u) are passed over.", op);
        return true;
    }
    event.kind = (uint8_t)kind_of_op (op);
    if (!read_wide (self, at, op, &event, out) || *at > self->op.end)
        return false;
    self->n_block_events += event.kind <= HS_EVENT_PROCESS_END;
    self->n_by_op[2] += event.kind == HS_EVENT_REALLOC;
    if (event.process == HS_NO_PROCESS && needs_process (&event))
        hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                     "An event belongs to no process and is left out.");
    else
        out->events[out->n++] = event;
    return true;
}

/* Alloc or free. */
static bool read_block (struct hs_hst *self, const uint8_t **at, uint8_t op,
                        struct hs_event_batch *out)
{
    bool is_free = (op & HS_HST_OP_FREE) != 0;
    const struct hs_event *event =
        is_free ? read_free (self, at, op, out) : read_alloc (self, at, op, out);

    if (event == NULL || *at > self->op.end)
        return false;
    self->n_block_events++;
    self->n_by_op[is_free]++;
    if (event->process == HS_NO_PROCESS)
        hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                     "An event belongs to no process and is left out.");
    else
        out->n++;
    return true;
}

void hs_hst_read_ops (struct hs_hst *self, struct hs_event_batch *out)
{
    const uint8_t *at = self->op.at;
    uint32_t n_most = HS_BATCH_EVENTS - HS_HST_OP_ROOM - HS_N_NOTE_KINDS;
    bool is_sound = true;

    while (self->n_ops > 0 && self->n_definitions_due == 0 && out->n <= n_most) {
        uint8_t op = *at;

        if (at >= self->op.end) {
            is_sound = false;
            break;
        }
        at++;
        self->n_ops--;
        is_sound = op >= HS_HST_OP_OTHER
                       ? read_other (self, &at, (enum hs_hst_op) (op - HS_HST_OP_OTHER), out)
                       : read_block (self, &at, op, out);
        if (!is_sound)
            break;
    }
    self->op.at = at;
    if (is_sound && (self->n_ops > 0 || at == self->op.end))
        return;
    self->n_ops = 0;
    hs_hst_lose_events (self, self->model->time);
    hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                 "An event makes no sense; %u heap events from it on are left out.",
                 self->n_block_events_told > self->n_block_events
                     ? self->n_block_events_told - self->n_block_events
                     : 0);
}
