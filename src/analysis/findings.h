/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a reader should know before trusting the numbers: damage that the decoder met, and doubts
 * that follow from what was counted (lost records, unmatched frees, stacks that never came).
 */
#ifndef HS_ANALYSIS_FINDINGS_H
#define HS_ANALYSIS_FINDINGS_H

#include "trace/trace.h"

enum hs_severity {
    HS_SEVERITY_INFO,    /* good to know; every number is right */
    HS_SEVERITY_WARNING, /* the recording is incomplete: numbers may be off */
    HS_SEVERITY_DAMAGE,  /* data of the file could not be read */
};

struct hs_finding_row {
    enum hs_note_kind kind;
    enum hs_severity severity;
    uint64_t count;
    uint64_t file_offset;    /* of the first, HS_NO_OFFSET = none */
    const char *explanation; /* what it means for the numbers: N_(), to be translated */
    const char *example;     /* the first one's sentence, English; "" */
};

struct hs_finding_list {
    _Atomic int n_references;
    uint64_t n_damages; /* sum of the counts of DAMAGE */
    uint32_t n;
    struct hs_finding_row rows[]; /* most severe first, then in order of enum hs_note_kind */
};

/* Any thread. */
enum hs_status hs_findings (const struct hs_snapshot *snapshot, struct hs_finding_list **ret,
                            struct hs_error *err);
struct hs_finding_list *hs_findings_ref (struct hs_finding_list *list);
void hs_findings_unref (struct hs_finding_list *list); /* NULL is allowed */

enum hs_severity hs_note_severity (enum hs_note_kind kind);
const char *hs_severity_name (enum hs_severity severity); /* "warning": stable, N_() */

#endif
