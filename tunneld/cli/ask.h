/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ask.h - questions that tunneld answers without serving anybody */
#ifndef ASK_H
#define ASK_H

#include <turnout/compiler.h>

/* Runs tunneld with argv[1] and so on (argv[0] is filled in; NULL-terminated)
 * on our stdin, stdout and stderr. Its exit status, as far as verbs have it: 0,
 * 1 (also when it could not be run, which has been said) or 2. */
int ask_tunneld(const char **argv) MUST_CHECK;

#endif
