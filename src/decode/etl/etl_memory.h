/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Virtual memory, kernel pool and heap ranges (formats/etl.md section 8).
 * One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_MEMORY_H
#define HS_DECODE_ETL_ETL_MEMORY_H

#include "decode/etl/etl_process.h"
#include "decode/etl/etl_stacks.h"

/* Group 02. Adds at most two events directly. */
void hs_etl_page_fault_record (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                               struct hs_etl_sink *sink, const struct hs_etl_record *record);

/* Group 0E. Adds at most one event. */
void hs_etl_pool_record (struct hs_etl_stacks *stacks, struct hs_etl_sink *sink,
                         const struct hs_etl_record *record);

#endif
