/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The button that names the present moment of a recording, with the popover that asks for a name.
 */
#ifndef HS_APP_MARK_BUTTON_H
#define HS_APP_MARK_BUTTON_H

#include "model/live.h"

#include <gtk/gtk.h>

#define HS_TYPE_MARK_BUTTON (hs_mark_button_get_type ())
G_DECLARE_FINAL_TYPE (HsMarkButton, hs_mark_button, HS, MARK_BUTTON, GtkMenuButton)

/* Once; `document` tells how many marks there are. */
void hs_mark_button_set_live (HsMarkButton *self, HsLive *live, HsDocument *document);

/* Asks for the name. */
void hs_mark_button_open (HsMarkButton *self);

#endif
