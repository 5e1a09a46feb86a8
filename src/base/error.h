/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One error: a status, where in the input it happened, and a complete sentence.
 *
 * An error is a value without allocations, so it can be made when memory has run out. It gains
 * context on the way up: "buffer 12: heap event at 0x1a40: size is over the limit".
 * Every `struct hs_error *` parameter is last and may be NULL.
 */
#ifndef HS_BASE_ERROR_H
#define HS_BASE_ERROR_H

#include "base/status.h"

#include <stdint.h>

#define HS_ERROR_TEXT_SIZE 512

struct hs_error {
    enum hs_status status;
    int system_errno;     /* 0 when the system was not involved */
    uint64_t file_offset; /* bytes; HS_NO_OFFSET when the input has no part in it */
    char text[HS_ERROR_TEXT_SIZE];
};

#define HS_NO_OFFSET UINT64_MAX

/* Fills `err` (may be NULL) and returns `status`, so that a failure is one statement. */
enum hs_status hs_error_set (struct hs_error *err, enum hs_status status, uint64_t file_offset,
                             const char *format, ...) __attribute__ ((format (printf, 4, 5)));

/* As hs_error_set for HS_IO: appends the text of `system_errno`. */
enum hs_status hs_error_set_errno (struct hs_error *err, int system_errno, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* Puts "context: " in front of the sentence; returns the error's status. */
enum hs_status hs_error_prefix (struct hs_error *err, enum hs_status status, const char *format,
                                ...) __attribute__ ((format (printf, 3, 4)));

/* "out of memory" for every allocation that failed. */
enum hs_status hs_error_no_memory (struct hs_error *err);

#endif
