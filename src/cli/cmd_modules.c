/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata modules`: programs and libraries, where they lay, and how to find their symbols. */
#include "analysis/module_shares.h"
#include "analysis/symbol_list.h"
#include "base/units.h"
#include "cli/find_names.h"
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "cli/sums_json.h"
#include "cli/text_table.h"
#include "trace/images.h"

#include <glib/gi18n.h>
#include <inttypes.h>

struct context {
    const struct hs_snapshot *snapshot;
    const struct hs_tables *tables;
    const struct hs_module_shares *shares;
};

static void build_id_text (const uint8_t *build_id, unsigned size, char text[41])
{
    text[0] = '\0';
    for (unsigned i = 0; i < size; i++)
        (void)g_snprintf (text + 2 * i, 3, "%02x", build_id[i]);
}

/* NULL: names were not looked for. */
static const struct hs_image *image_of (const struct context *context,
                                        const struct hs_module_info *module)
{
    uint32_t image = hs_tables_image_of (context->tables, module);

    return image != HS_NO_IMAGE ? &context->tables->images.items[image] : NULL;
}

static const struct hs_module_share *share_of (const struct context *context,
                                               const struct hs_module_info *module)
{
    static const struct hs_module_share none;
    size_t number = (size_t)(module - context->tables->modules.items);

    return number < context->shares->n ? &context->shares->shares[number] : &none;
}

static void put_names (struct json_out *json, const struct context *context,
                       const struct hs_module_info *module)
{
    const struct hs_module_share *share = share_of (context, module);
    const struct hs_image *image = image_of (context, module);
    char build_id[41];

    if (image != NULL) {
        build_id_text (image->found_id, image->found_id_size, build_id);
        json_string (json, "symbols", hs_symbol_state_name ((enum hs_symbol_state)image->state));
        json_string (json, "symbols_detail",
                     hs_intern_text (&context->tables->strings, image->detail));
        json_string (json, "found_build_id", build_id);
    } else {
        json_null (json, "symbols");
        json_string (json, "symbols_detail", "");
        json_string (json, "found_build_id", "");
    }
    json_uint (json, "frames", share->n_frames);
    json_uint (json, "named_frames", share->n_named);
    json_uint (json, "hidden_bytes", share->hidden_bytes);
    json_uint (json, "hidden_count", share->hidden_count);
}

static void add_names (struct text_table *table, const struct context *context,
                       const struct hs_module_info *module)
{
    const struct hs_module_share *share = share_of (context, module);
    const struct hs_image *image = image_of (context, module);
    uint64_t all = hs_sums_outstanding_bytes (&context->shares->total);
    char text[HS_UNITS_TEXT_SIZE];

    text_table_count (table, share->n_frames - share->n_named);
    if (share->hidden_bytes > 0)
        text_table_printf (table, "%s (%.1f %%)", hs_format_bytes (share->hidden_bytes, text),
                           100.0 * (double)share->hidden_bytes / (double)all);
    else
        text_table_add (table, "-");
    if (image == NULL)
        text_table_add (table, "-");
    else if (image->state == HS_SYMBOLS_MISMATCH && module->build_id_size == 0)
        text_table_add (table, _ ("no build id recorded")); /* any file might be another build */
    else if (image->state == HS_SYMBOLS_MISMATCH && image->found_id_size >= 4)
        text_table_printf (table, "%s (%02x%02x%02x%02x…)", _ ("other build"), image->found_id[0],
                           image->found_id[1], image->found_id[2], image->found_id[3]);
    else
        text_table_add (table, _ (hs_symbol_state_title ((enum hs_symbol_state)image->state)));
}

/* Names of a file of which nothing says that it is the one that ran. */
static bool has_unsure_names (const struct context *context, const struct hs_module_info *module)
{
    const struct hs_image *image = image_of (context, module);

    return module->build_id_size == 0 && image != NULL && image->found_id_size > 0 &&
           hs_symbol_state_has_names ((enum hs_symbol_state)image->state);
}

static void put_module (struct json_out *json, const struct context *context,
                        const struct hs_module_info *module)
{
    const struct hs_intern *strings = &context->tables->strings;
    char build_id[2 * sizeof module->build_id + 1];

    build_id_text (module->build_id, module->build_id_size, build_id);
    json_begin_object (json, NULL, JSON_COMPACT);
    if (module->process != HS_NO_PROCESS) {
        json_uint (json, "process", module->process);
        json_uint (json, "pid", context->tables->processes.items[module->process].pid);
    } else {
        json_null (json, "process");
        json_null (json, "pid");
    }
    json_hex (json, "base", module->base);
    json_uint (json, "size", module->size);
    json_string (json, "path", hs_intern_text (strings, module->path));
    if (module->load != INT64_MIN)
        json_seconds (json, "load", context->snapshot, module->load);
    else
        json_null (json, "load");
    if (module->unload != INT64_MAX)
        json_seconds (json, "unload", context->snapshot, module->unload);
    else
        json_null (json, "unload");
    json_string (json, "debug_name", hs_intern_text (strings, module->debug_name));
    json_string (json, "build_id", build_id);
    json_uint (json, "pdb_age", module->pdb_age);
    json_uint (json, "link_stamp", module->link_stamp);
    json_uint (json, "checksum", module->checksum);
    put_names (json, context, module);
    json_end_object (json);
}

static void add_module (struct text_table *table, const struct context *context,
                        const struct hs_module_info *module)
{
    const struct hs_intern *strings = &context->tables->strings;
    char build_id[2 * sizeof module->build_id + 1];

    build_id_text (module->build_id, module->build_id_size, build_id);
    if (module->process != HS_NO_PROCESS)
        text_table_printf (table, "%u:%u", context->tables->processes.items[module->process].pid,
                           context->tables->processes.items[module->process].instance);
    else
        text_table_add (table, _ ("kernel"));
    text_table_printf (table, "0x%" PRIx64, module->base);
    text_table_count (table, module->size);
    if (module->load != INT64_MIN)
        text_table_printf (table, "%.6f s", hs_snapshot_seconds (context->snapshot, module->load));
    else
        text_table_add (table, "-");
    if (module->unload != INT64_MAX)
        text_table_printf (table, "%.6f s",
                           hs_snapshot_seconds (context->snapshot, module->unload));
    else
        text_table_add (table, "-");
    add_names (table, context, module);
    text_table_add (table, has_unsure_names (context, module) ? _ ("unknown") : build_id);
    text_table_add (table, hs_intern_text (strings, module->path));
}

static void print_all (const struct context *context, const struct cli_call *call,
                       hs_process_id process)
{
    const char *const headings[] = {
        _ ("Process"), _ ("Base"),    _ ("Size"),     _ ("Load"), _ ("Unload"), _ ("Unnamed"),
        _ ("Hidden"),  _ ("Symbols"), _ ("Build id"), _ ("Path"), NULL,
    };
    struct text_table *table = text_table_new ("rrrrrrrlll", headings);
    struct json_out json = json_begin (stdout);
    guint n = 0, limit = cli_limit (call, G_MAXUINT);

    if (call->json) {
        json_begin_object (&json, NULL, JSON_LINES);
        json_begin_array (&json, "modules", JSON_LINES);
    }
    for (size_t i = 0; i < context->tables->modules.n && n < limit; i++) {
        const struct hs_module_info *module = &context->tables->modules.items[i];

        if (process != HS_NO_PROCESS && module->process != process)
            continue;
        n++;
        if (call->json)
            put_module (&json, context, module);
        else
            add_module (table, context, module);
    }
    if (call->json) {
        json_end_array (&json);
        json_end_object (&json);
        json_end (&json);
    } else {
        text_table_print (table, stdout, 0);
    }
    text_table_free (table);
}

static int run (const struct cli_call *call)
{
    hs_process_id process = HS_NO_PROCESS;
    struct hs_module_shares *shares = NULL;
    struct hs_error err = { 0 };
    struct open_trace open;
    int status = CLI_BAD_USAGE;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (call->process == NULL || cli_find_process (open.trace, call->process, &process)) {
        cli_find_names (&open, call);
        if (hs_module_shares (&open.snapshot, NULL, &shares, &err) != HS_OK) {
            status = cli_query_failed (call, &err);
        } else {
            print_all (&(struct context){ &open.snapshot, hs_trace_lock (open.trace), shares },
                       call, process);
            hs_trace_unlock (open.trace);
            status = open_trace_status (&open);
        }
    }
    hs_module_shares_free (shares);
    open_trace_clear (&open);
    return status;
}

static const struct cli_json_field fields[] = {
    { "modules[].process", "integer or null", "", N_ ("id of the process; null: kernel") },
    { "modules[].pid", "integer or null", "", N_ ("its pid") },
    { "modules[].base", "string", "", N_ ("address where it begins, hexadecimal") },
    { "modules[].size", "integer", "bytes", N_ ("of its range of addresses") },
    { "modules[].path", "string", "", N_ ("the file") },
    { "modules[].load, unload", "number or null", "s", N_ ("null: not seen in the trace") },
    { "modules[].debug_name", "string", "", N_ ("name of the PDB") },
    { "modules[].build_id", "string", "", N_ ("PDB GUID as stored, or ELF build id; hexadecimal") },
    { "modules[].pdb_age", "integer", "", N_ ("with the GUID the key of the PDB") },
    { "modules[].link_stamp, checksum", "integer", "", N_ ("of the program file; 0 when unknown") },
    { "modules[].symbols", "string or null", "",
      N_ ("lines, functions, exports, none, no-file, mismatch or failed; null: not looked for") },
    { "modules[].symbols_detail", "string", "", N_ ("the file with symbols, or what is wrong") },
    { "modules[].found_build_id", "string", "", N_ ("of the file that was found") },
    { "modules[].frames, named_frames", "integer", "", N_ ("return addresses in it") },
    { "modules[].hidden_bytes, hidden_count", "integer", "bytes, blocks",
      N_ ("outstanding, of stacks with a frame of it that has no name") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_modules = {
    .name = "modules",
    .arguments = N_ ("FILE…"),
    .summary = N_ ("List programs and libraries"),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_LIMIT | CLI_OPTION_PROCESS | CLI_OPTION_SYMBOLS,
    .json_fields = fields,
    .run = run,
};
