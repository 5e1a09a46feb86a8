/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata addr2line`: names for addresses of one program or library. */
#include "cli/commands.h"
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "cli/symbol_options.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

struct printing {
    struct json_out *json; /* NULL: text */
};

static void print_text (uint64_t offset, const struct hs_symbol_frame *frames, uint32_t n)
{
    if (n == 0)
        (void)printf ("0x%" PRIx64 ": ?? at ??:0\n", offset);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0)
            (void)printf ("0x%" PRIx64 ": ", offset);
        else
            (void)printf (" %s ", _ ("(inlined by)"));
        (void)printf ("%s at %s:%u\n", *frames[i].function != '\0' ? frames[i].function : "??",
                      *frames[i].file != '\0' ? frames[i].file : "??", frames[i].line);
    }
}

static void put_json (struct json_out *json, uint64_t offset, const struct hs_symbol_frame *frames,
                      uint32_t n)
{
    char address[32];

    (void)g_snprintf (address, sizeof address, "0x%" PRIx64, offset);
    json_begin_object (json, NULL, JSON_COMPACT);
    json_string (json, "address", address);
    json_begin_array (json, "frames", JSON_COMPACT);
    for (uint32_t i = 0; i < n; i++) {
        json_begin_object (json, NULL, JSON_COMPACT);
        json_string (json, "function", frames[i].function);
        json_string (json, "file", frames[i].file);
        json_uint (json, "line", frames[i].line);
        json_bool (json, "inlined", frames[i].is_inlined);
        json_end_object (json);
    }
    json_end_array (json);
    json_end_object (json);
}

static void on_names (void *data, uint32_t module, uint64_t offset,
                      const struct hs_symbol_frame *frames, uint32_t n)
{
    struct printing *printing = data;

    if (printing->json != NULL)
        put_json (printing->json, offset, frames, n);
    else
        print_text (offset, frames, n);
}

static gboolean add_address (GArray *addresses, const char *text)
{
    const char *digits =
        g_str_has_prefix (text, "0x") || g_str_has_prefix (text, "0X") ? text + 2 : text;
    guint64 address;

    if (!g_ascii_string_to_unsigned (digits, 16, 0, G_MAXUINT64, &address, NULL)) {
        (void)cli_usage_error (_ ("“%s” is no address; they are hexadecimal, as in 0x1a2b"), text);
        return FALSE;
    }
    g_array_append_val (addresses, address);
    return TRUE;
}

/* Words of standard input. */
static gboolean read_addresses (GArray *addresses)
{
    char word[64];

    while (scanf ("%63s", word) == 1) {
        if (!add_address (addresses, word))
            return FALSE;
    }
    return TRUE;
}

static gboolean get_addresses (const struct cli_call *call, GArray *addresses)
{
    if (call->n_files == 1)
        return read_addresses (addresses);
    for (guint i = 1; i < call->n_files; i++) {
        if (!add_address (addresses, call->files[i]))
            return FALSE;
    }
    return TRUE;
}

/* Answers in the order of asking; what cannot be read is said once, on stderr. */
static int answer (const struct cli_call *call, const GArray *addresses, struct printing *printing)
{
    struct hs_symbolizer_options options = cli_symbolizer_options (call);
    struct hs_symbolizer_sink sink = { .on_names = on_names, .data = printing };
    struct hs_symbolizer *symbolizer = hs_symbolizer_new (&options, &sink);
    struct hs_error err = { 0 };
    enum hs_status status = HS_OK;
    struct hs_symbol_module info;
    uint32_t module;

    if (symbolizer == NULL ||
        !hs_symbolizer_add_module (symbolizer, call->files[0], NULL, 0, HS_OFFSETS_ARE_ELF_OWN,
                                   &module) ||
        !hs_symbolizer_ask (symbolizer, module, (const uint64_t *)(const void *)addresses->data,
                            addresses->len)) {
        hs_symbolizer_free (symbolizer);
        (void)hs_error_no_memory (&err);
        return cli_query_failed (call, &err);
    }
    while (status == HS_OK || status == HS_AGAIN)
        status = hs_symbolizer_step (symbolizer, 1000, &err);
    info = hs_symbolizer_module (symbolizer, module);
    if (status == HS_END && !hs_symbol_state_has_names (info.state))
        (void)hs_error_set (&err, HS_IO, HS_NO_OFFSET, "%s",
                            info.state == HS_SYMBOLS_NONE ? _ ("there are no symbols in it")
                                                          : info.detail);
    if (err.status != HS_OK)
        cli_print_error (call->files[0], &err);
    hs_symbolizer_free (symbolizer);
    return err.status != HS_OK ? CLI_BAD_INPUT : CLI_DONE;
}

static int run (const struct cli_call *call)
{
    GArray *addresses = g_array_new (FALSE, FALSE, sizeof (uint64_t));
    struct json_out json = json_begin (stdout);
    struct printing printing = { .json = call->json ? &json : NULL };
    int status = CLI_BAD_USAGE;

    if (get_addresses (call, addresses)) {
        if (call->json) {
            json_begin_object (&json, NULL, JSON_LINES);
            json_begin_array (&json, "addresses", JSON_LINES);
        }
        status = answer (call, addresses, &printing);
        if (call->json) {
            json_end_array (&json);
            json_end_object (&json);
            json_end (&json);
        }
    }
    g_array_free (addresses, TRUE);
    return status;
}

static const struct cli_json_field fields[] = {
    { "addresses[].address", "string", "", N_ ("as asked for, hexadecimal") },
    { "addresses[].frames[]", "array", "", N_ ("innermost first; empty: there is no name for it") },
    { "addresses[].frames[].function", "string", "", N_ ("its name, demangled") },
    { "addresses[].frames[].file, line", "string, integer", "",
      N_ ("source; \"\" and 0: unknown") },
    { "addresses[].frames[].inlined", "boolean", "", N_ ("inlined into the next one") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_addr2line = {
    .name = "addr2line",
    .arguments = N_ ("FILE [ADDRESS…]"),
    .summary = N_ ("Name addresses of a program or library"),
    .description = N_ ("Addresses are those of the file itself, hexadecimal, and are looked up as "
                       "they are. Without\nany they are read from standard input. For each, the "
                       "function, its source line, and the\nfunctions it was inlined into are "
                       "printed. FILE is an ELF file, a PDB, or a Windows image\n(relative "
                       "addresses), whose PDB is looked for beside it and by _NT_SYMBOL_PATH."),
    .shared_options = CLI_OPTION_JSON | CLI_OPTION_DEBUG_PATH,
    .json_fields = fields,
    .run = run,
};
