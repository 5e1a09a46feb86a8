/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How every unit test ends its `main`. Not for tests that print their own results (tap.py). */
#ifndef HS_TESTS_RUN_SUITE_H
#define HS_TESTS_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite and frees it; returns what `main` shall: EXIT_SUCCESS when no test failed. With
 * CK_NOFORK all tests run in this process: the thread sanitizer dislikes fork. */
static inline int run_suite_as (Suite *suite, enum fork_status fork_status)
{
    SRunner *runner = srunner_create (suite);
    int n_failed;

    srunner_set_fork_status (runner, fork_status);
    srunner_run_all (runner, CK_ENV);
    n_failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int run_suite (Suite *suite)
{
    return run_suite_as (suite, CK_FORK_GETENV);
}

#endif
