/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * forward_lab.h - one connection that is forwarded, with the test at both
 * ends: as the app, and as the proxy
 */
#ifndef FORWARD_LAB_H
#define FORWARD_LAB_H

#include "clock.h"
#include "http_forward.h"
#include "lib/unit.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_creds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Longer than any step takes on a machine that is busy. */
#define FORWARD_PATIENCE_MS 20000
#define FORWARD_HOST        "web.example"

struct forward_lab {
	struct http_forwards *forwards;
	struct proxy_auth *auth;
	struct proxy *proxy;
	int listener; /* the proxy's */
	int app;      /* the app's socket */
	int served;   /* the connection that the proxy has accepted */
};

static inline int forward_listen(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	*port = ntohs(in.sin_port);
	return fd;
}

/* Two ends of one TCP connection. */
static inline void forward_pair(int *near, int *far)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint16_t port;
	int listener = forward_listen(&port);

	in.sin_port = htons(port);
	*near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(
		connect(*near, (struct sockaddr *)&in, sizeof(in)), 0);
	*far = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CU_ASSERT_FATAL(*far >= 0);
	close(listener);
}

/* The app's connect() has been answered. */
static inline int forward_connect(struct forward_lab *l)
{
	struct http_forward_opts opts = { .host = FORWARD_HOST,
					  .proxy = l->proxy,
					  .auth = l->auth };
	int app;

	forward_pair(&app, &opts.fd);
	CU_ASSERT_EQUAL_FATAL(http_forward_start(l->forwards, &opts), 0);
	return app;
}

static inline void forward_open(struct forward_lab *l)
{
	*l = (struct forward_lab){ .served = -1 };
	l->forwards = http_forwards_new();
	l->auth = proxy_auth_new();
	l->proxy = proxy_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->forwards);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->auth);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->proxy);
	strcpy(l->proxy->host, "127.0.0.1");
	l->listener = forward_listen(&l->proxy->port);
	l->app = forward_connect(l);
}

static inline void forward_close(struct forward_lab *l)
{
	uint64_t start = clock_now_ms();

	CU_ASSERT_TRUE(http_forwards_free(l->forwards));
	CU_ASSERT(clock_now_ms() - start < 1000);
	proxy_auth_free(l->auth);
	proxy_put(l->proxy);
	if (l->app >= 0)
		close(l->app);
	if (l->served >= 0)
		close(l->served);
	close(l->listener);
}

static inline bool forward_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, FORWARD_PATIENCE_MS) == 1;
}

static inline void forward_say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL),
			(ssize_t)strlen(text));
}

/* Exactly this comes next. */
static inline void forward_expect(int fd, const char *text)
{
	size_t want = strlen(text), got = 0;
	char buf[4096] = "";

	CU_ASSERT_FATAL(want < sizeof(buf));
	while (got < want) {
		ssize_t n = forward_readable(fd)
				    ? recv(fd, buf + got, want - got, 0)
				    : -1;

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	CU_ASSERT(got == want && memcmp(buf, text, want) == 0);
	if (got != want || memcmp(buf, text, want) != 0)
		fprintf(stderr, "\n--- wanted\n%s\n--- got\n%s\n", text, buf);
}

/* Up to the empty line, or the end. */
static inline void forward_head(int fd, char text[4096])
{
	size_t got = 0;

	text[0] = '\0';
	while (got < 4095 && forward_readable(fd) &&
	       recv(fd, text + got, 1, 0) == 1) {
		text[++got] = '\0';
		if (got >= 4 && strcmp(text + got - 4, "\r\n\r\n") == 0)
			return;
	}
}

static inline void forward_expect_end(int fd)
{
	char c;

	CU_ASSERT_TRUE(forward_readable(fd));
	CU_ASSERT_EQUAL(recv(fd, &c, 1, 0), 0);
}

/* The proxy gets a connection. */
static inline void forward_accept(struct forward_lab *l)
{
	if (l->served >= 0)
		close(l->served);
	CU_ASSERT_TRUE_FATAL(forward_readable(l->listener));
	l->served = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
	CU_ASSERT_FATAL(l->served >= 0);
}

static inline bool forward_nobody_came(const struct forward_lab *l)
{
	struct pollfd p = { .fd = l->listener, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static inline void forward_wait_count(struct forward_lab *l, unsigned int n)
{
	uint64_t end = clock_now_ms() + FORWARD_PATIENCE_MS;

	while (http_forwards_count(l->forwards) != n && clock_now_ms() < end)
		(void)poll(NULL, 0, 1);
	CU_ASSERT_EQUAL(http_forwards_count(l->forwards), n);
}

#endif
