/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for the vocabulary; see heap_event.h. */
#include "event/heap_event.h"

#include "base/text.h"

const char *hs_event_kind_name (enum hs_event_kind kind)
{
    switch (kind) {
    case HS_EVENT_NONE:
        return "none";
    case HS_EVENT_ALLOC:
        return "alloc";
    case HS_EVENT_FREE:
        return "free";
    case HS_EVENT_REALLOC:
        return "realloc";
    case HS_EVENT_HEAP_CREATE:
        return "heap-create";
    case HS_EVENT_HEAP_DESTROY:
        return "heap-destroy";
    case HS_EVENT_HEAP_SEEN:
        return "heap-seen";
    case HS_EVENT_PROCESS_END:
        return "process-end";
    case HS_EVENT_HEAP_RANGE:
        return "heap-range";
    case HS_EVENT_VIRTUAL:
        return "virtual";
    case HS_EVENT_POOL:
        return "pool";
    case HS_EVENT_MEMORY_SAMPLE:
        return "memory-sample";
    case HS_EVENT_CLOCK:
        return "clock";
    case HS_EVENT_PROCESS:
        return "process";
    case HS_EVENT_THREAD:
        return "thread";
    case HS_EVENT_MODULE:
        return "module";
    case HS_EVENT_STACK:
        return "stack";
    case HS_EVENT_STACK_LINK:
        return "stack-link";
    case HS_EVENT_FRAME_NAME:
        return "frame-name";
    case HS_EVENT_SUPPRESSION:
        return "suppression";
    case HS_EVENT_MARK:
        return "mark";
    case HS_EVENT_HEAP_NAME:
        return "heap-name";
    case HS_EVENT_FACT:
        return "fact";
    case HS_EVENT_COUNT:
        return "count";
    case HS_EVENT_NOTE:
        return "note";
    case HS_EVENT_GAP:
        return "gap";
    case HS_EVENT_LOST:
        return "lost";
    case HS_EVENT_RESET:
        return "reset";
    case HS_N_EVENT_KINDS:
        break;
    }
    return "unknown";
}

struct note_kind {
    const char *name;
    const char *title;
    bool is_structural;
};

static const struct note_kind note_kinds[HS_N_NOTE_KINDS] = {
    [HS_NOTE_BUFFER_DAMAGED] = { "buffer-damaged", N_ ("Damaged trace buffers"), true },
    [HS_NOTE_DECOMPRESSION] = { "decompression", N_ ("Data that does not unpack"), true },
    [HS_NOTE_RECORD_DAMAGED] = { "record-damaged", N_ ("Damaged records"), true },
    [HS_NOTE_EXTENDED_ITEM] = { "extended-item", N_ ("Damaged extended items"), true },
    [HS_NOTE_TRUNCATED] = { "truncated", N_ ("The file is cut off"), true },
    [HS_NOTE_LINE_DAMAGED] = { "line-damaged", N_ ("Damaged lines"), true },
    [HS_NOTE_CLOCK] = { "clock", N_ ("Impossible time stamps"), false },
    [HS_NOTE_OUT_OF_ORDER] = { "out-of-order", N_ ("Records out of order"), false },
    [HS_NOTE_PAYLOAD_SHORT] = { "payload-short", N_ ("Records too short for their kind"), false },
    [HS_NOTE_VALUE_ABSURD] = { "value-absurd", N_ ("Values over their limit"), false },
    [HS_NOTE_UNSUPPORTED] = { "unsupported", N_ ("Parts that cannot be read"), false },
    [HS_NOTE_SEQUENCE_GAP] = { "sequence-gap", N_ ("Missing trace buffers"), false },
    [HS_NOTE_EVENTS_LOST] = { "events-lost", N_ ("Events lost while recording"), false },
    [HS_NOTE_RECORDING_GAP] = { "recording-gap", N_ ("Gaps in the recording"), false },
    [HS_NOTE_UNSURE_BLOCKS] = { "unsure-blocks", N_ ("Blocks that may have been freed unseen"),
                                false },
    [HS_NOTE_NOT_FINALIZED] = { "not-finalized", N_ ("The recording was not closed"), false },
    [HS_NOTE_STACK_UNRESOLVED] = { "stack-unresolved", N_ ("Call stacks not found"), false },
    [HS_NOTE_UNMATCHED_FREE] = { "unmatched-free", N_ ("Frees of unknown blocks"), false },
    [HS_NOTE_DUPLICATE_ALLOC] = { "duplicate-alloc", N_ ("Allocations over live blocks"), false },
    [HS_NOTE_UNSEEN] = { "unseen", N_ ("What the recorder could not see"), false },
    [HS_NOTE_INDEX] = { "index", N_ ("The closing index was not used"), false },
    [HS_NOTE_MISMATCHED_FREE] = { "mismatched-free", N_ ("Blocks freed by the wrong function"),
                                  false },
    [HS_NOTE_OTHER] = { "other", N_ ("Other findings"), false },
    [HS_NOTE_SHORTAGE] = { "shortage", N_ ("Memory or disk ran short while opening"), false },
};

static const struct note_kind *note_kind (enum hs_note_kind kind)
{
    return &note_kinds[(unsigned)kind < HS_N_NOTE_KINDS ? kind : HS_NOTE_OTHER];
}

const char *hs_note_kind_name (enum hs_note_kind kind)
{
    return note_kind (kind)->name;
}

const char *hs_note_kind_title (enum hs_note_kind kind)
{
    return note_kind (kind)->title;
}

bool hs_note_kind_is_structural (enum hs_note_kind kind)
{
    return note_kind (kind)->is_structural;
}
