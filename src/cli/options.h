/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options that commands share, and what they mean for a trace: --json, --limit, and the filter
 * (--from, --to, --process, --type, and the terms of analysis/filter_words.h).
 */
#ifndef HS_CLI_OPTIONS_H
#define HS_CLI_OPTIONS_H

#include "analysis/filter.h"

#include <glib.h>

enum cli_shared_options {
    CLI_OPTION_JSON = 1 << 0,
    CLI_OPTION_LIMIT = 1 << 1,
    CLI_OPTION_RANGE = 1 << 2,      /* --from --to */
    CLI_OPTION_PROCESS = 1 << 3,    /* --process */
    CLI_OPTION_BLOCKS = 1 << 4,     /* --thread --heap --size --lifetime --frames --module */
    CLI_OPTION_TYPE = 1 << 5,       /* --type */
    CLI_OPTION_SYMBOLS = 1 << 6,    /* --no-symbols --sysroot */
    CLI_OPTION_DEBUG_PATH = 1 << 7, /* --debug-path --symbol-path --offline */
};

/* What a command is called with. */
struct cli_call {
    char **files; /* at least one; ends with NULL */
    guint n_files;
    gboolean json;
    gint limit; /* rows to print: -1 = not given, 0 = all */
    /* as typed; NULL = not given */
    char *from, *to, *process, *thread, *heap, *size, *lifetime, *frames, *module, *type;
    gboolean no_symbols;
    char *sysroot, *debug_path, *symbol_path;
    gboolean offline;
};

/* Adds the options of the mask (enum cli_shared_options) to the context, to be parsed into `call`.
 */
void cli_options_add (GOptionContext *context, unsigned mask, struct cli_call *call);
void cli_call_clear (struct cli_call *call);

/* The rows to print when the command's own idea is `preset`. UINT32_MAX = all. */
guint cli_limit (const struct cli_call *call, guint preset);

/* Makes a filter of the options. FALSE: a sentence about bad usage has been printed. */
gboolean cli_filter (const struct cli_call *call, const struct hs_snapshot *snapshot,
                     struct hs_filter *ret);

/* Finds the process meant by "PID", "PID:INSTANCE" or an image name. FALSE as above. */
gboolean cli_find_process (const struct hs_trace *trace, const char *text, hs_process_id *ret);

/* Prints "heapstrata: sentence" to stderr and returns CLI_BAD_USAGE. */
int cli_usage_error (const char *format, ...) G_GNUC_PRINTF (1, 2);

#endif
