/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads PDB files (MSF 7.00, x86 and x64): relative address -> function, file, line, and what is
 * inlined there. Runs nothing, follows no pointer of the file unchecked. Only for the symbol
 * worker: it may take much memory for a large file.
 *
 * The file's bytes are borrowed for the lifetime of the reader. Not thread-safe. Parts are read
 * when an address first needs them; a damaged part gives no names, the rest does.
 */
#ifndef HS_SYMBOLS_PDB_PDB_H
#define HS_SYMBOLS_PDB_PDB_H

#include "base/error.h"
#include "base/span.h"

struct hs_pdb;

struct hs_pdb_identity { /* what a trace's RSDS record must equal */
    uint8_t guid[16];    /* as stored: first three fields little-endian */
    uint32_t age;
};

struct hs_pdb_frame {
    const char *function; /* qualified, without parameters; "" when unknown */
    const char *file;     /* as the compiler wrote it; "" when unknown */
    uint32_t line;        /* 0 when unknown */
    bool is_inlined;      /* into the next frame */
};

/* HS_UNSUPPORTED when it is no PDB, HS_DAMAGED when its tables cannot be found. */
enum hs_status hs_pdb_open (struct hs_span file, struct hs_pdb **ret, struct hs_error *err);
void hs_pdb_close (struct hs_pdb *pdb); /* NULL is allowed */

const struct hs_pdb_identity *hs_pdb_identity (const struct hs_pdb *pdb);

/*
 * The frames at a relative address (bytes from the image's base), innermost first: at most `max`
 * (>= 1) of them, 0 when nothing is known. The texts are valid until the next call.
 */
size_t hs_pdb_look_up (struct hs_pdb *pdb, uint32_t address, struct hs_pdb_frame *ret, size_t max);

#endif
