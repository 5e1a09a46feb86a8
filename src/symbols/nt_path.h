/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * _NT_SYMBOL_PATH: where Windows' symbol files are looked for. Folders, caches and servers, parted
 * by semicolons: "C:\syms;srv*cache*https://server;cache*folder". (Microsoft's "Symbol path for
 * Windows debuggers" and "SymStore".) On Linux folders are Linux folders.
 *
 * Only says where; looks at no file and asks no server. Owns copies of all texts. A server is used
 * only when the user named it: "srv*" alone, which means Microsoft's to some tools, is nothing
 * here.
 */
#ifndef HS_SYMBOLS_NT_PATH_H
#define HS_SYMBOLS_NT_PATH_H

#include "base/arena.h"
#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

struct hs_nt_place {
    const char *text;  /* a folder, or a server's address without slash at the end */
    const char *cache; /* where what a server sends is kept; NULL = the user's own cache */
    bool is_server;    /* http:// or https:// */
    bool is_store;     /* files lie in NAME/KEY/NAME; else they may lie in the folder itself too */
};

struct hs_nt_path {
    struct hs_arena texts;
    HS_ARRAY (struct hs_nt_place) places; /* in the order to look */
};

/* A zeroed path is valid and empty; more is added to what is there. False when memory is out. */
bool hs_nt_path_add (struct hs_nt_path *path, const char *text);
void hs_nt_path_clear (struct hs_nt_path *path);

/* The key of a PDB in a store: the GUID in capital hexadecimal digits without dashes, then the age
 * in hexadecimal. `guid` as stored in the file. */
#define HS_NT_KEY_SIZE 41u
void hs_nt_key_of_pdb (const uint8_t guid[16], uint32_t age, char ret[HS_NT_KEY_SIZE]);

/* The key of an image: its time stamp and size. */
void hs_nt_key_of_image (uint32_t time_stamp, uint32_t image_size, char ret[HS_NT_KEY_SIZE]);

/* The name of a file from a path as Windows or Linux writes it. */
const char *hs_nt_file_name (const char *path);

#endif
