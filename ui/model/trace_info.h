/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies out of a trace's tables what widgets show, under one short lock. Belongs to document.c. */
#ifndef HS_MODEL_TRACE_INFO_H
#define HS_MODEL_TRACE_INFO_H

#include "model/document.h"

void hs_trace_info_init (HsTraceInfo *info);
void hs_trace_info_fill (HsTraceInfo *info, const struct hs_snapshot *snapshot);
void hs_trace_info_clear (HsTraceInfo *info);

#endif
