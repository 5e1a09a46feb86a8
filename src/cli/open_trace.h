/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the files of a call into a trace, and says what went wrong. Program side: prints. */
#ifndef HS_CLI_OPEN_TRACE_H
#define HS_CLI_OPEN_TRACE_H

#include "cli/commands.h"
#include "trace/trace.h"

struct open_trace {
    struct hs_trace *trace;
    struct hs_snapshot snapshot;
    const char *format; /* "etl" */
    bool is_damaged;    /* something of the input is missing: the exit status is CLI_BAD_INPUT */
};

/* Opens the files as one trace and reads them to their end. FALSE: nothing could be read, and
 * stderr says why. */
bool open_trace_load (struct open_trace *open, const struct cli_call *call);
void open_trace_clear (struct open_trace *open);

/* CLI_DONE, or CLI_BAD_INPUT for a trace with damage. */
int open_trace_status (const struct open_trace *open);

/* "heapstrata: FILE: sentence" to stderr; the sentence may name the file already. */
void cli_print_error (const char *file, const struct hs_error *err);

/* Whether notes of this kind mean that data of the file is missing from the answers. */
bool cli_note_hides_data (enum hs_note_kind kind);

/* Answers that failed: prints the error and returns the exit status. */
int cli_query_failed (const struct cli_call *call, const struct hs_error *err);

#endif
