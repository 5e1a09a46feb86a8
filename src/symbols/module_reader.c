/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From addresses to functions; see module_reader.h. */
#include "symbols/module_reader.h"

#include "base/limits.h"
#include "symbols/demangle.h"

#include <stdio.h>
#include <string.h>

static bool has_lines (Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL;

    return dwarf != NULL && dwarf_get_units (dwarf, NULL, &unit, NULL, NULL, NULL, NULL) == 0;
}

static void open_windows (struct hs_module_reader *reader, const struct hs_places *places)
{
    reader->state =
        hs_windows_file_open (&reader->windows, &places->windows, &reader->windows_wanted);
    reader->file = (struct hs_elf_file){ .alternative_fd = -1 };
    memcpy (reader->file.build_id, reader->windows.id, reader->windows.id_size);
    reader->file.build_id_size = reader->windows.id_size;
    (void)snprintf (reader->file.detail, sizeof reader->file.detail, "%s", reader->windows.detail);
}

void hs_module_reader_open (struct hs_module_reader *reader, const struct hs_places *places)
{
    reader->is_open = true;
    if (!reader->is_windows && reader->wanted.any_build_id &&
        hs_windows_file_is_one (reader->wanted.path)) {
        reader->is_windows = true;
        reader->windows_wanted.file = reader->wanted.path;
    }
    if (reader->is_windows) {
        open_windows (reader, places);
        return;
    }
    reader->state = hs_elf_file_open (&reader->file, &places->elf, &reader->wanted);
    if (reader->state != HS_SYMBOLS_FUNCTIONS)
        return;
    hs_elf_file_load_dwarf (&reader->file);
    if (has_lines (reader->file.dwarf))
        reader->dwarf = hs_dwarf_frames_new (reader->file.dwarf);
    if (!hs_elf_symbols_init (&reader->symbols, &reader->file)) {
        reader->state = HS_SYMBOLS_FAILED;
        (void)snprintf (reader->file.detail, sizeof reader->file.detail, "out of memory");
    } else if (reader->dwarf != NULL) {
        reader->state = HS_SYMBOLS_LINES;
    } else if (reader->symbols.symbols.n == 0) {
        reader->state = HS_SYMBOLS_NONE;
    } else if (!reader->symbols.has_locals) {
        reader->state = HS_SYMBOLS_EXPORTS;
    }
}

void hs_module_reader_close (struct hs_module_reader *reader)
{
    hs_dwarf_frames_free (reader->dwarf);
    reader->dwarf = NULL;
    hs_elf_symbols_clear (&reader->symbols);
    hs_elf_file_close (&reader->file);
    hs_windows_file_close (&reader->windows);
    reader->is_open = false;
}

/* "malloc@@GLIBC_2.2.5" is malloc. */
static const char *plain_name (struct hs_arena *arena, const char *name)
{
    const char *version = strchr (name, '@');

    if (version == NULL || version == name)
        return hs_demangle (arena, name);
    name = hs_arena_strndup (arena, name, (size_t)(version - name));
    return name != NULL ? hs_demangle (arena, name) : NULL;
}

static void put_frame (struct hs_wire_out *out, struct hs_arena *arena,
                       const struct hs_dwarf_frame *frame)
{
    const char *name = frame->function != NULL ? plain_name (arena, frame->function) : "";

    out->is_out_of_memory |= name == NULL;
    hs_wire_put_text (out, name);
    hs_wire_put_text (out, frame->file);
    hs_wire_put_u32 (out, frame->line);
    hs_wire_put_u8 (out, frame->is_inlined);
}

static bool is_mangled (const char *name)
{
    return strncmp (name, "_Z", 2) == 0 || strncmp (name, "_R", 2) == 0;
}

/*
 * Whether the symbol's name tells more than the DWARF's: it is the only one; the DWARF has a
 * library's inner alias ("__GI___libc_malloc") where the symbol is what people call ("malloc"); or
 * the DWARF has the bare name of a function in a namespace.
 */
static bool is_better (const char *symbol, const char *function)
{
    return function == NULL || (strncmp (function, "__", 2) == 0 && !is_mangled (function)) ||
           (is_mangled (symbol) && !is_mangled (function));
}

static void answer_windows (struct hs_module_reader *reader, uint64_t address,
                            struct hs_wire_out *out)
{
    struct hs_pdb_frame frames[HS_WIRE_MAX_INLINED];
    size_t n = hs_windows_file_look_up (&reader->windows, address, frames, HS_WIRE_MAX_INLINED);

    hs_wire_put_u16 (out, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        hs_wire_put_text (out, frames[i].function);
        hs_wire_put_text (out, frames[i].file);
        hs_wire_put_u32 (out, frames[i].line);
        hs_wire_put_u8 (out, frames[i].is_inlined);
    }
}

void hs_module_reader_answer (struct hs_module_reader *reader, uint64_t address,
                              struct hs_arena *arena, struct hs_wire_out *out)
{
    struct hs_dwarf_frame frames[HS_WIRE_MAX_INLINED], line = { .file = "" };
    const struct hs_elf_symbol *symbol;
    uint32_t n = 0;

    if (reader->is_windows) {
        answer_windows (reader, address, out);
        return;
    }
    symbol = hs_elf_symbols_find (&reader->symbols, address);

    if (reader->dwarf != NULL)
        n = hs_dwarf_frames_find (reader->dwarf, address - reader->file.dwarf_bias, frames,
                                  HS_WIRE_MAX_INLINED, &line);
    if (n == 0 && (symbol != NULL || *line.file != '\0')) /* assembly, or without DWARF */
        frames[n++] = line;
    if (symbol != NULL && is_better (symbol->name, frames[n - 1].function))
        frames[n - 1].function = symbol->name;
    hs_wire_put_u16 (out, (uint16_t)n);
    for (uint32_t i = 0; i < n; i++)
        put_frame (out, arena, &frames[i]);
}
