/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.c - the service manager told how we are
 *
 * Turns a change of state into one datagram to NOTIFY_SOCKET, which is a path
 * or, with @, an abstract name (sd_notify(3)). Failures are not told: there is
 * nobody who could act on them.
 */
#include <config.h>

#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

static void send_state(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	socklen_t bytes;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path) ||
	    (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, len);
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*path == '@')
		to.sun_path[0] =
			'\0'; /* abstract: no byte more than the name */
	else
		bytes++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	while (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		      (const struct sockaddr *)&to, bytes) < 0 &&
	       errno == EINTR)
		;
	close(fd);
}

void notify_ready(void)
{
	send_state("READY=1");
}

void notify_reloading(void)
{
	struct timespec now;
	char state[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)now.tv_sec * 1000000u +
			 (unsigned long long)now.tv_nsec / 1000u);
	send_state(state);
}

void notify_stopping(void)
{
	send_state("STOPPING=1");
}

void notify_status(const char *fmt, ...)
{
	static const char key[] = "STATUS=";
	char state[512];
	va_list ap;

	memcpy(state, key, sizeof(key));
	va_start(ap, fmt);
	vsnprintf(state + sizeof(key) - 1, sizeof(state) - sizeof(key) + 1, fmt,
		  ap);
	va_end(ap);
	for (char *c = state; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	send_state(state);
}
