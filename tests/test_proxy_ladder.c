/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_ladder.c - dials through proxies that want a login, in each way */
#include <config.h>

#include "proxy_ladder.h"

#include "dial_lab.h"
#include "http_proxy.h"
#include "proxy_auth.h"
#include "proxy_connect.h"
#include "proxy_creds.h"
#include "proxy_curl.h"
#include "proxy_seen.h"
#include "tunnel.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#define CROWD 50
#define NEG   PROXY_SCHEME_NEGOTIATE
#define NTLM  PROXY_SCHEME_NTLM
#define DIG   PROXY_SCHEME_DIGEST
#define BAS   PROXY_SCHEME_BASIC

/* What a dial is given. */
struct means {
	uint8_t scheme[PROXY_SCHEMES_MAX]; /* 0: the end */
	const char *password;              /* of alice; NULL: no login */
	bool no_basic;                     /* over http:// */
	const char *username;              /* NULL: alice */
};

static struct egress *make_egress(const struct means *m, uint16_t port)
{
	static const uint8_t all[PROXY_SCHEMES_MAX] = { NEG, NTLM, DIG, BAS };
	struct proxy_creds_opts login = { .kind = PROXY_CREDS_FIXED,
					  .username = m->username != NULL
							      ? m->username
							      : "alice",
					  .password = m->password };
	struct proxy *p = proxy_new();
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct egress *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	strcpy(p->host, "one.test");
	p->port = port;
	p->basic_over_http = !m->no_basic;
	memcpy(p->scheme, m->scheme[0] != 0 ? m->scheme : all,
	       sizeof(p->scheme));
	while (p->scheme_count < PROXY_SCHEMES_MAX &&
	       p->scheme[p->scheme_count] != 0)
		p->scheme_count++;
	if (m->password != NULL)
		p->creds = proxy_creds_new(&login);
	e = egress_new(&opts);
	proxy_put(p);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	return e;
}

static struct dial_request *start(struct lab *l, const struct means *m,
				  struct http_proxy *p)
{
	struct dial_request *req = lab_request(l, "far.example", 443);

	req->egress = make_egress(m, http_proxy_port(p));
	req->timeout_ms = 20000;
	lab_start(l, req);
	return req;
}

/* Ends with the reason; what is through is a tunnel. */
static void run_one(struct lab *l, const struct means *m, struct http_proxy *p,
		    enum dial_reason reason, const char *part)
{
	struct dial_request *req = start(l, m, p);

	lab_run(l);
	CU_ASSERT_EQUAL(req->reason, reason);
	if (req->reason == DIAL_OK)
		CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	if (part != NULL && strstr(req->detail, part) == NULL) {
		fprintf(stderr, "\n\"%s\" lacks \"%s\"\n", req->detail, part);
		CU_FAIL("detail");
	}
	CU_ASSERT_PTR_NULL(strstr(req->detail, "hunter"));
	dial_request_free(req);
}

static enum proxy_scheme remembered(struct lab *l, struct http_proxy *p)
{
	struct proxy proxy = { .host = "one.test", .port = http_proxy_port(p) };
	enum proxy_scheme scheme = (enum proxy_scheme)99;
	char realm[PROXY_REALM_MAX + 1];

	(void)proxy_auth_remembered(dial_tunnel_env(l->pool)->auth, &proxy,
				    &scheme, realm);
	return scheme;
}

static const struct row {
	const char *name;
	struct proxy_login_opts asks;
	struct means means;
	enum dial_reason reason;
	unsigned int logins;   /* sent by the first dial */
	unsigned int requests; /* and in all; 0: no matter */
	enum proxy_scheme scheme;
	const char *part; /* of the words */
} rows[] = {
	{ "nobody asks",
	  { 0 },
	  { .password = "hunter2" },
	  DIAL_OK,
	  0,
	  1,
	  0,
	  NULL },
	{ "Basic",
	  { .login = "alice:hunter2" },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  2,
	  BAS,
	  NULL },
	{ "Basic, closed after 407",
	  { .login = "alice:hunter2", .close = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  2,
	  BAS,
	  NULL },
	{ "HTTP/1.0",
	  { .login = "alice:hunter2", .http10 = true, .close = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  2,
	  BAS,
	  NULL },
	{ "Basic in the clear",
	  { .login = "alice:hunter2" },
	  { .password = "hunter2", .no_basic = true },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "basic_over_http = yes" },
	{ "Basic, and a colon in the name",
	  { .login = "al:ice:hunter2" },
	  { .password = "hunter2", .username = "al:ice" },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "a user name with a colon" },
	{ "then Digest",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_BASIC | PROXY_LOGIN_MD5 },
	  { .scheme = { BAS, DIG }, .password = "hunter2", .username = "a:b" },
	  DIAL_PROXY_AUTH, /* there is no such user */
	  1,
	  3,
	  99,
	  "Digest: the proxy refused this login" },
	{ "Digest, MD5",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_MD5 },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  3,
	  DIG,
	  NULL },
	{ "Digest, SHA-256",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_SHA256 },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  3,
	  DIG,
	  NULL },
	{ "Digest, closed after each 407",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_MD5, .close = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  3,
	  DIG,
	  NULL },
	{ "Digest, a stale nonce",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_MD5,
	    .stale_once = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  2,
	  4,
	  DIG,
	  NULL },
	{ "Digest before Basic, in one line",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_BASIC | PROXY_LOGIN_MD5,
	    .one_line = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  3,
	  DIG,
	  NULL },
	{ "Basic first, as configured",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_BASIC | PROXY_LOGIN_MD5 },
	  { .scheme = { BAS, DIG }, .password = "hunter2" },
	  DIAL_OK,
	  1,
	  2,
	  BAS,
	  NULL },
	{ "a wrong password, once, by one scheme",
	  { .login = "alice:right",
	    .ways = PROXY_LOGIN_BASIC | PROXY_LOGIN_MD5 },
	  { .password = "hunter2" },
	  DIAL_PROXY_AUTH,
	  1,
	  3,
	  99,
	  "offers Digest, Basic for \"the \"proxy\"\": Digest: the proxy "
	  "refused this login" },
	{ "no ticket, then Digest",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_NEGOTIATE | PROXY_LOGIN_MD5 },
	  { .password = "hunter2" },
	  DIAL_OK,
	  1,
	  0,
	  DIG,
	  NULL },
	{ "no ticket",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_NEGOTIATE },
	  { .password = "hunter2" },
	  DIAL_PROXY_AUTH,
	  0,
	  0,
	  99,
	  "Negotiate: no valid Kerberos ticket: kinit" },
	{ "not in the list",
	  { .login = "alice:hunter2" },
	  { .scheme = { DIG }, .password = "hunter2" },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "`auth` has none of them" },
	{ "no login configured",
	  { .login = "alice:hunter2" },
	  { .password = NULL },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "no user name and password are configured" },
	{ "a way that nobody knows",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_BEARER },
	  { .password = "hunter2" },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "unknown here" },
	{ "407, and no word about how",
	  { .login = "alice:hunter2", .ways = PROXY_LOGIN_NOTHING },
	  { .password = "hunter2" },
	  DIAL_PROXY_AUTH,
	  0,
	  1,
	  99,
	  "407 Proxy Authentication Required (ERR_CACHE_ACCESS_DENIED): the "
	  "proxy offers no way to log in" },
	{ "a nonce that is always too old is no refusal",
	  { .login = "alice:hunter2",
	    .ways = PROXY_LOGIN_MD5 | PROXY_LOGIN_BASIC,
	    .always_stale = true },
	  { .password = "hunter2" },
	  DIAL_OK,
	  0,
	  0,
	  BAS,
	  NULL },
};

static void check_row(const struct row *r)
{
	struct http_proxy_opts opts = { .asks = r->asks };
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	run_one(&l, &r->means, p, r->reason, r->part);
	if (r->logins != 0 || r->requests != 0)
		CU_ASSERT_EQUAL(http_proxy_logins(p), r->logins);
	if (r->requests != 0)
		CU_ASSERT_EQUAL(http_proxy_requests(p), r->requests);
	CU_ASSERT_EQUAL(remembered(&l, p), r->scheme);
	http_proxy_free(p);
	lab_close(&l);
}

static void each_way(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int before = CU_get_number_of_failures();

		check_row(&rows[i]);
		if (CU_get_number_of_failures() != before)
			fprintf(stderr, "\nrow \"%s\"\n", rows[i].name);
	}
}

/* libcurl may have it, or not; both have their words. */
static void ntlm(void)
{
	static const struct row has = {
		"NTLM",
		{ .login = "alice:hunter2", .ways = PROXY_LOGIN_NTLM },
		{ .password = "hunter2" },
		DIAL_OK,
		1,
		3,
		NTLM,
		NULL,
	};
	static const struct row wrong = {
		"NTLM, wrong",
		{ .login = "alice:hunter2",
		  .ways = PROXY_LOGIN_NTLM | PROXY_LOGIN_BASIC,
		  .ntlm_wrong = true },
		{ .password = "hunter2" },
		DIAL_PROXY_AUTH,
		1,
		0,
		99,
		"NTLM: the proxy refused this login",
	};
	static const struct row lacks = {
		"no NTLM",
		{ .login = "alice:hunter2", .ways = PROXY_LOGIN_NTLM },
		{ .password = "hunter2" },
		DIAL_PROXY_AUTH,
		0,
		1,
		99,
		"cntlm or px",
	};

	if (!proxy_curl_has(NTLM)) {
		check_row(&lacks);
		return;
	}
	check_row(&has);
	check_row(&wrong);
}

/* Once it is known what works, that goes first; an app's socket goes through
 * all of it in place. */
static void remembers(void)
{
	static const struct means m = { .password = "hunter2" };
	struct http_proxy_opts opts = { .asks = { .login = "alice:hunter2" } };
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;
	int fd;

	lab_open(&l);
	p = http_proxy_new(&opts);
	fd = lab_app_socket(AF_INET, false);
	req = lab_request(&l, "far.example", 443);
	req->egress = make_egress(&m, http_proxy_port(p));
	req->socket = fd;
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, fd);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	dial_request_free(req);
	CU_ASSERT_EQUAL(http_proxy_requests(p), 2);
	run_one(&l, &m, p, DIAL_OK, NULL);
	CU_ASSERT_EQUAL(http_proxy_requests(p), 3);
	http_proxy_free(p);
	lab_close(&l);
}

/* A password that was good expires: refused once, and never sent again. */
static void expires(void)
{
	static const struct means m = { .password = "hunter2" };
	static const struct means other = { .password = "hunter3" };
	struct http_proxy_opts opts = { .asks = { .login = "alice:hunter3" } };
	struct proxy proxy = { .host = "one.test" };
	struct proxy_login login = { "one.test", 0, "alice", "hunter2" };
	struct proxy_auth *auth;
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	auth = dial_tunnel_env(l.pool)->auth;
	login.port = proxy.port = http_proxy_port(p);
	/* As if it had worked until now. */
	CU_ASSERT_EQUAL(proxy_auth_begin(auth, &login, clock_now_ms(), NULL),
			0);
	proxy_auth_end(auth, &login, PROXY_AUTH_ACCEPTED);
	proxy_seen_worked(proxy_auth_seen(auth), &proxy, BAS, "x");
	run_one(&l, &m, p, DIAL_PROXY_AUTH, "refused this login");
	run_one(&l, &m, p, DIAL_PROXY_AUTH, "turnout proxy retry");
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	CU_ASSERT_EQUAL(http_proxy_requests(p), 1);
	/* Another one is another matter. */
	run_one(&l, &other, p, DIAL_OK, NULL);
	CU_ASSERT_EQUAL(http_proxy_logins(p), 2);
	http_proxy_free(p);
	lab_close(&l);
}

/* What worked does not any more, but something else does. */
static void falls_back(void)
{
	static const struct means m = { .password = "hunter2" };
	struct http_proxy_opts opts = { .asks = { .login = "alice:hunter2",
						  .ways = PROXY_LOGIN_MD5 } };
	struct proxy proxy = { .host = "one.test" };
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	proxy.port = http_proxy_port(p);
	proxy_seen_worked(proxy_auth_seen(dial_tunnel_env(l.pool)->auth),
			  &proxy, PROXY_SCHEME_NONE, "");
	run_one(&l, &m, p, DIAL_OK, NULL);
	CU_ASSERT_EQUAL(remembered(&l, p), DIG);
	http_proxy_free(p);
	lab_close(&l);
}

static void budget(void)
{
	static const struct means m = { .password = NULL };
	struct http_proxy_opts opts = { .asks = { .login = "alice:hunter2" } };
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	for (int i = 0; i < PROXY_SEEN_BUDGET; i++)
		run_one(&l, &m, p, DIAL_PROXY_AUTH, "no user name");
	run_one(&l, &m, p, DIAL_PROXY_AUTH, "407 too often");
	CU_ASSERT_EQUAL(http_proxy_requests(p), PROXY_SEEN_BUDGET);
	http_proxy_free(p);
	lab_close(&l);
}

/* One process of several: fifty dials at once, all with the wrong password. */
static void crowd(const char *file, struct http_proxy *p)
{
	static const struct means m = { .password = "hunter2" };
	struct dial_request *req[CROWD];
	struct lab l;

	lab_open(&l);
	CU_ASSERT_EQUAL(proxy_auth_keep(dial_tunnel_env(l.pool)->auth, file),
			0);
	for (int i = 0; i < CROWD; i++)
		req[i] = start(&l, &m, p);
	lab_run(&l);
	for (int i = 0; i < CROWD; i++) {
		CU_ASSERT_EQUAL(req[i]->reason, DIAL_PROXY_AUTH);
		dial_request_free(req[i]);
	}
	/* Not lab_close(): the proxy may have connections of this process. */
	dial_pool_free(l.pool);
	loop_free(l.loop);
}

static void locks_nobody_out(unsigned int ways)
{
	struct http_proxy_opts opts = {
		.asks = { .login = "alice:right",
			  .ways = ways,
			  .ntlm_wrong = true },
		.delay_ms = 20,
	};
	struct http_proxy *p = http_proxy_new(&opts);
	char dir[] = "/tmp/turnout-ladder-XXXXXX", file[64], lock[64];
	unsigned int failures = CU_get_number_of_failures();
	pid_t pid[2];
	int status = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/logins", dir);
	snprintf(lock, sizeof(lock), "%s/logins.lock", dir);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			crowd(file, p);
			_exit(CU_get_number_of_failures() != failures);
		}
	}
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(waitpid(pid[i], &status, 0), pid[i]);
		CU_ASSERT_EQUAL(status, 0);
	}
	/* After a restart. */
	crowd(file, p);
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	http_proxy_free(p);
	unlink(file);
	unlink(lock);
	rmdir(dir);
}

static void lock_out(void)
{
	locks_nobody_out(PROXY_LOGIN_BASIC);
	locks_nobody_out(PROXY_LOGIN_MD5 | PROXY_LOGIN_BASIC);
	if (proxy_curl_has(NTLM))
		locks_nobody_out(PROXY_LOGIN_NTLM | PROXY_LOGIN_SHA256 |
				 PROXY_LOGIN_BASIC);
}

/* Kerberos */

static void put16(FILE *f, unsigned int value)
{
	fputc((int)(value >> 8), f);
	fputc((int)(value & 0xff), f);
}

static void put_text(FILE *f, const char *text)
{
	put16(f, (unsigned int)strlen(text));
	fputs(text, f);
}

/* The keytab of alice@LAB.TEST (format 0x502), with a key of zeros: GSSAPI asks
 * the KDC for a ticket by it. */
static void write_keytab(const char *path)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	put16(f, 0x502);
	put16(f, 0);
	put16(f, 2 + 10 + 7 + 4 + 4 + 1 + 4 + 32);
	put16(f, 1); /* components */
	put_text(f, "LAB.TEST");
	put_text(f, "alice");
	put16(f, 0);
	put16(f, 1); /* KRB5_NT_PRINCIPAL */
	put16(f, 0);
	put16(f, 0);  /* time */
	fputc(1, f);  /* version of the key */
	put16(f, 18); /* aes256-cts-hmac-sha1-96 */
	put16(f, 32);
	for (int i = 0; i < 32; i++)
		fputc(0, f);
	fclose(f);
}

/* Takes what comes, and never answers. */
static int open_kdc(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, len), 0);
	CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void write_krb5_conf(const char *path, uint16_t port)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f,
		"[libdefaults]\ndefault_realm = LAB.TEST\n"
		"dns_lookup_kdc = false\ndns_lookup_realm = false\n"
		"dns_canonicalize_hostname = false\nrdns = false\n"
		"[realms]\nLAB.TEST = {\nkdc = 127.0.0.1:%u\n}\n",
		(unsigned int)port);
	fclose(f);
}

/* The app's own socket, with so much time; how long it took. */
static uint64_t dial_stuck(struct lab *l, struct http_proxy *p,
			   enum dial_reason reason)
{
	static const struct means m = { .password = "hunter2" };
	struct dial_request *req = lab_request(l, "far.example", 443);
	uint64_t start_ms = clock_now_ms();

	req->egress = make_egress(&m, http_proxy_port(p));
	req->socket = lab_app_socket(AF_INET, false);
	req->timeout_ms = 2000;
	lab_start(l, req);
	lab_run(l);
	CU_ASSERT_EQUAL(req->reason, reason);
	CU_ASSERT_TRUE(req->same_socket);
	if (req->reason == DIAL_OK)
		CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	if (req->reason == DIAL_STUCK)
		CU_ASSERT_EQUAL(req->error, ETIMEDOUT);
	dial_request_free(req);
	return clock_now_ms() - start_ms;
}

/* GSSAPI waits for half a minute. A dial has its own deadline, and where there
 * is another way, it goes that way in time. */
static void dead_kdc_ways(const char *name, unsigned int ways,
			  enum dial_reason reason)
{
	struct http_proxy_opts opts = { .asks = { .login = "alice:hunter2",
						  .ways = ways } };
	struct http_proxy *p = http_proxy_new(&opts);
	struct lab l;
	uint64_t took_ms;

	lab_open(&l);
	took_ms = dial_stuck(&l, p, reason);
	CU_ASSERT(took_ms >= 900);
	CU_ASSERT(took_ms < 6000);
	if (took_ms < 900 || took_ms >= 6000)
		fprintf(stderr, "\n%s took %u ms\n", name,
			(unsigned int)took_ms);
	/* Not lab_close(): the thread that was left has descriptors. */
	dial_pool_free(l.pool);
	loop_free(l.loop);
	http_proxy_free(p);
}

static void dead_kdc(void)
{
	char dir[] = "/tmp/turnout-kdc-XXXXXX", conf[64], keytab[64];
	uint16_t port;
	int kdc = open_kdc(&port);

	if (!proxy_curl_has(NEG)) {
		close(kdc);
		return;
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(conf, sizeof(conf), "%s/krb5.conf", dir);
	snprintf(keytab, sizeof(keytab), "%s/keytab", dir);
	write_krb5_conf(conf, port);
	write_keytab(keytab);
	setenv("KRB5_CONFIG", conf, 1);
	setenv("KRB5_CLIENT_KTNAME", keytab, 1);
	setenv("KRB5CCNAME", "MEMORY:turnout", 1);
	dead_kdc_ways("Negotiate alone", PROXY_LOGIN_NEGOTIATE, DIAL_STUCK);
	dead_kdc_ways("or Digest", PROXY_LOGIN_NEGOTIATE | PROXY_LOGIN_MD5,
		      DIAL_OK);
	/* Now that nobody is there, they come back before exit(3). */
	close(kdc);
	for (int i = 0; i < 1000 && proxy_connect_left() > 0; i++)
		poll(NULL, 0, 50);
	CU_ASSERT_EQUAL(proxy_connect_left(), 0);
	unlink(conf);
	unlink(keytab);
	rmdir(dir);
}

static int setup(void)
{
	/* No ticket, wherever this runs. */
	return setenv("KRB5CCNAME", "FILE:/nonexistent/ccache", 1) |
	       setenv("KRB5_CONFIG", "/dev/null", 1);
}

static CU_TestInfo tests[] = {
	{ "each way", each_way },
	{ "NTLM", ntlm },
	{ "what worked goes first", remembers },
	{ "a password expires", expires },
	{ "another scheme", falls_back },
	{ "ten 407s, and no more", budget },
	{ "fifty dials, two processes, a restart: sent once", lock_out },
	/* the last: threads of it are left behind */
	{ "a dead Kerberos server", dead_kdc },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_ladder", .pInitFunc = setup, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
