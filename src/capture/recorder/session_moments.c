/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Marks, gaps, samples, beginnings and ends have their place in time among the records of the
 * rings, and wait for it; see session_private.h. */
#include "capture/recorder/session_private.h"

#include "base/memory.h"

#include <string.h>

#define MOMENTS 4096u /* samples and marks that may wait */

bool hs_session_add_moment (struct hs_session *session, struct hs_session_moment moment)
{
    if ((session->moments.n >= MOMENTS && moment.kind != HS_MOMENT_BEGIN &&
         moment.kind != HS_MOMENT_END) ||
        !hs_array_reserve (&session->moments, 1))
        return false;
    moment.stamp = hs_trace_clock_now (session->clock);
    session->moments.items[session->moments.n++] = moment;
    return true;
}

static enum hs_status tell_end (struct hs_session *session, const struct hs_session_moment *moment,
                                struct hs_error *err)
{
    struct hs_recorded *process = moment->process;
    bool has_status = process->pid == session->root.pid && session->is_reaped &&
                      moment->reason == HS_PROCESS_EXITED;
    uint64_t n_bytes;
    /* what its last records were worth is known only now */
    enum hs_status status = hs_recorded_drain (process, &n_bytes, err);

    if (status == HS_OK)
        status = hs_recorded_tell_loss (process, session->passed, err);
    if (status == HS_OK)
        status = hs_recorded_tell_unseen (process, session->encoder == &hs_etl_encoder, err);
    if (status == HS_OK)
        status = hs_event_order_end (process->order, moment->stamp, moment->reason,
                                     has_status ? session->wait_status : 0, err);
    hs_session_remove_process (session, process);
    return status;
}

static enum hs_status tell_moment (struct hs_session *session, struct hs_session_moment *moment,
                                   struct hs_error *err)
{
    struct hs_event_order *order = moment->process->order;
    enum hs_status status = HS_OK;

    switch (moment->kind) {
    case HS_MOMENT_BEGIN:
        status = hs_recorded_describe (moment->process, err);
        break;
    case HS_MOMENT_MARK:
        status = hs_event_order_mark (order, moment->stamp, moment->name, err);
        hs_free (moment->name);
        break;
    case HS_MOMENT_GAP:
        status = hs_event_order_gap (order, moment->begin_stamp, moment->stamp, err);
        break;
    case HS_MOMENT_SAMPLE:
        status = hs_event_order_sample (order, moment->stamp, moment->resident_bytes, err);
        break;
    case HS_MOMENT_END:
        status = tell_end (session, moment, err);
        break;
    }
    return status;
}

/* Hands on the records of all processes below the horizon, by turns. */
static enum hs_status pass_records (struct hs_session *session, uint64_t horizon,
                                    struct hs_error *err)
{
    enum hs_status status = HS_OK;

    if (session->processes == NULL)
        return HS_OK;
    if (session->processes->next == NULL)
        return hs_event_order_pass (session->processes->order, horizon, err);
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        p->next_stamp = hs_event_order_next_stamp (p->order);
    while (status == HS_OK) {
        struct hs_recorded *oldest = session->processes;
        uint64_t limit = UINT64_MAX; /* the oldest of the others */

        for (struct hs_recorded *p = oldest->next; p != NULL; p = p->next) {
            if (p->next_stamp < oldest->next_stamp) {
                limit = oldest->next_stamp;
                oldest = p;
            } else if (p->next_stamp < limit) {
                limit = p->next_stamp;
            }
        }
        if (oldest->next_stamp >= horizon || oldest->next_stamp == UINT64_MAX)
            break;
        status = hs_event_order_pass (oldest->order, limit < horizon ? limit + 1 : horizon, err);
        oldest->next_stamp = hs_event_order_next_stamp (oldest->order);
    }
    return status;
}

enum hs_status hs_session_pass (struct hs_session *session, uint64_t horizon, struct hs_error *err)
{
    enum hs_status status = HS_OK;
    size_t n = 0;

    while (status == HS_OK && n < session->moments.n && session->moments.items[n].stamp < horizon) {
        status = pass_records (session, session->moments.items[n].stamp, err);
        if (status == HS_OK)
            status = tell_moment (session, &session->moments.items[n++], err);
    }
    if (n > 0) {
        session->moments.n -= n;
        memmove (session->moments.items, session->moments.items + n,
                 session->moments.n * sizeof (struct hs_session_moment));
    }
    if (status == HS_OK)
        status = pass_records (session, horizon, err);
    return status == HS_OK ? hs_order_trace_flush (session->trace, err) : status;
}
