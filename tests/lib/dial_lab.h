/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial_lab.h - a loop, a dialer pool, and dials whose outcome is kept
 */
#ifndef DIAL_LAB_H
#define DIAL_LAB_H

#include "cancel.h"
#include "clock.h"
#include "dial.h"
#include "egress.h"
#include "proxy.h"
#include "proxy_creds.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct lab {
	struct loop *loop;
	struct dial_pool *pool;
	unsigned int waiting; /* dials that have not come back */
	int fds;              /* open before the lab */
};

static inline int lab_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static inline void lab_open(struct lab *l)
{
	l->fds = lab_count_fds();
	l->waiting = 0;
	l->loop = loop_new();
	l->pool = dial_pool_new(64);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->loop);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->pool);
}

/* Whatever happened: not one descriptor more than before. */
static inline void lab_close(struct lab *l)
{
	dial_pool_free(l->pool);
	loop_free(l->loop);
	CU_ASSERT_EQUAL(lab_count_fds(), l->fds);
}

static inline void lab_on_done(void *arg, struct dial_request *req,
			       uint64_t now_ms)
{
	struct lab *l = arg;

	(void)req;
	(void)now_ms;
	if (--l->waiting == 0)
		loop_stop(l->loop);
}

static inline struct dial_request *lab_request(struct lab *l, const char *host,
					       uint16_t port)
{
	struct dial_request *req = dial_request_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(req);
	CU_ASSERT_FATAL(strlen(host) < sizeof(req->host));
	strcpy(req->host, host);
	req->port = port;
	req->loop = l->loop;
	req->done = lab_on_done;
	req->arg = l;
	req->timeout_ms = 5000;
	return req;
}

/* By one http:// proxy; `user` "": it wants no login. */
static inline struct egress *lab_egress(const char *host, uint16_t port,
					const char *user, const char *password)
{
	struct proxy *p = proxy_new();
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct proxy_creds_opts login = { .kind = PROXY_CREDS_FIXED,
					  .username = user,
					  .password = password };
	struct egress *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	strcpy(p->host, host);
	p->port = port;
	p->scheme[0] = PROXY_SCHEME_DIGEST;
	p->scheme[1] = PROXY_SCHEME_BASIC;
	p->scheme_count = 2;
	p->basic_over_http = true;
	p->alpn_header = true;
	if (*user != '\0')
		p->creds = proxy_creds_new(&login);
	e = egress_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	proxy_put(p);
	return e;
}

static inline void lab_start(struct lab *l, struct dial_request *req)
{
	l->waiting++;
	dial_start(l->pool, req);
}

static inline void lab_run(struct lab *l)
{
	if (l->waiting > 0)
		CU_ASSERT_EQUAL(loop_run(l->loop), 0);
}

/* A TCP socket as an app may have it. */
static inline int lab_app_socket(int family, bool nonblocking)
{
	int fd = socket(family, SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0),
			0);

	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

/* Write, and read the same bytes back; `fd` may be non-blocking. */
static inline bool lab_echoes(int fd, const char *text)
{
	char buf[64];
	size_t len = strlen(text), got = 0;
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		return false;
	while (got < len) {
		ssize_t n = recv(fd, buf + got, len - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	(void)fcntl(fd, F_SETFL, flags);
	return memcmp(buf, text, len) == 0;
}

#endif
