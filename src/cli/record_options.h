/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options that `record` and `attach` share, and what both derive from them. */
#ifndef HS_CLI_RECORD_OPTIONS_H
#define HS_CLI_RECORD_OPTIONS_H

#include "capture/recorder/recorder.h"

#include <glib.h>

/* As they were given; NULL = not. Written by GOption, read by the functions below. */
struct cli_record_choice {
    char *output, *duration, *max_size, *min_size, *circular;
    gint sample;
    gboolean free_stacks, with_index;
};

extern struct cli_record_choice cli_record_choice;

/* Lines of a table of GOptionEntry. */
#define CLI_RECORD_OPTIONS                                                                         \
    { "duration",                                                                                  \
      0,                                                                                           \
      0,                                                                                           \
      G_OPTION_ARG_STRING,                                                                         \
      &cli_record_choice.duration,                                                                 \
      N_ ("Stop recording after TIME (“10”, “500ms”, “2min”)"),                                    \
      N_ ("TIME") },                                                                               \
        { "max-size",                                                                              \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_STRING,                                                                     \
          &cli_record_choice.max_size,                                                             \
          N_ ("Stop recording when the file has SIZE (“500M”)"),                                   \
          N_ ("SIZE") },                                                                           \
        { "circular",                                                                              \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_STRING,                                                                     \
          &cli_record_choice.circular,                                                             \
          N_ ("Keep only the newest SIZE (“500M”) or TIME (“30s”) of the recording (.hst)"),       \
          N_ ("SIZE|TIME") },                                                                      \
        { "free-stacks",                                                                           \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_NONE,                                                                       \
          &cli_record_choice.free_stacks,                                                          \
          N_ ("Record call stacks of frees, too"),                                                 \
          NULL },                                                                                  \
        { "min-block",                                                                             \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_STRING,                                                                     \
          &cli_record_choice.min_size,                                                             \
          N_ ("Leave out blocks smaller than SIZE"),                                               \
          N_ ("SIZE") },                                                                           \
        { "sample",                                                                                \
          0,                                                                                       \
          0,                                                                                       \
          G_OPTION_ARG_INT,                                                                        \
          &cli_record_choice.sample,                                                               \
          N_ ("Record only one block in N, at a lower cost; the file says so"),                    \
          N_ ("N") },                                                                              \
    {                                                                                              \
        "index", 0, 0, G_OPTION_ARG_NONE, &cli_record_choice.with_index,                           \
            N_ ("Once the recording has ended, add the index with which the file opens at once"),  \
            NULL                                                                                   \
    }

/* FALSE after telling the user what makes no sense. `ret` lends the texts of the choice. */
gboolean cli_record_read_options (struct hs_record_options *ret);

/* The agent `name` in its folder, or NULL after telling that it is missing. To be freed. */
char *cli_record_agent (const char *name);

/* The file asked for, or "STEM.hst", "STEM.1.hst" … whichever is not there yet. To be freed. */
char *cli_record_file (const char *stem);

/* Tells what was recorded, adds the index where it was asked for, names the next command. */
void cli_record_finish (const char *file, const struct hs_record_totals *totals);

#endif
