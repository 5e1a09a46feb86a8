/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows images (PE32, PE32+): who they are, which PDB is theirs, what they export. (Layout:
 * Microsoft's "PE Format".) Read as files, not as mapped images; nothing is executed.
 *
 * The file's bytes are borrowed for the lifetime of the reader. Not thread-safe.
 */
#ifndef HS_SYMBOLS_PE_PE_H
#define HS_SYMBOLS_PE_PE_H

#include "base/error.h"
#include "base/span.h"

struct hs_pe;

struct hs_pe_identity {
    uint32_t time_stamp, image_size; /* a symbol server's key of the image */
    bool has_pdb;
    uint8_t guid[16]; /* of the PDB, as stored */
    uint32_t age;
    const char *pdb_path; /* as the linker wrote it; "" without */
};

/* HS_UNSUPPORTED when it is no PE file, HS_DAMAGED when its headers do not fit into it. */
enum hs_status hs_pe_open (struct hs_span file, struct hs_pe **ret, struct hs_error *err);
void hs_pe_close (struct hs_pe *pe); /* NULL is allowed */

const struct hs_pe_identity *hs_pe_identity (const struct hs_pe *pe);

/*
 * The nearest export at or before a relative address, in the same section; NULL when there is none.
 * The next export's address need not end it, so the distance is given too (bytes). Decorated names
 * stay decorated.
 */
const char *hs_pe_export_at (const struct hs_pe *pe, uint32_t address, uint32_t *ret_distance);

#endif
