/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to the recorder of a process (capture/control), asked on a worker thread. */
#ifndef HS_MODEL_CONTROL_CLIENT_H
#define HS_MODEL_CONTROL_CLIENT_H

#include <gio/gio.h>

/* "mark NAME", "detach", "status" …; the callback comes on the main thread. */
void hs_control_client_ask_async (guint pid, const char *request, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data);

/* What stood after "ok", maybe empty; NULL with `error`: the recorder's sentence, or that there is
 * none. Free with g_free. */
char *hs_control_client_ask_finish (GAsyncResult *result, GError **error);

/* The value of "key=value" in a reply, or NULL. Free with g_free. */
char *hs_control_client_value (const char *reply, const char *key);

#endif
