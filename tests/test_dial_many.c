/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_dial_many.c - many dials at once, dials broken off, a wrong password
 * among many, and the end of the pool while dials are under way
 */
#include <config.h>

#include "dial.h"
#include "dial_lab.h"
#include "http_proxy.h"
#include "proxy_auth.h"
#include "resolver.h"
#include "tls.h"
#include "tls_server.h"
#include "tunnel.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define MANY 64

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static struct dial_request *start(struct lab *l, struct http_proxy *p,
				  const char *user, const char *password)
{
	struct dial_request *req = lab_request(l, "relay.example", 443);

	req->egress = lab_egress("one.test", http_proxy_port(p), user,
				 password);
	lab_start(l, req);
	return req;
}

static void parallel(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_EARLY,
					.delay_ms = 200 };
	struct dial_request *req[MANY];
	struct http_proxy *p;
	struct lab l;
	uint64_t begun;

	lab_open(&l);
	p = http_proxy_new(&opts);
	begun = clock_now_ms();
	for (int i = 0; i < MANY; i++)
		req[i] = start(&l, p, "", "");
	lab_run(&l);
	/* At once, not one after the other. */
	CU_ASSERT(clock_now_ms() - begun < 4000);
	for (int i = 0; i < MANY; i++) {
		char buf[8];

		CU_ASSERT_EQUAL(req[i]->reason, DIAL_OK);
		CU_ASSERT_EQUAL(recv(req[i]->fd, buf, sizeof(buf), 0), 5);
		CU_ASSERT_TRUE(lab_echoes(req[i]->fd, "hello"));
	}
	for (int i = 0; i < MANY; i++)
		dial_request_free(req[i]);
	CU_ASSERT_EQUAL(http_proxy_connections(p), MANY);
	http_proxy_free(p);
	lab_close(&l);
}

/* The relay's transport: through the proxy, TLS inside, app sockets between
 * them; failures mixed in. */
static void parallel_mixed(void)
{
	struct tls_server_opts tls_opts = { .name = "relay.example" };
	struct tls_server *s;
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct dial_request *req[MANY];
	struct http_proxy *p;
	struct tls_ctx *ctx;
	const char *words;
	struct lab l;

	lab_open(&l);
	s = tls_server_new(&tls_opts);
	opts.forward_port = tls_server_port(s);
	p = http_proxy_new(&opts);
	ctx = tls_ctx_new(tls_server_ca_file(s), &words);
	for (int i = 0; i < MANY; i++) {
		static const char *const hosts[] = { "relay.example",
						     "relay.example",
						     "other.example", "a b" };

		req[i] = lab_request(&l, hosts[i % 4], 443);
		req[i]->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					    "");
		req[i]->tls = i % 4 == 1 ? NULL : ctx;
		req[i]->socket = i % 4 == 1 ? lab_app_socket(AF_INET, false)
					    : -1;
		lab_start(&l, req[i]);
	}
	lab_run(&l);
	for (int i = 0; i < MANY; i++) {
		static const enum dial_reason want[] = { DIAL_OK, DIAL_OK,
							 DIAL_RELAY_TLS,
							 DIAL_TARGET_DNS };

		CU_ASSERT_EQUAL(req[i]->reason, want[i % 4]);
		CU_ASSERT_EQUAL(req[i]->session != NULL, i % 4 == 0);
		dial_request_free(req[i]);
	}
	CU_ASSERT_EQUAL(tls_server_handshakes(s) >= MANY / 4, 1);
	tls_ctx_put(ctx);
	http_proxy_free(p);
	tls_server_free(s);
	lab_close(&l);
}

static void wrong_password(void)
{
	struct http_proxy_opts opts = { .login = "alice:right" };
	struct dial_request *req[20];
	struct http_proxy *p;
	unsigned int connections;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	for (int i = 0; i < 20; i++)
		req[i] = start(&l, p, "alice", "wrong");
	lab_run(&l);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(req[i]->reason, DIAL_PROXY_AUTH);
		CU_ASSERT_EQUAL(req[i]->error, ECONNREFUSED);
		CU_ASSERT_PTR_NULL(strstr(req[i]->detail, "wrong"));
		dial_request_free(req[i]);
	}
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	/* Later ones do not even bother the proxy, and say why. */
	poll(NULL, 0, 100); /* let it accept them all */
	connections = http_proxy_connections(p);
	req[0] = start(&l, p, "alice", "wrong");
	lab_run(&l);
	CU_ASSERT_EQUAL(req[0]->reason, DIAL_PROXY_AUTH);
	CU_ASSERT_EQUAL(req[0]->error, ECONNREFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(req[0]->detail, "refused this login"));
	dial_request_free(req[0]);
	poll(NULL, 0, 50);
	CU_ASSERT_EQUAL(http_proxy_connections(p), connections);
	/* The right one goes through, all at once. */
	for (int i = 0; i < 20; i++)
		req[i] = start(&l, p, "alice", "right");
	lab_run(&l);
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(req[i]->reason, DIAL_OK);
		dial_request_free(req[i]);
	}
	/* Somebody insists. */
	CU_ASSERT_EQUAL(proxy_auth_retry(dial_tunnel_env(l.pool)->auth), 1);
	req[0] = start(&l, p, "alice", "wrong");
	lab_run(&l);
	CU_ASSERT_EQUAL(req[0]->http_code, 407);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(req[0]->detail, "407 Proxy Authentication Required"));
	dial_request_free(req[0]);
	CU_ASSERT_EQUAL(http_proxy_logins(p), 22);
	http_proxy_free(p);
	lab_close(&l);
}

/* Without a login there is none to protect: 407 each time, asked each time. */
static void no_login(void)
{
	struct http_proxy_opts opts = { .login = "alice:right" };
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	for (int i = 0; i < 2; i++) {
		struct dial_request *req = start(&l, p, "", "");

		lab_run(&l);
		CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_AUTH);
		CU_ASSERT_EQUAL(req->http_code, 407);
		dial_request_free(req);
	}
	CU_ASSERT_EQUAL(http_proxy_logins(p), 0);
	http_proxy_free(p);
	lab_close(&l);
}

/* Broken off in each step; the loop has it back in no time. */
static void cancel_each_step(void)
{
	static const enum http_proxy_way ways[] = { HTTP_PROXY_SILENT,
						    HTTP_PROXY_DEAF,
						    HTTP_PROXY_DRIP,
						    HTTP_PROXY_TUNNEL };
	struct tls_server_opts silent = { .way = TLS_SERVER_SILENT };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct http_proxy_opts opts = { .way = ways[i] };
		struct dial_request *req;
		struct http_proxy *p;
		struct tls_server *s;
		struct tls_ctx *ctx;
		const char *words;
		struct lab l;
		uint64_t begun;

		lab_open(&l);
		s = tls_server_new(&silent);
		opts.forward_port = tls_server_port(s);
		p = http_proxy_new(&opts);
		ctx = tls_ctx_new(tls_server_ca_file(s), &words);
		req = lab_request(&l, "relay.example", 443);
		req->tls = ctx;
		req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					 "");
		lab_start(&l, req);
		poll(NULL, 0, 60);
		begun = clock_now_ms();
		dial_cancel(req);
		dial_cancel(req);
		lab_run(&l);
		CU_ASSERT(clock_now_ms() - begun < 300);
		CU_ASSERT_EQUAL(req->reason, DIAL_CANCELLED);
		CU_ASSERT_EQUAL(req->error, ECANCELED);
		CU_ASSERT_EQUAL(req->fd, -1);
		dial_request_free(req);
		tls_ctx_put(ctx);
		http_proxy_free(p);
		tls_server_free(s);
		lab_close(&l);
	}
}

static void cancel_look_up(void)
{
	struct dial_request *req;
	struct lab l;
	uint64_t begun;

	atomic_store(&resolver_slow_ms, 800);
	lab_open(&l);
	req = lab_request(&l, "slow.test", 443);
	lab_start(&l, req);
	poll(NULL, 0, 30);
	begun = clock_now_ms();
	dial_cancel(req);
	lab_run(&l);
	CU_ASSERT(clock_now_ms() - begun < 300);
	CU_ASSERT_EQUAL(req->reason, DIAL_CANCELLED);
	dial_request_free(req);
	lab_close(&l);
	poll(NULL, 0, 900);
}

/* At every moment of a short dial: success or cancelled, never anything else,
 * and nothing is left open. */
static void cancel_at_any_time(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct dial_request *req[MANY];
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	for (int i = 0; i < MANY; i++) {
		req[i] = lab_request(&l, "relay.example", 443);
		req[i]->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					    "");
		req[i]->socket = i % 2 ? lab_app_socket(AF_INET, false) : -1;
		lab_start(&l, req[i]);
		usleep((useconds_t)(i * 10));
		dial_cancel(req[i]);
	}
	lab_run(&l);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT(req[i]->reason == DIAL_OK ||
			  req[i]->reason == DIAL_CANCELLED);
		CU_ASSERT(req[i]->fd >= 0 ||
			  (req[i]->reason != DIAL_OK && i % 2 == 0));
		dial_request_free(req[i]);
	}
	http_proxy_free(p);
	lab_close(&l);
}

static void count_drop(void *arg)
{
	unsigned int *dropped = arg;

	++*dropped;
}

/* Queued behind a full pool, under way, and done but not delivered: all are
 * freed with the pool, quickly. */
static void pool_ends_first(void)
{
	static unsigned int dropped[100];
	struct http_proxy_opts silent = { .way = HTTP_PROXY_SILENT };
	struct http_proxy_opts good = { .way = HTTP_PROXY_TUNNEL };
	struct http_proxy *p, *q;
	struct lab l;
	uint64_t begun;

	lab_open(&l);
	p = http_proxy_new(&silent);
	q = http_proxy_new(&good);
	for (int i = 0; i < 10; i++) {
		struct dial_request *req = start(&l, q, "", "");

		req->timeout_ms = 30000;
	}
	poll(NULL, 0, 100);
	for (int i = 0; i < 100; i++) {
		struct dial_request *req = lab_request(&l, "relay.example",
						       443);

		req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					 "");
		req->socket = i % 2 ? lab_app_socket(AF_INET, true) : -1;
		req->drop = count_drop;
		req->arg = &dropped[i];
		lab_start(&l, req);
	}
	poll(NULL, 0, 100);
	begun = clock_now_ms();
	dial_pool_free(l.pool);
	CU_ASSERT(clock_now_ms() - begun < 900);
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(dropped[i], 1);
	l.pool = NULL;
	http_proxy_free(p);
	http_proxy_free(q);
	lab_close(&l);
}

static CU_TestInfo tests[] = {
	{ "64 at once", parallel },
	{ "64 at once, with TLS, app sockets, failures", parallel_mixed },
	{ "a wrong password is sent once", wrong_password },
	{ "no login", no_login },
	{ "cancelled in each step", cancel_each_step },
	{ "cancelled in the look-up", cancel_look_up },
	{ "cancelled at any time", cancel_at_any_time },
	{ "the pool ends first", pool_ends_first },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "dial_many", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
