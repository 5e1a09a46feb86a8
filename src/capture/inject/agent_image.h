/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The attached agent's .so, loaded by hand: its segments, what it exports, its relocations. The
 * file is our own, yet nothing in it is believed beyond its size.
 */
#ifndef HS_CAPTURE_INJECT_AGENT_IMAGE_H
#define HS_CAPTURE_INJECT_AGENT_IMAGE_H

#include "base/array.h"
#include "base/error.h"

#define HS_IMAGE_SEGMENTS 8u
#define HS_IMAGE_BUILD_ID 20u

struct hs_image_segment {
    uint64_t address, size; /* in whole pages, from the begin of the image */
    uint64_t file_size;     /* the same of what is not all zeroes */
    int protection;         /* PROT_… */
};

struct hs_image_symbol {
    const char *name; /* in the image */
    uint64_t address; /* from the begin of the image */
    bool is_function;
};

struct hs_agent_image {
    uint8_t *bytes; /* as it lies in memory */
    uint64_t size;  /* whole pages */
    struct hs_image_segment segments[HS_IMAGE_SEGMENTS];
    uint32_t n_segments;
    HS_ARRAY (struct hs_image_symbol) exports;
    uint64_t build_id_at; /* address in the image */
    uint32_t build_id_size;
    uint64_t symbols, strings, strings_size; /* addresses of the tables */
    uint64_t relocations[2], relocations_size[2];
};

enum hs_status hs_agent_image_load (const char *path, struct hs_agent_image *ret,
                                    struct hs_error *err);
void hs_agent_image_clear (struct hs_agent_image *image);

/* The address of an exported symbol in the image; 0 when there is none. */
uint64_t hs_agent_image_symbol (const struct hs_agent_image *image, const char *name);

/* Where a symbol that the agent does not define lies in the target; 0 = nowhere. */
typedef uint64_t (*hs_image_resolve) (void *data, const char *name);

/* Fits the bytes to their place `base` in the target. Once only. */
enum hs_status hs_agent_image_relocate (struct hs_agent_image *image, uint64_t base,
                                        hs_image_resolve resolve, void *data, struct hs_error *err);

#endif
