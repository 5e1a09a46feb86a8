/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What describes the world of a trace: processes, threads, modules, names, facts, findings. */
#include "trace/gaps.h"
#include "trace/trace_private.h"

#include "base/limits.h"
#include "base/units.h"

#include <string.h>

static bool intern (struct hs_trace *trace, struct hs_text text, uint32_t *ret)
{
    uint32_t length = text.length < HS_LIMIT_STRING_BYTES ? text.length : HS_LIMIT_STRING_BYTES;

    return hs_intern_add (&trace->tables.strings, text.bytes, length, ret);
}

/* Replaces a string only by one that says something. */
static bool intern_if_any (struct hs_trace *trace, struct hs_text text, uint32_t *string)
{
    return text.length == 0 || intern (trace, text, string);
}

bool hs_trace_need_process (struct hs_trace *trace, hs_process_id process)
{
    struct hs_tables *tables = &trace->tables;

    if (process < trace->processes.n)
        return true;
    if (process > trace->processes.n + HS_BATCH_EVENTS) /* decoders number densely */
        return false;
    while (trace->processes.n <= process) {
        if (!hs_array_reserve (&tables->processes, 1) || !hs_array_reserve (&trace->processes, 1))
            return false;
        tables->processes.items[tables->processes.n++] = (struct hs_process_info){
            .exit_event = HS_NO_EVENT,
            .counters.peak_event = HS_NO_EVENT,
        };
        trace->processes.items[trace->processes.n++] = (struct hs_process_state){
            .first_heap = UINT32_MAX,
            .newest_row = HS_NO_ROW,
        };
    }
    return true;
}

static bool describe_process (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_process_fields *fields = event->process_info;
    struct hs_process_info *process;

    if (!hs_trace_need_process (trace, event->process))
        return false;
    process = &trace->tables.processes.items[event->process];
    if (!process->is_known) {
        uint32_t n = hs_idmap_get (&trace->pid_instances, fields->pid);

        process->is_known = true;
        process->pid = fields->pid;
        process->instance = n == HS_IDMAP_NONE ? 0 : n;
        if (!hs_idmap_set (&trace->pid_instances, fields->pid, process->instance + 1))
            return false;
    }
    if (fields->parent_pid != 0)
        process->parent_pid = fields->parent_pid;
    if (fields->has_start) {
        process->has_start = true;
        process->start = fields->start;
    }
    process->is_32bit |= fields->is_32bit;
    process->is_forked |= fields->is_forked;
    return intern_if_any (trace, fields->image, &process->image) &&
           intern_if_any (trace, fields->command_line, &process->command_line);
}

static uint64_t module_hash (hs_process_id process, uint64_t base)
{
    return hs_hash_u64 (base ^ (uint64_t)process << 40 ^ process);
}

/* The newest module of that process and base, or NULL. */
static struct hs_module_info *find_module (struct hs_trace *trace, hs_process_id process,
                                           uint64_t base)
{
    uint32_t index = hs_idmap_get (&trace->module_index, module_hash (process, base));
    struct hs_module_info *module;

    if (index == HS_IDMAP_NONE)
        return NULL;
    module = &trace->tables.modules.items[index];
    return module->process == process && module->base == base ? module : NULL;
}

static struct hs_module_info *add_module (struct hs_trace *trace, const struct hs_event *event)
{
    struct hs_tables *tables = &trace->tables;
    uint32_t index = (uint32_t)tables->modules.n;
    uint64_t hash = module_hash (event->process, event->module->base);

    if (!hs_array_reserve (&tables->modules, 1) ||
        !hs_idmap_set (&trace->module_index, hash, index))
        return NULL;
    tables->modules.n++;
    tables->modules.items[index] = (struct hs_module_info){
        .process = event->process,
        .base = event->module->base,
        .load = INT64_MIN,
        .unload = INT64_MAX,
    };
    if (event->process != HS_NO_PROCESS)
        tables->processes.items[event->process].n_modules++;
    return &tables->modules.items[index];
}

static bool refine_module (struct hs_trace *trace, struct hs_module_info *module,
                           const struct hs_module_fields *fields)
{
    if (fields->size > 0)
        module->size = fields->size;
    if (fields->build_id_size > 0 && fields->build_id_size <= sizeof module->build_id) {
        memcpy (module->build_id, fields->build_id, fields->build_id_size);
        module->build_id_size = fields->build_id_size;
        module->pdb_age = fields->pdb_age;
    }
    if (fields->link_stamp != 0)
        module->link_stamp = fields->link_stamp;
    if (fields->checksum != 0)
        module->checksum = fields->checksum;
    return intern_if_any (trace, fields->path, &module->path) &&
           intern_if_any (trace, fields->debug_name, &module->debug_name);
}

static bool describe_module (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_module_fields *fields = event->module;
    struct hs_module_info *module;
    bool is_over, is_placeholder;

    if (event->process != HS_NO_PROCESS && !hs_trace_need_process (trace, event->process))
        return false;
    trace->are_modules_dirty = true;
    module = find_module (trace, event->process, fields->base);
    is_placeholder = module != NULL && module->path == 0; /* only its identity came so far */
    is_over = module != NULL && module->unload != INT64_MAX;
    if (module == NULL || (is_over && fields->op == HS_MODULE_LOAD)) {
        module = add_module (trace, event);
        if (module == NULL)
            return false;
        is_placeholder = true;
    }
    switch (fields->op) {
    case HS_MODULE_LOAD:
        if (is_placeholder)
            module->load = event->time;
        break;
    case HS_MODULE_UNLOAD:
        module->unload = event->time;
        hs_stacks_leave (&trace->stacks, event->process, module->base,
                         hs_add_saturated (module->base, module->size));
        break;
    case HS_MODULE_RUNDOWN_END:
        if (is_placeholder)
            module->is_rundown_only = true;
        break;
    case HS_MODULE_RUNDOWN_START:
    case HS_MODULE_IDENTITY:
        break;
    }
    return refine_module (trace, module, fields);
}

static bool describe_thread (struct hs_trace *trace, const struct hs_event *event)
{
    struct hs_thread_info *thread;

    if (event->thread_info.name.length == 0)
        return true;
    if (!hs_array_reserve (&trace->tables.threads, 1))
        return false;
    thread = &trace->tables.threads.items[trace->tables.threads.n];
    *thread = (struct hs_thread_info){ .process = event->process, .thread = event->thread };
    if (!intern (trace, event->thread_info.name, &thread->name))
        return false;
    trace->tables.threads.n++;
    return true;
}

static bool name_frame (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_frame_fields *fields = event->frame;
    struct hs_tables *tables = &trace->tables;
    uint64_t key = hs_tables_frame_key (event->process, fields->address);
    uint32_t index = (uint32_t)tables->frame_names.n;
    struct hs_frame_name *name;

    if (fields->inline_depth > 0 &&
        (index == 0 || trace->newest_frame_key != key)) /* its inner frame did not come */
        return true;
    if (!hs_array_reserve (&tables->frame_names, 1))
        return false;
    name = &tables->frame_names.items[index];
    *name = (struct hs_frame_name){ .line = fields->line, .next = UINT32_MAX };
    if (!intern (trace, fields->function, &name->function) ||
        !intern (trace, fields->file, &name->file) ||
        !intern (trace, fields->module, &name->module))
        return false;
    if (fields->inline_depth > 0)
        tables->frame_names.items[trace->newest_frame_name].next = index;
    else if (!hs_idmap_set (&tables->frame_index, key, index))
        return false;
    tables->frame_names.n++;
    trace->newest_frame_name = index;
    trace->newest_frame_key = key;
    return true;
}

/* Newest value of a name in a list of facts. */
static bool set_fact (struct hs_trace *trace, const struct hs_event *event, bool is_count)
{
    const struct hs_fact_fields *fields = event->fact;
    struct hs_tables *tables = &trace->tables;
    struct hs_idmap *index = is_count ? &trace->count_index : &trace->fact_index;
    struct hs_fact fact = { .type = fields->type, .number = fields->number };
    struct hs_fact *place;
    uint32_t at;

    if (!intern (trace, fields->name, &fact.name) || !intern (trace, fields->text, &fact.text))
        return false;
    at = hs_idmap_get (index, fact.name);
    if (at == HS_IDMAP_NONE) {
        at = (uint32_t)(is_count ? tables->counts.n : tables->facts.n);
        if (is_count ? !hs_array_reserve (&tables->counts, 1)
                     : !hs_array_reserve (&tables->facts, 1))
            return false;
        if (!hs_idmap_set (index, fact.name, at))
            return false;
        if (is_count)
            tables->counts.n++;
        else
            tables->facts.n++;
    }
    place = is_count ? &tables->counts.items[at] : &tables->facts.items[at];
    *place = fact;
    return true;
}

bool hs_trace_add_finding (struct hs_trace *trace, enum hs_note_kind kind, uint64_t count,
                           uint64_t file_offset, struct hs_text example)
{
    struct hs_tables *tables = &trace->tables;
    struct hs_finding finding = { .kind = kind, .count = count, .file_offset = file_offset };

    for (size_t i = 0; i < tables->findings.n; i++) {
        if (tables->findings.items[i].kind == kind) {
            tables->findings.items[i].count += count;
            return true;
        }
    }
    if (!hs_array_reserve (&tables->findings, 1) || !intern (trace, example, &finding.example))
        return false;
    tables->findings.items[tables->findings.n++] = finding;
    return true;
}

static bool add_mark (struct hs_trace *trace, const struct hs_event *event)
{
    struct hs_mark mark = { .time = event->time };

    if (!hs_array_reserve (&trace->tables.marks, 1) || !intern (trace, event->text, &mark.name))
        return false;
    trace->tables.marks.items[trace->tables.marks.n++] = mark;
    return true;
}

static bool add_sample (struct hs_trace *trace, const struct hs_event *event)
{
    if (!hs_array_reserve (&trace->tables.samples, 1))
        return false;
    trace->tables.samples.items[trace->tables.samples.n++] =
        (struct hs_sample){ event->time, event->process, event->number };
    return true;
}

static bool add_suppression (struct hs_trace *trace, const struct hs_event *event)
{
    uint32_t string;

    if (!hs_array_reserve (&trace->tables.suppressions, 1) || !intern (trace, event->text, &string))
        return false;
    trace->tables.suppressions.items[trace->tables.suppressions.n++] = string;
    return true;
}

static void set_clock (struct hs_trace *trace, const struct hs_clock_fields *clock)
{
    if (clock->ticks_per_second > 0)
        trace->tables.ticks_per_second = clock->ticks_per_second;
    trace->tables.zero_filetime = clock->zero_filetime;
}

bool hs_trace_describe (struct hs_trace *trace, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_CLOCK:
        set_clock (trace, &event->clock);
        return true;
    case HS_EVENT_PROCESS:
        return describe_process (trace, event);
    case HS_EVENT_THREAD:
        return describe_thread (trace, event);
    case HS_EVENT_MODULE:
        return describe_module (trace, event);
    case HS_EVENT_FRAME_NAME:
        return name_frame (trace, event);
    case HS_EVENT_SUPPRESSION:
        return add_suppression (trace, event);
    case HS_EVENT_MARK:
        return add_mark (trace, event);
    case HS_EVENT_MEMORY_SAMPLE:
        return add_sample (trace, event);
    case HS_EVENT_FACT:
        return set_fact (trace, event, false);
    case HS_EVENT_COUNT:
        return set_fact (trace, event, true);
    case HS_EVENT_NOTE:
        return hs_trace_add_finding (trace, event->note->kind, event->note->count,
                                     event->note->file_offset, event->note->text);
    case HS_EVENT_GAP:
        return hs_trace_add_gap (trace, event);
    case HS_EVENT_LOST:
        trace->tables.lost_events += event->number;
        return true;
    case HS_EVENT_NONE:
    case HS_EVENT_HEAP_NAME:
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
    case HS_EVENT_STACK:
    case HS_EVENT_STACK_LINK:
    case HS_EVENT_RESET:
    case HS_N_EVENT_KINDS:
        break;
    }
    return true;
}
