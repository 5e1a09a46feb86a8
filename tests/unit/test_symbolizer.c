/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The asking side of symbols, with workers that misbehave: scripts in place of heapstrata-symbols.
 * What the real one answers is compared with other tools in tests/symbols.
 */
#include "symbols/symbolizer.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct heard {
    unsigned n_names, n_named;
    unsigned n_states[HS_N_SYMBOL_STATES];
    struct hs_symbolizer *symbolizer;
};

static void on_names (void *data, uint32_t module, uint64_t offset,
                      const struct hs_symbol_frame *frames, uint32_t n)
{
    struct heard *heard = data;

    heard->n_names++;
    heard->n_named += n > 0;
}

static void on_state (void *data, uint32_t module)
{
    struct heard *heard = data;

    heard->n_states[hs_symbolizer_module (heard->symbolizer, module).state]++;
}

/* A worker made of a shell script. */
static void write_worker (char path[64], const char *script)
{
    char text[512];
    FILE *file;

    (void)snprintf (path, 64, "/tmp/hs-worker-%d", (int)getpid ());
    file = fopen (path, "w");
    ck_assert_ptr_nonnull (file);
    (void)snprintf (text, sizeof text, "#!/bin/sh\n%s\n", script);
    ck_assert_int_ge (fputs (text, file), 0);
    ck_assert_int_eq (fclose (file), 0);
    ck_assert_int_eq (chmod (path, 0700), 0);
}

static struct hs_symbolizer *start (struct heard *heard, const char *worker, int timeout_ms)
{
    struct hs_symbolizer_options options = { .worker = worker, .timeout_ms = timeout_ms };
    struct hs_symbolizer_sink sink = { on_names, on_state, heard };

    heard->symbolizer = hs_symbolizer_new (&options, &sink);
    ck_assert_ptr_nonnull (heard->symbolizer);
    return heard->symbolizer;
}

static uint32_t ask (struct hs_symbolizer *symbolizer, const char *path, unsigned n)
{
    uint64_t offsets[8] = { 0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006, 0x1007 };
    uint32_t module;

    ck_assert (hs_symbolizer_add_module (symbolizer, path, (const uint8_t *)"\1\2\3", 3,
                                         HS_OFFSETS_FROM_BASE, &module));
    ck_assert (hs_symbolizer_ask (symbolizer, module, offsets, n));
    return module;
}

static void finish (struct hs_symbolizer *symbolizer)
{
    enum hs_status status;
    struct hs_error err;
    time_t begin = time (NULL);

    do
        status = hs_symbolizer_step (symbolizer, 50, &err);
    while ((status == HS_OK || status == HS_AGAIN) && time (NULL) - begin < 60);
    ck_assert_int_eq (status, HS_END);
}

/* Every address is answered, and each module is blamed once. */
static void check_failing (const char *script, const char *sentence)
{
    struct heard heard = { 0 };
    struct hs_symbolizer *symbolizer;
    uint32_t first, second;
    char path[64];

    write_worker (path, script);
    symbolizer = start (&heard, path, 300);
    first = ask (symbolizer, "/first", 8);
    second = ask (symbolizer, "/second", 3);
    ck_assert (hs_symbolizer_ask (symbolizer, first, (const uint64_t[]){ 7 }, 1));
    finish (symbolizer);
    ck_assert_uint_eq (heard.n_names, 12);
    ck_assert_uint_eq (heard.n_named, 0);
    ck_assert_uint_eq (heard.n_states[HS_SYMBOLS_FAILED], 2);
    ck_assert_ptr_nonnull (strstr (hs_symbolizer_module (symbolizer, second).detail, sentence));
    hs_symbolizer_free (symbolizer);
    (void)unlink (path);
}

START_TEST (a_worker_that_hangs_is_ended)
{
    check_failing ("exec sleep 100", "too long");
}
END_TEST

START_TEST (a_worker_that_dies_is_replaced)
{
    check_failing ("kill -SEGV $$", "died");
}
END_TEST

START_TEST (nonsense_is_not_believed)
{
    check_failing ("head -c 4096 /dev/zero; sleep 100", "nonsense");
    /* a state of module 77, which nobody asked for */
    check_failing ("printf '\\045\\000\\000\\000\\004\\000\\000\\000\\115\\000\\000\\000\\002"
                   "\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000"
                   "\\000\\000\\000\\000\\000\\000\\000\\000\\000'; sleep 100",
                   "nonsense");
}
END_TEST

START_TEST (a_worker_that_is_not_there)
{
    struct heard heard = { 0 };
    struct hs_symbolizer *symbolizer = start (&heard, "/nonexistent/worker", 300);
    uint32_t module = ask (symbolizer, "/first", 2);

    finish (symbolizer);
    ck_assert_uint_eq (heard.n_names, 2);
    ck_assert_int_eq (hs_symbolizer_module (symbolizer, module).state, HS_SYMBOLS_FAILED);
    hs_symbolizer_free (symbolizer);
}
END_TEST

START_TEST (freeing_waits_for_nobody)
{
    struct heard heard = { 0 };
    struct hs_symbolizer *symbolizer;
    struct timespec begin, end;
    char path[64];

    write_worker (path, "exec sleep 100");
    symbolizer = start (&heard, path, 60000);
    (void)ask (symbolizer, "/first", 1);
    ck_assert_int_eq (hs_symbolizer_step (symbolizer, 0, NULL), HS_AGAIN);
    ck_assert_int_ge (hs_symbolizer_fd (symbolizer), 0);
    (void)clock_gettime (CLOCK_MONOTONIC, &begin);
    hs_symbolizer_free (symbolizer);
    (void)clock_gettime (CLOCK_MONOTONIC, &end);
    ck_assert_int_lt (end.tv_sec - begin.tv_sec, 30); /* not the minute, not the 100 s */
    (void)unlink (path);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("symbolizer");
    TCase *tests = tcase_create ("symbolizer");

    tcase_set_timeout (tests, 60);
    tcase_add_test (tests, a_worker_that_hangs_is_ended);
    tcase_add_test (tests, a_worker_that_dies_is_replaced);
    tcase_add_test (tests, nonsense_is_not_believed);
    tcase_add_test (tests, a_worker_that_is_not_there);
    tcase_add_test (tests, freeing_waits_for_nobody);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
