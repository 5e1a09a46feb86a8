/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The closing index of a recording: a trace as it was after a full load, written behind the
 * recording's end, so that opening again costs the tables only. Layout: decode/hst/FORMAT.md 9.
 *
 * A trace opened by its index answers every question as after a full load. Columns come from the
 * file chunk by chunk on first use (pread; a mapping would die with the file), are checked there,
 * and when one is damaged all that is not in memory yet comes from a full load of the recording,
 * which becomes a finding. Only when that fails too, hs_trace_check says so, and answers are void.
 */
#ifndef HS_TRACE_INDEX_FILE_H
#define HS_TRACE_INDEX_FILE_H

#include "base/cancel.h"
#include "trace/trace.h"

#define HS_INDEX_MAGIC "HSTIDX\r\n"     /* the section begins with it … */
#define HS_INDEX_END_MAGIC "HSTINX\r\n" /* … and its last 32 bytes do */
#define HS_INDEX_TRAILER_BYTES 32u

/* Where a closed recording ends in its file, and its index, when there is one. */
struct hs_extent {
    uint64_t recording_bytes; /* the index begins there */
    uint32_t recording_seal;  /* check sum of the recording's last bytes: whose index it is */
    uint64_t index_bytes;     /* 0 = none */
};

/* How to read the recording itself, for the day the index fails. */
struct hs_index_fallback {
    /* A finished trace, which the caller frees; NULL when there is none to be had. Any thread. */
    struct hs_trace *(*load) (void *self);
    void (*free) (void *self);
    void *self;
};

/*
 * Writes the index of a finished trace to `fd` behind the recording (pwrite). *ret_bytes is its
 * size. On failure what was written is the caller's to cut off. `cancel` may be NULL.
 */
enum hs_status hs_index_write (const struct hs_trace *trace, int fd, const struct hs_extent *extent,
                               const struct hs_cancel *cancel, uint64_t *ret_bytes,
                               struct hs_error *err);

/*
 * Makes a new trace the one that the index tells of, finished. Takes `fd` and the fallback over in
 * all cases. When this fails (HS_DAMAGED, HS_UNSUPPORTED, HS_IO, HS_NO_MEMORY) the trace is as new.
 */
enum hs_status hs_index_open_take (struct hs_trace *trace, int fd, const struct hs_extent *extent,
                                   const struct hs_index_fallback *fallback, struct hs_error *err);

#endif
