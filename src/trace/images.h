/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names that come from symbol files and not from the trace: kept per image - a path with an
 * identity - because many processes map the same one. Whoever finds them adds them here, from any
 * thread and at any time; answers made afterwards show them (hs_snapshot.names tells that there are
 * new ones). The tables' frame_names hold them.
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

/* What tells one image from another, and how its symbols are found. */
struct hs_image_identity {
    const char *path; /* lent by the trace's strings, which stay */
    uint8_t id[20];   /* ELF: build id. Windows: the PDB's GUID as stored and age (u32,
                         little-endian),   else the image's time stamp and size (u32 each) */
    uint8_t id_size;  /* 0 = not known */
    bool is_windows;
    const char *debug_name; /* Windows: PDB; "" = not known, lent as the path */
    uint32_t link_stamp, image_size;
};

/* With the lock: what a module of the trace is. */
struct hs_image_identity hs_tables_identify (const struct hs_tables *tables,
                                             const struct hs_module_info *module);

/* Any thread, without the lock: the image with that path and id, new or known. False: memory is
 * out. */
bool hs_trace_need_image (struct hs_trace *trace, const struct hs_image_identity *identity,
                          uint32_t *ret_image);

/* Any thread, without the lock: adds names; known offsets are left as they are. */
bool hs_trace_add_names (struct hs_trace *trace, uint32_t image, const struct hs_image_name *names,
                         uint32_t n_names, const struct hs_image_frame *frames);

/* As hs_trace_add_names, of a better source: its names take the place of known ones. */
bool hs_trace_replace_names (struct hs_trace *trace, uint32_t image,
                             const struct hs_image_name *names, uint32_t n_names,
                             const struct hs_image_frame *frames);

/* Any thread, without the lock. */
bool hs_trace_set_image_result (struct hs_trace *trace, uint32_t image,
                                const struct hs_image_result *result);

/* Any thread, without the lock: images in a state of the mask (bit = state) lose their names and
 * what is known to have none, so that they can be looked for anew; their state becomes 0. */
void hs_trace_forget_images (struct hs_trace *trace, uint32_t states);

/*
 * Any thread, without the lock: the user's own list of functions that allocate for their callers,
 * in place of the former one. One a line: "name" (with any arguments), "name*" (what begins so),
 * "-name" (is none); "#" begins a comment. False when memory is out.
 */
bool hs_trace_set_allocators (struct hs_trace *trace, const char *text);

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
