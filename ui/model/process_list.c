/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes of this machine; see process_list.h. */
#include "model/process_list.h"

#include "capture/control/control.h"

#include <elf.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_LIMIT 4096
#define PROGRAM_HEADERS_LIMIT 64
#define COMM_LENGTH 15 /* the kernel cuts names here */

static void free_process (gpointer data)
{
    HsRunningProcess *process = data;

    g_free (process->name);
    g_free (process->command);
    g_free (process->user);
    g_free (process);
}

static char *proc_path (guint pid, const char *name)
{
    return g_strdup_printf ("/proc/%u/%s", pid, name);
}

/* What stands behind "Key:" in a status file; NULL when it does not. */
static char *status_field (const char *status, const char *key)
{
    const char *at = status != NULL ? strstr (status, key) : NULL;
    const char *end;

    if (at == NULL || (at != status && at[-1] != '\n'))
        return NULL;
    at += strlen (key);
    end = strchr (at, '\n');
    return g_strstrip (g_strndup (at, end != NULL ? (gsize)(end - at) : strlen (at)));
}

static guint64 status_number (const char *status, const char *key)
{
    g_autofree char *text = status_field (status, key);

    return text != NULL ? g_ascii_strtoull (text, NULL, 10) : 0;
}

/* "a" NUL "b c" NUL: "a b c". */
static char *read_command (guint pid)
{
    g_autofree char *path = proc_path (pid, "cmdline");
    char bytes[COMMAND_LIMIT];
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read (fd, bytes, sizeof bytes) : 0;

    if (fd >= 0)
        (void)close (fd);
    while (n > 0 && bytes[n - 1] == '\0')
        n--;
    for (ssize_t i = 0; i < n; i++)
        if ((guchar)bytes[i] < 0x20)
            bytes[i] = ' ';
    return g_utf8_make_valid (bytes, MAX (0, n));
}

static gboolean is_own_namespace (guint pid, const char *name)
{
    g_autofree char *own = g_strdup_printf ("/proc/self/ns/%s", name);
    g_autofree char *space = g_strdup_printf ("ns/%s", name);
    g_autofree char *other = proc_path (pid, space);
    struct stat a, b;

    return stat (own, &a) != 0 || stat (other, &b) != 0 || a.st_ino == b.st_ino;
}

/* By the head of its program: who has no loader cannot be hooked. */
static HsRefusal refusal_by_program (guint pid)
{
    g_autofree char *path = proc_path (pid, "exe");
    HsRefusal refusal = HS_REFUSAL_STATIC;
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;

    if (fd < 0)
        return HS_REFUSAL_UNREADABLE;
    if (pread (fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp (head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_machine != EM_X86_64)
        refusal = HS_REFUSAL_FOREIGN_MACHINE;
    for (guint i = 0; refusal == HS_REFUSAL_STATIC && i < head.e_phnum && i < PROGRAM_HEADERS_LIMIT;
         i++) {
        Elf64_Phdr part;

        if (pread (fd, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) !=
            (ssize_t)sizeof part)
            break;
        if (part.p_type == PT_INTERP)
            refusal = HS_REFUSAL_NONE;
    }
    (void)close (fd);
    return refusal;
}

static HsRefusal refusal_of (guint pid, guint64 user, const char *status)
{
    if (hs_control_is_recorded ((pid_t)pid))
        return HS_REFUSAL_RECORDED;
    if (user != geteuid () && geteuid () != 0)
        return HS_REFUSAL_OTHER_USER;
    if (status_number (status, "TracerPid:") != 0)
        return HS_REFUSAL_TRACED;
    if (!is_own_namespace (pid, "pid") || !is_own_namespace (pid, "mnt"))
        return HS_REFUSAL_CONTAINER;
    return refusal_by_program (pid);
}

static char *user_name (guint64 user)
{
    char buffer[1024];
    struct passwd entry, *found = NULL;

    if (getpwuid_r ((uid_t)user, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        return g_strdup (found->pw_name);
    return g_strdup_printf ("%u", (guint)user);
}

/* NULL: gone meanwhile, or a thread of the kernel. */
static HsRunningProcess *read_process (guint pid)
{
    g_autofree char *path = proc_path (pid, "status"), *status = NULL;
    g_autofree char *resident = NULL;
    HsRunningProcess *process;
    guint64 user;

    if (!g_file_get_contents (path, &status, NULL, NULL))
        return NULL;
    resident = status_field (status, "VmRSS:");
    if (resident == NULL) /* a thread of the kernel, or a process that has ended */
        return NULL;
    user = status_number (status, "Uid:");
    process = g_new0 (HsRunningProcess, 1);
    process->pid = pid;
    process->resident_bytes = g_ascii_strtoull (resident, NULL, 10) * 1024;
    process->command = read_command (pid);
    process->user = user_name (user);
    process->name = status_field (status, "Name:");
    process->refusal = refusal_of (pid, user, status);
    if (process->name != NULL && strlen (process->name) >= COMM_LENGTH) {
        g_autofree char *first = g_strndup (process->command, strcspn (process->command, " "));
        g_autofree char *base = g_path_get_basename (first);

        if (g_str_has_prefix (base, process->name)) {
            g_free (process->name);
            process->name = g_steal_pointer (&base);
        }
    }
    return process;
}

static int compare_processes (gconstpointer a, gconstpointer b)
{
    const HsRunningProcess *const *left = a, *const *right = b;

    if ((*left)->resident_bytes != (*right)->resident_bytes)
        return (*left)->resident_bytes > (*right)->resident_bytes ? -1 : 1;
    return (*left)->pid < (*right)->pid ? -1 : (*left)->pid > (*right)->pid;
}

static void read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    GPtrArray *list = g_ptr_array_new_with_free_func (free_process);
    GDir *folder = g_dir_open ("/proc", 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name (folder)) != NULL) {
        guint pid = (guint)strtoul (name, NULL, 10);
        HsRunningProcess *process = pid > 0 && pid != (guint)getpid () ? read_process (pid) : NULL;

        if (process != NULL)
            g_ptr_array_add (list, process);
    }
    if (folder != NULL)
        g_dir_close (folder);
    g_ptr_array_sort (list, compare_processes);
    g_task_return_pointer (task, list, (GDestroyNotify)g_ptr_array_unref);
}

void hs_process_list_read_async (GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer data)
{
    GTask *task = g_task_new (NULL, cancellable, callback, data);

    g_task_run_in_thread (task, read_in_thread);
    g_object_unref (task);
}

GPtrArray *hs_process_list_read_finish (GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer (G_TASK (result), error);
}

const char *hs_refusal_text (HsRefusal refusal)
{
    switch (refusal) {
    case HS_REFUSAL_NONE:
        break;
    case HS_REFUSAL_RECORDED:
        return _ ("is being recorded already");
    case HS_REFUSAL_OTHER_USER:
        return _ ("belongs to another user");
    case HS_REFUSAL_TRACED:
        return _ ("is held by a debugger");
    case HS_REFUSAL_STATIC:
        return _ ("is statically linked");
    case HS_REFUSAL_FOREIGN_MACHINE:
        return _ ("is no 64-bit x86 program");
    case HS_REFUSAL_CONTAINER:
        return _ ("lives in a container");
    case HS_REFUSAL_UNREADABLE:
        return _ ("does not let itself be looked at");
    }
    return NULL;
}
