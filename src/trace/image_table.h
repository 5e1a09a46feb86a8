/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A row of the table of images: programs and libraries by what they are, not by where they were
 * mapped; and of the user's list of allocators. Filled and asked through images.h. */
#ifndef HS_TRACE_IMAGE_TABLE_H
#define HS_TRACE_IMAGE_TABLE_H

#include "base/idmap.h"

#include <stdbool.h>

struct hs_frame_name {               /* one per (process, address, inline depth) */
    uint32_t function, file, module; /* strings */
    uint32_t line;
    uint32_t next; /* index of the next outer inlined frame, UINT32_MAX = none */
};

struct hs_image {          /* a path with a build id, and the names found for it: images.h */
    uint32_t path, detail; /* strings */
    uint8_t build_id[20], found_id[20];
    uint8_t build_id_size, found_id_size;
    bool is_windows;
    uint32_t debug_name;             /* string: of Windows' PDB, 0 = not known */
    uint32_t link_stamp, image_size; /* of Windows' image, 0 = not known */
    uint8_t state;                   /* the searcher's number */
    uint32_t n_named;                /* offsets */
    struct hs_idmap names;           /* offset -> innermost of frame_names */
};

struct hs_allocator_rule {   /* of the user, beside the list that is built in */
    uint32_t name;           /* string: the function, without its arguments */
    bool is_prefix, is_none; /* is_none: it is no allocator, whatever the list says */
};

#endif
