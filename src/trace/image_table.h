/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A row of the table of images: programs and libraries by what they are, not by where they were
 * mapped. Filled and asked through images.h. */
#ifndef HS_TRACE_IMAGE_TABLE_H
#define HS_TRACE_IMAGE_TABLE_H

#include "base/idmap.h"

#include <stdbool.h>

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

#endif
