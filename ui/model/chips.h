/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a query in words, translated: what stands on its chips. Main thread. */
#ifndef HS_MODEL_CHIPS_H
#define HS_MODEL_CHIPS_H

#include "model/selection.h"

/* NULL when the query has no such part. Free with g_free. */
char *hs_chip_text (HsSelection *selection, HsChip chip);

/* The same with all figures, for who wants to copy them, of a part that the query has. */
char *hs_chip_exact_text (HsSelection *selection, HsChip chip);

#endif
