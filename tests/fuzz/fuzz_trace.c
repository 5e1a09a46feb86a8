/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: any bytes opened as a trace and read to their end, then asked whether the numbers
 * agree with each other. Compiled once per format (HS_FUZZ_FORMAT, "" for all and their packings);
 * bytes of another format are passed over, so that libFuzzer keeps to the one it is after.
 */
#include "decode/decoder.h"
#include "load/loader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

static void add (struct hs_counters *sum, const struct hs_counters *counters)
{
    sum->opened += counters->opened;
    sum->closed += counters->closed;
    sum->exit_count += counters->exit_count;
    sum->live_count += counters->live_count;
    sum->live_bytes += counters->live_bytes;
    sum->allocs += counters->allocs;
    sum->frees += counters->frees;
}

/* Totals are the sums of their parts, and no block is lost between being opened and being live. */
static void check_totals (const struct hs_tables *tables)
{
    const struct hs_counters *totals = &tables->totals;
    struct hs_counters by_process = { 0 };

    for (size_t i = 0; i < tables->processes.n; i++)
        add (&by_process, &tables->processes.items[i].counters);
    demand (by_process.opened == totals->opened);
    demand (by_process.closed == totals->closed);
    demand (by_process.exit_count == totals->exit_count);
    demand (by_process.live_count == totals->live_count);
    demand (by_process.live_bytes == totals->live_bytes);
    demand (by_process.allocs == totals->allocs);
    demand (by_process.frees == totals->frees);
    demand (totals->opened == totals->closed + totals->exit_count + totals->live_count);
    demand (totals->peak_bytes >= totals->live_bytes);
}

static void read_all (struct hs_loader *loader, struct hs_trace *trace)
{
    struct hs_error err = { 0 };
    enum hs_status status;
    struct hs_snapshot snapshot;

    do
        status = hs_loader_step (loader, &err);
    while (status == HS_OK);
    demand (status == HS_END || err.text[0] != '\0');
    snapshot = hs_trace_snapshot (trace);
    demand (snapshot.n_rows <= snapshot.n_events);
    demand (snapshot.first_time <= snapshot.last_time);
    check_totals (hs_trace_lock (trace));
    hs_trace_unlock (trace);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_error err = { 0 };
    struct hs_decoder *decoder;
    struct hs_loader *loader;
    struct hs_trace *trace;

    if (hs_decoder_open_memory ((struct hs_span){ data, size }, &decoder, &err) != HS_OK) {
        demand (err.text[0] != '\0');
        return 0;
    }
    if (HS_FUZZ_FORMAT[0] != '\0' &&
        strcmp (hs_decoder_format (decoder)->name, HS_FUZZ_FORMAT) != 0) {
        hs_decoder_close (decoder);
        return 0;
    }
    trace = hs_trace_new ();
    demand (trace != NULL);
    if (hs_loader_new_take (decoder, trace, &loader, &err) == HS_OK) {
        read_all (loader, trace);
        hs_loader_free (loader);
    }
    hs_trace_free (trace);
    return 0;
}
