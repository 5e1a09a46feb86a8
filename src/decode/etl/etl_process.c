/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Process instances and threads of an ETL file; see etl_process.h. */
#include "decode/etl/etl_process.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "decode/etl/etl_strings.h"

#define FLAG_WOW64 2u
#define SID_MAX_PARTS 15
#define SID_HEAD 8 /* revision, count, authority */

enum { START = 1, END = 2, DC_START = 3, DC_END = 4, DEFUNCT = 39, THREAD_SET_NAME = 72 };

struct process_payload {
    uint32_t pid, parent_pid;
    uint64_t unique_key;
    int32_t exit_status;
    bool is_wow64;
    struct hs_span image, command_line;
};

void hs_etl_processes_init (struct hs_etl_processes *processes, uint64_t ticks_per_second,
                            bool is_os_32bit)
{
    *processes = (struct hs_etl_processes){ .ticks_per_second = ticks_per_second,
                                            .is_os_32bit = is_os_32bit };
    for (unsigned i = 0; i < HS_ETL_PID_CACHE; i++)
        processes->cache[i].id = HS_NO_PROCESS;
}

void hs_etl_processes_clear (struct hs_etl_processes *processes)
{
    hs_array_clear (&processes->items);
    hs_idmap_clear (&processes->current);
    hs_arena_clear (&processes->texts);
    hs_free (processes->scratch);
    processes->scratch = NULL;
}

static void set_cache (struct hs_etl_processes *processes, uint32_t pid, hs_process_id id)
{
    unsigned place = (pid >> 2) % HS_ETL_PID_CACHE;

    processes->cache[place].pid = pid;
    processes->cache[place].id = id;
}

static void send (struct hs_etl_processes *processes, struct hs_etl_sink *sink, hs_process_id id,
                  int64_t time)
{
    const struct hs_etl_process *process = &processes->items.items[id];
    struct hs_process_fields fields = {
        .pid = process->shown_pid,
        .parent_pid = process->parent_pid,
        .image = process->image,
        .command_line = process->command_line,
        .start = process->start,
        .exit_status = process->exit_status,
        .has_start = process->has_start,
        .is_32bit = process->is_32bit,
        .is_image_known = process->is_image_known,
    };

    hs_batch_add_process (sink->batch, HS_EVENT_PROCESS, time, &fields)->process = id;
}

/* A new instance, not yet sent. */
static hs_process_id add_instance (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                   uint32_t pid, int64_t time)
{
    hs_process_id id = (hs_process_id)processes->items.n;

    if (!hs_array_reserve (&processes->items, 1) || !hs_idmap_set (&processes->current, pid, id)) {
        sink->is_out_of_memory = true;
        return HS_NO_PROCESS;
    }
    processes->items.items[processes->items.n++] =
        (struct hs_etl_process){ .pid = pid,
                                 .shown_pid = pid,
                                 .first_time = time,
                                 .is_32bit = processes->is_os_32bit,
                                 .image = { "", 0 },
                                 .command_line = { "", 0 } };
    set_cache (processes, pid, id);
    return id;
}

hs_process_id hs_etl_process_look_up (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                      uint32_t pid, int64_t time)
{
    hs_process_id id = hs_idmap_get (&processes->current, pid);

    if (id != HS_IDMAP_NONE && !processes->items.items[id].is_ended) {
        set_cache (processes, pid, id);
        return id;
    }
    id = add_instance (processes, sink, pid, time);
    if (id != HS_NO_PROCESS)
        send (processes, sink, id, time);
    return id;
}

hs_process_id hs_etl_process_newest (const struct hs_etl_processes *processes, uint32_t pid)
{
    return hs_idmap_get (&processes->current, pid); /* HS_IDMAP_NONE is HS_NO_PROCESS */
}

hs_process_id hs_etl_process_trailing (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                       uint32_t pid, int64_t time)
{
    hs_process_id id = hs_etl_process_newest (processes, pid);

    return id != HS_NO_PROCESS ? id : hs_etl_process_look_up (processes, sink, pid, time);
}

void hs_etl_process_set_32bit (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                               hs_process_id id, int64_t time)
{
    if (processes->items.items[id].is_32bit)
        return;
    processes->items.items[id].is_32bit = true;
    send (processes, sink, id, time);
}

/* The SID field of 6.1: four zero bytes, or a TOKEN_USER of two pointers and the SID. */
static bool skip_sid (struct hs_reader *reader, unsigned pointer_size)
{
    struct hs_span rest = reader->rest;
    size_t user = 2 * (size_t)pointer_size;
    size_t n_parts = hs_span_u8_at (rest, user + 1);

    if (hs_span_u32_at (rest, 0) == 0) {
        /* generated traces zero the TOKEN_USER although a SID follows */
        static const uint8_t zeros[16];
        bool has_sid = hs_span_has (rest, user, SID_HEAD) && rest.data[user] == 1 && n_parts > 0 &&
                       n_parts <= SID_MAX_PARTS && memcmp (rest.data, zeros, user) == 0 &&
                       memcmp (rest.data + user + 2, zeros, 5) == 0;

        if (!has_sid)
            return hs_reader_take (reader, 4) != NULL;
    }
    return n_parts <= SID_MAX_PARTS &&
           hs_reader_take (reader, user + SID_HEAD + 4 * n_parts) != NULL;
}

static bool read_payload (const struct hs_etl_record *record, struct process_payload *ret)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    unsigned pointer_size = record->pointer_size;
    unsigned version = record->version;

    *ret = (struct process_payload){ 0 };
    if (version == 0) {
        ret->pid = (uint32_t)hs_reader_ptr (&reader, pointer_size);
        ret->parent_pid = (uint32_t)hs_reader_ptr (&reader, pointer_size);
    } else {
        uint64_t key = hs_reader_ptr (&reader, pointer_size);

        ret->unique_key = version >= 2 ? key : 0; /* version 1: the page directory */
        ret->pid = hs_reader_u32 (&reader);
        ret->parent_pid = hs_reader_u32 (&reader);
        (void)hs_reader_u32 (&reader);
        ret->exit_status = (int32_t)hs_reader_u32 (&reader);
    }
    if (version >= 3)
        (void)hs_reader_ptr (&reader, pointer_size);
    if (version >= 4)
        ret->is_wow64 = (hs_reader_u32 (&reader) & FLAG_WOW64) != 0;
    if (reader.has_overrun || !skip_sid (&reader, pointer_size))
        return false;
    ret->image = hs_etl_take_ansi (&reader);
    if (version >= 2)
        ret->command_line = hs_etl_take_wide (&reader);
    return true;
}

static struct hs_text keep_text (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                 const char *text, size_t length)
{
    const char *copy = hs_arena_strndup (&processes->texts, text, length);

    if (copy == NULL) {
        sink->is_out_of_memory = true;
        return (struct hs_text){ "", 0 };
    }
    return (struct hs_text){ copy, (uint32_t)length };
}

static bool need_scratch (struct hs_etl_processes *processes, struct hs_etl_sink *sink)
{
    if (processes->scratch == NULL)
        processes->scratch = hs_alloc_array (HS_LIMIT_STRING_BYTES, 1);
    if (processes->scratch == NULL)
        sink->is_out_of_memory = true;
    return processes->scratch != NULL;
}

/* Adds to an instance what a record says of it. */
static void describe (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                      hs_process_id id, const struct process_payload *payload)
{
    struct hs_etl_process *process = &processes->items.items[id];
    size_t n;

    process->is_described = true;
    process->parent_pid = payload->parent_pid;
    process->exit_status = payload->exit_status;
    process->is_32bit = process->is_32bit || payload->is_wow64;
    if (payload->unique_key != 0)
        process->unique_key = payload->unique_key;
    if (!need_scratch (processes, sink))
        return;
    if (!process->is_image_known && payload->image.size > 0) {
        n = hs_text_from_ansi (payload->image, processes->scratch, HS_LIMIT_STRING_BYTES);
        process->image = keep_text (processes, sink, processes->scratch, n);
        process->is_image_known = true;
    }
    if (process->command_line.length == 0 && payload->command_line.size > 0) {
        n = hs_text_from_utf16 (payload->command_line, processes->scratch, HS_LIMIT_STRING_BYTES);
        process->command_line = keep_text (processes, sink, processes->scratch, n);
    }
}

void hs_etl_process_rename (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                            uint32_t pid, const struct hs_etl_names *names, int64_t time)
{
    hs_process_id id = hs_etl_process_newest (processes, pid);
    struct hs_etl_process *process;

    /* made here when it is new, so that the wrong pid is never told */
    if (id == HS_NO_PROCESS || processes->items.items[id].is_ended)
        id = add_instance (processes, sink, pid, time);
    if (id == HS_NO_PROCESS)
        return;
    process = &processes->items.items[id];
    process->shown_pid = names->shown_pid;
    if (names->image.length > 0) {
        process->image = keep_text (processes, sink, names->image.bytes, names->image.length);
        process->is_image_known = true;
    }
    if (names->command_line.length > 0)
        process->command_line =
            keep_text (processes, sink, names->command_line.bytes, names->command_line.length);
    send (processes, sink, id, time);
}

void hs_etl_process_set_execed (struct hs_etl_processes *processes, uint32_t pid)
{
    hs_process_id id = hs_etl_process_newest (processes, pid);

    if (id != HS_NO_PROCESS)
        processes->items.items[id].is_execed = true;
}

static void end_instance (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                          hs_process_id id, int64_t time)
{
    struct hs_etl_process *process = &processes->items.items[id];
    struct hs_process_fields fields = { .pid = process->shown_pid,
                                        .exit_status = process->exit_status,
                                        .image = { "", 0 },
                                        .command_line = { "", 0 },
                                        .end_reason = process->is_execed ? HS_PROCESS_EXECED
                                                                         : HS_PROCESS_EXITED };

    process->is_ended = true;
    set_cache (processes, process->pid, HS_NO_PROCESS);
    hs_batch_add_process (sink->batch, HS_EVENT_PROCESS_END, time, &fields)->process = id;
}

/*
 * Whether a Start belongs to the instance that is known: a second session told it too, or records
 * about the new process came a moment ahead of it (VirtualAlloc by the parent, formats/etl.md 8.1).
 */
static bool is_start_of (const struct hs_etl_processes *processes,
                         const struct hs_etl_process *process, uint64_t key, int64_t time)
{
    if (process->is_described) {
        if (process->unique_key != 0 && key != 0)
            return process->unique_key == key;
        return process->has_start && process->start == time;
    }
    return !process->is_ended &&
           (uint64_t)time - (uint64_t)process->first_time <= processes->ticks_per_second;
}

/* Whether any other process record (end, rundown) belongs to the instance. */
static bool is_same (const struct hs_etl_process *process, uint64_t key)
{
    return process->unique_key == 0 || key == 0 || process->unique_key == key;
}

void hs_etl_process_record (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                            const struct hs_etl_record *record)
{
    int64_t time = hs_etl_ticks (sink, record->time);
    struct process_payload payload;
    struct hs_etl_process *process;
    hs_process_id id;
    bool is_known;

    if (record->opcode != START && record->opcode != END && record->opcode != DC_START &&
        record->opcode != DC_END && record->opcode != DEFUNCT)
        return;
    if (!read_payload (record, &payload)) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    id = hs_etl_process_newest (processes, payload.pid);
    process = id != HS_NO_PROCESS ? &processes->items.items[id] : NULL;
    is_known = process != NULL &&
               (record->opcode == START ? is_start_of (processes, process, payload.unique_key, time)
                                        : is_same (process, payload.unique_key));
    if (!is_known) {
        if (process != NULL && !process->is_ended)
            end_instance (processes, sink, id, time); /* its own End was lost */
        id = add_instance (processes, sink, payload.pid, time);
        if (id == HS_NO_PROCESS)
            return;
    }
    process = &processes->items.items[id];
    if (record->opcode == START && !process->has_start) {
        process->has_start = true;
        process->start = time;
    }
    describe (processes, sink, id, &payload);
    send (processes, sink, id, time);
    if (record->opcode == END && !process->is_ended)
        end_instance (processes, sink, id, time);
}

void hs_etl_thread_record (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                           const struct hs_etl_record *record)
{
    struct hs_span payload = record->payload;
    bool is_old = record->version == 0 && record->opcode != THREAD_SET_NAME;
    uint32_t pid = hs_span_u32_at (payload, is_old ? 4 : 0);
    size_t name_offset = 8;
    struct hs_event *event;
    struct hs_reader name;
    hs_process_id id;
    size_t n;

    if ((record->opcode < START || record->opcode > DC_END) && record->opcode != THREAD_SET_NAME)
        return;
    if (payload.size < 8) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    id = hs_etl_process_newest (processes, pid);
    if (id == HS_NO_PROCESS || !need_scratch (processes, sink))
        return;
    if (record->opcode != THREAD_SET_NAME) /* 7 pointers, sub process tag, 4 priority bytes */
        name_offset =
            record->version >= 3 ? 8 + 7 * (size_t)record->pointer_size + 8 : payload.size;
    name = hs_reader_init (hs_span_part (payload, name_offset, SIZE_MAX));
    n = hs_text_from_utf16 (hs_etl_take_wide (&name), processes->scratch, HS_LIMIT_STRING_BYTES);
    event = hs_batch_add (sink->batch, HS_EVENT_THREAD, hs_etl_ticks (sink, record->time));
    event->process = id;
    event->thread = hs_span_u32_at (payload, is_old ? 0 : 4);
    event->thread_info.name =
        n > 0 ? hs_batch_text (sink->batch, processes->scratch, n) : (struct hs_text){ "", 0 };
    event->thread_info.is_end = record->opcode == END;
}
