/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON of what several commands print: sums by life time, and seconds. */
#ifndef HS_CLI_SUMS_JSON_H
#define HS_CLI_SUMS_JSON_H

#include "analysis/stack_sums.h"
#include "cli/commands.h"
#include "cli/json_out.h"

/* The fields of CLI_SUMS_FIELDS, into the object that is open. */
void json_sums (struct json_out *json, const struct hs_sums *sums);

/* Seconds since the trace's zero. */
void json_seconds (struct json_out *json, const char *key, const struct hs_snapshot *snapshot,
                   int64_t ticks);

/* Rows of a command's table of fields: sums by life time. */
#define CLI_CLASS_FIELDS(prefix)                                                                   \
    { prefix "aifi_bytes, aifi_count", "integer", "bytes, blocks",                                 \
      N_ ("allocated and freed inside the range") },                                               \
        { prefix "aifo_bytes, aifo_count", "integer", "bytes, blocks",                             \
          N_ ("allocated inside, not freed inside") },                                             \
        { prefix "aofi_bytes, aofi_count", "integer", "bytes, blocks",                             \
          N_ ("allocated before, freed inside") },                                                 \
        { prefix "aofo_bytes, aofo_count", "integer", "bytes, blocks",                             \
          N_ ("allocated before, not freed inside") },                                             \
        { prefix "total_bytes, total_count", "integer", "bytes, blocks",                           \
          N_ ("allocated inside: aifi + aifo") },                                                  \
    {                                                                                              \
        prefix "outstanding_bytes, outstanding_count", "integer", "bytes, blocks",                 \
            N_ ("not freed at the end of the range: aifo + aofo")                                  \
    }

/* The same, with what json_sums adds. */
#define CLI_SUMS_FIELDS(prefix)                                                                    \
    CLI_CLASS_FIELDS (prefix),                                                                     \
        { prefix "peak_bytes, peak_count", "integer", "bytes, blocks",                             \
          N_ ("live at the peak of the process, or of all") },                                     \
        { prefix "temporary", "integer", "blocks",                                                 \
          N_ ("freed before anything else happened, inside the range") },                          \
    {                                                                                              \
        prefix "unsure_bytes, unsure_count", "integer", "bytes, blocks",                           \
            N_ ("of outstanding: older than a gap in the recording, perhaps freed in it")          \
    }

#endif
