/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks what to record: program, arguments, folder, environment, file. Remembers them (where the
 * schema is installed). What cannot be run is said in the dialog, before anything is started.
 */
#ifndef HS_APP_RECORD_DIALOG_H
#define HS_APP_RECORD_DIALOG_H

#include "model/recorder_process.h"

#include <gtk/gtk.h>

#define HS_TYPE_RECORD_DIALOG (hs_record_dialog_get_type ())
G_DECLARE_FINAL_TYPE (HsRecordDialog, hs_record_dialog, HS, RECORD_DIALOG, GtkDialog)

/* Starts what was asked for. FALSE with a sentence in `error`: the dialog stays and shows it. */
typedef gboolean (*HsRecordFunc) (GtkWindow *parent, const HsLaunch *launch, GError **error);

/* Shows the dialog; it destroys itself. */
void hs_record_dialog_present (GtkWindow *parent, HsRecordFunc record);

#endif
