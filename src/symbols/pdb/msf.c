/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams out of blocks; see msf.h. */
#include "symbols/pdb/msf.h"

#include "base/memory.h"

#include <string.h>

#define SUPERBLOCK_BYTES 56u
#define NIL_SIZE UINT32_C (0xffffffff) /* a stream that was deleted */

static const char magic[32] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
                              "DS\0\0";

static uint32_t blocks_of (const struct hs_msf *msf, uint32_t n_bytes)
{
    return (uint32_t)(((uint64_t)n_bytes + msf->block_size - 1) / msf->block_size);
}

/* Gathers `size` bytes from the blocks whose numbers stand in `numbers`; false when one of them is
 * outside the file. */
static bool gather (const struct hs_msf *msf, struct hs_span numbers, uint32_t size, uint8_t *to)
{
    uint32_t n = blocks_of (msf, size);

    if (numbers.size / 4 < n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)hs_get_u32 (numbers.data + 4 * (size_t)i) * msf->block_size;
        uint32_t part = i + 1 < n ? msf->block_size : size - i * msf->block_size;

        if (!hs_span_has (msf->file, at, part))
            return false;
        memcpy (to + (size_t)i * msf->block_size, msf->file.data + at, part);
    }
    return true;
}

/* Where each stream's block numbers begin; false when they do not fit into the directory. */
static bool index_streams (struct hs_msf *msf)
{
    uint64_t at = 4 + 4 * (uint64_t)msf->n_streams;

    for (uint32_t i = 0; i < msf->n_streams; i++) {
        uint32_t size = hs_msf_stream_size (msf, i);

        msf->first_blocks[i] = (uint32_t)at;
        at += 4 * (uint64_t)blocks_of (msf, size);
        if (size > msf->file.size || at > msf->directory_size)
            return false;
    }
    return true;
}

static enum hs_status read_directory (struct hs_msf *msf, struct hs_error *err)
{
    uint64_t map_at = (uint64_t)hs_get_u32 (msf->file.data + 52) * msf->block_size;
    struct hs_span numbers = hs_span_part (msf->file, map_at, SIZE_MAX);

    if (msf->directory_size < 4 || msf->directory_size > msf->file.size)
        return hs_error_set (err, HS_DAMAGED, 44, "the stream directory has an impossible size");
    msf->directory = hs_alloc_array (msf->directory_size, 1);
    if (msf->directory == NULL)
        return hs_error_no_memory (err);
    if (map_at >= msf->file.size || !gather (msf, numbers, msf->directory_size, msf->directory))
        return hs_error_set (err, HS_DAMAGED, 52, "the stream directory lies outside the file");
    msf->n_streams = hs_get_u32 (msf->directory);
    if (msf->n_streams > (msf->directory_size - 4) / 4)
        return hs_error_set (err, HS_DAMAGED, 0, "the directory counts more streams than it holds");
    msf->first_blocks = hs_alloc_array (msf->n_streams, sizeof *msf->first_blocks);
    if (msf->first_blocks == NULL)
        return hs_error_no_memory (err);
    if (!index_streams (msf))
        return hs_error_set (err, HS_DAMAGED, 0, "a stream is longer than the file");
    return HS_OK;
}

enum hs_status hs_msf_open (struct hs_span file, struct hs_msf *ret, struct hs_error *err)
{
    struct hs_msf msf = { .file = file };
    enum hs_status status;

    if (file.size < SUPERBLOCK_BYTES || memcmp (file.data, magic, sizeof magic) != 0)
        return hs_error_set (err, HS_UNSUPPORTED, 0, "not a PDB file (MSF 7.00)");
    msf.block_size = hs_get_u32 (file.data + 32);
    msf.directory_size = hs_get_u32 (file.data + 44);
    if (msf.block_size < 512 || msf.block_size > 65536 ||
        (msf.block_size & (msf.block_size - 1)) != 0)
        return hs_error_set (err, HS_DAMAGED, 32, "%u is no block size", msf.block_size);
    status = read_directory (&msf, err);
    if (status != HS_OK) {
        hs_msf_clear (&msf);
        return status;
    }
    *ret = msf;
    return HS_OK;
}

void hs_msf_clear (struct hs_msf *msf)
{
    hs_free (msf->directory);
    hs_free (msf->first_blocks);
    *msf = (struct hs_msf){ 0 };
}

uint32_t hs_msf_stream_size (const struct hs_msf *msf, uint32_t stream)
{
    uint32_t size;

    if (stream >= msf->n_streams)
        return 0;
    size = hs_get_u32 (msf->directory + 4 + 4 * (size_t)stream);
    return size == NIL_SIZE ? 0 : size;
}

enum hs_status hs_msf_read (const struct hs_msf *msf, uint32_t stream, uint8_t **ret,
                            struct hs_error *err)
{
    uint32_t size = hs_msf_stream_size (msf, stream);
    struct hs_span directory = { msf->directory, msf->directory_size };
    uint8_t *bytes;

    if (size == 0) {
        *ret = NULL;
        return HS_OK;
    }
    bytes = hs_alloc_array (size, 1);
    if (bytes == NULL)
        return hs_error_no_memory (err);
    if (!gather (msf, hs_span_part (directory, msf->first_blocks[stream], SIZE_MAX), size, bytes)) {
        hs_free (bytes);
        return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "stream %u lies outside the file",
                             stream);
    }
    *ret = bytes;
    return HS_OK;
}
