/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names for the functions of a loaded trace, before it is printed. */
#ifndef HS_CLI_FIND_NAMES_H
#define HS_CLI_FIND_NAMES_H

#include "cli/open_trace.h"

/*
 * Takes the names of side files and looks up the rest, unless the call says --no-symbols. What
 * cannot be named keeps module and offset: that is no failure. The snapshot of `open` is renewed.
 */
void cli_find_names (struct open_trace *open, const struct cli_call *call);

#endif
