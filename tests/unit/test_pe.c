/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader of Windows images, on two small ones (x64, x86) made with clang and lld-link /dll
 * /debug of: two exported functions, first and second. llvm-readobj says where they are.
 */
#include "symbols/pe/pe.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *paths[2];

static struct hs_span read_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    uint8_t *bytes = malloc (1 << 16);

    ck_assert (file != NULL && bytes != NULL);
    struct hs_span span = { bytes, fread (bytes, 1, 1 << 16, file) };
    (void)fclose (file);
    return span;
}

START_TEST (exports)
{
    struct hs_span file = read_file (paths[_i]);
    uint32_t distance = 0;
    struct hs_pe *pe;

    ck_assert_int_eq (hs_pe_open (file, &pe, NULL), HS_OK);
    ck_assert_str_eq (hs_pe_export_at (pe, 0x1003, &distance), "first");
    ck_assert_uint_eq (distance, 3);
    ck_assert_str_eq (hs_pe_export_at (pe, 0x1010, &distance), "second");
    ck_assert_uint_eq (distance, 0);
    ck_assert_ptr_null (hs_pe_export_at (pe, 0x900, &distance));
    ck_assert_ptr_null (hs_pe_export_at (pe, 0x2010, &distance)); /* data: another section */
    hs_pe_close (pe);
    free ((void *)file.data);
}
END_TEST

START_TEST (identity)
{
    static const uint8_t guid[16] = { 0x28, 0x91, 0x81, 0xc5, 0xab, 0xc6, 0x7d, 0x4a,
                                      0x4c, 0x4c, 0x44, 0x20, 0x50, 0x44, 0x42, 0x2e };
    struct hs_span file = read_file (paths[0]);
    struct hs_pe *pe;

    ck_assert_int_eq (hs_pe_open (file, &pe, NULL), HS_OK);
    ck_assert (hs_pe_identity (pe)->has_pdb);
    ck_assert_uint_eq (hs_pe_identity (pe)->age, 1);
    ck_assert_mem_eq (hs_pe_identity (pe)->guid, guid, sizeof guid);
    ck_assert_str_eq (hs_pe_identity (pe)->pdb_path, "lib.pdb");
    hs_pe_close (pe);
    free ((void *)file.data);
}
END_TEST

START_TEST (no_image)
{
    struct hs_span file = read_file (paths[0]);
    struct hs_error err;
    struct hs_pe *pe;

    ck_assert_int_eq (hs_pe_open ((struct hs_span){ file.data, 10 }, &pe, &err), HS_UNSUPPORTED);
    ck_assert_str_eq (err.text, "not a Windows image (PE)");
    free ((void *)file.data);
}
END_TEST

int main (int argc, char **argv)
{
    Suite *suite = suite_create ("pe");
    TCase *rules = tcase_create ("rules");

    if (argc < 3)
        return EXIT_FAILURE;
    paths[0] = argv[1];
    paths[1] = argv[2];
    suite_add_tcase (suite, rules);
    tcase_add_loop_test (rules, exports, 0, 2);
    tcase_add_test (rules, identity);
    tcase_add_test (rules, no_image);
    return run_suite (suite);
}
