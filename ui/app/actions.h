/* SPDX-License-Identifier: GPL-3.0-or-later */
/* THE TABLE of commands: everything a user can do, with its keys. Menus and buttons name them. */
#ifndef HS_APP_ACTIONS_H
#define HS_APP_ACTIONS_H

#include "app/window.h"

/* Commands of the program (app.*) and all keys. */
void hs_actions_add_to_application (GtkApplication *application);

/* Commands of a window (win.*). */
void hs_actions_add_to_window (HsWindow *window);

/* Enables and disables; sets the states that the query decides. */
void hs_actions_update (HsWindow *window);
void hs_actions_set_state (HsWindow *window, const char *name, const char *state);

#endif
