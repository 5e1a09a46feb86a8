/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings that are more than a window's; see settings.h. */
#include "model/settings.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>

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

/* ---- sources ---- */

static char **source_map (void)
{
    g_autoptr (GSettings) settings = hs_settings_new ();

    return settings != NULL ? g_settings_get_strv (settings, "source-map") : g_new0 (char *, 1);
}

/* What a line of the map makes of a path, when that is there. */
static char *apply (const char *line, const char *path)
{
    const char *equal = strchr (line, '=');
    char *found;

    if (equal == NULL || strncmp (path, line, (gsize)(equal - line)) != 0)
        return NULL;
    found = g_strconcat (equal + 1, path + (equal - line), NULL);
    if (g_file_test (found, G_FILE_TEST_IS_REGULAR))
        return found;
    g_free (found);
    return NULL;
}

/* Windows' paths with slashes, as they may be found here. */
static char *with_slashes (const char *path)
{
    return g_strdelimit (g_strdup (path), "\\", '/');
}

char *hs_source_find (const char *path)
{
    g_auto (GStrv) map = source_map ();
    g_autofree char *plain = with_slashes (path);
    char *found = NULL;

    for (char **line = map; *line != NULL && found == NULL; line++)
        found = apply (*line, plain);
    if (found == NULL && *plain == '/' && g_file_test (plain, G_FILE_TEST_IS_REGULAR))
        found = g_steal_pointer (&plain);
    return found;
}

void hs_source_map (const char *path, const char *chosen)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    g_autofree char *plain = with_slashes (path), *line = NULL;
    g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
    g_auto (GStrv) map = source_map (), longer = NULL;
    gsize a = strlen (plain), b = strlen (chosen), common = 0;

    /* whole names only: cut behind the last slash that both have at the same distance */
    for (gsize n = 1; n <= a && n <= b && plain[a - n] == chosen[b - n]; n++)
        if (plain[a - n] == '/')
            common = n;
    line = g_strdup_printf ("%.*s=%.*s", (int)(a - common), plain, (int)(b - common), chosen);
    g_strv_builder_add (builder, line); /* the newest counts first */
    g_strv_builder_addv (builder, (const char **)map);
    longer = g_strv_builder_end (builder);
    if (settings != NULL)
        g_settings_set_strv (settings, "source-map", (const char *const *)longer);
}

static char *replace (const char *text, const char *what, const char *with)
{
    g_auto (GStrv) parts = g_strsplit (text, what, -1);

    return g_strjoinv (with, parts);
}

gboolean hs_source_open_in_editor (const char *file, guint line, GError **error)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    g_autofree char *command = settings != NULL ? g_settings_get_string (settings, "editor") : NULL;
    g_autofree char *uri = NULL, *number = g_strdup_printf ("%u", line);
    g_auto (GStrv) words = NULL;

    if (command == NULL || *command == '\0') {
        uri = g_filename_to_uri (file, NULL, error);
        return uri != NULL && g_app_info_launch_default_for_uri (uri, NULL, error);
    }
    if (!g_shell_parse_argv (command, NULL, &words, error))
        return FALSE;
    for (char **word = words; *word != NULL; word++) { /* no shell: a name is one word */
        g_autofree char *with_line = replace (*word, "%l", number);
        char *whole = replace (with_line, "%f", file);

        g_free (*word);
        *word = whole;
    }
    return g_spawn_async (NULL, words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, error);
}

/* ---- allocators ---- */

char *hs_allocators_path (void)
{
    return g_build_filename (g_get_user_config_dir (), "heapstrata", "allocators", NULL);
}

gboolean hs_allocators_edit (GError **error)
{
    g_autofree char *path = hs_allocators_path (), *folder = g_path_get_dirname (path);
    const char *about =
        _ ("# Functions that allocate for their callers: call trees fold them into these.\n"
           "# One a line: my_malloc, or pool_alloc* for all that begin so; -g_malloc for one\n"
           "# that shall not be folded. The usual ones are known already.\n");

    if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
        if (g_mkdir_with_parents (folder, 0700) != 0) {
            g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", folder,
                         g_strerror (errno));
            return FALSE;
        }
        if (!g_file_set_contents (path, about, -1, error))
            return FALSE;
    }
    return hs_source_open_in_editor (path, 1, error);
}
