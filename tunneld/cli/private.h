/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* private.h - a tunneld of our own, for the lifetime of one command */
#ifndef PRIVATE_H
#define PRIVATE_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

struct private_opts {
	const char *config;     /* NULL: tunneld's default */
	const char *const *set; /* SECTION.KEY=VALUE, `set_count` of them */
	size_t set_count;
	bool quiet;
};

/* Start one that serves until this process (which becomes the command) and all
 * others that it serves have ended; wait until it is ready. 0 with the path of
 * its control socket, or -errno after saying why. */
int private_start(const struct private_opts *opts, char *socket,
		  size_t max) MUST_CHECK;

#endif
