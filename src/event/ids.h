/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small numbers that go across module borders instead of pointers.
 *
 * A decoder hands out process, thread and stack-slot ids densely and defines each before (process)
 * or any time after (stack slot) its first use. Rows and events are numbered by the trace.
 */
#ifndef HS_EVENT_IDS_H
#define HS_EVENT_IDS_H

#include <stdint.h>

/* A process *instance*: a pid that is used again later is another id. Dense from 0. */
typedef uint32_t hs_process_id;
#define HS_NO_PROCESS UINT32_MAX

/* A stack slot: stands for a stack that may be told later. Dense from 1; 0 = no stack. */
typedef uint32_t hs_stack_slot;
#define HS_NO_STACK 0u

/* Number of a block event (alloc, free, realloc, destroy, exit) in time order. */
typedef uint32_t hs_event_no;
#define HS_NO_EVENT UINT32_MAX

/* Number of an allocation row, in order of birth. */
typedef uint32_t hs_row_no;
#define HS_NO_ROW UINT32_MAX

#endif
