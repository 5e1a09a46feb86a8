/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Findings of the file and of the counters; see findings.h. */
#include "analysis/findings.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum hs_severity severity;
    const char *explanation;
} kinds[HS_N_NOTE_KINDS] = {
    [HS_NOTE_BUFFER_DAMAGED] = { HS_SEVERITY_DAMAGE,
                                 N_ ("Parts of the file were skipped; their events are missing.") },
    [HS_NOTE_DECOMPRESSION] = { HS_SEVERITY_DAMAGE,
                                N_ ("Packed parts of the file were skipped; their events are "
                                    "missing.") },
    [HS_NOTE_RECORD_DAMAGED] = { HS_SEVERITY_DAMAGE,
                                 N_ ("The rest of the buffer around each was skipped.") },
    [HS_NOTE_EXTENDED_ITEM] = { HS_SEVERITY_DAMAGE,
                                N_ ("These events have lost their call stacks.") },
    [HS_NOTE_TRUNCATED] = { HS_SEVERITY_DAMAGE, N_ ("What came after the cut is missing.") },
    [HS_NOTE_LINE_DAMAGED] = { HS_SEVERITY_DAMAGE, N_ ("These lines were left out.") },
    [HS_NOTE_CLOCK] = { HS_SEVERITY_WARNING, N_ ("Times may be wrong.") },
    [HS_NOTE_OUT_OF_ORDER] = { HS_SEVERITY_INFO,
                               N_ ("Their times were set to that of the record before.") },
    [HS_NOTE_PAYLOAD_SHORT] = { HS_SEVERITY_DAMAGE, N_ ("These records were left out.") },
    [HS_NOTE_VALUE_ABSURD] = { HS_SEVERITY_DAMAGE, N_ ("Values that cannot be were not counted.") },
    [HS_NOTE_UNSUPPORTED] = { HS_SEVERITY_WARNING, N_ ("This program cannot read these parts.") },
    [HS_NOTE_SEQUENCE_GAP] = { HS_SEVERITY_WARNING,
                               N_ ("Events are missing: blocks may look leaked or unknown.") },
    [HS_NOTE_EVENTS_LOST] = { HS_SEVERITY_WARNING,
                              N_ ("Events are missing: blocks may look leaked or unknown.") },
    [HS_NOTE_RECORDING_GAP] = { HS_SEVERITY_WARNING,
                                N_ ("In these times blocks came and went unseen: what is older may "
                                    "have been freed.") },
    [HS_NOTE_UNSURE_BLOCKS] = { HS_SEVERITY_WARNING,
                                N_ ("They are outstanding and older than a gap: whether they "
                                    "leaked is not known.") },
    [HS_NOTE_NOT_FINALIZED] = { HS_SEVERITY_WARNING,
                                N_ ("The recorder did not finish; the end may be missing.") },
    [HS_NOTE_STACK_UNRESOLVED] = { HS_SEVERITY_WARNING,
                                   N_ ("These allocations have no call stack in trees.") },
    [HS_NOTE_UNMATCHED_FREE] = { HS_SEVERITY_INFO,
                                 N_ ("Usually blocks allocated before the recording began.") },
    [HS_NOTE_DUPLICATE_ALLOC] = { HS_SEVERITY_WARNING, N_ ("The free in between was lost; the "
                                                           "older block was closed.") },
    [HS_NOTE_UNSEEN] = { HS_SEVERITY_WARNING,
                         N_ ("What was allocated and freed there is not in the recording.") },
    [HS_NOTE_INDEX] = { HS_SEVERITY_INFO,
                        N_ ("The recording itself was read instead; every number is right.") },
    [HS_NOTE_MISMATCHED_FREE] = { HS_SEVERITY_WARNING,
                                  N_ ("What new gave only delete may take, new[] only delete[], "
                                      "malloc only free: the program is wrong here.") },
    [HS_NOTE_OTHER] = { HS_SEVERITY_INFO, "" },
    [HS_NOTE_SHORTAGE] = { HS_SEVERITY_INFO,
                           N_ ("Every number is right; questions may take longer.") },
};

enum hs_severity hs_note_severity (enum hs_note_kind kind)
{
    return kinds[kind].severity;
}

const char *hs_severity_name (enum hs_severity severity)
{
    static const char *const names[] = { N_ ("info"), N_ ("warning"), N_ ("damage") };

    return names[severity];
}

/* The rows while they are gathered, one per kind at most. */
struct gather {
    struct hs_finding_row rows[HS_N_NOTE_KINDS];
    bool is_set[HS_N_NOTE_KINDS];
};

/* What the counters say; the decoder's own note of the same kind has the better sentence. */
static void add_counted (struct gather *gather, enum hs_note_kind kind, uint64_t count)
{
    if (count == 0)
        return;
    if (!gather->is_set[kind])
        gather->rows[kind] = (struct hs_finding_row){ .file_offset = HS_NO_OFFSET, .example = "" };
    gather->is_set[kind] = true;
    if (gather->rows[kind].count < count)
        gather->rows[kind].count = count;
}

static void add_all (struct gather *gather, const struct hs_tables *tables)
{
    for (size_t i = 0; i < tables->findings.n; i++) {
        const struct hs_finding *finding = &tables->findings.items[i];

        gather->is_set[finding->kind] = true;
        gather->rows[finding->kind] = (struct hs_finding_row){
            .count = finding->count,
            .file_offset = finding->file_offset,
            .example = hs_intern_text (&tables->strings, finding->example),
        };
    }
    add_counted (gather, HS_NOTE_UNMATCHED_FREE, tables->totals.unmatched_frees);
    add_counted (gather, HS_NOTE_DUPLICATE_ALLOC, tables->totals.duplicate_allocs);
    add_counted (gather, HS_NOTE_EVENTS_LOST, tables->lost_events);
    add_counted (gather, HS_NOTE_RECORDING_GAP, tables->gaps.n);
    add_counted (gather, HS_NOTE_UNSURE_BLOCKS, tables->unsure.count);
    /* a recording without any stacks was made so on purpose */
    if (tables->stack_events_set > 0)
        add_counted (gather, HS_NOTE_STACK_UNRESOLVED,
                     tables->stack_events - tables->stack_events_set);
}

/* One block: the list, then the examples. */
static struct hs_finding_list *lay_out (const struct gather *gather)
{
    size_t n = 0, n_text = 0;
    struct hs_finding_list *list;
    char *place;

    for (int kind = 0; kind < HS_N_NOTE_KINDS; kind++) {
        if (gather->is_set[kind]) {
            n++;
            n_text += strlen (gather->rows[kind].example) + 1;
        }
    }
    list = hs_alloc_zeroed (1, sizeof *list + n * sizeof list->rows[0] + n_text);
    if (list == NULL)
        return NULL;
    place = (char *)(list->rows + n);
    for (int severity = HS_SEVERITY_DAMAGE; severity >= HS_SEVERITY_INFO; severity--) {
        for (int kind = 0; kind < HS_N_NOTE_KINDS; kind++) {
            struct hs_finding_row *row = &list->rows[list->n];
            size_t n_bytes;

            if (!gather->is_set[kind] || (int)kinds[kind].severity != severity)
                continue;
            *row = gather->rows[kind];
            row->kind = (enum hs_note_kind)kind;
            row->severity = kinds[kind].severity;
            row->explanation = kinds[kind].explanation;
            n_bytes = strlen (row->example) + 1;
            row->example = memcpy (place, row->example, n_bytes);
            place += n_bytes;
            if (severity == HS_SEVERITY_DAMAGE)
                list->n_damages = hs_add_saturated (list->n_damages, row->count);
            list->n++;
        }
    }
    atomic_init (&list->n_references, 1);
    return list;
}

enum hs_status hs_findings (const struct hs_snapshot *snapshot, struct hs_finding_list **ret,
                            struct hs_error *err)
{
    struct gather gather = { 0 };
    struct hs_finding_list *list;

    add_all (&gather, hs_trace_lock (snapshot->trace));
    list = lay_out (&gather); /* the examples are still the tables' */
    hs_trace_unlock (snapshot->trace);
    if (list == NULL)
        return hs_error_no_memory (err);
    *ret = list;
    return HS_OK;
}

struct hs_finding_list *hs_findings_ref (struct hs_finding_list *list)
{
    atomic_fetch_add_explicit (&list->n_references, 1, memory_order_relaxed);
    return list;
}

void hs_findings_unref (struct hs_finding_list *list)
{
    if (list != NULL &&
        atomic_fetch_sub_explicit (&list->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (list);
}
