/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: an .hst file whose checksums are made right, so that what libFuzzer changes reaches
 * the definitions and events. Whatever comes out, a trace must be able to take.
 */
#include "base/memory.h"
#include "decode/decoder.h"
#include "hst_mend.h"
#include "trace/trace.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand (bool holds)
{
    if (!holds)
        __builtin_trap ();
}

static void read_all (struct hs_decoder *decoder)
{
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_trace *trace = hs_trace_new ();
    struct hs_error err = { 0 };
    enum hs_status status = HS_OK;

    demand (batch != NULL && trace != NULL);
    while (status == HS_OK) {
        status = hs_decoder_next (decoder, batch, &err);
        demand (hs_trace_append (trace, batch, &err) == HS_OK);
    }
    demand (status == HS_END);
    hs_trace_free (trace);
    hs_batch_free (batch);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    uint8_t *copy = hs_alloc_array (size + 1, 1);
    struct hs_decoder *decoder;

    demand (copy != NULL);
    memcpy (copy, data, size);
    hst_mend (copy, size);
    if (hs_decoder_open_memory ((struct hs_span){ copy, size }, &decoder, NULL) == HS_OK) {
        if (strcmp (hs_decoder_format (decoder)->name, "hst") == 0)
            read_all (decoder);
        hs_decoder_close (decoder);
    }
    hs_free (copy);
    return 0;
}
