/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the file of a module says about itself, for those whose parts are mapped with gaps between
 * them (programs linked for large pages): glibc tells the agent of one part only. Not for symbols.
 * Any thread; the file may be anything.
 */
#ifndef HS_CAPTURE_RECORDER_MODULE_FILE_H
#define HS_CAPTURE_RECORDER_MODULE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define HS_MODULE_BUILD_ID_MAX 20u

struct hs_module_file {
    uint64_t low, high; /* addresses, before the load bias is added; low is a page's begin */
    uint32_t build_id_size;
    uint8_t build_id[HS_MODULE_BUILD_ID_MAX];
};

/* False when it is no ELF file for x86-64 that has a part of `size` bytes, whole pages or not, at
 * `part` (an address as above): then nothing is known. */
bool hs_module_file_read (const char *path, uint64_t part, uint64_t size,
                          struct hs_module_file *ret);

#endif
