/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory by place in the sources: the files that call stacks lead through, and the lines of one
 * file. A stack counts for every file and line on it, but once for each however often it comes
 * back there (inlined functions are places of their own). Frames without a known line count
 * nowhere.
 */
#ifndef HS_ANALYSIS_SOURCE_LINES_H
#define HS_ANALYSIS_SOURCE_LINES_H

#include "analysis/stack_sums.h"

struct hs_source_row {
    const char *path; /* as the compiler wrote it; in the same block */
    uint32_t line;    /* 0 in a list of files */
    struct hs_sums sums;
};

struct hs_source_rows {
    struct hs_sums total; /* of all stacks of the filter */
    uint32_t n;
    struct hs_source_row rows[]; /* files: most outstanding bytes first; lines: by number */
};

/* What stands for a path in hs_source_lines(). Never 0. */
uint64_t hs_source_path_key (const char *path);

/* Any thread. Free with hs_source_rows_free. */
enum hs_status hs_source_files (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                const struct hs_cancel *cancel, struct hs_source_rows **ret,
                                struct hs_error *err);
enum hs_status hs_source_lines (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                uint64_t path_key, const struct hs_cancel *cancel,
                                struct hs_source_rows **ret, struct hs_error *err);
void hs_source_rows_free (struct hs_source_rows *rows); /* NULL is allowed */

#endif
