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

enum { COLUMN_TITLE, COLUMN_COUNT, COLUMN_OFFSET, COLUMN_EXAMPLE, COLUMN_TOOLTIP, COLUMN_N };

static void append (HsFindingsView *self, const HsFindingEntry *finding)
{
    char count[HS_UNITS_TEXT_SIZE], offset[32] = "";
    const char *title = hs_note_kind_title (finding->kind);
    g_autofree char *tooltip = NULL;

    hs_format_count (finding->count, count);
    if (finding->file_offset != UINT64_MAX)
        g_snprintf (offset, sizeof offset, "0x%" G_GINT64_MODIFIER "x", finding->file_offset);
    title = title[0] != '\0' ? _ (title) : title;
    tooltip = g_markup_printf_escaped ("<b>%s</b>\n%s", title, finding->example);
    gtk_list_store_insert_with_values (self->store, NULL, -1, COLUMN_TITLE, title, COLUMN_COUNT,
                                       count, COLUMN_OFFSET, offset, COLUMN_EXAMPLE,
                                       finding->example, COLUMN_TOOLTIP, tooltip, -1);
}

static void refresh (GtkWidget *widget)
{
    HsFindingsView *self = HS_FINDINGS_VIEW (widget);
    HsDocument *document = hs_selection_get_document (self->selection);
    GArray *findings = hs_document_get_info (document)->findings;
    guint64 n_told = 0;

    for (guint i = 0; i < findings->len; i++)
        n_told += g_array_index (findings, HsFindingEntry, i).count;
    if (findings->len == self->n_findings && n_told == self->n_told)
        return;
    self->n_findings = findings->len;
    self->n_told = n_told;
    gtk_list_store_clear (self->store);
    for (guint i = 0; i < findings->len; i++)
        append (self, &g_array_index (findings, HsFindingEntry, i));
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
