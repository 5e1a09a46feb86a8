/* SPDX-License-Identifier: GPL-3.0-or-later */
/* String interning; see intern.h. */
#include "base/intern.h"

#include "base/idmap.h"
#include "base/memory.h"

#include <string.h>

static uint32_t hash_text (const char *text, size_t length)
{
    uint64_t hash = length * UINT64_C (0x9e3779b97f4a7c15);
    size_t at = 0;

    for (; length - at >= 8; at += 8) {
        uint64_t word;

        memcpy (&word, text + at, 8);
        hash = hs_hash_u64 (hash ^ word);
    }
    if (at < length) {
        uint64_t word = 0;

        memcpy (&word, text + at, length - at);
        hash = hs_hash_u64 (hash ^ word);
    }
    return (uint32_t)hash;
}

static bool grow_slots (struct hs_intern *table)
{
    size_t n_slots = table->n_slots == 0 ? 64 : table->n_slots * 2;
    uint32_t *slots = hs_alloc_zeroed (n_slots, sizeof *slots);

    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < table->n; i++) {
        size_t at = table->entries[i].hash & (n_slots - 1);

        while (slots[at] != 0)
            at = (at + 1) & (n_slots - 1);
        slots[at] = i + 1;
    }
    hs_free (table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return true;
}

static bool grow_entries (struct hs_intern *table)
{
    uint32_t wanted = table->n_reserved < 32 ? 32 : table->n_reserved + table->n_reserved / 2;
    struct hs_intern_entry *grown =
        hs_realloc_array (table->entries, wanted, sizeof *table->entries);

    if (grown == NULL)
        return false;
    table->entries = grown;
    table->n_reserved = wanted;
    return true;
}

static bool add_new (struct hs_intern *table, const char *text, size_t length, uint32_t hash,
                     size_t at)
{
    const char *copy;

    if (table->n == table->n_reserved && !grow_entries (table))
        return false;
    copy = hs_arena_strndup (&table->texts, text, length);
    if (copy == NULL)
        return false;
    table->entries[table->n] = (struct hs_intern_entry){ copy, (uint32_t)length, hash };
    table->slots[at] = ++table->n;
    return true;
}

bool hs_intern_add (struct hs_intern *table, const char *text, size_t length, uint32_t *ret)
{
    uint32_t hash;
    size_t at;

    if (table->n == 0 && length > 0) {
        uint32_t empty;

        if (!hs_intern_add (table, "", 0, &empty))
            return false;
    }
    if (length > UINT32_MAX - 1)
        return false;
    if ((size_t)table->n * 2 >= table->n_slots && !grow_slots (table))
        return false;
    hash = hash_text (text, length);
    for (at = hash & (table->n_slots - 1); table->slots[at] != 0;
         at = (at + 1) & (table->n_slots - 1)) {
        const struct hs_intern_entry *entry = &table->entries[table->slots[at] - 1];

        if (entry->hash == hash && entry->length == length &&
            memcmp (entry->text, text, length) == 0) {
            *ret = table->slots[at] - 1;
            return true;
        }
    }
    if (!add_new (table, text, length, hash, at))
        return false;
    *ret = table->n - 1;
    return true;
}

const char *hs_intern_text (const struct hs_intern *table, uint32_t number)
{
    return number < table->n ? table->entries[number].text : "";
}

void hs_intern_clear (struct hs_intern *table)
{
    hs_arena_clear (&table->texts);
    hs_free (table->entries);
    hs_free (table->slots);
    *table = (struct hs_intern){ 0 };
}
