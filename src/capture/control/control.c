/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder's side and the asking side of the control socket; see control.h. */
#include "capture/control/control.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define N_FOLDERS 2u
#define MAX_CLIENTS 16u
#define ANSWER_SECONDS 5
#define DETACH_SECONDS 60

struct hs_control_server {
    int folder;
    int listener;
    char name[16];
    int clients[MAX_CLIENTS];
    unsigned n_clients;
};

/* The first is used when it can be; askers look at both, since a recorder started elsewhere may
 * have had another environment. */
static bool folder_path (unsigned i, char *out, size_t size)
{
    const char *runtime = getenv ("XDG_RUNTIME_DIR");
    int n;

    if (i > 0)
        n = snprintf (out, size, "/tmp/heapstrata-%u", (unsigned)geteuid ());
    else if (runtime != NULL && runtime[0] == '/')
        n = snprintf (out, size, "%s/heapstrata", runtime);
    else
        return false;
    return n > 0 && (size_t)n < size;
}

/* A folder of that name which nobody else can write to; -1 with errno. */
static int open_folder (unsigned i, bool may_make)
{
    char path[4096];
    struct stat info;
    int fd;

    errno = ENOENT;
    if (!folder_path (i, path, sizeof path))
        return -1;
    if (may_make && mkdir (path, 0700) != 0 && errno != EEXIST)
        return -1;
    fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat (fd, &info) == 0 && info.st_uid == geteuid () && (info.st_mode & 077) == 0)
        return fd;
    (void)close (fd);
    errno = EPERM;
    return -1;
}

enum hs_status hs_control_path (const char *name, char *ret, size_t size, struct hs_error *err)
{
    char folder[4096];

    for (unsigned i = 0; i < N_FOLDERS; i++) {
        int fd = open_folder (i, true);

        if (fd < 0)
            continue;
        (void)close (fd);
        if (folder_path (i, folder, sizeof folder) &&
            (size_t)snprintf (ret, size, "%s/%s", folder, name) < size)
            return HS_OK;
    }
    return hs_error_set (err, HS_IO, HS_NO_OFFSET, "there is no folder for sockets");
}

/* Through the descriptor: no path is too long for a socket's address, and nothing can be put in
 * its way. */
static struct sockaddr_un address_of (int folder, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void)snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    return address;
}

static void name_of (pid_t target, char name[16])
{
    (void)snprintf (name, 16, "%d", (int)target);
}

static int connect_in (int folder, const char *name)
{
    struct sockaddr_un address = address_of (folder, name);
    int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return -1;
    if (connect (fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    (void)close (fd);
    errno = error;
    return -1;
}

static bool is_same_user (int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid ();
}

/* A connection to whoever records the target; -1 when nobody does. */
static int connect_to (pid_t target)
{
    char name[16];

    name_of (target, name);
    for (unsigned i = 0; i < N_FOLDERS; i++) {
        int folder = open_folder (i, false), fd;

        if (folder < 0)
            continue;
        fd = connect_in (folder, name);
        (void)close (folder);
        if (fd >= 0 && is_same_user (fd))
            return fd;
        if (fd >= 0)
            (void)close (fd);
    }
    return -1;
}

/* Sockets of recorders that were killed: of processes that are gone, and nobody answers. */
static void sweep (int folder)
{
    int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir (fd) : NULL;
    struct dirent *entry;

    if (entries == NULL && fd >= 0)
        (void)close (fd);
    while (entries != NULL && (entry = readdir (entries)) != NULL) {
        const char *number = entry->d_name + strcspn (entry->d_name, "0123456789");
        pid_t pid = (pid_t)strtol (number, NULL, 10);
        int other;

        if (pid <= 0 || kill (pid, 0) == 0 || errno != ESRCH)
            continue;
        other = connect_in (folder, entry->d_name);
        if (other >= 0)
            (void)close (other);
        else if (errno == ECONNREFUSED)
            (void)unlinkat (folder, entry->d_name, 0);
    }
    if (entries != NULL)
        (void)closedir (entries);
}

static enum hs_status listen_in (struct hs_control_server *server, struct hs_error *err)
{
    struct sockaddr_un address = address_of (server->folder, server->name);

    server->listener = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listener < 0)
        return hs_error_set_errno (err, errno, "cannot make the control socket");
    (void)unlinkat (server->folder, server->name, 0); /* nobody answered there */
    if (bind (server->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen (server->listener, MAX_CLIENTS) != 0)
        return hs_error_set_errno (err, errno, "cannot make the control socket");
    return HS_OK;
}

enum hs_status hs_control_server_new (pid_t target, struct hs_control_server **ret,
                                      struct hs_error *err)
{
    struct hs_control_server *server = HS_NEW (struct hs_control_server);
    enum hs_status status;
    int other;

    if (server == NULL)
        return hs_error_no_memory (err);
    server->listener = -1;
    name_of (target, server->name);
    server->folder = open_folder (0, true);
    if (server->folder < 0)
        server->folder = open_folder (1, true);
    if (server->folder < 0) {
        status = hs_error_set_errno (err, errno, "there is no folder for the control socket");
        hs_free (server);
        return status;
    }
    /* two recorders that begin at once take turns here */
    (void)flock (server->folder, LOCK_EX);
    other = connect_to (target);
    if (other >= 0) {
        (void)close (other);
        server->name[0] = '\0';
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "process %d is being recorded already", (int)target);
    } else {
        sweep (server->folder);
        status = listen_in (server, err);
    }
    (void)flock (server->folder, LOCK_UN);
    if (status != HS_OK)
        hs_control_server_free (server);
    else
        *ret = server;
    return status;
}

void hs_control_server_free (struct hs_control_server *server)
{
    if (server == NULL)
        return;
    if (server->listener >= 0) {
        (void)unlinkat (server->folder, server->name, 0);
        (void)close (server->listener);
    }
    for (unsigned i = 0; i < server->n_clients; i++)
        (void)close (server->clients[i]);
    (void)close (server->folder);
    hs_free (server);
}

static void accept_client (struct hs_control_server *server)
{
    int fd = accept4 (server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    if (server->n_clients == MAX_CLIENTS || !is_same_user (fd))
        (void)close (fd);
    else
        server->clients[server->n_clients++] = fd;
}

/* Whether the client stays. */
static bool serve_client (int fd, hs_control_answer answer, void *self)
{
    char request[HS_CONTROL_PACKET_BYTES], reply[HS_CONTROL_PACKET_BYTES];
    ssize_t n = recv (fd, request, sizeof request - 1, MSG_DONTWAIT);

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    request[n] = '\0';
    reply[0] = '\0';
    answer (self, request, reply, sizeof reply);
    return send (fd, reply, strlen (reply), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

void hs_control_server_wait (struct hs_control_server *server, int extra_fd, int64_t timeout_ns,
                             hs_control_answer answer, void *self)
{
    struct timespec timeout = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    struct pollfd polled[MAX_CLIENTS + 2];
    unsigned n_clients = server != NULL ? server->n_clients : 0;

    polled[0] = (struct pollfd){ server != NULL ? server->listener : -1, POLLIN, 0 };
    polled[1] = (struct pollfd){ extra_fd, POLLIN, 0 };
    for (unsigned i = 0; i < n_clients; i++)
        polled[2 + i] = (struct pollfd){ server->clients[i], POLLIN, 0 };
    if (ppoll (polled, 2 + n_clients, &timeout, NULL) <= 0)
        return;
    for (unsigned i = n_clients; i-- > 0;) {
        if (polled[2 + i].revents != 0 && !serve_client (server->clients[i], answer, self)) {
            (void)close (server->clients[i]);
            server->clients[i] = server->clients[--server->n_clients];
        }
    }
    if (polled[0].revents != 0)
        accept_client (server);
}

/* The connection ends with the recording. */
static enum hs_status wait_for_end (int fd, struct hs_error *err)
{
    struct timeval patience = { DETACH_SECONDS, 0 };
    char byte;

    (void)setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (;;) {
        ssize_t n = recv (fd, &byte, 1, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return hs_error_set (err, HS_IO, HS_NO_OFFSET, "the recorder does not let go");
        return HS_OK;
    }
}

static enum hs_status read_reply (int fd, pid_t target, char *reply, size_t size,
                                  struct hs_error *err)
{
    char packet[HS_CONTROL_PACKET_BYTES];
    ssize_t n;
    char *rest;

    do
        n = recv (fd, packet, sizeof packet - 1, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "the recorder of process %d does not answer",
                             (int)target);
    packet[n] = '\0';
    if (strncmp (packet, "error ", 6) == 0)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "%.400s", packet + 6);
    rest = strchr (packet, '\n');
    (void)snprintf (reply, size, "%s", rest != NULL ? rest + 1 : "");
    return HS_OK;
}

enum hs_status hs_control_ask (pid_t target, const char *request, char *reply, size_t size,
                               struct hs_error *err)
{
    struct timeval patience = { ANSWER_SECONDS, 0 };
    int fd = connect_to (target);
    enum hs_status status;

    if (fd < 0)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "process %d is not being recorded",
                             (int)target);
    (void)setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (send (fd, request, strlen (request), MSG_NOSIGNAL) < 0)
        status = hs_error_set (err, HS_IO, HS_NO_OFFSET,
                               "the recorder of process %d does not answer", (int)target);
    else
        status = read_reply (fd, target, reply, size, err);
    if (status == HS_OK && strcmp (request, "detach") == 0)
        status = wait_for_end (fd, err);
    (void)close (fd);
    return status;
}

bool hs_control_is_recorded (pid_t target)
{
    int fd = connect_to (target);

    if (fd < 0)
        return false;
    (void)close (fd);
    return true;
}
