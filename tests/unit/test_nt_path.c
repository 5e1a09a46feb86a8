/* SPDX-License-Identifier: GPL-3.0-or-later */
/* _NT_SYMBOL_PATH, by the examples of Microsoft's documentation with Linux folders in them. */
#include "symbols/nt_path.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const paths[][2] = {
    { "", "" },
    { "/syms", "/syms" },
    { "/a; /b/ ;;", "/a /b" },
    { "srv*/cache*https://server/symbols", "[/cache] [https://server/symbols cache=/cache]" },
    { "SRV*https://server/", "[https://server]" },
    { "srv*", "" },
    { "srv*/near*/far*http://server", "[/near] [/far] [http://server cache=/near]" },
    { "symsrv*symsrv.dll*/cache*http://server", "[/cache] [http://server cache=/cache]" },
    { "cache*/mine;srv*http://one;/plain;srv*/own*http://two",
      "[/mine] [http://one cache=/mine] /plain [/own] [http://two cache=/mine]" },
    { "http://bare", "[http://bare]" },
};

START_TEST (examples)
{
    struct hs_nt_path path = { 0 };
    char found[1024] = "";

    ck_assert (hs_nt_path_add (&path, paths[_i][0]));
    for (size_t i = 0; i < path.places.n; i++) {
        const struct hs_nt_place *place = &path.places.items[i];
        size_t used = strlen (found);

        ck_assert (place->is_server == (strncmp (place->text, "http", 4) == 0));
        (void)snprintf (found + used, sizeof found - used, "%s%s%s%s%s%s", i > 0 ? " " : "",
                        place->is_store ? "[" : "", place->text,
                        place->cache != NULL ? " cache=" : "",
                        place->cache != NULL ? place->cache : "", place->is_store ? "]" : "");
    }
    ck_assert_str_eq (found, paths[_i][1]);
    hs_nt_path_clear (&path);
}
END_TEST

START_TEST (keys)
{
    /* {497B72F6-390A-44FC-878E-5A2D63B6CC4B}, age 1: SymStore's own example */
    static const uint8_t guid[16] = { 0xf6, 0x72, 0x7b, 0x49, 0x0a, 0x39, 0xfc, 0x44,
                                      0x87, 0x8e, 0x5a, 0x2d, 0x63, 0xb6, 0xcc, 0x4b };
    char key[HS_NT_KEY_SIZE];

    hs_nt_key_of_pdb (guid, 1, key);
    ck_assert_str_eq (key, "497B72F6390A44FC878E5A2D63B6CC4B1");
    hs_nt_key_of_pdb (guid, UINT32_MAX, key);
    ck_assert_str_eq (key, "497B72F6390A44FC878E5A2D63B6CC4BFFFFFFFF");
    hs_nt_key_of_image (0x45d70ab7, 0x12f000, key);
    ck_assert_str_eq (key, "45D70AB712f000");
    ck_assert_str_eq (hs_nt_file_name ("C:\\a\\b.pdb"), "b.pdb");
    ck_assert_str_eq (hs_nt_file_name ("/a/b.pdb"), "b.pdb");
    ck_assert_str_eq (hs_nt_file_name ("b.pdb"), "b.pdb");
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("nt_path");
    TCase *rules = tcase_create ("rules");

    suite_add_tcase (suite, rules);
    tcase_add_loop_test (rules, examples, 0, sizeof paths / sizeof *paths);
    tcase_add_test (rules, keys);
    return run_suite (suite);
}
