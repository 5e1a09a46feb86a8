/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `heapstrata dump`: the events of a trace as text, straight from the decoder, one line each.
 *
 *     TIME KIND [NAME=VALUE]…
 *
 * The format is stable (golden tests and scripts read it) and described in the man page: time in
 * ticks or "-", numbers decimal, addresses and handles as 0x…, texts in quotes with C escapes.
 * Blocks are not paired here: that is the trace's work.
 */
#include "cli/commands.h"
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "decode/decoder.h"
#include "event/block_call.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* Writes the fields of one event, as text or as a JSON object on a line. */
struct dump {
    FILE *out;
    struct json_out json;
    gboolean is_json;
};

static void put_uint (struct dump *dump, const char *name, uint64_t value)
{
    if (dump->is_json)
        json_uint (&dump->json, name, value);
    else
        (void)fprintf (dump->out, " %s=%" PRIu64, name, value);
}

static void put_int (struct dump *dump, const char *name, int64_t value)
{
    if (dump->is_json)
        json_int (&dump->json, name, value);
    else
        (void)fprintf (dump->out, " %s=%" PRId64, name, value);
}

static void put_hex (struct dump *dump, const char *name, uint64_t value)
{
    if (dump->is_json)
        json_hex (&dump->json, name, value);
    else
        (void)fprintf (dump->out, " %s=0x%" PRIx64, name, value);
}

static void put_word (struct dump *dump, const char *name, const char *word)
{
    if (dump->is_json)
        json_string (&dump->json, name, word);
    else
        (void)fprintf (dump->out, " %s=%s", name, word);
}

static void put_flag (struct dump *dump, const char *name, bool is_set)
{
    if (is_set && dump->is_json)
        json_bool (&dump->json, name, true);
    else if (is_set)
        (void)fprintf (dump->out, " %s", name);
}

static void put_text (struct dump *dump, const char *name, const char *bytes, size_t length)
{
    if (dump->is_json) {
        json_string_n (&dump->json, name, bytes, length);
        return;
    }
    (void)fprintf (dump->out, " %s=\"", name);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '"' || c == '\\')
            (void)fprintf (dump->out, "\\%c", c);
        else if (c == '\n')
            (void)fputs ("\\n", dump->out);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf (dump->out, "\\x%02x", c);
        else
            (void)fputc (c, dump->out);
    }
    (void)fputc ('"', dump->out);
}

static void put_lent (struct dump *dump, const char *name, struct hs_text text)
{
    put_text (dump, name, text.bytes, text.length);
}

static void put_some (struct dump *dump, const char *name, struct hs_text text)
{
    if (text.length > 0)
        put_lent (dump, name, text);
}

static void put_call (struct dump *dump, const struct hs_event *event)
{
    unsigned power = event->call >> HS_CALL_ALIGNMENT_SHIFT;

    put_word (dump, "call",
              event->kind == HS_EVENT_FREE ? hs_block_end_name (event->call)
                                           : hs_block_call_name (event->call));
    if (power > 0)
        put_uint (dump, "alignment", UINT64_C (1) << power);
}

static void put_block (struct dump *dump, const struct hs_event *event)
{
    const struct hs_block_fields *block = &event->block;

    put_hex (dump, "heap", block->heap);
    put_hex (dump, "address", block->address);
    if (event->kind == HS_EVENT_FREE)
        return;
    put_uint (dump, "size", block->size);
    if (event->kind == HS_EVENT_REALLOC) {
        put_hex (dump, "old_address", block->old_address);
        put_uint (dump, "old_size", block->old_size);
    }
}

static void put_heap_range (struct dump *dump, const struct hs_heap_fields *heap)
{
    static const char *const words[] = { "rundown", "create", "reserve", "release", "destroy" };

    put_word (dump, "op", words[heap->op]);
    put_hex (dump, "heap", heap->heap);
    put_hex (dump, "address", heap->address);
    put_uint (dump, "size", heap->size);
}

static void put_virtual (struct dump *dump, const struct hs_virtual_fields *fields)
{
    static const char *const words[] = { "alloc", "free", "rotate", "rundown" };

    put_word (dump, "op", words[fields->op]);
    put_hex (dump, "address", fields->address);
    put_uint (dump, "size", fields->size);
    put_hex (dump, "flags", fields->flags);
}

static void put_pool (struct dump *dump, const struct hs_pool_fields *pool)
{
    put_word (dump, "op", pool->is_free ? "free" : "alloc");
    put_hex (dump, "address", pool->address);
    put_uint (dump, "size", pool->size);
    put_text (dump, "tag", pool->tag, sizeof pool->tag);
    put_flag (dump, "session", pool->is_session);
}

static void put_process (struct dump *dump, const struct hs_process_fields *process)
{
    put_uint (dump, "pid", process->pid);
    put_uint (dump, "parent", process->parent_pid);
    put_some (dump, "image", process->image);
    put_some (dump, "command_line", process->command_line);
    if (process->has_start)
        put_int (dump, "start", process->start);
    put_flag (dump, "32bit", process->is_32bit);
    put_flag (dump, "forked", process->is_forked);
}

static void put_module (struct dump *dump, const struct hs_module_fields *module)
{
    static const char *const words[] = { "load", "unload", "rundown-start", "rundown-end",
                                         "identity" };
    char id[2 * sizeof module->build_id + 1];

    put_word (dump, "op", words[module->op]);
    put_hex (dump, "base", module->base);
    put_uint (dump, "size", module->size);
    put_some (dump, "path", module->path);
    put_some (dump, "debug_name", module->debug_name);
    if (module->build_id_size > 0) {
        for (unsigned i = 0; i < module->build_id_size; i++)
            (void)snprintf (id + 2 * i, 3, "%02x", module->build_id[i]);
        put_word (dump, "build_id", id);
    }
    if (module->pdb_age != 0)
        put_uint (dump, "pdb_age", module->pdb_age);
    if (module->link_stamp != 0)
        put_hex (dump, "link_stamp", module->link_stamp);
    if (module->checksum != 0)
        put_hex (dump, "checksum", module->checksum);
}

static void put_frames (struct dump *dump, const struct hs_stack_fields *stack)
{
    put_uint (dump, "slot", stack->slot);
    if (dump->is_json) {
        json_begin_array (&dump->json, "frames", JSON_COMPACT);
        for (uint32_t i = 0; i < stack->n_frames; i++)
            json_hex (&dump->json, NULL, stack->frames[i]);
        json_end_array (&dump->json);
        return;
    }
    (void)fputs (" frames=", dump->out);
    for (uint32_t i = 0; i < stack->n_frames; i++)
        (void)fprintf (dump->out, "%s0x%" PRIx64, i > 0 ? "," : "", stack->frames[i]);
}

static void put_frame_name (struct dump *dump, const struct hs_frame_fields *frame)
{
    put_hex (dump, "address", frame->address);
    put_uint (dump, "inline_depth", frame->inline_depth);
    put_lent (dump, "function", frame->function);
    if (frame->file.length > 0) {
        put_lent (dump, "file", frame->file);
        put_uint (dump, "line", frame->line);
    }
    put_some (dump, "module", frame->module);
}

static void put_fact (struct dump *dump, const struct hs_fact_fields *fact, bool is_count)
{
    put_lent (dump, "name", fact->name);
    if (is_count)
        put_uint (dump, "value", fact->count);
    else if (fact->type == HS_FACT_TEXT)
        put_lent (dump, "value", fact->text);
    else if (fact->type == HS_FACT_UNSIGNED)
        put_uint (dump, "value", fact->count);
    else
        put_int (dump, "value", fact->number);
}

static void put_note (struct dump *dump, const struct hs_note_fields *note)
{
    put_word (dump, "note", hs_note_kind_name (note->kind));
    put_uint (dump, "count", note->count);
    if (note->file_offset != HS_NO_OFFSET)
        put_hex (dump, "offset", note->file_offset);
    put_lent (dump, "text", note->text);
}

static void put_fields (struct dump *dump, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_ALLOC:
    case HS_EVENT_FREE:
    case HS_EVENT_REALLOC:
        put_block (dump, event);
        break;
    case HS_EVENT_HEAP_CREATE:
    case HS_EVENT_HEAP_DESTROY:
    case HS_EVENT_HEAP_SEEN:
        put_hex (dump, "heap", event->heap.heap);
        break;
    case HS_EVENT_PROCESS_END:
        put_word (dump, "reason",
                  event->process_info->end_reason == HS_PROCESS_EXECED ? "exec" : "exit");
        put_int (dump, "exit_status", event->process_info->exit_status);
        break;
    case HS_EVENT_HEAP_RANGE:
        put_heap_range (dump, &event->heap);
        break;
    case HS_EVENT_VIRTUAL:
        put_virtual (dump, &event->virtual_memory);
        break;
    case HS_EVENT_POOL:
        put_pool (dump, &event->pool);
        break;
    case HS_EVENT_MEMORY_SAMPLE:
        put_uint (dump, "bytes", event->number);
        break;
    case HS_EVENT_CLOCK:
        put_uint (dump, "ticks_per_second", event->clock.ticks_per_second);
        put_int (dump, "zero_filetime", event->clock.zero_filetime);
        put_uint (dump, "resolution", event->clock.resolution_ticks);
        break;
    case HS_EVENT_PROCESS:
        put_process (dump, event->process_info);
        break;
    case HS_EVENT_THREAD:
        put_some (dump, "name", event->thread_info.name);
        put_flag (dump, "end", event->thread_info.is_end);
        break;
    case HS_EVENT_MODULE:
        put_module (dump, event->module);
        break;
    case HS_EVENT_STACK:
        put_frames (dump, &event->stack_info);
        break;
    case HS_EVENT_STACK_LINK:
        put_uint (dump, "to", event->stack_info.ref);
        put_uint (dump, "slot", event->stack_info.slot);
        break;
    case HS_EVENT_FRAME_NAME:
        put_frame_name (dump, event->frame);
        break;
    case HS_EVENT_HEAP_NAME:
        put_hex (dump, "heap", event->heap_name.heap);
        put_lent (dump, "name", event->heap_name.name);
        break;
    case HS_EVENT_SUPPRESSION:
    case HS_EVENT_MARK:
        put_lent (dump, "text", event->text);
        break;
    case HS_EVENT_FACT:
    case HS_EVENT_COUNT:
        put_fact (dump, event->fact, event->kind == HS_EVENT_COUNT);
        break;
    case HS_EVENT_NOTE:
        put_note (dump, event->note);
        break;
    case HS_EVENT_GAP:
        put_int (dump, "until", event->end_time);
        break;
    case HS_EVENT_LOST:
        put_uint (dump, "records", event->number);
        break;
    case HS_EVENT_RESET:
    case HS_EVENT_NONE:
    case HS_N_EVENT_KINDS:
        break;
    }
}

static bool has_time (enum hs_event_kind kind)
{
    return kind != HS_EVENT_CLOCK && kind != HS_EVENT_STACK && kind != HS_EVENT_STACK_LINK &&
           kind != HS_EVENT_FRAME_NAME && kind != HS_EVENT_SUPPRESSION && kind != HS_EVENT_FACT &&
           kind != HS_EVENT_COUNT && kind != HS_EVENT_NOTE;
}

static void put_head (struct dump *dump, const struct hs_event *event)
{
    enum hs_event_kind kind = (enum hs_event_kind)event->kind;

    if (dump->is_json) {
        if (has_time (kind))
            json_int (&dump->json, "time", event->time);
        else
            json_null (&dump->json, "time");
        json_string (&dump->json, "kind", hs_event_kind_name (kind));
    } else if (has_time (kind)) {
        (void)fprintf (dump->out, "%" PRId64 " %s", event->time, hs_event_kind_name (kind));
    } else {
        (void)fprintf (dump->out, "- %s", hs_event_kind_name (kind));
    }
    if (event->process != HS_NO_PROCESS)
        put_uint (dump, "process", event->process);
    if (event->thread != 0 && event->thread != UINT32_MAX)
        put_uint (dump, "thread", event->thread);
    if (event->source != 0)
        put_uint (dump, "source", event->source);
    if ((event->call & HS_CALL_MASK) != HS_CALL_UNKNOWN)
        put_call (dump, event);
    if (event->stack != HS_NO_STACK)
        put_uint (dump, "stack", event->stack);
    if (event->stack_ref != 0)
        put_uint (dump, "ref", event->stack_ref);
    put_flag (dump, "invented", event->flags & HS_EVENT_ADDRESS_INVENTED);
    put_flag (dump, "temporary", event->flags & HS_EVENT_COUNTS_TEMPORARY);
}

static void put_event (struct dump *dump, const struct hs_event *event)
{
    if (dump->is_json)
        json_begin_object (&dump->json, NULL, JSON_COMPACT);
    put_head (dump, event);
    put_fields (dump, event);
    if (dump->is_json) {
        json_end_object (&dump->json);
        json_end (&dump->json);
    } else {
        (void)fputc ('\n', dump->out);
    }
}

/* Event kinds to print, by name; FALSE when a name is none. */
static gboolean parse_kinds (const char *text, bool wanted[HS_N_EVENT_KINDS])
{
    char **words = text != NULL ? g_strsplit (text, ",", 0) : NULL;
    gboolean is_right = TRUE;

    for (int kind = 0; kind < HS_N_EVENT_KINDS; kind++)
        wanted[kind] = text == NULL;
    for (char **word = words; word != NULL && *word != NULL; word++) {
        int kind = 0;

        while (kind < HS_N_EVENT_KINDS &&
               strcmp (*word, hs_event_kind_name ((enum hs_event_kind)kind)) != 0)
            kind++;
        if (kind < HS_N_EVENT_KINDS)
            wanted[kind] = true;
        else
            is_right = FALSE;
    }
    g_strfreev (words);
    return is_right;
}

static char *option_kinds;

static const GOptionEntry entries[] = {
    { "kind", 0, 0, G_OPTION_ARG_STRING, &option_kinds,
      N_ ("Only events of these kinds, separated by commas"), N_ ("KINDS") },
    G_OPTION_ENTRY_NULL,
};

static int dump_all (struct dump *dump, struct hs_decoder *decoder, const struct cli_call *call,
                     const bool wanted[HS_N_EVENT_KINDS])
{
    struct hs_event_batch *batch = hs_batch_new ();
    uint64_t n_left =
        cli_limit (call, G_MAXUINT) == G_MAXUINT ? UINT64_MAX : cli_limit (call, G_MAXUINT);
    struct hs_error err = { 0 };
    enum hs_status status = batch != NULL ? HS_OK : hs_error_no_memory (&err);
    bool is_damaged = false;

    while (status == HS_OK && n_left > 0) {
        status = hs_decoder_next (decoder, batch, &err);
        for (uint32_t i = 0; i < batch->n; i++) {
            const struct hs_event *event = &batch->events[i];

            if (event->kind == HS_EVENT_NOTE)
                is_damaged |= cli_note_hides_data (event->note->kind);
            if (n_left > 0 && wanted[event->kind]) {
                put_event (dump, event);
                n_left--;
            }
        }
        if (batch->is_out_of_memory)
            status = hs_error_no_memory (&err);
    }
    hs_batch_free (batch);
    if (hs_status_is_error (status)) {
        (void)fflush (dump->out);
        cli_print_error (call->files[0], &err);
        return CLI_BAD_INPUT;
    }
    return is_damaged ? CLI_BAD_INPUT : CLI_DONE;
}

static int run (const struct cli_call *call)
{
    struct dump dump = { .out = stdout, .json = json_begin (stdout), .is_json = call->json };
    bool wanted[HS_N_EVENT_KINDS];
    struct hs_decoder *decoder;
    struct hs_error err = { 0 };
    int status;

    if (!parse_kinds (option_kinds, wanted))
        return cli_usage_error (_ ("“%s” are no kinds of events"), option_kinds);
    if (hs_decoder_open ((const char *const *)call->files, call->n_files, HS_SOURCE_WHOLE, &decoder,
                         &err) != HS_OK) {
        cli_print_error (call->files[0], &err);
        return CLI_BAD_INPUT;
    }
    status = dump_all (&dump, decoder, call, wanted);
    hs_decoder_close (decoder);
    return status;
}

static const char description[] = N_ (
    "Each line is TIME KIND [NAME=VALUE]…: the time in ticks since the trace's zero, or - where "
    "the\n"
    "event has none; the kind; then its fields, always in the same order, those without a value "
    "left\n"
    "out. Numbers are decimal, handles and addresses 0x…, texts in quotes with \\\", \\\\, \\n "
    "and\n"
    "\\xHH inside. The lines are those of the file's reader: blocks are not paired yet, and the "
    "same\n"
    "file always gives the same lines.\n"
    "\n"
    "All kinds: process (number of the instance), thread, source, stack (slot), ref, invented,\n"
    "temporary. Then by kind:\n"
    "  alloc         heap address size\n"
    "  free          heap address\n"
    "  realloc       heap address size old_address old_size\n"
    "  heap-create, heap-destroy, heap-seen\n"
    "                heap\n"
    "  process-end   reason exit_status\n"
    "  heap-range    op heap address size\n"
    "  virtual       op address size flags\n"
    "  pool          op address size tag [session]\n"
    "  memory-sample bytes\n"
    "  clock         ticks_per_second zero_filetime resolution\n"
    "  process       pid parent image command_line start [32bit]\n"
    "  thread        name [end]\n"
    "  module        op base size path debug_name build_id pdb_age link_stamp checksum\n"
    "  stack         slot frames (the allocating function first, separated by commas)\n"
    "  stack-link    to (the ref of an earlier event) slot\n"
    "  frame-name    address inline_depth function file line module\n"
    "  suppression, mark\n"
    "                text\n"
    "  fact, count   name value\n"
    "  note          note count offset text\n"
    "  gap           until\n"
    "  lost          records\n"
    "  reset\n"
    "\n"
    "With --json each line is a JSON object of the same fields.");

static const struct cli_json_field fields[] = {
    { "time", "integer or null", "ticks", N_ ("since the trace's zero; null: at no time") },
    { "kind", "string", "", N_ ("what happened: alloc, free, realloc, module …") },
    { "process", "integer", "", N_ ("number of the process instance, in order of appearance") },
    { "thread", "integer", "", N_ ("the system's thread id") },
    { "stack", "integer", "", N_ ("slot of the call stack, as defined by a stack event") },
    { "ref", "integer", "", N_ ("a later stack-link event names this event by it") },
    { "heap, address, base …", "string", "", N_ ("handles and addresses, hexadecimal") },
    { "size, old_size, bytes", "integer", "bytes", N_ ("sizes as the file says them") },
    { "frames[]", "string", "", N_ ("return addresses, the allocating function first") },
    { "…", "", "", N_ ("further fields by kind, named as in the text") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_dump = {
    .name = "dump",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("Print the events as text, one line each"),
    .description = description,
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_LIMIT,
    .options = entries,
    .json_fields = fields,
    .run = run,
};
