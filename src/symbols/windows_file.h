/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds the PDB of a Windows module, or its image, and answers addresses from it.
 *
 * A PDB counts only when its GUID and age are the wanted ones. Looked at in this order: what the
 * user named, the folders and the symbol path given, _NT_SYMBOL_PATH (servers only when downloads
 * are allowed), beside the image. Without PDB the image's exports are better than nothing: it is
 * found where the trace saw it, or by its time stamp and size in the same places. Worker only.
 */
#ifndef HS_SYMBOLS_WINDOWS_FILE_H
#define HS_SYMBOLS_WINDOWS_FILE_H

#include "base/arena.h"
#include "symbols/http_fetch.h"
#include "symbols/nt_path.h"
#include "symbols/pdb/pdb.h"
#include "symbols/pe/pe.h"
#include "symbols/symbol_state.h"

struct hs_windows_places {
    struct hs_nt_path path; /* folders and path given, then _NT_SYMBOL_PATH */
    const char *sysroot;    /* "" or a folder that images' paths are below */
    struct hs_http_fetch *fetch;
};

struct hs_windows_wanted {
    const char *file; /* named by the user: a PDB or an image; NULL = by what follows */
    const char *pdb_name;
    const char *image_path;
    uint8_t guid[16];
    uint32_t age;
    uint32_t time_stamp, image_size; /* 0 = not known */
};

struct hs_windows_file {
    struct hs_span pdb_bytes, pe_bytes; /* mapped */
    struct hs_pdb *pdb;
    struct hs_pe *pe;
    uint8_t id[20]; /* GUID and age of the file found, also when it is the wrong one */
    uint32_t id_size;
    char detail[512]; /* which file, or what is wrong */
    char pe_path[4096];
    char export_name[4096];
};

/* Whether the path is a PDB or a Windows image, by its first bytes. */
bool hs_windows_file_is_one (const char *path);

enum hs_symbol_state hs_windows_file_open (struct hs_windows_file *file,
                                           const struct hs_windows_places *places,
                                           const struct hs_windows_wanted *wanted);
void hs_windows_file_close (struct hs_windows_file *file); /* a zeroed one is valid */

/* The frames at a relative address, innermost first: at most `max`, texts until the next call. */
size_t hs_windows_file_look_up (struct hs_windows_file *file, uint64_t address,
                                struct hs_pdb_frame *ret, size_t max);

#endif
