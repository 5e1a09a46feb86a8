/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options and words about symbols; see symbol_options.h. */
#include "cli/symbol_options.h"

#include <glib/gi18n.h>

struct hs_symbolizer_options cli_symbolizer_options (const struct cli_call *call)
{
    return (struct hs_symbolizer_options){
        .sysroot = call->sysroot,
        .folders = call->debug_path,
        .symbol_path = call->symbol_path,
        .may_download = !call->offline, /* from servers that the user named, if any */
    };
}

static const struct {
    const char *name, *text;
} states[HS_N_SYMBOL_STATES] = {
    [HS_SYMBOLS_WAITING] = { "waiting", N_ ("waiting") },
    [HS_SYMBOLS_DOWNLOADING] = { "downloading", N_ ("downloading") },
    [HS_SYMBOLS_LINES] = { "lines", N_ ("functions and lines") },
    [HS_SYMBOLS_FUNCTIONS] = { "functions", N_ ("functions") },
    [HS_SYMBOLS_EXPORTS] = { "exports", N_ ("exported functions") },
    [HS_SYMBOLS_NONE] = { "none", N_ ("no symbols") },
    [HS_SYMBOLS_NO_FILE] = { "no-file", N_ ("no file") },
    [HS_SYMBOLS_MISMATCH] = { "mismatch", N_ ("other build") },
    [HS_SYMBOLS_FAILED] = { "failed", N_ ("failed") },
};

const char *cli_symbol_state_text (enum hs_symbol_state state)
{
    return _ (states[state].text);
}

const char *cli_symbol_state_name (enum hs_symbol_state state)
{
    return states[state].name;
}
