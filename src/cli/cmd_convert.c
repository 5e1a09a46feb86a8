/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `heapstrata convert`: any trace to ETL or to our own stream, straight from the decoder to the
 * encoder, so that memory does not grow with the number of events. Says what was written, what the
 * target cannot hold, and what to type next. An existing file is only overwritten when asked for,
 * an input never.
 */
#include "cli/commands.h"
#include "cli/json_out.h"
#include "cli/open_trace.h"
#include "base/units.h"
#include "decode/decoder.h"
#include "encode/encoder.h"
#include "load/closing_index.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

struct conversion {
    const char *output;
    const struct hs_encoder_class *class;
    struct hs_encode_report report;
    const char *format; /* of the input */
    uint64_t n_index_bytes;
    bool is_damaged;
};

static gboolean option_force, option_no_index;

/* Fewer are read in full faster than anybody sees. */
#define INDEX_FROM_EVENTS 500000u

static const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &option_force,
      N_ ("Overwrite the file if it is there already"), NULL },
    { "no-index", 0, 0, G_OPTION_ARG_NONE, &option_no_index,
      N_ ("Do not add the index with which a large .hst opens at once"), NULL },
    G_OPTION_ENTRY_NULL,
};

/* CLI_DONE when the output may be created. */
static int check_output (const struct cli_call *call, guint n_inputs, const char *output)
{
    struct stat out, in;

    if (stat (output, &out) != 0)
        return CLI_DONE;
    for (guint i = 0; i < n_inputs; i++)
        if (stat (call->files[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return cli_usage_error (_ ("“%s” is to be read and cannot be written; name another "
                                       "file as the last one"),
                                    output);
    if (!option_force)
        return cli_usage_error (_ ("“%s” exists already; --force overwrites it"), output);
    return CLI_DONE;
}

/* Decoder to encoder. An unreadable end still leaves a complete file of what was read. */
static int copy_events (struct conversion *conversion, struct hs_decoder *decoder,
                        const char *input)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_error err = { 0 }, write_err = { 0 };
    enum hs_status status, written;
    void *encoder;

    if (batch == NULL) {
        (void)hs_error_no_memory (&err);
        cli_print_error (conversion->output, &err);
        return CLI_BAD_INPUT;
    }
    written = conversion->class->open (conversion->output, &encoder, &write_err);
    if (written != HS_OK) {
        hs_batch_free (batch);
        cli_print_error (conversion->output, &write_err);
        return CLI_BAD_INPUT;
    }
    do {
        status = hs_decoder_next (decoder, batch, &err);
        for (uint32_t i = 0; i < batch->n; i++)
            if (batch->events[i].kind == HS_EVENT_NOTE)
                conversion->is_damaged |= cli_note_hides_data (batch->events[i].note->kind);
        if (batch->is_out_of_memory)
            status = hs_error_no_memory (&err);
        written = conversion->class->append (encoder, batch, &write_err);
    } while (status == HS_OK && written == HS_OK);
    if (written == HS_OK)
        written = conversion->class->finish (encoder, &conversion->report, &write_err);
    else
        conversion->class->abandon (encoder);
    hs_batch_free (batch);
    if (hs_status_is_error (status))
        cli_print_error (input, &err);
    if (written != HS_OK)
        cli_print_error (conversion->output, &write_err);
    return hs_status_is_error (status) || written != HS_OK ? CLI_BAD_INPUT : CLI_DONE;
}

/* The file is complete without. */
static void add_index (struct conversion *conversion)
{
    struct hs_error err = { 0 };
    enum hs_status status;

    if (option_no_index || conversion->class != &hs_hst_encoder ||
        conversion->report.n_block_events < INDEX_FROM_EVENTS)
        return;
    status = hs_closing_index_add (conversion->output, &conversion->n_index_bytes, &err);
    /* unsupported: it has more than an index holds */
    if (status != HS_OK && status != HS_UNSUPPORTED)
        cli_print_error (conversion->output, &err);
}

static char *next_command (const struct conversion *conversion)
{
    char *quoted = g_shell_quote (conversion->output);
    char *plain = strpbrk (conversion->output, " '\"\\$`&;|<>()*?[]#~!{}\n\t") == NULL &&
                          *conversion->output != '-'
                      ? g_strdup (conversion->output)
                      : g_strdup (quoted);
    char *command =
        g_strdup_printf ("heapstrata summary %s%s", *conversion->output == '-' ? "-- " : "", plain);

    g_free (quoted);
    g_free (plain);
    return command;
}

static void print_left_out (const struct hs_encode_report *report)
{
    char number[HS_UNITS_TEXT_SIZE];
    bool has_any = false;

    for (enum hs_left_out what = 0; what < HS_N_LEFT_OUT; what++) {
        if (report->left_out[what] == 0)
            continue;
        if (!has_any)
            (void)printf ("%s\n", _ ("Not said, or not as exactly:"));
        has_any = true;
        (void)printf ("  %12s  %s\n", hs_format_count (report->left_out[what], number),
                      _ (hs_left_out_text (what)));
    }
    if (!has_any)
        (void)printf ("%s\n", _ ("Nothing was left out."));
}

static void print_text (const struct conversion *conversion)
{
    const struct hs_encode_report *report = &conversion->report;
    const struct {
        const char *text;
        uint64_t count;
    } lines[] = {
        { N_ ("allocations, reallocations and frees"), report->n_block_events },
        { N_ ("call stacks"), report->n_stacks },
        { N_ ("frame names"), report->n_frame_names },
        { N_ ("processes"), report->n_processes },
        { N_ ("modules"), report->n_modules },
        { N_ ("records in all"), report->n_records },
    };
    char bytes[HS_UNITS_TEXT_SIZE], number[HS_UNITS_TEXT_SIZE];
    char *command = next_command (conversion);

    (void)printf (_ ("Written: %s (%s)\n"), conversion->output,
                  hs_format_bytes (report->n_bytes, bytes));
    for (size_t i = 0; i < G_N_ELEMENTS (lines); i++)
        (void)printf ("  %12s  %s\n", hs_format_count (lines[i].count, number), _ (lines[i].text));
    if (conversion->n_index_bytes > 0)
        (void)printf (_ ("Index at its end, to open at once: %s\n"),
                      hs_format_bytes (conversion->n_index_bytes, bytes));
    if (report->n_moved_times > 0)
        (void)printf (_ ("%s time stamps were moved by nanoseconds, so that those of one thread "
                         "differ.\n"),
                      hs_format_count (report->n_moved_times, number));
    if (report->has_invented_addresses)
        (void)printf ("%s\n", _ ("The input has no addresses; those in the file are invented, and "
                                 "the file says so."));
    print_left_out (report);
    (void)printf (_ ("Next: %s\n"), command);
    g_free (command);
}

static void print_json (const struct conversion *conversion)
{
    const struct hs_encode_report *report = &conversion->report;
    struct json_out json = json_begin (stdout);
    char *command = next_command (conversion);

    json_begin_object (&json, NULL, JSON_LINES);
    json_string (&json, "output", conversion->output);
    json_string (&json, "format", conversion->class->name);
    json_string (&json, "input_format", conversion->format);
    json_uint (&json, "bytes", report->n_bytes);
    json_uint (&json, "index_bytes", conversion->n_index_bytes);
    json_uint (&json, "buffers", report->n_buffers);
    json_uint (&json, "records", report->n_records);
    json_uint (&json, "block_events", report->n_block_events);
    json_uint (&json, "stacks", report->n_stacks);
    json_uint (&json, "frame_names", report->n_frame_names);
    json_uint (&json, "processes", report->n_processes);
    json_uint (&json, "modules", report->n_modules);
    json_uint (&json, "moved_times", report->n_moved_times);
    json_bool (&json, "invented_addresses", report->has_invented_addresses);
    json_begin_object (&json, "left_out", JSON_LINES);
    for (enum hs_left_out what = 0; what < HS_N_LEFT_OUT; what++)
        json_uint (&json, hs_left_out_name (what), report->left_out[what]);
    json_end_object (&json);
    json_bool (&json, "input_is_damaged", conversion->is_damaged);
    json_string (&json, "next", command);
    json_end_object (&json);
    json_end (&json);
    g_free (command);
}

static int run (const struct cli_call *call)
{
    struct conversion conversion = { 0 };
    struct hs_decoder *decoder;
    struct hs_error err = { 0 };
    guint n_inputs = call->n_files - 1;
    int status;

    if (n_inputs == 0)
        return cli_usage_error (_ ("name the files to read and then the file to write; see "
                                   "“heapstrata help convert”"));
    conversion.output = call->files[n_inputs];
    conversion.class = hs_encoder_for_path (conversion.output);
    if (conversion.class == NULL)
        return cli_usage_error (
            _ ("“%s” ends neither in .etl nor in .hst, the formats that can be written"),
            conversion.output);
    status = check_output (call, n_inputs, conversion.output);
    if (status != CLI_DONE)
        return status;
    if (hs_decoder_open ((const char *const *)call->files, n_inputs, HS_SOURCE_WHOLE, &decoder,
                         &err) != HS_OK) {
        cli_print_error (call->files[0], &err);
        return CLI_BAD_INPUT;
    }
    conversion.format = hs_decoder_format (decoder)->name;
    status = copy_events (&conversion, decoder, call->files[0]);
    hs_decoder_close (decoder);
    if (conversion.report.n_buffers == 0)
        return status;
    if (status == CLI_DONE)
        add_index (&conversion);
    if (call->json)
        print_json (&conversion);
    else
        print_text (&conversion);
    return status == CLI_DONE && conversion.is_damaged ? CLI_BAD_INPUT : status;
}

static const struct cli_json_field fields[] = {
    { "output", "string", "", N_ ("the file that was written") },
    { "format, input_format", "string", "", N_ ("names of the formats") },
    { "bytes, buffers, records", "integer", "", N_ ("size of the file") },
    { "index_bytes", "integer", "bytes", N_ ("of the index behind a large .hst; 0 = none") },
    { "block_events", "integer", "", N_ ("allocations, reallocations and frees that were given") },
    { "stacks, frame_names", "integer", "", N_ ("distinct call stacks; names of their frames") },
    { "processes, modules", "integer", "", N_ ("how many the trace names") },
    { "moved_times", "integer", "", N_ ("stamps moved by ns so that those of one thread differ") },
    { "invented_addresses", "boolean", "",
      N_ ("the input has no addresses; they only pair events") },
    { "left_out.…", "integer", "", N_ ("what could not be said, or not as exactly") },
    { "input_is_damaged", "boolean", "", N_ ("data of the input was missing") },
    { "next", "string", "", N_ ("a command that opens the file") },
    { NULL, NULL, NULL, NULL },
};

const struct cli_command cli_command_convert = {
    .name = "convert",
    .arguments = N_ ("FILE… OUT"),
    .summary = N_ ("Write a trace as ETL or as a packed stream"),
    .description =
        N_ ("OUT.etl: genuine ETL for Windows' tools and for us. Heap, stack, process and image\n"
            "records as Windows writes them, and what those cannot say (names of frames, marks,\n"
            "resident memory) as events of a provider of our own, which other readers skip.\n"
            "OUT.hst: everything that is known, in a few bytes an event."),
    .shared_options = CLI_OPTION_JSON,
    .options = entries,
    .json_fields = fields,
    .run = run,
};
