/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of allocation functions and their words; see block_call.h. */
#include "event/block_call.h"

static unsigned family (uint8_t call)
{
    unsigned kind = call & HS_CALL_MASK;

    return kind <= HS_CALL_MEMALIGN && kind != HS_CALL_UNKNOWN ? HS_CALL_MALLOC : kind;
}

bool hs_block_calls_match (uint8_t birth, uint8_t end)
{
    return family (birth) == family (end) || family (birth) == HS_CALL_UNKNOWN ||
           family (end) == HS_CALL_UNKNOWN;
}

const char *hs_block_call_name (uint8_t birth)
{
    static const char *const names[HS_N_CALLS] = { "unknown",  "malloc", "calloc", "realloc",
                                                   "memalign", "new",    "new[]",  "pool" };

    return names[birth & HS_CALL_MASK];
}

const char *hs_block_end_name (uint8_t end)
{
    static const char *const names[HS_N_CALLS] = { "unknown", "free",   "free",     "realloc",
                                                   "free",    "delete", "delete[]", "pool" };

    return names[end & HS_CALL_MASK];
}
