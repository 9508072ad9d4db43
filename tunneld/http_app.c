/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_app.c - buffered reading and writing at a descriptor that must not
 * block, with waits that can be broken off
 *
 * cancel_now() shuts the descriptor down, which ends every wait for it.
 */
#include <config.h>

#include "http_app.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

/* RFC 9112, 9.6: what the app still sends is read for a while, or the reset
 * would take the answer away from it. */
#define LINGER_MS    2000
#define LINGER_BYTES (1024 * 1024)

void http_app_init(struct http_app *a, int fd, struct cancel *cancel)
{
	a->fd = fd;
	a->cancel = cancel;
	a->ended = false;
	a->in_len = 0;
	a->out_at = a->out_len = a->out_max = 0;
	a->out = NULL;
}

void http_app_fini(struct http_app *a)
{
	free(a->out);
	a->out = NULL;
}

int http_app_read(struct http_app *a)
{
	ssize_t n = recv(a->fd, a->in + a->in_len, sizeof(a->in) - a->in_len,
			 MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		a->ended = true;
	a->in_len += (size_t)n;
	return (int)n;
}

void http_app_use(struct http_app *a, size_t n)
{
	a->in_len -= n;
	memmove(a->in, a->in + n, a->in_len);
}

/* False: not in time. */
static bool wait_for(const struct http_app *a, short events, int timeout_ms)
{
	struct pollfd p = { .fd = a->fd, .events = events };

	return poll(&p, 1, timeout_ms) != 0 && !cancel_is_set(a->cancel);
}

int http_app_wait_head(struct http_app *a, uint32_t idle_ms)
{
	size_t seen = 0;

	for (;;) {
		int n = a->in_len > seen
				? http_head_find(a->in, a->in_len, seen)
				: 0;

		if (n != 0)
			return n;
		seen = a->in_len;
		n = http_app_read(a);
		if (n == -EAGAIN && wait_for(a, POLLIN, (int)idle_ms))
			continue;
		if (n <= 0)
			return 0;
	}
}

bool http_app_put(struct http_app *a, const void *data, size_t n)
{
	size_t max = a->out_len + n;
	char *more;

	if (max > a->out_max) {
		more = realloc(a->out, max);
		if (more == NULL)
			return false;
		a->out = more;
		a->out_max = max;
	}
	memcpy(a->out + a->out_len, data, n);
	a->out_len += n;
	return true;
}

bool http_app_is_empty(const struct http_app *a)
{
	return a->out_at == a->out_len;
}

bool http_app_flush(struct http_app *a)
{
	while (!http_app_is_empty(a)) {
		ssize_t n = send(a->fd, a->out + a->out_at,
				 a->out_len - a->out_at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		a->out_at += (size_t)n;
	}
	a->out_at = a->out_len = 0;
	return true;
}

bool http_app_flush_all(struct http_app *a)
{
	while (http_app_flush(a)) {
		if (http_app_is_empty(a))
			return true;
		if (!wait_for(a, POLLOUT, -1))
			return false;
	}
	return false;
}

static const char *reason_of(unsigned int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 501:
		return "Not Implemented";
	case 504:
		return "Gateway Timeout";
	default:
		return "Bad Gateway";
	}
}

bool http_app_say(struct http_app *a, unsigned int status, bool to_head,
		  const char *words)
{
	char text[1024];
	size_t len = strlen(words);
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %u %s\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Length: %zu\r\n"
			 "Cache-Control: no-store\r\n"
			 "Connection: close\r\n\r\n%s%s",
			 status, reason_of(status), len + 1,
			 to_head ? "" : words, to_head ? "" : "\n");

	return n > 0 && (size_t)n < sizeof(text) &&
	       http_app_put(a, text, (size_t)n) && http_app_flush_all(a);
}

void http_app_linger(struct http_app *a)
{
	uint64_t end = clock_now_ms() + LINGER_MS, now;
	size_t left = LINGER_BYTES;
	char unread[4096];

	(void)shutdown(a->fd, SHUT_WR);
	while ((now = clock_now_ms()) < end && left > sizeof(unread)) {
		ssize_t n;

		if (!wait_for(a, POLLIN, (int)(end - now)))
			return;
		n = recv(a->fd, unread, sizeof(unread), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
		left -= n > 0 ? (size_t)n : 0;
	}
}

void http_app_reset(struct http_app *a)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
