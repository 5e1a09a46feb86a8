/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a window without a trace shows: open, recent files, a place to drop one. */
#ifndef HS_APP_START_PAGE_H
#define HS_APP_START_PAGE_H

#include <gtk/gtk.h>

#define HS_TYPE_START_PAGE (hs_start_page_get_type ())
G_DECLARE_FINAL_TYPE (HsStartPage, hs_start_page, HS, START_PAGE, GtkBox)

/* Signal: `open-uri` (const char *uri). */

/* Puts a trace into the list of recent files. */
void hs_start_page_remember (const char *uri);

#endif
