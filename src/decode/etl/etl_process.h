/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Process instances: which pid means which process when (formats/etl.md 6.1, 6.2, 6.5). Gives out
 * hs_process_id and sends HS_EVENT_PROCESS before the first use of each, again when more is known.
 * One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_PROCESS_H
#define HS_DECODE_ETL_ETL_PROCESS_H

#include "base/idmap.h"
#include "decode/etl/etl_sink.h"

#define HS_ETL_PID_CACHE 64

struct hs_etl_process {
    uint32_t pid, parent_pid;
    uint32_t shown_pid;  /* what is sent; pid is what records name */
    uint64_t unique_key; /* 0 = unknown */
    int64_t first_time;  /* ticks */
    int64_t start;
    int32_t exit_status;
    bool has_start, is_ended, is_32bit, is_image_known;
    bool is_execed;    /* its end is an exec */
    bool is_described; /* by a process record; otherwise only seen in other records */
    struct hs_text image, command_line;
};

struct hs_etl_names {
    uint32_t shown_pid;
    struct hs_text image, command_line;
};

struct hs_etl_processes {
    HS_ARRAY (struct hs_etl_process) items; /* by hs_process_id */
    struct hs_idmap current;                /* pid -> newest instance, ended or not */
    struct {
        uint32_t pid;
        hs_process_id id; /* alive; HS_NO_PROCESS = nothing cached */
    } cache[HS_ETL_PID_CACHE];
    struct hs_arena texts;
    char *scratch; /* HS_LIMIT_STRING_BYTES, made on first use */
    uint64_t ticks_per_second;
    bool is_os_32bit;
};

void hs_etl_processes_init (struct hs_etl_processes *processes, uint64_t ticks_per_second,
                            bool is_os_32bit);
void hs_etl_processes_clear (struct hs_etl_processes *processes);

/* Not for direct use: the slow way of hs_etl_process_alive. */
hs_process_id hs_etl_process_look_up (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                      uint32_t pid, int64_t time);

/* The instance that is alive at `time` (ticks), made silently when there is none. Adds at most one
 * event. HS_NO_PROCESS only when memory is out. */
static inline hs_process_id hs_etl_process_alive (struct hs_etl_processes *processes,
                                                  struct hs_etl_sink *sink, uint32_t pid,
                                                  int64_t time)
{
    unsigned place = (pid >> 2) % HS_ETL_PID_CACHE;

    if (processes->cache[place].pid == pid && processes->cache[place].id != HS_NO_PROCESS)
        return processes->cache[place].id;
    return hs_etl_process_look_up (processes, sink, pid, time);
}

/* The newest instance of the pid, ended or not; HS_NO_PROCESS when it was never seen. */
hs_process_id hs_etl_process_newest (const struct hs_etl_processes *processes, uint32_t pid);

/* As above, but made silently when there is none: for what trails behind the end of a process. */
hs_process_id hs_etl_process_trailing (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                       uint32_t pid, int64_t time);

/* A record of 32-bit form came from this process. */
void hs_etl_process_set_32bit (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                               hs_process_id id, int64_t time);

/* What our own provider knows better than the process record that follows; the texts are copied.
 * Adds at most one event. */
void hs_etl_process_rename (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                            uint32_t pid, const struct hs_etl_names *names, int64_t time);

/* Our own provider says that the end of this process, which follows, is an exec. */
void hs_etl_process_set_execed (struct hs_etl_processes *processes, uint32_t pid);

/* Group 03, but for image loads (opcode 10). Adds at most three events. */
void hs_etl_process_record (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                            const struct hs_etl_record *record);

/* Group 05. Adds at most one event. */
void hs_etl_thread_record (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                           const struct hs_etl_record *record);

#endif
