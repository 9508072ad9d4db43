/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lifetime.h - when a private daemon may end: with the last process that it
 * serves
 */
#ifndef LIFETIME_H
#define LIFETIME_H

#include "loop.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>

struct lifetime;

/* Watch `pid` first; when it has ended, look for other processes whose
 * environment names `socket_path` (children that were left behind). `is_busy`
 * may hold the end back. `on_end` runs once, in the loop. NULL with
 * errno; a `pid` that has ended already is no error. */
struct lifetime *lifetime_new(struct loop *loop, int pid,
			      const char *socket_path,
			      bool (*is_busy)(void *arg), loop_fn *on_end,
			      void *arg) MUST_CHECK;
void lifetime_free(struct lifetime *l);

#endif
