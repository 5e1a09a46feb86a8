/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names that come from symbol files and not from the trace: kept per image - a path with a build
 * id - because many processes map the same one. Whoever finds them adds them here, from any thread
 * and at any time; answers made afterwards show them (hs_snapshot.names tells that there are new
 * ones). The tables' frame_names hold them.
 */
#ifndef HS_TRACE_IMAGES_H
#define HS_TRACE_IMAGES_H

#include "trace/trace.h"

#define HS_NO_IMAGE UINT32_MAX

struct hs_image_frame { /* lent during the call */
    const char *function, *file;
    uint32_t line;
};

struct hs_image_name { /* of one offset */
    uint64_t offset;   /* from the image's first mapped byte, of the call: return address - 1 */
    uint32_t first, n; /* of the frames given with it, innermost first; n = 0: there is no name */
};

/* What the search for an image's names has come to; `state` is the searcher's own number. */
struct hs_image_result {
    uint8_t state;
    const char *detail;
    const uint8_t *build_id; /* of the file found */
    uint32_t build_id_size;
};

/* Any thread, without the lock: the image with that path and build id, new or known. False: memory
 * is out. */
bool hs_trace_need_image (struct hs_trace *trace, const char *path, const uint8_t *build_id,
                          uint32_t build_id_size, uint32_t *ret_image);

/* Any thread, without the lock: adds names; known offsets are left as they are. */
bool hs_trace_add_names (struct hs_trace *trace, uint32_t image, const struct hs_image_name *names,
                         uint32_t n_names, const struct hs_image_frame *frames);

/* Any thread, without the lock. */
bool hs_trace_set_image_result (struct hs_trace *trace, uint32_t image,
                                const struct hs_image_result *result);

/* With the lock: the image of a module, or HS_NO_IMAGE when nobody needed it yet. */
uint32_t hs_tables_image_of (const struct hs_tables *tables, const struct hs_module_info *module);

enum hs_name_known {
    HS_NAME_UNKNOWN, /* nobody has looked yet */
    HS_NAME_NONE,    /* looked for, there is none */
    HS_NAME_FOUND,
};

/* With the lock: the name of the call before a return address in a module, innermost first. */
enum hs_name_known hs_tables_image_name (const struct hs_tables *tables,
                                         const struct hs_module_info *module, uint64_t address,
                                         const struct hs_frame_name **ret);

#endif
