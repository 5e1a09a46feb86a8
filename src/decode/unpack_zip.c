/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ZIP through libarchive; see unpack_zip.h. Both ways of libarchive are enabled: by the central
 * directory at the end, and, where that is missing (a file cut off), from local header to header.
 *
 * The library is loaded with the first ZIP: it brings seven others along, which took every command,
 * also the recorder, 2.5 ms of its start.
 */
#include "decode/unpack_zip.h"

#include "base/memory.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES (64u << 10)

#if ARCHIVE_VERSION_NUMBER / 1000000 != 3
#error "another libarchive than that which is loaded"
#endif
#define LIBRARY "libarchive.so.13" /* every version 3 */

struct library {
    __typeof__ (archive_entry_filetype) *entry_filetype;
    __typeof__ (archive_entry_pathname) *entry_pathname;
    __typeof__ (archive_entry_pathname_utf8) *entry_pathname_utf8;
    __typeof__ (archive_error_string) *error_string;
    __typeof__ (archive_read_data_block) *read_data_block;
    __typeof__ (archive_read_free) *read_free;
    __typeof__ (archive_read_new) *read_new;
    __typeof__ (archive_read_next_header) *read_next_header;
    __typeof__ (archive_read_open1) *read_open1;
    __typeof__ (archive_read_set_callback_data) *read_set_callback_data;
    __typeof__ (archive_read_set_read_callback) *read_set_read_callback;
    __typeof__ (archive_read_set_seek_callback) *read_set_seek_callback;
    __typeof__ (archive_read_set_skip_callback) *read_set_skip_callback;
    __typeof__ (archive_read_support_format_zip) *read_support_format_zip;
    __typeof__ (archive_set_error) *set_error;
};

static const struct function {
    const char *name;
    size_t place; /* in struct library */
} functions[] = {
    { "archive_entry_filetype", offsetof (struct library, entry_filetype) },
    { "archive_entry_pathname", offsetof (struct library, entry_pathname) },
    { "archive_entry_pathname_utf8", offsetof (struct library, entry_pathname_utf8) },
    { "archive_error_string", offsetof (struct library, error_string) },
    { "archive_read_data_block", offsetof (struct library, read_data_block) },
    { "archive_read_free", offsetof (struct library, read_free) },
    { "archive_read_new", offsetof (struct library, read_new) },
    { "archive_read_next_header", offsetof (struct library, read_next_header) },
    { "archive_read_open1", offsetof (struct library, read_open1) },
    { "archive_read_set_callback_data", offsetof (struct library, read_set_callback_data) },
    { "archive_read_set_read_callback", offsetof (struct library, read_set_read_callback) },
    { "archive_read_set_seek_callback", offsetof (struct library, read_set_seek_callback) },
    { "archive_read_set_skip_callback", offsetof (struct library, read_set_skip_callback) },
    { "archive_read_support_format_zip", offsetof (struct library, read_support_format_zip) },
    { "archive_set_error", offsetof (struct library, set_error) },
};

/* It stays loaded: what it brings along is not made to be taken out again. */
static enum hs_status load_library (struct library *library, struct hs_error *err)
{
    void *module = dlopen (LIBRARY, RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; module != NULL && i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym (module, functions[i].name);

        if (function == NULL)
            module = NULL;
        memcpy ((char *)library + functions[i].place, &function, sizeof function);
    }
    return module != NULL ? HS_OK
                          : hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                                          "ZIP: no libarchive to unpack it with: %s", dlerror ());
}

struct hs_zip {
    struct library lib;
    struct hs_source *packed;
    struct archive *archive;
    uint64_t position; /* where libarchive reads next */
    uint64_t n_read;
    uint64_t n_out;             /* of the current member */
    struct hs_error read_error; /* of the source; status HS_OK = none */
    uint8_t block[BLOCK_BYTES];
};

static la_ssize_t give_bytes (struct archive *archive, void *data, const void **ret)
{
    struct hs_zip *zip = data;
    size_t n = 0;
    enum hs_status status =
        hs_source_read (zip->packed, zip->position, zip->block, BLOCK_BYTES, &n, &zip->read_error);

    if (hs_status_is_error (status)) {
        zip->lib.set_error (archive, zip->read_error.system_errno, "%s", zip->read_error.text);
        return -1;
    }
    zip->position += n;
    zip->n_read += n;
    *ret = zip->block;
    return (la_ssize_t)n;
}

static la_int64_t skip_bytes (struct archive *archive, void *data, la_int64_t n)
{
    struct hs_zip *zip = data;
    uint64_t size = hs_source_size (zip->packed);
    uint64_t rest = size > zip->position ? size - zip->position : 0;

    (void)archive;
    if (n <= 0)
        return 0;
    if ((uint64_t)n > rest)
        n = (la_int64_t)rest;
    zip->position += (uint64_t)n;
    return n;
}

static la_int64_t seek_bytes (struct archive *archive, void *data, la_int64_t offset, int whence)
{
    struct hs_zip *zip = data;
    la_int64_t from = whence == SEEK_SET   ? 0
                      : whence == SEEK_CUR ? (la_int64_t)zip->position
                                           : (la_int64_t)hs_source_size (zip->packed);
    la_int64_t to;

    (void)archive;
    if (__builtin_add_overflow (from, offset, &to) || to < 0)
        return ARCHIVE_FATAL;
    zip->position = (uint64_t)to;
    return to;
}

static enum hs_status failure (struct hs_zip *zip, struct hs_error *err)
{
    const char *sentence = zip->lib.error_string (zip->archive);

    if (zip->read_error.status != HS_OK) {
        if (err != NULL)
            *err = zip->read_error;
        return zip->read_error.status;
    }
    return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "ZIP: %s",
                         sentence != NULL ? sentence : "unknown damage");
}

enum hs_status hs_zip_open (struct hs_source *packed, struct hs_zip **ret, struct hs_error *err)
{
    struct hs_zip *zip = HS_NEW (struct hs_zip);
    enum hs_status status;

    if (zip == NULL)
        return hs_error_no_memory (err);
    status = load_library (&zip->lib, err);
    if (status != HS_OK) {
        hs_free (zip);
        return status;
    }
    zip->packed = packed;
    zip->archive = zip->lib.read_new ();
    if (zip->archive == NULL) {
        hs_free (zip);
        return hs_error_no_memory (err);
    }
    (void)zip->lib.read_support_format_zip (zip->archive);
    (void)zip->lib.read_set_callback_data (zip->archive, zip);
    (void)zip->lib.read_set_read_callback (zip->archive, give_bytes);
    (void)zip->lib.read_set_skip_callback (zip->archive, skip_bytes);
    (void)zip->lib.read_set_seek_callback (zip->archive, seek_bytes);
    if (zip->lib.read_open1 (zip->archive) != ARCHIVE_OK) {
        status = failure (zip, err);
        hs_zip_close (zip);
        return status;
    }
    *ret = zip;
    return HS_OK;
}

enum hs_status hs_zip_next_member (struct hs_zip *zip, const char **ret_name, struct hs_error *err)
{
    struct archive_entry *entry;
    const char *name;
    int outcome;

    do {
        outcome = zip->lib.read_next_header (zip->archive, &entry);
        if (outcome == ARCHIVE_EOF)
            return HS_END;
        if (outcome < ARCHIVE_WARN)
            return failure (zip, err);
    } while (zip->lib.entry_filetype (entry) != AE_IFREG);
    name = zip->lib.entry_pathname_utf8 (entry);
    if (name == NULL)
        name = zip->lib.entry_pathname (entry);
    zip->n_out = 0;
    *ret_name = name != NULL ? name : "?";
    return HS_OK;
}

enum hs_status hs_zip_read (struct hs_zip *zip, struct hs_span *ret, struct hs_error *err)
{
    const void *bytes = NULL;
    size_t n = 0;
    la_int64_t offset = (la_int64_t)zip->n_out;
    int outcome = zip->lib.read_data_block (zip->archive, &bytes, &n, &offset);

    *ret = (struct hs_span){ NULL, 0 };
    if (outcome == ARCHIVE_EOF)
        return HS_END;
    if (n > 0 && (uint64_t)offset != zip->n_out)
        return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "ZIP: a member has holes");
    /* A wrong checksum, or an end that is cut off, comes together with the last bytes. */
    *ret = (struct hs_span){ bytes, n };
    zip->n_out += n;
    return outcome == ARCHIVE_OK ? HS_OK : failure (zip, err);
}

uint64_t hs_zip_bytes_read (const struct hs_zip *zip)
{
    return zip->n_read;
}

void hs_zip_close (struct hs_zip *zip)
{
    if (zip == NULL)
        return;
    (void)zip->lib.read_free (zip->archive);
    hs_free (zip);
}
