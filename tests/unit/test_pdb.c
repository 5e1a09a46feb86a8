/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PDB reader, on a small file: clang --target=x86_64-pc-windows-msvc -O2 -fno-exceptions
 * -fno-rtti -g -gcodeview, lld-link /debug /nodefaultlib /entry:entry, of these lines:
 *
 *  12 static inline int small (int a)        23 int ns::S::get (int k)
 *  14     counter += a;                      25     return middle (k) + x;
 *  15     return a * 3 + counter;
 *  17 static inline int middle (int a)       27 template <class T> T ns::S::twice (T t)
 *  19     int b = small (a + 1);
 *  20     counter ^= b;                      33 extern "C" int entry ()
 *  21     return small (b) + b;
 *
 * What stands at which address was read from the disassembly: 1000 add edx, 1 (line 19); 1003 to
 * 100d both lines of small; 100e xor; 1010 to 101a small again; 101b add eax, [rcx].
 */
#include "symbols/pdb/pdb.h"

#include "base/memory.h"
#include "symbols/pdb/undecorate.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *small_pdb; /* path */

static uint8_t *read_file (size_t *ret_size)
{
    FILE *file = fopen (small_pdb, "rb");
    uint8_t *bytes = malloc (1 << 20);

    ck_assert (file != NULL && bytes != NULL);
    *ret_size = fread (bytes, 1, 1 << 20, file);
    (void)fclose (file);
    return bytes;
}

static void expect (struct hs_pdb *pdb, uint32_t address, const char *wanted)
{
    struct hs_pdb_frame frames[8];
    size_t n = hs_pdb_look_up (pdb, address, frames, 8);
    char found[512] = "";

    for (size_t i = 0; i < n; i++) {
        const char *file = strrchr (frames[i].file, '/');
        size_t used = strlen (found);

        (void)snprintf (found + used, sizeof found - used, "%s%s%s:%u", i > 0 ? " < " : "",
                        frames[i].function, file != NULL ? file : "", frames[i].line);
    }
    ck_assert_str_eq (found, wanted);
}

START_TEST (frames)
{
    struct hs_pdb *pdb;
    size_t size;
    uint8_t *bytes = read_file (&size);

    ck_assert_int_eq (hs_pdb_open ((struct hs_span){ bytes, size }, &pdb, NULL), HS_OK);
    ck_assert_uint_eq (hs_pdb_identity (pdb)->age, 1);
    expect (pdb, 0x1000, "middle/small.cpp:19 < ns::S::get/small.cpp:25");
    expect (pdb, 0x1003, "small/small.cpp:15 < middle/small.cpp:19 < ns::S::get/small.cpp:25");
    expect (pdb, 0x1007, "small/small.cpp:14 < middle/small.cpp:19 < ns::S::get/small.cpp:25");
    expect (pdb, 0x100d, "small/small.cpp:15 < middle/small.cpp:19 < ns::S::get/small.cpp:25");
    expect (pdb, 0x100e, "middle/small.cpp:20 < ns::S::get/small.cpp:25");
    expect (pdb, 0x1010, "small/small.cpp:14 < middle/small.cpp:21 < ns::S::get/small.cpp:25");
    expect (pdb, 0x101b, "middle/small.cpp:21 < ns::S::get/small.cpp:25");
    expect (pdb, 0x101d, "ns::S::get/small.cpp:25");
    expect (pdb, 0x1020, "entry/small.cpp:32");
    expect (pdb, 0x1060, "ns::S::twice<int>/small.cpp:29");
    expect (pdb, 0x9000, "");
    hs_pdb_close (pdb);
    free (bytes);
}
END_TEST

START_TEST (no_pdb)
{
    struct hs_error err;
    struct hs_pdb *pdb;
    size_t size;
    uint8_t *bytes = read_file (&size);

    ck_assert_int_eq (hs_pdb_open ((struct hs_span){ bytes, 40 }, &pdb, &err), HS_UNSUPPORTED);
    ck_assert_str_eq (err.text, "not a PDB file (MSF 7.00)");
    bytes[32] = 3; /* the block size */
    ck_assert_int_eq (hs_pdb_open ((struct hs_span){ bytes, size }, &pdb, &err), HS_DAMAGED);
    free (bytes);
}
END_TEST

START_TEST (out_of_memory)
{
    size_t size;
    uint8_t *bytes = read_file (&size);
    enum hs_status status = HS_NO_MEMORY;

    for (uint64_t n = 1; status != HS_OK; n++) {
        struct hs_pdb_frame frame;
        struct hs_pdb *pdb = NULL;

        hs_memory_fail_at (n);
        status = hs_pdb_open ((struct hs_span){ bytes, size }, &pdb, NULL);
        ck_assert (status == HS_OK || status == HS_NO_MEMORY);
        if (status == HS_OK)
            (void)hs_pdb_look_up (pdb, 0x1003, &frame, 1); /* fewer names, nothing worse */
        hs_memory_fail_never ();
        hs_pdb_close (pdb);
    }
    free (bytes);
}
END_TEST

/* Decorated names and what Microsoft's undname (or LLVM's llvm-undname) makes of them. */
static const char *const names[][2] = {
    { "?get@S@ns@@QEAAHH@Z", "ns::S::get" },
    { "??0S@ns@@QEAA@H@Z", "ns::S::S" },
    { "??1S@ns@@QEAA@XZ", "ns::S::~S" },
    { "??HS@ns@@QEAAHH@Z", "ns::S::operator+" },
    { "??$twice@N@S@ns@@QEAANN@Z", "ns::S::twice<double>" },
    { "??_GS@ns@@UEAAPEAXI@Z", "ns::S::`scalar deleting dtor'" },
    { "??2@YAPEAX_K@Z", "operator new" },
    { "??_V@YAXPEAX@Z", "operator delete[]" },
    { "??BS@ns@@QEBAHXZ", "ns::S::operator int" },
    { "?push_back@?$vector@HV?$allocator@H@std@@@std@@QAEXABH@Z",
      "std::vector<int, class std::allocator<int>>::push_back" },
    { "??0?$vector@HV?$allocator@H@std@@@std@@QAE@XZ",
      "std::vector<int, class std::allocator<int>>::vector" },
    { "??$for_each@PEAHP6AXAEBH@Z@std@@YAP6AXAEBH@ZPEAH0P6AX0@Z@Z",
      "std::for_each<int *, void (__cdecl *)(int const &)>" },
    { "??$get@$0A@$0CK@$0?0@@YAXXZ", "get<0, 42, -1>" },
    { "?run@?A0x1c2d3e4f@@YAXXZ", "`anonymous namespace'::run" },
    { "??_EBoth@lib@@W7EAAPEAXI@Z", "lib::Both::`vector deleting dtor'`adjustor{8}'" },
    { "??_Eios@std@@$4PPPPPPPM@A@EAAPEAXI@Z", "std::ios::`vector deleting dtor'" },
    { "??R<lambda_1>@?0??deep@In@?$T@_K@m2@@QEAAHH@Z@QEBA?A?<auto>@@H@Z",
      "`m2::T<unsigned __int64>::In::deep'::`1'::<lambda_1>::operator()" },
    { "??$grow@V<lambda_1>@?1??append@?$str@DU?$traits@D@std@@@std@@QEAAAEAV23@PEBD_K@Z@_K@?$str@DU"
      "?$traits@D@std@@@std@@AEAAAEAV01@_KV<lambda_1>@?1??append@01@QEAAAEAV01@PEBD0@Z@1@Z",
      "std::str<char, struct std::traits<char>>::grow<class `std::str<char, struct "
      "std::traits<char>>::append'::`2'::<lambda_1>, unsigned __int64>" },
    { "?data@?1??powers@crt@@YA_NAEAUbig@2@I@Z@4QBIB", "`crt::powers'::`2'::data" },
    { "?options@?1??__local_options@@9@4_KA", "`__local_options'::`2'::options" },
    { "??$wrap@$1?chain@lib@@YAHH@Z@lib@@YAHH@Z", "lib::wrap<&lib::chain>" },
    { "??1?$owner@$$BY0A@D@std@@QEAA@XZ", "std::owner<char [0]>::~owner" },
    { "??$emplace@AEBQEAUs@@@v@@QEAAXAEBQEAUs@@@Z", "v::emplace<struct s *const &>" },
    { "?rows@@YAXPEAY02H@Z", "rows" },
    { "?f@@YAXP8S@@EAAXXZ@Z", "f" }, /* a pointer to a member: only the name */
    { "??$g@P8S@@EAAXXZ@@YAXXZ", "??$g@P8S@@EAAXXZ@@YAXXZ" },
    { "entry", "entry" },
    { "?", "?" },
    { "?broken", "?broken" },
    { "??$a@", "??$a@" },
};

START_TEST (undecorated)
{
    char found[256], small[8];

    hs_undecorate (names[_i][0], found, sizeof found);
    ck_assert_str_eq (found, names[_i][1]);
    hs_undecorate (names[_i][0], small, sizeof small);
    ck_assert_uint_lt (strlen (small), sizeof small);
}
END_TEST

int main (int argc, char **argv)
{
    Suite *suite = suite_create ("pdb");
    TCase *rules = tcase_create ("rules");

    small_pdb = argc > 1 ? argv[1] : "small.pdb";
    suite_add_tcase (suite, rules);
    tcase_add_test (rules, frames);
    tcase_add_test (rules, no_pdb);
    tcase_add_test (rules, out_of_memory);
    tcase_add_loop_test (rules, undecorated, 0, sizeof names / sizeof *names);
    return run_suite (suite);
}
