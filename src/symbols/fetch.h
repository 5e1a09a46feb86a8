/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching files by build id from the debuginfod servers that the user named in DEBUGINFOD_URLS;
 * without it nothing ever leaves the machine. libdebuginfod keeps a cache of its own. What comes
 * is not believed: the caller checks its build id. Worker only.
 */
#ifndef HS_SYMBOLS_FETCH_H
#define HS_SYMBOLS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

struct hs_fetch {
    void *client; /* made when first needed */
    bool is_allowed;
    bool was_refused; /* set when a server would have been asked, were it allowed */
    char *urls; /* DEBUGINFOD_URLS, taken out of the environment so that libdwfl asks nobody */
    void (*on_progress) (void *data, uint64_t n_bytes, uint64_t n_total);
    void *data;
};

enum hs_fetch_kind {
    HS_FETCH_DEBUG_INFO,
    HS_FETCH_PROGRAM,
};

/* Takes DEBUGINFOD_URLS; false when memory is out. */
bool hs_fetch_init (struct hs_fetch *fetch);
void hs_fetch_clear (struct hs_fetch *fetch);

/* An open descriptor of the file, owned by the caller, or a negative errno. */
int hs_fetch_file (struct hs_fetch *fetch, enum hs_fetch_kind kind, const uint8_t *build_id,
                   uint32_t build_id_size);

#endif
