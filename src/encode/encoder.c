/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which encoder writes which file, and the words for what a target cannot hold. */
#include "encode/encoder.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

static const struct hs_encoder_class *const encoders[] = { &hs_hst_encoder, &hs_etl_encoder };

const struct hs_encoder_class *hs_encoder_for_path (const char *path)
{
    const char *slash = strrchr (path, '/');
    const char *dot = strrchr (slash != NULL ? slash : path, '.');

    if (dot == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (strcasecmp (dot + 1, encoders[i]->extension) == 0)
            return encoders[i];
    return NULL;
}

const char *hs_left_out_name (enum hs_left_out what)
{
    static const char *const names[] = {
        [HS_LEFT_OUT_NOTES] = "notes",
        [HS_LEFT_OUT_STACK_LINKS] = "stack_links",
        [HS_LEFT_OUT_KERNEL_STACKS] = "kernel_stacks",
        [HS_LEFT_OUT_NO_PROCESS] = "no_process",
        [HS_LEFT_OUT_CUT_TEXTS] = "cut_texts",
        [HS_LEFT_OUT_EARLY_TIMES] = "early_times",
        [HS_LEFT_OUT_ABSURD_TIMES] = "absurd_times",
        [HS_LEFT_OUT_DEEP_STACKS] = "deep_stacks",
    };

    return what < HS_N_LEFT_OUT ? names[what] : "";
}

const char *hs_left_out_text (enum hs_left_out what)
{
    switch (what) {
    case HS_LEFT_OUT_NOTES:
        return N_ ("findings about the source file");
    case HS_LEFT_OUT_STACK_LINKS:
        return N_ ("stacks that came too long after their event");
    case HS_LEFT_OUT_KERNEL_STACKS:
        return N_ ("kernel stacks that were used before they were known");
    case HS_LEFT_OUT_NO_PROCESS:
        return N_ ("block events without a process");
    case HS_LEFT_OUT_CUT_TEXTS:
        return N_ ("names shortened to fit a record");
    case HS_LEFT_OUT_EARLY_TIMES:
        return N_ ("times before the start, moved to it");
    case HS_LEFT_OUT_ABSURD_TIMES:
        return N_ ("impossible times, moved to the event before");
    case HS_LEFT_OUT_DEEP_STACKS:
        return N_ ("stacks shortened to fit a record");
    case HS_N_LEFT_OUT:
        break;
    }
    return "";
}
