/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events of our own provider: what an ETL file of ours says beyond Windows' records. Layouts and
 * meaning: event/own_provider.h. One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_OWN_H
#define HS_DECODE_ETL_ETL_OWN_H

#include "decode/etl/etl_process.h"

struct hs_etl_own {
    uint64_t ticks_per_second;
    int64_t zero_filetime;
    char *text; /* three texts of HS_LIMIT_STRING_BYTES, made on first use */
};

bool hs_etl_is_own (const uint8_t guid[16]);

/* Adds at most two events. */
void hs_etl_own_record (struct hs_etl_own *own, struct hs_etl_processes *processes,
                        struct hs_etl_sink *sink, const struct hs_etl_record *record);

void hs_etl_own_clear (struct hs_etl_own *own);

#endif
