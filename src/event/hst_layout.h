/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers of the .hst format, for its encoder and its decoder. What they mean, byte by byte:
 * decode/hst/FORMAT.md. Changing one here changes the format.
 */
#ifndef HS_EVENT_HST_LAYOUT_H
#define HS_EVENT_HST_LAYOUT_H

#include "base/endian.h"

#define HS_HST_MAGIC "\x89HST\r\n\x1a\n" /* 8 bytes */
#define HS_HST_MAGIC_BYTES 8
#define HS_HST_MAJOR 1
#define HS_HST_MINOR 1
#define HS_HST_FILE_HEADER_BYTES 32u
#define HS_HST_FILE_HEADER_CHECKED 28u

#define HS_HST_CHUNK_MAGIC UINT32_C (0x43545348) /* "HSTC" */
#define HS_HST_CHUNK_HEADER_BYTES 32u
#define HS_HST_CHUNK_HEADER_CHECKED 28u

#define HS_HST_TRAILER_MAGIC "HSTEND\r\n"
#define HS_HST_TRAILER_BYTES 32u
#define HS_HST_TRAILER_CHECKED 28u

enum hs_hst_chunk_type {
    HS_HST_CHUNK_DEFINITIONS = 1,
    HS_HST_CHUNK_EVENTS = 2,
    HS_HST_CHUNK_FOOTER = 3,
    HS_HST_CHUNK_FIRST_INDEX = 16, /* .. 31: parts of the closing index (trace/index_file) */
};

enum hs_hst_chunk_flags {
    HS_HST_CHUNK_ZSTD = 1 << 0,
    HS_HST_CHUNK_FOLLOWED = 1 << 1, /* definitions: the next chunk holds the events between them */
    HS_HST_CHUNK_BASE = 1 << 2,     /* events: stand for all events before, which were dropped */
};

/* Offsets in a chunk's header. */
enum {
    HS_HST_CHUNK_AT_TYPE = 4,
    HS_HST_CHUNK_AT_FLAGS = 6,
    HS_HST_CHUNK_AT_NUMBER = 8,
    HS_HST_CHUNK_AT_STORED = 12,
    HS_HST_CHUNK_AT_RAW = 16,
    HS_HST_CHUNK_AT_BLOCK_EVENTS = 20,
    HS_HST_CHUNK_AT_PAYLOAD_CHECKSUM = 24,
    HS_HST_CHUNK_AT_CHECKSUM = 28,
};

/* The payload of a definitions chunk begins with: u32 records that are events, u32 first node,
 * u32 first string, u32 0. */
#define HS_HST_DEFINITIONS_HEADER_BYTES 16u

enum hs_hst_definition {
    HS_HST_STRING = 1,
    HS_HST_CLOCK = 2,
    HS_HST_PROCESS = 3,
    HS_HST_THREAD = 4,
    HS_HST_MODULE = 5,
    HS_HST_STACK = 6,
    HS_HST_FRAME_NAME = 7,
    HS_HST_SUPPRESSION = 8,
    HS_HST_MARK = 9,
    HS_HST_FACT = 10,
    HS_HST_COUNT = 11,
    HS_HST_NOTE = 12,
    HS_HST_GAP = 13,
    HS_HST_LOST = 14,
    HS_HST_RESET = 15,
    HS_HST_HEAP_NAME = 16,
};

/* Which head fields a definition carries. */
enum hs_hst_head {
    HS_HST_HEAD_TIME = 1 << 0,
    HS_HST_HEAD_PROCESS = 1 << 1,
    HS_HST_HEAD_THREAD = 1 << 2,
    HS_HST_HEAD_SOURCE = 1 << 3,
    HS_HST_HEAD_FLAGS = 1 << 4,
    HS_HST_HEAD_STACK = 1 << 5,
    HS_HST_HEAD_REF = 1 << 6,
    HS_HST_HEAD_ALL = 0x7f,
};

enum hs_hst_process_bits {
    HS_HST_PROCESS_HAS_START = 1 << 0,
    HS_HST_PROCESS_32BIT = 1 << 1,
    HS_HST_PROCESS_IMAGE_KNOWN = 1 << 2,
    HS_HST_PROCESS_EXECED = 1 << 3,
    HS_HST_PROCESS_FORKED = 1 << 4,
};

enum hs_hst_pool_bits {
    HS_HST_POOL_FREE = 1 << 0,
    HS_HST_POOL_SESSION = 1 << 1,
};

/* Offsets in the payload of an events chunk. */
enum {
    HS_HST_EVENTS_AT_FIRST_EVENT = 0,
    HS_HST_EVENTS_AT_FIRST_TIME = 8,
    HS_HST_EVENTS_AT_LAST_TIME = 16,
    HS_HST_EVENTS_AT_RECORD_TIME = 24,
    HS_HST_EVENTS_AT_N_OPS = 32,
    HS_HST_EVENTS_AT_N_DEFINITIONS = 36,
    HS_HST_EVENTS_HEADER_BYTES = 40,
};
#define HS_HST_NO_TIME INT64_MIN

/* The op byte of alloc and free: what is predicted costs nothing, its bit or number is 0. */
enum hs_hst_op_bits {
    HS_HST_OP_TIME_SHIFT = 0,    /* 2 bits: same, u8, u16, varint */
    HS_HST_OP_ADDRESS_SHIFT = 2, /* 2 bits: predicted, u8 distance, u16 distance, varint */
    HS_HST_OP_STACK = 1 << 4,
    HS_HST_OP_CONTEXT = 1 << 5,
    HS_HST_OP_SIZE = 1 << 6, /* alloc only */
    HS_HST_OP_FREE = 0x80,
    HS_HST_OP_OTHER = 0xc0, /* and the number of the op */
};

enum hs_hst_op {
    HS_HST_OP_DEFINITIONS = 0,
    HS_HST_OP_REALLOC = 1,
    HS_HST_OP_HEAP_CREATE = 2,
    HS_HST_OP_HEAP_DESTROY = 3,
    HS_HST_OP_HEAP_SEEN = 4,
    HS_HST_OP_PROCESS_END = 5,
    HS_HST_OP_HEAP_RANGE = 6,
    HS_HST_OP_VIRTUAL = 7,
    HS_HST_OP_POOL = 8,
    HS_HST_OP_MEMORY_SAMPLE = 9,
    HS_HST_OP_STACK_LINK = 10,
    HS_HST_OP_FIRST_SIZED = 32, /* .. 63: a varint length follows, so older readers skip them */
};

/* Codes for stacks that are not a local number, and what local numbers begin with. */
enum {
    HS_HST_STACK_NEW = 0,
    HS_HST_STACK_WIDE = 1,
    HS_HST_STACK_FIRST_LOCAL = 2,
    HS_HST_LOCAL_NONE = 0,     /* no stack, no ref */
    HS_HST_LOCAL_NEXT_REF = 1, /* no stack yet, ref = the last one + 1 */
    HS_HST_LOCAL_FIRST_FREE = 2,
};

/* The payload of the footer: fixed fields, then the directory. */
enum {
    HS_HST_FOOTER_AT_ENTRY_BYTES = 0, /* u32 */
    HS_HST_FOOTER_AT_N_ENTRIES = 4,   /* u32 */
    HS_HST_FOOTER_AT_BLOCK_EVENTS = 8,
    HS_HST_FOOTER_AT_ALLOCS = 16,
    HS_HST_FOOTER_AT_FREES = 24,
    HS_HST_FOOTER_AT_REALLOCS = 32,
    HS_HST_FOOTER_AT_RECORDS = 40, /* definitions and ops */
    HS_HST_FOOTER_AT_NODES = 48,
    HS_HST_FOOTER_AT_STRINGS = 56,
    HS_HST_FOOTER_AT_RECORD_TIME = 64,
    HS_HST_FOOTER_HEADER_BYTES = 72,
    HS_HST_ENTRY_AT_OFFSET = 0,
    HS_HST_ENTRY_AT_TYPE = 8,   /* u16 */
    HS_HST_ENTRY_AT_FLAGS = 10, /* u16 */
    HS_HST_ENTRY_AT_STORED = 12,
    HS_HST_ENTRY_AT_FIRST_EVENT = 16,
    HS_HST_ENTRY_AT_FIRST_TIME = 24,
    HS_HST_ENTRY_AT_LAST_TIME = 32,
    HS_HST_ENTRY_BYTES = 40,
};

/* Limits of the format itself: what a reader must have room for. */
#define HS_HST_MAX_CHUNK_BYTES (16u << 20) /* definitions, events and footer, unpacked */
#define HS_HST_MAX_OPS 32768u
#define HS_HST_MAX_CONTEXTS 1024u
#define HS_HST_MAX_LOCALS 32768u
#define HS_HST_MAX_VARINT_BYTES 10u
/* No op and no definition without texts, frames or build id is longer. */
#define HS_HST_MAX_OP_BYTES 256u

#endif
