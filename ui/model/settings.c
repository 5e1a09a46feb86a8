/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings that are more than a window's; see settings.h. */
#include "model/settings.h"

#define SCHEMA "org.heapstrata.Heapstrata"

GSettings *hs_settings_new (void)
{
    GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
    g_autoptr (GSettingsSchema) schema = NULL;

    /* g_settings_new() would end the program */
    if (source != NULL)
        schema = g_settings_schema_source_lookup (source, SCHEMA, TRUE);
    return schema != NULL ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

HsSymbolPlaces *hs_symbol_places_load (void)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    HsSymbolPlaces *places = g_new0 (HsSymbolPlaces, 1);

    if (settings != NULL) {
        places->folders = g_settings_get_strv (settings, "symbol-folders");
        places->symbol_path = g_settings_get_string (settings, "symbol-path");
        places->is_offline = g_settings_get_boolean (settings, "symbols-offline");
    } else {
        places->folders = g_new0 (char *, 1);
        places->symbol_path = g_strdup ("");
    }
    return places;
}

void hs_symbol_places_save (const HsSymbolPlaces *places)
{
    g_autoptr (GSettings) settings = hs_settings_new ();

    if (settings == NULL)
        return;
    g_settings_set_strv (settings, "symbol-folders", (const char *const *)places->folders);
    g_settings_set_string (settings, "symbol-path", places->symbol_path);
    g_settings_set_boolean (settings, "symbols-offline", places->is_offline);
}

void hs_symbol_places_free (HsSymbolPlaces *places)
{
    if (places == NULL)
        return;
    g_strfreev (places->folders);
    g_free (places->symbol_path);
    g_free (places);
}
