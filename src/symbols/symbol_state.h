/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of the search for a module's names; shared by the symbolizer and its worker. */
#ifndef HS_SYMBOLS_SYMBOL_STATE_H
#define HS_SYMBOLS_SYMBOL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define HS_BUILD_ID_MAX 64u /* bytes; 20 is usual */

enum hs_symbol_state {
    HS_SYMBOLS_WAITING,     /* asked for, no answer yet */
    HS_SYMBOLS_DOWNLOADING, /* a server is being asked */
    HS_SYMBOLS_LINES,       /* functions, source lines, inlined functions */
    HS_SYMBOLS_FUNCTIONS,   /* all functions, no lines */
    HS_SYMBOLS_EXPORTS,     /* exported functions only */
    HS_SYMBOLS_NONE,        /* the right file, without any name */
    HS_SYMBOLS_NO_FILE,
    HS_SYMBOLS_MISMATCH, /* there is a file, but of another build */
    HS_SYMBOLS_FAILED,   /* damaged file, or the reader ran out of time or memory */
    HS_N_SYMBOL_STATES,
};

/* Whether addresses of the module can be asked for. */
static inline bool hs_symbol_state_has_names (enum hs_symbol_state state)
{
    return state == HS_SYMBOLS_LINES || state == HS_SYMBOLS_FUNCTIONS ||
           state == HS_SYMBOLS_EXPORTS;
}

#endif
