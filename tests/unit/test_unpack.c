/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packed inputs: what comes out equals what went in, what is cut off or damaged keeps its
 * beginning and says so, and a bomb ends at the limits. The packers are the libraries' own.
 */
#include "base/limits.h"
#include "base/memory.h"
#include "decode/unpack.h"
#include "event_text.h"
#include "../lib/run_suite.h"

#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define SPAN(text) ((struct hs_span){ (const uint8_t *)(text), sizeof (text) - 1 })

static const char trace_text[] = "v 10250 2\nX ./a\na 10 0\n+ 0\n+ 0\n- 0\nc 5\n";
static const char other_text[] = "v 10250 2\nX ./b\na 99 0\n+ 0\n";

struct packed {
    uint8_t *data; /* owned */
    size_t size;
};

static struct hs_span span_of (struct packed packed)
{
    return (struct hs_span){ packed.data, packed.size };
}

static struct packed pack_gzip (struct hs_span bytes)
{
    struct packed ret = { malloc (bytes.size + bytes.size / 100 + 100), 0 };
    z_stream stream = { 0 };

    ck_assert_int_eq (deflateInit2 (&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (uint8_t *)(uintptr_t)bytes.data;
    stream.avail_in = (uInt)bytes.size;
    stream.next_out = ret.data;
    stream.avail_out = (uInt)(bytes.size + bytes.size / 100 + 100);
    ck_assert_int_eq (deflate (&stream, Z_FINISH), Z_STREAM_END);
    ret.size = stream.total_out;
    deflateEnd (&stream);
    return ret;
}

static struct packed pack_zstd (struct hs_span bytes)
{
    size_t room = ZSTD_compressBound (bytes.size);
    struct packed ret = { malloc (room), 0 };
    ZSTD_CCtx *context = ZSTD_createCCtx ();

    ZSTD_CCtx_setParameter (context, ZSTD_c_checksumFlag, 1);
    ret.size = ZSTD_compress2 (context, ret.data, room, bytes.data, bytes.size);
    ck_assert (!ZSTD_isError (ret.size));
    ZSTD_freeCCtx (context);
    return ret;
}

struct member {
    const char *name;
    struct hs_span bytes;
};

static struct packed pack_zip (const struct member *members, size_t n)
{
    struct packed ret = { NULL, 0 };
    struct archive *archive = archive_write_new ();
    size_t room = 4096;

    for (size_t i = 0; i < n; i++)
        room += members[i].bytes.size + 1024;
    ret.data = malloc (room);
    archive_write_set_format_zip (archive);
    archive_write_set_bytes_in_last_block (archive, 1);
    archive_write_open_memory (archive, ret.data, room, &ret.size);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *entry = archive_entry_new ();

        archive_entry_set_pathname (entry, members[i].name);
        archive_entry_set_size (entry, (la_int64_t)members[i].bytes.size);
        archive_entry_set_filetype (entry, AE_IFREG);
        archive_entry_set_perm (entry, 0644);
        ck_assert_int_eq (archive_write_header (archive, entry), ARCHIVE_OK);
        archive_write_data (archive, members[i].bytes.data, members[i].bytes.size);
        archive_entry_free (entry);
    }
    ck_assert_int_eq (archive_write_close (archive), ARCHIVE_OK);
    archive_write_free (archive);
    return ret;
}

static struct packed join (struct packed a, struct packed b)
{
    struct packed ret = { malloc (a.size + b.size), a.size + b.size };

    memcpy (ret.data, a.data, a.size);
    memcpy (ret.data + a.size, b.data, b.size);
    free (a.data);
    free (b.data);
    return ret;
}

/* Text that packs like traces do, of `n` bytes. */
static struct packed make_text (size_t n)
{
    struct packed ret = { malloc (n), n };
    uint64_t random = 7;

    for (size_t at = 0; at < n; at++) {
        random = random * UINT64_C (6364136223846793005) + 1442695040888963407;
        ret.data[at] = (uint8_t) "+ - 0123456789abcde \n\n\n\n"[(random >> 40) % 24];
    }
    return ret;
}

struct outcome {
    enum hs_status status; /* of opening and reading */
    uint8_t *data;         /* owned */
    size_t size;
    bool has_damage;
    struct hs_error damage;
};

/* Unpacks as a whole, in reads of `step` bytes. */
static struct outcome unpack (struct hs_span packed, size_t step)
{
    struct outcome ret = { .status = HS_OK };
    struct hs_source *source;
    struct hs_unpack *unpack;
    struct hs_error err;
    size_t n = 0, room = 0;

    ck_assert_int_eq (hs_source_open_memory (packed, "packed", &source, NULL), HS_OK);
    ret.status = hs_unpack_open (source, hs_packing_of (packed), 0, NULL, &unpack, &err);
    if (ret.status != HS_OK) {
        hs_source_close (source);
        return ret;
    }
    do {
        ret.size += n;
        if (ret.size + step > room) {
            room = (ret.size + step) * 2;
            ret.data = realloc (ret.data, room);
        }
        ret.status = hs_source_read (hs_unpack_source (unpack), ret.size, ret.data + ret.size, step,
                                     &n, &err);
    } while (ret.status == HS_OK);
    ret.has_damage = hs_unpack_damage (unpack) != NULL;
    if (ret.has_damage)
        ret.damage = *hs_unpack_damage (unpack);
    hs_unpack_close (unpack);
    hs_source_close (source);
    return ret;
}

static void expect_unpacked (struct packed packed, struct hs_span bytes)
{
    for (size_t step = 1000; step < 2000000; step *= 1000) {
        struct outcome outcome = unpack (span_of (packed), step);

        ck_assert_int_eq (outcome.status, HS_END);
        ck_assert (!outcome.has_damage);
        ck_assert_uint_eq (outcome.size, bytes.size);
        ck_assert_int_eq (memcmp (outcome.data, bytes.data, bytes.size), 0);
        free (outcome.data);
    }
    free (packed.data);
}

START_TEST (what_went_in_comes_out)
{
    struct packed text = make_text (3000000);
    struct member member = { "a", span_of (text) };

    expect_unpacked (pack_gzip (span_of (text)), span_of (text));
    expect_unpacked (pack_zstd (span_of (text)), span_of (text));
    expect_unpacked (pack_zip (&member, 1), span_of (text));
    free (text.data);
}
END_TEST

START_TEST (members_and_frames_are_joined)
{
    struct packed text = make_text (300000), padding = { calloc (512, 1), 512 };
    struct hs_span bytes = span_of (text);
    struct hs_span first = hs_span_part (bytes, 0, 123456);
    struct hs_span second = hs_span_part (bytes, 123456, bytes.size);

    expect_unpacked (join (pack_gzip (first), pack_gzip (second)), bytes);
    expect_unpacked (join (pack_zstd (first), pack_zstd (second)), bytes);
    expect_unpacked (join (pack_gzip (bytes), padding), bytes);
    free (text.data);
}
END_TEST

/* Cut at every byte: a beginning comes out, and the damage is told. */
static void expect_beginnings (struct packed packed, struct hs_span bytes, bool is_always_told)
{
    size_t longest = 0;

    for (size_t n = 4; n < packed.size; n++) {
        struct outcome outcome = unpack ((struct hs_span){ packed.data, n }, 4096);

        if (outcome.data != NULL) {
            ck_assert_uint_le (outcome.size, bytes.size);
            ck_assert_int_eq (memcmp (outcome.data, bytes.data, outcome.size), 0);
            ck_assert_int_eq (outcome.status, HS_END);
            if (is_always_told || outcome.size < bytes.size)
                ck_assert (outcome.has_damage);
            ck_assert_uint_ge (outcome.size, longest); /* one byte more never gives less */
            longest = outcome.size;
        } else {
            ck_assert_int_eq (outcome.status, HS_DAMAGED);
        }
        free (outcome.data);
    }
    ck_assert_uint_eq (longest, bytes.size);
    free (packed.data);
}

START_TEST (what_is_cut_off_keeps_its_beginning)
{
    struct packed text = make_text (900);
    struct member member = { "a", span_of (text) };

    expect_beginnings (pack_gzip (span_of (text)), span_of (text), true);
    expect_beginnings (pack_zip (&member, 1), span_of (text), false);
    expect_beginnings (pack_zstd (span_of (text)), span_of (text), true);
    free (text.data);
}
END_TEST

START_TEST (blocks_before_the_damage_come_out)
{
    struct packed text = make_text (3000000), packed = pack_zstd (span_of (text));
    struct outcome outcome = unpack ((struct hs_span){ packed.data, packed.size * 9 / 10 }, 65536);

    ck_assert (outcome.has_damage);
    ck_assert_uint_gt (outcome.size, text.size * 8 / 10);
    free (outcome.data);
    free (packed.data);
    packed = pack_gzip (span_of (text));
    outcome = unpack ((struct hs_span){ packed.data, packed.size * 9 / 10 }, 65536);
    ck_assert (outcome.has_damage);
    ck_assert_uint_gt (outcome.size, text.size * 89 / 100);
    free (outcome.data);
    free (packed.data);
    free (text.data);
}
END_TEST

/* A changed byte is told, or changes nothing of what comes out. */
static void expect_flips_told (struct packed packed, struct hs_span bytes)
{
    /* from where the magic ends; every third byte, as a test under sanitizers takes its time */
    for (size_t i = 4; i < packed.size; i += 3) {
        uint8_t flip = (uint8_t)(1u << i * 5 % 8);
        struct outcome outcome;

        packed.data[i] ^= flip;
        outcome = unpack (span_of (packed), 65536);
        if (outcome.status == HS_END && !outcome.has_damage && outcome.size > 0) {
            ck_assert_uint_eq (outcome.size, bytes.size);
            ck_assert_int_eq (memcmp (outcome.data, bytes.data, bytes.size), 0);
        }
        free (outcome.data);
        packed.data[i] ^= flip;
    }
    free (packed.data);
}

START_TEST (checksums_are_looked_at)
{
    struct packed text = make_text (400);
    struct member member = { "a", span_of (text) };

    expect_flips_told (pack_gzip (span_of (text)), span_of (text));
    expect_flips_told (pack_zstd (span_of (text)), span_of (text));
    expect_flips_told (pack_zip (&member, 1), span_of (text));
    free (text.data);
}
END_TEST

static size_t n_files_in (const char *folder)
{
    DIR *dir = opendir (folder);
    size_t n = 0;

    ck_assert_ptr_nonnull (dir);
    while (readdir (dir) != NULL)
        n++;
    closedir (dir);
    return n - 2;
}

START_TEST (large_contents_go_to_a_file_without_a_name)
{
    struct packed text = make_text ((64u << 20) + 5000000), packed = pack_zstd (span_of (text));
    char folder[] = "/tmp/heapstrata-test-XXXXXX";
    struct hs_source *source, *content;
    struct hs_unpack *unpack;
    struct hs_window window = { 0 };
    struct hs_span span;
    uint64_t at = text.size - 100;

    ck_assert_ptr_nonnull (mkdtemp (folder));
    setenv ("TMPDIR", folder, 1);
    ck_assert_int_eq (hs_source_open_memory (span_of (packed), "p", &source, NULL), HS_OK);
    ck_assert_int_eq (hs_unpack_open (source, HS_PACKING_ZSTD, 0, NULL, &unpack, NULL), HS_OK);
    content = hs_unpack_source (unpack);
    for (int i = 0; i < 40; i++) {
        size_t n = 100;

        if (i == 5) { /* over the border */
            at = (64u << 20) - 70000;
            n = 200000;
        }
        ck_assert_int_eq (hs_source_view (content, &window, at, n, &span, NULL), HS_OK);
        ck_assert_int_eq (memcmp (span.data, text.data + at, n), 0);
        at = (at * 48271 + 11) % (text.size - 200000);
    }
    ck_assert_uint_eq (n_files_in (folder), 0);
    ck_assert_int_eq (hs_source_view (content, &window, text.size - 50, 51, &span, NULL), HS_END);
    hs_window_clear (&window);
    hs_unpack_close (unpack);
    setenv ("TMPDIR", "/nowhere/at/all", 1);
    ck_assert_int_eq (hs_unpack_open (source, HS_PACKING_ZSTD, 0, NULL, &unpack, NULL), HS_OK);
    ck_assert_int_eq (
        hs_source_view (hs_unpack_source (unpack), &window, text.size - 100, 9, &span, NULL),
        HS_IO);
    hs_window_clear (&window);
    hs_unpack_close (unpack);
    hs_source_close (source);
    ck_assert_int_eq (rmdir (folder), 0);
    free (text.data);
    free (packed.data);
}
END_TEST

static struct packed make_bomb (size_t n)
{
    struct packed zeros = { calloc (n, 1), n }, ret;

    memcpy (zeros.data, trace_text, sizeof trace_text - 1);
    ret = pack_zstd (span_of (zeros));
    free (zeros.data);
    return ret;
}

START_TEST (a_bomb_ends_at_the_ratio)
{
    struct packed bomb = make_bomb (200u << 20);
    struct outcome outcome = unpack (span_of (bomb), 1 << 20);

    ck_assert_uint_lt (bomb.size, 40000);
    ck_assert_int_eq (outcome.status, HS_END);
    ck_assert (outcome.has_damage);
    ck_assert_int_eq (outcome.damage.status, HS_TOO_LARGE);
    ck_assert_ptr_nonnull (strstr (outcome.damage.text, "limit"));
    ck_assert_uint_ge (outcome.size, 64u << 20);
    ck_assert_uint_lt (outcome.size, (64u << 20) + bomb.size * HS_LIMIT_UNPACK_RATIO + (1u << 20));
    free (outcome.data);
    free (bomb.data);
}
END_TEST

/* Decodes and gives the lines of notes and allocations. */
static char *decode (struct hs_span bytes, enum hs_status expected)
{
    struct text_log log = { 0 };
    struct hs_error err = { 0 };
    enum hs_status status = text_log_decode (&log, bytes, &err);
    const char *const words[] = { " alloc ", " note ", "file.packing", NULL };
    char *found;

    ck_assert_msg (status == expected, "%d: %s", status, err.text);
    found = status == HS_END ? text_log_lines_with (&log, words) : strdup (err.text);
    text_log_clear (&log);
    return found;
}

static void expect_decoded (struct packed packed, const char *expected)
{
    char *found = decode (span_of (packed), HS_END);

    ck_assert_str_eq (found, expected);
    free (found);
    free (packed.data);
}

static void expect_refused (struct packed packed, enum hs_status status, const char *words)
{
    char *sentence = decode (span_of (packed), status);

    ck_assert_msg (strstr (sentence, words) != NULL, "%s", sentence);
    free (sentence);
    free (packed.data);
}

#define TWO_ALLOCS "0 alloc p0 heap=0 address=10 size=16\n0 alloc p0 heap=0 address=20 size=16\n"

START_TEST (archives_are_read_by_content)
{
    struct packed packed = pack_gzip (SPAN (trace_text));
    struct member members[] = {
        { "log.txt", SPAN ("not a trace\n") },
        { "packed.gz", span_of (packed) },
        { "folder/second", SPAN (trace_text) },
        { "third", SPAN (other_text) },
    };
    struct packed zip = pack_zip (members, 2);

    expect_decoded (pack_zip (members, 1 + 1), "0 fact file.packing=zip, gzip\n" TWO_ALLOCS);
    expect_decoded (pack_zip (members + 2, 2),
                    "0 fact file.packing=zip\n"
                    "0 note unsupported x1: The archive holds 1 more trace, "
                    "left aside: unpack it to open them.\n" TWO_ALLOCS);
    expect_refused (pack_zip (members, 1), HS_UNSUPPORTED, "1 seen: log.txt");
    expect_refused (pack_gzip (span_of (zip)), HS_UNSUPPORTED, "no member");
    free (zip.data);
    zip = pack_zip (members + 2, 1);
    expect_decoded (pack_gzip (span_of (zip)), "0 fact file.packing=gzip, zip\n" TWO_ALLOCS);
    free (zip.data);
    free (packed.data);
}
END_TEST

START_TEST (packing_is_taken_off_twice_at_most)
{
    struct packed once = pack_zstd (SPAN (trace_text)), twice = pack_gzip (span_of (once));

    expect_decoded (pack_zstd (SPAN (trace_text)), "0 fact file.packing=zstd\n" TWO_ALLOCS);
    expect_refused (pack_zstd (span_of (twice)), HS_UNSUPPORTED, "packed more than 2 times");
    expect_decoded (twice, "0 fact file.packing=gzip, zstd\n" TWO_ALLOCS);
    free (once.data);
}
END_TEST

START_TEST (a_bomb_in_a_zip_keeps_what_came_before)
{
    struct packed zeros = { calloc (100u << 20, 1), 100u << 20 }, inner, zip;
    struct member member = { "bomb.gz", { NULL, 0 } };
    char *found;

    memset (zeros.data, '\n', zeros.size);
    memcpy (zeros.data, trace_text, sizeof trace_text - 1);
    inner = pack_gzip (span_of (zeros));
    member.bytes = span_of (inner);
    zip = pack_zip (&member, 1);
    ck_assert_uint_lt (zip.size, 10000);
    found = decode (span_of (zip), HS_END);
    ck_assert_ptr_nonnull (strstr (found, TWO_ALLOCS));
    ck_assert_ptr_nonnull (strstr (found, "note decompression x1: unpacking ended"));
    free (found);
    free (zeros.data);
    free (inner.data);
    free (zip.data);
}
END_TEST

START_TEST (what_cannot_be_unpacked_is_refused_by_name)
{
    static const uint8_t ole[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more";
    struct packed gzip = pack_gzip (SPAN (trace_text));
    char *text = decode ((struct hs_span){ ole, sizeof ole }, HS_UNSUPPORTED);

    ck_assert_ptr_nonnull (strstr (text, "OLE compound file"));
    free (text);
    text = decode ((struct hs_span){ gzip.data, 12 }, HS_DAMAGED);
    ck_assert_ptr_nonnull (strstr (text, "cut off"));
    free (text);
    text = decode (SPAN (""), HS_UNSUPPORTED);
    ck_assert_ptr_nonnull (strstr (text, "empty"));
    free (text);
    gzip.size -= 9;
    text = decode (span_of (gzip), HS_END);
    ck_assert_ptr_nonnull (strstr (text, "0 note decompression x1: gzip: the packed data is cut "
                                         "off; what came out before is shown.\n"));
    free (text);
    free (gzip.data);
}
END_TEST

START_TEST (paths_stand_in_errors)
{
    const char *const paths[] = { "/nowhere/x.etl", "/dev/null" };
    struct hs_decoder *decoder;
    struct hs_error err;

    ck_assert_int_eq (hs_decoder_open (paths, 1, HS_SOURCE_WHOLE, &decoder, &err), HS_IO);
    ck_assert_ptr_eq (strstr (err.text, "/nowhere/x.etl: cannot open"), err.text);
    ck_assert_int_eq (hs_decoder_open (paths + 1, 1, HS_SOURCE_WHOLE, &decoder, &err),
                      HS_UNSUPPORTED);
    ck_assert_ptr_eq (strstr (err.text, "/dev/null: "), err.text);
    ck_assert_int_eq (hs_decoder_open (paths, 0, HS_SOURCE_WHOLE, &decoder, &err), HS_UNSUPPORTED);
}
END_TEST

START_TEST (every_failed_allocation_is_reported)
{
    struct packed inner = pack_zstd (SPAN (trace_text));
    struct member member = { "a.zst", span_of (inner) };
    struct packed packed[] = { pack_gzip (SPAN (trace_text)), inner, pack_zip (&member, 1) };

    for (size_t i = 0; i < 3; i++) {
        enum hs_status status = HS_NO_MEMORY;

        for (uint64_t n = 1; status == HS_NO_MEMORY; n++) {
            struct text_log log = { 0 };

            hs_memory_fail_at (n);
            status = text_log_decode (&log, span_of (packed[i]), NULL);
            hs_memory_fail_never ();
            text_log_clear (&log);
            ck_assert (status == HS_NO_MEMORY || status == HS_END);
        }
        free (packed[i].data);
    }
}
END_TEST

START_TEST (a_packed_file_can_grow)
{
    struct packed text = make_text (20000), packed = pack_gzip (span_of (text));
    size_t visible = 0, done = 0, n;
    struct hs_source *source;
    struct hs_unpack *unpack;
    uint8_t *out = malloc (text.size + 1);

    ck_assert_int_eq (growing_source_new (span_of (packed), &visible, NULL, &source, NULL), HS_OK);
    ck_assert_int_eq (hs_unpack_open (source, HS_PACKING_GZIP, 0, NULL, &unpack, NULL), HS_OK);
    for (; visible <= packed.size; visible++) {
        enum hs_status status = HS_OK;

        while (status == HS_OK) {
            status = hs_source_read (hs_unpack_source (unpack), done, out + done,
                                     text.size + 1 - done, &n, NULL);
            done += n;
        }
        ck_assert_int_eq (status, HS_AGAIN);
        ck_assert_ptr_null (hs_unpack_damage (unpack));
    }
    ck_assert_uint_eq (done, text.size);
    ck_assert_int_eq (memcmp (out, text.data, done), 0);
    hs_unpack_close (unpack);
    hs_source_close (source);
    free (out);
    free (text.data);
    free (packed.data);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("unpack");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 100);
    tcase_add_test (rules, what_went_in_comes_out);
    tcase_add_test (rules, members_and_frames_are_joined);
    tcase_add_test (rules, what_is_cut_off_keeps_its_beginning);
    tcase_add_test (rules, blocks_before_the_damage_come_out);
    tcase_add_test (rules, checksums_are_looked_at);
    tcase_add_test (rules, large_contents_go_to_a_file_without_a_name);
    tcase_add_test (rules, a_bomb_ends_at_the_ratio);
    tcase_add_test (rules, archives_are_read_by_content);
    tcase_add_test (rules, packing_is_taken_off_twice_at_most);
    tcase_add_test (rules, a_bomb_in_a_zip_keeps_what_came_before);
    tcase_add_test (rules, what_cannot_be_unpacked_is_refused_by_name);
    tcase_add_test (rules, paths_stand_in_errors);
    tcase_add_test (rules, every_failed_allocation_is_reported);
    tcase_add_test (rules, a_packed_file_can_grow);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
