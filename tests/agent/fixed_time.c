/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded by check_valgrind.py: libxml2 takes the seed of its dictionaries from the time of day.
 */
#include <time.h>

time_t time (time_t *ret)
{
    if (ret != NULL)
        *ret = 1000000000;
    return 1000000000;
}
