/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums as JSON; see sums_json.h. */
#include "cli/sums_json.h"

void json_sums (struct json_out *json, const struct hs_sums *sums)
{
    static const char *const bytes_names[] = { "aifi_bytes", "aifo_bytes", "aofi_bytes",
                                               "aofo_bytes" };
    static const char *const count_names[] = { "aifi_count", "aifo_count", "aofi_count",
                                               "aofo_count" };

    for (int i = 0; i < 4; i++) {
        json_uint (json, bytes_names[i], sums->bytes[i]);
        json_uint (json, count_names[i], sums->count[i]);
    }
    json_uint (json, "total_bytes", hs_sums_opened_bytes (sums));
    json_uint (json, "total_count", hs_sums_opened_count (sums));
    json_uint (json, "outstanding_bytes", hs_sums_outstanding_bytes (sums));
    json_uint (json, "outstanding_count", hs_sums_outstanding_count (sums));
    json_uint (json, "peak_bytes", sums->peak_bytes);
    json_uint (json, "peak_count", sums->peak_count);
    json_uint (json, "temporary", sums->temporary);
    json_uint (json, "unsure_bytes", sums->unsure_bytes);
    json_uint (json, "unsure_count", sums->unsure_count);
}

void json_seconds (struct json_out *json, const char *key, const struct hs_snapshot *snapshot,
                   int64_t ticks)
{
    json_double (json, key, hs_snapshot_seconds (snapshot, ticks));
}
