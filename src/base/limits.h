/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every limit that an input can meet, with its reason. A count, length or depth read from a file
 * is compared with one of these before it is used.
 */
#ifndef HS_BASE_LIMITS_H
#define HS_BASE_LIMITS_H

#include <stdint.h>

/* Event and row numbers are 32 bit in the columns; the last two values are sentinels. */
#define HS_LIMIT_EVENTS UINT32_C (0xffffffc0)

/* No user address space is larger; larger sizes are counted as damage, not added to totals. */
#define HS_LIMIT_BLOCK_BYTES (UINT64_C (1) << 47)

/* ETW gives 192 frames, our agent 512; anything deeper is not a call stack. */
#define HS_LIMIT_STACK_DEPTH 4096u

/* An ETW session buffer is at most 16 MiB (formats/etl.md section 10). */
#define HS_LIMIT_ETL_BUFFER_BYTES (16u << 20)

/* A chain of an ETL file is one processor of one session; Windows has at most 2,048 processors. */
#define HS_LIMIT_ETL_CHAINS 0x2000u

/* All buffers of an ETL merge that are in memory at one time: two for each chain, so 32 processors
 * with the largest buffers there are. Beyond half of it a chain keeps one. */
#define HS_LIMIT_ETL_MERGE_BYTES (UINT64_C (1) << 30)

/* Files of one session (kernel, user, rundown …) that are joined. */
#define HS_LIMIT_ETL_FILES 64u

/* A line of a heaptrack file; the longest seen (C++ templates) are some 20 KiB. */
#define HS_LIMIT_LINE_BYTES (1u << 20)

/* A single name or path. */
#define HS_LIMIT_STRING_BYTES (1u << 16)

/* What one packed input may unpack to, and how far the ratio may go once it is past the size
 * where ratios mean anything: heap traces pack 5:1 to 60:1. */
#define HS_LIMIT_UNPACKED_BYTES (UINT64_C (1) << 38)
#define HS_LIMIT_UNPACK_RATIO 2000u
#define HS_LIMIT_UNPACK_RATIO_FROM_BYTES (UINT64_C (64) << 20)

/* Members of an archive that are looked at; a .diagsession has some tens. */
#define HS_LIMIT_ARCHIVE_MEMBERS 10000u

/* Time stamps further from the start than this do not move the end of the time line. */
#define HS_LIMIT_SPAN_DAYS 1000

/* Events that wait for a stack at one time; older ones are given up and counted. */
#define HS_LIMIT_PENDING_STACKS (UINT32_C (1) << 22)

/* Heap instances with counters of their own (about 1 KiB each); a real process has some dozens. */
#define HS_LIMIT_HEAPS (UINT32_C (1) << 18)

/* Gaps that concern every process at once; each costs a walk over all of them. Ours name one. */
#define HS_LIMIT_COMMON_GAPS 1000u

/* Of a running process: the kernel's own default is 65,530 mappings; modules and bytes of one of a
 * module's tables are far above the largest seen (Firefox: 300 modules, 20 MiB of relocations). */
#define HS_LIMIT_MAPPINGS (1u << 20)
#define HS_LIMIT_TARGET_MODULES (1u << 14)
#define HS_LIMIT_MODULE_TABLE_BYTES (UINT64_C (256) << 20)

/* A symbol file from a server; the largest PDB known (a browser's) has some 3 GiB. */
#define HS_LIMIT_DOWNLOAD_BYTES (UINT64_C (8) << 30)

/* Slots of call stacks: 30 bits of a row's stack column. */
#define HS_LIMIT_STACK_SLOTS (UINT32_C (1) << 30)

#endif
