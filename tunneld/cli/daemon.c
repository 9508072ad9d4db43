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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define ANSWER_TIMEOUT_S 5
/* A status is a screen or two; this only bounds what a stranger can send. */
#define STATUS_MAX_BYTES (1024u * 1024u)

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

/* Exactly `bytes`; -EPROTO when the stream ends before. */
static int read_all(int fd, void *out, size_t bytes)
{
	uint8_t *p = out;
	ssize_t n;

	while (bytes > 0) {
		n = recv(fd, p, bytes, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EPROTO : -errno;
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int ask_status(int fd, char **text)
{
	struct control_header header = {
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.type = CONTROL_STATUS,
	};
	char *body;
	int err;

	if (send(fd, &header, sizeof(header), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(header))
		return -EPIPE;
	err = read_all(fd, &header, sizeof(header));
	if (err)
		return err;
	if (header.magic != CONTROL_MAGIC || header.type != CONTROL_STATUS ||
	    header.version != CONTROL_VERSION ||
	    header.bytes > STATUS_MAX_BYTES)
		return -EPROTO;
	body = malloc((size_t)header.bytes + 1);
	if (body == NULL)
		return -ENOMEM;
	err = read_all(fd, body, header.bytes);
	if (err) {
		free(body);
		return err;
	}
	body[header.bytes] = '\0';
	*text = body;
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
