/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap records (formats/etl.md 7.1, 7.2): group 10, whatever header they came with.
 * One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_HEAP_H
#define HS_DECODE_ETL_ETL_HEAP_H

#include "decode/etl/etl_process.h"
#include "decode/etl/etl_stacks.h"

/* Adds at most three events. */
void hs_etl_heap_record (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                         struct hs_etl_sink *sink, const struct hs_etl_record *record);

#endif
