/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stack walker against libunwind, frame by frame, and on damaged tables. */
#define UNW_LOCAL_ONLY
#include "capture/unwind/unwind.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <dlfcn.h>
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_SANITIZER __attribute__ ((no_sanitize ("address", "undefined")))

static struct hs_unwinder unwinder;
static uintptr_t stack_end;
static unsigned n_stacks, n_different, n_truncated;
static uint32_t random_state = 1;

static uint32_t random_number (void)
{
    random_state = random_state * 1103515245u + 12345u;
    return random_state >> 8;
}

static int find_module (void *data, uintptr_t pc, struct hs_unwind_module *ret)
{
    struct dl_find_object found;

    (void)data;
    if (_dl_find_object ((void *)pc, &found) != 0)
        return 0;
    ret->begin = (uintptr_t)found.dlfo_map_start;
    ret->end = (uintptr_t)found.dlfo_map_end;
    ret->eh_frame_hdr = (uintptr_t)found.dlfo_eh_frame;
    return 1;
}

static void find_stack_end (void)
{
    FILE *maps = fopen ("/proc/self/maps", "r");
    uintptr_t here = (uintptr_t)__builtin_frame_address (0);
    char line[512];

    ck_assert_ptr_nonnull (maps);
    while (fgets (line, sizeof line, maps) != NULL) {
        unsigned long begin, end;

        if (sscanf (line, "%lx-%lx", &begin, &end) == 2 && here >= begin && here < end)
            stack_end = end;
    }
    (void)fclose (maps);
}

static int equals_libunwind (uint32_t n, uintptr_t first)
{
    void *theirs[HS_UNWIND_MAX_FRAMES];
    int n_theirs = unw_backtrace (theirs, HS_UNWIND_MAX_FRAMES), skip = 0;

    while (skip < n_theirs && (uintptr_t)theirs[skip] != first)
        skip++;
    /* some of its versions count the outermost 0 */
    if (n_theirs - skip != (int)n && n_theirs - skip != (int)n + 1)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        if (unwinder.pc[n - 1 - i] != (uintptr_t)theirs[skip + (int)i])
            return 0;
    }
    return 1;
}

static __attribute__ ((noinline, optimize ("no-omit-frame-pointer"))) NO_SANITIZER void
compare_here (void)
{
    const uintptr_t *base = __builtin_frame_address (0);
    struct hs_unwind_start start = { base[1], (uintptr_t)(base + 2), base[0], stack_end };
    uint32_t n;

    n_truncated += hs_unwind_walk (&unwinder, &start, &n) != HS_UNWIND_COMPLETE;
    n_stacks++;
    n_different += !equals_libunwind (n, start.pc);
}

static __attribute__ ((noinline)) NO_SANITIZER void wander (int depth)
{
    volatile char local[64];

    local[depth % 64] = 1;
    if (depth == 0) {
        compare_here ();
        return;
    }
    if (random_number () % 2 == 0) {
        wander (depth - 1);
    } else {
        volatile char *block = __builtin_alloca (random_number () % 200 + 1);

        block[0] = 1; /* a frame of changing size: addressed through rbp */
        wander (depth - 1);
        if (depth > 3)
            wander (depth / 4);
    }
    if (random_number () % 8 == 0)
        compare_here ();
    (void)local[1];
}

static int compare_numbers (const void *a, const void *b)
{
    if (random_number () % 3 == 0)
        compare_here (); /* libc's qsort, without frame pointers, is below */
    return *(const int *)a - *(const int *)b;
}

START_TEST (frames_equal_libunwind)
{
    int numbers[500];

    find_stack_end ();
    hs_unwind_init (&unwinder, find_module, NULL);
    for (int i = 0; i < 500; i++)
        numbers[i] = (int)random_number ();
    qsort (numbers, 500, sizeof numbers[0], compare_numbers);
    for (int i = 0; i < 400; i++)
        wander (i % 60);
    printf ("%u stacks, %u different, %u truncated; a walk: %.2f frames stepped, %.2f verified\n",
            n_stacks, n_different, n_truncated, (double)unwinder.n_walked / n_stacks,
            (double)unwinder.n_verified / n_stacks);
    ck_assert_uint_gt (n_stacks, 10000);
    ck_assert_uint_eq (n_different, 0);
    ck_assert_uint_eq (n_truncated, 0);
}
END_TEST

/* Reads over other people's globals, which memcpy under the sanitizer would not. */
static NO_SANITIZER void copy_tables (uint8_t *to, uintptr_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
}

START_TEST (damaged_tables_are_survived)
{
    struct hs_unwind_module module, copy;
    uint8_t *bytes;
    size_t size;
    uintptr_t pc = (uintptr_t)compare_numbers + 8;

    ck_assert (find_module (NULL, pc, &module));
    /* the tables alone, in a block whose borders the address sanitizer watches */
    size = (size_t)(module.end - module.eh_frame_hdr);
    if (size > 20000)
        size = 20000;
    bytes = malloc (size);
    for (int round = 0; round < 3000; round++) {
        copy_tables (bytes, module.eh_frame_hdr, size);
        for (int i = 0; i < 20; i++)
            bytes[random_number () % size] = (uint8_t)random_number ();
        copy.begin = copy.eh_frame_hdr = (uintptr_t)bytes;
        copy.end = (uintptr_t)bytes + (round % 2 == 0 ? size : random_number () % size + 1);
        for (int i = 0; i < 20; i++)
            (void)hs_unwind_rule_for (&copy, pc - module.eh_frame_hdr + (uintptr_t)bytes +
                                                 random_number () % 4096);
    }
    free (bytes);
}
END_TEST

START_TEST (nothing_outside_the_interval_is_read)
{
    _Alignas(16) uintptr_t stack[8] = { 65, 65, 65, 65, 65, 65, 65, 65 };
    struct hs_unwind_start start = { (uintptr_t)compare_numbers + 4, (uintptr_t)stack,
                                     (uintptr_t)UINT64_C (0xdeadbeef0), (uintptr_t)(stack + 8) };
    uint32_t n;

    hs_unwind_init (&unwinder, find_module, NULL);
    ck_assert_int_eq (hs_unwind_walk (&unwinder, &start, &n), HS_UNWIND_TRUNCATED);
    ck_assert_uint_ge (n, 1);
    start.sp = start.stack_end;
    ck_assert_int_eq (hs_unwind_walk (&unwinder, &start, &n), HS_UNWIND_TRUNCATED);
    ck_assert_uint_eq (n, 0);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("unwind");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 120);
    tcase_add_test (rules, frames_equal_libunwind);
    tcase_add_test (rules, damaged_tables_are_survived);
    tcase_add_test (rules, nothing_outside_the_interval_is_read);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
