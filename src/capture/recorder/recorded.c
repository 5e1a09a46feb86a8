/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A process instance; see recorded.h. */
#include "capture/recorder/recorded.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_LOOKS 10u /* at a thread's name, one by one; then each LATER_LOOKS'th */
#define LATER_LOOKS 16u
#define EXEC_LOOKS 20u /* an exec that fails has said so after that many looks */

enum hs_status hs_recorded_new (struct hs_order_trace *trace, int fd, struct hs_recorded **ret,
                                struct hs_error *err)
{
    struct hs_recorded *process = HS_NEW (struct hs_recorded);
    enum hs_status status;

    if (process == NULL) {
        if (fd >= 0)
            (void)close (fd);
        return hs_error_no_memory (err);
    }
    process->pidfd = process->mem_fd = -1;
    status = fd < 0 ? hs_ring_reader_init (&process->reader, err)
                    : hs_ring_reader_take (&process->reader, fd, err);
    process->has_arena = status == HS_OK;
    if (status == HS_OK)
        status = hs_event_order_new (trace, &process->reader, &process->order, err);
    if (status == HS_OK)
        *ret = process;
    else
        hs_recorded_free (process);
    return status;
}

void hs_recorded_free (struct hs_recorded *process)
{
    if (process == NULL)
        return;
    hs_event_order_free (process->order);
    if (process->has_arena)
        hs_ring_reader_clear (&process->reader);
    if (process->pidfd >= 0)
        (void)close (process->pidfd);
    if (process->mem_fd >= 0)
        (void)close (process->mem_fd);
    hs_free (process->texts);
    hs_free (process);
}

enum hs_status hs_recorded_describe (struct hs_recorded *process, struct hs_error *err)
{
    const struct hs_process_texts *texts = process->texts;
    const char *name = strrchr (texts->exe, '/');
    struct hs_process_fields fields = {
        .pid = (uint32_t)process->pid,
        .parent_pid = (uint32_t)texts->parent,
        .has_start = process->origin != HS_SESSION_ATTACHED,
        .is_forked = process->origin == HS_SESSION_FORKED,
        .image = { name != NULL ? name + 1 : texts->exe, 0 },
        .command_line = { texts->command_line, (uint32_t)strlen (texts->command_line) },
    };
    enum hs_status status;

    fields.image.length = (uint32_t)strlen (fields.image.bytes);
    status = hs_event_order_begin (process->order, &fields, texts->exe, err);
    if (status == HS_OK && process->origin == HS_SESSION_ATTACHED)
        status = hs_event_order_gap_at_start (process->order, err);
    hs_free (process->texts);
    process->texts = NULL;
    return status;
}

enum hs_status hs_recorded_watch (struct hs_recorded *process,
                                  const struct hs_session_process *described, struct hs_error *err)
{
    char path[64];

    process->texts = hs_alloc_array (1, sizeof *process->texts);
    if (process->texts == NULL)
        return hs_error_no_memory (err);
    process->pid = described->pid;
    process->origin = described->origin;
    process->pidfd = (int)syscall (SYS_pidfd_open, process->pid, 0);
    if (process->pidfd < 0 && process->origin != HS_SESSION_LAUNCHED)
        return hs_error_set_errno (err, errno, "cannot watch process %d", (int)process->pid);
    (void)snprintf (path, sizeof path, "/proc/%d/mem", (int)process->pid);
    process->mem_fd = open (path, O_RDONLY | O_CLOEXEC);
    hs_process_read_texts (process->pid, process->texts);
    if (process->texts->exe[0] == '\0' && described->exe != NULL)
        (void)snprintf (process->texts->exe, sizeof process->texts->exe, "%s", described->exe);
    if (described->command_line != NULL)
        (void)snprintf (process->texts->command_line, sizeof process->texts->command_line, "%s",
                        described->command_line);
    if (process->origin == HS_SESSION_LAUNCHED)
        process->texts->parent = getpid ();
    return HS_OK;
}

/* Reading through a descriptor of memory that an exec has replaced says "end of file". So it does
 * for a moment when a process ends: then it has no other memory either. */
static bool has_other_memory (const struct hs_recorded *process)
{
    char byte;

    return process->mem_fd >= 0 && pread (process->mem_fd, &byte, 1, 0) == 0 &&
           hs_process_resident_bytes (process->pid) > 0;
}

enum hs_recorded_state hs_recorded_look (struct hs_recorded *process)
{
    bool says_exec = atomic_load (&process->reader.arena->agent_state) == HS_AGENT_EXECS;

    process->n_exec_looks = says_exec ? process->n_exec_looks + 1 : 0;
    if (!hs_process_is_running (process->pidfd, process->pid))
        return says_exec ? HS_RECORDED_EXECED : HS_RECORDED_EXITED;
    return has_other_memory (process) || process->n_exec_looks > EXEC_LOOKS ? HS_RECORDED_EXECED
                                                                            : HS_RECORDED_RUNS;
}

static enum hs_status end_thread (struct hs_recorded *process, uint32_t i, struct hs_error *err)
{
    uint32_t tid = process->threads[i].tid;

    process->threads[i].tid = 0;
    return tid != 0 ? hs_event_order_thread (process->order, tid, "", true, err) : HS_OK;
}

static enum hs_status tell_name (struct hs_recorded *process, uint32_t i, struct hs_error *err)
{
    char name[HS_THREAD_NAME_BYTES];

    hs_process_thread_name (process->pid, process->threads[i].tid, name);
    if (process->threads[i].n_looks++ > 0 &&
        (name[0] == '\0' || strcmp (name, process->threads[i].name) == 0))
        return HS_OK;
    memcpy (process->threads[i].name, name, sizeof name);
    return hs_event_order_thread (process->order, process->threads[i].tid, name, false, err);
}

static enum hs_status look_at_name (struct hs_recorded *process, uint32_t i, struct hs_error *err)
{
    unsigned n = process->threads[i].n_looks;

    if (n >= FIRST_LOOKS && n % LATER_LOOKS != 0) {
        process->threads[i].n_looks++;
        return HS_OK;
    }
    return tell_name (process, i, err);
}

/* The threads that the rings belong to now. */
static enum hs_status tell_threads (struct hs_recorded *process, struct hs_error *err)
{
    enum hs_status status = HS_OK;

    for (uint32_t n = 0; n < process->reader.n_seen && status == HS_OK; n++) {
        uint32_t i = process->reader.seen[n];
        const struct hs_ring_queue *queue = &process->reader.queues[i];

        if (process->threads[i].owner == queue->owner || queue->tid == 0)
            continue;
        status = end_thread (process, i, err);
        process->threads[i].owner = queue->owner;
        process->threads[i].tid = queue->tid;
        process->threads[i].n_looks = 0;
        if (status == HS_OK)
            status = tell_name (process, i, err);
    }
    return status;
}

enum hs_status hs_recorded_drain (struct hs_recorded *process, uint64_t *n_bytes,
                                  struct hs_error *err)
{
    enum hs_status status =
        hs_ring_reader_drain (&process->reader, &process->horizon, n_bytes, err);

    /* nobody is there any more who could publish an older record */
    if (process->is_ending)
        process->horizon = UINT64_MAX;
    /* not before the process has its place in the trace */
    if (status == HS_OK && process->texts == NULL)
        status = tell_threads (process, err);
    return status;
}

enum hs_status hs_recorded_tell_loss (struct hs_recorded *process, uint64_t passed,
                                      struct hs_error *err)
{
    struct hs_ring_loss *loss = &process->reader.loss;
    enum hs_status status;

    if (!loss->is_any || process->texts != NULL) /* later: it has not begun in the file yet */
        return HS_OK;
    if (passed != 0 && passed < loss->begin)
        loss->begin = passed; /* nothing that follows in the file is older than the gap */
    status = hs_event_order_loss (process->order, loss, err);
    *loss = (struct hs_ring_loss){ .end = loss->end };
    return status;
}

enum hs_status hs_recorded_tell_unseen (struct hs_recorded *process, bool is_mark,
                                        struct hs_error *err)
{
    uint64_t n = atomic_load (&process->reader.arena->n_unsampled);
    enum hs_status status = HS_OK;

    if (process->texts != NULL)
        return HS_OK;
    if (n > 0)
        status = hs_event_order_unsampled (process->order, n, is_mark, err);
    if (status == HS_OK && atomic_load (&process->reader.arena->is_bypassed) != 0)
        status = hs_event_order_left_out (
            process->order,
            "the program brings a malloc of its own: what it allocated by that was not recorded, "
            "unless it reports it through heapstrata.h",
            is_mark, err);
    return status;
}

enum hs_status hs_recorded_reclaim_rings (struct hs_recorded *process, struct hs_error *err)
{
    enum hs_status status = HS_OK;

    for (uint32_t n = 0; n < process->reader.n_seen && status == HS_OK; n++) {
        uint32_t i = process->reader.seen[n];
        struct hs_ring_head *ring = hs_ring_reader_head (&process->reader, i);
        struct hs_ring_queue *queue = &process->reader.queues[i];
        uint32_t n_words, tid = atomic_load (&ring->tid);

        if (process->threads[i].tid != 0)
            status = look_at_name (process, i, err);
        /* 0: the next thread has taken the ring and is about to say who it is. The one before it is
         * gone, but the ring is not free: given to a third, it would lose what one of them writes
         */
        if (atomic_load (&ring->state) != HS_RING_OWNED || tid == 0 || tid != queue->tid ||
            hs_ring_queue_peek (&process->reader, i, &n_words) != NULL)
            continue;
        if (status == HS_OK && !hs_process_has_thread (process->pid, queue->tid) &&
            atomic_load (&ring->head) == queue->tail) {
            atomic_store (&ring->pending, 0);
            atomic_store (&ring->tid, 0);
            atomic_store (&ring->state, HS_RING_FREE);
            status = end_thread (process, i, err);
        }
    }
    return status;
}

void hs_recorded_add_totals (const struct hs_recorded *process, struct hs_record_totals *totals)
{
    const struct hs_record_totals *own = hs_event_order_totals (process->order);

    totals->n_allocs += own->n_allocs;
    totals->n_frees += own->n_frees;
    totals->n_reallocs += own->n_reallocs;
    totals->n_lost += own->n_lost;
    totals->n_broken += own->n_broken;
    totals->n_late += own->n_late;
    totals->n_stacks += own->n_stacks;
    totals->n_truncated_stacks += own->n_truncated_stacks;
    totals->n_modules += own->n_modules;
    totals->n_threads += own->n_threads;
    totals->n_unrecorded += atomic_load (&process->reader.arena->n_unrecorded);
    totals->n_unsampled += atomic_load (&process->reader.arena->n_unsampled);
    totals->n_bypassed += atomic_load (&process->reader.arena->is_bypassed);
}
