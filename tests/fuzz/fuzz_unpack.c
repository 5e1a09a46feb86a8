/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: any bytes unpacked as what their magic says. However they are read, the same comes
 * out and the same damage is told; it stays within the limits.
 */
#include "base/limits.h"
#include "decode/format.h"
#include "decode/unpack.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define ENOUGH (4u << 20) /* what is compared; more only costs time */

struct content {
    enum hs_status status;
    uint8_t *bytes;
    size_t n;
    bool has_damage;
    char damage[HS_ERROR_TEXT_SIZE];
};

#define demand(holds) demand_at (holds, #holds, __LINE__)

static void demand_at (bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf (stderr, "%s:%d: does not hold: %s\n", __FILE__, line, what);
    __builtin_trap ();
}

static struct content read_all (struct hs_source *packed, enum hs_packing packing, size_t step)
{
    struct content ret = { .status = HS_OK, .bytes = malloc (ENOUGH) };
    struct hs_unpack *unpack;
    struct hs_error err = { 0 };

    ret.status = hs_unpack_open (packed, packing, 0, NULL, &unpack, &err);
    if (ret.status != HS_OK) {
        demand (err.text[0] != '\0');
        return ret;
    }
    while (ret.status == HS_OK && ret.n < ENOUGH) {
        size_t n = 0, wanted = step < ENOUGH - ret.n ? step : ENOUGH - ret.n;

        ret.status =
            hs_source_read (hs_unpack_source (unpack), ret.n, ret.bytes + ret.n, wanted, &n, &err);
        demand (n <= wanted && (ret.status == HS_OK) == (n > 0));
        ret.n += n;
    }
    demand (!hs_status_is_error (ret.status) || err.text[0] != '\0');
    if (ret.status == HS_END && hs_unpack_damage (unpack) != NULL) {
        ret.has_damage = true;
        memcpy (ret.damage, hs_unpack_damage (unpack)->text, sizeof ret.damage);
        demand (ret.damage[0] != '\0');
    }
    demand (hs_source_progress (hs_unpack_source (unpack), ret.n) <= 1.0);
    hs_unpack_close (unpack);
    return ret;
}

static bool count_member (void *data, unsigned member, const char *name, struct hs_span head)
{
    unsigned *n = data;

    demand (member == *n && name != NULL && head.size <= HS_PROBE_BYTES);
    return ++*n < 100;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    enum hs_packing packing = hs_packing_of ((struct hs_span){ data, size });
    struct hs_source *packed;
    struct content large, small;
    unsigned n = 0;

    if (packing == HS_PACKING_NONE ||
        hs_source_open_memory ((struct hs_span){ data, size }, "fuzz", &packed, NULL) != HS_OK)
        return 0;
    if (packing == HS_PACKING_ZIP)
        (void)hs_unpack_walk_members (packed, count_member, &n, NULL);
    large = read_all (packed, packing, 1u << 20);
    small = read_all (packed, packing, 997);
    demand (large.status == small.status && large.n == small.n);
    demand (memcmp (large.bytes, small.bytes, large.n) == 0);
    demand (large.has_damage == small.has_damage && strcmp (large.damage, small.damage) == 0);
    free (large.bytes);
    free (small.bytes);
    hs_source_close (packed);
    return 0;
}
