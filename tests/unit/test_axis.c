/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ticks at numbers a person would choose, and what they say. */
#include "draw/axis.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct hs_tick ticks[HS_AXIS_MAX_TICKS];

static unsigned ticks_of (enum hs_axis_unit unit, double min, double max, double apart)
{
    struct hs_axis axis = { min, max, 0, 1000, unit };

    return hs_axis_ticks (&axis, apart, ticks);
}

START_TEST (steps_are_nice)
{
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_BYTES, 900), 1024);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_BYTES, 1024), 1024);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_BYTES, 0.1), 1);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_COUNT, 3), 5);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_COUNT, 0.2), 1);
    ck_assert_double_eq_tol (hs_axis_nice_step (HS_AXIS_SECONDS, 0.3), 0.5, 1e-12);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_SECONDS, 25), 30);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_SECONDS, 61), 120);
    ck_assert_double_eq (hs_axis_nice_step (HS_AXIS_SECONDS, 86401), 172800);
}
END_TEST

START_TEST (pixels_and_values_are_inverse)
{
    struct hs_axis axis = { 10, 30, 200, 50, HS_AXIS_COUNT }; /* upwards */

    ck_assert_double_eq (hs_axis_pixel (&axis, 10), 200);
    ck_assert_double_eq (hs_axis_pixel (&axis, 30), 50);
    ck_assert_double_eq_tol (hs_axis_value (&axis, hs_axis_pixel (&axis, 17)), 17, 1e-9);
}
END_TEST

START_TEST (bytes_are_told_in_one_unit)
{
    ck_assert_uint_eq (ticks_of (HS_AXIS_BYTES, 0, 640 * 1048576.0, 300), 3);
    ck_assert_str_eq (ticks[0].text, "0 MiB");
    ck_assert_str_eq (ticks[1].text, "256 MiB");
    ck_assert_str_eq (ticks[2].text, "512 MiB");
    (void)ticks_of (HS_AXIS_BYTES, 0, 2.2 * 1048576.0, 200);
    ck_assert_str_eq (ticks[1].text, "0.5 MiB");
    (void)ticks_of (HS_AXIS_BYTES, 0, 3, 100);
    ck_assert_str_eq (ticks[1].text, "1 B");
}
END_TEST

START_TEST (time_is_told_as_needed)
{
    ck_assert_uint_eq (ticks_of (HS_AXIS_SECONDS, 0, 40, 100), 9);
    ck_assert_str_eq (ticks[1].text, "5 s");
    (void)ticks_of (HS_AXIS_SECONDS, 12.404, 12.4052, 200);
    ck_assert_str_eq (ticks[1].text, "12.4045 s");
    (void)ticks_of (HS_AXIS_SECONDS, 0, 0.25, 200);
    ck_assert_str_eq (ticks[1].text, "50 ms");
    (void)ticks_of (HS_AXIS_SECONDS, 0, 1000, 200);
    ck_assert_str_eq (ticks[1].text, "5 min");
    (void)ticks_of (HS_AXIS_SECONDS, 0, 40000, 200);
    ck_assert_str_eq (ticks[1].text, "6:00 h");
}
END_TEST

START_TEST (counts_are_short)
{
    char text[HS_UNITS_TEXT_SIZE];

    ck_assert_str_eq (hs_axis_count_text (0, text), "0");
    ck_assert_str_eq (hs_axis_count_text (999, text), "999");
    ck_assert_str_eq (hs_axis_count_text (1500, text), "1.5 k");
    ck_assert_str_eq (hs_axis_count_text (2e6, text), "2 M");
}
END_TEST

/* Whatever is asked: few ticks, within the axis, ascending, apart. */
START_TEST (any_axis_has_sane_ticks)
{
    srand (20240711);
    for (int i = 0; i < 20000; i++) {
        double magnitude = pow (10, rand () % 22 - 9);
        double min = rand () % 3 == 0 ? 0 : magnitude * (rand () % 1000);
        double max = min + magnitude * (1 + rand () % 1000) / 100;
        enum hs_axis_unit unit = (enum hs_axis_unit) (rand () % 3);
        unsigned n = ticks_of (unit, min, max, 20 + rand () % 400);

        ck_assert_uint_le (n, 51);
        for (unsigned k = 0; k < n; k++) {
            ck_assert_double_ge (ticks[k].value, min - 1e-6 * (max - min));
            ck_assert_double_le (ticks[k].value, max + 1e-6 * (max - min));
            ck_assert (ticks[k].text[0] != '\0');
            if (k > 0)
                ck_assert_double_ge ((ticks[k].value - ticks[k - 1].value) / (max - min) * 1000,
                                     19);
        }
    }
}
END_TEST

START_TEST (no_axis_no_ticks)
{
    ck_assert_uint_eq (ticks_of (HS_AXIS_BYTES, 5, 5, 100), 0);
    ck_assert_uint_eq (ticks_of (HS_AXIS_COUNT, 0, INFINITY, 100), 0);
    ck_assert_uint_eq (ticks_of (HS_AXIS_SECONDS, 0, NAN, 100), 0);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("axis");
    TCase *tests = tcase_create ("axis");

    tcase_add_test (tests, steps_are_nice);
    tcase_add_test (tests, pixels_and_values_are_inverse);
    tcase_add_test (tests, bytes_are_told_in_one_unit);
    tcase_add_test (tests, time_is_told_as_needed);
    tcase_add_test (tests, counts_are_short);
    tcase_add_test (tests, any_axis_has_sane_ticks);
    tcase_add_test (tests, no_axis_no_ticks);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
