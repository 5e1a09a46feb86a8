/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MSF 7.00, the container of PDB files: numbered streams, each scattered over blocks of the file.
 * (Layout: the "MSF File Format" chapter of LLVM's PDB documentation.)
 *
 * The file's bytes are borrowed for the lifetime of the container. One thread at a time. Nothing a
 * file says is believed: a stream is at most as long as the file, its blocks lie inside it.
 */
#ifndef HS_SYMBOLS_PDB_MSF_H
#define HS_SYMBOLS_PDB_MSF_H

#include "base/error.h"
#include "base/span.h"

struct hs_msf {
    struct hs_span file;
    uint32_t block_size; /* bytes, a power of two */
    uint32_t n_streams;
    uint8_t *directory;      /* owned */
    uint32_t directory_size; /* bytes */
    uint32_t *first_blocks;  /* per stream: where its block numbers begin in the directory; owned */
};

/* HS_UNSUPPORTED when it is no MSF 7.00 file, HS_DAMAGED when its directory cannot be read. */
enum hs_status hs_msf_open (struct hs_span file, struct hs_msf *ret, struct hs_error *err);
void hs_msf_clear (struct hs_msf *msf); /* a zeroed one too */

/* Bytes of a stream; 0 when there is no such stream. */
uint32_t hs_msf_stream_size (const struct hs_msf *msf, uint32_t stream);

/* The stream in one piece, owned by the caller (hs_free). An absent stream is empty: *ret = NULL.
 */
enum hs_status hs_msf_read (const struct hs_msf *msf, uint32_t stream, uint8_t **ret,
                            struct hs_error *err);

#endif
