/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The records of heaptrack files, one at a time; heaptrack_format.c drives this over a file.
 *
 * Layout and checks: formats/heaptrack.md. One process, one heap, ticks of 1 ms in steps of 10.
 * Interpreted files have no addresses: they are invented, and a free ends the newest block of its
 * allocation info. Frames are told as return addresses (pointer + 1). One thread at a time.
 */
#ifndef HS_DECODE_HEAPTRACK_RECORDS_H
#define HS_DECODE_HEAPTRACK_RECORDS_H

#include "decode/heaptrack_lines.h"
#include "decode/heaptrack_modules.h"
#include "decode/heaptrack_tables.h"
#include "decode/note_pile.h"

#define HS_HEAPTRACK_NEWEST 3 /* file version */
#define HS_HEAPTRACK_PROCESS 0u
#define HS_HEAPTRACK_MAX_INLINED 255u
#define HS_HEAPTRACK_RECORD_ROOM (HS_HEAPTRACK_MAX_INLINED + 8) /* most events of one record */

enum hs_heaptrack_stage {
    HS_HEAPTRACK_UNKNOWN,
    HS_HEAPTRACK_RAW,
    HS_HEAPTRACK_INTERPRETED,
};

struct hs_heaptrack {
    struct hs_lines lines;
    struct hs_heaptrack_tables tables;
    struct hs_heaptrack_modules modules;
    struct hs_note_pile notes;
    enum hs_heaptrack_stage stage;
    uint32_t version;
    bool has_pointers; /* `+` and `-` carry them */
    bool has_begun, has_command, has_executable;
    bool has_time;
    int64_t time;  /* ms: the last `c` */
    uint64_t last; /* as in upstream: info of the newest event if that was an allocation, else 0 */
    uint64_t page_bytes;
    struct hs_process_fields process; /* texts are in tables.texts */
    uint64_t n_records;
    uint64_t n_records_told, n_long_told;
    uint64_t n_by_letter[128];
};

/* Takes the lines of self->lines that are there as long as the batch has `room`. */
enum hs_status hs_heaptrack_read_lines (struct hs_heaptrack *self, uint32_t room,
                                        struct hs_event_batch *out, struct hs_error *err);

/* The fields of a `v` record: program version and file version. */
bool hs_heaptrack_parse_version (struct hs_fields *fields, uint64_t *ret_program,
                                 uint64_t *ret_version);

/* HS_UNSUPPORTED with both numbers when the file version is too new. */
enum hs_status hs_heaptrack_check_version (uint64_t program, uint64_t version,
                                           struct hs_error *err);

#endif
