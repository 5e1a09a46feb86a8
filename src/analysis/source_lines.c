/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums by file and line; see source_lines.h. */
#include "analysis/source_lines.h"

#include "analysis/frame_labels.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct row {
    uint32_t file, line; /* file: number in the labels' locations */
    uint32_t seen_in;    /* 1 + the last stack that it was counted for */
    struct hs_sums sums;
};

struct build {
    struct hs_frame_labels labels;
    struct hs_label_path path;
    uint64_t path_key; /* of the file whose lines are wanted; 0 = files */
    HS_ARRAY (struct row) rows;
    struct hs_idmap index;   /* file or line -> rows */
    struct hs_idmap is_file; /* file -> 1 when it is the wanted one, 2 when not */
};

uint64_t hs_source_path_key (const char *path)
{
    uint64_t hash = UINT64_C (0xcbf29ce484222325);

    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * UINT64_C (0x100000001b3);
    return hash != 0 ? hash : 1;
}

/* Whether lines of the file are wanted; *is_out_of_memory may become true. */
static bool is_wanted (struct build *build, uint32_t file, bool *is_out_of_memory)
{
    uint32_t known = hs_idmap_get (&build->is_file, file);

    if (known == HS_IDMAP_NONE) {
        const char *path = hs_intern_text (&build->labels.locations, file);

        known = hs_source_path_key (path) == build->path_key ? 1 : 2;
        *is_out_of_memory |= !hs_idmap_set (&build->is_file, file, known);
    }
    return known == 1;
}

static bool add_place (struct build *build, const struct hs_label_place *place,
                       const struct hs_stack_sum *stack, uint32_t number)
{
    uint32_t key = build->path_key == 0 ? place->file : place->line;
    uint32_t at = hs_idmap_get (&build->index, key);

    if (at == HS_IDMAP_NONE) {
        at = (uint32_t)build->rows.n;
        if (!hs_array_reserve (&build->rows, 1) || !hs_idmap_set (&build->index, key, at))
            return false;
        build->rows.items[build->rows.n++] = (struct row){
            .file = place->file,
            .line = build->path_key == 0 ? 0 : place->line,
        };
    }
    if (build->rows.items[at].seen_in != number + 1) {
        build->rows.items[at].seen_in = number + 1;
        hs_sums_add (&build->rows.items[at].sums, &stack->sums);
    }
    return true;
}

static bool add_stack (struct build *build, const struct hs_stack_sum *stack, uint32_t number)
{
    bool is_out_of_memory = false;

    if (!hs_frame_labels_path (&build->labels, stack, false, &build->path))
        return false;
    for (size_t i = 0; i < build->path.places.n; i++) {
        const struct hs_label_place *place = &build->path.places.items[i];

        if (place->file == 0 || (build->path_key != 0 && place->line == 0) ||
            (build->path_key != 0 && !is_wanted (build, place->file, &is_out_of_memory)))
            continue;
        if (!add_place (build, place, stack, number))
            return false;
    }
    return !is_out_of_memory;
}

static int compare_lines (const void *a, const void *b)
{
    const struct hs_source_row *left = a, *right = b;
    uint64_t left_bytes = hs_sums_outstanding_bytes (&left->sums);
    uint64_t right_bytes = hs_sums_outstanding_bytes (&right->sums);

    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    if (left_bytes == right_bytes) {
        left_bytes = hs_sums_opened_bytes (&left->sums);
        right_bytes = hs_sums_opened_bytes (&right->sums);
    }
    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    return strcmp (left->path, right->path);
}

static struct hs_source_rows *lay_out (const struct build *build)
{
    size_t n = build->rows.n, n_texts = 0;
    struct hs_source_rows *rows;
    char *texts;

    for (size_t i = 0; i < n; i++)
        n_texts +=
            strlen (hs_intern_text (&build->labels.locations, build->rows.items[i].file)) + 1;
    rows = hs_alloc_zeroed (1, sizeof *rows + n * sizeof rows->rows[0] + n_texts);
    if (rows == NULL)
        return NULL;
    texts = (char *)(rows->rows + n);
    for (size_t i = 0; i < n; i++) {
        const struct row *from = &build->rows.items[i];
        const char *path = hs_intern_text (&build->labels.locations, from->file);

        rows->rows[i] = (struct hs_source_row){ texts, from->line, from->sums };
        memcpy (texts, path, strlen (path) + 1);
        texts += strlen (path) + 1;
    }
    rows->n = (uint32_t)n;
    if (n > 0)
        qsort (rows->rows, n, sizeof rows->rows[0], compare_lines);
    return rows;
}

static enum hs_status add_all (struct build *build, const struct hs_stack_sums *sums,
                               const struct hs_cancel *cancel)
{
    for (uint32_t i = 0; i < sums->n; i++) {
        if ((i & 1023) == 0 && hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        if (!add_stack (build, &sums->stacks[i], i))
            return HS_NO_MEMORY;
    }
    return HS_OK;
}

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              uint64_t path_key, const struct hs_cancel *cancel,
                              struct hs_source_rows **ret, struct hs_error *err)
{
    struct build build = { .path_key = path_key };
    struct hs_source_rows *rows = NULL;
    struct hs_stack_sums *sums;
    enum hs_status status = hs_stack_sums (snapshot, filter, cancel, &sums, err);

    if (status != HS_OK)
        return status;
    hs_stack_sums_keep_classes (sums, filter->classes);
    status = hs_frame_labels_init (&build.labels, snapshot, sums, err);
    if (status == HS_OK)
        status = add_all (&build, sums, cancel);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK) {
        rows = lay_out (&build);
        status = rows != NULL ? HS_OK : HS_NO_MEMORY;
    }
    if (rows != NULL) {
        rows->total = sums->total;
        *ret = rows;
    }
    hs_frame_labels_clear (&build.labels);
    hs_label_path_clear (&build.path);
    hs_array_clear (&build.rows);
    hs_idmap_clear (&build.index);
    hs_idmap_clear (&build.is_file);
    hs_stack_sums_free (sums);
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

enum hs_status hs_source_files (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                const struct hs_cancel *cancel, struct hs_source_rows **ret,
                                struct hs_error *err)
{
    return answer (snapshot, filter, 0, cancel, ret, err);
}

enum hs_status hs_source_lines (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                uint64_t path_key, const struct hs_cancel *cancel,
                                struct hs_source_rows **ret, struct hs_error *err)
{
    return answer (snapshot, filter, path_key, cancel, ret, err);
}

void hs_source_rows_free (struct hs_source_rows *rows)
{
    hs_free (rows);
}
