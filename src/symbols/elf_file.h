/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds the ELF file of a module and what it was stripped of, and opens both through libdwfl.
 *
 * A file counts only when its build id is the wanted one. Looked at in this order: the module's own
 * path, the build-id folders, debuginfod. Names and lines may stand in the file, in one named by
 * .gnu_debuglink, in a build-id folder, packed in .gnu_debugdata, or on a debuginfod server.
 * Worker only: reads files that may be hostile.
 */
#ifndef HS_SYMBOLS_ELF_FILE_H
#define HS_SYMBOLS_ELF_FILE_H

#include "symbols/fetch.h"
#include "symbols/symbol_state.h"

#include <elfutils/libdwfl.h>

struct hs_elf_places {
    const char *sysroot; /* "" or a folder that module paths and debug folders are below */
    const char *folders; /* more places for debug files, separated by ':' */
    struct hs_fetch *fetch;
};

struct hs_elf_wanted {
    const char *path;
    uint8_t build_id[HS_BUILD_ID_MAX];
    uint32_t build_id_size; /* 0: unknown; the file at the path is taken, and told to be unsure */
    bool any_build_id;      /* the path was named by the user, not by a trace */
};

struct hs_elf_file {
    Dwfl *dwfl;
    Dwfl_Module *module; /* addresses in it are ELF's own */
    Dwarf *dwarf;        /* lent by dwfl; NULL = none */
    Dwarf_Addr dwarf_bias;
    Dwarf *alternative; /* what `dwarf` shares with others (dwz), when it had to be fetched */
    int alternative_fd;
    uint64_t base; /* ELF address of the first page that gets mapped */
    uint8_t build_id[HS_BUILD_ID_MAX];
    uint32_t build_id_size;   /* of the file found, also when it is the wrong one */
    Dwfl_Callbacks callbacks; /* libdwfl keeps a pointer to it, so the struct must not move */
    char *debug_path;
    const struct hs_elf_places *places;
    char detail[512]; /* which file, or what is wrong */
};

/* HS_SYMBOLS_FUNCTIONS when a file is open (what it holds is for others to say), else why not. */
enum hs_symbol_state hs_elf_file_open (struct hs_elf_file *file, const struct hs_elf_places *places,
                                       const struct hs_elf_wanted *wanted);
/* Looks for debug information, here and elsewhere: may ask a server. Sets file->dwarf. */
void hs_elf_file_load_dwarf (struct hs_elf_file *file);
void hs_elf_file_close (struct hs_elf_file *file); /* a zeroed one is valid */

#endif
