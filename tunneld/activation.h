/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * activation.h - descriptors that the service manager hands over at the start
 * (sd_listen_fds(3)): the listening socket, and what its store has kept
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include <turnout/compiler.h>

#include <stddef.h>

/* FDNAME of the control socket, as in tunneld.socket. */
#define ACTIVATION_CONTROL "control"

struct activation {
	struct activation_fd {
		int fd; /* -1: taken */
		char *name;
	} * list;
	size_t count;
};

/* Takes them over, close-on-exec, and the variables out of the environment.
 * None is no error. 0, or -errno: the variables are not as they should be, and
 * nothing was taken over. */
int activation_init(struct activation *a) MUST_CHECK;
/* The descriptor at this place now belongs to the caller. */
int activation_take(struct activation *a, size_t i);
/* The control socket: a Unix stream socket that listens at a path, which is
 * written to `path`. -ENOENT: none was given; else -errno, and it is closed. */
int activation_take_control(struct activation *a, char *path,
			    size_t size) MUST_CHECK;
/* Closes what nobody has taken. How many those were. */
size_t activation_fini(struct activation *a);

#endif
