/* SPDX-License-Identifier: MIT */
/* Asking the recorder for memory of one's own; see agent_follow.h. */
#include "capture/agent/agent_follow.h"

#include "capture/agent/system.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

struct agent_follow agent_follow;

/* How far a fork child is; in a page that is wiped on fork. */
enum {
    CHILD_NEW,
    CHILD_ASKS,
    CHILD_DONE,
};

static int copy (char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; from[i] != '\0' && i + 1 < size; i++)
        to[i] = from[i];
    to[i] = '\0';
    return from[i] == '\0';
}

static size_t length (const char *text)
{
    size_t n = 0;

    while (text[n] != '\0')
        n++;
    return n;
}

/* Our own path out of "LD_PRELOAD=a.so:/x/heapstrata-agent.so b.so". */
static int find_own_path (const char *entry)
{
    const char *at = entry + sizeof AGENT_PRELOAD_VARIABLE - 1;
    size_t head = sizeof AGENT_PRELOAD_VARIABLE - 1;

    (void)copy (agent_follow.preload, sizeof agent_follow.preload, AGENT_PRELOAD_VARIABLE);
    while (*at != '\0') {
        const char *end = at;
        size_t n;

        while (*end != '\0' && *end != ':' && *end != ' ')
            end++;
        n = (size_t)(end - at);
        if (n >= sizeof AGENT_NAME - 1 && n + head < sizeof agent_follow.preload &&
            agent_begins_with (end - (sizeof AGENT_NAME - 1), AGENT_NAME)) {
            for (size_t i = 0; i < n; i++)
                agent_follow.preload[head + i] = at[i];
            agent_follow.preload[head + n] = '\0';
            return 1;
        }
        at = *end != '\0' ? end + 1 : end;
    }
    return 0;
}

void agent_follow_read (char *const *environment)
{
    int has_path = 0, has_socket = 0;

    for (; *environment != NULL; environment++) {
        int has_children = agent_begins_with (*environment, AGENT_SOCKET_VARIABLE);

        if (has_children || agent_begins_with (*environment, AGENT_EXEC_VARIABLE)) {
            has_socket = copy (agent_follow.socket, sizeof agent_follow.socket, *environment);
            agent_follow.has_children = has_children;
        } else if (agent_begins_with (*environment, AGENT_PRELOAD_VARIABLE)) {
            has_path = find_own_path (*environment);
        }
    }
    if (!has_path || !has_socket) {
        agent_follow.socket[0] = '\0';
        agent_follow.has_children = 0;
    }
}

static int connect_to_recorder (void)
{
    const char *path = agent_follow.socket;
    struct timeval patience = { 1, 0 };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    long fd;

    while (*path != '\0' && *path++ != '=')
        continue;
    if (*path == '\0' || !copy (address.sun_path, sizeof address.sun_path, path))
        return -1;
    fd = sys3 (SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)sys6 (SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, (long)&patience, sizeof patience, 0);
    (void)sys6 (SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)&patience, sizeof patience, 0);
    if (sys3 (SYS_connect, fd, (long)&address,
              (long)(offsetof (struct sockaddr_un, sun_path) + length (path) + 1)) == 0)
        return (int)fd;
    (void)sys3 (SYS_close, fd, 0, 0);
    return -1;
}

int agent_follow_ask (int is_forked)
{
    struct hs_follow_hello hello = { HS_ARENA_MAGIC, HS_ARENA_VERSION, (uint32_t)is_forked };
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE (sizeof (int))];
    } control;
    char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    int ret = -1, fd = connect_to_recorder ();

    if (fd < 0)
        return -1;
    if (sys6 (SYS_sendto, fd, (long)&hello, sizeof hello, MSG_NOSIGNAL, 0, 0) == sizeof hello &&
        sys3 (SYS_recvmsg, fd, (long)&message, MSG_CMSG_CLOEXEC) == 1 &&
        message.msg_controllen >= CMSG_LEN (sizeof (int)) && control.head.cmsg_type == SCM_RIGHTS &&
        control.head.cmsg_level == SOL_SOCKET)
        __builtin_memcpy (&ret, CMSG_DATA (&control.head), sizeof ret);
    (void)sys3 (SYS_close, fd, 0, 0);
    return ret;
}

int agent_take_forked (void)
{
    uint32_t expected = CHILD_NEW;
    int fd, is_taken;

    /* nobody's child: tracing never began here, or children are not followed */
    if (agent.alive == NULL || !agent_follow.has_children)
        return 0;
    /* the word behind was wiped with it: one thread asks, once. What memory the parent's threads
     * had here came along and is emptied when it is used */
    if (!atomic_compare_exchange_strong ((_Atomic uint32_t *)(uintptr_t)&agent.alive[1], &expected,
                                         CHILD_ASKS))
        return 0;
    agent_forget_self ();
    fd = agent_follow_ask (1);
    if (fd < 0)
        return 0;
    is_taken = agent_take_arena (fd);
    (void)sys3 (SYS_close, fd, 0, 0);
    return is_taken;
}
