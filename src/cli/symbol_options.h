/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How names of functions are looked for: the options of a call for src/symbols. */
#ifndef HS_CLI_SYMBOL_OPTIONS_H
#define HS_CLI_SYMBOL_OPTIONS_H

#include "cli/options.h"
#include "symbols/symbolizer.h"

/* Lends the texts of `call`. */
struct hs_symbolizer_options cli_symbolizer_options (const struct cli_call *call);

#endif
