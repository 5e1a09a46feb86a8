/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: a PDB file, asked for addresses all over its first sections. */
#include "base/memory.h"
#include "symbols/pdb/pdb.h"

#include <string.h>

#define STEP 7u
#define LAST 0x4000u
#define MOST 16u

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_pdb_frame frames[MOST];
    struct hs_error err = { 0 };
    struct hs_pdb *pdb;

    if (hs_pdb_open ((struct hs_span){ data, size }, &pdb, &err) != HS_OK) {
        demand (err.text[0] != '\0');
        return 0;
    }
    for (uint32_t address = 0; address < LAST; address += STEP) {
        size_t n = hs_pdb_look_up (pdb, address, frames, MOST);

        demand (n <= MOST);
        for (size_t i = 0; i < n; i++) /* every text ends */
            demand (strlen (frames[i].function) + strlen (frames[i].file) <= 2 * size + 8192);
    }
    hs_pdb_close (pdb);
    return 0;
}
