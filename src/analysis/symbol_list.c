/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules of all processes as images; see symbol_list.h. */
#include "analysis/symbol_list.h"

#include "analysis/module_shares.h"
#include "base/array.h"
#include "base/memory.h"
#include "base/text.h"
#include "trace/images.h"

#include <stdlib.h>
#include <string.h>

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

const char *hs_symbol_state_name (enum hs_symbol_state state)
{
    return states[state].name;
}

const char *hs_symbol_state_title (enum hs_symbol_state state)
{
    return states[state].text;
}

struct collection {
    const struct hs_tables *tables;
    const struct hs_module_shares *shares;
    HS_ARRAY (struct hs_symbol_row) rows;
    struct hs_idmap index; /* hash of an identity -> rows */
};

static uint64_t hash_of (const struct hs_image_identity *identity)
{
    uint64_t hash = hs_hash_u64 ((uint64_t)(uintptr_t)identity->path + identity->id_size);

    for (uint32_t i = 0; i < identity->id_size; i++)
        hash = (hash ^ identity->id[i]) * UINT64_C (0x100000001b3);
    return hash;
}

/* Paths are strings of the trace: equal when they are the same pointer. */
static bool is_row_of (const struct hs_symbol_row *row, const struct hs_image_identity *identity)
{
    return row->path == identity->path && row->wanted_id_size == identity->id_size &&
           memcmp (row->wanted_id, identity->id, identity->id_size) == 0;
}

static struct hs_symbol_row new_row (const struct hs_tables *tables,
                                     const struct hs_module_info *module,
                                     const struct hs_image_identity *identity)
{
    uint32_t number = hs_tables_image_of (tables, module);
    struct hs_symbol_row row = { .path = identity->path,
                                 .detail = "",
                                 .wanted_id_size = identity->id_size,
                                 .is_windows = identity->is_windows,
                                 .image = number };

    memcpy (row.wanted_id, identity->id, identity->id_size);
    if (number != HS_NO_IMAGE) {
        const struct hs_image *image = &tables->images.items[number];

        row.is_looked_for = true;
        row.state = (enum hs_symbol_state)image->state;
        row.detail = hs_intern_text (&tables->strings, image->detail);
        row.found_id_size = image->found_id_size;
        memcpy (row.found_id, image->found_id, image->found_id_size);
    }
    return row;
}

static bool add_module (struct collection *collection, uint32_t number)
{
    const struct hs_module_info *module = &collection->tables->modules.items[number];
    struct hs_image_identity identity = hs_tables_identify (collection->tables, module);
    const struct hs_module_share *share = &collection->shares->shares[number];
    uint64_t hash = hash_of (&identity);
    struct hs_symbol_row *row;
    uint32_t at;

    while ((at = hs_idmap_get (&collection->index, hash)) != HS_IDMAP_NONE &&
           !is_row_of (&collection->rows.items[at], &identity))
        hash++;
    if (at == HS_IDMAP_NONE) {
        at = (uint32_t)collection->rows.n;
        if (!hs_array_reserve (&collection->rows, 1) ||
            !hs_idmap_set (&collection->index, hash, at))
            return false;
        collection->rows.items[collection->rows.n++] =
            new_row (collection->tables, module, &identity);
    }
    row = &collection->rows.items[at];
    row->n_frames += share->n_frames;
    row->n_named += share->n_named;
    row->hidden_bytes += share->hidden_bytes;
    row->hidden_count += share->hidden_count;
    return true;
}

static int compare_rows (const void *a, const void *b)
{
    const struct hs_symbol_row *left = a, *right = b;

    if (left->hidden_bytes != right->hidden_bytes)
        return left->hidden_bytes > right->hidden_bytes ? -1 : 1;
    if (left->hidden_count != right->hidden_count)
        return left->hidden_count > right->hidden_count ? -1 : 1;
    if (left->n_frames != right->n_frames)
        return left->n_frames > right->n_frames ? -1 : 1;
    return strcmp (left->path, right->path);
}

static const char *copy_text (char **at, const char *text)
{
    size_t n = strlen (text) + 1;
    const char *copy = memcpy (*at, text, n);

    *at += n;
    return copy;
}

/* Rows and their texts in one block. */
static struct hs_symbol_list *pack (struct collection *collection)
{
    size_t n = collection->rows.n, n_texts = 0;
    struct hs_symbol_list *list;
    char *texts;

    for (size_t i = 0; i < n; i++)
        n_texts +=
            strlen (collection->rows.items[i].path) + strlen (collection->rows.items[i].detail) + 2;
    list = hs_alloc_zeroed (1, sizeof *list + n * sizeof *list->rows + n_texts);
    if (list == NULL)
        return NULL;
    list->n = (uint32_t)n;
    list->rows = (struct hs_symbol_row *)(list + 1);
    texts = (char *)(list->rows + n);
    list->total_bytes = hs_sums_outstanding_bytes (&collection->shares->total);
    for (size_t i = 0; i < n; i++) {
        struct hs_symbol_row *row = &list->rows[i];

        *row = collection->rows.items[i];
        row->path = copy_text (&texts, row->path);
        row->detail = copy_text (&texts, row->detail);
        list->n_with_frames += row->n_frames > 0;
        list->n_with_names += row->n_frames > 0 && row->n_named > 0;
    }
    if (n > 0)
        qsort (list->rows, n, sizeof *list->rows, compare_rows);
    return list;
}

enum hs_status hs_symbol_list (const struct hs_snapshot *snapshot, const struct hs_cancel *cancel,
                               struct hs_symbol_list **ret, struct hs_error *err)
{
    struct hs_module_shares *shares;
    enum hs_status status = hs_module_shares (snapshot, cancel, &shares, err);
    struct collection collection = { 0 };
    struct hs_symbol_list *list;
    bool is_done = true;

    if (status != HS_OK)
        return status;
    collection.shares = shares;
    collection.tables = hs_trace_lock (snapshot->trace);
    for (uint32_t i = 0; i < shares->n && is_done; i++)
        is_done = add_module (&collection, i);
    list = is_done ? pack (&collection) : NULL;
    hs_trace_unlock (snapshot->trace);
    hs_array_clear (&collection.rows);
    hs_idmap_clear (&collection.index);
    hs_module_shares_free (shares);
    if (list == NULL)
        return hs_error_no_memory (err);
    *ret = list;
    return HS_OK;
}

void hs_symbol_list_free (struct hs_symbol_list *list)
{
    hs_free (list);
}
