/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_egress_ask.c - connections by proxies that a script or the desktop
 * names
 */
#include <config.h>

#include "../tunneld/egress_ask.h"

#include "../tunneld/desktop.h"
#include "../tunneld/egress.h"
#include "../tunneld/pac.h"
#include "fake/http_proxy.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define PROGRAM "../tunneld/turnout-pac"
#define TARGET  "192.0.2.9"

static char folder[] = "/tmp/test-egress-ask-XXXXXX";
static char script[64], program[64];

static void write_file(const char *path, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

static void write_file(const char *path, const char *fmt, ...)
{
	FILE *f = fopen(path, "w");
	va_list ap;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	va_start(ap, fmt);
	CU_ASSERT(vfprintf(f, fmt, ap) >= 0);
	va_end(ap);
	CU_ASSERT_EQUAL(fclose(f), 0);
}

/* What all proxies have in common. */
static struct proxy *new_like(const char *user, const char *password)
{
	struct proxy_creds_opts login = { .kind = PROXY_CREDS_FIXED,
					  .username = user,
					  .password = password };
	struct proxy *p = proxy_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p->kind = PROXY_HTTPS;
	p->scheme[0] = PROXY_SCHEME_BASIC;
	p->scheme_count = 1;
	p->basic_over_http = true;
	if (*user != '\0')
		p->creds = proxy_creds_new(&login);
	return p;
}

static struct egress *by_script(const char *user, const char *password)
{
	struct proxy *like = new_like(user, password);
	struct pac_options o = { .from = { .place = script },
				 .program = PROGRAM,
				 .answer_ms = 400 };
	struct egress_opts opts = { .proxy = &like,
				    .count = 1,
				    .pac = pac_new(&o),
				    .source = "the script" };
	struct egress *e = egress_new(&opts);

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_STRING_EQUAL(egress_words(e), "the script");
	pac_put(opts.pac);
	proxy_put(like);
	return e;
}

static struct egress *by_desktop(void)
{
	struct proxy *like = new_like("", "");
	struct egress_opts opts = { .proxy = &like,
				    .count = 1,
				    .desktop = desktop_new(),
				    .source = "the desktop" };
	struct egress *e = egress_new(&opts);

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	desktop_put(opts.desktop);
	proxy_put(like);
	return e;
}

/* A port where nobody is. */
static uint16_t dead_port(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct http_proxy *p = http_proxy_new(&opts);
	uint16_t port = http_proxy_port(p);

	http_proxy_free(p);
	return port;
}

static struct dial_request *dial(struct lab *l, struct egress *e,
				 const char *host, uint16_t port)
{
	struct dial_request *req = lab_request(l, host, port);

	req->egress = e;
	lab_start(l, req);
	lab_run(l);
	return req;
}

static struct http_proxy *new_proxy(const char *login)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL,
					.login = login };
	struct http_proxy *p = http_proxy_new(&opts);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

static void check_open(struct dial_request *req)
{
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	if (req->reason == DIAL_OK)
		CU_ASSERT(lab_echoes(req->fd, "hello"))
	else
		fprintf(stderr, "\n%s\n", req->detail);
	dial_request_free(req);
}

/* The first is down, the second is asked, the third is not. */
static void test_fail_over(void)
{
	struct http_proxy *two, *three;
	struct lab l;

	lab_open(&l);
	two = new_proxy(NULL);
	three = new_proxy(NULL);
	write_file(script,
		   "function FindProxyForURL(u, h) { return "
		   "'PROXY 127.0.0.1:%u; PROXY 127.0.0.1:%u; PROXY "
		   "127.0.0.1:%u'; }",
		   dead_port(), http_proxy_port(two), http_proxy_port(three));
	check_open(dial(&l, by_script("", ""), TARGET, 443));
	CU_ASSERT_EQUAL(http_proxy_connections(two), 1);
	CU_ASSERT_EQUAL(http_proxy_connections(three), 0);
	http_proxy_free(two);
	http_proxy_free(three);
	lab_close(&l);
}

static void test_by_host(void)
{
	struct http_proxy *one, *two;
	struct egress *e;
	struct lab l;

	lab_open(&l);
	one = new_proxy(NULL);
	two = new_proxy(NULL);
	write_file(script,
		   "function FindProxyForURL(u, h) { return "
		   "dnsDomainIs(h, '.one.test') ? 'PROXY 127.0.0.1:%u' : "
		   "'PROXY 127.0.0.1:%u'; }",
		   http_proxy_port(one), http_proxy_port(two));
	e = by_script("", "");
	check_open(dial(&l, egress_get(e), "a.one.test", 443));
	check_open(dial(&l, egress_get(e), "a.two.test", 443));
	check_open(dial(&l, egress_get(e), "b.one.test", 3478));
	CU_ASSERT_EQUAL(http_proxy_connections(one), 2);
	CU_ASSERT_EQUAL(http_proxy_connections(two), 1);
	egress_put(e);
	http_proxy_free(one);
	http_proxy_free(two);
	lab_close(&l);
}

/* A proxy that is down, then directly: to somebody who echoes what follows
 * his "200", as the fake proxy does. */
static void test_direct(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_SILENT };
	struct http_proxy *target;
	struct dial_request *req;
	struct lab l;

	lab_open(&l);
	target = http_proxy_new(&opts);
	write_file(script,
		   "function FindProxyForURL(u, h) { return "
		   "'PROXY 127.0.0.1:%u; DIRECT'; }",
		   dead_port());
	req = dial(&l, by_script("", ""), "127.0.0.1", http_proxy_port(target));
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT(req->fd >= 0);
	dial_request_free(req);
	http_proxy_free(target);
	lab_close(&l);
}

/* How one logs in is configured for all of them. */
static void test_login(void)
{
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = new_proxy("user:secret");
	write_file(script,
		   "function FindProxyForURL(u, h) { return "
		   "'PROXY 127.0.0.1:%u'; }",
		   http_proxy_port(p));
	check_open(dial(&l, by_script("user", "secret"), TARGET, 443));
	http_proxy_free(p);
	lab_close(&l);
}

static void refused(struct lab *l, const char *host, uint16_t port,
		    const char *words)
{
	struct dial_request *req = dial(l, by_script("", ""), host, port);

	CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_CHOICE);
	CU_ASSERT_EQUAL(req->fd, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(req->detail, "the script: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(req->detail, words));
	if (strstr(req->detail, words) == NULL)
		fprintf(stderr, "\n%s\n", req->detail);
	dial_request_free(req);
}

/* Whatever is wrong with the script, nothing goes directly instead. */
static void test_no_answer(void)
{
	struct http_proxy *target;
	uint16_t port;
	struct lab l;

	lab_open(&l);
	target = new_proxy(NULL);
	port = http_proxy_port(target);
	write_file(script, "function FindProxyForURL(u, h) { while (1); }");
	refused(&l, "127.0.0.1", port, "did not answer in time");
	write_file(script, "let x = 'DIRECT';");
	refused(&l, "127.0.0.1", port, "ECMAScript 3");
	write_file(script, "function FindProxyForURL(u, h) { return h.x.y; }");
	refused(&l, "127.0.0.1", port, "TypeError");
	write_file(script, "function FindProxyForURL(u, h) { "
			   "return 'SOCKS4 127.0.0.1'; }");
	refused(&l, "127.0.0.1", port, "names no proxy that can be used");
	unlink(script);
	refused(&l, "127.0.0.1", port, "No such file");
	CU_ASSERT_EQUAL(http_proxy_connections(target), 0);
	http_proxy_free(target);
	lab_close(&l);
}

static void test_desktop(void)
{
	struct http_proxy *p;
	struct dial_request *req;
	struct egress *e;
	struct lab l;

	lab_open(&l);
	p = new_proxy(NULL);
	write_file(program,
		   "#!/bin/sh\necho http://127.0.0.1:%u http://127.0."
		   "0.1:%u\n",
		   dead_port(), http_proxy_port(p));
	CU_ASSERT_EQUAL(chmod(program, 0755), 0);
	e = by_desktop();
	check_open(dial(&l, egress_get(e), TARGET, 443));
	CU_ASSERT_EQUAL(http_proxy_connections(p), 1);
	write_file(program, "#!/bin/sh\nexit 1\n");
	check_open(dial(&l, egress_get(e), TARGET, 443)); /* as told before */
	egress_network_changed(e);
	req = dial(&l, egress_get(e), TARGET, 443);
	CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_CHOICE);
	CU_ASSERT_PTR_NOT_NULL(strstr(req->detail, "exit status 1"));
	dial_request_free(req);
	egress_put(e);
	unlink(program);
	http_proxy_free(p);
	lab_close(&l);
}

static void choose(struct egress *e, const char *host, struct egress_way *way)
{
	struct cancel cancel;
	char words[200] = "";

	cancel_init(&cancel);
	CU_ASSERT_EQUAL(egress_choose(e, host, 443, clock_now_ms() + 10000,
				      &cancel, way, words, sizeof(words)),
			0);
	if (words[0] != '\0')
		fprintf(stderr, "\n%s\n", words);
	cancel_fini(&cancel);
}

static void test_same_objects(void)
{
	struct egress *e;
	struct egress_way one, two;
	char host[32];

	write_file(script,
		   "function FindProxyForURL(u, h) { return 'HTTPS p-' + h + "
		   "'; SOCKS5 [2001:db8::1]:1; DIRECT; PROXY p-' + h; }");
	e = by_script("user", "secret");
	choose(e, "a.test", &one);
	choose(e, "a.test", &two);
	CU_ASSERT_EQUAL_FATAL(one.count, 4);
	CU_ASSERT_EQUAL(one.proxy[0]->kind, PROXY_HTTPS);
	CU_ASSERT_STRING_EQUAL(one.proxy[0]->host, "p-a.test");
	CU_ASSERT_EQUAL(one.proxy[0]->port, 443);
	CU_ASSERT_EQUAL(one.proxy[1]->kind, PROXY_SOCKS5);
	CU_ASSERT_STRING_EQUAL(one.proxy[1]->host, "2001:db8::1");
	CU_ASSERT_PTR_NULL(one.proxy[2]);
	CU_ASSERT_EQUAL(one.proxy[3]->kind, PROXY_HTTP);
	CU_ASSERT_EQUAL(one.proxy[3]->scheme_count, 1);
	CU_ASSERT_PTR_NOT_NULL(one.proxy[3]->creds);
	for (size_t i = 0; i < 4; i++)
		CU_ASSERT_PTR_EQUAL(one.proxy[i], two.proxy[i]);
	egress_way_fini(&two);
	/* more than are kept; who has one may use it on */
	for (int i = 0; i < 40; i++) {
		snprintf(host, sizeof(host), "h%d.test", i);
		choose(e, host, &two);
		egress_way_fini(&two);
	}
	CU_ASSERT_STRING_EQUAL(one.proxy[0]->host, "p-a.test");
	egress_way_fini(&one);
	egress_put(e);
	unlink(script);
}

/* An app that has the proxy in settings of its own goes there directly. */
static void test_to_the_proxy(void)
{
	struct egress *e;
	struct egress_way way;

	write_file(script, "function FindProxyForURL(u, h) { "
			   "return 'PROXY proxy.test:443; PROXY b.test:1'; }");
	e = by_script("", "");
	choose(e, "Proxy.test", &way);
	CU_ASSERT_EQUAL(way.count, 1);
	CU_ASSERT_PTR_NULL(way.proxy[0]);
	egress_way_fini(&way);
	choose(e, "b.test", &way); /* another port */
	CU_ASSERT_EQUAL(way.count, 2);
	egress_way_fini(&way);
	egress_put(e);
	unlink(script);
}

static int make_folder(void)
{
	char path[4200];

	strcpy(folder, "/tmp/test-egress-ask-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(script, sizeof(script), "%s/proxy.pac", folder);
	snprintf(program, sizeof(program), "%s/proxy", folder);
	snprintf(path, sizeof(path), "%s:%.4000s", folder, getenv("PATH"));
	return setenv("PATH", path, 1);
}

static int remove_folder(void)
{
	return rmdir(folder);
}

static CU_TestInfo tests[] = {
	{ "the desktop", test_desktop },
	CU_TEST_INFO_NULL,
};
static CU_TestInfo script_tests[] = {
	{ "a proxy that is down", test_fail_over },
	{ "one proxy a host", test_by_host },
	{ "DIRECT", test_direct },
	{ "a login", test_login },
	{ "no answer", test_no_answer },
	{ "the same proxy is the same object", test_same_objects },
	{ "to the proxy itself", test_to_the_proxy },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "the desktop",
	  .pInitFunc = make_folder,
	  .pCleanupFunc = remove_folder,
	  .pTests = tests },
	{ .pName = "scripts",
	  .pInitFunc = make_folder,
	  .pCleanupFunc = remove_folder,
	  .pTests = script_tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	if (!pac_is_built_in())
		suites[1] = suites[2];
	return unit_run(suites);
}
