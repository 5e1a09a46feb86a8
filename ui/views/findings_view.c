/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the trace is worth; see findings_view.h. Kinds are few, so the list is filled anew. */
#include "views/findings_view.h"

#include "base/units.h"
#include "views/refresh.h"

#include <glib/gi18n.h>

struct _HsFindingsView {
    GtkBox parent_instance;

    GtkListStore *store;
    GtkTreeView *list;
    GtkLabel *placeholder;

    HsSelection *selection;
    guint n_findings; /* shown */
    guint64 n_told;   /* times they were seen, together */
};

G_DEFINE_TYPE (HsFindingsView, hs_findings_view, GTK_TYPE_BOX)

enum { COLUMN_TITLE, COLUMN_COUNT, COLUMN_MEANING, COLUMN_OFFSET, COLUMN_TOOLTIP, COLUMN_ICON };

static const char *const icons[] = {
    [HS_SEVERITY_INFO] = "dialog-information-symbolic",
    [HS_SEVERITY_WARNING] = "dialog-warning-symbolic",
    [HS_SEVERITY_DAMAGE] = "dialog-error-symbolic",
};

static void append (HsFindingsView *self, const struct hs_finding_row *finding)
{
    char count[HS_UNITS_TEXT_SIZE], offset[32] = "";
    const char *title = hs_note_kind_title (finding->kind), *meaning = finding->explanation;
    g_autofree char *tooltip = NULL, *example = g_utf8_make_valid (finding->example, -1);

    hs_format_count (finding->count, count);
    if (finding->file_offset != HS_NO_OFFSET)
        g_snprintf (offset, sizeof offset, "0x%" G_GINT64_MODIFIER "x", finding->file_offset);
    title = title[0] != '\0' ? _ (title) : title;
    meaning = meaning[0] != '\0' ? _ (meaning) : example;
    tooltip = g_markup_printf_escaped ("<b>%s</b> (%s)\n%s\n%s", title,
                                       _ (hs_severity_name (finding->severity)), meaning,
                                       meaning == example ? "" : example);
    gtk_list_store_insert_with_values (self->store, NULL, -1, COLUMN_TITLE, title, COLUMN_COUNT,
                                       count, COLUMN_MEANING, meaning, COLUMN_OFFSET, offset,
                                       COLUMN_TOOLTIP, g_strstrip (tooltip), COLUMN_ICON,
                                       icons[finding->severity], -1);
}

static void refresh (GtkWidget *widget)
{
    HsFindingsView *self = HS_FINDINGS_VIEW (widget);
    HsDocument *document = hs_selection_get_document (self->selection);
    GArray *findings = hs_document_get_info (document)->findings;
    guint64 n_told = 0;

    for (guint i = 0; i < findings->len; i++)
        n_told += g_array_index (findings, struct hs_finding_row, i).count;
    if (findings->len == self->n_findings && n_told == self->n_told)
        return;
    self->n_findings = findings->len;
    self->n_told = n_told;
    gtk_list_store_clear (self->store);
    for (guint i = 0; i < findings->len; i++)
        append (self, &g_array_index (findings, struct hs_finding_row, i));
    gtk_widget_set_visible (GTK_WIDGET (self->placeholder), findings->len == 0);
}

static void hs_findings_view_dispose (GObject *object)
{
    g_clear_object (&HS_FINDINGS_VIEW (object)->selection);
    G_OBJECT_CLASS (hs_findings_view_parent_class)->dispose (object);
}

static void hs_findings_view_class_init (HsFindingsViewClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_findings_view_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/findings_view.ui");
    gtk_widget_class_bind_template_child (widget_class, HsFindingsView, store);
    gtk_widget_class_bind_template_child (widget_class, HsFindingsView, list);
    gtk_widget_class_bind_template_child (widget_class, HsFindingsView, placeholder);
}

static void hs_findings_view_init (HsFindingsView *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *hs_findings_view_new (HsSelection *selection)
{
    HsFindingsView *self = g_object_new (HS_TYPE_FINDINGS_VIEW, "visible", TRUE, NULL);

    self->selection = g_object_ref (selection);
    self->n_findings = G_MAXUINT; /* nothing shown yet, not even that there are none */
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->list)), _ ("Findings"));
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
    return GTK_WIDGET (self);
}
