/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks which running process to attach to: a list with search. Those that cannot be attached to say
 * why and cannot be chosen. */
#ifndef HS_APP_ATTACH_DIALOG_H
#define HS_APP_ATTACH_DIALOG_H

#include "model/recorder_process.h"

#include <gtk/gtk.h>

#define HS_TYPE_ATTACH_DIALOG (hs_attach_dialog_get_type ())
G_DECLARE_FINAL_TYPE (HsAttachDialog, hs_attach_dialog, HS, ATTACH_DIALOG, GtkDialog)

/* Starts what was asked for. FALSE with a sentence in `error`: the dialog stays and shows it. */
typedef gboolean (*HsAttachFunc) (GtkWindow *parent, const HsAttachment *attachment,
                                  GError **error);

/* Shows the dialog; it destroys itself. */
void hs_attach_dialog_present (GtkWindow *parent, HsAttachFunc attach);

#endif
