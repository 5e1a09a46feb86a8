/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: the memory shared with a hostile program. The input is a list of what the program
 * does to it between drains, with and against the protocol; whatever it does, batches come out in
 * time order, of its process and within their limits, and a ring that makes no sense is told of.
 */
#include "capture/recorder/event_order.h"
#include "base/memory.h"
#include "base/span.h"

#include <string.h>

#define RINGS 5u /* of all that there are: so that they meet each other */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum deed {
    DEED_HEAD,
    DEED_ADVANCE,
    DEED_PENDING,
    DEED_LAST_STAMP,
    DEED_OWNER,
    DEED_COUNTERS,
    DEED_BYTES,
    DEED_RECORD,
    DEED_ABSORB,
    DEED_DRAIN,
    DEED_LAST_DRAIN,
    N_DEEDS,
};

struct seen {
    int64_t newest_time;
    uint64_t n_broken_told;
};

struct play {
    struct hs_ring_reader reader;
    struct hs_event_order *order;
    struct hs_reader in;
    uint64_t heads[RINGS];
    uint64_t stamp;
};

static struct seen seen; /* by the batches of one input */

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

static enum hs_status take_batch (void *self, const struct hs_event_batch *batch,
                                  struct hs_error *err)
{
    (void)self;
    (void)err;
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_event *event = &batch->events[i];

        if (event->kind <= HS_EVENT_REALLOC) {
            demand (event->time >= seen.newest_time);
            seen.newest_time = event->time;
        }
        if (event->kind == HS_EVENT_STACK)
            demand (event->stack_info.n_frames <= 4096);
        if (event->kind == HS_EVENT_MODULE)
            demand (event->module->path.length < HS_RING_PATH_MAX);
        if (event->kind == HS_EVENT_NOTE && event->note->kind == HS_NOTE_EVENTS_LOST)
            seen.n_broken_told += event->note->count;
    }
    return HS_OK;
}

/* The clocks are read once: that takes its time. */
static struct hs_order_trace *shared_trace (void)
{
    static struct hs_order_trace *trace;
    const struct hs_order_target target = { .append = take_batch };

    if (trace == NULL)
        demand (hs_order_trace_new (&target, &trace, NULL) == HS_OK);
    return trace;
}

static uint8_t *body_of (const struct play *play, uint32_t ring)
{
    return play->reader.base + (uint64_t)HS_ARENA_PAGE * (1 + HS_RINGS) +
           (uint64_t)ring * HS_RING_BYTES;
}

static void write_words (struct play *play, uint32_t ring, const uint64_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++, play->heads[ring] += 8)
        memcpy (body_of (play, ring) + play->heads[ring] % HS_RING_BYTES / 8 * 8, &words[i], 8);
}

/* A record as it should be, but for its numbers. */
static void write_record (struct play *play, uint32_t ring)
{
    uint64_t words[80] = { 0 };
    uint64_t kind = hs_reader_u8 (&play->in) % HS_N_REC_KINDS;
    uint32_t n = hs_reader_u8 (&play->in) % 64;

    play->stamp += hs_reader_u16 (&play->in);
    words[0] = play->stamp << 4 | kind;
    words[1] = hs_reader_u8 (&play->in);
    words[2] = hs_reader_u64 (&play->in);
    words[3] = hs_reader_u8 (&play->in);
    if (kind == HS_REC_STACK) {
        words[1] |= (uint64_t)n << 32;
        write_words (play, ring, words, n + 2);
    } else if (kind == HS_REC_MODULE) {
        struct hs_ring_module module = { .begin = words[2],
                                         .end = words[2] + words[3],
                                         .path_length = n,
                                         .build_id_length = (uint32_t)words[1] };

        memcpy (words + 1, &module, sizeof module);
        write_words (play, ring, words, 1 + sizeof module / 8 + (n + 7) / 8);
    } else {
        n = (uint32_t)hs_ring_record_words (words, 80);
        write_words (play, ring, words, n);
    }
}

static void drain (struct play *play, bool is_last)
{
    uint64_t horizon, n_bytes, n_broken;

    demand (hs_ring_reader_drain (&play->reader, &horizon, &n_bytes, NULL) == HS_OK);
    n_broken = play->reader.loss.n_broken;
    if (play->reader.loss.is_any) {
        seen.n_broken_told = 0;
        demand (hs_event_order_loss (play->order, &play->reader.loss, NULL) == HS_OK);
        play->reader.loss = (struct hs_ring_loss){ .end = play->reader.loss.end };
        demand (hs_order_trace_flush (shared_trace (), NULL) == HS_OK);
        demand (seen.n_broken_told == n_broken);
    }
    demand (hs_event_order_pass (play->order, is_last ? UINT64_MAX : horizon, NULL) == HS_OK);
    demand (hs_order_trace_flush (shared_trace (), NULL) == HS_OK);
}

static void count_up (struct play *play, struct hs_ring_head *head)
{
    switch (hs_reader_u8 (&play->in) % 4) {
    case 0:
        atomic_store (&head->n_lost, hs_reader_u64 (&play->in));
        break;
    case 1:
        atomic_store (&play->reader.arena->n_unrecorded, hs_reader_u64 (&play->in));
        break;
    case 2:
        atomic_store (&play->reader.arena->control, hs_reader_u8 (&play->in));
        break;
    default:
        atomic_store (&head->tail, hs_reader_u64 (&play->in));
        break;
    }
}

static void write_bytes (struct play *play, uint32_t ring)
{
    size_t at = hs_reader_u16 (&play->in) * 8u, n = hs_reader_u8 (&play->in);
    const uint8_t *bytes = hs_reader_take (&play->in, n);

    if (bytes != NULL)
        memcpy (body_of (play, ring) + at, bytes, n);
}

static void do_one (struct play *play)
{
    enum deed deed = hs_reader_u8 (&play->in) % N_DEEDS;
    uint32_t ring = hs_reader_u8 (&play->in) % RINGS;
    struct hs_ring_head *head = hs_ring_reader_head (&play->reader, ring);

    switch (deed) {
    case DEED_HEAD:
        play->heads[ring] = hs_reader_u64 (&play->in);
        atomic_store (&head->head, play->heads[ring]);
        break;
    case DEED_ADVANCE:
        atomic_store (&head->head, play->heads[ring]);
        break;
    case DEED_PENDING:
        atomic_store (&head->pending, hs_reader_u8 (&play->in));
        break;
    case DEED_LAST_STAMP:
        atomic_store (&head->last_stamp, hs_reader_u64 (&play->in));
        break;
    case DEED_OWNER:
        atomic_store (&head->owner, hs_reader_u8 (&play->in));
        atomic_store (&head->tid, hs_reader_u32 (&play->in));
        break;
    case DEED_COUNTERS:
        count_up (play, head);
        break;
    case DEED_BYTES:
        write_bytes (play, ring);
        break;
    case DEED_RECORD:
        write_record (play, ring);
        break;
    case DEED_ABSORB:
        demand (hs_ring_reader_absorb (&play->reader, NULL) == HS_OK);
        break;
    case DEED_DRAIN:
    case DEED_LAST_DRAIN:
    case N_DEEDS:
        drain (play, deed == DEED_LAST_DRAIN);
        break;
    }
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static struct play play; /* too large for a stack */

    play = (struct play){ .in = hs_reader_init ((struct hs_span){ data, size }) };
    demand (hs_ring_reader_init (&play.reader, NULL) == HS_OK);
    demand (hs_event_order_new (shared_trace (), &play.reader, &play.order, NULL) == HS_OK);
    hs_ring_reader_set_control (&play.reader, HS_CONTROL_ON);
    for (uint32_t i = 0; i < RINGS; i++)
        atomic_store (&hs_ring_reader_head (&play.reader, i)->owner, 1);
    play.stamp = __builtin_ia32_rdtsc ();
    while (!play.in.has_overrun)
        do_one (&play);
    drain (&play, true);
    drain (&play, true);
    hs_event_order_free (play.order);
    hs_ring_reader_clear (&play.reader);
    return 0;
}
