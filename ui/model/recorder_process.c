/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder as a process; see recorder_process.h. */
#include "model/recorder_process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "heapstrata"
#define SPEAKER PROGRAM ": " /* in front of each sentence it writes */
#define WORDS_LIMIT 65536    /* of the last ones */

struct _HsRecorder {
    GObject parent_instance;

    HsRecorderState state;
    GSubprocess *process;
    GCancellable *cancellable;
    char *output;
    gboolean is_attached;
    int words_fd; /* a file that has no name; -1: none */
    char *words;
};

G_DEFINE_TYPE (HsRecorder, hs_recorder, G_TYPE_OBJECT)

static guint changed_signal;

/* Installed it lies beside the viewer. In the build tree it does not: HEAPSTRATA_PROGRAM tells. */
static char *find_program (void)
{
    const char *told = g_getenv ("HEAPSTRATA_PROGRAM");
    g_autofree char *own = g_file_read_link ("/proc/self/exe", NULL);
    g_autofree char *folder = own != NULL ? g_path_get_dirname (own) : NULL;
    g_autofree char *beside = NULL;

    if (told != NULL)
        return g_strdup (told);
    if (folder != NULL)
        beside = g_build_filename (folder, PROGRAM, NULL);
    if (beside != NULL && g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&beside);
    return g_find_program_in_path (PROGRAM);
}

static void set_state (HsRecorder *self, HsRecorderState state)
{
    self->state = state;
    g_signal_emit (self, changed_signal, 0);
}

/* The recorder's own sentences; the rest is what the program wrote to its standard error. */
static void read_words (HsRecorder *self)
{
    g_autofree char *bytes = g_malloc (WORDS_LIMIT + 1);
    g_autofree char *text = NULL;
    g_autoptr (GString) words = g_string_new (NULL);
    g_auto (GStrv) lines = NULL;
    off_t size = lseek (self->words_fd, 0, SEEK_END);
    ssize_t n = pread (self->words_fd, bytes, WORDS_LIMIT, MAX (0, size - WORDS_LIMIT));

    bytes[MAX (0, n)] = '\0';
    text = g_utf8_make_valid (bytes, -1);
    lines = g_strsplit (text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (!g_str_has_prefix (lines[i], SPEAKER))
            continue;
        g_string_append_printf (words, "%s%s", words->len > 0 ? "\n" : "",
                                lines[i] + strlen (SPEAKER));
    }
    g_free (self->words);
    self->words = g_strdup (words->str);
}

static gboolean has_recorded (HsRecorder *self)
{
    GStatBuf info;

    return g_stat (self->output, &info) == 0 && info.st_size > 0;
}

static void on_ended (GObject *process, GAsyncResult *result, gpointer data)
{
    HsRecorder *self;

    if (!g_subprocess_wait_finish (G_SUBPROCESS (process), result, NULL))
        return; /* the recorder object is gone */
    self = HS_RECORDER (data);
    g_object_ref (self);
    read_words (self);
    set_state (self, has_recorded (self) ? HS_RECORDER_ENDED : HS_RECORDER_FAILED);
    g_object_unref (self);
}

/* A file for what is written to standard error: a pipe would kill the program with SIGPIPE when
 * the window is closed before it ends. */
static gboolean open_words (HsRecorder *self, GError **error)
{
    g_autofree char *name = NULL;

    self->words_fd = g_file_open_tmp ("heapstrata-XXXXXX", &name, error);
    if (self->words_fd < 0)
        return FALSE;
    (void)g_unlink (name);
    (void)fcntl (self->words_fd, F_SETFL, O_APPEND);
    return TRUE;
}

static gboolean start (HsRecorder *self, GSubprocessLauncher *launcher, GPtrArray *arguments,
                       const char *output, GError **error)
{
    char *program = find_program ();

    g_return_val_if_fail (self->state == HS_RECORDER_IDLE, FALSE);
    if (program == NULL) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     _ ("the program “%s” that records was not found"), PROGRAM);
        return FALSE;
    }
    g_ptr_array_insert (arguments, 0, program);
    g_ptr_array_add (arguments, NULL);
    if (!open_words (self, error))
        return FALSE;
    g_subprocess_launcher_take_stderr_fd (launcher, dup (self->words_fd));
    self->process =
        g_subprocess_launcher_spawnv (launcher, (const char *const *)arguments->pdata, error);
    if (self->process == NULL)
        return FALSE;
    self->output = g_strdup (output);
    g_subprocess_wait_async (self->process, self->cancellable, on_ended, self);
    set_state (self, HS_RECORDER_RUNNING);
    return TRUE;
}

gboolean hs_recorder_launch (HsRecorder *self, const HsLaunch *launch, GError **error)
{
    g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
    g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);

    g_return_val_if_fail (HS_IS_RECORDER (self), FALSE);
    if (launch->folder != NULL)
        g_subprocess_launcher_set_cwd (launcher, launch->folder);
    for (guint i = 0; launch->environment != NULL && launch->environment[i] != NULL; i++) {
        g_auto (GStrv) pair = g_strsplit (launch->environment[i], "=", 2);

        g_subprocess_launcher_setenv (launcher, pair[0], pair[1] != NULL ? pair[1] : "", TRUE);
    }
    g_ptr_array_add (arguments, g_strdup ("record"));
    g_ptr_array_add (arguments, g_strdup ("-o"));
    g_ptr_array_add (arguments, g_strdup (launch->output));
    if (launch->follow)
        g_ptr_array_add (arguments, g_strdup ("--follow"));
    if (launch->free_stacks)
        g_ptr_array_add (arguments, g_strdup ("--free-stacks"));
    g_ptr_array_add (arguments, g_strdup ("--"));
    g_ptr_array_add (arguments, g_strdup (launch->program));
    for (guint i = 0; launch->arguments != NULL && launch->arguments[i] != NULL; i++)
        g_ptr_array_add (arguments, g_strdup (launch->arguments[i]));
    return start (self, launcher, arguments, launch->output, error);
}

gboolean hs_recorder_attach (HsRecorder *self, const HsAttachment *attachment, GError **error)
{
    g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
    g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);

    g_return_val_if_fail (HS_IS_RECORDER (self), FALSE);
    self->is_attached = TRUE;
    g_ptr_array_add (arguments, g_strdup ("attach"));
    g_ptr_array_add (arguments, g_strdup ("-o"));
    g_ptr_array_add (arguments, g_strdup (attachment->output));
    if (attachment->free_stacks)
        g_ptr_array_add (arguments, g_strdup ("--free-stacks"));
    g_ptr_array_add (arguments, g_strdup_printf ("%u", attachment->pid));
    return start (self, launcher, arguments, attachment->output, error);
}

gboolean hs_recorder_is_attached (HsRecorder *self)
{
    return self->is_attached;
}

void hs_recorder_stop (HsRecorder *self)
{
    g_return_if_fail (HS_IS_RECORDER (self));
    if (self->state != HS_RECORDER_RUNNING)
        return;
    /* it closes the file and leaves the program alone */
    g_subprocess_send_signal (self->process, SIGTERM);
    set_state (self, HS_RECORDER_STOPPING);
}

HsRecorderState hs_recorder_get_state (HsRecorder *self)
{
    return self->state;
}

const char *hs_recorder_get_output (HsRecorder *self)
{
    return self->output;
}

const char *hs_recorder_get_words (HsRecorder *self)
{
    return self->words != NULL ? self->words : "";
}

char *hs_recorder_free_name (const char *folder, const char *program)
{
    g_autofree char *base = g_path_get_basename (program);
    g_autofree char *first = g_strconcat (base, ".hst", NULL);
    char *name = g_build_filename (folder, first, NULL);

    for (guint i = 1; g_file_test (name, G_FILE_TEST_EXISTS); i++) {
        g_autofree char *next = g_strdup_printf ("%s.%u.hst", base, i);

        g_free (name);
        name = g_build_filename (folder, next, NULL);
    }
    return name;
}

static void hs_recorder_dispose (GObject *object)
{
    HsRecorder *self = HS_RECORDER (object);

    if (self->state == HS_RECORDER_RUNNING)
        g_subprocess_send_signal (self->process, SIGTERM);
    self->state = HS_RECORDER_ENDED;
    g_cancellable_cancel (self->cancellable);
    g_clear_object (&self->process);
    G_OBJECT_CLASS (hs_recorder_parent_class)->dispose (object);
}

static void hs_recorder_finalize (GObject *object)
{
    HsRecorder *self = HS_RECORDER (object);

    if (self->words_fd >= 0)
        (void)close (self->words_fd);
    g_clear_object (&self->cancellable);
    g_free (self->output);
    g_free (self->words);
    G_OBJECT_CLASS (hs_recorder_parent_class)->finalize (object);
}

static void hs_recorder_class_init (HsRecorderClass *class)
{
    G_OBJECT_CLASS (class)->dispose = hs_recorder_dispose;
    G_OBJECT_CLASS (class)->finalize = hs_recorder_finalize;
    changed_signal = g_signal_new ("changed", HS_TYPE_RECORDER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void hs_recorder_init (HsRecorder *self)
{
    self->cancellable = g_cancellable_new ();
    self->words_fd = -1;
}

HsRecorder *hs_recorder_new (void)
{
    return g_object_new (HS_TYPE_RECORDER, NULL);
}
