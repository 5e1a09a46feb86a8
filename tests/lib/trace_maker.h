/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds small traces in memory, event by event, the way a decoder would. Fails the running Check
 * test when anything goes wrong. The maker owns the trace.
 */
#ifndef HS_TESTS_TRACE_MAKER_H
#define HS_TESTS_TRACE_MAKER_H

#include "trace/trace.h"

struct trace_maker {
    struct hs_trace *trace;
    struct hs_event_batch *batch;
    /* what the next events get; set them freely */
    int64_t time;
    hs_process_id process;
    uint32_t thread;
    uint64_t heap;
    /* private */
    hs_process_id n_processes;
    hs_stack_slot n_slots;
};

/* A trace without processes; 1000 ticks a second. Then time 0, process 0, thread 1, heap 0x1000. */
struct trace_maker trace_maker_begin (void);
void trace_maker_end (struct trace_maker *maker);

/* A process instance; it becomes `maker->process`. */
hs_process_id trace_maker_process (struct trace_maker *maker, uint32_t pid, const char *image);

/* A stack of the current process, frames from the leaf out, ended by 0. Each call gives a slot. */
hs_stack_slot trace_maker_stack (struct trace_maker *maker, const uint64_t *frames);
/* A slot that is defined later or never. */
hs_stack_slot trace_maker_open_slot (struct trace_maker *maker);
void trace_maker_define (struct trace_maker *maker, hs_stack_slot slot, const uint64_t *frames);

void trace_maker_alloc (struct trace_maker *maker, uint64_t address, uint64_t size,
                        hs_stack_slot stack);
void trace_maker_free (struct trace_maker *maker, uint64_t address);
void trace_maker_realloc (struct trace_maker *maker, uint64_t old, uint64_t address, uint64_t size,
                          hs_stack_slot stack);
void trace_maker_destroy_heap (struct trace_maker *maker);
void trace_maker_exit (struct trace_maker *maker);
/* From `maker->time` to `end` things happened unseen. */
void trace_maker_gap (struct trace_maker *maker, hs_process_id process, int64_t end);
void trace_maker_reset (struct trace_maker *maker);

/* The function of a frame of the current process; inline_depth > 0 goes on from the last one. */
void trace_maker_name (struct trace_maker *maker, uint64_t address, uint32_t inline_depth,
                       const char *function);
/* As above with a file and a line. */
void trace_maker_place (struct trace_maker *maker, uint64_t address, const char *function,
                        const char *file, uint32_t line);
void trace_maker_module (struct trace_maker *maker, uint64_t base, uint64_t size, const char *path);
void trace_maker_note (struct trace_maker *maker, enum hs_note_kind kind, const char *sentence);

/* Hands everything so far to the trace; its last time is that of the newest event. */
struct hs_snapshot trace_maker_snapshot (struct trace_maker *maker);

#endif
