/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks what to record; see record_dialog.h. */
#include "app/record_dialog.h"

#include "app/output_check.h"
#include "model/settings.h"

#include <glib/gi18n.h>
#include <string.h>

struct _HsRecordDialog {
    GtkDialog parent_instance;

    GtkEntry *program, *arguments, *folder, *environment, *output;
    GtkToggleButton *children, *frees;
    GtkLabel *complaint;

    HsRecordFunc record;
    gboolean is_output_own; /* typed or chosen, not made of the program's name */
    gboolean is_filling;
    char *replaced; /* a file that may be */
};

G_DEFINE_TYPE (HsRecordDialog, hs_record_dialog, GTK_TYPE_DIALOG)

static char *text_of (GtkEntry *entry)
{
    return g_strstrip (g_strdup (gtk_entry_get_text (entry)));
}

static void set_text (HsRecordDialog *self, GtkEntry *entry, const char *text)
{
    self->is_filling = TRUE;
    gtk_entry_set_text (entry, text != NULL ? text : "");
    gtk_editable_set_position (GTK_EDITABLE (entry), -1);
    self->is_filling = FALSE;
}

/* "~/x" as a shell has it. */
static char *full_path (const char *text)
{
    if (text[0] == '~' && (text[1] == '/' || text[1] == '\0'))
        return g_build_filename (g_get_home_dir (), text + 1, NULL);
    return g_strdup (text);
}

/* ---- what is remembered ---- */

static void restore (HsRecordDialog *self)
{
    g_autoptr (GSettings) settings = hs_settings_new ();
    const struct {
        GtkEntry *entry;
        const char *key;
    } fields[] = { { self->program, "record-program" },
                   { self->arguments, "record-arguments" },
                   { self->folder, "record-folder" },
                   { self->environment, "record-environment" } };

    for (gsize i = 0; settings != NULL && i < G_N_ELEMENTS (fields); i++) {
        g_autofree char *text = g_settings_get_string (settings, fields[i].key);

        set_text (self, fields[i].entry, text);
    }
    if (gtk_entry_get_text_length (self->folder) == 0)
        set_text (self, self->folder, g_get_home_dir ());
}

static void save (HsRecordDialog *self)
{
    g_autoptr (GSettings) settings = hs_settings_new ();

    if (settings == NULL)
        return;
    g_settings_set_string (settings, "record-program", gtk_entry_get_text (self->program));
    g_settings_set_string (settings, "record-arguments", gtk_entry_get_text (self->arguments));
    g_settings_set_string (settings, "record-folder", gtk_entry_get_text (self->folder));
    g_settings_set_string (settings, "record-environment", gtk_entry_get_text (self->environment));
}

/* ---- while the fields change ---- */

/* Until the user names a file, it lies in the folder and is named after the program. */
static void suggest_output (HsRecordDialog *self)
{
    g_autofree char *program = text_of (self->program), *typed = text_of (self->folder);
    g_autofree char *folder = full_path (typed);
    g_autofree char *name = NULL;

    if (self->is_output_own)
        return;
    if (program[0] != '\0')
        name = hs_recorder_free_name (folder[0] != '\0' ? folder : g_get_home_dir (), program);
    set_text (self, self->output, name);
}

static void on_changed (GtkEditable *editable, HsRecordDialog *self)
{
    if (self->is_filling)
        return;
    gtk_widget_hide (GTK_WIDGET (self->complaint));
    if (editable == GTK_EDITABLE (self->output))
        self->is_output_own = gtk_entry_get_text_length (self->output) > 0;
    else
        suggest_output (self);
}

static void choose (HsRecordDialog *self, GtkEntry *entry, GtkFileChooserAction action,
                    const char *title)
{
    g_autoptr (GtkFileChooserNative) dialog = gtk_file_chooser_native_new (
        title, GTK_WINDOW (self), action, _ ("_Choose"), _ ("_Cancel"));
    GtkFileChooser *chooser = GTK_FILE_CHOOSER (dialog);
    g_autofree char *typed = text_of (entry);
    g_autofree char *path = full_path (typed), *chosen = NULL;

    if (action == GTK_FILE_CHOOSER_ACTION_SAVE && path[0] == '/') {
        g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);

        gtk_file_chooser_set_do_overwrite_confirmation (chooser, TRUE);
        gtk_file_chooser_set_current_folder (chooser, folder);
        gtk_file_chooser_set_current_name (chooser, name);
    } else if (path[0] == '/') {
        gtk_file_chooser_set_filename (chooser, path);
    }
    if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (dialog)) != GTK_RESPONSE_ACCEPT)
        return;
    chosen = gtk_file_chooser_get_filename (chooser);
    if (chosen == NULL)
        return;
    gtk_entry_set_text (entry, chosen);
    if (action == GTK_FILE_CHOOSER_ACTION_SAVE) { /* it has asked */
        g_free (self->replaced);
        self->replaced = g_steal_pointer (&chosen);
    }
}

static void on_choose_program (GtkButton *button, HsRecordDialog *self)
{
    choose (self, self->program, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Choose the program"));
}

static void on_choose_folder (GtkButton *button, HsRecordDialog *self)
{
    choose (self, self->folder, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("Choose the folder"));
}

static void on_choose_output (GtkButton *button, HsRecordDialog *self)
{
    choose (self, self->output, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("Choose the file"));
}

/* ---- the answer ---- */

static void complain (HsRecordDialog *self, GtkEntry *entry, const char *sentence)
{
    gtk_label_set_text (self->complaint, sentence);
    gtk_widget_show (GTK_WIDGET (self->complaint));
    if (entry != NULL)
        gtk_widget_grab_focus (GTK_WIDGET (entry));
}

static gboolean parse_words (HsRecordDialog *self, GtkEntry *entry, char ***ret)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *text = text_of (entry);

    if (text[0] == '\0') {
        *ret = g_new0 (char *, 1);
        return TRUE;
    }
    if (g_shell_parse_argv (text, NULL, ret, &error))
        return TRUE;
    complain (self, entry, error->message);
    return FALSE;
}

static gboolean check_program (HsRecordDialog *self, const char *program, const char *folder)
{
    g_autofree char *found = NULL, *sentence = NULL;

    if (program[0] == '\0') {
        complain (self, self->program, _ ("Name the program to run."));
        return FALSE;
    }
    if (strchr (program, '/') == NULL)
        found = g_find_program_in_path (program);
    else
        found = g_canonicalize_filename (program, folder);
    if (found != NULL && g_file_test (found, G_FILE_TEST_IS_EXECUTABLE) &&
        !g_file_test (found, G_FILE_TEST_IS_DIR))
        return TRUE;
    sentence = found == NULL || !g_file_test (found, G_FILE_TEST_EXISTS)
                   ? g_strdup_printf (_ ("“%s” was not found."), program)
                   : g_strdup_printf (_ ("“%s” is no program."), program);
    complain (self, self->program, sentence);
    return FALSE;
}

static gboolean check_environment (HsRecordDialog *self, char **environment)
{
    for (guint i = 0; environment[i] != NULL; i++) {
        g_autofree char *sentence = NULL;

        if (strchr (environment[i], '=') > environment[i])
            continue;
        sentence = g_strdup_printf (_ ("“%s” is no variable: write NAME=value."), environment[i]);
        complain (self, self->environment, sentence);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_output (HsRecordDialog *self, const char *output)
{
    const char *complaint = hs_output_complaint (output, &self->replaced);

    if (complaint != NULL)
        complain (self, self->output, complaint);
    return complaint == NULL;
}

static gboolean start (HsRecordDialog *self)
{
    g_autofree char *typed_program = text_of (self->program), *typed = text_of (self->folder);
    g_autofree char *program = full_path (typed_program);
    g_autofree char *folder = full_path (typed[0] != '\0' ? typed : "~");
    g_autofree char *typed_output = text_of (self->output), *output = full_path (typed_output);
    g_auto (GStrv) arguments = NULL, environment = NULL;
    g_autoptr (GError) error = NULL;
    HsLaunch launch = { .program = program, .folder = folder, .output = output };

    if (!g_file_test (folder, G_FILE_TEST_IS_DIR)) {
        complain (self, self->folder, _ ("There is no such folder."));
        return FALSE;
    }
    if (!check_program (self, program, folder) ||
        !parse_words (self, self->arguments, &arguments) ||
        !parse_words (self, self->environment, &environment) ||
        !check_environment (self, environment) || !check_output (self, output))
        return FALSE;
    launch.follow = gtk_toggle_button_get_active (self->children);
    launch.free_stacks = gtk_toggle_button_get_active (self->frees);
    launch.arguments = (const char *const *)arguments;
    launch.environment = (const char *const *)environment;
    if (self->record (gtk_window_get_transient_for (GTK_WINDOW (self)), &launch, &error))
        return TRUE;
    complain (self, NULL, error->message);
    return FALSE;
}

static void hs_record_dialog_response (GtkDialog *dialog, int response)
{
    HsRecordDialog *self = HS_RECORD_DIALOG (dialog);

    if (response == GTK_RESPONSE_OK) {
        if (!start (self))
            return;
        save (self);
    }
    gtk_widget_destroy (GTK_WIDGET (self));
}

static void hs_record_dialog_finalize (GObject *object)
{
    g_free (HS_RECORD_DIALOG (object)->replaced);
    G_OBJECT_CLASS (hs_record_dialog_parent_class)->finalize (object);
}

static void hs_record_dialog_class_init (HsRecordDialogClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->finalize = hs_record_dialog_finalize;
    GTK_DIALOG_CLASS (class)->response = hs_record_dialog_response;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/record_dialog.ui");
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, program);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, arguments);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, folder);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, environment);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, output);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, children);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, frees);
    gtk_widget_class_bind_template_child (widget_class, HsRecordDialog, complaint);
    gtk_widget_class_bind_template_callback (widget_class, on_changed);
    gtk_widget_class_bind_template_callback (widget_class, on_choose_program);
    gtk_widget_class_bind_template_callback (widget_class, on_choose_folder);
    gtk_widget_class_bind_template_callback (widget_class, on_choose_output);
}

static void hs_record_dialog_init (HsRecordDialog *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}

void hs_record_dialog_present (GtkWindow *parent, HsRecordFunc record)
{
    HsRecordDialog *self =
        g_object_new (HS_TYPE_RECORD_DIALOG, "use-header-bar", TRUE, "transient-for", parent,
                      "destroy-with-parent", TRUE, NULL);

    self->record = record;
    restore (self);
    suggest_output (self);
    gtk_dialog_set_default_response (GTK_DIALOG (self), GTK_RESPONSE_OK);
    gtk_window_present (GTK_WINDOW (self));
}
