/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking _NT_SYMBOL_PATH apart; see nt_path.h. */
#include "symbols/nt_path.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MOST_PARTS 12u

struct parts { /* of one element, between asterisks */
    const char *items[MOST_PARTS];
    unsigned n;
};

static bool is_server (const char *text)
{
    return strncasecmp (text, "http://", 7) == 0 || strncasecmp (text, "https://", 8) == 0;
}

/* Blanks around an element and slashes behind it say nothing. */
static char *copy_trimmed (struct hs_nt_path *path, const char *text, size_t n)
{
    while (n > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        n--;
    }
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    while (n > 1 && (text[n - 1] == '/' || text[n - 1] == '\\'))
        n--;
    return hs_arena_strndup (&path->texts, text, n);
}

static bool split (struct hs_nt_path *path, const char *text, size_t n, struct parts *ret)
{
    ret->n = 0;
    for (const char *end = text + n; text <= end && ret->n < MOST_PARTS;) {
        const char *star = memchr (text, '*', (size_t)(end - text));
        const char *stop = star != NULL ? star : end;

        ret->items[ret->n] = copy_trimmed (path, text, (size_t)(stop - text));
        if (ret->items[ret->n++] == NULL)
            return false;
        text = stop + 1;
    }
    return true;
}

static bool add_place (struct hs_nt_path *path, const char *text, const char *cache, bool is_store)
{
    if (*text == '\0')
        return true;
    if (!hs_array_reserve (&path->places, 1))
        return false;
    path->places.items[path->places.n++] =
        (struct hs_nt_place){ text, is_server (text) ? cache : NULL, is_server (text), is_store };
    return true;
}

/* "srv*CACHE*…*STORE": folders before a server are caches, the first is written to. */
static bool add_stores (struct hs_nt_path *path, const struct parts *parts, unsigned first,
                        const char *cache)
{
    for (unsigned i = first; i < parts->n; i++) {
        if (!add_place (path, parts->items[i], cache, true))
            return false;
        if (cache == NULL && *parts->items[i] != '\0' && !is_server (parts->items[i]))
            cache = parts->items[i];
    }
    return true;
}

bool hs_nt_path_add (struct hs_nt_path *path, const char *text)
{
    const char *cache = NULL; /* of "cache*FOLDER": for everything right of it */

    while (*text != '\0') {
        size_t n = strcspn (text, ";");
        struct parts parts = { .n = 0 };
        bool is_done = true;

        if (!split (path, text, n, &parts))
            return false;
        if (parts.n > 1 && strcasecmp (parts.items[0], "srv") == 0) {
            is_done = add_stores (path, &parts, 1, cache);
        } else if (parts.n > 2 && strcasecmp (parts.items[0], "symsrv") == 0) {
            is_done = add_stores (path, &parts, 2, cache); /* [1] names a DLL of Windows */
        } else if (parts.n > 1 && strcasecmp (parts.items[0], "cache") == 0) {
            cache = *parts.items[1] != '\0' ? parts.items[1] : cache;
            is_done = add_place (path, parts.items[1], NULL, true);
        } else {
            is_done = add_place (path, parts.items[0], cache, is_server (parts.items[0]));
        }
        if (!is_done)
            return false;
        text += n + (text[n] == ';');
    }
    return true;
}

void hs_nt_path_clear (struct hs_nt_path *path)
{
    hs_array_clear (&path->places);
    hs_arena_clear (&path->texts);
}

void hs_nt_key_of_pdb (const uint8_t guid[16], uint32_t age, char ret[HS_NT_KEY_SIZE])
{
    /* the first three fields are little-endian numbers, the rest is bytes */
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < 16; i++)
        (void)snprintf (ret + 2 * (size_t)i, 3, "%02X", guid[order[i]]);
    (void)snprintf (ret + 32, HS_NT_KEY_SIZE - 32, "%X", age);
}

void hs_nt_key_of_image (uint32_t time_stamp, uint32_t image_size, char ret[HS_NT_KEY_SIZE])
{
    (void)snprintf (ret, HS_NT_KEY_SIZE, "%08X%x", time_stamp, image_size);
}

const char *hs_nt_file_name (const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\')
            name = at + 1;
    }
    return name;
}
