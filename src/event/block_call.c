/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of allocation functions and their words; see block_call.h. */
#include "event/block_call.h"

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
