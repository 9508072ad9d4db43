/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* places.h - where the daemon and the preload library of this turnout are */
#ifndef PLACES_H
#define PLACES_H

#include <turnout/compiler.h>

#include <stddef.h>

/* For tests and for packagers who put files elsewhere; no effect in a set-id
 * turnout. */
#define ENV_TUNNELD "TURNOUT_TUNNELD"
#define ENV_LIBRARY "TURNOUT_LIBRARY"

/* Absolute paths; 0 or -ENOENT, with the path of an installation in `path`
 * then, for the message. */
int places_tunneld(char *path, size_t max) MUST_CHECK;
int places_library(char *path, size_t max) MUST_CHECK;

#endif
