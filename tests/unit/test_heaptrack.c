/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of formats/heaptrack.md, one test each, on hand-made lines. */
#include "base/limits.h"
#include "base/memory.h"
#include "event_text.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct hs_format hs_heaptrack_format;

#define SPAN(text) ((struct hs_span){ (const uint8_t *)(text), sizeof (text) - 1 })

static struct hs_span span_of (const char *text)
{
    return (struct hs_span){ (const uint8_t *)text, strlen (text) };
}

/* Decodes and keeps only the lines that contain `what`. */
static char *lines_with (struct hs_span bytes, const char *what)
{
    const char *const words[] = { what, NULL };
    struct text_log log = { 0 };
    struct hs_error err = { 0 };
    char *found;

    ck_assert_msg (text_log_decode (&log, bytes, &err) == HS_END, "%s", err.text);
    found = text_log_lines_with (&log, words);
    text_log_clear (&log);
    return found;
}

static void expect_lines (const char *input, const char *what, const char *expected)
{
    char *found = lines_with (span_of (input), what);

    ck_assert_str_eq (found, expected);
    free (found);
}

static const char interpreted[] = "v 10250 2\n"
                                  "X ./program --fast\n"
                                  "I 1000 10\n"
                                  "s /bin/program\n"
                                  "s main\n"
                                  "s main.c\n"
                                  "s helper\n"
                                  "i 400 1 2 3 a\n"
                                  "t 1 0\n"
                                  "i 500 1 4 3 14 2 3 1e\n"
                                  "t 2 1\n"
                                  "a 20 2\n"
                                  "+ 0\n"
                                  "c a\n"
                                  "R 3\n"
                                  "a 8 1\n"
                                  "+ 1\n"
                                  "+ 0\n"
                                  "- 0\n"
                                  "- 0\n"
                                  "c 14\n"
                                  "- 1\n";

START_TEST (interpreted_files_give_events)
{
    expect_lines (interpreted, " p0",
                  "0 process p0 pid=0 image= command=\n"
                  "0 process p0 pid=0 image=./program command=./program --fast\n"
                  "0 frame-name p0 401+0 /bin/program|main|main.c:10\n"
                  "0 frame-name p0 501+0 /bin/program|helper|main.c:20\n"
                  "0 frame-name p0 501+1 /bin/program|main|main.c:30\n"
                  "0 stack p0 slot=1 501 401\n"
                  "0 alloc p0 heap=0 address=10 size=32 stack=1\n"
                  "10 memory-sample p0 12288\n"
                  "0 stack p0 slot=2 401\n"
                  "10 alloc p0 heap=0 address=20 size=8 stack=2\n"
                  "10 alloc p0 heap=0 address=30 size=32 stack=1\n"
                  "10 free p0 heap=0 address=30 temporary\n"
                  "10 free p0 heap=0 address=10 temporary\n" /* info 0 after a free: upstream's */
                  "20 free p0 heap=0 address=20\n");
    expect_lines (interpreted, "note", "");
    expect_lines (interpreted, "system_memory", "0 fact heaptrack.system_memory_bytes=65536\n");
}
END_TEST

static const char raw[] = "v 10550 3\n"
                          "x 8 /my prog\n"
                          "X /my prog arg\n"
                          "m 1 -\n"
                          "m 1 x 1000 0 100 200 50\n"
                          "m 7 /lib/a. 8000 0 100\n"
                          "m 4 vdso 9000\n"
                          "t 1010 0\n"
                          "t 8020 1\n"
                          "+ 40 2 ff00\n"
                          "m 1 -\n"
                          "m 1 x 1000 0 100 200 50\n"
                          "m 7 /lib/b. 8000 0 300\n"
                          "+ 41 2 ff40\n"
                          "- ff00\n"
                          "- abc0\n"
                          "+ 1 0 ff00\n";

START_TEST (raw_files_give_pointers_and_module_changes)
{
    expect_lines (raw, " p0",
                  "0 process p0 pid=0 image= command=\n"
                  "0 process p0 pid=0 image=/my prog command=\n"
                  "0 process p0 pid=0 image=/my prog command=/my prog arg\n"
                  "0 module p0 op=0 1000+250 /my prog\n"
                  "0 module p0 op=0 8000+100 /lib/a.\n"
                  "0 stack p0 slot=1 8021 1011\n"
                  "0 alloc p0 heap=0 address=ff00 size=64 stack=1\n"
                  "0 module p0 op=1 8000+100 /lib/a.\n"
                  "0 module p0 op=0 8000+300 /lib/b.\n"
                  "0 alloc p0 heap=0 address=ff40 size=65 stack=1\n"
                  "0 free p0 heap=0 address=ff00\n"
                  "0 free p0 heap=0 address=abc0\n"
                  "0 alloc p0 heap=0 address=ff00 size=1\n");
    expect_lines (raw, "note", "");
}
END_TEST

START_TEST (version_0_carries_pointers_and_unsized_strings)
{
    expect_lines ("v 10000\ns /a b\ni 10 1\nt 1 0\n+ 5 1 77\n- 77\n", " p0",
                  "0 process p0 pid=0 image= command=\n"
                  "0 frame-name p0 11+0 /a b||:0\n"
                  "0 stack p0 slot=1 11\n"
                  "0 alloc p0 heap=0 address=77 size=5 stack=1\n"
                  "0 free p0 heap=0 address=77\n");
    expect_lines ("v 10200\ns f\na 5 0\n+ 0\n", " alloc", "0 alloc p0 heap=0 address=10 size=5\n");
    expect_lines ("s f\ni 10 1\nt 1 0\n+ 5 0 80\n", " alloc",
                  "0 alloc p0 heap=0 address=80 size=5\n");
}
END_TEST

START_TEST (newer_versions_are_refused_with_both_numbers)
{
    struct text_log log = { 0 };
    struct hs_error err;

    ck_assert_int_eq (text_log_decode (&log, SPAN ("v 20103 4\n+ 0\n"), &err), HS_UNSUPPORTED);
    ck_assert_ptr_nonnull (strstr (err.text, "heaptrack 2.1.3 in file version 4"));
    ck_assert_ptr_nonnull (strstr (err.text, "up to 3"));
    text_log_clear (&log);
}
END_TEST

START_TEST (other_text_is_not_taken_for_heaptrack)
{
    struct text_log log = { 0 };
    struct hs_error err;

    ck_assert_int_eq (text_log_decode (&log, SPAN ("version 3\nfoo\n"), &err), HS_UNSUPPORTED);
    ck_assert_int_eq (text_log_decode (&log, SPAN ("a word\nto the\nwise man\n"), &err),
                      HS_UNSUPPORTED);
    ck_assert_ptr_nonnull (strstr (err.text, "heaptrack"));
    text_log_clear (&log);
}
END_TEST

START_TEST (damaged_tables_keep_their_numbering)
{
    /* string 2, address 2, node 2 and info 0 are broken; what follows keeps its number */
    expect_lines ("v 10300 3\ns 1 a\ns 99 b\ns 1 c\ni 10 3\ni zz 1\ni 30 2\nt 1 0\nt ? 1\nt 3 2\n"
                  "a q 1\na 9 3\n+ 1\n",
                  " p0",
                  "0 process p0 pid=0 image= command=\n"
                  "0 frame-name p0 11+0 c||:0\n"
                  "0 stack p0 slot=1 31 1\n"
                  "0 alloc p0 heap=0 address=10 size=9 stack=1\n");
}
END_TEST

START_TEST (bad_indexes_are_unknown_or_left_out)
{
    expect_lines ("v 10300 3\ni 10 7 8 9 1\nt 5 0\nt 1 4\nt 1 3\na 4 2\na 5 9\n+ 0\n+ 1\n+ 2\n"
                  "- 1\n- 1\n- 2\n",
                  " p0",
                  "0 process p0 pid=0 image= command=\n"
                  "0 frame-name p0 11+0 ||:1\n"
                  "0 stack p0 slot=1 11\n"
                  "0 alloc p0 heap=0 address=10 size=4 stack=1\n"
                  "0 alloc p0 heap=0 address=20 size=5\n"
                  "0 free p0 heap=0 address=20 temporary\n"
                  "0 free p0 heap=0 address=fffffffffffffff0\n");
    expect_lines ("v 10300 3\ni 10 7\nt 1 4\nt 1 3\na 4 2\n+ 0\n+ 2\n- 2\n", "note",
                  "0 note value-absurd x4: A call stack names a caller that does not come before "
                  "it; it is taken to begin there.\n");
}
END_TEST

START_TEST (damaged_lines_are_counted)
{
    expect_lines (
        "v 10300 3\na 1 0\n+ 11111111111111111\n+ x\n+\n+ 0 0\n+  0\n- A\nq 1\nc 1 2\n+ 0\n",
        "note",
        "0 note line-damaged x8: A record '+' is left out: its fields are not as "
        "they must be.\n");
    expect_lines ("v 10300 3\na 1 0\n+ 0 0\n+ 0\n", " alloc",
                  "0 alloc p0 heap=0 address=10 size=1\n");
}
END_TEST

START_TEST (time_never_goes_back_nor_leaps)
{
    expect_lines ("v 10300 3\na 1 0\nc 64\nc 32\nc ffffffffffffffff\n+ 0\n", " alloc",
                  "100 alloc p0 heap=0 address=10 size=1\n");
    expect_lines ("v 10300 3\nc 64\nc 32\nc ffffffffffff\n", "note",
                  "0 note out-of-order x1: Time went back from 100 ms to 50 ms; it stays where it "
                  "was.\n"
                  "0 note value-absurd x1: A time of 281474976710655 ms is over the limit of 1000 "
                  "days; it is left out.\n");
}
END_TEST

START_TEST (the_last_line_may_lack_its_newline)
{
    expect_lines ("v 10300 3\na 1 0\n+ 0", " alloc", "0 alloc p0 heap=0 address=10 size=1\n");
    expect_lines (
        "v 10300 3\na 1 0\n+ 0\nt 1", "note",
        "0 note truncated x1: The file ends inside of a record 't', which is left out.\n");
}
END_TEST

START_TEST (one_pointer_with_two_names_is_two_frames)
{
    expect_lines ("v 10300 3\ns 1 a\ns 1 b\ni 10 0 1\ni 10 0 2\ni 10 0 1\nt 1 0\nt 2 1\nt 3 2\n"
                  "a 1 3\n+ 0\n",
                  "0 ",
                  "0 clock 1000\n"
                  "0 process p0 pid=0 image= command=\n"
                  "0 fact heaptrack.version=1.3.0\n"
                  "0 fact heaptrack.file_version=3\n"
                  "0 fact heaptrack.stage=interpreted\n"
                  "0 frame-name p0 11+0 |a|:0\n"
                  "0 frame-name p0 fffffffe00000001+0 |b|:0\n"
                  "0 stack p0 slot=1 11 fffffffe00000001 11\n"
                  "0 alloc p0 heap=0 address=10 size=1 stack=1\n"
                  "0 fact events_total=11\n"
                  "0 count heaptrack/+=1\n"
                  "0 count heaptrack/a=1\n"
                  "0 count heaptrack/i=3\n"
                  "0 count heaptrack/s=2\n"
                  "0 count heaptrack/t=3\n"
                  "0 count heaptrack/v=1\n");
}
END_TEST

START_TEST (suppressions_attach_and_comments)
{
    expect_lines ("v 10300 3\nS leak:one two\nS 8 leak:abc\nS nonsense\nA\n\n# c\na 1 0\n", "s",
                  "0 process p0 pid=0 image= command=\n"
                  "0 fact heaptrack.version=1.3.0\n"
                  "0 fact heaptrack.file_version=3\n"
                  "0 suppression one two\n"
                  "0 suppression abc\n"
                  "0 reset p0\n"
                  "0 fact heaptrack.stage=interpreted\n"
                  "0 fact events_total=6\n"
                  "0 note line-damaged x1: A record 'S' is left out: its fields are not as they "
                  "must be.\n");
}
END_TEST

START_TEST (foreign_bytes_become_utf8)
{
    expect_lines ("v 10000 2\ns a\xff\x62\ni 1 1\n", "frame",
                  "0 frame-name p0 2+0 a\xef\xbf\xbd\x62||:0\n");
}
END_TEST

START_TEST (long_lines_are_left_out)
{
    const size_t lengths[] = { HS_LIMIT_LINE_BYTES - 2, HS_LIMIT_LINE_BYTES - 1,
                               HS_LIMIT_LINE_BYTES * 3 };

    for (size_t i = 0; i < 3; i++) {
        char *name = calloc (lengths[i] + 1, 1), *text, *found;

        memset (name, 'x', lengths[i]);
        ck_assert_int_gt (asprintf (&text, "v 10000 2\ns %s\na 5 0\n+ 0\n", name), 0);
        found = lines_with (span_of (text), " alloc");
        ck_assert_str_eq (found, "0 alloc p0 heap=0 address=10 size=5\n");
        free (found);
        found = lines_with (span_of (text), "note");
        ck_assert_int_eq (strstr (found, "longer than") != NULL, i > 0);
        free (found);
        free (text);
        free (name);
    }
}
END_TEST

START_TEST (stacks_over_the_depth_limit_lose_their_innermost_frames)
{
    char *text = NULL, *found, *frame;
    unsigned n_frames = 0;
    size_t n;
    FILE *out = open_memstream (&text, &n);

    fprintf (out, "v 10550 3\nx 1 a\n");
    for (unsigned i = 0; i < HS_LIMIT_STACK_DEPTH + 9; i++)
        fprintf (out, "t %x %x\n", 0x1000 + i, i);
    fprintf (out, "+ 1 %x 10\n", HS_LIMIT_STACK_DEPTH + 9);
    fclose (out);
    found = lines_with (span_of (text), " stack p0");
    for (frame = strstr (found, "slot=1 "); frame != NULL; frame = strchr (frame + 1, ' '))
        n_frames++;
    ck_assert_uint_eq (n_frames - 1, HS_LIMIT_STACK_DEPTH);
    ck_assert_ptr_nonnull (strstr (found, "slot=1 2000 1fff "));
    ck_assert_ptr_nonnull (strstr (found, " 1002 1001\n"));
    free (found);
    free (text);
}
END_TEST

START_TEST (a_growing_file_gives_the_same_events)
{
    static const char *const texts[] = { interpreted, raw };
    struct hs_error err = { 0 };

    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 1; seed < 40; seed++) {
            struct text_log whole = { .leaves_out_facts = true };
            struct text_log slices = { .leaves_out_facts = true };

            ck_assert_int_eq (text_log_decode (&whole, span_of (texts[i]), &err), HS_END);
            ck_assert_int_eq (text_log_decode_growing (&slices, &hs_heaptrack_format,
                                                       span_of (texts[i]), seed, &err),
                              HS_AGAIN);
            ck_assert_str_eq (whole.text, slices.text);
            text_log_clear (&whole);
            text_log_clear (&slices);
        }
}
END_TEST

START_TEST (every_failed_allocation_is_reported)
{
    static const char *const texts[] = { interpreted, raw };

    for (size_t i = 0; i < 2; i++) {
        enum hs_status status = HS_NO_MEMORY;

        for (uint64_t n = 1; status == HS_NO_MEMORY; n++) {
            struct text_log log = { 0 };

            hs_memory_fail_at (n);
            status = text_log_decode (&log, span_of (texts[i]), NULL);
            hs_memory_fail_never ();
            text_log_clear (&log);
            ck_assert (status == HS_NO_MEMORY || status == HS_END);
        }
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("heaptrack");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 60);
    tcase_add_test (rules, interpreted_files_give_events);
    tcase_add_test (rules, raw_files_give_pointers_and_module_changes);
    tcase_add_test (rules, version_0_carries_pointers_and_unsized_strings);
    tcase_add_test (rules, newer_versions_are_refused_with_both_numbers);
    tcase_add_test (rules, other_text_is_not_taken_for_heaptrack);
    tcase_add_test (rules, damaged_tables_keep_their_numbering);
    tcase_add_test (rules, bad_indexes_are_unknown_or_left_out);
    tcase_add_test (rules, damaged_lines_are_counted);
    tcase_add_test (rules, time_never_goes_back_nor_leaps);
    tcase_add_test (rules, the_last_line_may_lack_its_newline);
    tcase_add_test (rules, one_pointer_with_two_names_is_two_frames);
    tcase_add_test (rules, suppressions_attach_and_comments);
    tcase_add_test (rules, foreign_bytes_become_utf8);
    tcase_add_test (rules, long_lines_are_left_out);
    tcase_add_test (rules, stacks_over_the_depth_limit_lose_their_innermost_frames);
    tcase_add_test (rules, a_growing_file_gives_the_same_events);
    tcase_add_test (rules, every_failed_allocation_is_reported);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
