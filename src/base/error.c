/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors as values; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill (struct hs_error *err, enum hs_status status, int system_errno,
                  uint64_t file_offset)
{
    err->status = status;
    err->system_errno = system_errno;
    err->file_offset = file_offset;
}

enum hs_status hs_error_set (struct hs_error *err, enum hs_status status, uint64_t file_offset,
                             const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    fill (err, status, 0, file_offset);
    va_start (args, format);
    (void)vsnprintf (err->text, sizeof err->text, format, args);
    va_end (args);
    return status;
}

enum hs_status hs_error_set_errno (struct hs_error *err, int system_errno, const char *format, ...)
{
    va_list args;
    size_t used;

    if (err == NULL)
        return HS_IO;
    fill (err, HS_IO, system_errno, HS_NO_OFFSET);
    va_start (args, format);
    (void)vsnprintf (err->text, sizeof err->text, format, args);
    va_end (args);
    used = strlen (err->text);
    (void)snprintf (err->text + used, sizeof err->text - used, ": %s", strerror (system_errno));
    return HS_IO;
}

enum hs_status hs_error_prefix (struct hs_error *err, enum hs_status status, const char *format,
                                ...)
{
    char sentence[HS_ERROR_TEXT_SIZE];
    va_list args;
    size_t used;

    if (err == NULL)
        return status;
    memcpy (sentence, err->text, sizeof sentence);
    va_start (args, format);
    (void)vsnprintf (err->text, sizeof err->text, format, args);
    va_end (args);
    used = strlen (err->text);
    (void)snprintf (err->text + used, sizeof err->text - used, ": %s", sentence);
    return status;
}

enum hs_status hs_error_no_memory (struct hs_error *err)
{
    return hs_error_set (err, HS_NO_MEMORY, HS_NO_OFFSET, "out of memory");
}
