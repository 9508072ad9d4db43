/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reach.h - the tunneld that a verb is about, or words why there is none */
#ifndef REACH_H
#define REACH_H

#include <turnout/compiler.h>

#include <stddef.h>

/* Its socket. VERB_OK; or VERB_FAILED, and the user has been told. */
int reach_tunneld(char *socket, size_t max) MUST_CHECK;

#endif
