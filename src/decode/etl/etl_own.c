/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of our own provider; see etl_own.h. */
#include "decode/etl/etl_own.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "event/own_provider.h"

#define N_TEXTS 3
#define NS_PER_SECOND 1000000000

bool hs_etl_is_own (const uint8_t guid[16])
{
    return memcmp (guid, hs_own_provider_guid, sizeof hs_own_provider_guid) == 0;
}

void hs_etl_own_clear (struct hs_etl_own *own)
{
    hs_free (own->text);
    own->text = NULL;
}

static bool need_text (struct hs_etl_own *own, struct hs_etl_sink *sink)
{
    if (own->text == NULL)
        own->text = hs_alloc_array (N_TEXTS, HS_LIMIT_STRING_BYTES);
    if (own->text == NULL)
        sink->is_out_of_memory = true;
    return own->text != NULL;
}

/* u16 length and UTF-8, into text number `i`; valid until that is used again. */
static struct hs_text read_text (struct hs_etl_own *own, struct hs_reader *reader, unsigned i)
{
    size_t n = hs_reader_u16 (reader);
    const uint8_t *bytes = hs_reader_take (reader, n);
    char *text = own->text + (size_t)i * HS_LIMIT_STRING_BYTES;

    if (bytes == NULL)
        return (struct hs_text){ "", 0 };
    n = hs_text_from_utf8 ((struct hs_span){ bytes, n }, text, HS_LIMIT_STRING_BYTES);
    return (struct hs_text){ text, (uint32_t)n };
}

/* Pid of a record to a process that is known already; HS_NO_PROCESS otherwise. */
static hs_process_id process_of (const struct hs_etl_processes *processes, uint32_t pid)
{
    return pid == HS_ETL_NO_ID ? HS_NO_PROCESS : hs_etl_process_newest (processes, pid);
}

/* u32 flags, u64 step of the clock in ns */
static bool read_origin (struct hs_etl_own *own, struct hs_etl_sink *sink, struct hs_reader *reader)
{
    uint32_t flags = hs_reader_u32 (reader);
    uint64_t step_ns = hs_reader_u64 (reader);
    unsigned __int128 ticks = (unsigned __int128)step_ns * own->ticks_per_second / NS_PER_SECOND;

    if (reader->has_overrun)
        return false;
    sink->block_flags = flags & HS_OWN_ADDRESSES_INVENTED ? HS_EVENT_ADDRESS_INVENTED : 0;
    hs_batch_add (sink->batch, HS_EVENT_CLOCK, 0)->clock = (struct hs_clock_fields){
        .ticks_per_second = own->ticks_per_second,
        .zero_filetime = flags & HS_OWN_WALL_CLOCK_UNKNOWN ? 0 : own->zero_filetime,
        .resolution_ticks = ticks < 1            ? 1
                            : ticks > UINT32_MAX ? UINT32_MAX
                                                 : (uint64_t)ticks,
    };
    return true;
}

/* u32 pid here, u32 pid in the source, image, command line */
static bool read_process (struct hs_etl_own *own, struct hs_etl_processes *processes,
                          struct hs_etl_sink *sink, struct hs_reader *reader, int64_t time)
{
    uint32_t pid = hs_reader_u32 (reader);
    struct hs_etl_names names = { .shown_pid = hs_reader_u32 (reader) };

    names.image = read_text (own, reader, 0);
    names.command_line = read_text (own, reader, 1);
    if (reader->has_overrun)
        return false;
    hs_etl_process_rename (processes, sink, pid, &names, time);
    return true;
}

/* u32 pid, u64 base, u8 n, n bytes of build id */
static bool read_module (const struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                         struct hs_reader *reader, int64_t time)
{
    struct hs_module_fields fields = { .path = { "", 0 },
                                       .debug_name = { "", 0 },
                                       .op = HS_MODULE_IDENTITY };
    uint32_t pid = hs_reader_u32 (reader);
    hs_process_id process = pid == 0 ? HS_NO_PROCESS : process_of (processes, pid);
    const uint8_t *build_id;

    fields.base = hs_reader_u64 (reader);
    fields.build_id_size = hs_reader_u8 (reader);
    build_id = hs_reader_take (reader, fields.build_id_size);
    if (reader->has_overrun || fields.build_id_size > sizeof fields.build_id)
        return false;
    memcpy (fields.build_id, build_id, fields.build_id_size);
    if (pid == 0 || process != HS_NO_PROCESS)
        hs_batch_add_module (sink->batch, time, &fields)->process = process;
    return true;
}

/* u32 pid, u64 address, u32 line, u32 inline depth, function, file, module */
static bool read_frame (struct hs_etl_own *own, const struct hs_etl_processes *processes,
                        struct hs_etl_sink *sink, struct hs_reader *reader)
{
    hs_process_id process = process_of (processes, hs_reader_u32 (reader));
    struct hs_frame_fields fields = { .address = hs_reader_u64 (reader) };

    fields.line = hs_reader_u32 (reader);
    fields.inline_depth = hs_reader_u32 (reader);
    fields.function = read_text (own, reader, 0);
    fields.file = read_text (own, reader, 1);
    fields.module = read_text (own, reader, 2);
    if (reader->has_overrun)
        return false;
    if (process != HS_NO_PROCESS)
        hs_batch_add_frame (sink->batch, &fields)->process = process;
    return true;
}

static bool read_words (struct hs_etl_own *own, struct hs_etl_sink *sink, struct hs_reader *reader,
                        enum hs_event_kind kind, int64_t time)
{
    struct hs_text text = read_text (own, reader, 0);

    if (reader->has_overrun)
        return false;
    hs_batch_add (sink->batch, kind, time)->text =
        hs_batch_text (sink->batch, text.bytes, text.length);
    return true;
}

/* u32 pid, u64 resident bytes */
static bool read_sample (const struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                         struct hs_reader *reader, int64_t time)
{
    uint32_t pid = hs_reader_u32 (reader);
    uint64_t n_bytes = hs_reader_u64 (reader);
    struct hs_event *event;

    if (reader->has_overrun)
        return false;
    event = hs_batch_add (sink->batch, HS_EVENT_MEMORY_SAMPLE, time);
    event->process = process_of (processes, pid);
    event->number = n_bytes;
    return true;
}

/* u64 end; u32 pid, which files of the first version do not have */
static bool read_gap (const struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                      struct hs_reader *reader, int64_t time)
{
    int64_t end = (int64_t)hs_reader_u64 (reader);
    struct hs_event *event;
    uint32_t pid;

    if (reader->has_overrun)
        return false;
    pid = hs_reader_u32 (reader);
    event = hs_batch_add (sink->batch, HS_EVENT_GAP, time);
    event->process = reader->has_overrun ? HS_NO_PROCESS : process_of (processes, pid);
    event->end_time = hs_etl_ticks (sink, end);
    return true;
}

/* u32 pid */
static bool read_forked (const struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                         struct hs_reader *reader, int64_t time)
{
    struct hs_process_fields fields = { .pid = hs_reader_u32 (reader), .is_forked = true };
    hs_process_id process = process_of (processes, fields.pid);

    if (!reader->has_overrun && process != HS_NO_PROCESS)
        hs_batch_add_process (sink->batch, HS_EVENT_PROCESS, time, &fields)->process = process;
    return !reader->has_overrun;
}

/* u32 pid */
static bool read_execed (struct hs_etl_processes *processes, struct hs_reader *reader)
{
    uint32_t pid = hs_reader_u32 (reader);

    if (!reader->has_overrun)
        hs_etl_process_set_execed (processes, pid);
    return !reader->has_overrun;
}

/* u32 pid, u64 heap, name */
static bool read_heap_name (struct hs_etl_own *own, const struct hs_etl_processes *processes,
                            struct hs_etl_sink *sink, struct hs_reader *reader, int64_t time)
{
    hs_process_id process = process_of (processes, hs_reader_u32 (reader));
    uint64_t heap = hs_reader_u64 (reader);
    struct hs_text name = read_text (own, reader, 0);
    struct hs_event *event;

    if (reader->has_overrun)
        return false;
    event = hs_batch_add (sink->batch, HS_EVENT_HEAP_NAME, time);
    event->process = process;
    event->heap_name.heap = heap;
    event->heap_name.name = hs_batch_text (sink->batch, name.bytes, name.length);
    return true;
}

/* u8 call of allocations, u8 of frees */
static bool read_call (struct hs_etl_sink *sink, const struct hs_etl_record *record,
                       struct hs_reader *reader)
{
    uint32_t calls = hs_reader_u8 (reader);

    calls |= (uint32_t)hs_reader_u8 (reader) << 8;
    if (reader->has_overrun)
        return false;
    if (!hs_idmap_set (&sink->calls, (uint64_t)record->process << 32 | record->thread, calls))
        sink->is_out_of_memory = true;
    return true;
}

void hs_etl_own_record (struct hs_etl_own *own, struct hs_etl_processes *processes,
                        struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    bool is_whole = true;

    if (!need_text (own, sink))
        return;
    switch (record->event_id) {
    case HS_OWN_ORIGIN:
        is_whole = read_origin (own, sink, &reader);
        break;
    case HS_OWN_PROCESS:
        is_whole = read_process (own, processes, sink, &reader, time);
        break;
    case HS_OWN_MODULE:
        is_whole = read_module (processes, sink, &reader, time);
        break;
    case HS_OWN_FRAME:
        is_whole = read_frame (own, processes, sink, &reader);
        break;
    case HS_OWN_MARK:
        is_whole = read_words (own, sink, &reader, HS_EVENT_MARK, time);
        break;
    case HS_OWN_MEMORY_SAMPLE:
        is_whole = read_sample (processes, sink, &reader, time);
        break;
    case HS_OWN_SUPPRESSION:
        is_whole = read_words (own, sink, &reader, HS_EVENT_SUPPRESSION, time);
        break;
    case HS_OWN_GAP:
        is_whole = read_gap (processes, sink, &reader, time);
        break;
    case HS_OWN_FORKED:
        is_whole = read_forked (processes, sink, &reader, time);
        break;
    case HS_OWN_EXECED:
        is_whole = read_execed (processes, &reader);
        break;
    case HS_OWN_RESET:
        (void)hs_batch_add (sink->batch, HS_EVENT_RESET, time);
        break;
    case HS_OWN_HEAP_NAME:
        is_whole = read_heap_name (own, processes, sink, &reader, time);
        break;
    case HS_OWN_CALL:
        is_whole = read_call (sink, record, &reader);
        break;
    default: /* of a newer program */
        break;
    }
    if (!is_whole)
        hs_etl_sink_note_short (sink, record);
}
