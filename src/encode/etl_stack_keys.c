/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks of the ETL encoder: a key reference behind each event, each key's frames behind its first
 * reference and once more at the end (formats/etl.md 9.3 and 12).
 */
#include "encode/etl_state.h"

#include "base/endian.h"
#include "base/limits.h"

#include <string.h>

/* hook ids: group 18 hex, opcodes 36 to 38 decimal */
#define STACK_KEY_RUNDOWN 0x1824
#define STACK_KEY_REF_KERNEL 0x1825
#define STACK_KEY_REF_USER 0x1826
#define STACK_VERSION 2

#define FIRST_KERNEL_ADDRESS UINT64_C (0xffff000000000000)
#define MAX_FRAMES ((HS_ETL_PAYLOAD_BYTES - 8) / 8)

static struct hs_etl_key *key_of (struct hs_etl_state *state, hs_stack_slot slot)
{
    size_t more = (size_t)slot + 1;

    if (slot == HS_NO_STACK || slot >= HS_LIMIT_EVENTS)
        return NULL;
    if (more > state->keys.n) {
        more -= state->keys.n;
        if (!hs_array_reserve (&state->keys, more)) {
            hs_etl_writer_fail_memory (&state->writer);
            return NULL;
        }
        memset (state->keys.items + state->keys.n, 0, more * sizeof *state->keys.items);
        state->keys.n += more;
    }
    return &state->keys.items[slot];
}

/* Which of the two name spaces of keys the definition falls into. */
static bool is_kernel_stack (const struct hs_etl_key *key)
{
    return key->n_frames > 0 && key->frames[key->n_frames - 1] >= FIRST_KERNEL_ADDRESS;
}

static void write_key (struct hs_etl_state *state, hs_stack_slot slot, const struct hs_etl_key *key)
{
    uint8_t *at = hs_etl_perfinfo_record (&state->writer, STACK_KEY_RUNDOWN, STACK_VERSION,
                                          8 + key->n_frames * 8);

    hs_put_u64 (at, slot);
    for (uint32_t i = 0; i < key->n_frames; i++)
        hs_put_u64 (at + 8 + (size_t)i * 8, key->frames[i]);
}

static void write_reference (struct hs_etl_state *state, hs_stack_slot slot, int64_t stamp,
                             uint32_t pid, uint32_t tid)
{
    struct hs_etl_key *key = key_of (state, slot);
    bool is_kernel;
    uint8_t *at;

    if (key == NULL || (key->frames != NULL && key->n_frames == 0))
        return;
    is_kernel = key->frames != NULL && is_kernel_stack (key);
    at = hs_etl_perfinfo_record (
        &state->writer, is_kernel ? STACK_KEY_REF_KERNEL : STACK_KEY_REF_USER, STACK_VERSION, 0x18);
    hs_put_u64 (at + 0x00, (uint64_t)stamp);
    hs_put_u32 (at + 0x08, pid);
    hs_put_u32 (at + 0x0c, tid);
    hs_put_u64 (at + 0x10, slot);
    if (!key->is_used)
        state->report.n_stacks++;
    key->is_used = true;
    if (key->frames != NULL && !key->is_written) {
        key->is_written = true;
        write_key (state, slot, key);
    }
}

void hs_etl_define_stack (struct hs_etl_state *state, const struct hs_event *event)
{
    const struct hs_stack_fields *stack = &event->stack_info;
    struct hs_etl_key *key = key_of (state, stack->slot);
    uint32_t n = stack->n_frames;
    uint64_t *frames;

    if (key == NULL || key->frames != NULL)
        return;
    if (n > MAX_FRAMES) {
        n = MAX_FRAMES;
        state->report.left_out[HS_LEFT_OUT_DEEP_STACKS]++;
    }
    frames = hs_arena_alloc (&state->stack_frames, n > 0 ? n * sizeof *frames : 1);
    if (frames == NULL) {
        hs_etl_writer_fail_memory (&state->writer);
        return;
    }
    if (n > 0)
        memcpy (frames, stack->frames, n * sizeof *frames);
    key->frames = frames;
    key->n_frames = n;
    if (!key->is_used || n == 0)
        return;
    /* its references were written as user stacks before anybody could know */
    if (is_kernel_stack (key))
        state->report.left_out[HS_LEFT_OUT_KERNEL_STACKS]++;
    key->is_written = true;
    write_key (state, stack->slot, key);
}

static void remember_pending (struct hs_etl_state *state, uint64_t ref, int64_t stamp, uint32_t pid,
                              uint32_t tid)
{
    if (state->pending == NULL)
        state->pending = hs_alloc_zeroed (HS_ETL_PENDING_EVENTS, sizeof *state->pending);
    if (state->pending == NULL) {
        hs_etl_writer_fail_memory (&state->writer);
        return;
    }
    state->pending[ref % HS_ETL_PENDING_EVENTS] = (struct hs_etl_pending){ ref, stamp, pid, tid };
}

void hs_etl_attach_stack (struct hs_etl_state *state, const struct hs_event *event, int64_t stamp,
                          uint32_t pid, uint32_t tid)
{
    if (event->stack != HS_NO_STACK)
        write_reference (state, event->stack, stamp, pid, tid);
    if (event->stack_ref != 0)
        remember_pending (state, event->stack_ref, stamp, pid, tid);
}

void hs_etl_link_stack (struct hs_etl_state *state, const struct hs_event *event)
{
    uint64_t ref = event->stack_info.ref;
    struct hs_etl_pending *pending =
        state->pending != NULL ? &state->pending[ref % HS_ETL_PENDING_EVENTS] : NULL;

    if (pending == NULL || ref == 0 || pending->ref != ref) {
        state->report.left_out[HS_LEFT_OUT_STACK_LINKS]++;
        return;
    }
    write_reference (state, event->stack_info.slot, pending->stamp, pending->pid, pending->tid);
}

void hs_etl_keys_rundown (struct hs_etl_state *state)
{
    for (size_t slot = 1; slot < state->keys.n; slot++)
        if (state->keys.items[slot].is_written)
            write_key (state, (hs_stack_slot)slot, &state->keys.items[slot]);
}
