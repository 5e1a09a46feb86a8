/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an ETL file of ours says beyond Windows' own records: events of our provider.
 *
 * Written by encode/etl_*.c, read by decode/etl/etl_own.c; every other reader skips them. Each is
 * an EVENT_HEADER64 record (formats/etl.md 3.6) of the provider GUID
 * 9947c50f-3085-4910-a0b2-423b857af36a: event id as below, version 0, level 4, flags, channel,
 * opcode, task and keyword 0, no extended items. Process and thread id of the header are the
 * owner's, FFFFFFFF = none. Integers are little-endian and packed; a newer version of an event
 * only appends, so readers ignore what follows the fields they know.
 * `str` = u16 length in bytes, then that many bytes of UTF-8 without NUL.
 *
 *  id  name           payload
 *   1  ORIGIN         u32 flags (enum hs_own_origin_flags), u64 smallest step of the source's
 *                     clock in ns (1 = unknown or none). May come again: the newest counts.
 *   2  PROCESS        u32 pid in this file, u32 pid in the source, str image, str command line:
 *                     comes ahead of a Process record that cannot say the same (a pid of 0, a
 *                     path, names outside ASCII) and wins over it.
 *   3  MODULE         u32 pid (0 = kernel), u64 base, u8 n (0..20), n bytes: the whole build id,
 *                     of which ImageID/RSDS holds the first 16 bytes as a GUID.
 *   4  FRAME          u32 pid, u64 address as in stacks, u32 line (0 = unknown), u32 inline depth
 *                     (0 = innermost), str function, str file, str module.
 *   5  MARK           str text.
 *   6  MEMORY_SAMPLE  u32 pid (FFFFFFFF = none), u64 resident bytes.
 *   7  SUPPRESSION    str pattern.
 *   8  GAP            i64 raw time stamp: not everything was recorded from this record's to that
 *                     one; u32 pid.
 *   9  RESET          empty: totals up to here do not count (heaptrack's attach).
 *  10  FORKED         u32 pid: the process began as a copy of its parent and has its blocks.
 *  11  CALL           u8 of allocations, u8 of frees: hs_event.call of this thread's heap records
 *                     from here on, until the next one. Before the first it is unknown.
 *  12  HEAP_NAME      u32 pid, u64 heap, str name: the newest counts.
 *  13  EXECED         u32 pid: comes ahead of the Process/End record of a program that became
 *                     another one by exec.
 */
#ifndef HS_EVENT_OWN_PROVIDER_H
#define HS_EVENT_OWN_PROVIDER_H

#include <stdint.h>

static const uint8_t hs_own_provider_guid[16] = { 0x0f, 0xc5, 0x47, 0x99, 0x85, 0x30, 0x10, 0x49,
                                                  0xa0, 0xb2, 0x42, 0x3b, 0x85, 0x7a, 0xf3, 0x6a };

enum hs_own_event_id {
    HS_OWN_ORIGIN = 1,
    HS_OWN_PROCESS = 2,
    HS_OWN_MODULE = 3,
    HS_OWN_FRAME = 4,
    HS_OWN_MARK = 5,
    HS_OWN_MEMORY_SAMPLE = 6,
    HS_OWN_SUPPRESSION = 7,
    HS_OWN_GAP = 8,
    HS_OWN_RESET = 9,
    HS_OWN_FORKED = 10,
    HS_OWN_CALL = 11,
    HS_OWN_HEAP_NAME = 12,
    HS_OWN_EXECED = 13,
};

enum hs_own_origin_flags {
    HS_OWN_ADDRESSES_INVENTED = 1 << 0, /* block addresses only pair events */
    HS_OWN_WALL_CLOCK_UNKNOWN = 1 << 1, /* the header's StartTime means nothing */
};

#endif
