/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `record` and `attach` tell the user when a recording is complete. */
#ifndef HS_CLI_RECORD_REPORT_H
#define HS_CLI_RECORD_REPORT_H

#include "capture/recorder/recorder.h"

/* To stderr: the totals, what was lost, and the next command. */
void cli_report_recording (const char *file, const struct hs_record_totals *totals);

#endif
