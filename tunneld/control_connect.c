/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_connect.c - an app's TCP connect(): dialed by the pool, answered by
 * a verdict
 *
 * Theory of operation. The connection's own send buffer, full of the client's
 * filler, is what keeps the app's descriptor from turning writable. So the
 * order of the last steps is the protocol: the verdict with its descriptor
 * first, then, in the same function, either drain (the app sees EPOLLOUT) or
 * close with the filler unread (the app sees the mask of a refused connect).
 * Nothing else may stand between the two. A client that closes before has
 * given up, and its dial is cancelled.
 */
#include <config.h>

#include "addr.h"
#include "control_conn.h"
#include "dns_stream.h"
#include "egress.h"
#include "names.h"
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As patient as a proxy that tries a slow destination. */
#define CONNECT_TIMEOUT_MS 60000
#define LOG_PERIOD_MS      10000

/* A connect under way; outlives its connection when the client gives up. */
struct connecting {
	struct control *control;
	struct conn *conn; /* NULL: given up */
	pid_t pid;
	uint64_t begun_ms;
};

static int send_verdict(struct conn *conn, const struct control_verdict *v,
			int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)v,
			     .iov_len = sizeof(*v) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)sizeof(*v))
		return -errno;
	return 0;
}

/* Until end of file: the client may be filling still. */
static void drain(struct conn *conn)
{
	char filler[4096];
	ssize_t n;

	do
		n = recv(conn->fd, filler, sizeof(filler), MSG_DONTWAIT);
	while (n > 0);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_close(conn);
}

/* `fd` is borrowed; -1: the client's own socket is ready in place. */
static void give_verdict(struct conn *conn, int error, int fd)
{
	struct control_verdict v = {
		.error = error,
		.flags = fd < 0 ? CONTROL_VERDICT_SAME : 0,
	};

	if (send_verdict(conn, &v, fd) < 0 || error != 0 ||
	    !conn->placeholder) {
		conn_close(conn);
		return;
	}
	conn->state = CONN_STATE_DRAINING;
	loop_fd_set(conn->control->opts.loop, &conn->watch,
		    EPOLLIN | EPOLLRDHUP);
	drain(conn);
}

static void count_failure(struct control *c, pid_t pid)
{
	struct app *app = apps_find(&c->apps, pid);

	if (app != NULL)
		app->connects_failed++;
}

/* Refused before any dial: the app's socket goes back as it came. */
static void refuse(struct conn *conn, int error)
{
	conn->control->connects_failed++;
	conn->control->refused++;
	count_failure(conn->control, conn->cred.pid);
	give_verdict(conn, error, conn->placeholder ? conn->passed_fd : -1);
}

static void log_failure(struct control *c, const struct dial_request *req,
			pid_t pid, uint64_t now_ms)
{
	unsigned int suppressed;
	/* What one destination gets, a refusal by the proxy's rules included,
	 * is the app's business; a hop that fails is everybody's. */
	bool target = req->reason == DIAL_PROXY_DENIED ||
		      req->reason == DIAL_TARGET_UNREACH ||
		      req->reason == DIAL_TARGET_TIMEOUT ||
		      req->reason == DIAL_TARGET_REFUSED ||
		      req->reason == DIAL_TARGET_DNS;

	if (req->reason == DIAL_CANCELLED ||
	    !log_limit_ok(&c->limit[req->reason], now_ms, LOG_PERIOD_MS,
			  &suppressed))
		return;
	log_event(target ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		  LOG_EVENT_CONNECT_FAILED,
		  LOG_ABOUT(.reason = dial_reason_name(req->reason)),
		  "connect of pid %d to %s:%u failed: %s", (int)pid, req->host,
		  req->port, req->detail);
	if (suppressed > 0)
		log_info("… and %u more connects failed in this way",
			 suppressed);
}

static void count(const struct connecting *k, const struct dial_request *req,
		  uint64_t now_ms)
{
	struct control *c = k->control;

	if (req->error == 0) {
		stats_observe(&c->connect_time, (now_ms - k->begun_ms) * 1000);
		return;
	}
	c->connects_failed++;
	c->failed[req->reason]++;
	count_failure(c, k->pid);
}

static void on_dialed(void *arg, struct dial_request *req, uint64_t now_ms)
{
	struct connecting *k = arg;
	struct conn *conn = k->conn;
	bool in_place;

	k->control->connecting--;
	if (req->error != 0)
		log_failure(k->control, req, k->pid, now_ms);
	if (conn != NULL) {
		conn->dial = NULL;
		count(k, req, now_ms);
		/* A client that waits has its socket in hand still. */
		in_place = !conn->placeholder && req->same_socket;
		give_verdict(conn, req->error, in_place ? -1 : req->fd);
	}
	dial_request_free(req);
	free(k);
}

static void start(struct conn *conn, const char *host, uint16_t port,
		  struct egress *egress)
{
	struct dial_request *req = dial_request_new();
	struct connecting *k = calloc(1, sizeof(*k));

	if (req == NULL || k == NULL) {
		dial_request_free(req);
		free(k);
		refuse(conn, ENOBUFS);
		return;
	}
	*k = (struct connecting){
		.control = conn->control,
		.conn = conn,
		.pid = conn->cred.pid,
		.begun_ms = loop_now_ms(conn->control->opts.loop),
	};
	snprintf(req->host, sizeof(req->host), "%s", host);
	req->port = port;
	req->egress = egress != NULL ? egress_get(egress) : NULL;
	req->timeout_ms = CONNECT_TIMEOUT_MS;
	req->socket = conn->passed_fd;
	conn->passed_fd = -1;
	req->loop = conn->control->opts.loop;
	req->done = on_dialed;
	req->drop = free;
	req->arg = k;
	conn->dial = req;
	conn->state = CONN_STATE_CONNECTING;
	conn->control->connecting++;
	/* The filler stays unread; only the client's end is of interest. */
	loop_fd_set(conn->control->opts.loop, &conn->watch, EPOLLRDHUP);
	dial_start(conn->control->opts.pool, req);
}

/* Port 53, and no rule names it. */
static bool is_dns(const struct conn *conn, const struct endpoint *dest)
{
	struct rules_answer why;

	if (endpoint_port(dest) != DNS_PORT)
		return false;
	policy_explain_ip(conn->control->opts.policy, POLICY_TCP, dest,
			  &conn->caller.client, &why);
	return why.reason == RULES_REASON_DNS;
}

static void connect_dns(struct conn *conn, const struct endpoint *server)
{
	int af = 0, fd;
	socklen_t len = sizeof(af);

	if (getsockopt(conn->passed_fd, SOL_SOCKET, SO_DOMAIN, &af, &len) < 0 ||
	    (af != AF_INET && af != AF_INET6)) {
		refuse(conn, EINVAL);
		return;
	}
	fd = dns_streams_open(conn->control->dns, af, server,
			      &conn->caller.client);
	if (fd < 0) {
		refuse(conn, -fd);
		return;
	}
	give_verdict(conn, 0, fd);
	close(fd);
}

void conn_connect(struct conn *conn, const struct control_connect *body,
		  uint64_t now_ms)
{
	struct control *c = conn->control;
	char host[CONTROL_NAME_MAX + 1], text[ADDR_TEXT_MAX];
	enum policy_action action;
	uint16_t port = endpoint_port(&body->dest);

	(void)now_ms;
	c->connects++;
	conn->placeholder = body->flags & CONTROL_CONNECT_PLACEHOLDER;
	if (conn->passed_fd < 0) {
		conn_close(conn);
		return;
	}
	if (is_dns(conn, &body->dest)) {
		connect_dns(conn, &body->dest);
		return;
	}
	if (names_is_synthetic(c->opts.names, &body->dest)) {
		if (!names_lookup(c->opts.names, &body->dest, host)) {
			refuse(conn, EHOSTUNREACH);
			return;
		}
		action = policy_decide_name(c->opts.policy, c->opts.names, host,
					    port, POLICY_TCP,
					    &conn->caller.client);
	} else {
		snprintf(host, sizeof(host), "%s",
			 addr_format_ip(&body->dest, text));
		action = policy_decide_ip(c->opts.policy, POLICY_TCP,
					  &body->dest, &conn->caller.client);
	}
	if (action == POLICY_BLOCK)
		refuse(conn, ECONNREFUSED);
	else if (action == POLICY_DIRECT)
		start(conn, host, port, NULL);
	else if (policy_egress(c->opts.policy) != NULL)
		start(conn, host, port, policy_egress(c->opts.policy));
	else
		refuse(conn, ENETUNREACH);
}

static void give_up(struct conn *conn)
{
	struct connecting *k = conn->dial->arg;

	k->conn = NULL;
	dial_cancel(conn->dial);
	conn->dial = NULL;
	conn_close(conn);
}

void conn_connect_event(struct conn *conn, uint32_t events, uint64_t now_ms)
{
	(void)now_ms;
	if (conn->state == CONN_STATE_DRAINING)
		drain(conn);
	else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		give_up(conn);
}
