/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One module as the worker reads it: the ELF file, its symbol tables, its DWARF; or the PDB or
 * image of a Windows module. Answers addresses with chains of functions. Worker only.
 */
#ifndef HS_SYMBOLS_MODULE_READER_H
#define HS_SYMBOLS_MODULE_READER_H

#include "symbols/dwarf_frames.h"
#include "symbols/elf_symbols.h"
#include "symbols/symbol_wire.h"
#include "symbols/windows_file.h"

struct hs_module_reader {
    struct hs_elf_wanted wanted; /* texts are the worker's */
    struct hs_windows_wanted windows_wanted;
    bool is_windows;
    bool is_open;
    uint64_t last_use;
    enum hs_symbol_state state;
    struct hs_elf_file file;
    struct hs_elf_symbols symbols;
    struct hs_dwarf_frames *dwarf;
    struct hs_windows_file windows;
};

struct hs_places {
    struct hs_elf_places elf;
    struct hs_windows_places windows;
};

/* Opens the files; the state says how that went and what can be expected. */
void hs_module_reader_open (struct hs_module_reader *reader, const struct hs_places *places);

/* Gives back what opening took; it can be opened again. */
void hs_module_reader_close (struct hs_module_reader *reader);

/* Writes the frames of an address as in NAMES (symbol_wire.h). */
void hs_module_reader_answer (struct hs_module_reader *reader, uint64_t address,
                              struct hs_arena *arena, struct hs_wire_out *out);

#endif
