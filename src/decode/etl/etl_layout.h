/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Offsets and sizes of the ETL container. Source: formats/etl.md, the section stands at each
 * block. Payload layouts are not here.
 */
#ifndef HS_DECODE_ETL_ETL_LAYOUT_H
#define HS_DECODE_ETL_ETL_LAYOUT_H

/* 1.1 buffer header */
enum {
    ETL_BUFFER_SIZE_AT = 0x00,
    ETL_BUFFER_SAVED_AT = 0x04,
    ETL_BUFFER_REFERENCES_AT = 0x0c,
    ETL_BUFFER_TIME_AT = 0x10,
    ETL_BUFFER_SEQUENCE_AT = 0x18,
    ETL_BUFFER_CPU_AT = 0x28,
    ETL_BUFFER_LOGGER_AT = 0x2a,
    ETL_BUFFER_STATE_AT = 0x2c,
    ETL_BUFFER_FILLED_AT = 0x30,
    ETL_BUFFER_FLAGS_AT = 0x34,
    ETL_BUFFER_TYPE_AT = 0x36,
    ETL_BUFFER_HEADER_BYTES = 0x48,
};

/* 1.2 buffer flags */
enum {
    ETL_FLAG_EVENTS_LOST = 0x02,
    ETL_FLAG_BUFFER_LOST = 0x04,
    ETL_FLAG_CPU_INDEX = 0x20,
    ETL_FLAG_PACKED = 0x40,
    ETL_FLAGS_KNOWN = 0x7f,
};

/* 1.3 buffer types */
enum {
    ETL_BUFFER_TYPE_HEADER = 4,
    ETL_BUFFER_TYPE_EMPTY = 6,
    ETL_BUFFER_TYPE_DEBUGGER = 7,
    ETL_BUFFER_TYPES = 8,
};

/* 1.4 log file header, payload of the first record; the part up to the two pointers is the same in
 * both forms, the rest is 8 bytes earlier in the 32-bit form */
enum {
    ETL_LOG_BUFFER_SIZE_AT = 0x00,
    ETL_LOG_MAJOR_AT = 0x04,
    ETL_LOG_MINOR_AT = 0x05,
    ETL_LOG_BUILD_AT = 0x08,
    ETL_LOG_PROCESSORS_AT = 0x0c,
    ETL_LOG_END_TIME_AT = 0x10,
    ETL_LOG_MODE_AT = 0x20,
    ETL_LOG_BUFFERS_WRITTEN_AT = 0x24,
    ETL_LOG_POINTER_SIZE_AT = 0x2c,
    ETL_LOG_EVENTS_LOST_AT = 0x30,
    ETL_LOG_MHZ_AT = 0x34,
    ETL_LOG_BOOT_TIME_AT_64 = 0xf8,
    ETL_LOG_PERF_FREQ_AT_64 = 0x100,
    ETL_LOG_START_TIME_AT_64 = 0x108,
    ETL_LOG_CLOCK_AT_64 = 0x110,
    ETL_LOG_BUFFERS_LOST_AT_64 = 0x114,
    ETL_LOG_BYTES_64 = 0x118,
    ETL_LOG_EARLIER_IN_32 = 8,
};

/* 1.5 log file modes */
enum {
    ETL_MODE_CIRCULAR = 0x2,
    ETL_MODE_PACKED = 0x4000000,
    ETL_MODE_ONE_CHAIN = 0x10000000, /* no per-processor buffering */
};

/* 2 packing formats */
enum {
    ETL_PACKING_LZNT1 = 2,
    ETL_PACKING_XPRESS = 3,
    ETL_PACKING_XPRESS_HUFFMAN = 4,
};

/* 3.1 record marker: byte 3 of a record, and the header type in byte 2 */
enum {
    ETL_MARK_TRACE = 0xc0,
    ETL_MARK_WPP = 0x90,

    ETL_SYSTEM32 = 1,
    ETL_SYSTEM64 = 2,
    ETL_COMPACT32 = 3,
    ETL_COMPACT64 = 4,
    ETL_FULL32 = 10,
    ETL_INSTANCE32 = 11,
    ETL_ERROR = 13,
    ETL_MESSAGE = 15,
    ETL_PERFINFO32 = 16,
    ETL_PERFINFO64 = 17,
    ETL_EVENT32 = 18,
    ETL_EVENT64 = 19,
    ETL_FULL64 = 20,
    ETL_INSTANCE64 = 21,
    ETL_HEADER_TYPES = 22,
    ETL_WPP = ETL_MARK_WPP, /* in struct hs_etl_entry and hs_etl_record.header_type */
};

/* 3.2 to 3.5: classic headers */
enum {
    ETL_SYSTEM_FLAGS_AT = 0x01, /* also of COMPACT and PERFINFO: 3.4 */
    ETL_SHORT_SIZE_AT = 0x04,   /* of these three; of all others it stands at 0 */
    ETL_SYSTEM_OPCODE_AT = 0x06,
    ETL_SYSTEM_GROUP_AT = 0x07,
    ETL_THREAD_AT = 0x08, /* of all headers but PERFINFO */
    ETL_PROCESS_AT = 0x0c,
    ETL_TIME_AT = 0x10,
    ETL_PERFINFO_TIME_AT = 0x08,
    ETL_GUID_AT = 0x18, /* FULL_HEADER, INSTANCE, EVENT_HEADER */
    ETL_FULL_OPCODE_AT = 0x04,
    ETL_FULL_VERSION_AT = 0x06,

    ETL_SYSTEM_BYTES = 0x20,
    ETL_COMPACT_BYTES = 0x18,
    ETL_PERFINFO_BYTES = 0x10,
    ETL_FULL_BYTES = 0x30,
    ETL_INSTANCE_BYTES = 0x48,
    ETL_ERROR_BYTES = 0x50,

    ETL_EXTRA_PEBS = 0x80, /* bits of the flags byte */
    ETL_EXTRA_COUNTERS = 0x07,
};

/* 3.6 EVENT_HEADER and its extended items */
enum {
    ETL_EVENT_FLAGS_AT = 0x04,
    ETL_EVENT_ID_AT = 0x28,
    ETL_EVENT_VERSION_AT = 0x2a,
    ETL_EVENT_OPCODE_AT = 0x2d,
    ETL_EVENT_BYTES = 0x50,

    ETL_EVENT_HAS_ITEMS = 0x01,
    ETL_EVENT_IS_32 = 0x20,
    ETL_EVENT_IS_64 = 0x40,

    ETL_ITEM_TYPE_AT = 2,
    ETL_ITEM_MORE_AT = 4,
    ETL_ITEM_DATA_SIZE_AT = 6,
    ETL_ITEM_BYTES = 8,
    ETL_ITEM_STACK32 = 5,
    ETL_ITEM_STACK64 = 6,
    ETL_ITEM_STACK_KEY32 = 0x11,
    ETL_ITEM_STACK_KEY64 = 0x12,
};

/* 3.7 messages */
enum {
    ETL_MESSAGE_NUMBER_AT = 0x04,
    ETL_MESSAGE_OPTIONS_AT = 0x06,
    ETL_MESSAGE_BYTES = 0x08,
    ETL_MESSAGE_HAS_SEQUENCE = 0x01,
    ETL_MESSAGE_HAS_GUID = 0x02,
    ETL_MESSAGE_HAS_COMPONENT = 0x04,
    ETL_MESSAGE_HAS_TIME = 0x08 | 0x10,
    ETL_MESSAGE_HAS_IDS = 0x20,
};

#endif
