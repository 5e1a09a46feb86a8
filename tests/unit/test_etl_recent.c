/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stamps of the latest records, held against a plain list of them. */
#include "decode/etl/etl_recent.h"

#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define N_RECORDS 3000000u
#define N_KEPT 500000u /* less than there is room for: how far back it goes is not promised */
#define FAR INT64_C (0x200000000)

static uint64_t state;

static uint32_t draw (uint32_t below)
{
    state = state * UINT64_C (6364136223846793005) + 1442695040888963407u;
    return (uint32_t)((state >> 32) * below >> 32);
}

struct listed {
    int64_t time;
    uint8_t kind;
};

/* Many equal stamps; close ones with a few gaps over what a block spans; few to a block. */
static int64_t step_of (unsigned style)
{
    unsigned percent = draw (100);

    if (style == 0)
        return percent < 60 ? 0 : draw (3);
    if (percent == 0)
        return FAR / 64 * draw (128);
    return percent < 30 ? 0 : draw (style == 1 ? 40 : 100000000);
}

static unsigned expected (const struct listed *list, size_t n, int64_t time)
{
    size_t low = 0, high = n;
    unsigned kinds = 0;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (list[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && list[low].time == time; low++)
        kinds |= 1u << list[low].kind;
    return kinds;
}

/* How many answers are wrong; an assertion for each would take most of the time. */
static unsigned compare (const struct hs_etl_recent *recent, const struct listed *list, size_t n)
{
    size_t back = n < N_KEPT ? n : N_KEPT;
    unsigned n_wrong = 0;

    for (unsigned i = 0; i < 64; i++) {
        size_t reach = i % 2 == 0 || back < 200 ? back : 200;
        int64_t time = list[n - 1 - draw ((uint32_t)reach)].time + (i % 3 == 0 ? 1 : 0);

        if (hs_etl_recent_kinds (recent, time) != expected (list, n, time))
            n_wrong++;
    }
    return n_wrong;
}

START_TEST (stamps_are_found_as_in_a_list)
{
    struct listed *list = malloc (N_RECORDS * sizeof *list);

    ck_assert_ptr_nonnull (list);
    for (unsigned style = 0; style < 3; style++) {
        struct hs_etl_recent recent = { 0 };
        unsigned n_failed = 0;
        int64_t time = INT64_MIN + 5;
        /* gaps cost room: those of the last style leave a few thousand records */
        size_t n_all = style < 2 ? N_RECORDS : 20000;

        state = style + 1;
        ck_assert_uint_eq (hs_etl_recent_kinds (&recent, 0), 0);
        for (size_t n = 0; n < n_all; n++) {
            time += step_of (style);
            list[n] = (struct listed){ time, HS_ETL_STACK_OF_OTHER };
            n_failed += !hs_etl_recent_add (&recent, time);
            if (draw (2) == 0) {
                list[n].kind = (uint8_t)draw (HS_ETL_N_STACK_KINDS);
                hs_etl_recent_set_kind (&recent, (enum hs_etl_stack_kind)list[n].kind);
            }
            if (n < 200 || n % 9973 == 0)
                n_failed += compare (&recent, list, n + 1);
        }
        ck_assert_uint_eq (n_failed, 0);
        /* memory has an end, whatever comes */
        ck_assert_uint_le (recent.capacity * sizeof *recent.blocks, 1u << 22);
        hs_etl_recent_clear (&recent);
    }
    free (list);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("etl recent");
    TCase *tests = tcase_create ("stamps");

    tcase_set_timeout (tests, 60);
    tcase_add_test (tests, stamps_are_found_as_in_a_list);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
