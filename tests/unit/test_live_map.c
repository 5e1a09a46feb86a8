/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks by address: the same as a plain list of all addresses says, whatever is done to the map.
 */
#include "base/memory.h"
#include "trace/live_map.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define N_ADDRESSES 3000u
#define N_STEPS 400000u

static uint64_t seed;

static uint32_t draw (uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) * below >> 32);
}

/* 0 and the last one too; in rows, and far apart. */
static uint64_t address_of (uint32_t number, unsigned spacing)
{
    return number == 0 ? UINT64_MAX : (uint64_t)(number - 1) << spacing;
}

static void compare (const struct hs_live_map *map, const struct hs_live_block *blocks,
                     unsigned spacing)
{
    const struct hs_live_block *block;
    size_t place = 0, n = 0, n_wrong = 0;

    for (uint32_t i = 0; i < N_ADDRESSES; i++) {
        n += blocks[i].row != HS_NO_ROW;
        n_wrong += hs_live_map_get (map, address_of (i, spacing)) != blocks[i].row;
    }
    ck_assert_uint_eq (map->n, n);
    while ((block = hs_live_map_next (map, &place)) != NULL) {
        uint32_t i = block->address == UINT64_MAX ? 0 : (uint32_t)(block->address >> spacing) + 1;

        n_wrong +=
            i >= N_ADDRESSES || block->row != blocks[i].row || block->birth != blocks[i].birth;
        n--;
    }
    ck_assert_uint_eq (n, 0);
    ck_assert_uint_eq (n_wrong, 0);
}

static void check (unsigned spacing, uint32_t n_live)
{
    struct hs_live_block *blocks = malloc (N_ADDRESSES * sizeof *blocks);
    struct hs_live_map map = { .n = 0 };
    uint32_t n_wrong = 0;

    for (uint32_t i = 0; i < N_ADDRESSES; i++)
        blocks[i] = (struct hs_live_block){ .row = HS_NO_ROW };
    for (uint32_t step = 0; step < N_STEPS; step++) {
        uint32_t i = draw (n_live);
        struct hs_live_block old, next = { address_of (i, spacing), step, draw (1u << 20) };
        hs_row_no guess = hs_live_map_guess (&map, next.address);

        n_wrong += guess != HS_NO_ROW && guess != blocks[i].row;
        if (draw (2) == 0) {
            old = hs_live_map_remove (&map, next.address);
            next.row = HS_NO_ROW;
        } else {
            n_wrong += !hs_live_map_exchange (&map, &next, &old);
        }
        n_wrong += old.row != blocks[i].row;
        n_wrong +=
            old.row != HS_NO_ROW && (old.birth != blocks[i].birth || old.address != next.address);
        blocks[i] = next;
        if (step % (N_STEPS / 8) == 0)
            compare (&map, blocks, spacing);
    }
    compare (&map, blocks, spacing);
    ck_assert_uint_eq (n_wrong, 0);
    hs_live_map_clear (&map);
    ck_assert_uint_eq (hs_live_map_bytes (&map), 0);
    ck_assert_uint_eq (hs_live_map_get (&map, 0), HS_NO_ROW);
    free (blocks);
}

START_TEST (a_map_says_what_was_put_in)
{
    seed = UINT64_C (0x9e3779b97f4a7c15);
    check (4, N_ADDRESSES);
    check (0, 40);
    check (44, N_ADDRESSES);
}
END_TEST

START_TEST (want_of_memory_leaves_it_as_it_was)
{
    struct hs_live_map map = { .n = 0 };
    struct hs_live_block old, block = { .birth = 1 };

    for (uint32_t i = 0; i < 5000; i++) {
        block.address = i * UINT64_C (48);
        block.row = i;
        hs_memory_fail_at (1);
        if (!hs_live_map_exchange (&map, &block, &old)) {
            ck_assert_uint_eq (map.n, i);
            hs_memory_fail_never ();
            ck_assert (hs_live_map_exchange (&map, &block, &old));
        }
        hs_memory_fail_never ();
        ck_assert_uint_eq (old.row, HS_NO_ROW);
    }
    for (uint32_t i = 0; i < 5000; i++)
        ck_assert_uint_eq (hs_live_map_get (&map, i * UINT64_C (48)), i);
    hs_live_map_clear (&map);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("live_map");
    TCase *rules = tcase_create ("rules");

    tcase_add_test (rules, a_map_says_what_was_put_in);
    tcase_add_test (rules, want_of_memory_leaves_it_as_it_was);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
