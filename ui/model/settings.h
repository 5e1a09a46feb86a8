/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the window remembers between runs: the schema org.heapstrata.Heapstrata, when it is there.
 */
#ifndef HS_MODEL_SETTINGS_H
#define HS_MODEL_SETTINGS_H

#include <gio/gio.h>

/* NULL when the schema is not installed. */
GSettings *hs_settings_new (void);

/* Where names of functions are looked for, beside what the environment says. */
typedef struct {
    char **folders;    /* with debug files of Linux and PDBs of Windows; ends with NULL */
    char *symbol_path; /* as in _NT_SYMBOL_PATH; "" = none */
    gboolean is_offline;
} HsSymbolPlaces;

HsSymbolPlaces *hs_symbol_places_load (void);
void hs_symbol_places_save (const HsSymbolPlaces *places); /* for this run only without schema */
void hs_symbol_places_free (HsSymbolPlaces *places);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HsSymbolPlaces, hs_symbol_places_free)

#endif
