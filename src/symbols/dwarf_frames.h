/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions, source lines and inlined functions of addresses, out of a module's DWARF. Indexes are
 * made as they are needed - the units once, the functions of a unit and the inlined calls of a
 * function when first asked for - because one recording touches a few units of many. Worker only.
 */
#ifndef HS_SYMBOLS_DWARF_FRAMES_H
#define HS_SYMBOLS_DWARF_FRAMES_H

#include "base/arena.h"
#include "base/array.h"

#include <elfutils/libdw.h>

struct hs_dwarf_frame {
    const char *function; /* lent by the DWARF, mangled where it is; NULL = not known */
    const char *file;     /* lent as long as the frames live; "" = not known */
    uint32_t line;
    bool is_inlined;
};

struct hs_dwarf_frames;

/* NULL when memory is out. `dwarf` must live longer. */
struct hs_dwarf_frames *hs_dwarf_frames_new (Dwarf *dwarf);
void hs_dwarf_frames_free (struct hs_dwarf_frames *frames); /* NULL is allowed */

/*
 * The frames at an address of the DWARF, innermost first; at most `max`. The last one is the real
 * function. 0 where no function is known; *ret_line then still tells file and line, if any.
 */
uint32_t hs_dwarf_frames_find (struct hs_dwarf_frames *frames, uint64_t address,
                               struct hs_dwarf_frame *ret, uint32_t max,
                               struct hs_dwarf_frame *ret_line);

#endif
