/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Demangling through libiberty; see demangle.h. Its callback forms are used: the others hand out
 * memory of another allocator, and grow without a bound on crafted names.
 */
#include "symbols/demangle.h"

#include "base/limits.h"

#include <libiberty/demangle.h>
#include <string.h>

struct text {
    char bytes[HS_LIMIT_STRING_BYTES];
    size_t n;
};

static void take_part (const char *part, size_t n, void *data)
{
    struct text *text = data;
    size_t room = sizeof text->bytes - 1 - text->n;

    if (n > room)
        n = room;
    memcpy (text->bytes + text->n, part, n);
    text->n += n;
}

const char *hs_demangle (struct hs_arena *arena, const char *name)
{
    size_t length = strnlen (name, HS_LIMIT_STRING_BYTES - 1);
    struct text text;
    bool is_mangled = false;

    text.n = 0;
    /* the legacy mangling of Rust is a C++ name with a hash: Rust is asked first */
    if (strncmp (name, "_Z", 2) == 0 || strncmp (name, "_R", 2) == 0)
        is_mangled = rust_demangle_callback (name, 0, take_part, &text) != 0;
    if (!is_mangled && strncmp (name, "_Z", 2) == 0) {
        text.n = 0;
        is_mangled =
            cplus_demangle_v3_callback (name, DMGL_PARAMS | DMGL_ANSI, take_part, &text) != 0;
    }
    if (is_mangled && text.n > 0)
        return hs_arena_strndup (arena, text.bytes, text.n);
    return hs_arena_strndup (arena, name, length);
}
