/* SPDX-License-Identifier: GPL-3.0-or-later */
/* THE TABLE of trace formats; see format.h. */
#include "decode/format.h"

extern const struct hs_format hs_etl_format;
extern const struct hs_format hs_heaptrack_format;
extern const struct hs_format hs_hst_format;

const struct hs_format *const hs_formats[] = {
    &hs_hst_format,
    &hs_etl_format,
    &hs_heaptrack_format,
    NULL,
};
