/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What keeps a recorder alive where other commands may die: a file that must not grow (SIGXFSZ),
 * nobody to read what it says (SIGPIPE), closed standard descriptors.
 */
#ifndef HS_CLI_RECORD_GUARD_H
#define HS_CLI_RECORD_GUARD_H

/* Before anything is opened. Programs that are launched later have these signals and descriptors as
 * if nothing had been done. */
void cli_record_guard (void);

/* Catches a signal unless whoever started us has it ignored (nohup). */
void cli_catch_signal (int number, void (*handler) (int));

#endif
