/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rare records of the agent: memory the program maps, pools, marks, what it hid; see
 * order_private.h. */
#include "capture/recorder/order_private.h"

#include "base/text.h"

static struct hs_text text_of (const uint64_t *words, uint64_t n_words, char *buffer, size_t size)
{
    uint64_t length = words[0];

    if (length > (n_words - 1) * 8)
        length = (n_words - 1) * 8;
    length =
        hs_text_from_utf8 ((struct hs_span){ (const uint8_t *)(words + 1), length }, buffer, size);
    return (struct hs_text){ buffer, (uint32_t)length };
}

static void take_heap (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, uint64_t n_words)
{
    char buffer[3 * HS_RING_OTHER_TEXT_MAX + 1];
    struct hs_text name = text_of (words + 1, n_words - 1, buffer, sizeof buffer);
    struct hs_event *event;

    hs_order_add (order, HS_EVENT_HEAP_SEEN, time, ring)->heap =
        (struct hs_heap_fields){ .heap = words[0] };
    event = hs_order_add (order, HS_EVENT_HEAP_NAME, time, ring);
    event->heap_name.heap = words[0];
    event->heap_name.name = hs_batch_text (order->batch, name.bytes, name.length);
}

static void take_mark (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, uint64_t n_words)
{
    char buffer[3 * HS_RING_OTHER_TEXT_MAX + 1];
    struct hs_text name = text_of (words + 1, n_words - 1, buffer, sizeof buffer);

    hs_order_add (order, HS_EVENT_MARK, time, ring)->text =
        hs_batch_text (order->batch, name.bytes, name.length);
}

static void take_pool (struct hs_event_order *order, uint32_t ring, int64_t time,
                       const uint64_t *words, enum hs_event_kind kind)
{
    struct hs_block_fields block = { .address = words[0], .size = words[1] };
    struct hs_event *event = hs_order_add_block (order, kind, time, ring, &block,
                                                 hs_order_slot_of (&order->rings[ring], words[2]));

    event->block.heap = words[3];
    event->call = HS_CALL_POOL;
    order->totals.n_allocs += kind == HS_EVENT_ALLOC;
    order->totals.n_frees += kind == HS_EVENT_FREE;
}

static void take_virtual (struct hs_event_order *order, uint32_t ring, int64_t time,
                          const uint64_t *words, enum hs_virtual_op op)
{
    struct hs_event *event = hs_order_add (order, HS_EVENT_VIRTUAL, time, ring);

    event->virtual_memory =
        (struct hs_virtual_fields){ words[0], words[1], (uint32_t)words[3], op };
    event->stack = hs_order_slot_of (&order->rings[ring], words[2]);
}

/* Between two of these, or up to the end, the process was not seen. */
static void take_unseen (struct hs_event_order *order, int64_t time, uint64_t reason)
{
    struct hs_event *gap;

    if (order->unseen != HS_UNSEEN_NOTHING) {
        gap = hs_batch_add (order->batch, HS_EVENT_GAP, order->unseen_since);
        gap->process = order->process;
        gap->end_time = time;
    }
    order->unseen_since = time;
    order->unseen = reason;
}

void hs_order_end_unseen (struct hs_event_order *order)
{
    const char *what = "entered strict seccomp";

    if (order->unseen == HS_UNSEEN_NOTHING)
        return;
    if (order->unseen == HS_UNSEEN_NO_TSC)
        what = "forbade itself to read the time stamp counter";
    else if (order->unseen == HS_UNSEEN_FILTER)
        what = "filters its system calls, and on this machine each time stamp is one";
    hs_batch_add_note (order->batch, HS_NOTE_UNSEEN, HS_NO_OFFSET,
                       "the program %s: nothing that it did then was recorded", what);
    take_unseen (order, order->trace->newest_time, HS_UNSEEN_NOTHING);
}

void hs_order_take_other (struct hs_event_order *order, uint32_t ring, int64_t time,
                          const uint64_t *words)
{
    uint64_t n_words = words[1] >> 32;
    enum hs_ring_other what = (enum hs_ring_other) (words[1] & UINT32_MAX);
    const uint64_t *w = words + 2;

    if (n_words < (what == HS_OTHER_HEAP || what == HS_OTHER_MARK ? 2 : HS_RING_OTHER_WORDS))
        return;
    switch (what) {
    case HS_OTHER_MAP:
        take_virtual (order, ring, time, w, HS_VIRTUAL_ALLOC);
        break;
    case HS_OTHER_UNMAP:
        take_virtual (order, ring, time, w, HS_VIRTUAL_FREE);
        break;
    case HS_OTHER_POOL_ALLOC:
        take_pool (order, ring, time, w, HS_EVENT_ALLOC);
        break;
    case HS_OTHER_POOL_FREE:
        take_pool (order, ring, time, w, HS_EVENT_FREE);
        break;
    case HS_OTHER_HEAP:
        take_heap (order, ring, time, w, n_words);
        break;
    case HS_OTHER_HEAP_END:
        hs_order_add (order, HS_EVENT_HEAP_DESTROY, time, ring)->heap =
            (struct hs_heap_fields){ .heap = w[0] };
        break;
    case HS_OTHER_MARK:
        take_mark (order, ring, time, w, n_words);
        break;
    case HS_OTHER_MODULE_END:
        hs_order_end_module (order, time, w[0]);
        break;
    case HS_OTHER_UNSEEN:
        take_unseen (order, time, w[0]);
        break;
    }
}
