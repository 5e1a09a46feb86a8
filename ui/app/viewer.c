/* SPDX-License-Identifier: GPL-3.0-or-later */
/* heapstrata-viewer: the window. */
#include "app/application.h"
#include "app/dispatch_times.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <malloc.h>

/* A display is not needed for these. */
static gboolean wants_text_only (int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (g_str_equal (argv[i], "--help") || g_str_equal (argv[i], "-h") ||
            g_str_equal (argv[i], "--version") || g_str_has_prefix (argv[i], "--help-"))
            return TRUE;
    return FALSE;
}

/* Answers take and give back some megabytes each, sixty times a second while a range is dragged:
 * the kernel would clear them anew every time. */
#define KEPT_BYTES (64 << 20)

int main (int argc, char **argv)
{
    const char *locale_dir = g_getenv ("HEAPSTRATA_LOCALEDIR");
    g_autoptr (HsApplication) application = NULL;
    int status;

    (void)mallopt (M_MMAP_THRESHOLD, KEPT_BYTES / 2);
    (void)mallopt (M_TRIM_THRESHOLD, KEPT_BYTES);
    setlocale (LC_ALL, "");
    bindtextdomain (GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : HS_LOCALE_DIR);
    bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
    textdomain (GETTEXT_PACKAGE);
    if (!wants_text_only (argc, argv) && !gtk_init_check (NULL, NULL)) {
        const char *display = g_getenv ("DISPLAY");

        g_printerr (_ ("heapstrata-viewer: cannot open display: %s\n"),
                    display != NULL ? display : _ ("neither DISPLAY nor WAYLAND_DISPLAY is set"));
        return 1;
    }
    /* numbers read alike in the window, in reports and in tests */
    setlocale (LC_NUMERIC, "C");
    g_set_application_name (_ ("Heapstrata"));
    application = hs_application_new ();
    hs_dispatch_times_begin ();
    status = g_application_run (G_APPLICATION (application), argc, argv);
    hs_dispatch_times_end ();
    return status != 0 ? status : hs_application_get_status (application);
}
