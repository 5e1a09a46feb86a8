/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a relative address to the module that has it; see pdb.h. (Layout: LLVM's "PDB DBI Stream"
 * chapter and microsoft-pdb's dbi.h.)
 */
#include "symbols/pdb/pdb.h"

#include "base/array.h"
#include "symbols/pdb/codeview.h"
#include "symbols/pdb/pdb_ids.h"
#include "symbols/pdb/pdb_modules.h"
#include "symbols/pdb/undecorate.h"

#include <stdlib.h>
#include <string.h>

#define INFO_STREAM 1u
#define DBI_STREAM 3u
#define DBI_HEADER_BYTES 64u
#define DBI_VERSION_V70 19990903u
#define CONTRIBUTIONS_V1 (0xeffe0000u + 19970605u)
#define CONTRIBUTIONS_V2 (0xeffe0000u + 20140516u)
#define NAMES_MAGIC 0xeffeeffeu
#define NO_STREAM 0xffffu
#define NAME_BYTES 4096u
#define DEEPEST_INLINING 64u

enum { DEBUG_OMAP_TO_SOURCE = 3, DEBUG_SECTIONS = 5, DEBUG_SOURCE_SECTIONS = 10 };

struct section {
    uint32_t address, size;
};

struct contribution { /* a piece of code of one module */
    uint16_t section, module;
    uint32_t offset, size;
};

struct public_symbol {
    uint16_t section;
    uint32_t offset, record;
};

struct omap {
    uint32_t from, to;
};

struct hs_pdb {
    struct hs_msf msf;
    struct hs_pdb_identity identity;
    struct hs_pdb_ids ids;
    struct hs_pdb_modules modules;
    uint8_t *symbols; /* the stream of symbol records; NULL until publics are asked for */
    uint8_t *names;   /* the stream "/names" */
    struct hs_span name_bytes;
    uint32_t symbols_stream;
    bool has_publics;
    HS_ARRAY (struct section) sections;
    HS_ARRAY (struct contribution) contributions;
    HS_ARRAY (struct public_symbol) publics;
    HS_ARRAY (struct omap) omap; /* empty for most: address in the image -> as linked */
    char texts[DEEPEST_INLINING + 1][NAME_BYTES];
};

static int compare (uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static uint64_t key_of (uint16_t section, uint32_t offset)
{
    return (uint64_t)section << 32 | offset;
}

/* ---- opening ---------------------------------------------------------------------------- */

/* The named stream "/names" of the info stream: a hash table of (text offset, stream). */
static uint32_t find_names_stream (struct hs_span info)
{
    struct hs_reader reader = hs_reader_init (hs_span_part (info, 28, SIZE_MAX));
    uint32_t n_text = hs_reader_u32 (&reader), n_words;
    struct hs_span texts = hs_span_part (reader.rest, 0, n_text);

    (void)hs_reader_take (&reader, n_text);
    (void)hs_reader_take (&reader, 8);       /* size and capacity of the table */
    for (unsigned set = 0; set < 2; set++) { /* present and deleted entries, as bits */
        n_words = hs_reader_u32 (&reader);
        (void)hs_reader_take (&reader, 4 * (size_t)n_words);
    }
    while (reader.rest.size >= 8) {
        uint32_t text = hs_reader_u32 (&reader), stream = hs_reader_u32 (&reader);

        if (strcmp (hs_cv_text (texts, text), "/names") == 0)
            return stream;
    }
    return NO_STREAM;
}

static enum hs_status read_info (struct hs_pdb *pdb, struct hs_error *err)
{
    uint8_t *bytes;
    enum hs_status status = hs_msf_read (&pdb->msf, INFO_STREAM, &bytes, err);
    struct hs_span info = { bytes, hs_msf_stream_size (&pdb->msf, INFO_STREAM) };
    uint32_t stream;

    if (status != HS_OK)
        return status;
    if (info.size < 28) {
        hs_free (bytes);
        return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "the PDB says nothing of its identity");
    }
    pdb->identity.age = hs_get_u32 (info.data + 8);
    memcpy (pdb->identity.guid, info.data + 12, sizeof pdb->identity.guid);
    stream = find_names_stream (info);
    hs_free (bytes);
    status = hs_msf_read (&pdb->msf, stream, &pdb->names, err);
    if (status == HS_NO_MEMORY)
        return status;
    if (status == HS_OK && pdb->names != NULL) {
        struct hs_span names = { pdb->names, hs_msf_stream_size (&pdb->msf, stream) };

        if (hs_span_u32_at (names, 0) == NAMES_MAGIC)
            pdb->name_bytes = hs_span_part (names, 12, hs_span_u32_at (names, 8));
    }
    return HS_OK;
}

static int compare_contributions (const void *a, const void *b)
{
    const struct contribution *x = a, *y = b;

    return compare (key_of (x->section, x->offset), key_of (y->section, y->offset));
}

static bool read_contributions (struct hs_pdb *pdb, struct hs_span part)
{
    uint32_t version = hs_span_u32_at (part, 0);
    size_t size = version == CONTRIBUTIONS_V2 ? 32 : 28;

    if (version != CONTRIBUTIONS_V1 && version != CONTRIBUTIONS_V2)
        return true;
    for (size_t at = 4; hs_span_has (part, at, size); at += size) {
        struct contribution piece = { .section = hs_span_u16_at (part, at),
                                      .offset = hs_span_u32_at (part, at + 4),
                                      .size = hs_span_u32_at (part, at + 8),
                                      .module = hs_span_u16_at (part, at + 16) };

        if (!hs_array_reserve (&pdb->contributions, 1))
            return false;
        pdb->contributions.items[pdb->contributions.n++] = piece;
    }
    if (pdb->contributions.n > 0)
        qsort (pdb->contributions.items, pdb->contributions.n, sizeof *pdb->contributions.items,
               compare_contributions);
    return true;
}

static enum hs_status read_sections (struct hs_pdb *pdb, uint32_t stream, struct hs_error *err)
{
    uint8_t *bytes;
    enum hs_status status = hs_msf_read (&pdb->msf, stream, &bytes, err);
    struct hs_span part = { bytes, hs_msf_stream_size (&pdb->msf, stream) };

    if (status != HS_OK)
        return status;
    for (size_t at = 0; hs_span_has (part, at, 40); at += 40) { /* IMAGE_SECTION_HEADER */
        uint32_t virtual_size = hs_get_u32 (part.data + at + 8);
        uint32_t raw_size = hs_get_u32 (part.data + at + 16);

        if (!hs_array_reserve (&pdb->sections, 1)) {
            hs_free (bytes);
            return hs_error_no_memory (err);
        }
        pdb->sections.items[pdb->sections.n++] =
            (struct section){ hs_get_u32 (part.data + at + 12),
                              virtual_size > raw_size ? virtual_size : raw_size };
    }
    hs_free (bytes);
    return HS_OK;
}

static enum hs_status read_omap (struct hs_pdb *pdb, uint32_t stream, struct hs_error *err)
{
    uint8_t *bytes;
    enum hs_status status = hs_msf_read (&pdb->msf, stream, &bytes, err);
    size_t n = hs_msf_stream_size (&pdb->msf, stream) / 8;

    if (status != HS_OK || bytes == NULL)
        return status;
    if (!hs_array_reserve (&pdb->omap, n)) {
        hs_free (bytes);
        return hs_error_no_memory (err);
    }
    for (size_t i = 0; i < n; i++)
        pdb->omap.items[pdb->omap.n++] =
            (struct omap){ hs_get_u32 (bytes + 8 * i), hs_get_u32 (bytes + 8 * i + 4) };
    hs_free (bytes);
    return HS_OK;
}

/* The optional streams. An image that was rearranged after linking has a map to its addresses as
 * linked, and the sections of then. */
static enum hs_status read_debug_streams (struct hs_pdb *pdb, struct hs_span numbers,
                                          struct hs_error *err)
{
    uint16_t omap = hs_span_has (numbers, 2 * DEBUG_OMAP_TO_SOURCE, 2)
                        ? hs_span_u16_at (numbers, 2 * DEBUG_OMAP_TO_SOURCE)
                        : NO_STREAM;
    uint16_t source = hs_span_has (numbers, 2 * DEBUG_SOURCE_SECTIONS, 2)
                          ? hs_span_u16_at (numbers, 2 * DEBUG_SOURCE_SECTIONS)
                          : NO_STREAM;
    uint16_t sections = hs_span_has (numbers, 2 * DEBUG_SECTIONS, 2)
                            ? hs_span_u16_at (numbers, 2 * DEBUG_SECTIONS)
                            : NO_STREAM;
    enum hs_status status;

    if (omap == NO_STREAM || source == NO_STREAM)
        return read_sections (pdb, sections, err);
    status = read_omap (pdb, omap, err);
    return status == HS_OK ? read_sections (pdb, source, err) : status;
}

static enum hs_status read_dbi (struct hs_pdb *pdb, struct hs_span dbi, struct hs_error *err)
{
    uint64_t at = DBI_HEADER_BYTES, n_modules, n_contributions, n_skipped, n_debug;

    if (dbi.size < DBI_HEADER_BYTES || hs_get_u32 (dbi.data + 4) < DBI_VERSION_V70)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "the PDB has no debug information of a version that is known");
    pdb->identity.age = hs_get_u32 (dbi.data + 8); /* the image names this one, not the file's */
    pdb->symbols_stream = hs_get_u16 (dbi.data + 20);
    n_modules = hs_get_u32 (dbi.data + 24);
    n_contributions = hs_get_u32 (dbi.data + 28);
    /* section map, files, type servers, edit and continue */
    n_skipped = (uint64_t)hs_get_u32 (dbi.data + 32) + hs_get_u32 (dbi.data + 36) +
                hs_get_u32 (dbi.data + 40) + hs_get_u32 (dbi.data + 52);
    n_debug = hs_get_u32 (dbi.data + 48);
    if (!hs_pdb_modules_read (&pdb->modules, hs_span_part (dbi, at, n_modules)) ||
        !read_contributions (pdb, hs_span_part (dbi, at + n_modules, n_contributions)))
        return hs_error_no_memory (err);
    at += n_modules + n_contributions + n_skipped;
    return read_debug_streams (pdb, hs_span_part (dbi, at, n_debug), err);
}

enum hs_status hs_pdb_open (struct hs_span file, struct hs_pdb **ret, struct hs_error *err)
{
    struct hs_pdb *pdb = HS_NEW (struct hs_pdb);
    uint8_t *bytes = NULL;
    enum hs_status status;

    if (pdb == NULL)
        return hs_error_no_memory (err);
    status = hs_msf_open (file, &pdb->msf, err);
    if (status == HS_OK)
        status = read_info (pdb, err);
    if (status == HS_OK)
        status = hs_msf_read (&pdb->msf, DBI_STREAM, &bytes, err);
    if (status == HS_OK)
        status = read_dbi (
            pdb, (struct hs_span){ bytes, hs_msf_stream_size (&pdb->msf, DBI_STREAM) }, err);
    hs_free (bytes);
    if (status != HS_OK) {
        hs_pdb_close (pdb);
        return status;
    }
    *ret = pdb;
    return HS_OK;
}

void hs_pdb_close (struct hs_pdb *pdb)
{
    if (pdb == NULL)
        return;
    hs_pdb_modules_clear (&pdb->modules);
    hs_array_clear (&pdb->sections);
    hs_array_clear (&pdb->contributions);
    hs_array_clear (&pdb->publics);
    hs_array_clear (&pdb->omap);
    hs_pdb_ids_clear (&pdb->ids);
    hs_msf_clear (&pdb->msf);
    hs_free (pdb->symbols);
    hs_free (pdb->names);
    hs_free (pdb);
}

const struct hs_pdb_identity *hs_pdb_identity (const struct hs_pdb *pdb)
{
    return &pdb->identity;
}

/* ---- looking up ------------------------------------------------------------------------- */

static uint32_t address_as_linked (const struct hs_pdb *pdb, uint32_t address)
{
    size_t low = 0, high = pdb->omap.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (pdb->omap.items[middle].from <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || pdb->omap.items[low - 1].to == 0) /* 0: nothing of the source stands here */
        return pdb->omap.n > 0 ? 0 : address;
    return pdb->omap.items[low - 1].to + (address - pdb->omap.items[low - 1].from);
}

/* Section numbers count from 1; 0 when the address is in none. */
static uint16_t section_of (const struct hs_pdb *pdb, uint32_t address, uint32_t *ret_offset)
{
    for (size_t i = 0; i < pdb->sections.n && i < UINT16_MAX; i++) {
        const struct section *section = &pdb->sections.items[i];

        if (address >= section->address && address - section->address < section->size) {
            *ret_offset = address - section->address;
            return (uint16_t)(i + 1);
        }
    }
    return 0;
}

static const struct contribution *contribution_of (const struct hs_pdb *pdb, uint16_t section,
                                                   uint32_t offset)
{
    size_t low = 0, high = pdb->contributions.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct contribution *piece = &pdb->contributions.items[middle];

        if (key_of (piece->section, piece->offset) <= key_of (section, offset))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    high = low - 1;
    return pdb->contributions.items[high].section == section &&
                   offset - pdb->contributions.items[high].offset <
                       pdb->contributions.items[high].size
               ? &pdb->contributions.items[high]
               : NULL;
}

static int compare_publics (const void *a, const void *b)
{
    const struct public_symbol *x = a, *y = b;
    int order = compare (key_of (x->section, x->offset), key_of (y->section, y->offset));

    return order != 0 ? order : compare (x->record, y->record);
}

static void read_publics (struct hs_pdb *pdb)
{
    struct hs_cv_record record;
    struct hs_span all;
    uint32_t at = 0;

    pdb->has_publics = true;
    if (hs_msf_read (&pdb->msf, pdb->symbols_stream, &pdb->symbols, NULL) != HS_OK)
        return;
    all = (struct hs_span){ pdb->symbols, hs_msf_stream_size (&pdb->msf, pdb->symbols_stream) };
    while (hs_cv_next (all, &at, &record)) {
        if (record.kind != CV_S_PUB32 || record.body.size <= CV_PUBLIC_NAME)
            continue;
        if (!hs_array_reserve (&pdb->publics, 1))
            return;
        pdb->publics.items[pdb->publics.n++] =
            (struct public_symbol){ hs_get_u16 (record.body.data + 8),
                                    hs_get_u32 (record.body.data + 4), record.at };
    }
    if (pdb->publics.n > 0)
        qsort (pdb->publics.items, pdb->publics.n, sizeof *pdb->publics.items, compare_publics);
}

/* The nearest public symbol at or before the address; NULL when none. */
static const struct public_symbol *public_of (struct hs_pdb *pdb, uint16_t section, uint32_t offset)
{
    size_t low = 0, high;

    if (!pdb->has_publics)
        read_publics (pdb);
    for (high = pdb->publics.n; low < high;) {
        size_t middle = low + (high - low) / 2;
        const struct public_symbol *symbol = &pdb->publics.items[middle];

        if (key_of (symbol->section, symbol->offset) <= key_of (section, offset))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && pdb->publics.items[low - 1].section == section ? &pdb->publics.items[low - 1]
                                                                     : NULL;
}

static void undecorate_public (struct hs_pdb *pdb, const struct public_symbol *symbol)
{
    struct hs_span all = { pdb->symbols, hs_msf_stream_size (&pdb->msf, pdb->symbols_stream) };
    struct hs_cv_record record;
    uint32_t at = symbol->record;

    hs_undecorate (hs_cv_next (all, &at, &record) ? hs_cv_text (record.body, CV_PUBLIC_NAME) : "",
                   pdb->texts[DEEPEST_INLINING], NAME_BYTES);
}

/* Modules know a function by its plain name. But clang tells them the decorated name of a thunk,
 * and calls a destructor that frees, too, what it calls the one that does not. */
static const char *proc_name (struct hs_pdb *pdb, const struct hs_pdb_module *module,
                              const struct hs_pdb_proc *proc)
{
    const char *name = hs_pdb_proc_name (module, proc), *last = strrchr (name, ':');
    size_t n_scopes = last != NULL ? (size_t)(last - name) + 1 : 0;
    char *text = pdb->texts[DEEPEST_INLINING];
    const struct public_symbol *symbol;

    if (*name == '?') {
        hs_undecorate (name, text, NAME_BYTES);
        return text;
    }
    if (name[n_scopes] != '~')
        return name;
    symbol = public_of (pdb, proc->section, proc->offset);
    if (symbol == NULL || symbol->offset != proc->offset)
        return name;
    undecorate_public (pdb, symbol);
    return strncmp (text, name, n_scopes) == 0 && strstr (text, " deleting dtor'") != NULL ? text
                                                                                           : name;
}

static const char *file_name (const struct hs_pdb *pdb, const struct hs_pdb_module *module,
                              uint32_t file)
{
    uint32_t name;

    return hs_pdb_module_file (module, file, &name) ? hs_cv_text (pdb->name_bytes, name) : "";
}

/* The procedure and what is inlined there; 0 when the module knows neither function nor line. */
static size_t look_in_module (struct hs_pdb *pdb, const struct hs_pdb_module *module,
                              uint16_t section, uint32_t offset, struct hs_pdb_frame *ret)
{
    const struct hs_pdb_proc *proc = hs_pdb_module_proc (module, section, offset);
    const struct hs_pdb_line *line = hs_pdb_module_line (module, section, offset);
    struct hs_pdb_site sites[DEEPEST_INLINING];
    size_t n = 0;

    if (proc != NULL)
        n = hs_pdb_module_sites (module, proc, offset, sites, DEEPEST_INLINING);
    for (size_t i = 0; i < n; i++) { /* sites are outermost first */
        const struct hs_pdb_site *site = &sites[n - 1 - i];
        uint32_t id =
            hs_pdb_modules_id (&pdb->modules, &pdb->msf, pdb->name_bytes, module, site->id);

        hs_pdb_ids_name (&pdb->ids, &pdb->msf, id, pdb->texts[i], NAME_BYTES);
        ret[i] = (struct hs_pdb_frame){ pdb->texts[i], file_name (pdb, module, site->file),
                                        site->line, true };
    }
    if (proc == NULL && line == NULL)
        return 0;
    ret[n] =
        (struct hs_pdb_frame){ proc != NULL ? proc_name (pdb, module, proc) : "", "", 0, false };
    if (line != NULL) {
        ret[n].file = file_name (pdb, module, line->file);
        ret[n].line = line->line;
    }
    return n + 1;
}

size_t hs_pdb_look_up (struct hs_pdb *pdb, uint32_t address, struct hs_pdb_frame *ret, size_t max)
{
    struct hs_pdb_frame frames[DEEPEST_INLINING + 1];
    uint32_t offset, linked = address_as_linked (pdb, address);
    uint16_t section = section_of (pdb, linked, &offset);
    const struct contribution *piece;
    const struct hs_pdb_module *module;
    const struct public_symbol *symbol;
    size_t n = 0;

    if (section == 0)
        return 0;
    piece = contribution_of (pdb, section, offset);
    module = piece != NULL ? hs_pdb_modules_get (&pdb->modules, &pdb->msf, piece->module) : NULL;
    if (module != NULL)
        n = look_in_module (pdb, module, section, offset, frames);
    symbol = n == 0 || *frames[n - 1].function == '\0' ? public_of (pdb, section, offset) : NULL;
    if (symbol != NULL) {
        if (n == 0)
            frames[n++] = (struct hs_pdb_frame){ "", "", 0, false };
        undecorate_public (pdb, symbol);
        frames[n - 1].function = pdb->texts[DEEPEST_INLINING];
    }
    if (n > max) /* the outermost is the one that exists */
        frames[max - 1] = frames[n - 1];
    n = n < max ? n : max;
    memcpy (ret, frames, n * sizeof *ret);
    return n;
}
