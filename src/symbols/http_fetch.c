/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Downloads through libcurl; see http_fetch.h. */
#include "symbols/http_fetch.h"

#include "base/limits.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HS_HAVE_CURL
#include <curl/curl.h>

#define CONNECT_SECONDS 15L
#define SLOW_BYTES_PER_SECOND 100L /* slower for … */
#define SLOW_SECONDS 30L           /* … so long: given up */
#define MOST_REDIRECTS 5L

struct download {
    struct hs_http_fetch *fetch;
    FILE *file;
    uint64_t n_bytes;
    bool is_too_large;
};

static size_t on_bytes (char *bytes, size_t size, size_t n, void *data)
{
    struct download *download = data;

    download->n_bytes += size * n;
    if (download->n_bytes > HS_LIMIT_DOWNLOAD_BYTES) {
        download->is_too_large = true;
        return 0;
    }
    return fwrite (bytes, size, n, download->file);
}

static int on_progress (void *data, curl_off_t n_total, curl_off_t n_bytes, curl_off_t up_total,
                        curl_off_t up)
{
    const struct download *download = data;

    if (download->fetch->on_progress != NULL)
        download->fetch->on_progress (download->fetch->data, (uint64_t)n_bytes, (uint64_t)n_total);
    return 0;
}

static void set_options (CURL *curl, const char *url, struct download *download)
{
    (void)curl_easy_setopt (curl, CURLOPT_URL, url);
    (void)curl_easy_setopt (curl, CURLOPT_USERAGENT, "heapstrata");
    (void)curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt (curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt (curl, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt (curl, CURLOPT_MAXREDIRS, MOST_REDIRECTS);
    (void)curl_easy_setopt (curl, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt (curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HS_LIMIT_DOWNLOAD_BYTES);
    (void)curl_easy_setopt (curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    (void)curl_easy_setopt (curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_SECOND);
    (void)curl_easy_setopt (curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    (void)curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt (curl, CURLOPT_WRITEDATA, download);
    (void)curl_easy_setopt (curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt (curl, CURLOPT_XFERINFODATA, download);
    (void)curl_easy_setopt (curl, CURLOPT_NOPROGRESS, 0L);
}

/* "http://server:port" of an address. */
static size_t server_length (const char *url)
{
    const char *host = strstr (url, "://");

    return host != NULL ? (size_t)(host - url) + 3 + strcspn (host + 3, "/") : strlen (url);
}

static void remember_silent (struct hs_http_fetch *fetch, const char *url)
{
    size_t n = server_length (url);

    if (fetch->n_silent < sizeof fetch->silent / sizeof *fetch->silent && n < sizeof *fetch->silent)
        (void)snprintf (fetch->silent[fetch->n_silent++], sizeof *fetch->silent, "%.*s", (int)n,
                        url);
}

static bool is_silent (const struct hs_http_fetch *fetch, const char *url)
{
    size_t n = server_length (url);

    for (unsigned i = 0; i < fetch->n_silent; i++) {
        if (strlen (fetch->silent[i]) == n && memcmp (fetch->silent[i], url, n) == 0)
            return true;
    }
    return false;
}

static enum hs_status download_to (struct download *download, const char *url, struct hs_error *err)
{
    CURL *curl = curl_easy_init ();
    long answer = 0;
    CURLcode code;

    if (curl == NULL)
        return hs_error_no_memory (err);
    set_options (curl, url, download);
    code = curl_easy_perform (curl);
    (void)curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &answer);
    curl_easy_cleanup (curl);
    if (download->is_too_large || code == CURLE_FILESIZE_EXCEEDED)
        return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                             "%s: the file is over the limit of downloads", url);
    if (code == CURLE_HTTP_RETURNED_ERROR && (answer == 404 || answer == 410))
        return HS_END;
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "%s: the server answers %ld", url, answer);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
        code == CURLE_OPERATION_TIMEDOUT)
        remember_silent (download->fetch, url);
    if (code != CURLE_OK)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "%s: %s", url, curl_easy_strerror (code));
    return HS_OK;
}

/* The folders of a path; that they are there already is fine. */
static void make_folders (const char *path)
{
    char folder[PATH_MAX];

    (void)snprintf (folder, sizeof folder, "%s", path);
    for (char *at = strchr (folder + 1, '/'); at != NULL; at = strchr (at + 1, '/')) {
        *at = '\0';
        (void)mkdir (folder, 0777);
        *at = '/';
    }
}

enum hs_status hs_http_fetch_file (struct hs_http_fetch *fetch, const char *url, const char *path,
                                   struct hs_error *err)
{
    struct download download = { .fetch = fetch };
    enum hs_status status;
    char part[PATH_MAX];
    int fd, n;

    if (!fetch->is_allowed) {
        fetch->was_refused = true;
        return HS_UNSUPPORTED;
    }
    if (is_silent (fetch, url))
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "%s: the server did not answer before", url);
    n = snprintf (part, sizeof part, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof part)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "the path of the cache is too long");
    make_folders (path);
    fd = mkstemp (part);
    download.file = fd >= 0 ? fdopen (fd, "wb") : NULL;
    if (download.file == NULL)
        return hs_error_set_errno (err, errno, "cannot write to the cache at %s", path);
    status = download_to (&download, url, err);
    (void)fchmod (fd, 0644);
    if (fclose (download.file) != 0 && status == HS_OK)
        status = hs_error_set_errno (err, errno, "cannot write to the cache at %s", path);
    if (status == HS_OK && rename (part, path) != 0)
        status = hs_error_set_errno (err, errno, "cannot write to the cache at %s", path);
    if (status != HS_OK)
        (void)unlink (part);
    return status;
}
#else
enum hs_status hs_http_fetch_file (struct hs_http_fetch *fetch, const char *url, const char *path,
                                   struct hs_error *err)
{
    return HS_UNSUPPORTED;
}
#endif
