/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of inlined functions: the stream of item ids (IPI) and, for methods, of types (TPI).
 * Read on first use. Not thread-safe.
 */
#ifndef HS_SYMBOLS_PDB_PDB_IDS_H
#define HS_SYMBOLS_PDB_PDB_IDS_H

#include "symbols/pdb/msf.h"

struct hs_pdb_records { /* a stream of numbered records; zeroed = not read yet */
    uint8_t *bytes;
    uint32_t size;
    uint32_t first;    /* number of the first record */
    uint32_t n;        /* records */
    uint32_t *offsets; /* of each */
    bool is_read;      /* or was tried */
};

struct hs_pdb_ids {
    struct hs_pdb_records items, types;
};

/* "scope::name" of an inlined function into `ret` (cut to fit); "" when it is not known. */
void hs_pdb_ids_name (struct hs_pdb_ids *ids, const struct hs_msf *msf, uint32_t id, char *ret,
                      size_t size);
void hs_pdb_ids_clear (struct hs_pdb_ids *ids);

#endif
