/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_proxy_pump.c - what goes through, how it ends, and what a proxy's TLS
 * can have against us or we against it
 */
#include <config.h>

#include "proxy_pump.h"

#include "cancel.h"
#include "clock.h"
#include "dial_lab.h"
#include "hop.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define NAME    "proxy.test"
#define WAIT_MS 5000

struct stage {
	struct tls_server *server;
	struct tls_ctx *ctx;
	struct proxy_pump *pump;
	struct cancel cancel;
	struct hop hop;
	struct proxy_pump_call call;
	int near;
	int fds;
};

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static int dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void open_stage(struct stage *s, const struct tls_server_opts *opts)
{
	const char *words;

	memset(s, 0, sizeof(*s));
	s->fds = lab_count_fds();
	s->near = -1;
	s->server = tls_server_new(opts);
	s->ctx = tls_ctx_new(tls_server_ca_file(s->server), &words);
	s->pump = proxy_pump_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->ctx);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->pump);
	cancel_init(&s->cancel);
}

static int call(struct stage *s, int app, uint32_t timeout_ms)
{
	s->hop = (struct hop){ .socket = app,
			       .deadline_ms = clock_now_ms() + timeout_ms,
			       .cancel = &s->cancel };
	s->call = (struct proxy_pump_call){ .outer = dial(
						    tls_server_port(s->server)),
					    .host = NAME,
					    .port = tls_server_port(s->server),
					    .tls = s->ctx,
					    .inner = &s->hop };
	s->near = proxy_pump_connect(s->pump, &s->call);
	return s->near;
}

/* Stands, with a new socket or `app`; blocking from now on. */
static void begin(struct stage *s, const struct tls_server_opts *opts, int app)
{
	open_stage(s, opts);
	CU_ASSERT_FATAL(call(s, app, WAIT_MS) >= 0);
	CU_ASSERT_TRUE(s->call.secure);
	fcntl(s->near, F_SETFL, fcntl(s->near, F_GETFL) & ~O_NONBLOCK);
}

static struct proxy_pump_stats stats_of(struct stage *s)
{
	struct proxy_pump_stats stats;

	proxy_pump_stats(s->pump, &stats);
	return stats;
}

static void wait_pairs(struct stage *s, uint64_t n)
{
	uint64_t deadline = clock_now_ms() + WAIT_MS;

	while (stats_of(s).pairs != n && clock_now_ms() < deadline)
		poll(NULL, 0, 1);
	CU_ASSERT_EQUAL(stats_of(s).pairs, n);
}

static void end(struct stage *s)
{
	proxy_pump_free(s->pump);
	if (s->near >= 0)
		close(s->near);
	tls_ctx_put(s->ctx);
	tls_server_free(s->server);
	cancel_fini(&s->cancel);
	CU_ASSERT_EQUAL(lab_count_fds(), s->fds);
}

static size_t read_all(int fd, char *buf, size_t max, ssize_t *last)
{
	size_t got = 0;

	while (got < max && (*last = recv(fd, buf + got, max - got, 0)) > 0)
		got += (size_t)*last;
	return got;
}

/* Through */

static void echo(void)
{
	struct tls_server_opts opts = { .name = NAME };
	struct stage s;

	begin(&s, &opts, -1);
	CU_ASSERT_TRUE(lab_echoes(s.near, "hello"));
	CU_ASSERT_TRUE(lab_echoes(s.near, "again"));
	CU_ASSERT_STRING_EQUAL(tls_server_sni(s.server), NAME);
	CU_ASSERT_STRING_EQUAL(tls_server_alpn(s.server), "http/1.1");
	close(s.near);
	s.near = -1;
	wait_pairs(&s, 0);
	CU_ASSERT_EQUAL(stats_of(&s).opened, 1);
	CU_ASSERT_EQUAL(stats_of(&s).broken, 0);
	CU_ASSERT_EQUAL(stats_of(&s).bytes, 20);
	end(&s);
}

static void echo_app(int family)
{
	struct tls_server_opts opts = { .name = NAME };
	int app = lab_app_socket(family, true);
	struct stage s;

	begin(&s, &opts, app);
	CU_ASSERT_EQUAL(s.near, app);
	CU_ASSERT_TRUE(lab_echoes(s.near, "hello"));
	s.fds--; /* end() closes it */
	end(&s);
}

static void own_socket(void)
{
	echo_app(AF_INET);
	echo_app(AF_INET6);
}

struct writer {
	int fd;
	const char *bytes;
	size_t len;
};

static void *write_main(void *arg)
{
	struct writer *w = arg;
	size_t put = 0;

	while (put < w->len) {
		size_t n = w->len - put < 50000 ? w->len - put : 50000;
		ssize_t did = send(w->fd, w->bytes + put, n, MSG_NOSIGNAL);

		if (did <= 0)
			abort();
		put += (size_t)did;
	}
	shutdown(w->fd, SHUT_WR);
	return NULL;
}

/* Small buffers below TLS: each write stops half way and goes on from another
 * place in memory, and nothing is lost, doubled or changed. */
static void much(bool tls12, int send_bytes)
{
	struct tls_server_opts opts = { .name = NAME, .tls12 = tls12 };
	enum {
		TOTAL = 4 << 20
	};
	char *bytes = malloc(TOTAL), *got = malloc(TOTAL + 1);
	struct writer w = { .bytes = bytes, .len = TOTAL };
	ssize_t last = -1;
	pthread_t thread;
	struct stage s;

	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = (char)(i * 7 + i / 4096);
	begin(&s, &opts, -1);
	if (send_bytes > 0)
		setsockopt(s.call.outer, SOL_SOCKET, SO_SNDBUF, &send_bytes,
			   sizeof(send_bytes));
	w.fd = s.near;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_main, &w), 0);
	CU_ASSERT_EQUAL(read_all(s.near, got, TOTAL + 1, &last), TOTAL);
	CU_ASSERT_EQUAL(last, 0);
	CU_ASSERT_EQUAL(memcmp(bytes, got, TOTAL), 0);
	pthread_join(thread, NULL);
	free(bytes);
	free(got);
	end(&s);
}

static void much_through(void)
{
	much(false, 0);
	much(false, 4096);
	much(true, 4096);
}

/* What came with the end of the handshake is in OpenSSL, not in the kernel. */
static void early(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_BURST, .name = NAME };
	char buf[8];
	ssize_t last;
	struct stage s;

	begin(&s, &opts, -1);
	CU_ASSERT_EQUAL(read_all(s.near, buf, 8, &last), 8);
	CU_ASSERT_EQUAL(memcmp(buf, "01234567", 8), 0);
	end(&s);
}

static void many(void)
{
	struct tls_server_opts opts = { .name = NAME };
	int fds[40], i;
	struct stage s;

	open_stage(&s, &opts);
	for (i = 0; i < 40; i++) {
		fds[i] = call(&s, -1, WAIT_MS);
		CU_ASSERT_FATAL(fds[i] >= 0);
	}
	wait_pairs(&s, 40);
	for (i = 0; i < 40; i++)
		CU_ASSERT_TRUE(lab_echoes(fds[i], i % 2 ? "odd" : "even"));
	for (i = 0; i < 40; i++)
		close(fds[i]);
	s.near = -1;
	wait_pairs(&s, 0);
	end(&s);
}

/* Ends */

static void half_close(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_LATE,
					.name = NAME,
					.answer = "the rest" };
	char buf[32];
	ssize_t last = -1;
	struct stage s;

	begin(&s, &opts, -1);
	CU_ASSERT_EQUAL(send(s.near, "request", 7, MSG_NOSIGNAL), 7);
	CU_ASSERT_EQUAL(shutdown(s.near, SHUT_WR), 0);
	CU_ASSERT_EQUAL(read_all(s.near, buf, sizeof(buf), &last), 8);
	CU_ASSERT_EQUAL(memcmp(buf, "the rest", 8), 0);
	CU_ASSERT_EQUAL(last, 0);
	wait_pairs(&s, 0);
	end(&s);
}

/* With close_notify or without: the end of file, and what came before it. */
static void ends(enum tls_server_way way, const char *text)
{
	struct tls_server_opts opts = { .way = way, .name = NAME };
	char buf[8];
	ssize_t last = -1;
	struct stage s;

	begin(&s, &opts, -1);
	CU_ASSERT_EQUAL(read_all(s.near, buf, sizeof(buf), &last), 3);
	CU_ASSERT_EQUAL(memcmp(buf, text, 3), 0);
	CU_ASSERT_EQUAL(last, 0);
	/* The other direction is still open. */
	CU_ASSERT_EQUAL(stats_of(&s).pairs, 1);
	CU_ASSERT_EQUAL(send(s.near, "x", 1, MSG_NOSIGNAL), 1);
	close(s.near);
	s.near = -1;
	wait_pairs(&s, 0);
	end(&s);
}

static void end_of_file(void)
{
	ends(TLS_SERVER_NOTIFY, "bye");
	ends(TLS_SERVER_TRUNCATE, "cut");
}

static void reset_by_proxy(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_CUT, .name = NAME };
	char buf[8], words[200] = "";
	ssize_t last = 0;
	struct stage s;

	begin(&s, &opts, -1);
	(void)read_all(s.near, buf, sizeof(buf), &last);
	CU_ASSERT_EQUAL(last, -1);
	CU_ASSERT_EQUAL(errno, ECONNRESET);
	wait_pairs(&s, 0);
	CU_ASSERT_EQUAL(stats_of(&s).broken, 1);
	CU_ASSERT_EQUAL(
		proxy_pump_fault(s.pump, s.call.pair, words, sizeof(words)),
		TLS_FAULT_OTHER);
	CU_ASSERT_STRING_EQUAL(words, "TLS: Connection reset by peer");
	CU_ASSERT_EQUAL(
		proxy_pump_fault(s.pump, s.call.pair + 1, words, sizeof(words)),
		TLS_FAULT_NONE);
	end(&s);
}

static void reset_by_app(void)
{
	static const struct linger now = { .l_onoff = 1 };
	struct tls_server_opts opts = { .name = NAME };
	struct stage s;

	begin(&s, &opts, -1);
	CU_ASSERT_TRUE(lab_echoes(s.near, "hello"));
	setsockopt(s.near, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(s.near);
	s.near = -1;
	wait_pairs(&s, 0);
	CU_ASSERT_EQUAL(stats_of(&s).broken, 0);
	end(&s);
}

static void stop_resets(void)
{
	struct tls_server_opts opts = { .name = NAME };
	struct stage s;
	char c;

	begin(&s, &opts, -1);
	proxy_pump_free(s.pump);
	s.pump = NULL;
	CU_ASSERT_EQUAL(recv(s.near, &c, 1, 0), -1);
	CU_ASSERT_EQUAL(errno, ECONNRESET);
	end(&s);
}

/* Faults */

static void expect_words(struct stage *s, const char *words)
{
	if (strstr(s->call.words, words) != NULL)
		return;
	CU_FAIL("words");
	fprintf(stderr, "%s, not %s\n", s->call.words, words);
}

static void refuse(const struct tls_server_opts *opts, int error,
		   const char *words)
{
	int app = lab_app_socket(AF_INET, true);
	struct stage s;

	open_stage(&s, opts);
	CU_ASSERT_EQUAL(call(&s, app, WAIT_MS), error);
	CU_ASSERT_FALSE(s.call.secure);
	expect_words(&s, words);
	CU_ASSERT_EQUAL(s.call.outer, -1);
	close(app);
	s.near = -1;
	s.fds--;
	end(&s);
}

static void refused(void)
{
	refuse(&(struct tls_server_opts){ .name = NAME, .stranger = true },
	       -EPROTO,
	       "TLS: certificate of proxy.test: unable to get local issuer "
	       "certificate (subject CN = proxy.test, issuer CN = Stranger "
	       "CA); if that issuer is right, name its certificate in "
	       "ca_file");
	refuse(&(struct tls_server_opts){ .name = "other.test" }, -EPROTO,
	       "hostname mismatch");
	refuse(&(struct tls_server_opts){ .way = TLS_SERVER_PLAINTEXT },
	       -EPROTO,
	       "TLS: the answer is plain HTTP; the proxy may be an http:// "
	       "one, not https://");
	refuse(&(struct tls_server_opts){ .way = TLS_SERVER_HANG_UP },
	       -ECONNRESET, "closed during the handshake");
	refuse(&(struct tls_server_opts){ .way = TLS_SERVER_RESET },
	       -ECONNRESET, "Connection reset by peer");
}

static void no_answer(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_SILENT };
	struct stage s;

	open_stage(&s, &opts);
	CU_ASSERT_EQUAL(call(&s, -1, 60), -ETIMEDOUT);
	CU_ASSERT_FALSE(s.call.secure);
	expect_words(&s, "TLS: no answer to the handshake in time");
	s.near = -1;
	end(&s);
}

static void *cancel_main(void *arg)
{
	poll(NULL, 0, 30);
	cancel_now(arg);
	return NULL;
}

static void cancelled(void)
{
	struct tls_server_opts opts = { .way = TLS_SERVER_STALL };
	pthread_t thread;
	struct stage s;

	open_stage(&s, &opts);
	CU_ASSERT_EQUAL_FATAL(
		pthread_create(&thread, NULL, cancel_main, &s.cancel), 0);
	CU_ASSERT_EQUAL(call(&s, -1, WAIT_MS), -ECANCELED);
	pthread_join(thread, NULL);
	s.near = -1;
	end(&s);
}

/* TLS 1.2 says so in the handshake, 1.3 after it. */
static void want_cert(bool tls12, const char *file, enum tls_fault fault,
		      const char *words)
{
	struct tls_server_opts opts = { .name = NAME,
					.tls12 = tls12,
					.need_client = true };
	const char *why = NULL;
	struct stage s;
	int rc;
	char c;

	open_stage(&s, &opts);
	if (file != NULL)
		CU_ASSERT_TRUE_FATAL(tls_ctx_identify(s.ctx, file, file, &why));
	rc = call(&s, -1, WAIT_MS);
	if (tls12) {
		CU_ASSERT_EQUAL(rc, -EPROTO);
	} else {
		CU_ASSERT_FATAL(rc >= 0);
		fcntl(rc, F_SETFL, 0);
		CU_ASSERT_EQUAL(recv(rc, &c, 1, 0), -1);
		CU_ASSERT_EQUAL(proxy_pump_fault(s.pump, s.call.pair,
						 s.call.words,
						 sizeof(s.call.words)),
				fault);
	}
	expect_words(&s, words);
	end(&s);
}

static void cert_wanted(void)
{
	want_cert(false, NULL, TLS_FAULT_CERT_WANTED, "client_cert_file");
	want_cert(true, NULL, TLS_FAULT_CERT_WANTED, "client_cert_file");
}

static void cert_refused(void)
{
	struct tls_server_opts opts = { .need_client = true };
	struct tls_server *other = tls_server_new(&opts);
	const char *file = tls_server_client_file(other);

	want_cert(false, file, TLS_FAULT_CERT_REFUSED, "does not take");
	want_cert(true, file, TLS_FAULT_CERT_REFUSED, "does not take");
	tls_server_free(other);
}

static void cert_taken(void)
{
	struct tls_server_opts opts = { .name = NAME, .need_client = true };
	const char *why = NULL, *file;
	struct stage s;

	open_stage(&s, &opts);
	file = tls_server_client_file(s.server);
	CU_ASSERT_TRUE_FATAL(tls_ctx_identify(s.ctx, file, file, &why));
	CU_ASSERT_FATAL(call(&s, -1, WAIT_MS) >= 0);
	CU_ASSERT_TRUE(lab_echoes(s.near, "hello"));
	end(&s);
}

static CU_TestInfo through[] = {
	{ "what is written comes back", echo },
	{ "the app's own socket", own_socket },
	{ "megabytes, in writes that stop half way", much_through },
	{ "what came with the handshake", early },
	{ "forty at once", many },
	CU_TEST_INFO_NULL,
};
static CU_TestInfo endings[] = {
	{ "half-close", half_close },
	{ "end of file, with close_notify or not", end_of_file },
	{ "reset by the proxy", reset_by_proxy },
	{ "reset by the app", reset_by_app },
	{ "the end of the pump resets", stop_resets },
	CU_TEST_INFO_NULL,
};
static CU_TestInfo faults[] = {
	{ "proxies that cannot be trusted", refused },
	{ "no answer", no_answer },
	{ "cancelled", cancelled },
	{ "client certificate: wanted", cert_wanted },
	{ "client certificate: refused", cert_refused },
	{ "client certificate: taken", cert_taken },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "through", .pInitFunc = ignore_sigpipe, .pTests = through },
	{ .pName = "ends", .pTests = endings },
	{ .pName = "faults", .pTests = faults },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
