/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.c - the tunneld that runs already: where it listens, what it says
 *
 * The places are those that the preload library tries, in the same order, so
 * that what `turnout status` shows is what an app would use.
 */
#include <config.h>

#include "daemon.h"

#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define ANSWER_TIMEOUT_S 5
/* A status is a screen or two; this only bounds what a stranger can send. */
#define STATUS_MAX_BYTES 65536u

/* A connected stream, or -errno. */
static int dial(const char *path)
{
	struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, err;

	if (path[0] != '/' || strlen(path) > SOCKET_PATH_MAX)
		return -ENOENT;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* SO_SNDTIMEO bounds connect() as well: a full backlog (socket(7)). */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int daemon_answers(const char *socket)
{
	int fd = dial(socket);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* The first that answers; else the reason of the last that is there. */
static int try_socket(const char *path, char *socket, size_t max, int *worst)
{
	int err = daemon_answers(path);

	if (err == 0 && strlen(path) < max) {
		strcpy(socket, path);
		return 0;
	}
	if (err != -ENOENT)
		*worst = err;
	return -ENOENT;
}

int daemon_find(char *socket, size_t max, bool *skipped)
{
	const char *named = getenv(ENV_SOCKET);
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char user[SOCKET_PATH_MAX + 1];
	int worst = -ENOENT;

	*skipped = false;
	if (named != NULL && named[0] != '\0') {
		if (try_socket(named, socket, max, &worst) == 0)
			return 0;
		*skipped = true;
	}
	if (runtime != NULL &&
	    (size_t)snprintf(user, sizeof(user), "%s%s", runtime,
			     USER_SOCKET_SUFFIX) < sizeof(user) &&
	    try_socket(user, socket, max, &worst) == 0)
		return 0;
	if (try_socket(SYSTEM_SOCKET, socket, max, &worst) == 0)
		return 0;
	return worst;
}

/* Up to the end of the stream; at most `max`. The length, or -errno. */
static ssize_t read_to_end(int fd, char *out, size_t max)
{
	size_t len = 0;
	ssize_t n;

	while (len < max) {
		n = recv(fd, out + len, max - len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
	return -EMSGSIZE;
}

static int ask_status(int fd, char **text)
{
	const struct control_header header = {
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.type = CONTROL_STATUS,
	};
	char *answer;
	ssize_t n;

	if (send(fd, &header, sizeof(header), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(header))
		return -EPIPE;
	answer = malloc(STATUS_MAX_BYTES + 1);
	if (answer == NULL)
		return -ENOMEM;
	n = read_to_end(fd, answer, STATUS_MAX_BYTES);
	if (n <= 0) {
		free(answer);
		return n < 0 ? (int)n : -EPROTO;
	}
	answer[n] = '\0';
	*text = answer;
	return 0;
}

int daemon_status(const char *socket, char **text)
{
	int fd = dial(socket), err;

	if (fd < 0)
		return fd;
	err = ask_status(fd, text);
	close(fd);
	return err;
}
