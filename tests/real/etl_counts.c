/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prints what the ETL container of one trace holds, as JSON: the header fields, records per header
 * type and per class, times, findings. For check_etl_counts.py, which compares it with counts of
 * independent readers; and, with --rate, for measuring.
 */
#include "base/memory.h"
#include "decode/etl/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_FILES 16
#define MAX_RUN 64
#define N_CLASSES 65536u

struct class_count {
    uint8_t guid[16];
    uint16_t group;
    uint8_t opcode;
    uint64_t n;
};

struct counts {
    uint64_t n_records, n_stack_items, n_disorder, payload_bytes;
    uint64_t by_header[256];
    struct class_count classes[N_CLASSES]; /* open addressing */
    int64_t last_time;
    uint32_t notes[HS_N_NOTE_KINDS];
};

static void count_class (struct counts *counts, const struct hs_etl_record *record)
{
    static const uint8_t none[16];
    bool is_named = record->group == HS_ETL_NO_GROUP && record->guid != NULL;
    const uint8_t *guid = is_named ? record->guid : none;
    uint32_t at = ((uint32_t)record->group << 8 | record->opcode) ^ hs_get_u32 (guid) * 2654435761u;

    for (;; at++) {
        struct class_count *slot = &counts->classes[at % N_CLASSES];

        if (slot->n == 0) {
            memcpy (slot->guid, guid, sizeof slot->guid);
            slot->group = record->group;
            slot->opcode = record->opcode;
        } else if (slot->group != record->group || slot->opcode != record->opcode ||
                   memcmp (slot->guid, guid, sizeof slot->guid) != 0) {
            continue;
        }
        slot->n++;
        return;
    }
}

static void count_record (struct counts *counts, const struct hs_etl_record *record)
{
    counts->n_records++;
    counts->payload_bytes += record->payload.size;
    counts->by_header[record->header_type]++;
    counts->n_stack_items += record->stack.address_size != 0;
    counts->n_disorder += counts->n_records > 1 && record->time < counts->last_time;
    counts->last_time = record->time;
}

static void count_notes (struct counts *counts, struct hs_event_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_note_fields *note = batch->events[i].note;

        counts->notes[note->kind] += note->count;
        (void)fprintf (stderr, "%s x%" PRIu32 ": %.*s\n", hs_note_kind_name (note->kind),
                       note->count, (int)note->text.length, note->text.bytes);
    }
    hs_batch_reset (batch);
}

static void print_header (const struct hs_etl_header *header)
{
    (void)printf ("\"header\": {\"pointer_size\": %" PRIu32 ", \"clock\": %" PRIu32
                  ", \"perf_freq\": %" PRId64 ", \"processors\": %" PRIu32
                  ", \"buffer_size\": %" PRIu32 ", \"buffers_written\": %" PRIu32
                  ", \"events_lost\": %" PRIu32 ", \"buffers_lost\": %" PRIu32,
                  header->pointer_size, header->clock, header->perf_freq, header->n_processors,
                  header->buffer_size, header->buffers_written, header->events_lost,
                  header->buffers_lost);
    (void)printf (", \"start_filetime\": %" PRId64 ", \"end_filetime\": %" PRId64
                  ", \"boot_filetime\": %" PRId64 ", \"record_ts\": %" PRId64
                  ", \"cpu_mhz\": %" PRIu32 ", \"session_name\": \"",
                  header->start_filetime, header->end_filetime, header->boot_filetime,
                  header->record_time, header->cpu_mhz);
    for (const char *c = header->session_name; *c != '\0'; c++)
        (void)printf (*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    (void)printf ("\", \"log_file_name\": \"");
    for (const char *c = header->log_file_name; *c != '\0'; c++)
        (void)printf (*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    (void)printf ("\"},\n");
}

static void print_class (const struct class_count *class)
{
    const uint8_t *g = class->guid;
    char name[16];

    if (class->group != HS_ETL_NO_GROUP)
        (void)printf ("\"%s", hs_etl_group_name (class->group, name));
    else
        (void)printf ("\"%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", hs_get_u32 (g),
                      hs_get_u16 (g + 4), hs_get_u16 (g + 6), g[8], g[9], g[10], g[11], g[12],
                      g[13], g[14], g[15]);
    (void)printf ("/%u\": %" PRIu64, class->opcode, class->n);
}

static void print_counts (const struct counts *counts, const struct hs_etl_merge *merge)
{
    const char *comma = "";

    (void)printf ("{");
    print_header (hs_etl_merge_header (merge));
    (void)printf ("\"buffers\": %" PRIu64 ", \"events_total\": %" PRIu64 ", \"last_time\": %" PRId64
                  ", \"stack_items\": %" PRIu64 ", \"disorder\": %" PRIu64
                  ", \"progress\": %.3f,\n\"header_types\": {",
                  hs_etl_merge_n_buffers (merge), counts->n_records, counts->last_time,
                  counts->n_stack_items, counts->n_disorder, hs_etl_merge_progress (merge));
    for (unsigned i = 0; i < 256; i++) {
        if (counts->by_header[i] > 0) {
            (void)printf ("%s\"%u\": %" PRIu64, comma, i, counts->by_header[i]);
            comma = ", ";
        }
    }
    (void)printf ("},\n\"records\": {");
    comma = "";
    for (size_t i = 0; i < N_CLASSES; i++) {
        if (counts->classes[i].n > 0) {
            (void)printf ("%s", comma);
            print_class (&counts->classes[i]);
            comma = ",\n";
        }
    }
    (void)printf ("},\n\"notes\": {");
    comma = "";
    for (unsigned i = 0; i < HS_N_NOTE_KINDS; i++) {
        if (counts->notes[i] > 0) {
            (void)printf ("%s\"%s\": %" PRIu32, comma, hs_note_kind_name ((enum hs_note_kind)i),
                          counts->notes[i]);
            comma = ", ";
        }
    }
    (void)printf ("}}\n");
}

static double thread_seconds (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static enum hs_status read_all (struct hs_etl_merge *merge, struct counts *counts,
                                bool with_classes, struct hs_error *err)
{
    struct hs_event_batch *batch = hs_batch_new ();
    enum hs_status status = batch != NULL ? HS_OK : HS_NO_MEMORY;

    while (status == HS_OK) {
        struct hs_etl_record records[MAX_RUN];
        size_t n = 0;

        status = hs_etl_merge_next (merge, batch, MAX_RUN, records, &n, err);
        if (batch->n > 0)
            count_notes (counts, batch);
        if (status != HS_OK)
            break;
        for (size_t i = 0; i < n; i++) {
            count_record (counts, &records[i]);
            if (with_classes)
                count_class (counts, &records[i]);
        }
    }
    hs_batch_free (batch);
    return status;
}

int main (int argc, char **argv)
{
    bool is_rate = argc > 1 && strcmp (argv[1], "--rate") == 0;
    int first = is_rate ? 2 : 1;
    size_t n = argc > first ? (size_t)(argc - first) : 0;
    struct hs_source *sources[MAX_FILES] = { NULL };
    struct counts *counts = calloc (1, sizeof *counts);
    struct hs_etl_merge *merge = NULL;
    struct hs_error err = { 0 };
    enum hs_status status = n > 0 && n <= MAX_FILES && counts != NULL ? HS_OK : HS_NO_MEMORY;
    double start = thread_seconds ();
    uint64_t bytes = 0;

    for (size_t i = 0; i < n && status == HS_OK; i++) {
        status = hs_source_open_file (argv[first + (int)i], HS_SOURCE_WHOLE, &sources[i], &err);
        if (status == HS_OK)
            bytes += hs_source_size (sources[i]);
    }
    if (status == HS_OK)
        status = hs_etl_merge_open (sources, n, &merge, &err);
    if (status == HS_OK) {
        double opened = thread_seconds ();

        status = read_all (merge, counts, !is_rate, &err);
        if (is_rate)
            (void)printf ("%" PRIu64 " records, %" PRIu64 " bytes (payload %" PRIu64
                          "), index %.3f s, records %.3f s: %.3f GB/s, %.1f ns a record\n",
                          counts->n_records, bytes, counts->payload_bytes, opened - start,
                          thread_seconds () - opened,
                          (double)bytes * 1e-9 / (thread_seconds () - start),
                          (thread_seconds () - start) * 1e9 / (double)counts->n_records);
        else
            print_counts (counts, merge);
    }
    if (status != HS_END)
        (void)fprintf (stderr, "etl_counts: status %d: %s\n", (int)status, err.text);
    hs_etl_merge_close (merge);
    for (size_t i = 0; i < n && i < MAX_FILES; i++)
        hs_source_close (sources[i]);
    free (counts);
    return status == HS_END ? 0 : 1;
}
