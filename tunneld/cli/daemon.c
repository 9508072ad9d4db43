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
#define ANSWER_MAX_BYTES   65536u
#define LINE_MAX_BYTES     (1024u * 1024u)
#define DOCUMENT_MAX_BYTES (4u * LINE_MAX_BYTES)
#define STREAM_FIRST_BYTES 4096u

volatile sig_atomic_t daemon_interrupted;

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

static void add_place(char place[DAEMON_PLACES_MAX][SOCKET_PATH_MAX + 1],
		      size_t *n, const char *directory, const char *file)
{
	int len = snprintf(place[*n], SOCKET_PATH_MAX + 1, "%s%s", directory,
			   file);

	*n += len > 0 && len <= SOCKET_PATH_MAX;
}

size_t daemon_places(char place[DAEMON_PLACES_MAX][SOCKET_PATH_MAX + 1])
{
	const char *named = getenv(ENV_SOCKET);
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	size_t n = 0;

	if (named != NULL && named[0] != '\0')
		add_place(place, &n, named, "");
	if (runtime != NULL)
		add_place(place, &n, runtime, USER_SOCKET_SUFFIX);
	add_place(place, &n, SYSTEM_SOCKET, "");
	return n;
}

int daemon_find(char *socket, size_t max, bool *skipped)
{
	char place[DAEMON_PLACES_MAX][SOCKET_PATH_MAX + 1];
	const char *named = getenv(ENV_SOCKET);
	size_t n = daemon_places(place);
	int worst = -ENOENT;

	*skipped = false;
	for (size_t i = 0; i < n; i++) {
		if (try_socket(place[i], socket, max, &worst) == 0)
			return 0;
		if (i == 0)
			*skipped = named != NULL && named[0] != '\0';
	}
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

static int send_request(int fd, uint16_t type, const void *body, uint32_t bytes)
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

	return sendmsg(fd, &msg, MSG_NOSIGNAL) ==
			       (ssize_t)(sizeof(header) + bytes)
		       ? 0
		       : -EPIPE;
}

/* The request, and all of the answer, NUL-terminated. Its length or -errno. */
static ssize_t ask(int fd, uint16_t type, const void *body, uint32_t bytes,
		   char **text)
{
	char *answer;
	ssize_t n;

	n = send_request(fd, type, body, bytes);
	if (n < 0)
		return n;
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

/* Streams */

/* What was read of an answer and not given to anybody yet. */
struct answer {
	int fd;
	char *data;
	size_t len, size, max;
};

/* As much as there is; 0 at the end, or -errno. */
static ssize_t read_more(struct answer *a)
{
	size_t size = a->size == 0 ? STREAM_FIRST_BYTES : 2 * a->size;
	char *data;
	ssize_t n;

	/* It may have come while nobody waited. */
	if (daemon_interrupted)
		return -EINTR;
	if (a->len + 1 >= a->size) {
		data = a->len < a->max ? realloc(a->data, size) : NULL;
		if (data == NULL)
			return a->len < a->max ? -ENOMEM : -EMSGSIZE;
		a->data = data;
		a->size = size;
	}
	do
		n = recv(a->fd, a->data + a->len, a->size - a->len - 1, 0);
	while (n < 0 && errno == EINTR && !daemon_interrupted);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	a->len += (size_t)n;
	return n;
}

/* All lines that are whole; 0, or what `on_line` says. */
static int give_lines(struct answer *a, daemon_line_fn *on_line, void *arg)
{
	char *at = a->data, *end;
	size_t left = a->len;
	int stop = 0;

	while (stop == 0 && left > 0 &&
	       (end = memchr(at, '\n', left)) != NULL) {
		*end = '\0';
		stop = on_line(arg, at, (size_t)(end - at));
		left -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	if (left > 0)
		memmove(a->data, at, left);
	a->len = left;
	return stop;
}

/* An answer to be read by read_more(), or -errno. */
static int open_answer(struct answer *a, const char *socket, uint16_t type,
		       const void *body, uint32_t bytes, int timeout_ms)
{
	struct timeval limit = { .tv_sec = timeout_ms / 1000,
				 .tv_usec = timeout_ms % 1000 * 1000 };
	int err;

	a->fd = dial(socket, ANSWER_TIMEOUT_S);
	if (a->fd < 0)
		return a->fd;
	err = send_request(a->fd, type, body, bytes);
	if (err == 0 && setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
				   sizeof(limit)) < 0)
		err = -errno;
	if (err < 0)
		close(a->fd);
	return err;
}

int daemon_stream(const char *socket, uint16_t type, const void *body,
		  uint32_t bytes, daemon_line_fn *on_line, void *arg,
		  int timeout_ms)
{
	struct answer a = { .max = LINE_MAX_BYTES };
	int err = open_answer(&a, socket, type, body, bytes, timeout_ms);
	bool any = false;
	ssize_t n;

	if (err < 0)
		return err;
	while ((n = read_more(&a)) > 0) {
		any = true;
		n = give_lines(&a, on_line, arg);
		if (n != 0)
			break;
	}
	/* The last line ends with the stream, if not before. */
	if (n == 0 && a.len > 0) {
		a.data[a.len] = '\0';
		n = on_line(arg, a.data, a.len);
	}
	free(a.data);
	close(a.fd);
	return n == 0 && !any ? -EPROTO : (int)n;
}

int daemon_document(const char *socket, uint16_t type, const void *body,
		    uint32_t bytes, int timeout_ms, char **text)
{
	struct answer a = { .max = DOCUMENT_MAX_BYTES };
	int err = open_answer(&a, socket, type, body, bytes, timeout_ms);
	ssize_t n;

	if (err < 0)
		return err;
	do
		n = read_more(&a);
	while (n > 0);
	close(a.fd);
	if (n == 0 && a.len > 0) {
		a.data[a.len] = '\0';
		*text = a.data;
		return 0;
	}
	free(a.data);
	return n < 0 ? (int)n : -EPROTO;
}
