/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a recording is talked to from outside: a SOCK_SEQPACKET socket per recorded process, at
 * $XDG_RUNTIME_DIR/heapstrata/PID (/tmp/heapstrata-UID/PID without that variable), for the same
 * user only. One request packet, one reply packet, UTF-8 text.
 *
 * Requests: "pause", "resume", "mark NAME", "detach", "status". Replies: "ok" or "error SENTENCE";
 * for status further lines "key=value": file, pid, state (recording, paused, ended), events, lost,
 * unrecorded, bytes (of the file), duration_ns. After "detach" the connection stays open until the
 * file is complete.
 *
 * Not for starting a recording, nor for what a request does: that is the session's. One thread per
 * server; hs_control_ask may be called from any thread, and waits.
 */
#ifndef HS_CAPTURE_CONTROL_CONTROL_H
#define HS_CAPTURE_CONTROL_CONTROL_H

#include "base/error.h"

#include <sys/types.h>

#define HS_CONTROL_PACKET_BYTES 8192u /* longer requests are cut, longer replies not made */

/* The path of a socket of that name in the folder of control sockets, which is made. HS_IO: there
 * is no folder, or the path does not fit into `size`. */
enum hs_status hs_control_path (const char *name, char *ret, size_t size, struct hs_error *err);

struct hs_control_server;

/* Answers one request: writes "ok…" or "error …" with its NUL. */
typedef void (*hs_control_answer) (void *self, const char *request, char *reply, size_t size);

/* Listens for requests about `target`. Sockets that killed recorders left behind are removed.
 * HS_UNSUPPORTED: another recorder records that process already. HS_IO: there is no place for a
 * socket; a recording can go on without. */
enum hs_status hs_control_server_new (pid_t target, struct hs_control_server **ret,
                                      struct hs_error *err);

/* Removes the socket and hangs up. NULL is allowed. */
void hs_control_server_free (struct hs_control_server *server);

/* Answers what comes until `timeout_ns` have passed, at once when something came; also looks at
 * `extra_fd` (-1 = none). A NULL server only waits. */
void hs_control_server_wait (struct hs_control_server *server, int extra_fd, int64_t timeout_ns,
                             hs_control_answer answer, void *self);

/*
 * Asks the recorder of `target`. On HS_OK `reply` (of `size` bytes) has what stood after the line
 * "ok", NUL-terminated, maybe empty; "detach" returns when the recording is complete.
 * HS_UNSUPPORTED: the recorder refused, err has its sentence. HS_IO: nobody records that process,
 * or the recorder does not answer.
 */
enum hs_status hs_control_ask (pid_t target, const char *request, char *reply, size_t size,
                               struct hs_error *err);

/* Whether somebody records the process now; asks nothing, and does not wait for an answer. */
bool hs_control_is_recorded (pid_t target);

#endif
