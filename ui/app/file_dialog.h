/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks for the file, or the files of one session, to open. */
#ifndef HS_APP_FILE_DIALOG_H
#define HS_APP_FILE_DIALOG_H

#include <gtk/gtk.h>

/* GFile pointers, or NULL when nothing was chosen. Free with g_ptr_array_unref. */
GPtrArray *hs_file_dialog_run (GtkWindow *parent);

/* A folder with symbols; NULL when the dialog was cancelled. Free with g_free. */
char *hs_file_dialog_run_folder (GtkWindow *parent);

#endif
