/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * activation.c - the descriptors of LISTEN_FDS, with their names
 *
 * Descriptors from 3 on are ours when LISTEN_PID is this process;
 * LISTEN_FDNAMES has their names, with colons between. What was meant for
 * somebody else, or is not what it says, is left alone or closed, never used.
 */
#include <config.h>

#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#define FIRST     3
#define COUNT_MAX 65536

/* A number of the environment; 0: there is none, or it is not one. */
static long number(const char *name, long max)
{
	const char *text = getenv(name);
	char *end;
	long v;

	if (text == NULL || *text < '1' || *text > '9')
		return 0;
	errno = 0;
	v = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && v <= max ? v : 0;
}

static int close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* The next of the names, for free(). */
static char *next_name(const char **names)
{
	size_t len = strcspn(*names, ":");
	char *name = strndup(*names, len);

	*names += len;
	if (**names == ':')
		(*names)++;
	return name;
}

static int take_all(struct activation *a, size_t count)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int err = 0;

	if (names == NULL)
		names = "";
	a->list = calloc(count, sizeof(*a->list));
	if (a->list == NULL)
		return -ENOMEM;
	for (; a->count < count && err == 0; a->count++) {
		struct activation_fd *f = &a->list[a->count];

		f->fd = FIRST + (int)a->count;
		f->name = next_name(&names);
		err = f->name == NULL ? -ENOMEM : close_on_exec(f->fd);
		if (err < 0)
			f->fd = -1; /* never was, or cannot be kept */
	}
	return err;
}

int activation_init(struct activation *a)
{
	long pid = number("LISTEN_PID", INT_MAX);
	long count = number("LISTEN_FDS", COUNT_MAX);
	int err = 0;

	*a = (struct activation){ .count = 0 };
	if (pid == getpid())
		err = count > 0 ? take_all(a, (size_t)count) : -EINVAL;
	/* Children shall not take them for theirs. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (err < 0)
		activation_fini(a);
	return err;
}

int activation_take(struct activation *a, size_t i)
{
	int fd = a->list[i].fd;

	a->list[i].fd = -1;
	return fd;
}

static int option(int fd, int name)
{
	socklen_t len;
	int value = -1;

	len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static int check_control(int fd, char *path, size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(sun);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || getsockname(fd, (struct sockaddr *)&sun, &len) < 0)
		return -errno;
	if (sun.sun_family != AF_UNIX || option(fd, SO_TYPE) != SOCK_STREAM ||
	    option(fd, SO_ACCEPTCONN) != 1 || sun.sun_path[0] != '/')
		return -ENOTSOCK;
	if (strnlen(sun.sun_path, sizeof(sun.sun_path)) >= size)
		return -ENAMETOOLONG;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	strcpy(path, sun.sun_path);
	return 0;
}

int activation_take_control(struct activation *a, char *path, size_t size)
{
	int fd, err;

	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->list[i].name, ACTIVATION_CONTROL) != 0 ||
		    a->list[i].fd < 0)
			continue;
		fd = activation_take(a, i);
		err = check_control(fd, path, size);
		if (err == 0)
			return fd;
		close(fd);
		return err;
	}
	return -ENOENT;
}

size_t activation_fini(struct activation *a)
{
	size_t left = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (a->list[i].fd >= 0) {
			close(a->list[i].fd);
			left++;
		}
		free(a->list[i].name);
	}
	free(a->list);
	*a = (struct activation){ .count = 0 };
	return left;
}
