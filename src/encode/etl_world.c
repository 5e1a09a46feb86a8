/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes, threads and modules of the ETL encoder: as they come, and once more as a rundown at
 * the end. Layouts: formats/etl.md 6. A process that did not end gets DC end and never End, so that
 * what was outstanding stays outstanding.
 */
#include "encode/etl_state.h"

#include "base/endian.h"
#include "event/own_provider.h"

#include <string.h>

/* hook ids: group << 8 | opcode */
#define PROCESS_START 0x0301
#define PROCESS_END 0x0302
#define PROCESS_DC_START 0x0303
#define PROCESS_DC_END 0x0304
#define IMAGE_LOAD 0x030a
#define THREAD_START 0x0501
#define THREAD_END 0x0502
#define THREAD_DC_START 0x0503
#define THREAD_DC_END 0x0504
#define THREAD_SET_NAME 0x0548
#define IMAGE_UNLOAD 0x1402
#define IMAGE_DC_START 0x1403
#define IMAGE_DC_END 0x1404

#define PROCESS_VERSION 4
#define THREAD_VERSION 3
#define IMAGE_VERSION 3
#define IMAGE_ID_INFO 0
#define IMAGE_ID_RSDS 36
#define PROCESS_FLAG_WOW64 2
#define STILL_RUNNING 259

/* Texts of one record together stay below a record's size. */
#define MAX_IMAGE_BYTES 0x400
#define MAX_COMMAND_BYTES 0xf000
#define MAX_PATH_BYTES 0xf000
#define MAX_OWN_COMMAND_BYTES 0xe000

static const uint8_t image_id_guid[16] = { 0xd7, 0x75, 0xe6, 0xb3, 0x54, 0x25, 0x18, 0x4f,
                                           0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde };

static struct hs_text text_of (const char *text)
{
    return text != NULL ? (struct hs_text){ text, (uint32_t)strlen (text) }
                        : (struct hs_text){ "", 0 };
}

static struct hs_text base_name (struct hs_text path)
{
    for (uint32_t i = path.length; i > 0; i--)
        if (path.bytes[i - 1] == '/' || path.bytes[i - 1] == '\\')
            return (struct hs_text){ path.bytes + i, path.length - i };
    return path;
}

static bool is_ascii (struct hs_text text)
{
    for (uint32_t i = 0; i < text.length; i++)
        if ((uint8_t)text.bytes[i] >= 0x80)
            return false;
    return true;
}

/* Keeps a copy for the closing rundown; an empty text keeps what is known. */
static void keep_text (struct hs_etl_state *state, char **ret, struct hs_text text)
{
    char *copy;

    if (text.length == 0)
        return;
    copy = hs_strndup (text.bytes, text.length);
    if (copy == NULL) {
        hs_etl_writer_fail_memory (&state->writer);
        return;
    }
    hs_free (*ret);
    *ret = copy;
}

static void count_cut (struct hs_etl_state *state)
{
    if (state->payload.is_cut)
        state->report.left_out[HS_LEFT_OUT_CUT_TEXTS]++;
    state->payload.is_cut = false;
}

static void system_from_payload (struct hs_etl_state *state, uint16_t hook, uint8_t version,
                                 uint32_t pid, uint32_t tid)
{
    uint8_t *at = hs_etl_system_record (&state->writer, hook, version, pid, tid, state->payload.n);

    memcpy (at, state->payload.bytes, state->payload.n);
    count_cut (state);
}

uint32_t hs_etl_pid (const struct hs_etl_state *state, hs_process_id process)
{
    return process < state->processes.n ? state->processes.items[process].pid : HS_ETL_NONE;
}

static struct hs_etl_process *process_of (struct hs_etl_state *state, hs_process_id process)
{
    if (process >= HS_NO_PROCESS - 1)
        return NULL;
    while (state->processes.n <= process) {
        if (!hs_array_reserve (&state->processes, 1)) {
            hs_etl_writer_fail_memory (&state->writer);
            return NULL;
        }
        state->processes.items[state->processes.n++] =
            (struct hs_etl_process){ .pid = HS_ETL_NONE };
    }
    return &state->processes.items[process];
}

/* What the record to come cannot say: ahead of it, so that a reader knows it from the start. */
static void write_process_origin (struct hs_etl_state *state, const struct hs_etl_process *process)
{
    struct hs_etl_payload *payload = &state->payload;
    struct hs_text image = text_of (process->image);

    if (process->pid == process->source_pid && is_ascii (image) &&
        base_name (image).length == image.length)
        return;
    payload->n = 0;
    hs_etl_put_u32 (payload, process->pid);
    hs_etl_put_u32 (payload, process->source_pid);
    hs_etl_put_text (payload, image, MAX_IMAGE_BYTES);
    hs_etl_put_text (payload, text_of (process->command_line), MAX_OWN_COMMAND_BYTES);
    hs_etl_own_event (state, HS_OWN_PROCESS, process->pid, HS_ETL_NONE);
}

static void write_process (struct hs_etl_state *state, hs_process_id id, uint16_t hook)
{
    const struct hs_etl_process *process = &state->processes.items[id];
    struct hs_etl_payload *payload = &state->payload;
    int32_t status = hook == PROCESS_END ? process->exit_status : STILL_RUNNING;

    write_process_origin (state, process);
    payload->n = 0;
    /* the key tells instances of one pid apart: made from the id, shaped like a kernel address */
    hs_etl_put_u64 (payload, UINT64_C (0xffffa00000000000) + ((uint64_t)id + 1) * 0x1000);
    hs_etl_put_u32 (payload, process->pid);
    hs_etl_put_u32 (payload, process->parent_pid);
    hs_etl_put_u32 (payload, 0);
    hs_etl_put_u32 (payload, (uint32_t)status);
    hs_etl_put_u64 (payload, 0);
    hs_etl_put_u32 (payload, process->is_32bit ? PROCESS_FLAG_WOW64 : 0);
    hs_etl_put_u32 (payload, 0); /* no SID */
    hs_etl_put_ansi (payload, base_name (text_of (process->image)), MAX_IMAGE_BYTES);
    hs_etl_put_utf16 (payload, text_of (process->command_line), MAX_COMMAND_BYTES);
    hs_etl_put_u16 (payload, 0);
    hs_etl_put_u16 (payload, 0);
    system_from_payload (state, hook, PROCESS_VERSION, process->pid, HS_ETL_NONE);
}

/* Pid 0 means "idle and kernel" in an ETL; only Windows' own idle process may have it. */
static uint32_t pid_for_file (const struct hs_etl_state *state,
                              const struct hs_process_fields *fields)
{
    uint32_t pid = 1;

    if (fields->pid != 0 ||
        (fields->image.length == 4 && memcmp (fields->image.bytes, "Idle", 4) == 0))
        return fields->pid;
    for (size_t i = 0; i < state->processes.n; i++)
        if (state->processes.items[i].pid == pid) {
            pid++;
            i = (size_t)-1;
        }
    return pid;
}

void hs_etl_process_event (struct hs_etl_state *state, const struct hs_event *event)
{
    const struct hs_process_fields *fields = event->process_info;
    struct hs_etl_process *process = process_of (state, event->process);
    uint16_t hook = PROCESS_DC_START;

    if (process == NULL)
        return;
    hs_etl_set_time (state, event->time);
    if (!process->is_described) {
        process->pid = pid_for_file (state, fields);
        state->report.n_processes++;
    }
    process->is_described = true;
    process->source_pid = fields->pid;
    process->parent_pid = fields->parent_pid;
    process->is_32bit = fields->is_32bit;
    keep_text (state, &process->image, fields->image);
    keep_text (state, &process->command_line, fields->command_line);
    if (fields->has_start && !process->has_start) {
        process->has_start = true;
        hook = PROCESS_START;
        hs_etl_set_time (state, fields->start);
    }
    /* told again because more is known: a rundown record says it without starting anything */
    if (!process->has_ended)
        write_process (state, event->process, hook);
    if (fields->is_forked) {
        state->payload.n = 0;
        hs_etl_put_u32 (&state->payload, process->pid);
        hs_etl_own_event (state, HS_OWN_FORKED, process->pid, HS_ETL_NONE);
    }
}

void hs_etl_process_end_event (struct hs_etl_state *state, const struct hs_event *event)
{
    struct hs_etl_process *process = process_of (state, event->process);

    if (process == NULL || process->has_ended)
        return;
    hs_etl_set_time (state, event->time);
    process->exit_status = event->process_info != NULL ? event->process_info->exit_status : 0;
    process->has_ended = true;
    if (event->process_info != NULL && event->process_info->end_reason == HS_PROCESS_EXECED) {
        state->payload.n = 0;
        hs_etl_put_u32 (&state->payload, process->pid);
        hs_etl_own_event (state, HS_OWN_EXECED, process->pid, HS_ETL_NONE);
    }
    write_process (state, event->process, PROCESS_END);
}

static void write_thread (struct hs_etl_state *state, const struct hs_etl_thread *thread,
                          uint16_t hook)
{
    struct hs_etl_payload *payload = &state->payload;
    uint32_t pid = hs_etl_pid (state, thread->process);

    payload->n = 0;
    hs_etl_put_u32 (payload, pid);
    hs_etl_put_u32 (payload, thread->tid);
    hs_etl_put_zeros (payload, 7 * 8 + 4 + 4);
    system_from_payload (state, hook, THREAD_VERSION, pid, thread->tid);
}

struct hs_etl_thread *hs_etl_thread_of (struct hs_etl_state *state, hs_process_id process,
                                        uint32_t tid)
{
    struct hs_etl_thread *thread;
    uint64_t key;
    uint32_t number = state->latest_thread;

    if (tid == 0 || tid == UINT32_MAX)
        tid = hs_etl_pid (state, process);
    if (number < state->threads.n && state->threads.items[number].tid == tid &&
        state->threads.items[number].process == process)
        return &state->threads.items[number];
    key = (uint64_t)process << 32 | tid;
    number = hs_idmap_get (&state->thread_index, key);
    if (number == HS_IDMAP_NONE) {
        number = (uint32_t)state->threads.n;
        if (!hs_array_reserve (&state->threads, 1) ||
            !hs_idmap_set (&state->thread_index, key, number)) {
            hs_etl_writer_fail_memory (&state->writer);
            return NULL;
        }
        thread = &state->threads.items[state->threads.n++];
        *thread = (struct hs_etl_thread){ .process = process, .tid = tid, .last_stamp = INT64_MIN };
        if (process < state->processes.n)
            write_thread (state, thread,
                          state->processes.items[process].has_start ? THREAD_START
                                                                    : THREAD_DC_START);
    }
    state->latest_thread = number;
    return &state->threads.items[number];
}

void hs_etl_thread_event (struct hs_etl_state *state, const struct hs_event *event)
{
    struct hs_text name = event->thread_info.name;
    struct hs_etl_thread *thread;

    hs_etl_set_time (state, event->time);
    thread = hs_etl_thread_of (state, event->process, event->thread);
    if (thread == NULL)
        return;
    if (event->thread_info.is_end && !thread->has_ended)
        write_thread (state, thread, THREAD_END);
    else if (!event->thread_info.is_end && thread->has_ended) /* the id is used again */
        write_thread (state, thread, THREAD_START);
    thread->has_ended = event->thread_info.is_end;
    if (name.length == 0)
        return;
    state->payload.n = 0;
    hs_etl_put_u32 (&state->payload, hs_etl_pid (state, event->process));
    hs_etl_put_u32 (&state->payload, thread->tid);
    hs_etl_put_utf16 (&state->payload, name, MAX_PATH_BYTES);
    system_from_payload (state, THREAD_SET_NAME, 2, hs_etl_pid (state, event->process),
                         thread->tid);
}

static struct hs_etl_module *module_of (struct hs_etl_state *state, hs_process_id process,
                                        uint64_t base)
{
    uint64_t key = hs_hash_u64 (base) + process;
    struct hs_etl_module *module;
    uint32_t number;

    for (;; key++) {
        number = hs_idmap_get (&state->module_index, key);
        if (number == HS_IDMAP_NONE)
            break;
        module = &state->modules.items[number];
        if (module->process == process && module->base == base)
            return module;
    }
    number = (uint32_t)state->modules.n;
    if (!hs_array_reserve (&state->modules, 1) ||
        !hs_idmap_set (&state->module_index, key, number)) {
        hs_etl_writer_fail_memory (&state->writer);
        return NULL;
    }
    module = &state->modules.items[state->modules.n++];
    *module = (struct hs_etl_module){ .process = process, .base = base };
    return module;
}

static uint32_t module_pid (const struct hs_etl_state *state, const struct hs_etl_module *module)
{
    return module->process == HS_NO_PROCESS ? 0 : hs_etl_pid (state, module->process);
}

static void write_image (struct hs_etl_state *state, const struct hs_etl_module *module,
                         uint16_t hook)
{
    struct hs_etl_payload *payload = &state->payload;
    uint32_t pid = module_pid (state, module);

    payload->n = 0;
    hs_etl_put_u64 (payload, module->base);
    hs_etl_put_u64 (payload, module->size);
    hs_etl_put_u32 (payload, pid);
    hs_etl_put_u32 (payload, module->checksum);
    hs_etl_put_u32 (payload, module->link_stamp);
    hs_etl_put_u32 (payload, 0);
    hs_etl_put_u64 (payload, module->base);
    hs_etl_put_zeros (payload, 16);
    hs_etl_put_utf16 (payload, text_of (module->path), MAX_PATH_BYTES);
    system_from_payload (state, hook, IMAGE_VERSION, pid, HS_ETL_NONE);
}

static void write_image_id (struct hs_etl_state *state, const struct hs_etl_module *module,
                            uint8_t opcode)
{
    struct hs_etl_payload *payload = &state->payload;
    uint32_t pid = module_pid (state, module);
    struct hs_text name = base_name (text_of (module->path));
    uint8_t *at;

    payload->n = 0;
    hs_etl_put_u64 (payload, module->base);
    if (opcode == IMAGE_ID_INFO) {
        hs_etl_put_u64 (payload, module->size);
        hs_etl_put_u32 (payload, pid);
        hs_etl_put_u32 (payload, module->link_stamp);
        hs_etl_put_utf16 (payload, name, MAX_PATH_BYTES);
    } else {
        hs_etl_put_u32 (payload, pid);
        hs_etl_put_bytes (payload, module->build_id, 16); /* shorter ids are zero-padded */
        hs_etl_put_u32 (payload, module->pdb_age);
        hs_etl_put_ansi (payload, module->debug_name != NULL ? text_of (module->debug_name) : name,
                         MAX_PATH_BYTES);
    }
    at = hs_etl_full_record (&state->writer, image_id_guid, opcode, pid, payload->n);
    memcpy (at, payload->bytes, payload->n);
    count_cut (state);
}

static void write_identity (struct hs_etl_state *state, const struct hs_etl_module *module)
{
    if (module->build_id_size > 0)
        write_image_id (state, module, IMAGE_ID_RSDS);
    write_image_id (state, module, IMAGE_ID_INFO);
    if (module->build_id_size == 0 || module->build_id_size == 16)
        return;
    state->payload.n = 0;
    hs_etl_put_u32 (&state->payload, module_pid (state, module));
    hs_etl_put_u64 (&state->payload, module->base);
    hs_etl_put_u8 (&state->payload, module->build_id_size);
    hs_etl_put_bytes (&state->payload, module->build_id, module->build_id_size);
    hs_etl_own_event (state, HS_OWN_MODULE, module_pid (state, module), HS_ETL_NONE);
}

/* What the event knows goes into the table; what it leaves open stays. */
static void learn_module (struct hs_etl_state *state, struct hs_etl_module *module,
                          const struct hs_module_fields *fields)
{
    keep_text (state, &module->path, fields->path);
    keep_text (state, &module->debug_name, fields->debug_name);
    if (fields->size != 0)
        module->size = fields->size;
    if (fields->link_stamp != 0)
        module->link_stamp = fields->link_stamp;
    if (fields->checksum != 0)
        module->checksum = fields->checksum;
    if (fields->build_id_size > 0 && fields->build_id_size <= sizeof module->build_id) {
        memset (module->build_id, 0, sizeof module->build_id);
        memcpy (module->build_id, fields->build_id, fields->build_id_size);
        module->build_id_size = fields->build_id_size;
        module->pdb_age = fields->pdb_age;
    }
}

/* Another image at the address of one that has gone shares nothing with it. */
static void forget_module (struct hs_etl_module *module)
{
    hs_free (module->path);
    hs_free (module->debug_name);
    *module = (struct hs_etl_module){ .process = module->process, .base = module->base };
}

void hs_etl_module_event (struct hs_etl_state *state, const struct hs_event *event)
{
    const struct hs_module_fields *fields = event->module;
    struct hs_etl_module *module = module_of (state, event->process, fields->base);

    if (module == NULL)
        return;
    hs_etl_set_time (state, event->time);
    switch (fields->op) {
    case HS_MODULE_LOAD:
    case HS_MODULE_RUNDOWN_START:
        if (!module->is_loaded) {
            forget_module (module);
            state->report.n_modules++;
        }
        learn_module (state, module, fields);
        module->is_loaded = true;
        write_image (state, module, fields->op == HS_MODULE_LOAD ? IMAGE_LOAD : IMAGE_DC_START);
        write_identity (state, module);
        break;
    case HS_MODULE_UNLOAD:
        learn_module (state, module, fields);
        module->is_loaded = false;
        write_image (state, module, IMAGE_UNLOAD);
        break;
    case HS_MODULE_RUNDOWN_END:
        /* waits for the closing rundown, where everything that is loaded comes */
        if (!module->is_loaded) {
            forget_module (module);
            state->report.n_modules++;
        }
        learn_module (state, module, fields);
        module->is_loaded = true;
        break;
    case HS_MODULE_IDENTITY:
        learn_module (state, module, fields);
        write_identity (state, module);
        break;
    }
}

void hs_etl_closing_rundown (struct hs_etl_state *state)
{
    for (size_t i = 0; i < state->processes.n; i++) {
        const struct hs_etl_process *process = &state->processes.items[i];

        if (process->is_described && !process->has_ended)
            write_process (state, (hs_process_id)i, PROCESS_DC_END);
    }
    for (size_t i = 0; i < state->threads.n; i++) {
        const struct hs_etl_thread *thread = &state->threads.items[i];

        if (!thread->has_ended && thread->process < state->processes.n &&
            !state->processes.items[thread->process].has_ended)
            write_thread (state, thread, THREAD_DC_END);
    }
    for (size_t i = 0; i < state->modules.n; i++) {
        const struct hs_etl_module *module = &state->modules.items[i];

        if (module->is_loaded && (module->process >= state->processes.n ||
                                  !state->processes.items[module->process].has_ended))
            write_image (state, module, IMAGE_DC_END);
    }
}

void hs_etl_world_clear (struct hs_etl_state *state)
{
    for (size_t i = 0; i < state->processes.n; i++) {
        hs_free (state->processes.items[i].image);
        hs_free (state->processes.items[i].command_line);
    }
    for (size_t i = 0; i < state->modules.n; i++)
        forget_module (&state->modules.items[i]);
    hs_array_clear (&state->processes);
    hs_array_clear (&state->threads);
    hs_array_clear (&state->modules);
    hs_idmap_clear (&state->thread_index);
    hs_idmap_clear (&state->module_index);
}
