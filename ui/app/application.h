/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program: one process, several windows, opens what it is given. */
#ifndef HS_APP_APPLICATION_H
#define HS_APP_APPLICATION_H

#include <gtk/gtk.h>

#define HS_TYPE_APPLICATION (hs_application_get_type ())
G_DECLARE_FINAL_TYPE (HsApplication, hs_application, HS, APPLICATION, GtkApplication)

HsApplication *hs_application_new (void);

/* Not 0 when something asked for on the command line failed. */
int hs_application_get_status (HsApplication *self);
void hs_application_show_about (GtkApplication *application);

/* "system", "light" or "dark"; remembered. */
void hs_application_set_appearance (GtkApplication *application, const char *appearance);

#endif
