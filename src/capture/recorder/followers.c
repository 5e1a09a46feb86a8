/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handing shared memory to followed processes; see followers.h. */
#include "capture/recorder/followers.h"

#include "base/memory.h"
#include "capture/control/control.h"
#include "capture/ring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define HELLO_US 100000 /* a connection that says nothing for so long is dropped */

struct hs_follow {
    int listener;
    struct sockaddr_un address;
};

enum hs_status hs_follow_new (struct hs_follow **ret, struct hs_error *err)
{
    struct hs_follow *follow = HS_NEW (struct hs_follow);
    char name[64];

    if (follow == NULL)
        return hs_error_no_memory (err);
    (void)snprintf (name, sizeof name, "agents-%d", (int)getpid ());
    follow->address.sun_family = AF_UNIX;
    follow->listener = -1;
    if (hs_control_path (name, follow->address.sun_path, sizeof follow->address.sun_path, err) ==
        HS_OK) {
        (void)unlink (follow->address.sun_path);
        follow->listener = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (follow->listener >= 0 &&
            bind (follow->listener, (const struct sockaddr *)&follow->address,
                  sizeof follow->address) == 0 &&
            listen (follow->listener, BACKLOG) == 0) {
            *ret = follow;
            return HS_OK;
        }
        (void)hs_error_set_errno (err, errno, "cannot listen for children");
    }
    hs_follow_free (follow);
    return HS_IO;
}

void hs_follow_free (struct hs_follow *follow)
{
    if (follow == NULL)
        return;
    if (follow->listener >= 0) {
        (void)unlink (follow->address.sun_path);
        (void)close (follow->listener);
    }
    hs_free (follow);
}

const char *hs_follow_path (const struct hs_follow *follow)
{
    return follow->address.sun_path;
}

int hs_follow_fd (const struct hs_follow *follow)
{
    return follow->listener;
}

/* An accept that finds nobody has made a socket for nothing. */
static bool is_anybody_there (const struct hs_follow *follow)
{
    struct pollfd polled = { follow->listener, POLLIN, 0 };

    return poll (&polled, 1, 0) > 0;
}

bool hs_follow_next (struct hs_follow *follow, struct hs_follow_request *ret)
{
    struct timeval patience = { 0, HELLO_US };
    struct hs_follow_hello hello;
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd;

    while (is_anybody_there (follow) &&
           (fd = accept4 (follow->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        (void)setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid () &&
            recv (fd, &hello, sizeof hello, 0) == sizeof hello && hello.magic == HS_ARENA_MAGIC &&
            hello.version == HS_ARENA_VERSION) {
            *ret = (struct hs_follow_request){ fd, peer.pid, hello.is_forked != 0 };
            return true;
        }
        (void)close (fd);
    }
    return false;
}

bool hs_follow_answer (const struct hs_follow_request *request, int arena_fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE (sizeof (int))];
    } control = { .bytes = { 0 } };
    char byte = 1;
    struct iovec part = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };

    bool is_sent = false;

    if (arena_fd >= 0) {
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN (sizeof (int));
        memcpy (CMSG_DATA (&control.head), &arena_fd, sizeof arena_fd);
        is_sent = sendmsg (request->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
    }
    (void)close (request->fd);
    return is_sent;
}
