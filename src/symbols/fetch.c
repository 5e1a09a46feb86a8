/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking debuginfod servers; see fetch.h. */
#include "symbols/fetch.h"

#include "base/limits.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HS_HAVE_DEBUGINFOD
#include <elfutils/debuginfod.h>

static int on_progress (debuginfod_client *client, long n_bytes, long n_total)
{
    struct hs_fetch *fetch = debuginfod_get_user_data (client);

    if (fetch->on_progress != NULL)
        fetch->on_progress (fetch->data, n_bytes > 0 ? (uint64_t)n_bytes : 0,
                            n_total > 0 ? (uint64_t)n_total : 0);
    /* not 0: give up */
    return n_bytes > (long)HS_LIMIT_DOWNLOAD_BYTES || n_total > (long)HS_LIMIT_DOWNLOAD_BYTES;
}

static debuginfod_client *client_of (struct hs_fetch *fetch)
{
    if (fetch->client == NULL) {
        fetch->client = debuginfod_begin ();
        if (fetch->client != NULL) {
            debuginfod_set_user_data (fetch->client, fetch);
            debuginfod_set_progressfn (fetch->client, on_progress);
        }
    }
    return fetch->client;
}

static int ask (struct hs_fetch *fetch, enum hs_fetch_kind kind, const uint8_t *build_id,
                uint32_t build_id_size)
{
    debuginfod_client *client;
    int fd;

    /* the library reads the environment with every question */
    if (setenv ("DEBUGINFOD_URLS", fetch->urls, 1) != 0)
        return -ENOMEM;
    client = client_of (fetch);
    if (client == NULL)
        fd = -ENOMEM;
    else if (kind == HS_FETCH_PROGRAM)
        fd = debuginfod_find_executable (client, build_id, (int)build_id_size, NULL);
    else
        fd = debuginfod_find_debuginfo (client, build_id, (int)build_id_size, NULL);
    (void)unsetenv ("DEBUGINFOD_URLS");
    return fd;
}

static void end_client (struct hs_fetch *fetch)
{
    if (fetch->client != NULL)
        debuginfod_end (fetch->client);
}
#else
static int ask (struct hs_fetch *fetch, enum hs_fetch_kind kind, const uint8_t *build_id,
                uint32_t build_id_size)
{
    return -ENOSYS;
}

static void end_client (struct hs_fetch *fetch)
{
}
#endif

bool hs_fetch_init (struct hs_fetch *fetch)
{
    const char *urls = getenv ("DEBUGINFOD_URLS");

    *fetch = (struct hs_fetch){ 0 };
    if (urls == NULL || *urls == '\0')
        return true;
    fetch->urls = hs_strndup (urls, strlen (urls));
    (void)unsetenv ("DEBUGINFOD_URLS");
    return fetch->urls != NULL;
}

void hs_fetch_clear (struct hs_fetch *fetch)
{
    end_client (fetch);
    hs_free (fetch->urls);
    *fetch = (struct hs_fetch){ 0 };
}

int hs_fetch_file (struct hs_fetch *fetch, enum hs_fetch_kind kind, const uint8_t *build_id,
                   uint32_t build_id_size)
{
    if (fetch->urls == NULL || build_id_size == 0)
        return -ENOENT;
    if (!fetch->is_allowed) {
        fetch->was_refused = true;
        return -ENOENT;
    }
    return ask (fetch, kind, build_id, build_id_size);
}
