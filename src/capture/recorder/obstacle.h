/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why the agent does not come to life in a program that was launched with it, told from the
 * program's file. Looks only. */
#ifndef HS_CAPTURE_RECORDER_OBSTACLE_H
#define HS_CAPTURE_RECORDER_OBSTACLE_H

enum hs_obstacle {
    HS_OBSTACLE_NONE,    /* none that can be seen */
    HS_OBSTACLE_STATIC,  /* no loader: nothing stands between it and its allocator */
    HS_OBSTACLE_SECURE,  /* gains rights when it starts: the loader drops LD_PRELOAD */
    HS_OBSTACLE_MACHINE, /* for another machine, 32-bit x86 for one */
    HS_OBSTACLE_LIBC,    /* its loader is not the GNU C library's */
};

/* `program` as given to exec: looked up in PATH when it has no slash. Of a script, its interpreter
 * counts. */
enum hs_obstacle hs_obstacle_find (const char *program);

#endif
