/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All modules (object files) of a PDB: where each has its stream, read on first use, and the ids
 * that one takes from another. The latter is how PDBs of whole-program optimisation (/GL, /LTCG)
 * name functions that were inlined across object files. Not thread-safe.
 */
#ifndef HS_SYMBOLS_PDB_PDB_MODULES_H
#define HS_SYMBOLS_PDB_PDB_MODULES_H

#include "symbols/pdb/msf.h"
#include "symbols/pdb/pdb_module.h"

struct hs_pdb_module_place {
    const char *name; /* in `info` */
    uint16_t stream;
    bool is_tried;
    uint32_t n_symbols, n_c11, n_c13;
    struct hs_pdb_module *module; /* NULL: not read yet, or nothing to read */
};

struct hs_pdb_module_name {
    const char *name;
    uint16_t number;
};

struct hs_pdb_modules { /* zeroed = none */
    uint8_t *info;
    HS_ARRAY (struct hs_pdb_module_place) places;
    HS_ARRAY (struct hs_pdb_module_name) names; /* in order; filled when first needed */
};

/* `part`: the list of modules in the DBI stream. False when memory is out. */
bool hs_pdb_modules_read (struct hs_pdb_modules *modules, struct hs_span part);
void hs_pdb_modules_clear (struct hs_pdb_modules *modules);

/* NULL when there is no such module, or it tells nothing. */
const struct hs_pdb_module *hs_pdb_modules_get (struct hs_pdb_modules *modules,
                                                const struct hs_msf *msf, uint16_t number);

/* The number in the stream of item ids of what `module` calls `id`: the same, but for ids of other
 * modules. `names`: the texts of the stream "/names". */
uint32_t hs_pdb_modules_id (struct hs_pdb_modules *modules, const struct hs_msf *msf,
                            struct hs_span names, const struct hs_pdb_module *module, uint32_t id);

#endif
