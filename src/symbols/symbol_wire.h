/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the symbolizer and its worker process say to each other: packets over a socket pair, each
 * a length (u32, with the rest of the head), a kind (u32), then fields; all little-endian.
 *
 *   to the worker
 *     SETUP    text sysroot, text folders (separated by ':'), text symbol path (as in
 *              _NT_SYMBOL_PATH), u8 may_download
 *     OPEN     u32 module, u8 flags (1: any build id will do, 2: a Windows module), bytes build_id,
 *              text path; of a Windows module, whose build_id is the PDB's GUID, also: text PDB,
 *              u32 its age, u32 time stamp and u32 size of the image
 *     ASK      u32 module, u32 n, n times u64 address (ELF's own, looked up as it is)
 *   from the worker
 *     STATE    u32 module, u8 state, u64 base (ELF address of the first mapped page),
 *              bytes build_id (that of the file found), text detail, u8 may_be_on_servers
 *     PROGRESS u64 bytes so far, u64 bytes in all (0 = not known): something is being fetched
 *     NAMES    u32 module, u32 n, n times: u16 n_frames, then per frame, innermost first:
 *              text function, text file, u32 line, u8 is_inlined
 * A text is u32 length and bytes. NAMES come in the order of ASK, in as many packets as it takes.
 * Neither side believes the other: every read is checked.
 */
#ifndef HS_SYMBOLS_SYMBOL_WIRE_H
#define HS_SYMBOLS_SYMBOL_WIRE_H

#include "base/array.h"
#include "base/span.h"

#define HS_WIRE_HEAD_BYTES 8u
#define HS_WIRE_PACKET_BYTES (UINT32_C (1) << 24) /* no packet is larger */
#define HS_WIRE_MAX_ADDRESSES 4096u               /* of one ASK */
#define HS_WIRE_MAX_INLINED 256u                  /* frames of one address */
#define HS_WIRE_ANY_BUILD_ID 1u
#define HS_WIRE_WINDOWS 2u

enum hs_wire_kind {
    HS_WIRE_SETUP = 1,
    HS_WIRE_OPEN,
    HS_WIRE_ASK,
    HS_WIRE_STATE,
    HS_WIRE_PROGRESS,
    HS_WIRE_NAMES,
};

/* One packet or several, being written. A failed allocation is remembered. */
struct hs_wire_out {
    HS_ARRAY (uint8_t) bytes;
    size_t begin; /* of the packet that is being written */
    bool is_out_of_memory;
};

void hs_wire_begin (struct hs_wire_out *out, enum hs_wire_kind kind);
void hs_wire_put_u8 (struct hs_wire_out *out, uint8_t value);
void hs_wire_put_u16 (struct hs_wire_out *out, uint16_t value);
void hs_wire_put_u32 (struct hs_wire_out *out, uint32_t value);
void hs_wire_put_u64 (struct hs_wire_out *out, uint64_t value);
void hs_wire_put_bytes (struct hs_wire_out *out, const void *bytes, size_t n);
void hs_wire_put_text (struct hs_wire_out *out, const char *text); /* cut at the limit of strings */
void hs_wire_end (struct hs_wire_out *out);

/* Bytes with their length; empty after an over-run. */
struct hs_span hs_wire_get_bytes (struct hs_reader *reader);

enum hs_wire_whole {
    HS_WIRE_INCOMPLETE,
    HS_WIRE_COMPLETE,
    HS_WIRE_BROKEN, /* a length that cannot be */
};

/* The packet at the beginning of `bytes`: its kind, its fields and its size with the head. */
enum hs_wire_whole hs_wire_next (struct hs_span bytes, uint32_t *ret_kind,
                                 struct hs_span *ret_fields, size_t *ret_size);

#endif
