/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload_env.h - LD_PRELOAD with and without turnout's library */
#ifndef PRELOAD_ENV_H
#define PRELOAD_ENV_H

#include <turnout/compiler.h>

/* `old` may be NULL (not set). The caller frees; NULL: out of memory. */
/* `library` first, then the others; no second copy of libturnout.so. */
char *preload_env_with(const char *old, const char *library) MUST_CHECK;
/* The others alone; "" when there is none. */
char *preload_env_without(const char *old) MUST_CHECK;

#endif
