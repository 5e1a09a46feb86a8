/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers, debug directory and exports of a Windows image; see pe.h. */
#include "symbols/pe/pe.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

#define MACHINE_HEADER_BYTES 24u /* "PE\0\0" and the COFF header */
#define MAGIC_PE32 0x10bu
#define MAGIC_PE32_PLUS 0x20bu
#define SECTION_BYTES 40u
#define EXPORT_DIRECTORY 0u
#define DEBUG_DIRECTORY 6u
#define DEBUG_ENTRY_BYTES 28u
#define DEBUG_CODEVIEW 2u
#define RSDS 0x53445352u

struct section {
    uint32_t address, virtual_size, raw_size, raw_offset;
};

struct export
{
    uint32_t address;
    uint32_t name; /* relative address */
};

struct hs_pe {
    struct hs_span file;
    struct hs_pe_identity identity;
    HS_ARRAY (struct section) sections;
    HS_ARRAY (struct export) exports; /* by address */
};

static const struct section *section_of (const struct hs_pe *pe, uint32_t address)
{
    for (size_t i = 0; i < pe->sections.n; i++) {
        const struct section *section = &pe->sections.items[i];
        uint32_t size =
            section->virtual_size > section->raw_size ? section->virtual_size : section->raw_size;

        if (address >= section->address && address - section->address < size)
            return section;
    }
    return NULL;
}

/* What the file holds from a relative address to its section's end; empty when nothing. */
static struct hs_span at_address (const struct hs_pe *pe, uint32_t address)
{
    const struct section *section = section_of (pe, address);
    uint32_t offset;

    if (section == NULL || address - section->address >= section->raw_size)
        return (struct hs_span){ pe->file.data, 0 };
    offset = address - section->address;
    return hs_span_part (pe->file, (size_t)section->raw_offset + offset,
                         section->raw_size - offset);
}

/* "" when it does not end inside its section. */
static const char *text_at (const struct hs_pe *pe, uint32_t address)
{
    struct hs_span span = at_address (pe, address);

    return span.size > 0 && memchr (span.data, 0, span.size) != NULL ? (const char *)span.data : "";
}

static bool read_sections (struct hs_pe *pe, size_t at, unsigned n)
{
    if (!hs_array_reserve (&pe->sections, n))
        return false;
    for (unsigned i = 0; i < n && hs_span_has (pe->file, at, SECTION_BYTES); i++) {
        pe->sections.items[pe->sections.n++] =
            (struct section){ hs_span_u32_at (pe->file, at + 12), hs_span_u32_at (pe->file, at + 8),
                              hs_span_u32_at (pe->file, at + 16),
                              hs_span_u32_at (pe->file, at + 20) };
        at += SECTION_BYTES;
    }
    return true;
}

static void read_debug (struct hs_pe *pe, uint32_t address, uint32_t size)
{
    struct hs_span entries = hs_span_part (at_address (pe, address), 0, size);

    for (size_t at = 0; hs_span_has (entries, at, DEBUG_ENTRY_BYTES); at += DEBUG_ENTRY_BYTES) {
        struct hs_span data = hs_span_part (pe->file, hs_span_u32_at (entries, at + 24),
                                            hs_span_u32_at (entries, at + 16));

        if (hs_span_u32_at (entries, at + 12) != DEBUG_CODEVIEW || data.size < 24 ||
            hs_get_u32 (data.data) != RSDS)
            continue;
        pe->identity.has_pdb = true;
        memcpy (pe->identity.guid, data.data + 4, sizeof pe->identity.guid);
        pe->identity.age = hs_get_u32 (data.data + 20);
        if (memchr (data.data + 24, 0, data.size - 24) != NULL)
            pe->identity.pdb_path = (const char *)data.data + 24;
        return;
    }
}

static int compare_exports (const void *a, const void *b)
{
    const struct export *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

/* Names are beside ordinals, which lead to addresses; one inside the directory itself forwards to
 * another image and is no code. */
static bool read_exports (struct hs_pe *pe, uint32_t address, uint32_t size)
{
    struct hs_span directory = at_address (pe, address);
    struct hs_span functions = at_address (pe, hs_span_u32_at (directory, 28));
    struct hs_span names = at_address (pe, hs_span_u32_at (directory, 32));
    struct hs_span ordinals = at_address (pe, hs_span_u32_at (directory, 36));
    uint32_t n_names = hs_span_u32_at (directory, 24);

    if (directory.size < 40)
        return true;
    for (uint32_t i = 0; i < n_names; i++) {
        size_t ordinal;
        struct export found;

        if (!hs_span_has (names, 4 * (size_t)i, 4) || !hs_span_has (ordinals, 2 * (size_t)i, 2))
            break;
        ordinal = hs_get_u16 (ordinals.data + 2 * (size_t)i);
        if (!hs_span_has (functions, 4 * ordinal, 4))
            continue;
        found.address = hs_get_u32 (functions.data + 4 * ordinal);
        found.name = hs_get_u32 (names.data + 4 * (size_t)i);
        if (found.address - address < size)
            continue;
        if (!hs_array_reserve (&pe->exports, 1))
            return false;
        pe->exports.items[pe->exports.n++] = found;
    }
    if (pe->exports.n > 0)
        qsort (pe->exports.items, pe->exports.n, sizeof *pe->exports.items, compare_exports);
    return true;
}

static enum hs_status read_headers (struct hs_pe *pe, struct hs_error *err)
{
    size_t at = hs_span_u32_at (pe->file, 0x3c), optional = at + MACHINE_HEADER_BYTES, directories;
    uint32_t n_directories, magic = hs_span_u16_at (pe->file, optional);
    unsigned n_sections = hs_span_u16_at (pe->file, at + 6);
    size_t sections = optional + hs_span_u16_at (pe->file, at + 20);

    if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
        return hs_error_set (err, HS_DAMAGED, optional, "the image has no optional header");
    directories = optional + (magic == MAGIC_PE32 ? 96 : 112);
    n_directories = hs_span_u32_at (pe->file, directories - 4);
    pe->identity.time_stamp = hs_span_u32_at (pe->file, at + 8);
    pe->identity.image_size = hs_span_u32_at (pe->file, optional + 56);
    if (!read_sections (pe, sections, n_sections))
        return hs_error_no_memory (err);
    if (n_directories > DEBUG_DIRECTORY)
        read_debug (pe, hs_span_u32_at (pe->file, directories + 8 * DEBUG_DIRECTORY),
                    hs_span_u32_at (pe->file, directories + 8 * DEBUG_DIRECTORY + 4));
    if (n_directories > EXPORT_DIRECTORY &&
        !read_exports (pe, hs_span_u32_at (pe->file, directories),
                       hs_span_u32_at (pe->file, directories + 4)))
        return hs_error_no_memory (err);
    return HS_OK;
}

enum hs_status hs_pe_open (struct hs_span file, struct hs_pe **ret, struct hs_error *err)
{
    struct hs_pe *pe;
    enum hs_status status;

    if (hs_span_u16_at (file, 0) != 0x5a4d || /* "MZ" */
        hs_span_u32_at (file, hs_span_u32_at (file, 0x3c)) != 0x00004550)
        return hs_error_set (err, HS_UNSUPPORTED, 0, "not a Windows image (PE)");
    pe = HS_NEW (struct hs_pe);
    if (pe == NULL)
        return hs_error_no_memory (err);
    pe->file = file;
    pe->identity.pdb_path = "";
    status = read_headers (pe, err);
    if (status != HS_OK) {
        hs_pe_close (pe);
        return status;
    }
    *ret = pe;
    return HS_OK;
}

void hs_pe_close (struct hs_pe *pe)
{
    if (pe == NULL)
        return;
    hs_array_clear (&pe->sections);
    hs_array_clear (&pe->exports);
    hs_free (pe);
}

const struct hs_pe_identity *hs_pe_identity (const struct hs_pe *pe)
{
    return &pe->identity;
}

const char *hs_pe_export_at (const struct hs_pe *pe, uint32_t address, uint32_t *ret_distance)
{
    const struct section *section = section_of (pe, address);
    size_t low = 0, high = pe->exports.n;
    const char *name;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (pe->exports.items[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || section == NULL || pe->exports.items[low - 1].address < section->address)
        return NULL;
    name = text_at (pe, pe->exports.items[low - 1].name);
    if (*name == '\0')
        return NULL;
    *ret_distance = address - pe->exports.items[low - 1].address;
    return name;
}
