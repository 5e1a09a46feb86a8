/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mangled names of C++ and Rust to what their author wrote. Worker only. */
#ifndef HS_SYMBOLS_DEMANGLE_H
#define HS_SYMBOLS_DEMANGLE_H

#include "base/arena.h"

#include <stdbool.h>

/* The name as it is when it is not mangled. Lives in `arena`; NULL when memory is out. */
const char *hs_demangle (struct hs_arena *arena, const char *name);

#endif
