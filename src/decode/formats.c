/* SPDX-License-Identifier: GPL-3.0-or-later */
/* THE TABLE of trace formats; see format.h. */
#include "decode/format.h"

const struct hs_format *const hs_formats[] = {
    NULL,
};
