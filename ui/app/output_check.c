/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a recording may be written; see output_check.h. */
#include "app/output_check.h"

#include <glib/gi18n.h>

const char *hs_output_complaint (const char *path, char **replaced)
{
    if (!g_path_is_absolute (path) ||
        !(g_str_has_suffix (path, ".hst") || g_str_has_suffix (path, ".etl")))
        return _ ("The file's name must be a full path that ends with .hst or .etl.");
    if (!g_file_test (path, G_FILE_TEST_EXISTS) || g_strcmp0 (path, *replaced) == 0)
        return NULL;
    g_free (*replaced);
    *replaced = g_strdup (path);
    return _ ("There is such a file already: once more, and it is replaced.");
}
