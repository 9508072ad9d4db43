/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* places.h - where the daemon and the preload library of this turnout are */
#ifndef PLACES_H
#define PLACES_H

#include "elf_facts.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* For tests and for packagers who put files elsewhere; no effect in a set-id
 * turnout. */
#define ENV_TUNNELD "TURNOUT_TUNNELD"
#define ENV_LIBRARY "TURNOUT_LIBRARY"

/* Absolute paths; 0 or -ENOENT, with the path of an installation in `path`
 * then, for the message. */
int places_tunneld(char *path, size_t max) MUST_CHECK;
int places_library(char *path, size_t max) MUST_CHECK;
/* What LD_PRELOAD is to say for that library: where the installation has one
 * for each architecture, the loader is to choose. */
const char *places_preload(const char *library);
/* Whether an app of another architecture than ours would be given one. */
bool places_preload_serves(const char *library, const struct elf_facts *app);

#endif
