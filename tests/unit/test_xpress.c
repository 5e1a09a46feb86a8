/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of decode/etl/xpress.h: published examples, every cut, hostile input, and a slow second
 * decoder written word for word after formats/etl.md 2.1 as the oracle for random streams. */
#include "decode/etl/xpress.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define OUT_MAX 4096

/* Packed bytes in memory of exactly their size, so that the sanitizer sees any read behind them. */
static enum hs_xpress_outcome decode (const uint8_t *packed, size_t n, uint8_t *out, size_t size,
                                      size_t *ret_n)
{
    uint8_t *copy = malloc (n > 0 ? n : 1);
    enum hs_xpress_outcome outcome;

    memcpy (copy, packed, n);
    outcome = hs_xpress_decode ((struct hs_span){ copy, n }, out, size, ret_n);
    free (copy);
    return outcome;
}

static const uint8_t letters[] = "\x3f\0\0\0abcdefghijklmnopqrstuvwxyz";
static const uint8_t repeated[] = { 0xff, 0xff, 0xff, 0x1f, 'a',  'b', 'c',
                                    0x17, 0,    0x0f, 0xff, 0x26, 0x01 };

START_TEST (published_examples_unpack)
{
    uint8_t out[300];
    size_t n;

    ck_assert_int_eq (decode (letters, 30, out, 26, &n), HS_XPRESS_DONE);
    ck_assert_uint_eq (n, 26);
    ck_assert_mem_eq (out, "abcdefghijklmnopqrstuvwxyz", 26);
    ck_assert_int_eq (decode (repeated, sizeof repeated, out, 300, &n), HS_XPRESS_DONE);
    ck_assert_uint_eq (n, 300);
    for (size_t i = 0; i < 300; i++)
        ck_assert_uint_eq (out[i], "abc"[i % 3]);
}
END_TEST

START_TEST (a_stream_that_ends_early_is_done_with_less)
{
    uint8_t out[300];
    size_t n;

    ck_assert_int_eq (decode (letters, 30, out, 27, &n), HS_XPRESS_DONE);
    ck_assert_uint_eq (n, 26);
}
END_TEST

START_TEST (a_cut_is_noticed_at_every_byte)
{
    uint8_t out[300];
    size_t n;

    for (size_t i = 0; i < 30; i++) {
        ck_assert_int_eq (decode (letters, i, out, 26, &n), HS_XPRESS_CUT);
        ck_assert_uint_eq (n, i > 4 ? i - 4 : 0);
    }
    for (size_t i = 0; i < sizeof repeated; i++) {
        enum hs_xpress_outcome outcome = decode (repeated, i, out, 300, &n);

        /* behind the three letters a 1 bit without anything is the regular end */
        ck_assert_int_eq (outcome, i == 7 ? HS_XPRESS_DONE : HS_XPRESS_CUT);
        ck_assert_uint_le (n, 3);
    }
}
END_TEST

START_TEST (hostile_matches_are_refused)
{
    /* one literal, then a match: distance 2 is in front of everything */
    const uint8_t far[] = { 0, 0, 0, 0x40, 'x', 0x08, 0 };
    /* distance 1, length 3 into room for 2 */
    const uint8_t long_match[] = { 0, 0, 0, 0x40, 'x', 0, 0 };
    /* length words below 22 would be negative */
    const uint8_t negative[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 21, 0 };
    /* a length of 2^32 - 1 */
    const uint8_t huge[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 0, 0, 255, 255, 255, 255 };
    /* a match as the very first thing */
    const uint8_t first[] = { 0, 0, 0, 0x80, 0, 0 };
    uint8_t out[64];
    size_t n;

    ck_assert_int_eq (decode (far, sizeof far, out, 64, &n), HS_XPRESS_DAMAGED);
    ck_assert_uint_eq (n, 1);
    ck_assert_int_eq (decode (long_match, sizeof long_match, out, 3, &n), HS_XPRESS_DAMAGED);
    ck_assert_int_eq (decode (long_match, sizeof long_match, out, 4, &n), HS_XPRESS_DONE);
    ck_assert_uint_eq (n, 4);
    ck_assert_int_eq (decode (negative, sizeof negative, out, 64, &n), HS_XPRESS_DAMAGED);
    ck_assert_int_eq (decode (huge, sizeof huge, out, 64, &n), HS_XPRESS_DAMAGED);
    ck_assert_int_eq (decode (first, sizeof first, out, 64, &n), HS_XPRESS_DAMAGED);
    ck_assert_int_eq (decode (first, sizeof first, out, 0, &n), HS_XPRESS_DONE);
}
END_TEST

START_TEST (a_32_bit_length_is_read_behind_a_zero_word)
{
    const uint8_t packed[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 0, 0, 0x10, 2, 0, 0 };
    uint8_t out[OUT_MAX];
    size_t n;

    /* 0x210 - 22 + 15 + 7 + 3 more bytes behind the literal */
    ck_assert_int_eq (decode (packed, sizeof packed, out, 532, &n), HS_XPRESS_DONE);
    ck_assert_uint_eq (n, 532);
    ck_assert_uint_eq (out[531], 'x');
}
END_TEST

/* ---- the slow decoder; returns bytes written, *ret says how it ended ---- */

struct slow {
    const uint8_t *in;
    size_t n, at;
    bool is_cut;
};

static uint32_t slow_read (struct slow *slow, unsigned n_bytes)
{
    uint32_t value = 0;

    if (slow->n - slow->at < n_bytes) {
        slow->is_cut = true;
        return 0;
    }
    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint32_t)slow->in[slow->at++] << (8 * i);
    return value;
}

static size_t slow_decode (struct slow slow, uint8_t *out, size_t size, enum hs_xpress_outcome *ret)
{
    size_t written = 0, half = SIZE_MAX;
    uint32_t flags = 0;
    unsigned n_flags = 0;

    *ret = HS_XPRESS_DONE;
    while (written < size) {
        uint64_t length;
        uint32_t word, distance;

        if (n_flags == 0) {
            flags = slow_read (&slow, 4);
            n_flags = 32;
        }
        if (!slow.is_cut && (flags >> --n_flags & 1) == 0) {
            uint8_t byte = (uint8_t)slow_read (&slow, 1);

            if (!slow.is_cut)
                out[written++] = byte;
        } else if (!slow.is_cut) {
            if (slow.at == slow.n)
                return written;
            word = slow_read (&slow, 2);
            length = word & 7;
            distance = (word >> 3) + 1;
            if (length == 7 && !slow.is_cut) {
                if (half == SIZE_MAX) {
                    half = slow.at;
                    length = slow_read (&slow, 1) & 15;
                } else {
                    length = slow.in[half] >> 4;
                    half = SIZE_MAX;
                }
                if (length == 15) {
                    length = slow_read (&slow, 1);
                    if (length == 255) {
                        length = slow_read (&slow, 2);
                        if (length == 0)
                            length = slow_read (&slow, 4);
                        if (!slow.is_cut && length < 22) {
                            *ret = HS_XPRESS_DAMAGED;
                            return written;
                        }
                        length -= 22;
                    }
                    length += 15;
                }
                length += 7;
            }
            length += 3;
            if (!slow.is_cut && (distance > written || length > size - written)) {
                *ret = HS_XPRESS_DAMAGED;
                return written;
            }
            for (; length > 0 && !slow.is_cut; length--, written++)
                out[written] = out[written - distance];
        }
        if (slow.is_cut) {
            *ret = HS_XPRESS_CUT;
            return written;
        }
    }
    return written;
}

/* Streams with few matches near, so that many of them live long. */
static size_t make_stream (uint8_t *bytes, size_t n)
{
    size_t n_used = (size_t)rand () % n;

    for (size_t i = 0; i < n_used; i++) {
        switch (rand () % 4) {
        case 0:
            bytes[i] = 0;
            break;
        case 1:
            bytes[i] = (uint8_t)(rand () % 32);
            break;
        case 2:
            bytes[i] = 0xff;
            break;
        default:
            bytes[i] = (uint8_t)rand ();
        }
    }
    if (n_used >= 4 && rand () % 4 > 0) {
        bytes[3] = (uint8_t)(rand () % 64);
        bytes[2] = (uint8_t)(rand () & rand ());
    }
    return n_used;
}

START_TEST (random_streams_decode_as_the_slow_decoder_says)
{
    static uint8_t out[OUT_MAX], wanted[OUT_MAX];
    unsigned n_done = 0;

    srand (20110829);
    for (unsigned round = 0; round < 30000; round++) {
        uint8_t packed[200];
        size_t n_packed = make_stream (packed, sizeof packed);
        size_t size = (size_t)rand () % (round % 2 != 0 ? 100 : OUT_MAX);
        enum hs_xpress_outcome wanted_outcome;
        size_t n;
        size_t n_wanted = slow_decode ((struct slow){ packed, n_packed, 0, false }, wanted, size,
                                       &wanted_outcome);

        ck_assert_int_eq (decode (packed, n_packed, out, size, &n), wanted_outcome);
        ck_assert_uint_eq (n, n_wanted);
        ck_assert_mem_eq (out, wanted, n);
        n_done += wanted_outcome == HS_XPRESS_DONE;
    }
    ck_assert_uint_gt (n_done, 300); /* else the streams prove little */
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("xpress");
    TCase *rules = tcase_create ("rules");

    tcase_add_test (rules, published_examples_unpack);
    tcase_add_test (rules, a_stream_that_ends_early_is_done_with_less);
    tcase_add_test (rules, a_cut_is_noticed_at_every_byte);
    tcase_add_test (rules, hostile_matches_are_refused);
    tcase_add_test (rules, a_32_bit_length_is_read_behind_a_zero_word);
    tcase_add_test (rules, random_streams_decode_as_the_slow_decoder_says);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
