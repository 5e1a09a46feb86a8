/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes, wherever they come from: a file, a growing file, memory, or what a packed file holds.
 *
 * A reader owns one window per place it reads at; hs_source_view lends bytes through it until the
 * next call with that window. A source may be used by several windows of one thread at a time.
 * Files are read with pread, never mapped: a file that is cut under us must not kill us.
 */
#ifndef HS_DECODE_SOURCE_H
#define HS_DECODE_SOURCE_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/span.h"

struct hs_source;

struct hs_window {
    uint8_t *bytes; /* owned; NULL until needed */
    size_t capacity;
    uint64_t offset; /* of bytes[0] in the source */
    size_t n;        /* valid bytes */
};

enum hs_source_mode {
    HS_SOURCE_WHOLE,  /* the end of the file is the end: HS_END */
    HS_SOURCE_FOLLOW, /* the file may still grow: HS_AGAIN at its end */
};

/* `path` is opened for reading and must be a regular file (HS_IO, HS_UNSUPPORTED otherwise). */
enum hs_status hs_source_open_file (const char *path, enum hs_source_mode mode,
                                    struct hs_source **ret, struct hs_error *err);

/* Over bytes that the caller keeps alive. `name` is copied and used in sentences. */
enum hs_status hs_source_open_memory (struct hs_span bytes, const char *name,
                                      struct hs_source **ret, struct hs_error *err);

/* For sources made elsewhere (decode/unpack.c). `read` has the contract of hs_source_read. */
struct hs_source_class {
    enum hs_status (*read) (void *self, uint64_t offset, void *buffer, size_t n, size_t *ret_n,
                            struct hs_error *err);
    uint64_t (*size) (void *self); /* bytes known so far */
    double (*progress) (void *self, uint64_t offset);
    void (*close) (void *self);
    /* Optional: a descriptor of the same file for somebody else's pread and close, -1 = none. */
    int (*dup_fd) (void *self);
    void (*will_need) (void *self, uint64_t offset, size_t n); /* optional */
};
/* `self` stays the caller's when this fails. In HS_SOURCE_FOLLOW the end means HS_AGAIN. */
enum hs_status hs_source_new (const struct hs_source_class *class, void *self, const char *name,
                              enum hs_source_mode mode, struct hs_source **ret,
                              struct hs_error *err);

/*
 * Lends `n` bytes (n > 0, at most 64 MiB) from `offset`. HS_END: the source ends before
 * offset + n. HS_AGAIN: not there yet. HS_OK is the only outcome that sets *ret.
 */
enum hs_status hs_source_view (struct hs_source *source, struct hs_window *window, uint64_t offset,
                               size_t n, struct hs_span *ret, struct hs_error *err);

/*
 * Copies up to `n` bytes from `offset`; *ret_n says how many (fewer only at the end of what is
 * there, then 0). HS_END with *ret_n = 0 at the end, HS_AGAIN when more may come.
 */
enum hs_status hs_source_read (struct hs_source *source, uint64_t offset, void *buffer, size_t n,
                               size_t *ret_n, struct hs_error *err);

/* A hint that bytes will be read soon: a disk brings many places at once sooner than one by one. */
void hs_source_will_need (struct hs_source *source, uint64_t offset, size_t n);

/* A descriptor of the file for somebody else's pread and close; -1 when there is no plain file. */
int hs_source_dup_fd (struct hs_source *source);

/* Bytes known so far: the file's size now, or what has been unpacked. */
uint64_t hs_source_size (struct hs_source *source);

/* How much of the input lies before `offset`, 0..1 (for packed input: of the packed bytes). */
double hs_source_progress (struct hs_source *source, uint64_t offset);

const char *hs_source_name (const struct hs_source *source);
enum hs_source_mode hs_source_mode (const struct hs_source *source);

/* From now on, once the flag is set nothing more is read: HS_CANCELLED. NULL: nobody asks. Lent. */
void hs_source_set_cancel (struct hs_source *source, const struct hs_cancel *cancel);

/* Nobody writes it any more: from now on its end is the end. */
void hs_source_stop_following (struct hs_source *source);
void hs_source_close (struct hs_source *source); /* NULL is allowed */
void hs_window_clear (struct hs_window *window);

#endif
