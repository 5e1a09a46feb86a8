/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One module (object file) of a PDB: its procedures, its C13 line tables, its inline sites.
 * (Layout: microsoft/microsoft-pdb, cvinfo.h; LLVM's "PDB Module Info Stream" chapter.)
 *
 * Owns a copy of the module's stream. Addresses are section number (from 1) and offset (bytes).
 * Not thread-safe.
 */
#ifndef HS_SYMBOLS_PDB_PDB_MODULE_H
#define HS_SYMBOLS_PDB_PDB_MODULE_H

#include "base/array.h"
#include "base/span.h"

#define HS_PDB_NO_FILE UINT32_MAX /* of a site whose function the module does not tell of */

struct hs_pdb_proc {
    uint16_t section;
    uint32_t offset, size;
    uint32_t record; /* where its record begins in the symbols */
};

struct hs_pdb_line {
    uint32_t offset; /* holds until the next line's offset, or its table's end */
    uint32_t line;   /* 0 = no source here */
    uint32_t file;   /* offset in `checksums` */
    uint32_t number; /* in the order of the file */
};

struct hs_pdb_table { /* the lines of a piece of code; functions folded into one have one each */
    uint16_t section;
    uint32_t offset, size;
    size_t first_line, n_lines; /* by offset */
};

struct hs_pdb_inlinee {
    uint32_t id; /* in the stream of item ids */
    uint32_t file, line;
};

struct hs_pdb_module {
    uint8_t *bytes;
    struct hs_span symbols;   /* part of bytes */
    struct hs_span checksums; /* likewise */
    struct hs_span imports;   /* ids of other modules */
    struct hs_span exports;   /* ids for other modules */
    HS_ARRAY (struct hs_pdb_proc) procs;
    HS_ARRAY (struct hs_pdb_line) lines;
    HS_ARRAY (struct hs_pdb_table) tables;
    HS_ARRAY (struct hs_pdb_inlinee) inlinees;
};

/* What is inlined at one address. */
struct hs_pdb_site {
    uint32_t id; /* of the inlined function */
    uint32_t file, line;
};

/* Takes `bytes` (n long: signature and symbols, C11 lines, C13 lines). Damage ends a table early.
 * NULL when memory is out; then `bytes` is freed. */
struct hs_pdb_module *hs_pdb_module_new_take (uint8_t *bytes, uint32_t n_symbols, uint32_t n_c11,
                                              uint32_t n_c13);
void hs_pdb_module_free (struct hs_pdb_module *module); /* NULL is allowed */

/* NULL when there is none at that address. */
const struct hs_pdb_proc *hs_pdb_module_proc (const struct hs_pdb_module *module, uint16_t section,
                                              uint32_t offset);
const char *hs_pdb_proc_name (const struct hs_pdb_module *module, const struct hs_pdb_proc *proc);
const struct hs_pdb_line *hs_pdb_module_line (const struct hs_pdb_module *module, uint16_t section,
                                              uint32_t offset);

/* The functions inlined at `offset` (in the section) of `proc`, innermost last; their number, at
 * most `max`. */
size_t hs_pdb_module_sites (const struct hs_pdb_module *module, const struct hs_pdb_proc *proc,
                            uint32_t offset, struct hs_pdb_site *ret, size_t max);

/* Where a file's name lies in the PDB's names; false when `file` is none. */
bool hs_pdb_module_file (const struct hs_pdb_module *module, uint32_t file, uint32_t *ret_name);

/* Whether `id` is another module's; *ret_name: where that one's name lies in the PDB's names, and
 * *ret_local: what it calls it. */
bool hs_pdb_module_import (const struct hs_pdb_module *module, uint32_t id, uint32_t *ret_name,
                           uint32_t *ret_local);

/* The number in the stream of item ids of what other modules know as `local`. */
bool hs_pdb_module_export (const struct hs_pdb_module *module, uint32_t local, uint32_t *ret_id);

#endif
