/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks of the range index in the closing index: FORMAT.md 9, "blocks". */
#include "trace/index_private.h"

/* Offsets in the part and in a block of it. */
enum {
    AT_SHIFT = 0,
    AT_N_BLOCKS = 4,
    PART_HEAD_BYTES = 8,
    AT_PLACE = 0,
    AT_MAX_SLOT = 4,
    AT_FIRST_SUM = 8,
    AT_N_SUMS = 12,
    AT_FIRST_SURVIVOR = 16,
    AT_N_SURVIVORS = 20,
    AT_CLASSES = 24, /* u64 bytes, u32 count each */
    CLASS_BYTES = 12,
    BLOCK_BYTES = AT_CLASSES + HS_N_SIZE_CLASSES * CLASS_BYTES,
};

static void put_block (uint8_t *at, uint32_t place, const struct hs_range_block *block)
{
    hs_put_u32 (at + AT_PLACE, place);
    hs_put_u32 (at + AT_MAX_SLOT, block->max_slot);
    hs_put_u32 (at + AT_FIRST_SUM, block->first_sum);
    hs_put_u32 (at + AT_N_SUMS, block->n_sums);
    hs_put_u32 (at + AT_FIRST_SURVIVOR, block->first_survivor);
    hs_put_u32 (at + AT_N_SURVIVORS, block->n_survivors);
    for (unsigned i = 0; i < HS_N_SIZE_CLASSES; i++) {
        hs_put_u64 (at + AT_CLASSES + (size_t)i * CLASS_BYTES, block->classes[i].bytes);
        hs_put_u32 (at + AT_CLASSES + (size_t)i * CLASS_BYTES + 8, block->classes[i].count);
    }
}

bool hs_index_write_blocks (const struct hs_range_index *ranges, struct hs_index_bytes *ret)
{
    bool is_used = !atomic_load (&ranges->is_off) && atomic_load (&ranges->has_ends);
    uint32_t n = 0;
    uint8_t *to;

    for (uint32_t i = 0; is_used && i < HS_RANGE_MAX_BLOCKS; i++)
        n += atomic_load (&ranges->blocks[i]) != NULL;
    if (!hs_array_reserve (&ret->bytes, PART_HEAD_BYTES + (size_t)n * BLOCK_BYTES))
        return false;
    to = ret->bytes.items;
    ret->bytes.n = PART_HEAD_BYTES + (size_t)n * BLOCK_BYTES;
    hs_put_u32 (to + AT_SHIFT, ranges->shift);
    hs_put_u32 (to + AT_N_BLOCKS, n);
    to += PART_HEAD_BYTES;
    for (uint32_t i = 0; is_used && i < HS_RANGE_MAX_BLOCKS; i++) {
        const struct hs_range_block *block = atomic_load (&ranges->blocks[i]);

        if (block == NULL)
            continue;
        put_block (to, i, block);
        to += BLOCK_BYTES;
    }
    return true;
}

static bool is_within (uint32_t first, uint32_t n, uint32_t all)
{
    return first <= all && n <= all - first;
}

static enum hs_status read_block (const uint8_t *at, const struct hs_index_counts *counts,
                                  struct hs_range_index *ranges)
{
    struct hs_range_block *block = HS_NEW (struct hs_range_block);

    if (block == NULL)
        return HS_NO_MEMORY;
    block->max_slot = hs_get_u32 (at + AT_MAX_SLOT);
    block->first_sum = hs_get_u32 (at + AT_FIRST_SUM);
    block->n_sums = hs_get_u32 (at + AT_N_SUMS);
    block->first_survivor = hs_get_u32 (at + AT_FIRST_SURVIVOR);
    block->n_survivors = hs_get_u32 (at + AT_N_SURVIVORS);
    for (unsigned i = 0; i < HS_N_SIZE_CLASSES; i++) {
        block->classes[i].bytes = hs_get_u64 (at + AT_CLASSES + (size_t)i * CLASS_BYTES);
        block->classes[i].count = hs_get_u32 (at + AT_CLASSES + (size_t)i * CLASS_BYTES + 8);
    }
    if (is_within (block->first_sum, block->n_sums, counts->of[HS_INDEX_SUMS]) &&
        is_within (block->first_survivor, block->n_survivors, counts->of[HS_INDEX_SURVIVORS]) &&
        hs_range_index_take_block (ranges, hs_get_u32 (at + AT_PLACE), block,
                                   counts->of[HS_INDEX_ROWS]))
        return HS_OK;
    hs_free (block);
    return HS_DAMAGED;
}

enum hs_status hs_index_read_blocks (struct hs_span bytes, const struct hs_index_counts *counts,
                                     struct hs_range_index *ranges)
{
    uint32_t n = hs_span_u32_at (bytes, AT_N_BLOCKS), shift = hs_span_u32_at (bytes, AT_SHIFT);
    enum hs_status status = HS_OK;

    if (bytes.size < PART_HEAD_BYTES || n > HS_RANGE_MAX_BLOCKS ||
        bytes.size != PART_HEAD_BYTES + (uint64_t)n * BLOCK_BYTES || shift == 0 ||
        shift + (HS_RANGE_LEVELS - 1) * HS_RANGE_LEVEL_SHIFT >= 32)
        return HS_DAMAGED;
    ranges->shift = (uint8_t)shift;
    for (uint32_t i = 0; i < n && status == HS_OK; i++)
        status =
            read_block (bytes.data + PART_HEAD_BYTES + (size_t)i * BLOCK_BYTES, counts, ranges);
    return status;
}
