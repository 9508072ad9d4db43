/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_control.c - the control socket as a client sees it: each request, the
 * placeholder's events, and clients that misbehave
 */
#include <config.h>

#include "control.h"

#include "addr.h"
#include "dial.h"
#include "dial_lab.h"
#include "egress.h"
#include "flow.h"
#include "http_proxy.h"
#include "local.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "relay.h"
#include "rules.h"
#include "unit.h"
#include "worker.h"

#include <turnout/control.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EPOCH       77
#define PATIENCE_MS 10000
#define ALL_EVENTS  (POLLIN | POLLOUT | POLLRDHUP)

struct fixture {
	char dir[64];
	char path[80];
	struct loop *loop;
	struct dial_pool *pool;
	struct names *names;
	struct http_proxy *proxy;
	struct egress *egress;
	struct policy *policy;
	struct relay_set *relays;
	struct worker *worker;
	struct control *control;
	pthread_t thread;
};

static void on_flow_gone(void *arg, uint64_t cookie, uint64_t secret)
{
	(void)arg, (void)cookie, (void)secret;
}

static void *run(void *arg)
{
	CU_ASSERT_EQUAL(loop_run(arg), 0);
	return NULL;
}

static void make_policy(struct fixture *f, struct names_opts *pools)
{
	static const char *const lines[] = {
		"block blocked.test",
		"block tool.test program=*test_control*",
		"block other.test program=other",
	};
	struct rules rules = { 0 };
	struct rule rule;
	char words[256];
	struct rules_context ctx = { .user = &rules,
				     .have_proxy = true,
				     .tunnel_udp = true,
				     .pool4 = pools->pool4,
				     .pool4_bits = pools->pool4_bits };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CU_ASSERT_EQUAL_FATAL(
			rules_parse_line(lines[i], &rule, words, sizeof(words)),
			0);
		CU_ASSERT_EQUAL_FATAL(rules_add(&rules, &rule), 0);
	}
	f->egress = lab_egress("127.0.0.1", http_proxy_port(f->proxy), "", "");
	f->policy = policy_new(&ctx, f->egress);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->policy);
	rules_fini(&rules);
}

static void start_loop(struct fixture *f)
{
	CU_ASSERT_EQUAL_FATAL(pthread_create(&f->thread, NULL, run, f->loop),
			      0);
}

static void stop_loop(struct fixture *f)
{
	loop_stop(f->loop);
	pthread_join(f->thread, NULL);
}

static void open_fixture(struct fixture *f, const struct http_proxy_opts *proxy)
{
	struct names_opts pools = { .pool4_bits = 15 };
	struct worker_opts worker = { .on_flow_gone = on_flow_gone };
	struct control_opts opts = { .epoch = EPOCH, .worker_count = 1 };
	const char *words;

	log_open(LOG_LEVEL_ERROR, false);
	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/test-control.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/control", f->dir);
	CU_ASSERT_FATAL(addr_parse_ip("198.18.0.0", &pools.pool4));
	f->proxy = http_proxy_new(proxy);
	f->loop = loop_new();
	worker.pool = opts.pool = f->pool = dial_pool_new(8);
	worker.names = opts.names = f->names = names_new(&pools);
	make_policy(f, &pools);
	worker.policy = opts.policy = f->policy;
	worker.relays = opts.relays = f->relays = relay_set_new(0);
	f->worker = worker_new(&worker);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->worker);
	opts.workers = &f->worker;
	opts.loop = f->loop;
	opts.path = f->path;
	f->control = control_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->control);
	start_loop(f);
}

static void close_fixture(struct fixture *f)
{
	stop_loop(f);
	worker_stop(f->worker);
	loop_drain(f->loop);
	control_free(f->control);
	dial_pool_free(f->pool);
	worker_free(f->worker);
	loop_free(f->loop);
	relay_set_put(f->relays);
	policy_put(f->policy);
	egress_put(f->egress);
	names_free(f->names);
	http_proxy_free(f->proxy);
	CU_ASSERT_EQUAL(rmdir(f->dir), 0); /* the socket is gone from it */
}

/* A client */

static int dial_control(const struct fixture *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, f->path, strlen(f->path) + 1);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
			      0);
	return fd;
}

static void send_request(int fd, uint16_t type, const void *body, size_t len,
			 int pass)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct control_header h = { .magic = CONTROL_MAGIC,
				    .version = CONTROL_VERSION,
				    .type = type,
				    .bytes = (uint32_t)len };
	struct iovec iov[] = { { &h, sizeof(h) },
			       { (void *)(uintptr_t)body, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;

	if (pass >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(pass));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	CU_ASSERT_EQUAL(sendmsg(fd, &msg, 0), (ssize_t)(sizeof(h) + len));
}

static void ask(const struct fixture *f, uint16_t type, const void *body,
		size_t len, void *answer, size_t answer_len)
{
	int fd = dial_control(f);

	send_request(fd, type, body, len, -1);
	CU_ASSERT_EQUAL_FATAL(recv(fd, answer, answer_len, MSG_WAITALL),
			      (ssize_t)answer_len);
	close(fd);
}

static struct control_resolved resolve(const struct fixture *f,
				       const char *name)
{
	struct control_resolve body = { .family = 0 };
	struct control_resolved out;

	snprintf(body.name, sizeof(body.name), "%s", name);
	ask(f, CONTROL_RESOLVE, &body, sizeof(body), &out, sizeof(out));
	return out;
}

/* The verdict and its descriptor (-1: none), without taking them. */
static struct control_verdict peek_verdict(int fd, int *got)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct control_verdict v;
	struct iovec iov = { &v, sizeof(v) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	*got = -1;
	CU_ASSERT_EQUAL_FATAL(recvmsg(fd, &msg, MSG_PEEK), (ssize_t)sizeof(v));
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL)
		memcpy(got, CMSG_DATA(c), sizeof(*got));
	return v;
}

/* As the preload library does it: a request, and filler until it is full. */
static int begin_connect(const struct fixture *f, const char *name, int tcp)
{
	struct control_connect body = { .flags = CONTROL_CONNECT_PLACEHOLDER };
	static const char filler[4096];
	int fd = dial_control(f), size = 1;

	body.dest = resolve(f, name).addr;
	body.dest.port_be = htons(443);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	send_request(fd, CONTROL_CONNECT, &body, sizeof(body), tcp);
	for (int i = 0; i < 8; i++) {
		if (send(fd, filler, sizeof(filler), MSG_DONTWAIT) < 0)
			break;
	}
	return fd;
}

static short wait_events(int fd, short wanted)
{
	struct pollfd p = { .fd = fd, .events = ALL_EVENTS };
	int left_ms = PATIENCE_MS;

	while (left_ms-- > 0 && poll(&p, 1, 1) >= 0 &&
	       (p.revents & wanted) != wanted)
		;
	return p.revents;
}

/* Tests */

static void test_names(void)
{
	struct http_proxy_opts proxy = { 0 };
	struct control_reverse reverse = { 0 };
	struct control_reversed reversed;
	struct control_resolved a, b;
	struct fixture f;

	open_fixture(&f, &proxy);
	a = resolve(&f, "Call.Example.");
	b = resolve(&f, "call.example");
	CU_ASSERT_EQUAL(a.verdict, CONTROL_RESOLVE_SYNTHETIC);
	CU_ASSERT(endpoint_equal(&a.addr, &b.addr));
	CU_ASSERT_EQUAL(resolve(&f, "localhost").verdict, CONTROL_RESOLVE_LIBC);
	CU_ASSERT_EQUAL(resolve(&f, "printer.local").verdict,
			CONTROL_RESOLVE_LIBC);
	CU_ASSERT_EQUAL(resolve(&f, "not a name").verdict,
			CONTROL_RESOLVE_LIBC);
	CU_ASSERT_EQUAL(resolve(&f, "blocked.test").verdict,
			CONTROL_RESOLVE_BLOCKED);
	reverse.addr = a.addr;
	ask(&f, CONTROL_REVERSE, &reverse, sizeof(reverse), &reversed,
	    sizeof(reversed));
	CU_ASSERT_EQUAL(reversed.found, 1);
	CU_ASSERT_STRING_EQUAL(reversed.name, "call.example");
	reverse.addr.ip[3] ^= 1;
	ask(&f, CONTROL_REVERSE, &reverse, sizeof(reverse), &reversed,
	    sizeof(reversed));
	CU_ASSERT_EQUAL(reversed.found, CONTROL_REVERSE_NOBODY);
	close_fixture(&f);
}

static void test_flow_open(void)
{
	struct control_flow_open body = { .cookie = 5, .family = 4 };
	struct http_proxy_opts proxy = { 0 };
	struct control_flow a, b;
	struct fixture f;

	open_fixture(&f, &proxy);
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &a, sizeof(a));
	CU_ASSERT_EQUAL(a.error, 0);
	CU_ASSERT_NOT_EQUAL(a.port_be, 0);
	CU_ASSERT_EQUAL(a.epoch, EPOCH);
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &b, sizeof(b));
	CU_ASSERT_EQUAL(b.secret, a.secret);
	CU_ASSERT_EQUAL(b.port_be, a.port_be);
	body.cookie = 6;
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &b, sizeof(b));
	CU_ASSERT_EQUAL(b.error, 0);
	CU_ASSERT_NOT_EQUAL(b.secret, a.secret);
	CU_ASSERT_NOT_EQUAL(b.port_be, a.port_be);
	body.family = 5;
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &b, sizeof(b));
	CU_ASSERT_EQUAL(b.error, EAFNOSUPPORT);
	close_fixture(&f);
}

/* What an earlier daemon promised is promised still. */
static void test_taken_up(void)
{
	struct control_flow_open body = { .cookie = 5, .family = 4 };
	struct http_proxy_opts proxy = { 0 };
	struct endpoint bound, taken;
	struct flow_seed seed = { .fd = -1, .cookie = 5, .secret = 99 };
	struct control_flow a;
	struct fixture f;
	int fd = local_socket(ENDPOINT_IPV4, &bound);
	int other = local_socket(ENDPOINT_IPV4, &taken);

	CU_ASSERT_FATAL(fd >= 0 && other >= 0);
	close(fd);
	open_fixture(&f, &proxy);
	stop_loop(&f);
	seed.bound = bound;
	CU_ASSERT_EQUAL(control_take_up(f.control, geteuid(), &seed), 0);
	/* twice the same, and a port that somebody else has */
	seed = (struct flow_seed){
		.fd = -1, .cookie = 5, .secret = 98, .bound = taken
	};
	CU_ASSERT_EQUAL(control_take_up(f.control, geteuid(), &seed), -EEXIST);
	seed = (struct flow_seed){
		.fd = -1, .cookie = 6, .secret = 97, .bound = taken
	};
	CU_ASSERT_EQUAL(control_take_up(f.control, geteuid(), &seed),
			-EADDRINUSE);
	start_loop(&f);
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &a, sizeof(a));
	CU_ASSERT_EQUAL(a.error, 0);
	CU_ASSERT_EQUAL(a.secret, 99);
	CU_ASSERT_EQUAL(a.port_be, bound.port_be);
	body.cookie = 6;
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &a, sizeof(a));
	CU_ASSERT_EQUAL(a.error, 0);
	CU_ASSERT_NOT_EQUAL(a.secret, 97);
	CU_ASSERT_NOT_EQUAL(a.port_be, taken.port_be);
	close_fixture(&f);
	close(other);
}

static void test_status(void)
{
	struct http_proxy_opts proxy = { 0 };
	char text[8192];
	struct fixture f;
	ssize_t n;
	int fd;

	open_fixture(&f, &proxy);
	fd = dial_control(&f);
	send_request(fd, CONTROL_STATUS, NULL, 0, -1);
	n = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
	CU_ASSERT_FATAL(n > 0);
	text[n] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "version " PACKAGE_VERSION "\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "proxy http://127.0.0.1:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nflows 0\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\npump_connections 0\n"));
	close(fd);
	close_fixture(&f);
}

static json_t *report_status(const struct fixture *f)
{
	const struct control_report body = { .kind = REPORT_STATUS };
	static char text[65536];
	size_t len = 0;
	int fd = dial_control(f);
	json_t *doc;
	ssize_t n;

	send_request(fd, CONTROL_REPORT, &body, sizeof(body), -1);
	while ((n = recv(fd, text + len, sizeof(text) - len, 0)) > 0)
		len += (size_t)n;
	close(fd);
	doc = json_loadb(text, len, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	return doc;
}

/* Of an app that has opened a socket and had a connect refused by a rule. */
static void test_report_status(void)
{
	struct control_flow_open body = { .cookie = 5, .family = 4 };
	struct http_proxy_opts proxy = { 0 };
	struct control_flow flow;
	json_t *doc, *part;
	struct fixture f;

	open_fixture(&f, &proxy);
	CU_ASSERT_EQUAL(resolve(&f, "blocked.test").verdict,
			CONTROL_RESOLVE_BLOCKED);
	ask(&f, CONTROL_FLOW_OPEN, &body, sizeof(body), &flow, sizeof(flow));
	CU_ASSERT_EQUAL(flow.error, 0);
	doc = report_status(&f);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(doc, "schema")),
		"turnout-status/1");
	CU_ASSERT(json_is_true(json_object_get(doc, "complete")));
	part = json_array_get(json_object_get(doc, "flows"), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(part, "pid")),
			getpid());
	CU_ASSERT(json_is_null(json_object_get(part, "app")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(doc, "apps")), 1);
	part = json_array_get(json_object_get(doc, "apps"), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(part, "sockets")),
			1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(part, "lookups")),
			1);
	part = json_array_get(json_object_get(doc, "proxies"), 0);
	CU_ASSERT(json_is_true(json_object_get(part, "configured")));
	json_decref(doc);
	close_fixture(&f);
}

/* Asked before it is so, and after. */
static void test_report_wait(void)
{
	struct control_report body = { .kind = REPORT_WAIT,
				       .flags = CONTROL_WAIT_READY };
	struct http_proxy_opts proxy = { 0 };
	struct fixture f;
	struct pollfd p = { .events = POLLIN };
	char text[16] = "";

	open_fixture(&f, &proxy);
	for (int i = 0; i < 2; i++) {
		p.fd = dial_control(&f);
		send_request(p.fd, CONTROL_REPORT, &body, sizeof(body), -1);
		CU_ASSERT_EQUAL(poll(&p, 1, i == 0 ? 100 : PATIENCE_MS), i);
		if (i == 0) {
			stop_loop(&f);
			control_note_ready(f.control);
			start_loop(&f);
		}
		CU_ASSERT(recv(p.fd, text, sizeof(text) - 1, 0) > 0);
		CU_ASSERT_EQUAL(strncmp(text, "{\"schema\":", 10), 0);
		close(p.fd);
	}
	/* one that goes away, and one that waits for nothing that is */
	body.flags = CONTROL_WAIT_CALL;
	p.fd = dial_control(&f);
	send_request(p.fd, CONTROL_REPORT, &body, sizeof(body), -1);
	CU_ASSERT_EQUAL(poll(&p, 1, 50), 0);
	close(p.fd);
	body.flags = 77;
	p.fd = dial_control(&f);
	send_request(p.fd, CONTROL_REPORT, &body, sizeof(body), -1);
	CU_ASSERT(recv(p.fd, text, sizeof(text), 0) <= 0);
	close(p.fd);
	close_fixture(&f);
}

static void test_connect(void)
{
	struct http_proxy_opts proxy = { .delay_ms = 50 };
	struct control_verdict v;
	char request[512], c = 0;
	struct fixture f;
	int tcp, fd, got;

	open_fixture(&f, &proxy);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = begin_connect(&f, "call.example", tcp);
	close(tcp);
	CU_ASSERT_EQUAL(wait_events(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	for (int i = 0; i < 2; i++) { /* each alias peeks its own */
		v = peek_verdict(fd, &got);
		CU_ASSERT_EQUAL(v.error, 0);
		CU_ASSERT_EQUAL(v.flags & CONTROL_VERDICT_SAME, 0);
		CU_ASSERT_FATAL(got >= 0);
		CU_ASSERT_EQUAL(fcntl(got, F_GETFL) & O_NONBLOCK, 0);
		CU_ASSERT_EQUAL(send(got, "x", 1, 0), 1);
		CU_ASSERT_EQUAL(recv(got, &c, 1, 0), 1);
		CU_ASSERT_EQUAL(c, 'x');
		close(got);
	}
	http_proxy_last_request(f.proxy, request, sizeof(request));
	CU_ASSERT_EQUAL(strncmp(request, "CONNECT call.example:443 ", 25), 0);
	close(fd);
	close_fixture(&f);
}

static void test_refused(void)
{
	struct http_proxy_opts proxy = {
		.way = HTTP_PROXY_SAY,
		.answer = "HTTP/1.1 403 Forbidden\r\n\r\n",
	};
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct control_verdict v;
	struct fixture f;
	int tcp, fd, got;

	open_fixture(&f, &proxy);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = begin_connect(&f, "call.example", tcp);
	close(tcp);
	/* one bit after the other, as the verdict and the end come */
	CU_ASSERT_EQUAL(wait_events(fd, ALL_EVENTS | POLLERR | POLLHUP),
			ALL_EVENTS | POLLERR | POLLHUP);
	v = peek_verdict(fd, &got);
	CU_ASSERT_EQUAL(v.error, ECONNREFUSED);
	CU_ASSERT_FATAL(got >= 0);
	CU_ASSERT_EQUAL(getpeername(got, (struct sockaddr *)&sa, &len), -1);
	CU_ASSERT_EQUAL(errno, ENOTCONN);
	close(got);
	close(fd);
	close_fixture(&f);
}

static void test_blocking(void)
{
	struct http_proxy_opts proxy = { 0 };
	struct control_connect body = { .flags = 0 };
	struct control_verdict v;
	struct fixture f;
	char c = 0;
	int tcp, fd, got;

	open_fixture(&f, &proxy);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	body.dest = resolve(&f, "call.example").addr;
	body.dest.port_be = htons(443);
	fd = dial_control(&f);
	send_request(fd, CONTROL_CONNECT, &body, sizeof(body), tcp);
	v = peek_verdict(fd, &got);
	CU_ASSERT_EQUAL(v.error, 0);
	CU_ASSERT_EQUAL(v.flags, CONTROL_VERDICT_SAME);
	CU_ASSERT_EQUAL(got, -1);
	CU_ASSERT_EQUAL(send(tcp, "y", 1, 0), 1);
	CU_ASSERT_EQUAL(recv(tcp, &c, 1, 0), 1);
	CU_ASSERT_EQUAL(c, 'y');
	close(fd);
	close(tcp);
	close_fixture(&f);
}

static unsigned int status_number(const struct fixture *f, const char *key)
{
	char text[8192], *at;
	int fd = dial_control(f);
	ssize_t n;

	send_request(fd, CONTROL_STATUS, NULL, 0, -1);
	n = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
	close(fd);
	CU_ASSERT_FATAL(n > 0);
	text[n] = '\0';
	at = strstr(text, key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	return (unsigned int)atoi(at + strlen(key));
}

static void test_given_up(void)
{
	struct http_proxy_opts proxy = { .way = HTTP_PROXY_SILENT };
	int left_ms = PATIENCE_MS;
	struct fixture f;
	int tcp, fd;

	open_fixture(&f, &proxy);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = begin_connect(&f, "call.example", tcp);
	close(tcp);
	CU_ASSERT_EQUAL(status_number(&f, "\nconnecting "), 1);
	close(fd);
	while (left_ms-- > 0 && status_number(&f, "\nconnecting ") > 0)
		poll(NULL, 0, 1);
	CU_ASSERT(left_ms > 0);
	close_fixture(&f);
}

/* Ended with connects under way: nothing leaks, nothing hangs. */
static void test_end_in_the_middle(void)
{
	struct http_proxy_opts proxy = { .way = HTTP_PROXY_SILENT };
	struct control_verdict v;
	struct fixture f;
	int tcp, fd[5];

	open_fixture(&f, &proxy);
	for (int i = 0; i < 5; i++) {
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		fd[i] = begin_connect(&f, "call.example", tcp);
		close(tcp);
	}
	close_fixture(&f);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(recv(fd[i], &v, sizeof(v), MSG_DONTWAIT), -1);
		close(fd[i]);
	}
}

static void test_blocked(void)
{
	struct http_proxy_opts proxy = { 0 };
	struct control_connect body = { .flags = 0 };
	struct control_verdict v;
	struct fixture f;
	int tcp, fd, got;

	open_fixture(&f, &proxy);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* no name has this address */
	CU_ASSERT_FATAL(addr_parse_ip("198.18.1.2", &body.dest));
	body.dest.port_be = htons(443);
	fd = dial_control(&f);
	send_request(fd, CONTROL_CONNECT, &body, sizeof(body), tcp);
	v = peek_verdict(fd, &got);
	CU_ASSERT_EQUAL(v.error, EHOSTUNREACH);
	CU_ASSERT_EQUAL(v.flags, CONTROL_VERDICT_SAME);
	close(fd);
	close(tcp);
	CU_ASSERT_EQUAL(http_proxy_connections(f.proxy), 0);
	close_fixture(&f);
}

static void expect_closed(const struct fixture *f, const void *data, size_t len)
{
	int fd = dial_control(f);
	char c;

	CU_ASSERT_EQUAL(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
	CU_ASSERT(recv(fd, &c, 1, 0) <= 0);
	close(fd);
}

/* Rules for programs, which the kernel tells; what the app says of itself is
 * read, and does not matter then. */
static void test_program(void)
{
	struct {
		struct control_resolve resolve;
		char program[CONTROL_PROGRAM_BYTES];
	} body = { .program = "/opt/other" };
	struct http_proxy_opts proxy = { 0 };
	struct control_resolved out;
	struct fixture f;

	open_fixture(&f, &proxy);
	CU_ASSERT_EQUAL(resolve(&f, "tool.test").verdict,
			CONTROL_RESOLVE_BLOCKED);
	CU_ASSERT_EQUAL(resolve(&f, "other.test").verdict,
			CONTROL_RESOLVE_SYNTHETIC);
	strcpy(body.resolve.name, "other.test");
	ask(&f, CONTROL_RESOLVE, &body, sizeof(body), &out, sizeof(out));
	CU_ASSERT_EQUAL(out.verdict, CONTROL_RESOLVE_SYNTHETIC);
	memset(body.program, '/', sizeof(body.program));
	strcpy(body.resolve.name, "tool.test");
	ask(&f, CONTROL_RESOLVE, &body, sizeof(body), &out, sizeof(out));
	CU_ASSERT_EQUAL(out.verdict, CONTROL_RESOLVE_BLOCKED);
	close_fixture(&f);
}

static void test_nonsense(void)
{
	static const uint16_t types[] = { 0, 6, 65535 };
	struct control_header h = { .magic = CONTROL_MAGIC,
				    .version = CONTROL_VERSION,
				    .type = CONTROL_STATUS };
	struct http_proxy_opts proxy = { 0 };
	struct fixture f;

	open_fixture(&f, &proxy);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		h.type = types[i];
		expect_closed(&f, &h, sizeof(h));
	}
	h.type = CONTROL_REVERSE;
	h.bytes = sizeof(struct control_reverse) + CONTROL_PROGRAM_BYTES;
	expect_closed(&f, &h, sizeof(h));
	h.type = CONTROL_RESOLVE;
	h.bytes = sizeof(struct control_resolve) + CONTROL_PROGRAM_BYTES + 1;
	expect_closed(&f, &h, sizeof(h));
	h.type = CONTROL_STATUS;
	h.bytes = UINT32_MAX;
	expect_closed(&f, &h, sizeof(h));
	h.bytes = 0;
	h.version = CONTROL_VERSION + 1;
	expect_closed(&f, &h, sizeof(h));
	h.version = CONTROL_VERSION;
	h.magic ^= 1;
	expect_closed(&f, &h, sizeof(h));
	expect_closed(&f, "GET / HTTP/1.1\r\n\r\n", 18);
	/* a CONNECT without its socket */
	h.magic = CONTROL_MAGIC;
	h.type = CONTROL_CONNECT;
	h.bytes = sizeof(struct control_connect);
	{
		char whole[sizeof(h) + sizeof(struct control_connect)] = { 0 };

		memcpy(whole, &h, sizeof(h));
		expect_closed(&f, whole, sizeof(whole));
	}
	CU_ASSERT_EQUAL(status_number(&f, "\nconnects "), 1);
	close_fixture(&f);
}

static void test_taken(void)
{
	struct http_proxy_opts proxy = { 0 };
	struct control_opts opts = { .worker_count = 1 };
	const char *words = NULL;
	struct fixture f;

	open_fixture(&f, &proxy);
	opts.path = f.path;
	opts.loop = f.loop;
	CU_ASSERT_PTR_NULL(control_new(&opts, &words));
	CU_ASSERT_STRING_EQUAL(words, "another tunneld is answering there");
	CU_ASSERT_EQUAL(status_number(&f, "\nconnects "), 0);
	close_fixture(&f);
}

/* A connect to port 53 is answered by tunneld itself, whatever the server. */
static void test_dns_over_tcp(void)
{
	static const uint8_t query[] = "\0\x1b\0\7\1\0\0\1\0\0\0\0\0\0"
				       "\1a\7example\0\0\1\0\1";
	struct control_connect body = { .dest = { .family = ENDPOINT_IPV4,
						  .ip = { 203, 0, 113, 53 } } };
	struct http_proxy_opts proxy = { 0 };
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, got;
	struct control_verdict v;
	struct fixture f;
	uint8_t answer[64];

	open_fixture(&f, &proxy);
	body.dest.port_be = htons(53);
	fd = dial_control(&f);
	send_request(fd, CONTROL_CONNECT, &body, sizeof(body), tcp);
	v = peek_verdict(fd, &got);
	CU_ASSERT_EQUAL(v.error, 0);
	CU_ASSERT_EQUAL(v.flags & CONTROL_VERDICT_SAME, 0);
	CU_ASSERT_FATAL(got >= 0);
	CU_ASSERT_EQUAL(send(got, query, sizeof(query) - 1, 0),
			sizeof(query) - 1);
	/* The question, and one record behind it. */
	CU_ASSERT_EQUAL(recv(got, answer, sizeof(query) - 1 + 16, MSG_WAITALL),
			sizeof(query) - 1 + 16);
	CU_ASSERT_EQUAL(answer[sizeof(query) - 1 + 12], 198);
	CU_ASSERT_EQUAL(http_proxy_connections(f.proxy), 0);
	close(got);
	close(fd);
	close(tcp);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "DNS over TCP", test_dns_over_tcp },
	{ "names, and their addresses back", test_names },
	{ "a socket is registered once", test_flow_open },
	{ "promises of an earlier daemon are kept", test_taken_up },
	{ "status", test_status },
	{ "status as a document", test_report_status },
	{ "to wait for something", test_report_wait },
	{ "a connect: verdict first, then writable", test_connect },
	{ "a refused connect shows the mask of TCP", test_refused },
	{ "a client that waits keeps its socket", test_blocking },
	{ "a client that goes away has given up", test_given_up },
	{ "the end comes in the middle of connects", test_end_in_the_middle },
	{ "an address that no name has", test_blocked },
	{ "rules for programs", test_program },
	{ "nonsense ends the connection", test_nonsense },
	{ "a socket that answers is not taken over", test_taken },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "control", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
