/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The symbol tables of one module, sorted for look-ups: what names functions where there is no
 * DWARF. libdwfl's own look-up walks the whole table for every address. Worker only.
 */
#ifndef HS_SYMBOLS_ELF_SYMBOLS_H
#define HS_SYMBOLS_ELF_SYMBOLS_H

#include "base/array.h"
#include "symbols/elf_file.h"

struct hs_elf_symbol {
    uint64_t begin, end; /* end: by its size, else the next symbol's begin */
    uint64_t furthest;   /* largest end of this and all before it */
    const char *name;    /* lent by the file, mangled, perhaps with a version */
    uint8_t rank;        /* of several at one address the smallest counts */
    bool has_size;
};

struct hs_elf_symbols {
    HS_ARRAY (struct hs_elf_symbol) symbols; /* by begin, then rank */
    bool has_locals; /* not only what other modules may see: .symtab, not just .dynsym */
};

bool hs_elf_symbols_init (struct hs_elf_symbols *symbols, const struct hs_elf_file *file);
void hs_elf_symbols_clear (struct hs_elf_symbols *symbols);

/* The symbol that covers an address, or NULL. */
const struct hs_elf_symbol *hs_elf_symbols_find (const struct hs_elf_symbols *symbols,
                                                 uint64_t address);

#endif
