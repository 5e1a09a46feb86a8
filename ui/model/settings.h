/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the window remembers between runs (the schema org.heapstrata.Heapstrata, when it is there):
 * where symbols and sources are. Main thread. */
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

/* Where a source file is on this machine, by what was mapped before; NULL: nowhere. The path is as
 * the compiler wrote it. Free with g_free. */
char *hs_source_find (const char *path);

/* The file chosen for a path: what its folders have in common with those of the path is mapped for
 * other files, too. */
void hs_source_map (const char *path, const char *chosen);

/* The user's own list of functions that allocate for their callers (trace/images.h:
 * hs_trace_set_allocators). Free with g_free. The file need not be there. */
char *hs_allocators_path (void);

/* Opens it in the editor; begins it with a word about what it is for. */
gboolean hs_allocators_edit (GError **error);

/* Opens a file in the editor of the settings, else in the desktop's own. */
gboolean hs_source_open_in_editor (const char *file, guint line, GError **error);

#endif
