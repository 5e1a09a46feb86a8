/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared options; see options.h. */
#include "cli/options.h"

#include "analysis/filter_words.h"
#include "cli/commands.h"
#include "base/units.h"

#include <glib/gi18n.h>
#include <string.h>

static void add_group (GOptionContext *context, gboolean is_wanted, const GOptionEntry *entries)
{
    if (is_wanted)
        g_option_context_add_main_entries (context, entries, NULL);
}

static void add_symbol_options (GOptionContext *context, unsigned mask, struct cli_call *call)
{
    const GOptionEntry symbols[] = {
        { "no-symbols", 0, 0, G_OPTION_ARG_NONE, &call->no_symbols,
          N_ ("Do not look for names of functions"), NULL },
        { "sysroot", 0, 0, G_OPTION_ARG_FILENAME, &call->sysroot,
          N_ ("Programs, libraries and /usr/lib/debug are below this folder"), N_ ("FOLDER") },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry places[] = {
        { "debug-path", 0, 0, G_OPTION_ARG_FILENAME, &call->debug_path,
          N_ ("More folders with debug files, separated by colons"), N_ ("FOLDERS") },
        { "symbol-path", 0, 0, G_OPTION_ARG_STRING, &call->symbol_path,
          N_ ("Where PDB files are, as in _NT_SYMBOL_PATH: folder;srv*cache*https://server"),
          N_ ("PATH") },
        { "offline", 0, 0, G_OPTION_ARG_NONE, &call->offline,
          N_ ("Ask no server for symbols, only folders and caches"), NULL },
        G_OPTION_ENTRY_NULL,
    };

    add_group (context, mask & CLI_OPTION_SYMBOLS, symbols);
    add_group (context, mask & (CLI_OPTION_SYMBOLS | CLI_OPTION_DEBUG_PATH), places);
}

void cli_options_add (GOptionContext *context, unsigned mask, struct cli_call *call)
{
    const GOptionEntry json[] = {
        { "json", 0, 0, G_OPTION_ARG_NONE, &call->json, N_ ("Print JSON instead of text"), NULL },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry limit[] = {
        { "limit", 0, 0, G_OPTION_ARG_INT, &call->limit, N_ ("At most so many rows; 0 = all"),
          N_ ("N") },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry range[] = {
        { "from", 0, 0, G_OPTION_ARG_STRING, &call->from,
          N_ ("Begin of the time range (seconds, or with a unit: 200ms, 30us)"), N_ ("TIME") },
        { "to", 0, 0, G_OPTION_ARG_STRING, &call->to, N_ ("End of the time range"), N_ ("TIME") },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry process[] = {
        { "process", 0, 0, G_OPTION_ARG_STRING, &call->process,
          N_ ("Only this process: PID, PID:INSTANCE or image name"), N_ ("PROCESS") },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry blocks[] = {
        { "thread", 0, 0, G_OPTION_ARG_STRING, &call->thread,
          N_ ("Only blocks allocated by this thread"), N_ ("TID") },
        { "heap", 0, 0, G_OPTION_ARG_STRING, &call->heap, N_ ("Only blocks of this heap"),
          N_ ("HANDLE") },
        { "size", 0, 0, G_OPTION_ARG_STRING, &call->size,
          N_ ("Only blocks of MIN to MAX bytes (64, 4k, 1MiB); either may be left out"),
          N_ ("MIN..MAX") },
        { "lifetime", 0, 0, G_OPTION_ARG_STRING, &call->lifetime,
          N_ ("Only blocks that lived MIN to MAX (<10ms, 10ms..1s, 1s..: freed late or not at "
              "all)"),
          N_ ("MIN..MAX") },
        { "frames", 0, 0, G_OPTION_ARG_STRING, &call->frames,
          N_ ("Only blocks allocated below a function or module whose name has TEXT in it"),
          N_ ("TEXT") },
        { "module", 0, 0, G_OPTION_ARG_STRING, &call->module,
          N_ ("Only blocks allocated below a function of a module whose name has TEXT in it"),
          N_ ("TEXT") },
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry type[] = {
        { "type", 0, 0, G_OPTION_ARG_STRING, &call->type,
          N_ ("Only these life times: AIFI, AIFO, AOFI, AOFO, separated by commas"), N_ ("TYPES") },
        G_OPTION_ENTRY_NULL,
    };
    call->limit = -1;
    add_group (context, mask & CLI_OPTION_JSON, json);
    add_group (context, mask & CLI_OPTION_LIMIT, limit);
    add_group (context, mask & CLI_OPTION_RANGE, range);
    add_group (context, mask & CLI_OPTION_PROCESS, process);
    add_group (context, mask & CLI_OPTION_BLOCKS, blocks);
    add_group (context, mask & CLI_OPTION_TYPE, type);
    add_symbol_options (context, mask, call);
}

void cli_call_clear (struct cli_call *call)
{
    g_free (call->from);
    g_free (call->to);
    g_free (call->process);
    g_free (call->thread);
    g_free (call->heap);
    g_free (call->size);
    g_free (call->lifetime);
    g_free (call->frames);
    g_free (call->module);
    g_free (call->type);
    g_free (call->sysroot);
    g_free (call->debug_path);
    g_free (call->symbol_path);
    g_strfreev (call->files);
}

guint cli_limit (const struct cli_call *call, guint preset)
{
    if (call->limit < 0)
        return preset;
    return call->limit == 0 ? G_MAXUINT : (guint)call->limit;
}

int cli_usage_error (const char *format, ...)
{
    va_list args;
    char *sentence;

    va_start (args, format);
    sentence = g_strdup_vprintf (format, args);
    va_end (args);
    (void)fprintf (stderr, "heapstrata: %s\n", sentence);
    g_free (sentence);
    return CLI_BAD_USAGE;
}

static gboolean parse_time (const struct hs_snapshot *snapshot, const char *text, int64_t *ret)
{
    double seconds;

    if (!hs_parse_seconds (text, &seconds)) {
        (void)cli_usage_error (_ ("“%s” is no time; examples: 1.5, 200ms, 30us"), text);
        return FALSE;
    }
    *ret = hs_snapshot_ticks (snapshot, seconds);
    return TRUE;
}

/* The terms of the filter that are given. */
static gboolean parse_terms (const struct cli_call *call, struct hs_filter *filter)
{
    const struct {
        enum hs_filter_term term;
        const char *value;
    } given[] = {
        { HS_TERM_THREAD, call->thread }, { HS_TERM_HEAP, call->heap },
        { HS_TERM_SIZE, call->size },     { HS_TERM_LIFETIME, call->lifetime },
        { HS_TERM_FRAMES, call->frames }, { HS_TERM_MODULE, call->module },
    };

    for (guint i = 0; i < G_N_ELEMENTS (given); i++) {
        if (given[i].value == NULL || hs_filter_set_term (filter, given[i].term, given[i].value))
            continue;
        (void)cli_usage_error (_ (hs_filter_term_complaint (given[i].term)), given[i].value);
        return FALSE;
    }
    return TRUE;
}

static gboolean parse_types (const char *text, struct hs_filter *filter)
{
    static const char *const names[] = { "AIFI", "AIFO", "AOFI", "AOFO" };
    char **words = g_strsplit (text, ",", 0);
    gboolean is_right = *words != NULL;
    unsigned mask = 0;

    for (char **word = words; *word != NULL; word++) {
        guint i = 0;

        while (i < G_N_ELEMENTS (names) && g_ascii_strcasecmp (*word, names[i]) != 0)
            i++;
        is_right &= i < G_N_ELEMENTS (names);
        mask |= 1u << i;
    }
    g_strfreev (words);
    if (!is_right)
        (void)cli_usage_error (_ ("“%s” are no life times; known are AIFI, AIFO, AOFI, AOFO"),
                               text);
    filter->classes = (enum hs_class_mask)mask;
    return is_right;
}

static gboolean process_matches (const struct hs_tables *tables, hs_process_id process,
                                 const char *text)
{
    const struct hs_process_info *info = &tables->processes.items[process];
    char *with_instance = g_strdup_printf ("%u:%u", info->pid, info->instance);
    char *pid = g_strdup_printf ("%u", info->pid);
    gboolean matches =
        info->is_known &&
        (strcmp (text, with_instance) == 0 || strcmp (text, pid) == 0 ||
         g_ascii_strcasecmp (text, hs_intern_text (&tables->strings, info->image)) == 0);

    g_free (with_instance);
    g_free (pid);
    return matches;
}

gboolean cli_find_process (const struct hs_trace *trace, const char *text, hs_process_id *ret)
{
    GString *candidates = g_string_new (NULL);
    guint n = 0;
    const struct hs_tables *tables = hs_trace_lock (trace);

    for (size_t i = 0; i < tables->processes.n; i++) {
        const struct hs_process_info *info = &tables->processes.items[i];

        if (!process_matches (tables, (hs_process_id)i, text))
            continue;
        *ret = (hs_process_id)i;
        if (n++ < 20)
            g_string_append_printf (candidates, " %u:%u", info->pid, info->instance);
    }
    hs_trace_unlock (trace);
    if (n == 0)
        (void)cli_usage_error (_ ("there is no process “%s” in the trace"), text);
    else if (n > 1)
        (void)cli_usage_error (_ ("several processes are “%s”; name one of:%s"), text,
                               candidates->str);
    g_string_free (candidates, TRUE);
    return n == 1;
}

gboolean cli_filter (const struct cli_call *call, const struct hs_snapshot *snapshot,
                     struct hs_filter *ret)
{
    *ret = hs_filter_all ();
    ret->from = INT64_MIN;
    ret->to = INT64_MAX;
    ret->has_range = call->from != NULL || call->to != NULL;
    if (call->from != NULL && !parse_time (snapshot, call->from, &ret->from))
        return FALSE;
    if (call->to != NULL && !parse_time (snapshot, call->to, &ret->to))
        return FALSE;
    if (ret->from > ret->to) {
        (void)cli_usage_error (_ ("the time range ends before it begins"));
        return FALSE;
    }
    if (call->process != NULL && !cli_find_process (snapshot->trace, call->process, &ret->process))
        return FALSE;
    return parse_terms (call, ret) && (call->type == NULL || parse_types (call->type, ret));
}
