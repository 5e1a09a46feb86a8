/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outcome of every core function that can fail.
 *
 * The first four are outcomes a caller must expect; the rest are errors, described by a
 * struct hs_error. Results travel through `ret` parameters, which are set on HS_OK only.
 */
#ifndef HS_BASE_STATUS_H
#define HS_BASE_STATUS_H

#include <stdbool.h>

enum hs_status {
    HS_OK,
    HS_END,       /* nothing more will ever come */
    HS_AGAIN,     /* nothing now; more may come: call again later */
    HS_CANCELLED, /* the caller's cancel flag was set */
    HS_DAMAGED,   /* the input breaks its own format */
    HS_UNSUPPORTED,
    HS_TOO_LARGE, /* a limit of base/limits.h was met */
    HS_NO_MEMORY,
    HS_IO, /* the system refused; hs_error.system_errno says why */
};

static inline bool hs_status_is_error (enum hs_status status)
{
    return status >= HS_DAMAGED;
}

#endif
