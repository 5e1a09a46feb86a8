/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options and words about symbols; see symbol_options.h. */
#include "cli/symbol_options.h"

struct hs_symbolizer_options cli_symbolizer_options (const struct cli_call *call)
{
    return (struct hs_symbolizer_options){
        .sysroot = call->sysroot,
        .folders = call->debug_path,
        .symbol_path = call->symbol_path,
        .may_download = !call->offline, /* from servers that the user named, if any */
    };
}
