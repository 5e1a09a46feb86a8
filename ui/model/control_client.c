/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to the recorder of a process; see control_client.h. */
#include "model/control_client.h"

#include "capture/control/control.h"

#include <string.h>

typedef struct {
    guint pid;
    char *request;
} Request;

static void free_request (gpointer data)
{
    Request *request = data;

    g_free (request->request);
    g_free (request);
}

static void ask_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const Request *request = data;
    g_autofree char *reply = g_malloc (HS_CONTROL_PACKET_BYTES);
    g_autofree char *sentence = NULL;
    struct hs_error err = { 0 };

    if (hs_control_ask ((pid_t)request->pid, request->request, reply, HS_CONTROL_PACKET_BYTES,
                        &err) == HS_OK) {
        g_task_return_pointer (task, g_utf8_make_valid (reply, -1), g_free);
        return;
    }
    sentence = g_utf8_make_valid (err.text, -1);
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", sentence);
}

void hs_control_client_ask_async (guint pid, const char *request, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data)
{
    GTask *task = g_task_new (NULL, cancellable, callback, data);
    Request *copy = g_new0 (Request, 1);

    copy->pid = pid;
    copy->request = g_strdup (request);
    g_task_set_task_data (task, copy, free_request);
    g_task_run_in_thread (task, ask_in_thread);
    g_object_unref (task);
}

char *hs_control_client_ask_finish (GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer (G_TASK (result), error);
}

char *hs_control_client_value (const char *reply, const char *key)
{
    g_auto (GStrv) lines = g_strsplit (reply, "\n", -1);
    gsize length = strlen (key);

    for (guint i = 0; lines[i] != NULL; i++)
        if (strncmp (lines[i], key, length) == 0 && lines[i][length] == '=')
            return g_strdup (lines[i] + length + 1);
    return NULL;
}
