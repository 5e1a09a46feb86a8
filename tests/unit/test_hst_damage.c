/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Damage in the middle of an .hst file, as the trace sees it: a gap, before which blocks are unsure
 * and behind which nothing that comes from it counts as an error. (That damage is noticed at all:
 * test_hst.c.)
 */
#include "decode/decoder.h"
#include "encode/hst_encoder.h"
#include "event/hst_layout.h"
#include "hst_mend.h"
#include "trace/trace.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "test_hst_damage.XXXXXX.hst";
static void *encoder;
static unsigned n_chunks;

static void setup (void)
{
    struct hs_error error;
    int fd;

    memcpy (path + strlen ("test_hst_damage."), "XXXXXX", 6); /* the template again */
    fd = mkstemps (path, 4);
    ck_assert_int_ge (fd, 0);
    close (fd);
    n_chunks = 0;
    ck_assert_int_eq (hs_hst_encoder.open (path, &encoder, &error), HS_OK);
    hs_hst_encoder_set_level (encoder, 0);
}

static void teardown (void)
{
    unlink (path);
}

/* One chunk of events, from its time on: `n_frees` blocks from first_free on end, n are born. */
static void add_chunk (int64_t time, uint64_t first_free, uint64_t n_frees, uint64_t first,
                       uint64_t n)
{
    struct hs_process_fields process = { .pid = 1000 };
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_error error;

    ck_assert_ptr_nonnull (batch);
    if (n_chunks++ == 0)
        hs_batch_add_process (batch, HS_EVENT_PROCESS, 0, &process)->process = 0;
    for (uint64_t i = 0; i < n_frees + n; i++) {
        bool is_free = i < n_frees;
        struct hs_event *e =
            hs_batch_add (batch, is_free ? HS_EVENT_FREE : HS_EVENT_ALLOC, time + (int64_t)i);

        e->process = 0;
        e->stack = HS_NO_STACK;
        e->block.heap = 0x10000;
        e->block.address = 16 * (is_free ? first_free + i : first + i - n_frees);
        e->block.size = is_free ? 0 : 100;
    }
    batch->has_last_time = true;
    batch->last_time = time + 50;
    ck_assert_int_eq (hs_hst_encoder.append (encoder, batch, &error), HS_OK);
    ck_assert_int_eq (hs_hst_encoder.flush (encoder, &error), HS_OK);
    hs_batch_free (batch);
}

enum harm {
    HARM_PAYLOAD,
    HARM_HEADER,
    HARM_OPS, /* under a right checksum */
    N_HARMS,
};

static void harm_chunk (uint8_t *bytes, size_t n, unsigned n_before, enum harm harm)
{
    uint8_t *at = bytes + HS_HST_FILE_HEADER_BYTES;

    while (hs_get_u16 (at + HS_HST_CHUNK_AT_TYPE) != HS_HST_CHUNK_EVENTS || n_before-- > 0)
        at += HS_HST_CHUNK_HEADER_BYTES + hs_get_u32 (at + HS_HST_CHUNK_AT_STORED);
    if (harm == HARM_HEADER)
        at[HS_HST_CHUNK_AT_NUMBER] ^= 0x55;
    else
        at[HS_HST_CHUNK_HEADER_BYTES + HS_HST_EVENTS_HEADER_BYTES] = 0xff;
    if (harm == HARM_OPS)
        hst_mend (bytes, n);
}

/* The trace of the file whose second chunk of events is harmed. */
static struct hs_trace *read_harmed (enum harm harm)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_trace *trace = hs_trace_new ();
    struct hs_encode_report report;
    struct hs_decoder *decoder;
    struct hs_error error;
    enum hs_status status;
    uint8_t *bytes;
    FILE *file;

    ck_assert_int_eq (hs_hst_encoder.finish (encoder, &report, &error), HS_OK);
    bytes = malloc (report.n_bytes);
    file = fopen (path, "rb");
    ck_assert (bytes != NULL && file != NULL && batch != NULL && trace != NULL);
    ck_assert_uint_eq (fread (bytes, 1, report.n_bytes, file), report.n_bytes);
    fclose (file);
    harm_chunk (bytes, report.n_bytes, 1, harm);
    status = hs_decoder_open_memory ((struct hs_span){ bytes, report.n_bytes }, &decoder, &error);
    while (status == HS_OK) {
        status = hs_decoder_next (decoder, batch, &error);
        ck_assert_int_eq (hs_trace_append (trace, batch, &error), HS_OK);
    }
    ck_assert_int_eq (status, HS_END);
    hs_decoder_close (decoder);
    hs_batch_free (batch);
    free (bytes);
    return trace;
}

/* The blocks before it may have been freed in it, and what is freed behind it was born in it. */
START_TEST (damage_is_a_gap)
{
    struct hs_trace *trace;
    const struct hs_tables *t;

    add_chunk (100, 0, 0, 1, 10);   /* 1 to 10 are born */
    add_chunk (200, 1, 4, 21, 3);   /* lost: 1 to 4 end, 21 to 23 are born */
    add_chunk (300, 21, 2, 1, 1);   /* 21 and 22 end, 1 is born again: explained */
    add_chunk (400, 5, 2, 301, 30); /* 5 and 6 end: no doubt about them; 30 that are sure */
    trace = read_harmed ((enum harm)_i);
    t = hs_trace_lock (trace);
    ck_assert_uint_eq (t->totals.unmatched_frees, 0);
    ck_assert_uint_eq (t->totals.duplicate_allocs, 0);
    ck_assert_uint_eq (t->totals.unseen_allocs, 2);
    ck_assert_uint_eq (t->totals.unseen_frees, 1);
    ck_assert_uint_eq (t->totals.live_count, 7 + 1 + 30);
    ck_assert_uint_eq (t->unsure.count, 7); /* 2 to 4, 7 to 10 */
    ck_assert_uint_eq (t->unsure.bytes, 700);
    ck_assert_uint_eq (t->gaps.n, 1);
    /* the chunk's own first time is known when only its events are harmed */
    ck_assert_int_eq (t->gaps.items[0].begin, _i == HARM_OPS ? 200 : 150);
    ck_assert_int_eq (t->gaps.items[0].end, 300);
    hs_trace_unlock (trace);
    hs_trace_free (trace);
}
END_TEST

/* With nothing behind it: all that was live before it is unsure. */
START_TEST (damage_at_the_end_is_a_gap)
{
    struct hs_trace *trace;

    add_chunk (100, 0, 0, 1, 10);
    add_chunk (200, 1, 4, 21, 3);
    trace = read_harmed ((enum harm)_i);
    ck_assert_uint_eq (hs_trace_lock (trace)->unsure.count, 10);
    hs_trace_unlock (trace);
    hs_trace_free (trace);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("hst_damage");
    TCase *tcase = tcase_create ("hst_damage");

    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_add_loop_test (tcase, damage_is_a_gap, 0, N_HARMS);
    tcase_add_loop_test (tcase, damage_at_the_end_is_a_gap, 0, N_HARMS);
    suite_add_tcase (suite, tcase);
    return run_suite (suite);
}
