/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of src/base, one test each. */
#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/intern.h"
#include "base/memory.h"
#include "base/narrow.h"
#include "base/span.h"
#include "base/text.h"
#include "base/units.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

START_TEST (reader_remembers_overrun)
{
    const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
    struct hs_reader reader = hs_reader_init ((struct hs_span){ bytes, sizeof bytes });

    ck_assert_uint_eq (hs_reader_u32 (&reader), 0x04030201);
    ck_assert (!reader.has_overrun);
    ck_assert_uint_eq (hs_reader_u16 (&reader), 0);
    ck_assert (reader.has_overrun);
    ck_assert_uint_eq (hs_reader_u8 (&reader), 0);
}
END_TEST

START_TEST (span_checks_do_not_wrap)
{
    const uint8_t byte = 7;
    struct hs_span span = { &byte, 1 };

    ck_assert (hs_span_has (span, 0, 1));
    ck_assert (!hs_span_has (span, 1, SIZE_MAX));
    ck_assert (!hs_span_has (span, SIZE_MAX, 2));
    ck_assert_uint_eq (hs_span_part (span, 5, 1).size, 0);
}
END_TEST

START_TEST (arena_reset_keeps_one_block)
{
    struct hs_arena arena = { 0 };
    size_t one_block;
    void *first;

    ck_assert_ptr_nonnull (hs_arena_alloc (&arena, 8));
    one_block = arena.n_bytes;
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_nonnull (hs_arena_alloc (&arena, one_block / 8 * (size_t)(i + 1)));
    ck_assert_uint_gt (arena.n_bytes, 2 * one_block);
    hs_arena_reset (&arena);
    ck_assert_uint_eq (arena.n_bytes, one_block);
    first = hs_arena_alloc (&arena, 8);
    hs_arena_reset (&arena);
    ck_assert_ptr_eq (hs_arena_alloc (&arena, 8), first); /* used from its beginning again */
    ck_assert_uint_eq (arena.n_bytes, one_block);
    hs_arena_clear (&arena);
    hs_arena_reset (&arena);
    ck_assert_ptr_null (arena.newest);
}
END_TEST

START_TEST (idmap_equals_a_plain_table_under_churn)
{
    enum { N_KEYS = 500, N_STEPS = 20000 };
    struct hs_idmap map = { 0 };
    uint32_t model[N_KEYS];
    uint64_t random = 1;
    size_t n_model = 0;

    for (int i = 0; i < N_KEYS; i++)
        model[i] = HS_IDMAP_NONE;
    for (uint32_t step = 0; step < N_STEPS; step++) {
        uint64_t key;

        random = random * UINT64_C (6364136223846793005) + 1;
        key = random >> 33 % 64;
        key %= N_KEYS;
        if (random >> 60 & 1) {
            ck_assert (hs_idmap_set (&map, key * 16, step));
            n_model += model[key] == HS_IDMAP_NONE;
            model[key] = step;
        } else {
            ck_assert_uint_eq (hs_idmap_remove (&map, key * 16), model[key]);
            n_model -= model[key] != HS_IDMAP_NONE;
            model[key] = HS_IDMAP_NONE;
        }
        ck_assert_uint_eq (map.n, n_model);
    }
    for (uint64_t key = 0; key < N_KEYS; key++)
        ck_assert_uint_eq (hs_idmap_get (&map, key * 16), model[key]);
    hs_idmap_clear (&map);
}
END_TEST

START_TEST (intern_gives_each_text_one_number)
{
    struct hs_intern table = { 0 };
    uint32_t a, b, again, empty;

    ck_assert (hs_intern_add (&table, "a", 1, &a));
    ck_assert (hs_intern_add (&table, "b\0c", 3, &b));
    ck_assert (hs_intern_add (&table, "a", 1, &again));
    ck_assert (hs_intern_add (&table, "", 0, &empty));
    ck_assert_uint_eq (a, again);
    ck_assert_uint_ne (a, b);
    ck_assert_uint_eq (empty, 0);
    ck_assert_str_eq (hs_intern_text (&table, a), "a");
    ck_assert_str_eq (hs_intern_text (&table, 99), "");
    hs_intern_clear (&table);
}
END_TEST

START_TEST (column_values_never_move)
{
    struct hs_column column = hs_column_init (4);
    const uint32_t *first;

    ck_assert (hs_column_append_u32 (&column, 0));
    first = hs_column_chunk_u32 (&column, 0);
    for (uint32_t i = 1; i < 200000; i++)
        ck_assert (hs_column_append_u32 (&column, i));
    ck_assert_ptr_eq (first, hs_column_chunk_u32 (&column, 0));
    ck_assert_uint_eq (hs_column_u32 (&column, 150000), 150000);
    hs_column_poke (&column, 150000, 7);
    ck_assert_uint_eq (hs_column_peek (&column, 150000), 7);
    hs_column_clear (&column);
}
END_TEST

/* From `at` on there is a large value now and then. */
static uint32_t narrow_value (uint64_t i, uint64_t at, uint32_t large)
{
    return i >= at && (i - at) % 1000 == 0 ? large : (uint32_t)i % 256;
}

static void check_narrow (uint64_t first_large, uint64_t first_larger)
{
    struct hs_column column, wider[HS_NARROW_WIDER];
    const uint64_t n = 200000;
    struct hs_narrow_values before = { 0 };
    uint64_t n_wrong = 0, n_narrow, n_wide;

    hs_narrow_init (&column, wider);
    for (uint64_t i = 0; i < n; i++) {
        if (i == first_large && i > 0)
            before = hs_narrow_values (&column, i - 1);
        n_wrong += !hs_narrow_append (&column, i < first_larger
                                                   ? narrow_value (i, first_large, 65535)
                                                   : narrow_value (i, first_larger, UINT32_MAX));
        n_wrong += column.n != i + 1;
    }
    for (uint64_t i = 0; i < n; i++) { /* one by one, and side by side */
        uint32_t value = i < first_larger ? narrow_value (i, first_large, 65535)
                                          : narrow_value (i, first_larger, UINT32_MAX);
        uint32_t at = i & (HS_COLUMN_CHUNK_VALUES - 1);

        n_wrong += hs_narrow_get (&column, i) != value;
        n_wrong += hs_narrow_at (hs_narrow_values (&column, i - at), at) != value;
    }
    ck_assert_uint_eq (n_wrong, 0);
    if (before.at != NULL) /* who was reading goes on */
        ck_assert_uint_eq (hs_narrow_at (before, 0), narrow_value (first_large - 1, n, 0));
    n_wide = n - (first_larger < n ? first_larger : n);
    n_narrow = first_large < n - n_wide ? first_large : n - n_wide;
    ck_assert_uint_le (hs_column_bytes (&column), n_narrow + 2 * (n - n_wide - n_narrow) +
                                                      4 * n_wide + 4 * HS_COLUMN_CHUNK_VALUES);
    hs_column_clear (&column);
    ck_assert_uint_eq (hs_column_bytes (&column), 0);
}

START_TEST (narrow_columns_grow_wider)
{
    check_narrow (UINT64_MAX, UINT64_MAX);
    check_narrow (0, UINT64_MAX);
    check_narrow (UINT64_MAX, 0);
    check_narrow (65536, 131072); /* the first of a chunk */
    check_narrow (65535, 131071); /* the last */
    check_narrow (70000, 70001);  /* both in one */
    check_narrow (70000, 190000);
    check_narrow (199999, UINT64_MAX);
}
END_TEST

static uint32_t growing_value (uint64_t i)
{
    return i < 1000 ? 7 : i < 66000 ? 7000 : 700000;
}

/* Wherever memory runs out, what was appended is there, and appending can go on. */
START_TEST (narrow_columns_survive_want_of_memory)
{
    uint64_t n_failed = 1;

    for (uint64_t fails_at = 1; n_failed > 0; fails_at++) {
        struct hs_column column, wider[HS_NARROW_WIDER];
        uint64_t n_wrong = 0;

        n_failed = 0;
        hs_narrow_init (&column, wider);
        hs_memory_fail_once (fails_at);
        for (uint64_t n = 0; n < 70000; n = column.n) {
            n_failed += !hs_narrow_append (&column, growing_value (n));
            n_wrong += column.n - n > 1;
        }
        hs_memory_fail_never ();
        ck_assert_uint_le (n_failed, 1);
        for (uint64_t i = 0; i < column.n; i++)
            n_wrong += hs_narrow_get (&column, i) != growing_value (i);
        ck_assert_uint_eq (n_wrong, 0);
        hs_column_clear (&column);
    }
}
END_TEST

START_TEST (error_gains_context)
{
    struct hs_error err;

    ck_assert_int_eq (hs_error_set (&err, HS_DAMAGED, 12, "size %d", 7), HS_DAMAGED);
    (void)hs_error_prefix (&err, HS_DAMAGED, "buffer %d", 3);
    ck_assert_str_eq (err.text, "buffer 3: size 7");
    ck_assert_uint_eq (err.file_offset, 12);
    ck_assert_int_eq (hs_error_no_memory (NULL), HS_NO_MEMORY);
}
END_TEST

START_TEST (allocation_can_be_made_to_fail)
{
    void *ptr;

    hs_memory_fail_at (2);
    ptr = hs_alloc_zeroed (1, 1);
    ck_assert_ptr_nonnull (ptr);
    ck_assert_ptr_null (hs_alloc_array (1, 1));
    hs_memory_fail_never ();
    hs_free (ptr);
    ck_assert_ptr_null (hs_alloc_array (SIZE_MAX, 2));
}
END_TEST

START_TEST (bytes_are_formatted_with_three_figures)
{
    char text[HS_UNITS_TEXT_SIZE];
    uint64_t bytes;
    double seconds;

    ck_assert_str_eq (hs_format_bytes (0, text), "0 B");
    ck_assert_str_eq (hs_format_bytes (1023, text), "1023 B");
    ck_assert_str_eq (hs_format_bytes (1024, text), "1.0 KiB");
    ck_assert_str_eq (hs_format_bytes (1024 * 1024 - 1, text), "1.0 MiB");
    ck_assert_str_eq (hs_format_bytes (UINT64_MAX, text), "16.0 EiB");
    ck_assert_str_eq (hs_format_bytes_signed (-1, text), "-1 B");
    ck_assert_str_eq (hs_format_bytes_signed (INT64_MIN, text), "-8.0 EiB");
    ck_assert_str_eq (hs_format_count (4118902, text), "4,118,902");
    ck_assert_str_eq (hs_format_seconds (0.0032, text), "3.2 ms");
    ck_assert (hs_parse_bytes ("1.5M", &bytes) && bytes == 1536 * 1024);
    ck_assert (!hs_parse_bytes ("12 apples", &bytes));
    ck_assert (hs_parse_seconds ("200ms", &seconds) && seconds > 0.199 && seconds < 0.201);
    ck_assert (!hs_parse_seconds ("", &seconds));
}
END_TEST

START_TEST (text_becomes_valid_utf8)
{
    const uint8_t utf16[] = { 'a', 0, 0x3d, 0xd8, 0, 0xde, 0, 0xd8, 'b', 0, 0, 0, 'c', 0 };
    const uint8_t latin1[] = { 'n', 0xef, 'v', 'e', 0 };
    char out[32];
    size_t n;

    n = hs_text_from_utf16 ((struct hs_span){ utf16, sizeof utf16 }, out, sizeof out);
    ck_assert_str_eq (out, "a\xf0\x9f\x98\x80\xef\xbf\xbd"
                           "b");
    ck_assert_uint_eq (n, 9);
    (void)hs_text_from_ansi ((struct hs_span){ latin1, sizeof latin1 }, out, sizeof out);
    ck_assert_str_eq (out, "n\xc3\xafve");
    (void)hs_text_from_utf8 ((struct hs_span){ latin1, 3 }, out, sizeof out);
    ck_assert_str_eq (out, "n\xef\xbf\xbdv");
    n = hs_text_from_utf16 ((struct hs_span){ utf16, sizeof utf16 }, out, 3);
    ck_assert_uint_eq (n, 1);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("base");
    TCase *rules = tcase_create ("rules");

    tcase_add_test (rules, reader_remembers_overrun);
    tcase_add_test (rules, span_checks_do_not_wrap);
    tcase_add_test (rules, arena_reset_keeps_one_block);
    tcase_add_test (rules, idmap_equals_a_plain_table_under_churn);
    tcase_add_test (rules, intern_gives_each_text_one_number);
    tcase_add_test (rules, column_values_never_move);
    tcase_add_test (rules, narrow_columns_grow_wider);
    tcase_add_test (rules, narrow_columns_survive_want_of_memory);
    tcase_add_test (rules, error_gains_context);
    tcase_add_test (rules, allocation_can_be_made_to_fail);
    tcase_add_test (rules, bytes_are_formatted_with_three_figures);
    tcase_add_test (rules, text_becomes_valid_utf8);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
