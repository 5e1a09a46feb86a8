/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sums per call stack for a filter: what every tree, list and report is made of. One scan of rows.
 */
#ifndef HS_ANALYSIS_STACK_SUMS_H
#define HS_ANALYSIS_STACK_SUMS_H

#include "analysis/filter.h"

struct hs_sums {
    uint64_t count[4], bytes[4];         /* AIFI, AIFO, AOFI, AOFO */
    uint64_t peak_count, peak_bytes;     /* alive at the peak moment given to the query */
    uint64_t temporary;                  /* blocks of the range freed at once (AIFI) */
    uint64_t unsure_count, unsure_bytes; /* of outstanding: older than a gap, perhaps freed in it */
};

static inline uint64_t hs_sums_opened_bytes (const struct hs_sums *sums)
{
    return sums->bytes[0] + sums->bytes[1];
}

static inline uint64_t hs_sums_opened_count (const struct hs_sums *sums)
{
    return sums->count[0] + sums->count[1];
}

static inline uint64_t hs_sums_outstanding_bytes (const struct hs_sums *sums)
{
    return sums->bytes[1] + sums->bytes[3];
}

static inline uint64_t hs_sums_outstanding_count (const struct hs_sums *sums)
{
    return sums->count[1] + sums->count[3];
}

void hs_sums_add (struct hs_sums *to, const struct hs_sums *from);

/* Whose stacks blocks are put under. */
enum hs_stacks_of {
    HS_STACKS_OF_BIRTHS, /* who allocated them */
    HS_STACKS_OF_ENDS,   /* who freed them, whenever; only where frees were recorded with stacks */
};

struct hs_stack_sum {
    uint32_t node; /* leaf node of the stack; HS_NODE_NONE: no stack, or not yet known */
    hs_process_id process;
    hs_row_no row;     /* the newest row of it that was looked at, and the stack was taken at its */
    bool is_of_end;    /* end, not its birth */
    bool is_not_freed; /* of ends: these blocks have none in the snapshot */
    bool has_time;     /* `time` is that of the birth */
    int64_t time;
    struct hs_sums sums;
};

struct hs_stack_sums {
    uint32_t n;
    struct hs_sums total;
    hs_event_no peak_event; /* the moment peak_* means; HS_NO_EVENT when nothing was ever live */
    int64_t peak_time;
    struct hs_stack_sum stacks[]; /* by node, is_not_freed, process; those with any sum */
};

/* Any thread. The peak moment is that of the filtered process (or of all) in the whole trace. */
enum hs_status hs_stack_sums (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_cancel *cancel, struct hs_stack_sums **ret,
                              struct hs_error *err);
/* Sets the sums of all other classes to 0, in the total too; the peak stays. */
void hs_stack_sums_keep_classes (struct hs_stack_sums *sums, enum hs_class_mask classes);
/* The same by birth or end. */
enum hs_status hs_stack_sums_of (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                 enum hs_stacks_of stacks_of, const struct hs_cancel *cancel,
                                 struct hs_stack_sums **ret, struct hs_error *err);
/* When the stack was taken (of several times, one), ticks. */
int64_t hs_stack_sum_time (const struct hs_snapshot *snapshot, const struct hs_stack_sum *stack);
void hs_stack_sums_free (struct hs_stack_sums *sums);

#endif
