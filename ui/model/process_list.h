/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The processes of this machine that one might attach to, and at a glance why not to some. Only
 * what /proc says to everybody is looked at; `heapstrata attach` has the last word. No widgets.
 */
#ifndef HS_MODEL_PROCESS_LIST_H
#define HS_MODEL_PROCESS_LIST_H

#include <gio/gio.h>

typedef enum {
    HS_REFUSAL_NONE,
    HS_REFUSAL_RECORDED, /* already */
    HS_REFUSAL_OTHER_USER,
    HS_REFUSAL_TRACED, /* by a debugger */
    HS_REFUSAL_STATIC, /* no loader, so nothing to hook */
    HS_REFUSAL_FOREIGN_MACHINE,
    HS_REFUSAL_CONTAINER,
    HS_REFUSAL_UNREADABLE,
} HsRefusal;

typedef struct {
    guint pid;
    char *name;    /* as the kernel has it, or the program's file name where that is cut */
    char *command; /* arguments joined by spaces, as UTF-8; "" when unknown */
    char *user;    /* of its owner */
    guint64 resident_bytes;
    HsRefusal refusal;
} HsRunningProcess;

/* Reads the list on a thread of its own; kernel threads and this program are left out. */
void hs_process_list_read_async (GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer data);

/* HsRunningProcess, the largest first; NULL when cancelled. Free with g_ptr_array_unref. */
GPtrArray *hs_process_list_read_finish (GAsyncResult *result, GError **error);

/* Why not, in some words, translated; NULL for HS_REFUSAL_NONE. */
const char *hs_refusal_text (HsRefusal refusal);

#endif
