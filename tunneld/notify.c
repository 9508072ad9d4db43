/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notify.c - the service manager told how we are
 *
 * Turns a change of state into one datagram to NOTIFY_SOCKET, which is a path
 * or, with @, an abstract name (sd_notify(3)). Failures are not told: there is
 * nobody who could act on them. A manager that does not listen holds nothing
 * up: after a second the message is lost.
 */
#include <config.h>

#include "notify.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#define PATIENCE_S 1
#define STATE_MAX  512

static socklen_t find_manager(struct sockaddr_un *to)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	socklen_t bytes;

	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len < 2 || len >= sizeof(to->sun_path) ||
	    (*path != '/' && *path != '@'))
		return 0;
	memcpy(to->sun_path, path, len);
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*path == '@')
		to->sun_path[0] =
			'\0'; /* abstract: no byte more than the name */
	else
		bytes++;
	return bytes;
}

static void attach(struct msghdr *msg, void *control, size_t len, int fd)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = len;
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

/* `passed`: goes with it; -1: none. 0 or -errno. */
static int send_state(const char *state, int passed, int flags)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct sockaddr_un to;
	socklen_t bytes = find_manager(&to);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)state,
			     .iov_len = strlen(state) };
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen = bytes,
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };
	int fd, err;

	if (bytes == 0)
		return -ENOENT;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (passed >= 0)
		attach(&msg, control, sizeof(control), passed);
	do
		err = sendmsg(fd, &msg, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
	while (err == -EINTR);
	close(fd);
	return err;
}

static void tell(const char *state)
{
	(void)send_state(state, -1, 0);
}

void notify_leave(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("FDSTORE");
}

void notify_ready(void)
{
	tell("READY=1");
}

void notify_reloading(void)
{
	struct timespec now;
	char state[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)now.tv_sec * 1000000u +
			 (unsigned long long)now.tv_nsec / 1000u);
	tell(state);
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_status(const char *fmt, ...)
{
	static const char key[] = "STATUS=";
	char state[STATE_MAX];
	va_list ap;

	memcpy(state, key, sizeof(key));
	va_start(ap, fmt);
	vsnprintf(state + sizeof(key) - 1, sizeof(state) - sizeof(key) + 1, fmt,
		  ap);
	va_end(ap);
	for (char *c = state; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	tell(state);
}

/* A number of the environment; 0: there is none, or it is not one. */
static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	unsigned long long v;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? v : 0;
}

uint64_t notify_watchdog_ms(void)
{
	/* Inherited by somebody whom it does not mean. */
	if (getenv("WATCHDOG_PID") != NULL &&
	    number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return getenv("NOTIFY_SOCKET") == NULL ? 0
					       : number("WATCHDOG_USEC") / 1000;
}

void notify_watchdog(void)
{
	tell("WATCHDOG=1");
}

size_t notify_store_max(void)
{
	uint64_t max = number("FDSTORE");

	return getenv("NOTIFY_SOCKET") == NULL ? 0
	       : max > INT_MAX                 ? INT_MAX
					       : (size_t)max;
}

/* Without FDPOLL=0 it would drop a socket whose app has gone: that is an error
 * pending, and for us to find. */
int notify_store(const char *name, int fd)
{
	char state[STATE_MAX];

	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	return send_state(state, fd, MSG_DONTWAIT);
}

void notify_store_remove(const char *name)
{
	char state[STATE_MAX];

	snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)send_state(state, -1, MSG_DONTWAIT);
}
