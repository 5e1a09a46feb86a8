/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be typed as a filter, and what cannot. */
#include "analysis/filter_words.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C (1000000)

static struct hs_filter read_words (const char *words)
{
    struct hs_filter filter = hs_filter_all ();
    struct hs_filter_wrong wrong;

    ck_assert_msg (hs_filter_set_words (&filter, words, &wrong), "%s: %s", words, wrong.value);
    return filter;
}

START_TEST (words_without_a_term_are_one_name)
{
    struct hs_filter filter = read_words ("  operator   new ");

    ck_assert_str_eq (filter.frames, "operator new");
    ck_assert_str_eq (read_words ("std::string").frames, "std::string");
    ck_assert_str_eq (read_words ("frames:png size:1 read").frames, "png read");
    ck_assert_str_eq (read_words ("note:this").frames, "note:this");
    ck_assert_str_eq (read_words ("size::max").frames, "size::max");
    ck_assert (!hs_filter_has_term (&(struct hs_filter){ .size_max = UINT64_MAX }, HS_TERM_SIZE));
}
END_TEST

START_TEST (every_term_sets_its_field)
{
    struct hs_filter filter =
        read_words ("module:\"my lib\" size:64..4k lifetime:<10ms thread:4711 heap:0x1F0000");

    ck_assert_str_eq (filter.module, "my lib");
    ck_assert_str_eq (filter.frames, "");
    ck_assert_uint_eq (filter.size_min, 64);
    ck_assert_uint_eq (filter.size_max, 4096);
    ck_assert_uint_eq (filter.lifetime_min, 0);
    ck_assert_uint_eq (filter.lifetime_max, 10 * MS - 1);
    ck_assert (filter.has_thread && filter.thread == 4711);
    ck_assert (filter.has_heap && filter.heap == 0x1f0000);
    for (enum hs_filter_term term = 0; term < HS_N_TERMS; term++) {
        ck_assert_int_eq (hs_filter_has_term (&filter, term), term != HS_TERM_FRAMES);
        hs_filter_clear_term (&filter, term);
        ck_assert (!hs_filter_has_term (&filter, term));
    }
    filter.thread = 0;
    filter.heap = 0;
    ck_assert (hs_filter_is_same (&filter, &(struct hs_filter){ .process = HS_NO_PROCESS,
                                                                .size_max = UINT64_MAX,
                                                                .lifetime_max = UINT64_MAX,
                                                                .classes = HS_CLASS_ALL }));
}
END_TEST

static const struct {
    const char *words;
    uint64_t min, max;
} ranges[] = {
    { "size:7", 7, 7 },
    { "size:7..", 7, UINT64_MAX },
    { "size:..1KiB", 0, 1024 },
    { "size:<1", 0, 0 },
    { "size:<=8", 0, 8 },
    { "size:>8", 9, UINT64_MAX },
    { "size:>=1.5k", 1536, UINT64_MAX },
    { "lifetime:1s", 1000 * MS, 1000 * MS },
    { "lifetime:10ms..1.5s", 10 * MS, 1500 * MS },
    { "lifetime:>1us", 1001, UINT64_MAX },
    { "lifetime:..2min", 0, 120000 * MS },
};

START_TEST (ranges_have_their_bounds)
{
    struct hs_filter filter = read_words (ranges[_i].words);
    bool is_size = ranges[_i].words[0] == 's';

    ck_assert_uint_eq (is_size ? filter.size_min : filter.lifetime_min, ranges[_i].min);
    ck_assert_uint_eq (is_size ? filter.size_max : filter.lifetime_max, ranges[_i].max);
}
END_TEST

static const struct {
    const char *words, *value;
    enum hs_filter_term term;
} wrong_words[] = {
    { "png size:9..1", "9..1", HS_TERM_SIZE },
    { "size:..", "..", HS_TERM_SIZE },
    { "size:<0", "<0", HS_TERM_SIZE },
    { "size:-1", "-1", HS_TERM_SIZE },
    { "size:4q lifetime:x", "4q", HS_TERM_SIZE },
    { "lifetime:<", "<", HS_TERM_LIFETIME },
    { "lifetime:1e300s", "1e300s", HS_TERM_LIFETIME },
    { "lifetime:nan", "nan", HS_TERM_LIFETIME },
    { "thread:4294967296", "4294967296", HS_TERM_THREAD },
    { "thread:0x", "0x", HS_TERM_THREAD },
    { "heap:0x10000000000000000", "0x10000000000000000", HS_TERM_HEAP },
    { "heap: thread:-1", "-1", HS_TERM_THREAD },
    { "module:0123456789012345678901234567890123456789012345678901234567890123",
      "012345678901234567890123456789012345678901234567890123456789012", HS_TERM_MODULE },
};

START_TEST (the_first_wrong_value_is_told_and_nothing_is_set)
{
    struct hs_filter filter = hs_filter_all (), before = filter;
    struct hs_filter_wrong wrong;

    ck_assert (!hs_filter_set_words (&filter, wrong_words[_i].words, &wrong));
    ck_assert_int_eq (wrong.term, wrong_words[_i].term);
    ck_assert_str_eq (wrong.value, wrong_words[_i].value);
    ck_assert (hs_filter_is_same (&filter, &before));
    ck_assert_ptr_nonnull (strstr (hs_filter_term_complaint (wrong.term), "%s"));
}
END_TEST

START_TEST (a_term_without_a_value_waits_for_it)
{
    struct hs_filter filter = read_words ("size: png module:"), all = hs_filter_all ();

    ck_assert_str_eq (filter.frames, "png");
    hs_filter_clear_term (&filter, HS_TERM_FRAMES);
    ck_assert (hs_filter_is_same (&filter, &all));
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("filter_words");
    TCase *tests = tcase_create ("words");
    SRunner *runner;
    int n_failed;

    tcase_add_test (tests, words_without_a_term_are_one_name);
    tcase_add_test (tests, every_term_sets_its_field);
    tcase_add_loop_test (tests, ranges_have_their_bounds, 0, sizeof ranges / sizeof ranges[0]);
    tcase_add_loop_test (tests, the_first_wrong_value_is_told_and_nothing_is_set, 0,
                         sizeof wrong_words / sizeof wrong_words[0]);
    tcase_add_test (tests, a_term_without_a_value_waits_for_it);
    suite_add_tcase (suite, tests);
    runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    n_failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
