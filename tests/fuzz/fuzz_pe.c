/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: a Windows image, asked for exports all over. */
#include "symbols/pe/pe.h"

#include <string.h>

#define STEP 13u
#define LAST 0x4000u

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_error err = { 0 };
    struct hs_pe *pe;

    if (hs_pe_open ((struct hs_span){ data, size }, &pe, &err) != HS_OK) {
        demand (err.text[0] != '\0');
        return 0;
    }
    demand (strlen (hs_pe_identity (pe)->pdb_path) < size);
    for (uint32_t address = 0; address < LAST; address += STEP) {
        uint32_t distance = 0;
        const char *name = hs_pe_export_at (pe, address, &distance);

        demand (name == NULL || (strlen (name) < size && distance <= address));
    }
    hs_pe_close (pe);
    return 0;
}
