/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.c - requests of apps and of the command line
 *
 * One request a connection. A request is read to its last byte and not one
 * further: what follows a CONTROL_CONNECT is filler, which has to stay.
 * Everything but CONTROL_CONNECT is answered within the same turn of the loop.
 */
#include <config.h>

#include "control.h"

#include "addr.h"
#include "clock.h"
#include "control_conn.h"
#include "dns_stream.h"
#include "flow_table.h"
#include "local.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A client sends its request in one write, at once. */
#define REQUEST_TIMEOUT_MS 5000
#define ACCEPTS_PER_WAKEUP 32
/* Workers need not be told of each request. */
#define ATTACH_MS 10000

void conn_close(struct conn *conn)
{
	struct loop *loop = conn->control->opts.loop;

	loop_fd_del(loop, &conn->watch);
	loop_timer_stop(loop, &conn->deadline);
	learn_cancel(&conn->wait);
	conn_explain_leave(conn->explain);
	conn_out_fini(conn);
	close(conn->fd);
	if (conn->passed_fd >= 0)
		close(conn->passed_fd);
	*conn->prev = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	free(conn);
}

void conn_answer(struct conn *conn, const void *data, size_t len)
{
	/* Small, into an empty buffer: it fits, or the client is not one. */
	ssize_t n = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n;
	conn_close(conn);
}

/* CONTROL_FLOW_OPEN */

static void tell_flows(struct control *c)
{
	if (c->opts.on_flows != NULL)
		c->opts.on_flows(c->opts.arg);
}

/* The promise, and the worker that keeps it. */
static int add_flow(struct control *c, uid_t uid, pid_t pid,
		    struct flow_seed *seed)
{
	struct flow_record record = { .cookie = seed->cookie,
				      .uid = uid,
				      .pid = pid,
				      .secret = seed->secret,
				      .bound = seed->bound,
				      .app = seed->app,
				      .uplinks = seed->uplinks };
	int err;

	if (seed->client != NULL) /* borrowed: it is copied */
		record.program = (char *)(uintptr_t)seed->client->program;
	err = flow_table_add(c->flows, &record);
	explicit_bzero(&record, sizeof(record));
	if (err < 0) {
		flow_seed_fini(seed);
		return err;
	}
	if (c->opts.on_socket != NULL)
		c->opts.on_socket(c->opts.arg, &seed->bound, seed->fd);
	worker_add_flow(
		c->opts.workers[c->next_worker++ % c->opts.worker_count], seed);
	tell_flows(c);
	return 0;
}

static int open_flow(struct conn *conn, const struct control_flow_open *body,
		     struct control_flow *out)
{
	struct control *c = conn->control;
	const struct policy_client *client = &conn->caller.client;
	uid_t uid = client->uid;
	struct flow_seed seed = { .cookie = body->cookie };
	const struct flow_record *known = flow_table_find(c->flows,
							  body->cookie, uid);
	int err;

	if (known != NULL) {
		out->secret = known->secret;
		out->port_be = known->bound.port_be;
		return known->bound.family == body->family ? 0 : -EEXIST;
	}
	if (getrandom(&seed.secret, sizeof(seed.secret), 0) !=
	    (ssize_t)sizeof(seed.secret))
		return -EAGAIN;
	seed.fd = local_socket(body->family, &seed.bound);
	if (seed.fd < 0)
		return seed.fd;
	seed.client = caller_keep(client);
	if (seed.client == NULL) {
		flow_seed_fini(&seed);
		return -ENOMEM;
	}
	out->secret = seed.secret;
	out->port_be = seed.bound.port_be;
	err = add_flow(c, uid, conn->cred.pid, &seed);
	if (err < 0)
		explicit_bzero(&out->secret, sizeof(out->secret));
	return err;
}

static void handle_flow_open(struct conn *conn)
{
	struct control_flow_open body;
	struct control_flow out = { .epoch = conn->control->opts.epoch };

	memcpy(&body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(body));
	out.error = body.family != ENDPOINT_IPV4 && body.family != ENDPOINT_IPV6
			    ? EAFNOSUPPORT
			    : -open_flow(conn, &body, &out);
	conn_answer(conn, &out, sizeof(out));
}

bool conn_may_command(const struct conn *conn)
{
	return conn->cred.uid == geteuid() || conn->cred.uid == 0;
}

/* Reading a request */

/* An app that asks for anything may soon open a UDP socket. */
static void attach(struct control *c, uint64_t now_ms)
{
	if (c->attached_ms != 0 && now_ms - c->attached_ms < ATTACH_MS)
		return;
	c->attached_ms = now_ms;
	for (size_t i = 0; i < c->opts.worker_count; i++)
		worker_attach(c->opts.workers[i]);
}

static void handle_connect(struct conn *conn)
{
	struct control_connect body;

	memcpy(&body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(body));
	conn_connect(conn, &body, loop_now_ms(conn->control->opts.loop));
}

/* How long a request's body is, and who answers. */
static const struct request {
	void (*handle)(struct conn *conn); /* NULL: there is no such request */
	uint32_t bytes;
} requests[] = {
	[CONTROL_CONNECT] = { handle_connect, sizeof(struct control_connect) },
	[CONTROL_FLOW_OPEN] = { handle_flow_open,
				sizeof(struct control_flow_open) },
	[CONTROL_RESOLVE] = { conn_resolve, sizeof(struct control_resolve) },
	[CONTROL_REVERSE] = { conn_reverse, sizeof(struct control_reverse) },
	[CONTROL_STATUS] = { conn_status, 0 },
	[CONTROL_EXPLAIN] = { conn_explain, sizeof(struct control_explain) },
	[CONTROL_PROXY_RETRY] = { conn_proxy_retry, 0 },
	[CONTROL_RELOAD] = { conn_reload, 0 },
	[CONTROL_DOCTOR] = { conn_doctor, sizeof(struct control_doctor) },
	[CONTROL_PING] = { conn_ping, sizeof(struct control_ping) },
	[CONTROL_REPORT] = { conn_report, sizeof(struct control_report) },
};

static const struct request *find_request(uint16_t type)
{
	return type < ARRAY_SIZE(requests) && requests[type].handle != NULL
		       ? &requests[type]
		       : NULL;
}

static bool header_is_good(const struct control_header *h)
{
	const struct request *r = find_request(h->type);

	if (h->magic != CONTROL_MAGIC || h->version != CONTROL_VERSION ||
	    r == NULL)
		return false;
	return h->bytes == r->bytes ||
	       (h->type <= CONTROL_RESOLVE &&
		h->bytes == r->bytes + CONTROL_PROGRAM_BYTES);
}

static void note_app(struct conn *conn)
{
	struct control *c = conn->control;
	struct app *app;

	if (conn->cred.pid <= 0)
		return; /* of another namespace */
	app = apps_note(&c->apps, conn->cred.pid, conn->cred.uid,
			conn->caller.client.program, loop_now_ms(c->opts.loop));
	app->connects += conn->request.header.type == CONTROL_CONNECT;
	app->sockets += conn->request.header.type == CONTROL_FLOW_OPEN;
	app->lookups += conn->request.header.type == CONTROL_RESOLVE;
}

/* Who asks, behind what is asked. */
static void find_caller(struct conn *conn)
{
	const struct control_header *h = &conn->request.header;
	uint32_t bytes = find_request(h->type)->bytes;
	char claim[CONTROL_PROGRAM_BYTES] = "";

	if (h->bytes > bytes)
		memcpy(claim, conn->request.bytes + sizeof(*h) + bytes,
		       sizeof(claim) - 1);
	caller_init(&conn->caller, &conn->cred, claim);
	note_app(conn);
}

static void handle(struct conn *conn, uint64_t now_ms)
{
	uint16_t type = conn->request.header.type;

	if (type < CONTROL_STATUS) {
		find_caller(conn);
		attach(conn->control, now_ms);
	}
	find_request(type)->handle(conn);
}

static void keep_passed_fd(struct conn *conn, struct msghdr *msg)
{
	struct cmsghdr *c;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len != CMSG_LEN(sizeof(fd)))
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (conn->passed_fd >= 0)
			close(conn->passed_fd);
		conn->passed_fd = fd;
	}
}

/* At most up to `want` bytes of the request. Like recvmsg(). */
static ssize_t read_some(struct conn *conn, size_t want)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = conn->request.bytes + conn->have,
			     .iov_len = want - conn->have };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		keep_passed_fd(conn, &msg);
	return n;
}

static void read_request(struct conn *conn, uint64_t now_ms)
{
	size_t want = sizeof(struct control_header);
	ssize_t n;

	for (;;) {
		if (conn->have >= sizeof(struct control_header)) {
			if (!header_is_good(&conn->request.header)) {
				conn_close(conn);
				return;
			}
			want += conn->request.header.bytes;
			if (conn->have >= want)
				break;
		}
		n = read_some(conn, want);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			conn_close(conn);
			return;
		}
		conn->have += (size_t)n;
		want = sizeof(struct control_header);
	}
	loop_timer_stop(conn->control->opts.loop, &conn->deadline);
	handle(conn, now_ms);
}

static void on_conn(void *arg, uint32_t events, uint64_t now_ms)
{
	struct conn *conn = arg;

	if (conn->state == CONN_STATE_READING)
		read_request(conn, now_ms);
	else if (conn->state == CONN_STATE_LEARNING)
		conn_close(conn); /* the client has gone */
	else if (conn->state == CONN_STATE_SENDING)
		conn_send_event(conn, events);
	else
		conn_connect_event(conn, events, now_ms);
}

/* Accepting */

static void on_deadline(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	conn_close(arg);
}

static bool may_ask(const struct control *c, const struct ucred *cred)
{
	return c->opts.any_user || cred->uid == geteuid() || cred->uid == 0;
}

static void accept_one(struct control *c, int fd, uint64_t now_ms)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	socklen_t len = sizeof(conn->cred);

	if (conn == NULL) {
		close(fd);
		return;
	}
	conn->control = c;
	conn->fd = fd;
	conn->passed_fd = -1;
	conn->next = c->conns;
	conn->prev = &c->conns;
	if (conn->next != NULL)
		conn->next->prev = &conn->next;
	c->conns = conn;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &conn->cred, &len) < 0 ||
	    !may_ask(c, &conn->cred) ||
	    loop_fd_add(c->opts.loop, &conn->watch, fd, EPOLLIN | EPOLLRDHUP,
			on_conn, conn) < 0 ||
	    loop_timer_set(c->opts.loop, &conn->deadline,
			   now_ms + REQUEST_TIMEOUT_MS, on_deadline, conn) < 0)
		conn_close(conn);
}

static void on_listen(void *arg, uint32_t events, uint64_t now_ms)
{
	struct control *c = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
		int fd = accept4(c->fd, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		accept_one(c, fd, now_ms);
	}
}

/* Life */

/* A socket file that nobody listens on is a leftover. */
static bool is_answered(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)sun,
					   sizeof(*sun)) == 0;

	if (fd >= 0)
		close(fd);
	return answered;
}

static int listen_at(const char *path, bool any_user, const char **words)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		*words = "the path is too long for a socket (107 bytes)";
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (is_answered(&sun)) {
		*words = "another tunneld is answering there";
		return -1;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(any_user ? 0 : 077);
	err = fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	      listen(fd, SOMAXCONN) < 0;
	umask(old);
	if (!err)
		return fd;
	*words = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

static struct dns_streams *make_dns(struct control *c)
{
	struct dns_streams_opts opts = {
		.loop = c->opts.loop,
		.names = c->opts.names,
		.policy = c->opts.policy,
		.stats = &c->stats,
		.learn = c->opts.want_name,
		.arg = c->opts.arg,
	};

	return dns_streams_new(&opts);
}

struct control *control_new(const struct control_opts *opts, const char **words)
{
	struct control *c = calloc(1, sizeof(*c));

	*words = "out of memory";
	if (c == NULL)
		return NULL;
	c->opts = *opts;
	c->fd = -1;
	c->started_s = c->reloaded_s = (int64_t)time(NULL);
	c->flows = flow_table_new();
	c->dns = make_dns(c);
	if (c->flows != NULL && c->dns != NULL)
		c->fd = opts->listener > 0
				? opts->listener
				: listen_at(opts->path, opts->any_user, words);
	if (c->fd < 0) {
		dns_streams_free(c->dns);
		flow_table_free(c->flows);
		free(c);
		return NULL;
	}
	if (loop_fd_add(opts->loop, &c->watch, c->fd, EPOLLIN, on_listen, c) <
	    0) {
		*words = "epoll failed";
		control_free(c);
		return NULL;
	}
	return c;
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	while (c->conns != NULL) {
		struct conn *conn = c->conns;

		if (conn->state == CONN_STATE_CONNECTING && conn->dial != NULL)
			conn_connect_event(conn, EPOLLHUP,
					   loop_now_ms(c->opts.loop));
		else
			conn_close(conn);
	}
	control_logs_free(c->logs);
	if (c->ping_env.loop != NULL)
		leg_env_fini(&c->ping_env);
	loop_fd_del(c->opts.loop, &c->watch);
	close(c->fd);
	if (c->opts.listener <= 0)
		unlink(c->opts.path);
	dns_streams_free(c->dns);
	flow_table_free(c->flows);
	free(c);
}

void control_reload(struct control *c, struct policy *policy,
		    struct relay_set *relays)
{
	c->opts.policy = policy;
	dns_streams_reload(c->dns, policy);
	c->opts.relays = relays;
}

void control_flow_gone(struct control *c, uint64_t cookie, uint64_t secret)
{
	struct endpoint bound;

	if (flow_table_remove(c->flows, cookie, secret, &bound) &&
	    c->opts.on_socket != NULL)
		c->opts.on_socket(c->opts.arg, &bound, -1);
	tell_flows(c);
}

void control_flow_known(struct control *c, uint64_t cookie, uint64_t secret,
			const struct endpoint *app, uint8_t uplinks, bool talks)
{
	if (!flow_table_note(c->flows, cookie, secret, app, uplinks, talks))
		return;
	tell_flows(c);
	control_news(c);
}

int control_take_up(struct control *c, uid_t uid, struct flow_seed *seed)
{
	int err = 0;

	if (flow_table_find(c->flows, seed->cookie, uid) != NULL)
		err = -EEXIST;
	else if (seed->fd < 0)
		err = seed->fd = local_socket_at(&seed->bound);
	if (err >= 0)
		return add_flow(c, uid, 0, seed);
	flow_seed_fini(seed);
	return err;
}

const struct flow_table *control_flows(const struct control *c)
{
	return c->flows;
}

bool control_is_busy(const struct control *c)
{
	return flow_table_count(c->flows) > 0 || c->connecting > 0;
}
