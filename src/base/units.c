/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers to text and back; see units.h. */
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hs_format_bytes (uint64_t n_bytes, char text[HS_UNITS_TEXT_SIZE])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)n_bytes;
    size_t unit = 0;

    /* 1023.95 would print as "1024.0": step up where rounding would. */
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
    return text;
}

const char *hs_format_bytes_signed (int64_t n_bytes, char text[HS_UNITS_TEXT_SIZE])
{
    uint64_t magnitude = n_bytes < 0 ? 0 - (uint64_t)n_bytes : (uint64_t)n_bytes;
    char plain[HS_UNITS_TEXT_SIZE];

    (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%s%.*s",
                    n_bytes < 0   ? "-"
                    : n_bytes > 0 ? "+"
                                  : "",
                    HS_UNITS_TEXT_SIZE - 2, hs_format_bytes (magnitude, plain));
    return text;
}

const char *hs_format_count (uint64_t count, char text[HS_UNITS_TEXT_SIZE])
{
    char digits[24];
    int n = snprintf (digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t out = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = '\0';
    return text;
}

const char *hs_format_seconds (double seconds, char text[HS_UNITS_TEXT_SIZE])
{
    double magnitude = fabs (seconds);

    if (magnitude == 0)
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "0 s");
    else if (magnitude < 999.5e-9)
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.0f ns", seconds * 1e9);
    else if (magnitude < 999.5e-6)
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.1f us", seconds * 1e6);
    else if (magnitude < 999.5e-3)
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.1f ms", seconds * 1e3);
    else
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.2f s", seconds);
    return text;
}

struct unit {
    const char *name;
    double factor;
};

static bool parse_with_units (const char *text, const struct unit *units, size_t n_units,
                              double *ret)
{
    char *end;
    double value = strtod (text, &end);

    if (end == text || !isfinite (value))
        return false;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < n_units; i++) {
        if (strcmp (end, units[i].name) == 0) {
            *ret = value * units[i].factor;
            return true;
        }
    }
    return false;
}

bool hs_parse_bytes (const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        { "", 1 },        { "B", 1 },        { "k", 0x1p10 }, { "K", 0x1p10 },
        { "KB", 0x1p10 }, { "KiB", 0x1p10 }, { "m", 0x1p20 }, { "M", 0x1p20 },
        { "MB", 0x1p20 }, { "MiB", 0x1p20 }, { "g", 0x1p30 }, { "G", 0x1p30 },
        { "GB", 0x1p30 }, { "GiB", 0x1p30 }, { "T", 0x1p40 }, { "TiB", 0x1p40 },
    };
    double value;

    if (!parse_with_units (text, units, sizeof units / sizeof units[0], &value) || value < 0 ||
        value >= 0x1p63)
        return false;
    *ret_bytes = (uint64_t)value;
    return true;
}

bool hs_parse_seconds (const char *text, double *ret_seconds)
{
    static const struct unit units[] = {
        { "", 1 },      { "s", 1 },    { "ms", 1e-3 }, { "us", 1e-6 },
        { "ns", 1e-9 }, { "min", 60 }, { "h", 3600 },
    };

    return parse_with_units (text, units, sizeof units / sizeof units[0], ret_seconds);
}
