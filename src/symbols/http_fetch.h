/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One file from a web server into a cache: http and https only, with a limit of size, no waiting on
 * servers that send nothing, and never half a file in the cache (written beside, then renamed).
 * Only for servers that the user named; one
 * that cannot be reached is not tried again. Worker only; one thread.
 */
#ifndef HS_SYMBOLS_HTTP_FETCH_H
#define HS_SYMBOLS_HTTP_FETCH_H

#include "base/error.h"

#include <stdbool.h>

struct hs_http_fetch {
    bool is_allowed;
    bool was_refused; /* set when a server would have been asked, were it allowed */
    void (*on_progress) (void *data, uint64_t n_bytes, uint64_t n_total); /* may be NULL */
    void *data;
    char silent[8][256]; /* servers that did not answer: not waited for again */
    unsigned n_silent;
};

/*
 * HS_OK: `path` holds the file; its folders were made. HS_END: the server has no such file.
 * HS_UNSUPPORTED: downloads are not allowed, or not built in. HS_IO, HS_TOO_LARGE: it failed, with
 * a sentence; nothing is left behind.
 */
enum hs_status hs_http_fetch_file (struct hs_http_fetch *fetch, const char *url, const char *path,
                                   struct hs_error *err);

#endif
