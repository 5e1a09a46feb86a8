/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An axis and its ticks; see axis.h. */
#include "draw/axis.h"

#include <math.h>
#include <stdio.h>

/* Above a second, time is told in minutes and hours. */
static const double long_steps[] = {
    60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400
};

static double decimal_step (double least)
{
    double power = pow (10, floor (log10 (least)));

    /* a hair of tolerance: 0.3 / 0.1 must not become the next step */
    if (power >= least * (1 - 1e-9))
        return power;
    if (2 * power >= least * (1 - 1e-9))
        return 2 * power;
    if (5 * power >= least * (1 - 1e-9))
        return 5 * power;
    return 10 * power;
}

double hs_axis_nice_step (enum hs_axis_unit unit, double least)
{
    double step;

    switch (unit) {
    case HS_AXIS_BYTES:
        return fmax (1, exp2 (ceil (log2 (least) - 1e-9)));
    case HS_AXIS_COUNT:
        return fmax (1, decimal_step (least));
    case HS_AXIS_SECONDS:
        break;
    }
    if (least <= 30)
        return least > 20 ? 30 : decimal_step (fmax (least, 1e-12));
    for (size_t i = 0; i < sizeof long_steps / sizeof long_steps[0]; i++)
        if (long_steps[i] >= least)
            return long_steps[i];
    step = decimal_step (least / 86400);
    return step * 86400;
}

/* Digits behind the point that tell multiples of `step` apart. */
static int decimals_of (double step)
{
    int n = 0;

    while (n < 9 && fabs (step - nearbyint (step)) > 1e-6 * step) {
        step *= 10;
        n++;
    }
    return n;
}

static void bytes_text (double value, double step, double max, char *text)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    int unit = 0;
    double scale = 1;

    /* a quarter of a unit is the finest that reads well */
    while (unit < 6 && max >= scale * 1024 && step >= scale * 1024 / 4) {
        scale *= 1024;
        unit++;
    }
    (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.*f %s", decimals_of (step / scale), value / scale,
                    units[unit]);
}

static void seconds_text (double value, double step, double max, char *text)
{
    static const struct {
        const char *name;
        double scale;
    } units[] = { { "s", 1 }, { "ms", 1e-3 }, { "\302\265s", 1e-6 }, { "ns", 1e-9 } };
    size_t unit = 0;

    if (step >= 3600 || (step >= 60 && max >= 7200)) {
        double minutes = nearbyint (value / 60);

        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.0f:%02.0f h", floor (minutes / 60),
                        fmod (minutes, 60));
        return;
    }
    if (step >= 60) {
        (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.0f min", value / 60);
        return;
    }
    while (unit < 3 && max < units[unit].scale * (1 - 1e-9))
        unit++;
    (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.*f %s", decimals_of (step / units[unit].scale),
                    value / units[unit].scale, units[unit].name);
}

const char *hs_axis_count_text (double count, char *text)
{
    static const char *const units[] = { "", " k", " M", " G", " T" };
    int unit = 0;

    while (unit < 4 && fabs (count) >= 999.5) {
        count /= 1000;
        unit++;
    }
    (void)snprintf (text, HS_UNITS_TEXT_SIZE, "%.*f%s",
                    fabs (count - nearbyint (count)) < 0.05 ? 0 : 1, count, units[unit]);
    return text;
}

unsigned hs_axis_ticks (const struct hs_axis *axis, double pixels_apart,
                        struct hs_tick ticks[HS_AXIS_MAX_TICKS])
{
    double pixels = fabs (axis->end - axis->begin);
    double span = axis->max - axis->min, step, first, n_ticks;
    unsigned n = 0;

    if (!(span > 0) || !isfinite (span) || pixels < 1 || pixels_apart < 1)
        return 0;
    step = hs_axis_nice_step (axis->unit, span * fmin (1, pixels_apart / pixels));
    first = ceil (axis->min / step - 1e-9);
    n_ticks = floor (axis->max / step + 1e-9) - first + 1;
    while (n < n_ticks && n < HS_AXIS_MAX_TICKS) {
        struct hs_tick *tick = &ticks[n];

        tick->value = (first + n) * step;
        n++;
        if (axis->unit == HS_AXIS_BYTES)
            bytes_text (tick->value, step, axis->max, tick->text);
        else if (axis->unit == HS_AXIS_SECONDS)
            seconds_text (tick->value, step, fmax (fabs (axis->min), fabs (axis->max)), tick->text);
        else
            (void)hs_axis_count_text (tick->value, tick->text);
    }
    return n;
}
