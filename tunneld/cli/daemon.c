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
#include <sys/uio.h>
#include <sys/un.h>

#define ANSWER_TIMEOUT_S 5
/* tunneld may have to ask a script; it gives up earlier. */
#define WORDS_TIMEOUT_S 12
/* A screen or two; this only bounds what a stranger can send. */
#define ANSWER_MAX_BYTES 65536u

/* A connected stream, or -errno. */
static int dial(const char *path, int limit_s)
{
	struct timeval limit = { .tv_sec = limit_s };
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
	int fd = dial(socket, ANSWER_TIMEOUT_S);

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

/* The request, and all of the answer, NUL-terminated. Its length or -errno. */
static ssize_t ask(int fd, uint16_t type, const void *body, uint32_t bytes,
		   char **text)
{
	const struct control_header header = {
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.type = type,
		.bytes = bytes,
	};
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)&header,
		  .iov_len = sizeof(header) },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = bytes },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	char *answer;
	ssize_t n;

	if (sendmsg(fd, &msg, MSG_NOSIGNAL) !=
	    (ssize_t)(sizeof(header) + bytes))
		return -EPIPE;
	answer = malloc(ANSWER_MAX_BYTES + 1);
	if (answer == NULL)
		return -ENOMEM;
	n = read_to_end(fd, answer, ANSWER_MAX_BYTES);
	if (n <= 0) {
		free(answer);
		return n < 0 ? n : -EPROTO;
	}
	answer[n] = '\0';
	*text = answer;
	return n;
}

int daemon_status(const char *socket, char **text)
{
	int fd = dial(socket, ANSWER_TIMEOUT_S);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = ask(fd, CONTROL_STATUS, NULL, 0, text);
	close(fd);
	return n < 0 ? (int)n : 0;
}

/* An answer of struct control_words and text. */
static int ask_words(const char *socket, uint16_t type, const void *body,
		     uint32_t bytes, uint32_t *status, char **text)
{
	int fd = dial(socket, WORDS_TIMEOUT_S);
	struct control_words head;
	char *answer;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = ask(fd, type, body, bytes, &answer);
	close(fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(head)) {
		free(answer);
		return -EPROTO;
	}
	memcpy(&head, answer, sizeof(head));
	memmove(answer, answer + sizeof(head), (size_t)n - sizeof(head) + 1);
	*status = head.status;
	*text = answer;
	return 0;
}

int daemon_explain(const char *socket, const struct control_explain *what,
		   uint32_t *status, char **text)
{
	return ask_words(socket, CONTROL_EXPLAIN, what, sizeof(*what), status,
			 text);
}

int daemon_reload(const char *socket, uint32_t *status, char **text)
{
	return ask_words(socket, CONTROL_RELOAD, NULL, 0, status, text);
}

int daemon_proxy_retry(const char *socket)
{
	int fd = dial(socket, ANSWER_TIMEOUT_S);
	struct control_proxy_retried out;
	char *answer;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = ask(fd, CONTROL_PROXY_RETRY, NULL, 0, &answer);
	close(fd);
	if (n < 0)
		return (int)n;
	if (n == sizeof(out))
		memcpy(&out, answer, sizeof(out));
	free(answer);
	if (n != sizeof(out))
		return -EPROTO;
	return out.error != 0 ? -out.error : (int)out.logins;
}
