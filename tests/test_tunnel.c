/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_tunnel.c - through proxies of each kind, and which of several is taken
 */
#include <config.h>

#include "tunnel.h"

#include "black_hole.h"
#include "dial_lab.h"
#include "http_proxy.h"
#include "proxy_health.h"
#include "socks_server.h"
#include "tls.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A proxy as an app's administrator would name it. */
struct place {
	enum proxy_kind kind;
	uint16_t port;
	struct tls_ctx *tls; /* PROXY_HTTPS */
	const char *user, *password;
	bool careful; /* nothing is sent that anybody could read */
};

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static struct proxy *make_proxy(const struct place *at)
{
	struct proxy *p = proxy_new();
	struct proxy_creds_opts login = { .kind = PROXY_CREDS_FIXED,
					  .username = at->user,
					  .password = at->password };

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p->kind = at->kind;
	strcpy(p->host, "127.0.0.1");
	p->port = at->port;
	p->scheme[0] = PROXY_SCHEME_BASIC;
	p->scheme_count = 1;
	p->basic_over_http = !at->careful;
	p->alpn_header = true;
	if (at->tls != NULL)
		p->tls = tls_ctx_get(at->tls);
	if (at->user != NULL)
		p->creds = proxy_creds_new(&login);
	return p;
}

static struct egress *make_egress(const struct place *at, size_t count)
{
	struct proxy *list[4];
	struct egress_opts opts = { .proxy = list, .count = count };
	struct egress *e;

	for (size_t i = 0; i < count; i++)
		list[i] = make_proxy(&at[i]);
	e = egress_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	for (size_t i = 0; i < count; i++)
		proxy_put(list[i]);
	return e;
}

/* One dial from beginning to end; the caller frees what came of it. */
static struct dial_request *dial(struct lab *l, const struct place *at,
				 size_t count, int app, uint32_t timeout_ms)
{
	struct dial_request *req = lab_request(l, "relay.example", 443);

	req->egress = make_egress(at, count);
	req->socket = app;
	req->alpn_header = true;
	req->timeout_ms = timeout_ms;
	lab_start(l, req);
	lab_run(l);
	return req;
}

static void check(const struct dial_request *req, enum dial_reason reason,
		  int error, const char *words)
{
	CU_ASSERT_EQUAL(req->reason, reason);
	CU_ASSERT_EQUAL(req->error, error);
	if (strstr(req->detail, words) != NULL)
		return;
	fprintf(stderr, "\n\"%s\" lacks \"%s\"\n", req->detail, words);
	CU_FAIL("detail");
}

/* An https:// proxy: TLS in front of an http:// one. */
struct https {
	struct lab lab;
	struct http_proxy *inner;
	struct tls_server *outer;
	struct tls_ctx *trust;
	struct place at;
};

static void begin(struct https *s, const struct http_proxy_opts *inner,
		  const struct tls_server_opts *outer)
{
	struct tls_server_opts front = *outer;
	const char *words;

	lab_open(&s->lab);
	s->inner = http_proxy_new(inner);
	front.forward_port = http_proxy_port(s->inner);
	s->outer = tls_server_new(&front);
	s->trust = tls_ctx_new(tls_server_ca_file(s->outer), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->trust);
	s->at = (struct place){ .kind = PROXY_HTTPS,
				.port = tls_server_port(s->outer),
				.tls = s->trust };
}

static void end(struct https *s)
{
	tls_server_free(s->outer);
	http_proxy_free(s->inner);
	tls_ctx_put(s->trust);
	lab_close(&s->lab);
}

static const struct http_proxy_opts plain = { .way = HTTP_PROXY_TUNNEL };
static const struct tls_server_opts front = { .way = TLS_SERVER_FORWARD,
					      .ip = "127.0.0.1" };

/* Kinds */

static void https_app(void)
{
	struct dial_request *req;
	struct https s;
	char text[400];
	int app;

	begin(&s, &plain, &front);
	app = lab_app_socket(AF_INET, true);
	req = dial(&s.lab, &s.at, 1, app, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_EQUAL(endpoint_port(&req->peer), s.at.port);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "through TLS"));
	http_proxy_last_request(s.inner, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "CONNECT relay.example:443 HTTP/1.1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ALPN: stun.turn\r\n"));
	dial_request_free(req);
	end(&s);
}

static void https_login(void)
{
	struct http_proxy_opts inner = { .way = HTTP_PROXY_TUNNEL,
					 .login = "al:p:w" };
	struct dial_request *req;
	struct https s;

	begin(&s, &inner, &front);
	s.at.user = "al";
	s.at.password = "p:w";
	req = dial(&s.lab, &s.at, 1, -1, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	dial_request_free(req);
	s.at.password = "wrong";
	req = dial(&s.lab, &s.at, 1, lab_app_socket(AF_INET6, false), 5000);
	check(req, DIAL_PROXY_AUTH, ECONNREFUSED, "407");
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFL) & O_NONBLOCK, 0);
	dial_request_free(req);
	end(&s);
}

/* A relay's TLS inside the proxy's. */
static void tls_in_tls(void)
{
	struct tls_server_opts relay = { .name = "relay.example" };
	struct tls_server *target = tls_server_new(&relay);
	struct http_proxy_opts inner = { .forward_port = tls_server_port(
						 target) };
	struct dial_request *req;
	const char *words;
	char buf[8] = "";
	struct https s;
	size_t n;

	begin(&s, &inner, &front);
	req = lab_request(&s.lab, "relay.example", 443);
	req->egress = make_egress(&s.at, 1);
	req->tls = tls_ctx_new(tls_server_ca_file(target), &words);
	lab_start(&s.lab, req);
	lab_run(&s.lab);
	CU_ASSERT_EQUAL_FATAL(req->reason, DIAL_OK);
	CU_ASSERT_STRING_EQUAL(tls_server_alpn(target), "stun.turn");
	CU_ASSERT_STRING_EQUAL(tls_server_alpn(s.outer), "http/1.1");
	CU_ASSERT_EQUAL(tls_write(req->session, "hello", 5, &n), IO_OK);
	while (tls_read(req->session, buf, sizeof(buf), &n) == IO_WANT_READ)
		poll(&(struct pollfd){ .fd = req->fd, .events = POLLIN }, 1,
		     5000);
	CU_ASSERT_EQUAL(n, 5);
	CU_ASSERT_EQUAL(memcmp(buf, "hello", 5), 0);
	tls_ctx_put(req->tls);
	dial_request_free(req);
	tls_server_free(target);
	s.lab.fds--; /* it was there before */
	end(&s);
}

static void https_failures(void)
{
	static const struct {
		struct tls_server_opts front;
		const char *words;
	} rows[] = {
		{ { .way = TLS_SERVER_FORWARD,
		    .ip = "127.0.0.1",
		    .stranger = true },
		  "issuer CN = Stranger CA); if that issuer is right, name its "
		  "certificate in ca_file" },
		{ { .way = TLS_SERVER_FORWARD, .ip = "127.0.0.2" },
		  "IP address mismatch" },
		{ { .way = TLS_SERVER_PLAINTEXT },
		  "TLS: the answer is plain HTTP; the proxy may be an http:// "
		  "one, not https://" },
		{ { .way = TLS_SERVER_HANG_UP }, "during the handshake" },
		{ { .way = TLS_SERVER_FORWARD,
		    .ip = "127.0.0.1",
		    .need_client = true },
		  "the proxy wants a client certificate: client_cert_file" },
		{ { .way = TLS_SERVER_FORWARD,
		    .ip = "127.0.0.1",
		    .need_client = true,
		    .tls12 = true },
		  "the proxy wants a client certificate: client_cert_file" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int app = lab_app_socket(AF_INET, true);
		struct dial_request *req;
		struct https s;

		begin(&s, &plain, &rows[i].front);
		req = dial(&s.lab, &s.at, 1, app, 5000);
		check(req, DIAL_PROXY_TLS, ECONNREFUSED, rows[i].words);
		CU_ASSERT_EQUAL(req->fd, app);
		CU_ASSERT_TRUE(req->same_socket);
		req->fd = -1;
		dial_request_free(req);
		end(&s);
		close(app);
	}
}

static void https_silent(void)
{
	struct tls_server_opts silent = { .way = TLS_SERVER_SILENT };
	struct dial_request *req;
	struct https s;

	begin(&s, &plain, &silent);
	req = dial(&s.lab, &s.at, 1, -1, 80);
	check(req, DIAL_PROXY_TIMEOUT, ETIMEDOUT,
	      "TLS: no answer to the handshake in time");
	dial_request_free(req);
	end(&s);
}

/* SOCKS5 */

struct socks {
	struct lab lab;
	struct socks_server *server;
	struct place at;
};

static void begin_socks(struct socks *s, const struct socks_server_opts *opts)
{
	lab_open(&s->lab);
	s->server = socks_server_new(opts);
	s->at = (struct place){ .kind = PROXY_SOCKS5,
				.port = socks_server_port(s->server) };
}

static void end_socks(struct socks *s)
{
	socks_server_free(s->server);
	lab_close(&s->lab);
}

static void socks_app(void)
{
	struct socks_server_opts opts = { .way = SOCKS_SERVER_TUNNEL };
	struct dial_request *req;
	struct socks s;
	int app;

	begin_socks(&s, &opts);
	app = lab_app_socket(AF_INET6, true);
	req = dial(&s.lab, &s.at, 1, app, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "through SOCKS"));
	CU_ASSERT_STRING_EQUAL(socks_server_target(s.server),
			       "name relay.example:443");
	dial_request_free(req);
	end_socks(&s);
}

/* The proxy gets addresses as addresses. */
static void socks_addresses(void)
{
	static const char *const hosts[][2] = {
		{ "192.0.2.1", "ipv4 192.0.2.1:3478" },
		{ "2001:db8::1", "ipv6 2001:db8::1:3478" },
	};
	struct socks_server_opts opts = { .way = SOCKS_SERVER_TUNNEL };
	struct dial_request *req;
	struct socks s;

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		begin_socks(&s, &opts);
		req = lab_request(&s.lab, hosts[i][0], 3478);
		req->egress = make_egress(&s.at, 1);
		lab_start(&s.lab, req);
		lab_run(&s.lab);
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_STRING_EQUAL(socks_server_target(s.server),
				       hosts[i][1]);
		dial_request_free(req);
		end_socks(&s);
	}
}

/* What the target says at once is the tunnel's, whatever the reply's length. */
static void socks_early(void)
{
	for (uint8_t atyp = 1; atyp <= 4; atyp++) {
		struct socks_server_opts opts = { .atyp = atyp,
						  .early = "SSH-2.0-x" };
		struct dial_request *req;
		char buf[16] = "";
		struct socks s;

		if (atyp == 2)
			continue;
		begin_socks(&s, &opts);
		req = dial(&s.lab, &s.at, 1, -1, 5000);
		CU_ASSERT_EQUAL_FATAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL(recv(req->fd, buf, sizeof(buf), 0), 9);
		CU_ASSERT_STRING_EQUAL(buf, "SSH-2.0-x");
		dial_request_free(req);
		end_socks(&s);
	}
}

static void socks_login(void)
{
	struct socks_server_opts opts = { .login = "al:p%:w" };
	struct dial_request *req;
	struct socks s;

	begin_socks(&s, &opts);
	req = dial(&s.lab, &s.at, 1, -1, 5000);
	check(req, DIAL_PROXY_AUTH, ECONNREFUSED,
	      "CONNECT relay.example:443: the proxy wants a login; no user "
	      "name and password are configured");
	dial_request_free(req);
	s.at.user = "al";
	s.at.password = "p%:w";
	req = dial(&s.lab, &s.at, 1, -1, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	dial_request_free(req);
	CU_ASSERT_EQUAL(socks_server_logins(s.server), 1);
	end_socks(&s);
}

/* Once: the account may be locked by the next. */
static void socks_wrong_login(void)
{
	struct socks_server_opts opts = { .login = "al:right" };
	struct dial_request *req;
	struct socks s;

	begin_socks(&s, &opts);
	s.at.user = "al";
	s.at.password = "wrong";
	req = dial(&s.lab, &s.at, 1, lab_app_socket(AF_INET, true), 5000);
	check(req, DIAL_PROXY_AUTH, ECONNREFUSED, "refused this login");
	CU_ASSERT_TRUE(req->same_socket);
	dial_request_free(req);
	req = dial(&s.lab, &s.at, 1, -1, 5000);
	check(req, DIAL_PROXY_AUTH, ECONNREFUSED, "refused this login before");
	dial_request_free(req);
	CU_ASSERT_EQUAL(socks_server_logins(s.server), 1);
	CU_ASSERT_EQUAL(socks_server_connections(s.server), 1);
	end_socks(&s);
}

/* It would be there for everybody to read. */
static void socks_withholds(void)
{
	struct socks_server_opts opts = { .login = "al:right" };
	struct dial_request *req;
	struct socks s;

	begin_socks(&s, &opts);
	s.at.user = "al";
	s.at.password = "right";
	s.at.careful = true;
	req = dial(&s.lab, &s.at, 1, -1, 5000);
	check(req, DIAL_PROXY_AUTH, ECONNREFUSED, "basic_over_http");
	dial_request_free(req);
	CU_ASSERT_EQUAL(socks_server_logins(s.server), 0);
	end_socks(&s);
}

static void socks_failures(void)
{
	static const struct {
		struct socks_server_opts opts;
		enum dial_reason reason;
		int error;
		const char *words;
	} rows[] = {
		{ { .reply = 1 },
		  DIAL_TARGET_UNREACH,
		  EHOSTUNREACH,
		  "CONNECT relay.example:443: general failure (reply 1)" },
		{ { .reply = 2 },
		  DIAL_PROXY_DENIED,
		  ECONNREFUSED,
		  "not allowed by its rules" },
		{ { .reply = 3 },
		  DIAL_TARGET_UNREACH,
		  EHOSTUNREACH,
		  "network unreachable" },
		{ { .reply = 4 },
		  DIAL_TARGET_UNREACH,
		  EHOSTUNREACH,
		  "host unreachable" },
		{ { .reply = 5 },
		  DIAL_TARGET_REFUSED,
		  ECONNREFUSED,
		  "connection refused" },
		{ { .reply = 6 },
		  DIAL_TARGET_UNREACH,
		  EHOSTUNREACH,
		  "TTL expired" },
		{ { .reply = 7 }, DIAL_PROXY_DENIED, ECONNREFUSED, "reply 7" },
		{ { .reply = 8 }, DIAL_PROXY_DENIED, ECONNREFUSED, "reply 8" },
		{ { .reply = 77 },
		  DIAL_TARGET_UNREACH,
		  EHOSTUNREACH,
		  "a failure without a name" },
		{ { .method = 1 },
		  DIAL_PROXY_AUTH,
		  ECONNREFUSED,
		  "the proxy wants GSSAPI" },
		{ { .method = 9 },
		  DIAL_PROXY_AUTH,
		  ECONNREFUSED,
		  "the proxy wants a way to log in that is unknown here" },
		{ { .way = SOCKS_SERVER_GARBAGE },
		  DIAL_PROXY_PROTOCOL,
		  ECONNABORTED,
		  "the answer is not SOCKS5" },
		{ { .way = SOCKS_SERVER_FIN },
		  DIAL_PROXY_CLOSED,
		  ECONNRESET,
		  "the proxy closed the connection" },
		{ { .way = SOCKS_SERVER_RST },
		  DIAL_PROXY_RESET,
		  ECONNRESET,
		  "Connection reset by peer" },
		{ { .way = SOCKS_SERVER_SILENT },
		  DIAL_PROXY_TIMEOUT,
		  ETIMEDOUT,
		  "no answer in time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* Only one of them waits for the end of the time. */
		bool silent = rows[i].reason == DIAL_PROXY_TIMEOUT;
		struct dial_request *req;
		struct socks s;

		begin_socks(&s, &rows[i].opts);
		req = dial(&s.lab, &s.at, 1, lab_app_socket(AF_INET, true),
			   silent ? 300 : 5000);
		check(req, rows[i].reason, rows[i].error, rows[i].words);
		CU_ASSERT_TRUE(req->same_socket);
		CU_ASSERT_TRUE((fcntl(req->fd, F_GETFL) & O_NONBLOCK) != 0);
		dial_request_free(req);
		end_socks(&s);
	}
}

/* Several */

struct several {
	struct lab lab;
	struct http_proxy *good;
	struct place at[3];
};

/* The first is nobody's port, the second is good. */
static void begin_several(struct several *s, const struct http_proxy_opts *o)
{
	struct http_proxy *gone = http_proxy_new(&plain);

	memset(s->at, 0, sizeof(s->at));
	s->at[0].port = http_proxy_port(gone);
	http_proxy_free(gone);
	lab_open(&s->lab);
	s->good = http_proxy_new(o);
	s->at[1].port = http_proxy_port(s->good);
}

static void end_several(struct several *s)
{
	http_proxy_free(s->good);
	lab_close(&s->lab);
}

static void next_is_tried(void)
{
	struct dial_request *req;
	struct several s;
	int app;

	begin_several(&s, &plain);
	app = lab_app_socket(AF_INET, true);
	req = dial(&s.lab, s.at, 2, app, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "by the second"));
	dial_request_free(req);
	end_several(&s);
}

/* Nobody answers at the first: half of the time is for the second, and the
 * next dial does not wait again. */
static void black_hole_is_passed(void)
{
	struct dial_request *req;
	struct black_hole hole;
	struct several s;
	uint64_t since;

	begin_several(&s, &plain);
	black_hole_open(&hole, (struct endpoint){ .family = ENDPOINT_IPV4,
						  .ip = { 127, 0, 0, 1 } });
	s.at[0].port = endpoint_port(&hole.at);
	since = clock_now_ms();
	req = dial(&s.lab, s.at, 2, lab_app_socket(AF_INET, true), 2000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT(clock_now_ms() - since >= 1000);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "by the second"));
	dial_request_free(req);
	/* Another object for the same proxies, as after a reload. */
	since = clock_now_ms();
	req = dial(&s.lab, s.at, 2, -1, 60000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT(clock_now_ms() - since < 5000);
	dial_request_free(req);
	/* Another network: it is the first again. */
	proxy_health_forget(dial_tunnel_env(s.lab.pool)->health);
	since = clock_now_ms();
	req = dial(&s.lab, s.at, 2, -1, 2000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT(clock_now_ms() - since >= 1000);
	dial_request_free(req);
	black_hole_close(&hole);
	end_several(&s);
}

/* It takes the connection and then says nothing. */
static void silence_is_passed(void)
{
	struct http_proxy_opts silent = { .way = HTTP_PROXY_SILENT };
	struct http_proxy *first;
	struct dial_request *req;
	struct several s;

	begin_several(&s, &plain);
	first = http_proxy_new(&silent);
	s.at[0].port = http_proxy_port(first);
	req = dial(&s.lab, s.at, 2, lab_app_socket(AF_INET, true), 2000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "by the second"));
	dial_request_free(req);
	CU_ASSERT_EQUAL(http_proxy_connections(first), 1);
	req = dial(&s.lab, s.at, 2, -1, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(http_proxy_connections(first), 1);
	dial_request_free(req);
	http_proxy_free(first);
	end_several(&s);
}

static uint16_t local_port(int fd)
{
	struct sockaddr_in in = { .sin_port = 0 };
	socklen_t len = sizeof(in);

	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	return ntohs(in.sin_port);
}

/* A proxy that cannot be trusted is passed, and the app's socket is used by
 * the next. */
static void untrusted_is_passed(void)
{
	struct tls_server_opts stranger = { .way = TLS_SERVER_FORWARD,
					    .ip = "127.0.0.1",
					    .stranger = true };
	struct place at[2] = { { .kind = PROXY_HTTP } };
	struct dial_request *req;
	struct https s;
	int app;

	begin(&s, &plain, &stranger);
	app = lab_app_socket(AF_INET, true);
	at[0] = s.at;
	at[1].port = http_proxy_port(s.inner);
	req = dial(&s.lab, at, 2, app, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "in the clear"));
	CU_ASSERT_EQUAL(http_proxy_last_port(s.inner), local_port(req->fd));
	dial_request_free(req);
	end(&s);
}

/* What a proxy has answered is an answer. */
static void refusal_is_final(const char *answer, enum dial_reason reason,
			     int error, const char *words)
{
	struct http_proxy_opts say = { .way = HTTP_PROXY_SAY,
				       .answer = answer };
	struct http_proxy *first;
	struct dial_request *req;
	struct several s;

	begin_several(&s, &plain);
	first = http_proxy_new(&say);
	s.at[0].port = http_proxy_port(first);
	for (int i = 0; i < 2; i++) {
		req = dial(&s.lab, s.at, 2, -1, 5000);
		check(req, reason, error, words);
		dial_request_free(req);
	}
	CU_ASSERT_EQUAL(http_proxy_connections(s.good), 0);
	http_proxy_free(first);
	end_several(&s);
}

static void answers_are_final(void)
{
	refusal_is_final("HTTP/1.1 403 No\r\n\r\n", DIAL_PROXY_DENIED,
			 ECONNREFUSED, "403 No");
	refusal_is_final("HTTP/1.1 503 No\r\n\r\n", DIAL_TARGET_UNREACH,
			 EHOSTUNREACH, "503 No");
	refusal_is_final("HTTP/1.1 504 No\r\n\r\n", DIAL_TARGET_TIMEOUT,
			 ETIMEDOUT, "504 No");
	refusal_is_final("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic "
			 "realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
			 DIAL_PROXY_AUTH, ECONNREFUSED, "407");
}

static void all_are_tried(void)
{
	struct dial_request *req;
	struct several s;
	char words[64];

	begin_several(&s, &plain);
	s.at[1].port = s.at[0].port;
	s.at[1].kind = PROXY_SOCKS5;
	s.at[2].port = http_proxy_port(s.good);
	for (int i = 0; i < 2; i++) {
		req = dial(&s.lab, s.at, 2, -1, 5000);
		snprintf(words, sizeof(words),
			 "proxy 127.0.0.1:%u: connect: ", s.at[0].port);
		check(req, DIAL_PROXY_REFUSED, ECONNREFUSED, words);
		dial_request_free(req);
	}
	/* Both rest, and the third has never failed. */
	req = dial(&s.lab, s.at, 3, -1, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	dial_request_free(req);
	end_several(&s);
}

static CU_TestInfo kinds[] = {
	{ "https: the app's own socket", https_app },
	{ "https: logging in", https_login },
	{ "https: a relay's TLS inside", tls_in_tls },
	{ "https: what can be wrong", https_failures },
	{ "https: silence", https_silent },
	CU_TEST_INFO_NULL,
};
static CU_TestInfo socks[] = {
	{ "the app's own socket, by name", socks_app },
	{ "addresses", socks_addresses },
	{ "a target that speaks first", socks_early },
	{ "logging in", socks_login },
	{ "a wrong password goes out once", socks_wrong_login },
	{ "a password that could be read is not sent", socks_withholds },
	{ "what can be wrong", socks_failures },
	CU_TEST_INFO_NULL,
};
static CU_TestInfo several[] = {
	{ "nobody listens: the next", next_is_tried },
	{ "a black hole: the next, and it rests", black_hole_is_passed },
	{ "no answer to CONNECT: the next", silence_is_passed },
	{ "not to be trusted: the next", untrusted_is_passed },
	{ "answers are final", answers_are_final },
	{ "all are tried", all_are_tried },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "kinds", .pInitFunc = ignore_sigpipe, .pTests = kinds },
	{ .pName = "socks", .pTests = socks },
	{ .pName = "several", .pTests = several },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
