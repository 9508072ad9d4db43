/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_pump_pair.c - pairs that would never end, and what is held while a sink
 * is full
 */
#include <config.h>

#include "pump_pair.h"

#include "clock.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define WAIT_MS 5000

struct stage {
	struct tls_server *server;
	struct tls_ctx *ctx;
	struct loop *loop;
	struct pump_pair *pair;
	uint8_t scratch[PUMP_CHUNK_BYTES];
	int app; /* the other end of the plain connection */
	int inner;
	bool ended;
	bool broken;
};

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static void on_ended(void *arg, struct pump_pair *pair)
{
	struct stage *s = arg;

	s->ended = true;
	s->broken = pump_pair_broken(pair) != NULL;
	loop_stop(s->loop);
}

static int dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void begin(struct stage *s, const struct tls_server_opts *server,
		  uint32_t half_idle_ms)
{
	struct pump_pair_opts opts = { .scratch = s->scratch,
				       .half_idle_ms = half_idle_ms,
				       .ended = on_ended,
				       .arg = s };
	const char *words;
	int fds[2];

	memset(s, 0, sizeof(*s));
	s->server = tls_server_new(server);
	s->ctx = tls_ctx_new(tls_server_ca_file(s->server), &words);
	s->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->ctx);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->loop);
	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   0, fds),
		0);
	s->app = fds[0];
	opts.loop = s->loop;
	opts.inner = s->inner = fds[1];
	opts.outer = dial(tls_server_port(s->server));
	opts.tls = tls_open(
		s->ctx, opts.outer,
		&(struct tls_opts){ .name = "proxy.test", .http = true });
	CU_ASSERT_PTR_NOT_NULL_FATAL(opts.tls);
	CU_ASSERT_EQUAL_FATAL(tls_handshake_wait(opts.tls, WAIT_MS), 0);
	s->pair = pump_pair_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->pair);
}

static void run(struct stage *s)
{
	pump_pair_start(s->pair, loop_now_ms(s->loop));
}

static void end(struct stage *s)
{
	if (!s->ended)
		pump_pair_free(s->pair);
	close(s->app);
	loop_free(s->loop);
	tls_ctx_put(s->ctx);
	tls_server_free(s->server);
}

static void on_time(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	loop_stop(arg);
}

/* For some turns, or until the pair ends. */
static void turn(struct stage *s, uint32_t ms)
{
	struct loop_timer t = { .index = 0 };

	CU_ASSERT_EQUAL(loop_timer_set(s->loop, &t, clock_now_ms() + ms,
				       on_time, s->loop),
			0);
	CU_ASSERT_EQUAL(loop_run(s->loop), 0);
	loop_timer_stop(s->loop, &t);
}

/* The app has ended its half, and the proxy says nothing at all. */
static void half_is_limited(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_DEAF,
					.name = "proxy.test" };
	struct stage s;
	char c;

	begin(&s, &opts, 40);
	run(&s);
	turn(&s, 100);
	CU_ASSERT_FALSE(s.ended); /* nothing has ended: no limit */
	CU_ASSERT_EQUAL(shutdown(s.app, SHUT_WR), 0);
	turn(&s, WAIT_MS);
	CU_ASSERT_TRUE(s.ended);
	CU_ASSERT_FALSE(s.broken);
	CU_ASSERT_EQUAL(recv(s.app, &c, 1, 0), 0);
	end(&s);
}

/* What the app has left behind cannot be passed on. */
static size_t fill(struct stage *s);

static void rest_is_limited(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_DEAF,
					.name = "proxy.test" };
	struct stage s;

	begin(&s, &opts, 60);
	run(&s);
	(void)fill(&s);
	CU_ASSERT_EQUAL(shutdown(s.app, SHUT_WR), 0);
	turn(&s, 1000); /* before the server goes */
	CU_ASSERT_TRUE(s.ended);
	CU_ASSERT_FALSE(s.broken);
	end(&s);
}

/* As much as fits, and no more is read. */
static size_t fill(struct stage *s)
{
	static char block[PUMP_CHUNK_BYTES];
	size_t sent = 0;
	ssize_t n;

	for (int idle = 0; idle < 3;) {
		n = send(s->app, block, sizeof(block), MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		turn(s, 5);
	}
	return sent;
}

/* The app reads when it likes, however long the proxy has been gone. */
static void paused_app(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_NOTIFY,
					.name = "proxy.test" };
	char block[4096] = "", buf[4096];
	size_t got = 0, full = 0;
	struct stage s;
	ssize_t n;
	int inner;

	begin(&s, &opts, 30);
	/* Nothing fits between the pair and the app any more. */
	inner = s.inner;
	while ((n = send(inner, block, sizeof(block), MSG_NOSIGNAL)) > 0)
		full += (size_t)n;
	run(&s);
	turn(&s, 200);
	CU_ASSERT_FALSE(s.ended);
	while (got < full + 3) {
		n = recv(s.app, buf, sizeof(buf), 0);
		if (n < 0)
			turn(&s, 5);
		else
			got += (size_t)n;
		CU_ASSERT_FATAL(n != 0);
	}
	CU_ASSERT_EQUAL(got, full + 3);
	CU_ASSERT_EQUAL(memcmp(buf + (n - 3), "bye", 3), 0);
	end(&s);
}

/* The proxy reads nothing: what is taken from the app has a limit, and a loop
 * that has nothing to do waits, also when the app is gone. */
static void pressure_goes_back(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_DEAF,
					.name = "proxy.test" };
	struct stage s;
	uint64_t cpu;
	size_t sent;

	begin(&s, &opts, WAIT_MS);
	run(&s);
	sent = fill(&s);
	CU_ASSERT(sent > PUMP_CHUNK_BYTES);
	CU_ASSERT(sent < (8U << 20));
	shutdown(s.app, SHUT_RDWR);
	cpu = (uint64_t)clock();
	turn(&s, 300);
	CU_ASSERT_FALSE(s.ended);
	CU_ASSERT((uint64_t)clock() - cpu < CLOCKS_PER_SEC / 10);
	end(&s);
}

static CU_TestInfo tests[] = {
	{ "half a connection is limited in time", half_is_limited },
	{ "what cannot be passed on is limited, too", rest_is_limited },
	{ "an app that does not read is waited for", paused_app },
	{ "a full sink holds up its source", pressure_goes_back },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pump_pair", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
