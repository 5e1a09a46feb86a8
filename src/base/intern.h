/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings to dense numbers and back. Number 0 is always the empty string.
 * Strings are bytes: they may hold NUL and need not be UTF-8. One writer; not for concurrent use.
 */
#ifndef HS_BASE_INTERN_H
#define HS_BASE_INTERN_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct hs_intern_entry {
    const char *text; /* NUL-terminated; lives as long as the table */
    uint32_t length;
    uint32_t hash;
};

struct hs_intern {
    struct hs_arena texts;
    struct hs_intern_entry *entries;
    uint32_t n;
    uint32_t n_reserved;
    uint32_t *slots; /* entry number + 1, 0 = free */
    size_t n_slots;
};

/* The number of the string, new or known; false when memory is out. */
bool hs_intern_add (struct hs_intern *table, const char *text, size_t length, uint32_t *ret);

/* Lends the text of a number; "" for numbers never given. */
const char *hs_intern_text (const struct hs_intern *table, uint32_t number);

/* Frees everything. A zeroed table is valid. */
void hs_intern_clear (struct hs_intern *table);

#endif
