/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one vocabulary between formats and traces: what happened to a heap, and what describes it.
 *
 * A decoder turns bytes into these and nothing else; the trace knows no format. Times are raw
 * ticks relative to the trace's zero; HS_EVENT_CLOCK says how long a tick is. Within one batch
 * and from batch to batch, block events (HS_EVENT_ALLOC .. HS_EVENT_PROCESS_END) come in
 * time order; everything else may come when it is known.
 *
 * Text and frames are lent: they live until the batch is reset (event_batch.h).
 */
#ifndef HS_EVENT_HEAP_EVENT_H
#define HS_EVENT_HEAP_EVENT_H

#include "event/ids.h"

#include <stdbool.h>
#include <stdint.h>

enum hs_event_kind {
    HS_EVENT_NONE,

    /* what changes blocks; rules in formats/etl.md 7.4, applied by the trace */
    HS_EVENT_ALLOC,
    HS_EVENT_FREE,
    HS_EVENT_REALLOC,
    HS_EVENT_HEAP_CREATE,
    HS_EVENT_HEAP_DESTROY,
    HS_EVENT_HEAP_SEEN, /* a snapshot, expand …: the heap exists, no block changes */
    HS_EVENT_PROCESS_END,

    /* address space and kernel memory */
    HS_EVENT_HEAP_RANGE,
    HS_EVENT_VIRTUAL,
    HS_EVENT_POOL,
    HS_EVENT_MEMORY_SAMPLE,

    /* what describes the world */
    HS_EVENT_CLOCK,
    HS_EVENT_PROCESS, /* defines or refines a process id; sent again when more is known */
    HS_EVENT_THREAD,
    HS_EVENT_MODULE,
    HS_EVENT_STACK,      /* defines a stack slot */
    HS_EVENT_STACK_LINK, /* gives an earlier event (by its stack_ref) its stack slot */
    HS_EVENT_FRAME_NAME,
    HS_EVENT_SUPPRESSION,
    HS_EVENT_MARK,
    HS_EVENT_HEAP_NAME, /* may come again: the newest counts */

    /* what the trace is worth */
    HS_EVENT_FACT,  /* name = number or text about the file, for `summary` */
    HS_EVENT_COUNT, /* records seen of one kind; the newest value of a name counts */
    HS_EVENT_NOTE,  /* a finding: damage or doubt */
    HS_EVENT_GAP,   /* from time to end_time nothing was recorded */
    HS_EVENT_LOST,  /* the recorder says that so many records were lost */
    HS_EVENT_RESET, /* heaptrack's attach: totals so far do not count */

    HS_N_EVENT_KINDS,
};

/* hs_event.flags */
enum {
    HS_EVENT_ADDRESS_INVENTED = 1 << 0, /* the format has no addresses; they only pair events */
    HS_EVENT_COUNTS_TEMPORARY = 1 << 1, /* FREE: the format's own rule calls the block temporary */
};

enum hs_virtual_op {
    HS_VIRTUAL_ALLOC,
    HS_VIRTUAL_FREE,
    HS_VIRTUAL_ROTATE,
    HS_VIRTUAL_RUNDOWN, /* state at the start or end of the trace; counted, changes nothing */
};

/* hs_event.virtual_memory.flags, Windows' values */
enum {
    HS_VIRTUAL_COMMIT = 0x1000,
    HS_VIRTUAL_RESERVE = 0x2000,
    HS_VIRTUAL_DECOMMIT = 0x4000,
    HS_VIRTUAL_RELEASE = 0x8000,
};

enum hs_heap_range_op {
    HS_HEAP_RANGE_RUNDOWN,
    HS_HEAP_RANGE_CREATE,
    HS_HEAP_RANGE_RESERVE,
    HS_HEAP_RANGE_RELEASE,
    HS_HEAP_RANGE_DESTROY,
};

enum hs_module_op {
    HS_MODULE_LOAD,
    HS_MODULE_UNLOAD,
    HS_MODULE_RUNDOWN_START, /* was there when the trace began: covers all earlier time */
    HS_MODULE_RUNDOWN_END,   /* was there when it ended: covers what nothing else covers */
    HS_MODULE_IDENTITY,      /* only adds build id, PDB name, time stamp to (process, base) */
};

enum hs_process_end_reason {
    HS_PROCESS_EXITED,
    HS_PROCESS_EXECED,
};

/*
 * What kind of doubt a note states. The order is the order of display; hs_note_kind_is_structural()
 * says which ones are damage of the file itself ("issues" in `summary --json`).
 */
enum hs_note_kind {
    HS_NOTE_BUFFER_DAMAGED,   /* a buffer header or its size makes no sense */
    HS_NOTE_DECOMPRESSION,    /* a packed buffer or file does not unpack as announced */
    HS_NOTE_RECORD_DAMAGED,   /* record marker or size */
    HS_NOTE_EXTENDED_ITEM,    /* extended items of an event run over the record */
    HS_NOTE_TRUNCATED,        /* the file ends inside something */
    HS_NOTE_LINE_DAMAGED,     /* a line of a text format */
    HS_NOTE_CLOCK,            /* frequency or time stamps that cannot be */
    HS_NOTE_OUT_OF_ORDER,     /* time ran backwards and was clamped */
    HS_NOTE_PAYLOAD_SHORT,    /* a known record shorter than its version needs */
    HS_NOTE_VALUE_ABSURD,     /* a size, count or index over its limit */
    HS_NOTE_UNSUPPORTED,      /* known, but not read by this program */
    HS_NOTE_SEQUENCE_GAP,     /* buffers missing from the numbering */
    HS_NOTE_EVENTS_LOST,      /* the recorder lost events or buffers */
    HS_NOTE_RECORDING_GAP,    /* times in which not everything was recorded */
    HS_NOTE_UNSURE_BLOCKS,    /* outstanding, and older than such a time */
    HS_NOTE_NOT_FINALIZED,    /* the file was not closed by its writer */
    HS_NOTE_STACK_UNRESOLVED, /* stacks or keys that never came, or came for nobody */
    HS_NOTE_UNMATCHED_FREE,   /* frees of blocks that the trace does not know */
    HS_NOTE_DUPLICATE_ALLOC,  /* allocations at an address that was live */
    HS_NOTE_UNSEEN,           /* a part of the program that the recorder could not see */
    HS_NOTE_INDEX,            /* the closing index could not be used */
    HS_NOTE_MISMATCHED_FREE,  /* new[] and delete, malloc and delete … */
    HS_NOTE_OTHER,
    HS_NOTE_SHORTAGE, /* of memory or disk, while the trace was opened: questions take longer */
    HS_N_NOTE_KINDS,  /* their numbers are in closing indexes: new ones go last */
};

enum hs_fact_type {
    HS_FACT_NUMBER,   /* i64 */
    HS_FACT_UNSIGNED, /* u64 */
    HS_FACT_TEXT,
};

struct hs_text {
    const char *bytes; /* UTF-8 by the time it is in an event; not NUL-terminated */
    uint32_t length;
};

struct hs_block_fields { /* ALLOC, FREE, REALLOC */
    uint64_t heap;
    uint64_t address;
    uint64_t size;        /* ALLOC, REALLOC: the new size */
    uint64_t old_address; /* REALLOC */
    uint64_t old_size;    /* REALLOC */
};

struct hs_heap_fields { /* HEAP_CREATE, HEAP_DESTROY, HEAP_SEEN, HEAP_RANGE */
    uint64_t heap;
    uint64_t address; /* HEAP_RANGE */
    uint64_t size;    /* HEAP_RANGE */
    enum hs_heap_range_op op;
};

struct hs_heap_name_fields { /* HEAP_NAME */
    uint64_t heap;
    struct hs_text name;
};

struct hs_virtual_fields {
    uint64_t address;
    uint64_t size;
    uint32_t flags;
    enum hs_virtual_op op;
};

struct hs_pool_fields {
    uint64_t address;
    uint64_t size;
    char tag[4];
    bool is_free;
    bool is_session;
};

struct hs_clock_fields {
    uint64_t ticks_per_second; /* > 0 */
    int64_t zero_filetime;     /* wall clock of tick 0: 100 ns since 1601-01-01 UTC; 0 = unknown */
    uint64_t resolution_ticks; /* smallest step the clock makes, 1 = every tick */
};

struct hs_process_fields { /* PROCESS; PROCESS_END uses only `end_reason` and exit_status */
    uint32_t pid;
    uint32_t parent_pid;
    struct hs_text image;
    struct hs_text command_line;
    int64_t start; /* ticks; valid when has_start */
    int32_t exit_status;
    bool has_start; /* the trace saw it start */
    bool is_32bit;
    bool is_image_known;
    bool is_forked; /* began as a copy of its parent: may free blocks that it never allocated */
    enum hs_process_end_reason end_reason;
};

struct hs_thread_fields {
    struct hs_text name; /* may be empty */
    bool is_end;
};

struct hs_module_fields { /* process HS_NO_PROCESS = kernel image, valid for all */
    uint64_t base;
    uint64_t size;
    struct hs_text path;
    struct hs_text debug_name; /* PDB */
    uint8_t build_id[20];      /* PDB GUID as stored (16 bytes) or ELF build id */
    uint8_t build_id_size;     /* 0 = unknown */
    uint32_t pdb_age;
    uint32_t link_stamp; /* TimeDateStamp */
    uint32_t checksum;
    enum hs_module_op op;
};

struct hs_stack_fields {    /* STACK: `slot` is defined; STACK_LINK: event `ref` gets `slot` */
    const uint64_t *frames; /* return addresses, leaf first */
    uint32_t n_frames;
    hs_stack_slot slot;
    uint64_t ref;
};

struct hs_frame_fields {
    uint64_t address; /* the frame as it stands in stacks of this process */
    struct hs_text function;
    struct hs_text file;
    struct hs_text module; /* when the format knows it without a module list */
    uint32_t line;
    uint32_t inline_depth; /* 0 = innermost; 1 … = the frames it was inlined into, going out */
};

struct hs_fact_fields { /* FACT and COUNT */
    struct hs_text name;
    struct hs_text text;
    union {
        int64_t number;
        uint64_t count;
    };
    enum hs_fact_type type;
};

struct hs_note_fields {
    enum hs_note_kind kind;
    uint32_t count; /* how many times, normally 1 */
    uint64_t file_offset;
    struct hs_text text; /* what, where, what was done: one English sentence */
};

struct hs_event {
    int64_t time; /* ticks since the trace's zero; may be negative */
    uint8_t kind; /* enum hs_event_kind */
    uint8_t flags;
    uint8_t source; /* the heap's internal source (ETW), 0 = unknown */
    uint8_t call;   /* of blocks: block_call.h */
    hs_process_id process;
    uint32_t thread; /* the system's thread id; 0 or UINT32_MAX = unknown */
    hs_stack_slot stack;
    uint64_t stack_ref; /* > 0: a STACK_LINK may name this event later */
    union {
        struct hs_block_fields block;
        struct hs_heap_fields heap;
        struct hs_heap_name_fields heap_name;
        struct hs_virtual_fields virtual_memory;
        struct hs_pool_fields pool;
        struct hs_clock_fields clock;
        const struct hs_process_fields *process_info; /* wide and rare: lent by the batch */
        const struct hs_module_fields *module;
        const struct hs_frame_fields *frame;
        const struct hs_fact_fields *fact;
        const struct hs_note_fields *note;
        struct hs_thread_fields thread_info;
        struct hs_stack_fields stack_info;
        struct hs_text text; /* SUPPRESSION, MARK */
        uint64_t number;     /* MEMORY_SAMPLE: resident bytes; LOST: records */
        int64_t end_time;    /* GAP */
    };
};

/* Source and call as one number, for what keeps both and looks at neither. */
static inline uint16_t hs_event_origin (const struct hs_event *event)
{
    return (uint16_t)(event->source | event->call << 8);
}

/* "alloc", "free" …: the word in `dump`. Never NULL. */
const char *hs_event_kind_name (enum hs_event_kind kind);

/* "buffer-damaged" …: stable words for JSON and tests. Never NULL. */
const char *hs_note_kind_name (enum hs_note_kind kind);

/* One English headline per kind, marked for translation with N_(). */
const char *hs_note_kind_title (enum hs_note_kind kind);

/* Whether the note states damage of the file's structure (an "issue"). */
bool hs_note_kind_is_structural (enum hs_note_kind kind);

#endif
