/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom not to attach to, and the sentence that says so. Looks only. */
#ifndef HS_CAPTURE_INJECT_REFUSALS_H
#define HS_CAPTURE_INJECT_REFUSALS_H

#include "capture/inject/target.h"

/* By what /proc says to everybody. HS_UNSUPPORTED, or HS_IO with ESRCH or EPERM. */
enum hs_status hs_refuse_by_looking (pid_t pid, struct hs_error *err);

/* By its mappings: only glibc's layout of threads is known. */
enum hs_status hs_refuse_by_maps (const struct hs_target *target, struct hs_error *err);

#endif
