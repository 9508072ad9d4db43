/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_doctor.c - broken ways to a relay: the doctor names the one culprit, who
 * must act and what to change, and is done in time
 */
#include <config.h>

#include "doctor.h"

#include "black_hole.h"
#include "creds.h"
#include "dial_lab.h"
#include "http_proxy.h"
#include "lib/relay.h"
#include "policy.h"
#include "relay.h"
#include "resolver.h"
#include "rules.h"
#include "socks_server.h"
#include "tls.h"
#include "tls_server.h"
#include "turn_server.h"
#include "unit.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No resolver knows it, and the proxy goes where it is told to. */
#define RELAY_HOST   "relay.test"
#define PASSWORD     "hunter2"
#define HOLE_RELAYS  4
#define SAY(status)  "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define SAYING(text) .way = HTTP_PROXY_SAY, .answer = (text)

/* One broken way, and what is to be said about it. */
struct row {
	const char *name;
	/* the proxy */
	bool direct; /* there is none */
	struct http_proxy_opts proxy;
	const struct socks_server_opts *socks; /* NULL: it speaks HTTP */
	const char *proxy_host;                /* NULL: 127.0.0.1 */
	const char *user;  /* NULL: no login is configured */
	bool in_the_clear; /* basic_over_http */
	const struct tls_server_opts *proxy_tls; /* NULL: http:// */
	bool closed;                             /* nobody listens there */
	/* the relay */
	const struct tls_server_opts *tls; /* NULL: TCP */
	bool distrust;                     /* the system's store, not its CA */
	const char *relay_host;            /* NULL: RELAY_HOST */
	const char *relay_password;        /* NULL: the right one */
	struct turn_server_knobs knobs;
	/* what is said; `line` NULL: nothing is wrong */
	const char *line, *who, *change, *words;
};

static const struct tls_server_opts tls_good = {
	.way = TLS_SERVER_FORWARD,
	.name = RELAY_HOST,
};
static const struct tls_server_opts tls_other_name = {
	.way = TLS_SERVER_FORWARD,
	.name = "other.example",
};
static const struct tls_server_opts tls_expired = {
	.way = TLS_SERVER_FORWARD,
	.name = RELAY_HOST,
	.expired = true,
};
static const struct tls_server_opts tls_old = {
	.way = TLS_SERVER_FORWARD,
	.name = RELAY_HOST,
	.tls11 = true,
};
/* Who inspects TLS looks for HTTP in it. */
static const struct tls_server_opts tls_inspected = {
	.way = TLS_SERVER_SAY,
	.answer = SAY("400 Bad Request"),
	.name = RELAY_HOST,
};
static const struct tls_server_opts tls_proxy = {
	.way = TLS_SERVER_FORWARD,
	.ip = "127.0.0.1",
};
static const struct tls_server_opts tls_proxy_stranger = {
	.way = TLS_SERVER_FORWARD,
	.ip = "127.0.0.1",
	.stranger = true,
};
static const struct tls_server_opts tls_proxy_plain = {
	.way = TLS_SERVER_PLAINTEXT,
	.ip = "127.0.0.1",
};
static const struct tls_server_opts tls_proxy_asks = {
	.way = TLS_SERVER_FORWARD,
	.ip = "127.0.0.1",
	.tls12 = true,
	.need_client = true,
};

static const struct socks_server_opts socks_good = {
	.way = SOCKS_SERVER_TUNNEL,
};
static const struct socks_server_opts socks_denies = {
	.reply = 2, /* not allowed by the ruleset */
};
static const struct socks_server_opts socks_refused = {
	.reply = 5, /* by the target */
};
static const struct socks_server_opts socks_login = {
	.login = "joe:other",
};

static const struct row rows[] = {
	{ .name = "all is well" },
	{ .name = "all is well, by TLS", .tls = &tls_good },
	{ .name = "all is well, with a login",
	  .proxy = { .login = "joe:" PASSWORD },
	  .user = "joe",
	  .in_the_clear = true },
	{ .name = "all is well, an https:// proxy", .proxy_tls = &tls_proxy },
	{ .name = "all is well, by SOCKS5", .socks = &socks_good },
	/* The proxy */
	{ .name = "no such proxy",
	  .proxy_host = "gone.test",
	  .line = "proxy.name",
	  .who = "it",
	  .change = "make the name server know gone.test" },
	{ .name = "the resolver fails",
	  .proxy_host = "dead.test",
	  .line = "proxy.name",
	  .who = "it",
	  .change = "/etc/resolv.conf: nameserver" },
	{ .name = "the proxy is down",
	  .closed = true,
	  .line = "proxy.tcp",
	  .who = "proxy-admin",
	  .change = "start the proxy at 127.0.0.1:" },
	{ .name = "a stranger's certificate",
	  .proxy_tls = &tls_proxy_stranger,
	  .line = "proxy.tls",
	  .who = "it",
	  .change = "[proxy] ca_file = FILE" },
	{ .name = "https:// to an http:// proxy",
	  .proxy_tls = &tls_proxy_plain,
	  .line = "proxy.tls",
	  .who = "it",
	  .change = "[proxy] url = http://127.0.0.1:" },
	{ .name = "the proxy wants a certificate",
	  .proxy_tls = &tls_proxy_asks,
	  .line = "proxy.tls",
	  .who = "it",
	  .change = "client_cert_file" },
	{ .name = "a login is missing",
	  .proxy = { .login = "joe:" PASSWORD },
	  .line = "proxy.login",
	  .who = "you",
	  .change = "username = USER, password_file = FILE" },
	{ .name = "the wrong password",
	  .proxy = { .login = "joe:other" },
	  .user = "joe",
	  .in_the_clear = true,
	  .line = "proxy.login",
	  .who = "you",
	  .change = "`turnout proxy retry`",
	  .words = "the proxy refused this login" },
	{ .name = "Basic in the clear",
	  .proxy = { .login = "joe:" PASSWORD },
	  .user = "joe",
	  .line = "proxy.login",
	  .who = "it",
	  .change = "basic_over_http = yes" },
	{ .name = "a scheme that nobody knows",
	  .proxy = { .asks = { .login = "joe:" PASSWORD,
			       .ways = PROXY_LOGIN_BEARER } },
	  .user = "joe",
	  .line = "proxy.login",
	  .who = "proxy-admin",
	  .change = "squid: auth_param" },
	{ .name = "the port is refused",
	  .proxy = { SAYING(SAY("403 Forbidden")) },
	  .line = "proxy.connect",
	  .who = "proxy-admin",
	  .change = "squid: acl SSL_ports port 443",
	  .words = "403 Forbidden" },
	{ .name = "a captive portal",
	  .proxy = { SAYING("HTTP/1.1 302 Found\r\nLocation: "
			    "http://portal.example/\r\n"
			    "Content-Length: 0\r\n\r\n") },
	  .line = "proxy.connect",
	  .who = "you",
	  .change = "sign in to the network" },
	{ .name = "something else listens there",
	  .proxy = { SAYING("SSH-2.0-OpenSSH\r\n\r\n") },
	  .line = "proxy.connect",
	  .who = "it",
	  .change = "is no HTTP proxy" },
	{ .name = "the proxy hangs up",
	  .proxy = { .way = HTTP_PROXY_FIN },
	  .line = "proxy.connect",
	  .who = "proxy-admin",
	  .change = "does not answer CONNECT " RELAY_HOST ":443" },
	{ .name = "the proxy does not reach the relay",
	  .proxy = { SAYING(SAY("503 Unavailable")) },
	  .line = "relay.tcp",
	  .who = "relay-admin",
	  .change = "tls-listening-port=443" },
	{ .name = "SOCKS5 says no",
	  .socks = &socks_denies,
	  .line = "proxy.connect",
	  .who = "proxy-admin",
	  .change = "Dante: " },
	{ .name = "SOCKS5 without a login",
	  .socks = &socks_login,
	  .line = "proxy.login",
	  .who = "you",
	  .change = "username = USER, password_file = FILE" },
	{ .name = "SOCKS5 shows passwords",
	  .socks = &socks_login,
	  .user = "joe",
	  .line = "proxy.login",
	  .who = "it",
	  .change = "basic_over_http = yes" },
	{ .name = "SOCKS5 with the wrong password",
	  .socks = &socks_login,
	  .user = "joe",
	  .in_the_clear = true,
	  .line = "proxy.login",
	  .who = "you",
	  .change = "`turnout proxy retry`" },
	{ .name = "the relay is down behind SOCKS5",
	  .socks = &socks_refused,
	  .line = "relay.tcp",
	  .who = "relay-admin",
	  .change = "let the relay listen" },
	/* The relay */
	{ .name = "no such relay",
	  .direct = true,
	  .relay_host = "gone.test",
	  .line = "relay.name",
	  .who = "it",
	  .change = "[relay main] uri" },
	{ .name = "the relay is down",
	  .direct = true,
	  .closed = true,
	  .line = "relay.tcp",
	  .who = "relay-admin",
	  .change = "start the relay" },
	{ .name = "an inspecting proxy",
	  .tls = &tls_inspected,
	  .distrust = true,
	  .line = "relay.tls",
	  .who = "proxy-admin",
	  .change = "squid: ssl_bump splice turnout_relay" },
	{ .name = "a CA of its own",
	  .tls = &tls_good,
	  .distrust = true,
	  .line = "relay.tls",
	  .who = "it",
	  .change = "[relay main] ca_file = FILE" },
	{ .name = "another's certificate",
	  .tls = &tls_other_name,
	  .line = "relay.tls",
	  .who = "relay-admin",
	  .change = "valid now and for the name " RELAY_HOST },
	{ .name = "the certificate has expired",
	  .tls = &tls_expired,
	  .line = "relay.tls",
	  .who = "relay-admin",
	  .change = "cert=FILE",
	  .words = "expired" },
	{ .name = "TLS of the last century",
	  .tls = &tls_old,
	  .line = "relay.tls",
	  .who = "relay-admin",
	  .change = "TLS 1.2 or later" },
	{ .name = "a web server in the relay's place",
	  .proxy = { .answer = "HTTP/1.1 200 OK\r\n\r\n" SAY(
			     "400 Bad Request") },
	  .line = "relay.turn",
	  .who = "relay-admin",
	  .change = "let a TURN server answer at " RELAY_HOST ":443" },
	/* TURN */
	{ .name = "the relay's password is wrong",
	  .relay_password = "wrong",
	  .line = "relay.allocate",
	  .who = "it",
	  .change = "username and password_file" },
	{ .name = "the quota is used up",
	  .knobs = { .force_error = 486,
		     .force_count = 9,
		     .force_method = 3,
		     .force_signed = true },
	  .line = "relay.quota",
	  .who = "relay-admin",
	  .change = "user-quota=" },
	{ .name = "the relay says nothing",
	  .knobs = { .silent = true },
	  .line = "relay.turn",
	  .who = "relay-admin",
	  .change = "takes the connection and says nothing" },
};

/* The fake relay, in a loop and a thread of its own. */
struct host {
	struct relay_fixture relay;
	struct loop *loop;
	pthread_t thread;
};

static void *run_host(void *arg)
{
	struct host *h = arg;

	if (loop_run(h->loop) != 0)
		abort();
	return NULL;
}

static void host_open(struct host *h, const struct turn_server_knobs *knobs)
{
	h->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(h->loop);
	relay_fixture_open(&h->relay, h->loop, 0);
	*turn_server_knobs(h->relay.server) = *knobs;
	turn_server_knobs(h->relay.server)->echo = true;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&h->thread, NULL, run_host, h), 0);
}

static void host_close(struct host *h)
{
	loop_stop(h->loop);
	pthread_join(h->thread, NULL);
	relay_fixture_close(&h->relay);
	loop_free(h->loop);
}

static uint16_t closed_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static struct tls_ctx *trust(const char *ca_file)
{
	const char *words = NULL;
	struct tls_ctx *ctx = tls_ctx_new(ca_file, &words);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ctx);
	return ctx;
}

/* All that stands between the doctor and the relay. */
struct world {
	struct lab lab;
	struct host host;
	struct tls_server *relay_tls, *proxy_tls;
	struct http_proxy *proxy;
	struct socks_server *socks;
	struct doctor_env env;
};

static void fill_relay(struct relay *r, const char *name, const char *host,
		       uint16_t port, const char *password)
{
	struct creds_opts opts = { .kind = CREDS_STATIC,
				   .username = "alice",
				   .secret = password };
	const char *words;

	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->port = port;
	r->transport = RELAY_TRANSPORT_TCP;
	r->creds = creds_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->creds);
}

static struct egress *egress_to(const char *host, uint16_t port,
				const struct row *row, struct tls_server *tls)
{
	struct proxy_creds_opts login = { .kind = PROXY_CREDS_FIXED,
					  .username = row->user,
					  .password = PASSWORD };
	struct proxy *p = proxy_new();
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct egress *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	strcpy(p->host, host);
	p->port = port;
	p->scheme[p->scheme_count++] = PROXY_SCHEME_DIGEST;
	p->scheme[p->scheme_count++] = PROXY_SCHEME_BASIC;
	p->basic_over_http = row->in_the_clear;
	if (row->user != NULL)
		p->creds = proxy_creds_new(&login);
	if (row->socks != NULL)
		p->kind = PROXY_SOCKS5;
	if (tls != NULL) {
		p->kind = PROXY_HTTPS;
		p->tls = trust(tls_server_ca_file(tls));
	}
	e = egress_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	proxy_put(p);
	return e;
}

static uint16_t open_relay(struct world *w, const struct row *row)
{
	struct tls_server_opts opts;

	host_open(&w->host, &row->knobs);
	if (row->tls == NULL)
		return w->host.relay.port;
	opts = *row->tls;
	opts.forward_port = w->host.relay.port;
	w->relay_tls = tls_server_new(&opts);
	return tls_server_port(w->relay_tls);
}

/* At which port of 127.0.0.1. */
static uint16_t open_proxy(struct world *w, const struct row *row,
			   uint16_t relay_port)
{
	struct http_proxy_opts opts = row->proxy;
	struct tls_server_opts tls;

	if (row->closed)
		return closed_port();
	if (row->socks != NULL) {
		struct socks_server_opts socks = *row->socks;

		socks.forward_port = relay_port;
		w->socks = socks_server_new(&socks);
		return socks_server_port(w->socks);
	}
	opts.forward_port = relay_port;
	w->proxy = http_proxy_new(&opts);
	if (row->proxy_tls == NULL)
		return http_proxy_port(w->proxy);
	tls = *row->proxy_tls;
	tls.forward_port = http_proxy_port(w->proxy);
	w->proxy_tls = tls_server_new(&tls);
	return tls_server_port(w->proxy_tls);
}

static void open_env(struct world *w, struct relay_set *set,
		     struct egress *egress)
{
	static const struct rules none;
	struct rules_context ctx = { .user = &none,
				     .have_proxy = egress != NULL,
				     .tunnel_udp = true };

	w->env = (struct doctor_env){ .policy = policy_new(&ctx, egress),
				      .relays = set,
				      .pool = w->lab.pool };
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->env.policy);
}

static void world_open(struct world *w, const struct row *row)
{
	struct relay_set *set = relay_set_new(1);
	struct relay *r = &set->relay[0];
	uint16_t port, proxy_port = 0;

	*w = (struct world){ .proxy = NULL };
	lab_open(&w->lab);
	port = open_relay(w, row);
	if (!row->direct)
		proxy_port = open_proxy(w, row, port);
	else if (row->closed)
		port = closed_port();
	fill_relay(r, "main",
		   row->relay_host != NULL ? row->relay_host
		   : row->direct           ? "127.0.0.1"
					   : RELAY_HOST,
		   row->direct ? port : 443,
		   row->relay_password != NULL ? row->relay_password
					       : "secret");
	if (row->tls != NULL) {
		r->transport = RELAY_TRANSPORT_TLS;
		r->tls = trust(row->distrust
				       ? NULL
				       : tls_server_ca_file(w->relay_tls));
	}
	if (!row->direct)
		r->egress = egress_to(row->proxy_host != NULL ? row->proxy_host
							      : "127.0.0.1",
				      proxy_port, row, w->proxy_tls);
	open_env(w, set, r->egress);
}

static void world_close(struct world *w)
{
	policy_put(w->env.policy);
	relay_set_put(w->env.relays);
	if (w->proxy_tls != NULL)
		tls_server_free(w->proxy_tls);
	if (w->proxy != NULL)
		http_proxy_free(w->proxy);
	if (w->socks != NULL)
		socks_server_free(w->socks);
	if (w->relay_tls != NULL)
		tls_server_free(w->relay_tls);
	if (w->host.loop != NULL)
		host_close(&w->host);
	lab_close(&w->lab);
}

struct told {
	struct doctor *doctor; /* NULL: it goes on */
	size_t lines, done;
};

static void on_progress(void *arg, size_t done, size_t of, const char *doing)
{
	struct told *t = arg;

	CU_ASSERT(done >= t->done && done <= of);
	CU_ASSERT(doing[0] != '\0');
	t->done = done;
	t->lines++;
	if (t->doctor != NULL)
		doctor_cancel(t->doctor);
}

static json_t *examine(struct world *w)
{
	struct doctor *d = doctor_new(&w->env);
	struct told told = { .lines = 0 };
	json_t *report;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	report = doctor_run(d, on_progress, &told);
	CU_ASSERT(told.lines > 0);
	doctor_free(d);
	return report;
}

/* What a report says */

static const char *text_of(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text != NULL ? text : "";
}

/* The lines that have failed: one in a branch, and the last to be reached. */
static const json_t *culprit(const json_t *report, size_t *count)
{
	const json_t *lines = json_object_get(report, "lines"), *found = NULL;

	*count = 0;
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *l = json_array_get(lines, i);

		if (strcmp(text_of(l, "state"), "failed") != 0)
			continue;
		found = l;
		++*count;
	}
	return found;
}

static bool changes(const json_t *line, const char *want)
{
	const json_t *all = json_object_get(line, "change");

	for (size_t i = 0; i < json_array_size(all); i++)
		if (strstr(json_string_value(json_array_get(all, i)), want) !=
		    NULL)
			return true;
	return false;
}

static bool says(const json_t *report, const struct row *row)
{
	const json_t *verdict = json_object_get(report, "verdict");
	const json_t *who = json_object_get(verdict, "who");
	const char *calls = text_of(verdict, "calls");
	size_t count;
	const json_t *line = culprit(report, &count);

	if (row->line == NULL)
		return count == 0 && strcmp(calls, "good") == 0 &&
		       json_array_size(who) == 0;
	return count == 1 && strcmp(calls, "impossible") == 0 &&
	       strcmp(text_of(line, "id"), row->line) == 0 &&
	       strcmp(text_of(line, "who"), row->who) == 0 &&
	       json_array_size(who) == 1 &&
	       strcmp(json_string_value(json_array_get(who, 0)), row->who) ==
		       0 &&
	       changes(line, row->change) &&
	       (row->words == NULL ||
		strstr(text_of(line, "words"), row->words) != NULL);
}

static void culprits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;
		json_t *report;
		char *text;

		world_open(&w, &rows[i]);
		report = examine(&w);
		CU_ASSERT_PTR_NOT_NULL_FATAL(report);
		text = json_dumps(report, JSON_INDENT(1));
		if (!says(report, &rows[i])) {
			fprintf(stderr, "\n%s:\n%s\n", rows[i].name, text);
			CU_FAIL("the culprit");
		}
		CU_ASSERT_PTR_NULL(strstr(text, PASSWORD));
		free(text);
		json_decref(report);
		world_close(&w);
	}
}

static void no_relay(void)
{
	static const struct row row = { .line = "config",
					.who = "it",
					.change = "[relay NAME] uri =" };
	struct world w = { .proxy = NULL };
	json_t *report;

	lab_open(&w.lab);
	open_env(&w, relay_set_new(0), NULL);
	report = examine(&w);
	CU_ASSERT(says(report, &row));
	json_decref(report);
	world_close(&w);
}

/* A password that the proxy has refused is not sent again, however often
 * somebody asks the doctor. */
static void quarantine(void)
{
	static const struct row row = { .proxy = { .login = "joe:other" },
					.user = "joe",
					.in_the_clear = true,
					.line = "proxy.login",
					.who = "you",
					.change = "`turnout proxy retry`" };
	struct world w;
	json_t *report;

	world_open(&w, &row);
	for (int i = 0; i < 3; i++) {
		report = examine(&w);
		CU_ASSERT(says(report, &row));
		json_decref(report);
		CU_ASSERT_EQUAL(http_proxy_logins(w.proxy), 1);
	}
	world_close(&w);
}

/* The first of two proxies is down: calls go on, by the other one. */
static void second_proxy(void)
{
	static const struct row row = { .line = NULL };
	struct proxy *p[2] = { proxy_new(), proxy_new() };
	struct egress_opts opts = { .proxy = p, .count = 2 };
	const json_t *verdict;
	struct world w;
	json_t *report;

	world_open(&w, &row);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		strcpy(p[i]->host, "127.0.0.1");
		p[i]->port = i == 0 ? closed_port() : http_proxy_port(w.proxy);
	}
	egress_put(w.env.relays->relay[0].egress);
	w.env.relays->relay[0].egress = egress_new(&opts);
	report = examine(&w);
	verdict = json_object_get(report, "verdict");
	CU_ASSERT_STRING_EQUAL(text_of(verdict, "calls"), "poor");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(
				       json_object_get(verdict, "who"), 0)),
			       "proxy-admin");
	json_decref(report);
	proxy_put(p[0]);
	proxy_put(p[1]);
	world_close(&w);
}

/* Silence */

/* As many ways as are looked at in a run, each silent in another place. */
struct silence {
	struct black_hole hole;
	struct http_proxy *mute;
	struct tls_server *stall;
	struct relay_set *set;
};

static struct egress *silent_egress(const struct silence *s, bool connects)
{
	uint16_t hole = ntohs(s->hole.at.port_be);
	struct proxy *p[3] = { proxy_new(), proxy_new(), proxy_new() };
	struct egress_opts opts = { .proxy = p, .count = ARRAY_SIZE(p) };
	struct egress *e;

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		strcpy(p[i]->host, "127.0.0.1");
		p[i]->port = connects ? http_proxy_port(s->mute) : hole;
	}
	e = egress_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		proxy_put(p[i]);
	return e;
}

static void silence_open(struct silence *s)
{
	static const struct http_proxy_opts mute = { .way = HTTP_PROXY_SILENT };
	static const struct tls_server_opts stall = { .way = TLS_SERVER_STALL,
						      .name = RELAY_HOST };
	const struct endpoint at = { .family = ENDPOINT_IPV4,
				     .ip = { 127, 0, 0, 1 } };
	struct relay *r;

	black_hole_open(&s->hole, at);
	s->mute = http_proxy_new(&mute);
	s->stall = tls_server_new(&stall);
	s->set = relay_set_new(HOLE_RELAYS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->set);
	r = s->set->relay;
	fill_relay(&r[0], "proxies", RELAY_HOST, 443, "secret");
	r[0].egress = silent_egress(s, false);
	fill_relay(&r[1], "connect", RELAY_HOST, 443, "secret");
	r[1].egress = silent_egress(s, true);
	fill_relay(&r[2], "tcp", "127.0.0.1", ntohs(s->hole.at.port_be),
		   "secret");
	fill_relay(&r[3], "tls", "127.0.0.1", tls_server_port(s->stall),
		   "secret");
	r[3].transport = RELAY_TRANSPORT_TLS;
	r[3].tls = trust(tls_server_ca_file(s->stall));
}

static void silence_close(struct silence *s)
{
	tls_server_free(s->stall);
	http_proxy_free(s->mute);
	black_hole_close(&s->hole);
}

static void check_silence(const json_t *report)
{
	static const char *const want[HOLE_RELAYS][2] = {
		{ "proxies", "proxy.tcp" },
		{ "connect", "proxy.connect" },
		{ "tcp", "relay.tcp" },
		{ "tls", "relay.tls" },
	};
	const json_t *lines = json_object_get(report, "lines");
	size_t found = 0;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *l = json_array_get(lines, i);

		if (strcmp(text_of(l, "state"), "failed") != 0)
			continue;
		for (size_t k = 0; k < HOLE_RELAYS; k++)
			found += strcmp(text_of(l, "relay"), want[k][0]) == 0 &&
				 strcmp(text_of(l, "id"), want[k][1]) == 0;
	}
	CU_ASSERT_EQUAL(found, HOLE_RELAYS);
}

static void black_holes(void)
{
	struct world w = { .proxy = NULL };
	uint64_t began = clock_now_ms();
	struct silence s;
	json_t *report;

	lab_open(&w.lab);
	silence_open(&s);
	open_env(&w, s.set, s.set->relay[0].egress);
	report = examine(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	CU_ASSERT(clock_now_ms() - began < 15000);
	CU_ASSERT_STRING_EQUAL(
		text_of(json_object_get(report, "verdict"), "calls"),
		"impossible");
	check_silence(report);
	json_decref(report);
	silence_close(&s);
	world_close(&w);
}

/* Nothing gets out, and no proxy is configured. */
static void no_proxy(void)
{
	static const struct row row = { .line = "relay.tcp",
					.who = "it",
					.change = "[proxy] url = http://" };
	const struct endpoint at = { .family = ENDPOINT_IPV4,
				     .ip = { 127, 0, 0, 1 } };
	struct world w = { .proxy = NULL };
	struct relay_set *set = relay_set_new(1);
	struct black_hole hole;
	json_t *report;

	lab_open(&w.lab);
	black_hole_open(&hole, at);
	fill_relay(&set->relay[0], "main", "127.0.0.1", ntohs(hole.at.port_be),
		   "secret");
	open_env(&w, set, NULL);
	report = examine(&w);
	CU_ASSERT(says(report, &row));
	json_decref(report);
	black_hole_close(&hole);
	world_close(&w);
}

/* Whoever has asked has gone. */
static void cancelled(void)
{
	struct world w = { .proxy = NULL };
	struct told told = { .lines = 0 };
	struct silence s;
	uint64_t began;

	lab_open(&w.lab);
	silence_open(&s);
	open_env(&w, s.set, s.set->relay[0].egress);
	told.doctor = doctor_new(&w.env);
	CU_ASSERT_PTR_NOT_NULL_FATAL(told.doctor);
	began = clock_now_ms();
	CU_ASSERT_PTR_NULL(doctor_run(told.doctor, on_progress, &told));
	CU_ASSERT(clock_now_ms() - began < 3000);
	CU_ASSERT(told.lines > 0);
	doctor_free(told.doctor);
	silence_close(&s);
	world_close(&w);
}

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static CU_TestInfo tests[] = {
	{ "each culprit is named, alone", culprits },
	{ "no relay is configured", no_relay },
	{ "a refused password is not sent again", quarantine },
	{ "the second proxy is used", second_proxy },
	{ "no proxy is configured", no_proxy },
	{ "silence everywhere", black_holes },
	{ "cancelled", cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "doctor", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
