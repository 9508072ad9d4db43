/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_conf.c - real files in a directory of their own, read as tunneld does;
 * the sample and tunneld.conf(5) compared with the table of keys
 */
#include <config.h>

#include "../tunneld/conf.h"

#include "../tunneld/addr.h"
#include "../tunneld/conf_value.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static char dir[] = "/tmp/test_conf.XXXXXX";
static char policy_dir[64]; /* not there, but in the tests of locks */
static char reports[16384];
static const char *const env_names[] = {
	"https_proxy",    "HTTPS_PROXY",
	"all_proxy",      "ALL_PROXY",
	"http_proxy",     "HTTP_PROXY",
	"no_proxy",       "NO_PROXY",
	"REQUEST_METHOD", "CREDENTIALS_DIRECTORY",
};

static const char *path(const char *name)
{
	static char text[4][128];
	static unsigned int n;

	n = (n + 1) % 4;
	snprintf(text[n], sizeof(text[n]), "%s/%s", dir, name);
	return text[n];
}

static bool write_file(const char *name, const char *content, mode_t mode)
{
	FILE *f = fopen(path(name), "w");

	return f != NULL && fputs(content, f) >= 0 && fclose(f) == 0 &&
	       chmod(path(name), mode) == 0;
}

static void put(const char *name, const char *content, mode_t mode)
{
	CU_ASSERT_TRUE_FATAL(write_file(name, content, mode));
}

static void clean_env(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(env_names); i++)
		unsetenv(env_names[i]);
}

static int set_up(void)
{
	if (mkdtemp(dir) == NULL || mkdir(path("conf.d"), 0755) < 0)
		return 1;
	if (!write_file("secret", "s3cret\nmore\n", 0600) ||
	    !write_file("open", "s3cret\n", 0640) ||
	    !write_file("empty", "\n", 0600) ||
	    !write_file("ca.pem", "certificate\n", 0644))
		return 1;
	snprintf(policy_dir, sizeof(policy_dir), "%s/policy.d", dir);
	log_open(LOG_LEVEL_ERROR, false);
	clean_env();
	return 0;
}

static int tear_down(void)
{
	static const char *const files[] = { "secret", "open", "empty",
					     "ca.pem", "x.conf" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(path(files[i]));
	rmdir(path("conf.d"));
	return rmdir(dir);
}

/* Collected without the directory's name. */
static void report(void *arg, enum log_level level, const char *line)
{
	size_t len = strlen(reports), skip = strlen(dir) + 1;
	const char *found;

	CU_ASSERT_PTR_EQUAL(arg, reports);
	if (level == LOG_LEVEL_WARN)
		len += (size_t)snprintf(reports + len, sizeof(reports) - len,
					"warning: ");
	while ((found = strstr(line, dir)) != NULL) {
		len += (size_t)snprintf(reports + len, sizeof(reports) - len,
					"%.*s", (int)(found - line), line);
		line = found + skip;
	}
	snprintf(reports + len, sizeof(reports) - len, "%s\n", line);
}

static struct conf *load_with(const char *text, const char *const *set,
			      size_t set_count)
{
	struct conf_source source = {
		.file = path("x.conf"),
		.set = set,
		.set_count = set_count,
		.policy_dir = policy_dir,
		.policy_owner = geteuid(),
	};

	put("x.conf", text, 0644);
	reports[0] = '\0';
	return conf_load(&source, report, reports);
}

static struct conf *loads(const char *text)
{
	struct conf *conf = load_with(text, NULL, 0);

	if (conf == NULL)
		printf("%s", reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

/* All of `about` are in the reports, which are as many lines. */
static void refuses(const char *text, const char *const *about, size_t n)
{
	struct conf *conf = load_with(text, NULL, 0);
	size_t lines = 0;

	CU_ASSERT_PTR_NULL(conf);
	conf_free(conf);
	for (const char *c = reports; *c != '\0'; c++)
		lines += *c == '\n';
	if (lines != n)
		printf("%s", reports);
	CU_ASSERT_EQUAL(lines, n);
	for (size_t i = 0; i < n; i++) {
		if (strstr(reports, about[i]) == NULL)
			printf("not in: %s%s", about[i], reports);
		CU_ASSERT_PTR_NOT_NULL(strstr(reports, about[i]));
	}
}

#define REFUSES(text, ...)                                          \
	do {                                                        \
		static const char *const about[] = { __VA_ARGS__ }; \
		refuses(text, about, ARRAY_SIZE(about));            \
	} while (0)

static void test_defaults(void)
{
	struct conf *conf = loads("");
	char ip[ADDR_TEXT_MAX];

	CU_ASSERT_EQUAL(conf->proxy.source, CONF_PROXY_NONE);
	CU_ASSERT_PTR_NULL(conf->proxy.no_proxy);
	CU_ASSERT_EQUAL(conf->proxy.scheme_count, 4);
	CU_ASSERT_EQUAL(conf->proxy.scheme[0], CONF_AUTH_NEGOTIATE);
	CU_ASSERT_EQUAL(conf->proxy.scheme[3], CONF_AUTH_BASIC);
	CU_ASSERT_FALSE(conf->proxy.basic_over_http);
	CU_ASSERT_TRUE(conf->proxy.alpn_header);
	CU_ASSERT_EQUAL(conf->relay_count, 0);
	CU_ASSERT_EQUAL(conf->media, CONF_MEDIA_AUTO);
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&conf->pool4, ip), "198.18.0.0");
	CU_ASSERT_EQUAL(conf->pool4_bits, 15);
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&conf->pool6, ip),
			       "fd74:7572:6e6f:7574::");
	CU_ASSERT_EQUAL(conf->pool6_bits, 96);
	CU_ASSERT_EQUAL(conf->rules.count, 0);
	CU_ASSERT_STRING_EQUAL(conf->socket, "");
	CU_ASSERT_EQUAL(conf->log_level, LOG_LEVEL_INFO);
	conf_free(conf);
	conf_free(NULL);
}

static void test_full(void)
{
	struct conf *conf = loads(
		"[proxy]\n"
		"url = http://Proxy.Example:3128/\n"
		"username = joe\n"
		"password_file = secret\n"
		"auth = basic\n"
		"no_proxy = a.example;.b.example 10.0.0.0/8\n"
		"no_proxy = c.example\n"
		"[relay main]\n"
		"uri = turns:Relay.example:443?transport=tcp\n"
		"username = u\n"
		"password_file = secret\n"
		"ca_file = ca.pem\n"
		"path = proxy\n"
		"[relay second.one]\n"
		"uri = turn:[2001:db8::1]?transport=TCP\n"
		"secret_file = secret\n"
		"path = direct\n"
		"[media]\n"
		"mode = always\n"
		"[names]\n"
		"pool4 = 198.51.100.0/24\n"
		"pool6 = none\n"
		"[rules]\n"
		"rule = direct 203.0.113.0/24\n"
		"rule = block tcp evil.example:25\n"
		"[daemon]\n"
		"socket = /run/x/control\n"
		"log_level = debug\n");
	const struct conf_relay *r = conf->relay;

	CU_ASSERT_EQUAL(conf->proxy.source, CONF_PROXY_LIST);
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "proxy.example");
	CU_ASSERT_EQUAL(conf->proxy.server[0].port, 3128);
	CU_ASSERT_STRING_EQUAL(conf->proxy.username, "joe");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].password, "");
	CU_ASSERT_STRING_EQUAL(conf->proxy.password_file, path("secret"));
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[1], ".b.example");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[3], "c.example");
	CU_ASSERT_PTR_NULL(conf->proxy.no_proxy[4]);
	CU_ASSERT_EQUAL_FATAL(conf->relay_count, 2);
	CU_ASSERT_STRING_EQUAL(r[0].name, "main");
	CU_ASSERT_TRUE(r[0].uri.tls);
	CU_ASSERT_STRING_EQUAL(r[0].uri.host, "relay.example");
	CU_ASSERT_EQUAL(r[0].uri.port, 443);
	CU_ASSERT_STRING_EQUAL(r[0].username, "u");
	CU_ASSERT_STRING_EQUAL(r[0].password_file, path("secret"));
	CU_ASSERT_STRING_EQUAL(r[0].ca_file, path("ca.pem"));
	CU_ASSERT_EQUAL(r[0].path, CONF_PATH_PROXY);
	CU_ASSERT_STRING_EQUAL(r[0].origin + strlen(dir), "/x.conf:8");
	CU_ASSERT_STRING_EQUAL(r[1].name, "second.one");
	CU_ASSERT_FALSE(r[1].uri.tls);
	CU_ASSERT_STRING_EQUAL(r[1].uri.host, "2001:db8::1");
	CU_ASSERT_EQUAL(r[1].uri.port, 3478);
	CU_ASSERT_STRING_EQUAL(r[1].secret_file, path("secret"));
	CU_ASSERT_EQUAL(r[1].path, CONF_PATH_DIRECT);
	CU_ASSERT_EQUAL(conf->media, CONF_MEDIA_ALWAYS);
	CU_ASSERT_EQUAL(conf->pool4_bits, 24);
	CU_ASSERT_EQUAL(conf->pool6.family, ENDPOINT_NONE);
	CU_ASSERT_EQUAL_FATAL(conf->rules.count, 2);
	CU_ASSERT_EQUAL(conf->rules.rule[0].action, POLICY_DIRECT);
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[1].name, "evil.example");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[1].origin + strlen(dir),
			       "/x.conf:25");
	CU_ASSERT_STRING_EQUAL(conf->socket, "/run/x/control");
	CU_ASSERT_EQUAL(conf->log_level, LOG_LEVEL_DEBUG);
	conf_free(conf);
}

static void test_names_of_things(void)
{
	REFUSES("[proxy]\nurll = none\nuser = x\nfoo = x\nmode = never\n",
		"x.conf:2: unknown key `urll` in [proxy]: did you mean `url`?",
		"x.conf:3: unknown key `user` in [proxy]: did you mean "
		"`username`?",
		"x.conf:4: unknown key `foo` in [proxy]: see",
		"x.conf:5: `mode` is not a key of [proxy]: it belongs into "
		"[media]");
	REFUSES("[prxy]\nurl = none\n[relais x]\n[rlay x]\n[quite]\na = b\n",
		"x.conf:1: unknown section [prxy]: did you mean [proxy]?",
		"x.conf:3: unknown section [relais x]",
		"x.conf:4: unknown section [rlay x]",
		"x.conf:5: unknown section [quite]: there are");
	REFUSES("url = none\n", "x.conf:1: `url` stands in no section");
	REFUSES("[relay]\nuri = x\n",
		"x.conf:1: a relay needs a name: write [relay NAME]");
	REFUSES("[relay a b]\n", "x.conf:1: relay name `a b`");
	REFUSES("[Proxy]\n", "did you mean [proxy]?");
}

static void test_doubles(void)
{
	REFUSES("[proxy]\nurl = none\nauth = basic\nurl = env\n",
		"x.conf:4: `url` stands here twice, first in line 2");
	REFUSES("[media]\n[names]\n[media]\n",
		"x.conf:3: section [media] stands in this file twice");
	REFUSES("[relay a]\nuri = turns:a\n[relay a]\npath = auto\n",
		"x.conf:3: section [relay a] stands in this file twice");
}

/* All of them, with their lines, and nothing else. */
static void test_all_problems(void)
{
	REFUSES("[proxy]\n"
		"url = ftp://proxy:3128\n"
		"auth = kerberos\n"
		" continued\n"
		"[relay a]\n"
		"path = x\n"
		"[rules]\n"
		"rule = direct 10.0.0.0/8 ; LAN\n",
		"x.conf:2: url: not the URL of a proxy",
		"x.conf:3: auth: `kerberos` is none of negotiate, ntlm, "
		"digest, basic",
		"x.conf:4: the line starts with a blank",
		"x.conf:5: relay a has no uri",
		"x.conf:6: path: `x` is none of auto, direct, proxy",
		"x.conf:8: rule: one destination a rule, and nothing behind "
		"`10.0.0.0/8` but program= and user=: write a rule of its own "
		"for each (a comment "
		"stands on a line of its own)");
}

static void bad_value(const char *section, const char *key, const char *value,
		      const char *about)
{
	char text[600], expected[600];
	struct conf *conf;

	snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, value);
	conf = load_with(text, NULL, 0);
	CU_ASSERT_PTR_NULL(conf);
	conf_free(conf);
	snprintf(expected, sizeof(expected), "x.conf:2: %s: ", key);
	if (strstr(reports, expected) == NULL || strstr(reports, about) == NULL)
		printf("%s = %s: %s", key, value, reports);
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, expected));
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, about));
}

static void test_proxy_values(void)
{
	static const struct {
		const char *value, *about;
	} bad[] = {
		{ "", "write none for no proxy" },
		{ "proxy:3128", "write http://HOST:PORT" },
		{ "ftp://proxy:3128", "write http://HOST:PORT" },
		{ "socks4://proxy:1080", "version 5" },
		{ "http://", "host is missing" },
		{ "http://:3128", "host is missing" },
		{ "http://proxy:0", "port of 1" },
		{ "http://proxy:65536", "port of 1" },
		{ "http://proxy:x", "port of 1" },
		{ "http://proxy:3128/pac", "no path" },
		{ "http://2001:db8::1:3128", "brackets" },
		{ "http://a..b:1", "neither a host name" },
		{ "http://joe:s3cret@proxy:3128", "secrets never stand" },
		{ "\"http://proxy:3128\"", "write http://HOST:PORT" },
		{ "pac+ftp://h/p", "write pac+http://HOST/PATH" },
		{ "pac+file://h/p", "write pac+http://HOST/PATH" },
		{ "pac+/p", "write pac+http://HOST/PATH" },
		{ "pac+http:///p", "host is missing" },
		{ "pac+https://joe:s3cret@h/p", "secrets never stand" },
#ifndef HAVE_PAC
		{ "pac+http://h/p", "libpacparser-dev" },
		{ "wpad", "libpacparser-dev" },
#endif
	};
	struct conf *conf;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_value("proxy", "url", bad[i].value, bad[i].about);
		CU_ASSERT_PTR_NULL(strstr(reports, "s3cret"));
	}
	bad_value("proxy", "username", "", "empty");
	bad_value("proxy", "username", "a:b", "no colon");
	bad_value("proxy", "no_proxy", "a, 10.1.2", "not a whole address");
	conf = loads("[proxy]\nurl = http://[2001:db8::1]:3128\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "2001:db8::1");
	conf_free(conf);
	conf = loads("[proxy]\nurl = HTTP://proxy\n");
	CU_ASSERT_EQUAL(conf->proxy.server[0].port, 80);
	conf_free(conf);
}

static void test_proxy_asked(void)
{
	struct conf *conf = loads("[proxy]\nurl = desktop\n");
#ifdef HAVE_PAC
	static const char *const rows[][2] = {
		{ "pac+file:///etc/proxy.pac", "/etc/proxy.pac" },
		{ "pac+FILE:///a b.pac", "/a b.pac" },
		{ "pac+http://h.test/p?a=b@c", "http://h.test/p?a=b@c" },
		{ "pac+https://h.test:8443/p", "https://h.test:8443/p" },
		{ "wpad", "http://wpad/wpad.dat" },
	};
	char text[200];
#endif

	CU_ASSERT_EQUAL(conf->proxy.source, CONF_PROXY_DESKTOP);
	conf_free(conf);
#ifdef HAVE_PAC
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "[proxy]\nurl = %s\n", rows[i][0]);
		conf = loads(text);
		CU_ASSERT_EQUAL(conf->proxy.source, CONF_PROXY_PAC);
		CU_ASSERT_STRING_EQUAL(conf->proxy.pac, rows[i][1]);
		conf_free(conf);
	}
#endif
}

static void test_relay_values(void)
{
	static const struct {
		const char *value, *about;
	} bad[] = {
		{ "relay.example", "write turns:HOST:443?transport=tcp" },
		{ "stun:relay.example", "write turns:HOST" },
		{ "turns://relay.example", "no //" },
		{ "turns:u@relay.example", "no user" },
		{ "turns:", "host is missing" },
		{ "turns:?transport=tcp", "host is missing" },
		{ "turns:relay.example:0", "port of 1" },
		{ "turns:2001:db8::1", "brackets" },
		{ "turns::443", "host is missing" },
		{ "turns:relay.example:65536", "port of 1" },
		{ "turns:relay.example:443x", "port of 1" },
		{ "turns:relay.example::", "brackets" },
		{ "turns:[2001:db8::1", "not HOST" },
		{ "turns:[fe80::1%25eth0]", "no zone" },
		{ "turns:[v1.x]", "neither a host name nor" },
		{ "turns:127.1", "neither a host name nor" },
		{ "turns:a%zz", "not well formed" },
		{ "turns:a%00", "not well formed" },
		{ "turns:relay.example?transport=", "unknown" },
		{ "turns:relay.example?", "only ?transport" },
		{ "turns:relay.example?transport=sctp", "unknown" },
		{ "turns:relay.example?x=y", "only ?transport" },
		{ "turns:relay.example/x", "only ?transport" },
	};
	struct conf *conf = loads("[relay a]\nuri = TURNS:Relay.Example.\n");

	CU_ASSERT_STRING_EQUAL(conf->relay[0].uri.host, "relay.example");
	CU_ASSERT_EQUAL(conf->relay[0].uri.port, 5349);
	conf_free(conf);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad_value("relay a", "uri", bad[i].value, bad[i].about);
	REFUSES("[relay a]\nuri = turns:a\nusername = u\n",
		"x.conf:3: username: password_file or secret_file is missing");
	REFUSES("[relay a]\nuri = turns:a\npassword_file = secret\n",
		"x.conf:3: password_file: username is missing");
	REFUSES("[relay a]\nuri = turns:a\nusername = u\n"
		"password_file = secret\nsecret_file = secret\n",
		"x.conf:5: secret_file: password_file is given as well");
	REFUSES("[relay a]\nuri = turn:a?transport=tcp\nca_file = ca.pem\n",
		"x.conf:3: ca_file: the relay is not reached over TLS");
	REFUSES("[proxy]\nurl = none\n[relay a]\nuri = turns:a\npath = proxy\n",
		"x.conf:3: path: there is no proxy");
}

static void test_relay_uris(void)
{
	static const struct {
		const char *value, *host;
		uint16_t port;
		bool has_port, tls;
		enum conf_transport transport;
	} good[] = {
		{ "turn:a.example", "a.example", 3478, false, false,
		  CONF_TRANSPORT_ANY },
		{ "turns:a.example", "a.example", 5349, false, true,
		  CONF_TRANSPORT_ANY },
		{ "TURN:A.Example.:80", "a.example", 80, true, false,
		  CONF_TRANSPORT_ANY },
		{ "turn:a.example?transport=udp", "a.example", 3478, false,
		  false, CONF_TRANSPORT_UDP },
		{ "turns:a.example:443?Transport=TCP", "a.example", 443, true,
		  true, CONF_TRANSPORT_TCP },
		{ "turns:a.example:?transport=udp", "a.example", 5349, false,
		  true, CONF_TRANSPORT_UDP },
		{ "turn:192.0.2.1:65535", "192.0.2.1", 65535, true, false,
		  CONF_TRANSPORT_ANY },
		{ "turns:[2001:DB8::1]", "2001:db8::1", 5349, false, true,
		  CONF_TRANSPORT_ANY },
		{ "turns:[2001:db8::1]:", "2001:db8::1", 5349, false, true,
		  CONF_TRANSPORT_ANY },
		{ "turns:[2001:db8::1]:1?transport=udp", "2001:db8::1", 1, true,
		  true, CONF_TRANSPORT_UDP },
		{ "turn:%61.example", "a.example", 3478, false, false,
		  CONF_TRANSPORT_ANY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[128];
		struct conf *conf;
		const struct conf_uri *uri;

		snprintf(text, sizeof(text), "[relay a]\nuri = %s\n",
			 good[i].value);
		conf = loads(text);
		uri = &conf->relay[0].uri;
		CU_ASSERT_STRING_EQUAL(uri->host, good[i].host);
		CU_ASSERT_EQUAL(uri->port, good[i].port);
		CU_ASSERT_EQUAL(uri->has_port, good[i].has_port);
		CU_ASSERT_EQUAL(uri->tls, good[i].tls);
		CU_ASSERT_EQUAL(uri->transport, good[i].transport);
		conf_free(conf);
	}
}

static void test_relay_settings(void)
{
	struct conf *conf = loads("[relay a]\nuri = turns:a\n");
	const struct conf_relay *r = conf->relay;

	CU_ASSERT_EQUAL(r->warm, 1);
	CU_ASSERT_EQUAL(r->keepalive_s, 20);
	CU_ASSERT_TRUE(r->mobility);
	CU_ASSERT_TRUE(r->redirect);
	conf_free(conf);
	conf = loads("[relay a]\nuri = turns:a\nwarm = 0\nkeepalive = 25\n"
		     "mobility = no\nredirect = no\n");
	r = conf->relay;
	CU_ASSERT_EQUAL(r->warm, 0);
	CU_ASSERT_EQUAL(r->keepalive_s, 25);
	CU_ASSERT_FALSE(r->mobility);
	CU_ASSERT_FALSE(r->redirect);
	conf_free(conf);
	bad_value("relay a", "warm", "9", "not a number of 0 to 8");
	bad_value("relay a", "warm", "-1", "not a number of 0 to 8");
	bad_value("relay a", "warm", "4294967296", "not a number of 0 to 8");
	bad_value("relay a", "keepalive", "1", "not a number of 2 to 25");
	bad_value("relay a", "keepalive", "26", "not a number of 2 to 25");
	bad_value("relay a", "keepalive", "20s", "not a number of 2 to 25");
	bad_value("relay a", "mobility", "yes", "none of auto, no");
	bad_value("relay a", "redirect", "auto", "none of yes, no");
}

static void test_credentials(void)
{
	struct conf *conf;

	put("headers", "Authorization: Bearer x\r\nX-Y:\n\nz: \t1\n", 0600);
	/* The relays come with the credentials. */
	conf = loads("[relay a]\ncredentials_uri = https://c.example/v1?k=1\n"
		     "credentials_headers_file = headers\n"
		     "credentials_body = {\"ttl\": 86400}\n");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].uri.host, "");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].credentials_uri,
			       "https://c.example/v1?k=1");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].credentials_body,
			       "{\"ttl\": 86400}");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].credentials_headers_file,
			       path("headers"));
	conf_free(conf);
	conf = loads("[relay a]\nuri = turns:a\n"
		     "credentials_uri = http://[::1]:80/\n");
	conf_free(conf);
	conf = loads("[relay a]\nuri = turns:a\n"
		     "credential_command = mint --now | tail -1\n");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].credential_command,
			       "mint --now | tail -1");
	conf_free(conf);
	bad_value("relay a", "credentials_uri", "c.example", "https://HOST");
	bad_value("relay a", "credentials_uri", "https://", "https://HOST");
	bad_value("relay a", "credentials_uri", "https://:1/", "https://HOST");
	bad_value("relay a", "credentials_uri", "ftp://a/", "https://HOST");
	bad_value("relay a", "credentials_uri", "http://c.example/",
		  "https://HOST");
	bad_value("relay a", "credentials_uri", "http://localhost.example/",
		  "https://HOST");
	bad_value("relay a", "credentials_uri", "https://u:p@a/",
		  "secrets never stand");
	bad_value("relay a", "credentials_uri", "https://a/x y", "blanks");
	REFUSES("[relay a]\ncredential_command = x\n",
		"x.conf:1: relay a has no uri");
	REFUSES("[relay a]\nuri = turns:a\ncredentials_uri = https://a/\n"
		"credential_command = x\n",
		"x.conf:4: credential_command: credentials_uri is given as "
		"well");
	REFUSES("[relay a]\nuri = turns:a\ncredentials_uri = https://a/\n"
		"username = u\n",
		"x.conf:4: username: credentials_uri gives it");
	REFUSES("[relay a]\nuri = turns:a\ncredentials_body = {}\n"
		"credentials_headers_file = headers\n",
		"x.conf:4: credentials_headers_file: credentials_uri is "
		"missing",
		"x.conf:3: credentials_body: credentials_uri is missing");
	put("headers", "Authorization Bearer x\n", 0600);
	bad_value("relay a", "credentials_headers_file", "headers", "NAME: ");
	put("headers", "A: b\001\n", 0600);
	bad_value("relay a", "credentials_headers_file", "headers", "NAME: ");
	put("headers", "", 0600);
	bad_value("relay a", "credentials_headers_file", "headers", "is empty");
	unlink(path("headers"));
}

static void test_path(void)
{
	REFUSES("[relay a]\nuri = turns:a?transport=udp\npath = proxy\n",
		"x.conf:2: uri: the proxy carries no UDP");
}

static void test_other_values(void)
{
	bad_value("media", "mode", "sometimes", "none of always, auto, never");
	bad_value("names", "mode", "fake", "auto, synthetic, system");
	bad_value("names", "resolver", "dns", "auto, system, https, relay");
	bad_value("names", "doh_uri", "http://dns.example/", "https://HOST");
	bad_value("names", "doh_uri", "https:///dns-query", "https://HOST");
	bad_value("names", "doh_uri", "https://me:pw@dns.example/", "https://");
	bad_value("names", "relay_dns", "dns.example", "not an address");
	bad_value("names", "pool4", "198.18.0.1/15", "zero bits");
	bad_value("names", "pool4", "fd00::/96", "IPv4 network");
	bad_value("names", "pool4", "198.18.0.0/30", "8 to 28 bits");
	bad_value("names", "pool4", "127.0.0.0/8", "no host has");
	bad_value("names", "pool4", "224.0.0.0/8", "no host has");
	bad_value("names", "pool6", "198.18.0.0/15", "IPv6 network");
	bad_value("names", "pool6", "ff00::/96", "no host has");
	bad_value("rules", "rule", "allow *", "not an action");
	bad_value("daemon", "socket", "control", "absolute");
	bad_value("daemon", "socket",
		  "/12345678901234567890123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789012345678",
		  "at most 107");
	bad_value("daemon", "log_level", "verbose", "none of error");
}

static void test_secrets(void)
{
	char value[64], out[64];
	struct conf *conf;

	bad_value("proxy", "password_file", "missing", "No such file");
	bad_value("proxy", "password_file", "open", "chmod 600");
	bad_value("proxy", "password_file", "empty", "first line is empty");
	bad_value("proxy", "password_file", "conf.d", "not a regular file");
	bad_value("proxy", "password_file", "\"secret\"", "without quotes");
	bad_value("relay a", "secret_file", "open", "chmod 600");
	bad_value("relay a", "credentials_headers_file", "open", "chmod 600");
	bad_value("relay a", "credentials_headers_file", "secret", "NAME: ");
	bad_value("relay a", "ca_file", "missing", "No such file");
	bad_value("relay a", "ca_file", "conf.d", "not a regular file");
	REFUSES("[proxy]\npassword_file = secret\n",
		"x.conf:2: password_file: username is missing");
	REFUSES("[proxy]\nusername = joe\n",
		"x.conf:2: username: password_file is missing");

	/* systemd's credentials show group bits, and are not for groups. */
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	conf = loads("[relay a]\nuri = turns:a\nsecret_file = open\n");
	conf_free(conf);
	CU_ASSERT_EQUAL(
		conf_read_secret(path("conf.d/../open"), out, sizeof(out)),
		-EPERM);
	clean_env();

	CU_ASSERT_EQUAL(conf_read_secret(path("secret"), out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "s3cret");
	CU_ASSERT_EQUAL(conf_read_secret(path("secret"), out, 7), 0);
	CU_ASSERT_EQUAL(conf_read_secret(path("secret"), out, 6), -E2BIG);
	CU_ASSERT_EQUAL(conf_read_secret(path("open"), out, sizeof(out)),
			-EPERM);
	CU_ASSERT_EQUAL(conf_read_secret(path("empty"), out, sizeof(out)),
			-ENODATA);
	CU_ASSERT_EQUAL(conf_read_secret(dir, out, sizeof(out)), -EINVAL);
	put("x.conf", "no newline\r", 0600);
	CU_ASSERT_EQUAL(conf_read_secret(path("x.conf"), out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "no newline");

	/* Absolute paths stay. */
	snprintf(value, sizeof(value), "%s", path("secret"));
	{
		char text[200];

		snprintf(text, sizeof(text),
			 "[relay a]\nuri = turns:a\nsecret_file = %s\n", value);
		conf = loads(text);
		CU_ASSERT_STRING_EQUAL(conf->relay[0].secret_file, value);
		conf_free(conf);
	}
}

/* Ways to log in at the proxy. */
static void test_login(void)
{
	struct conf *conf = loads("[proxy]\nauth = digest, ntlm\n"
				  "basic_over_http = yes\n"
				  "alpn_header = no\n"
				  "credential_command = ask --me\n"
				  "ca_file = ca.pem\n"
				  "client_cert_file = ca.pem\n"
				  "client_key_file = secret\n");

	CU_ASSERT_EQUAL(conf->proxy.scheme_count, 2);
	CU_ASSERT_EQUAL(conf->proxy.scheme[0], CONF_AUTH_DIGEST);
	CU_ASSERT_EQUAL(conf->proxy.scheme[1], CONF_AUTH_NTLM);
	CU_ASSERT_TRUE(conf->proxy.basic_over_http);
	CU_ASSERT_FALSE(conf->proxy.alpn_header);
	CU_ASSERT_STRING_EQUAL(conf->proxy.credential_command, "ask --me");
	CU_ASSERT_STRING_EQUAL(conf->proxy.ca_file, path("ca.pem"));
	CU_ASSERT_STRING_EQUAL(conf->proxy.client_cert_file, path("ca.pem"));
	CU_ASSERT_STRING_EQUAL(conf->proxy.client_key_file, path("secret"));
	conf_free(conf);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	conf = loads("[proxy]\nusername = joe\npassword_credential = open\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.password_credential, "open");
	conf_free(conf);
	clean_env();
	conf = loads("[proxy]\nusername = joe\nnetrc_file = secret\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.netrc_file, path("secret"));
	CU_ASSERT_STRING_EQUAL(conf->proxy.username, "joe");
	conf_free(conf);
	/* The environment's name and password belong together. */
	setenv("https_proxy", "http://joe:s3cret@proxy:1", 1);
	conf = loads("[proxy]\nnetrc_file = secret\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].username, "");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].password, "");
	conf_free(conf);
	clean_env();

	bad_value("proxy", "auth", "basic digest basic", "twice");
	bad_value("proxy", "auth", ",", "empty");
	bad_value("proxy", "basic_over_http", "true", "none of yes, no");
	bad_value("proxy", "alpn_header", "1", "none of yes, no");
	bad_value("proxy", "password_credential", "pw", "LoadCredential=pw:");
	bad_value("proxy", "password_credential", "/pw", "password_file");
	bad_value("proxy", "password_credential", "..", "password_file");
	bad_value("proxy", "netrc_file", "open", "chmod 600");
	bad_value("proxy", "client_key_file", "open", "chmod 600");
	bad_value("proxy", "client_key_file", "missing", "No such file");
	bad_value("proxy", "client_cert_file", "missing", "No such file");
	bad_value("proxy", "ca_file", "conf.d", "not a regular file");
	REFUSES("[proxy]\nusername = joe\npassword_file = secret\n"
		"credential_command = x\nnetrc_file = secret\n",
		"x.conf:4: credential_command: password_file is given as well",
		"x.conf:5: netrc_file: password_file is given as well");
	REFUSES("[proxy]\nclient_cert_file = ca.pem\n",
		"x.conf:2: client_cert_file: client_key_file is missing");
	REFUSES("[proxy]\nclient_key_file = secret\n",
		"x.conf:2: client_key_file: client_cert_file is missing");
}

static void test_env(void)
{
	struct conf *conf;

	setenv("HTTP_PROXY", "http://low:1", 1);
	conf = loads("");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "low");
	conf_free(conf);
	setenv("REQUEST_METHOD", "GET", 1);
	conf = loads("[proxy]\nurl = env\n");
	CU_ASSERT_EQUAL(conf->proxy.source, CONF_PROXY_NONE);
	conf_free(conf);
	setenv("http_proxy", "lower:2", 1);
	conf = loads("");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "lower");
	conf_free(conf);
	setenv("ALL_PROXY", "http://all:3", 1);
	conf = loads("");
	CU_ASSERT_EQUAL(conf->proxy.server[0].port, 3);
	conf_free(conf);
	setenv("HTTPS_PROXY", "http://j%6fe:p%40s%3as@https:4/", 1);
	setenv("https_proxy", "", 1);
	setenv("NO_PROXY", "a.example,,10.0.0.0/8, junk/", 1);
	conf = loads("[proxy]\nno_proxy = b.example\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "https");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].username, "joe");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].password, "p@s:s");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[0], "a.example");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[1], "10.0.0.0/8");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[2], "b.example");
	CU_ASSERT_PTR_NULL(conf->proxy.no_proxy[3]);
	conf_free(conf);

	/* The file's own user does not get the other one's password. */
	conf = loads("[proxy]\nusername = ann\npassword_file = secret\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.username, "ann");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].password, "");
	conf_free(conf);

	/* A file that names a proxy leaves the environment alone. */
	conf = loads("[proxy]\nurl = http://file:5\n");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "file");
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].password, "");
	CU_ASSERT_PTR_NULL(conf->proxy.no_proxy);
	conf_free(conf);
	clean_env();
}

/* Which variable leads where. */
static void test_env_table(void)
{
	static const struct {
		const char *set[6];      /* names and values */
		const char *any, *plain; /* hosts; NULL: none */
	} rows[] = {
		{ { NULL }, NULL, NULL },
		{ { "https_proxy", "s" }, "s", NULL },
		{ { "HTTPS_PROXY", "S" }, "s", NULL },
		{ { "https_proxy", "low", "HTTPS_PROXY", "up" }, "low", NULL },
		{ { "https_proxy", "", "HTTPS_PROXY", "up" }, "up", NULL },
		{ { "http_proxy", "h" }, "h", NULL },
		{ { "HTTP_PROXY", "h" }, "h", NULL },
		{ { "HTTP_PROXY", "h", "REQUEST_METHOD", "GET" }, NULL, NULL },
		{ { "http_proxy", "h", "REQUEST_METHOD", "GET" }, "h", NULL },
		{ { "all_proxy", "a" }, "a", NULL },
		{ { "ALL_PROXY", "a" }, "a", NULL },
		{ { "https_proxy", "s", "http_proxy", "h" }, "s", "h" },
		{ { "https_proxy", "s", "http_proxy", "s" }, "s", NULL },
		{ { "https_proxy", "s", "all_proxy", "a" }, "s", "a" },
		{ { "http_proxy", "h", "all_proxy", "a" }, "a", "h" },
		{ { "https_proxy", "s", "http_proxy", "h", "all_proxy", "a" },
		  "s",
		  "h" },
		{ { "https_proxy", "ftp://x", "all_proxy", "a" }, "a", NULL },
		{ { "all_proxy", "socks5h://a" }, "a", NULL },
		{ { "all_proxy", "http://s", "https_proxy", "https://s" },
		  "s",
		  "s" },
	};
	const struct conf_proxy_server *any, *plain;
	struct conf *conf;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t j = 0; j < 6 && rows[i].set[j] != NULL; j += 2)
			setenv(rows[i].set[j], rows[i].set[j + 1], 1);
		conf = loads("");
		any = &conf->proxy.server[0];
		plain = &conf->proxy.plain;
		CU_ASSERT_EQUAL(conf->proxy.server_count, rows[i].any != NULL);
		CU_ASSERT_EQUAL(conf->proxy.has_plain, rows[i].plain != NULL);
		CU_ASSERT_STRING_EQUAL(any->host,
				       rows[i].any ? rows[i].any : "");
		if (rows[i].plain != NULL)
			CU_ASSERT_STRING_EQUAL(plain->host, rows[i].plain);
		conf_free(conf);
		clean_env();
	}
}

static void test_env_bad(void)
{
	struct conf *conf;

	setenv("https_proxy", "ftp://joe:s3cret@proxy:1", 1);
	REFUSES("", "default of [proxy]: url: https_proxy in the environment: "
		    "not the URL of a proxy");
	CU_ASSERT_PTR_NULL(strstr(reports, "s3cret"));
	setenv("https_proxy", "http://joe:s3cr%zzet@proxy:1", 1);
	REFUSES("[proxy]\nurl = env\n", "x.conf:2: url: https_proxy in the "
					"environment: the user name or");
	CU_ASSERT_PTR_NULL(strstr(reports, "s3cr"));
	unsetenv("https_proxy");
	/* One that is out of order does not stand in the others' way. */
	setenv("all_proxy", "socks4://proxy:1080", 1);
	setenv("http_proxy", "http://proxy:3128", 1);
	conf = loads("");
	CU_ASSERT_EQUAL(conf->proxy.server[0].port, 3128);
	CU_ASSERT_FALSE(conf->proxy.has_plain);
	conf_free(conf);
	setenv("all_proxy", "socks://proxy:1080", 1);
	conf = loads("");
	CU_ASSERT_EQUAL(conf->proxy.server[0].kind, CONF_PROXY_SOCKS5);
	CU_ASSERT_EQUAL(conf->proxy.server[0].port, 1080);
	CU_ASSERT_TRUE(conf->proxy.has_plain);
	CU_ASSERT_EQUAL(conf->proxy.plain.port, 3128);
	conf_free(conf);
	clean_env();
}

static void test_settings(void)
{
	static const char *const set[] = {
		"proxy.url=http://set:1",
		"relay.new.uri=turns:new",
		"relay.main.path=direct",
		"relay.two.dots.uri=turns:dots",
		"rules.rule=block first.example",
		"daemon.log_level=warn",
		"daemon.log_level=error",
	};
	static const char *const bad[] = {
		"proxy",
		"proxy.url",
		"url=x",
		"foo.bar=x",
		"proxy.urll=x",
		"relay.uri=x",
		"proxy.url=http://a:1\n",
		"relay.a.uri=x",
	};
	struct conf *conf;
	size_t lines = 0;

	conf = load_with("[proxy]\nurl = none\n[relay main]\nuri = turns:main\n"
			 "[rules]\nrule = block second.example\n",
			 set, ARRAY_SIZE(set));
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "set");
	CU_ASSERT_EQUAL_FATAL(conf->relay_count, 3);
	/* Relays and rules of the command line come first. */
	CU_ASSERT_STRING_EQUAL(conf->relay[0].name, "new");
	CU_ASSERT_STRING_EQUAL(conf->relay[0].origin, "--set relay.new.uri");
	CU_ASSERT_STRING_EQUAL(conf->relay[1].name, "two.dots");
	CU_ASSERT_STRING_EQUAL(conf->relay[2].name, "main");
	CU_ASSERT_STRING_EQUAL(conf->relay[2].uri.host, "main");
	CU_ASSERT_EQUAL(conf->relay[2].path, CONF_PATH_DIRECT);
	CU_ASSERT_EQUAL_FATAL(conf->rules.count, 2);
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[0].name, "first.example");
	CU_ASSERT_EQUAL(conf->log_level, LOG_LEVEL_ERROR);
	conf_free(conf);

	conf = load_with("", bad, ARRAY_SIZE(bad));
	CU_ASSERT_PTR_NULL(conf);
	for (const char *c = reports; *c != '\0'; c++)
		lines += *c == '\n';
	CU_ASSERT_EQUAL(lines, ARRAY_SIZE(bad));
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, "--set proxy.urll: unknown key "
					       "`urll` in [proxy]: did you "
					       "mean `url`?\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, "--set relay.a.uri: uri: "));
}

static void test_conf_d(void)
{
	char main_file[64], conf_d[64];
	struct conf_source source = {
		.file = main_file,
		.dir = conf_d,
		.policy_dir = policy_dir,
	};
	struct conf *conf;

	snprintf(main_file, sizeof(main_file), "%s/x.conf", dir);
	snprintf(conf_d, sizeof(conf_d), "%s/conf.d", dir);
	put("x.conf", "[media]\nmode = never\n[rules]\nrule = block a\n", 0644);
	put("conf.d/20.conf",
	    "[media]\nmode = always\n[rules]\nrule = block c\n", 0644);
	put("conf.d/10.conf", "[media]\nmode = auto\n[rules]\nrule = block b\n",
	    0644);
	put("conf.d/30.conf.bak", "garbage", 0644);
	put("conf.d/.40.conf", "garbage", 0644);
	reports[0] = '\0';
	conf = conf_load(&source, report, reports);
	CU_ASSERT_STRING_EQUAL(reports, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_EQUAL(conf->media, CONF_MEDIA_ALWAYS);
	CU_ASSERT_EQUAL_FATAL(conf->rules.count, 3);
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[0].name, "a");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[1].name, "b");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[2].name, "c");
	conf_free(conf);

	put("conf.d/10.conf", "[media]\nmod = auto\n", 0644);
	CU_ASSERT_PTR_NULL(conf_load(&source, report, reports));
	CU_ASSERT_STRING_EQUAL(reports, "conf.d/10.conf:2: unknown key `mod` "
					"in [media]: did you mean `mode`?\n");
	unlink(path("conf.d/10.conf"));
	unlink(path("conf.d/20.conf"));
	unlink(path("conf.d/30.conf.bak"));
	unlink(path("conf.d/.40.conf"));

	source.file = path("missing.conf");
	reports[0] = '\0';
	CU_ASSERT_PTR_NULL(conf_load(&source, report, reports));
	CU_ASSERT_STRING_EQUAL(reports,
			       "missing.conf: No such file or directory\n");
}

/* ---- policy.d ---- */

static struct conf *load_locked(const char *text, const char *const *set,
				size_t set_count)
{
	struct conf *conf = load_with(text, set, set_count);

	if (conf == NULL)
		printf("%s", reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

static void test_locks(void)
{
	static const char *const set[] = {
		"proxy.url=none",
		"rules.rule=block set.example",
		"relay.cli.uri=turns:cli",
		"relay.main.path=direct",
	};
	static const char text[] = "[proxy]\n"
				   "url = http://mine:1\n"
				   "username = joe\n"
				   "password_file = secret\n"
				   "no_proxy = mine.example\n"
				   "[relay own]\n"
				   "uri = turns:own\n"
				   "[relay main]\n"
				   "uri = turns:main\n"
				   "warm = 3\n"
				   "[rules]\n"
				   "rule = direct mine.example\n"
				   "[daemon]\n"
				   "log_level = debug\n";
	struct conf *conf;

	CU_ASSERT_EQUAL_FATAL(mkdir(path("policy.d"), 0755), 0);
	put("policy.d/10-a.conf",
	    "[proxy]\nurl = http://lost:1\ncredential_command = ask\n"
	    "no_proxy = it.example\n"
	    "[rules]\nrule = block a.example\n",
	    0644);
	put("policy.d/20-b.conf",
	    "[relay main]\nuri = turns:it\n"
	    "[rules]\nrule = block b.example\n"
	    "[proxy]\nurl = http://it:1\n",
	    0644);
	conf = load_locked(text, set, ARRAY_SIZE(set));
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "it");
	/* A source of the password stands for all of them. */
	CU_ASSERT_STRING_EQUAL(conf->proxy.password_file, "");
	CU_ASSERT_STRING_EQUAL(conf->proxy.credential_command, "ask");
	CU_ASSERT_STRING_EQUAL(conf->proxy.username, "joe");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[0], "it.example");
	CU_ASSERT_STRING_EQUAL(conf->proxy.no_proxy[1], "mine.example");
	/* The relays are those of the lock, whole. */
	CU_ASSERT_EQUAL_FATAL(conf->relay_count, 1);
	CU_ASSERT_STRING_EQUAL(conf->relay[0].uri.host, "it");
	CU_ASSERT_EQUAL(conf->relay[0].warm, 1);
	CU_ASSERT_EQUAL(conf->relay[0].path, CONF_PATH_AUTO);
	/* Rules of the lock cannot be preceded. */
	CU_ASSERT_EQUAL_FATAL(conf->rules.count, 4);
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[0].name, "a.example");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[1].name, "b.example");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[2].name, "set.example");
	CU_ASSERT_STRING_EQUAL(conf->rules.rule[3].name, "mine.example");
	/* What is not locked is the user's. */
	CU_ASSERT_EQUAL(conf->log_level, LOG_LEVEL_DEBUG);
	conf_free(conf);
	CU_ASSERT_STRING_EQUAL(
		reports,
		"warning: x.conf:2: url: locked by policy.d/20-b.conf:6, "
		"which counts\n"
		"warning: x.conf:4: password_file: locked by "
		"policy.d/10-a.conf:3, which counts\n"
		"warning: x.conf:9: uri: locked by policy.d/20-b.conf:1, "
		"which counts\n"
		"warning: x.conf:10: warm: locked by policy.d/20-b.conf:1, "
		"which counts\n"
		"warning: --set proxy.url: url: locked by "
		"policy.d/20-b.conf:6, which counts\n"
		"warning: --set relay.main.path: path: locked by "
		"policy.d/20-b.conf:1, which counts\n"
		"warning: --set relay.cli.uri: relay cli is left out: the "
		"relays are locked by policy.d/20-b.conf:1\n"
		"warning: x.conf:6: relay own is left out: the relays are "
		"locked by policy.d/20-b.conf:1\n");
	/* A value that does not count need not be right. */
	conf = load_locked("[proxy]\nurl = nonsense\n", NULL, 0);
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "it");
	conf_free(conf);
	unlink(path("policy.d/10-a.conf"));
	unlink(path("policy.d/20-b.conf"));
	rmdir(path("policy.d"));
}

/* A lock that anybody can open, or that cannot be read, is none. */
static void test_bad_locks(void)
{
	char main_file[64];
	struct conf_source source = {
		.file = main_file,
		.policy_dir = policy_dir,
		.policy_owner = geteuid() + 1,
	};

	snprintf(main_file, sizeof(main_file), "%s/x.conf", dir);
	CU_ASSERT_EQUAL_FATAL(mkdir(path("policy.d"), 0755), 0);
	put("policy.d/a.conf", "[proxy]\nurl = none\n", 0664);
	REFUSES("", "policy.d/a.conf: group or others could change what is "
		    "locked: chmod go-w it");
	put("policy.d/a.conf", "[proxy]\nurl = none\n", 0646);
	REFUSES("", "policy.d/a.conf: group or others could change");
	put("policy.d/a.conf", "[proxy]\nurll = none\n", 0644);
	REFUSES("", "policy.d/a.conf:2: unknown key `urll`");
	put("policy.d/a.conf", "[proxy]\nurl = none\n", 0644);
	CU_ASSERT_EQUAL(chmod(path("policy.d"), 0775), 0);
	REFUSES("", "policy.d: group or others could change");
	CU_ASSERT_EQUAL(chmod(path("policy.d"), 0755), 0);
	reports[0] = '\0';
	CU_ASSERT_PTR_NULL(conf_load(&source, report, reports));
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, "policy.d: belongs to user "));
	unlink(path("policy.d/a.conf"));
	CU_ASSERT_EQUAL(symlink("missing", path("policy.d/a.conf")), 0);
	REFUSES("", "policy.d/a.conf: No such file");
	unlink(path("policy.d/a.conf"));
	rmdir(path("policy.d"));
	/* In place of the directory there is a file. */
	put("policy.d", "", 0644);
	REFUSES("", "policy.d: Not a directory");
	unlink(path("policy.d"));
}

/* Files for another machine. */
static void test_only(void)
{
	char a[64], b[64];
	const char *const files[] = { a, b };
	struct conf_source source = {
		.only = files,
		.only_count = ARRAY_SIZE(files),
		.no_secrets = true,
	};
	struct conf *conf;

	snprintf(a, sizeof(a), "%s/a.conf", dir);
	snprintf(b, sizeof(b), "%s/b.conf", dir);
	put("a.conf",
	    "[proxy]\nurl = http://a:1\nusername = joe\n"
	    "password_credential = pw\n"
	    "[relay a]\nuri = turns:a\nsecret_file = not-here\n"
	    "ca_file = not-here\n",
	    0644);
	put("b.conf", "[proxy]\nurl = http://b:1\n", 0644);
	reports[0] = '\0';
	conf = conf_load(&source, report, reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "b");
	conf_free(conf);
	CU_ASSERT_STRING_EQUAL(
		reports,
		"warning: a.conf:4: password_credential: systemd has given "
		"no credentials: add LoadCredential=pw:FILE to the unit\n"
		"warning: a.conf:7: secret_file: not-here: No such file or "
		"directory\n"
		"warning: a.conf:8: ca_file: not-here: No such file or "
		"directory\n");
	/* One that is there has to be right. */
	put("a.conf", "[relay a]\nuri = turns:a\nsecret_file = open\n", 0644);
	reports[0] = '\0';
	CU_ASSERT_PTR_NULL(conf_load(&source, report, reports));
	CU_ASSERT_PTR_NOT_NULL(strstr(reports, "chmod 600"));
	/* As policy, whoever may write them: they are not installed. */
	put("a.conf", "[proxy]\nurl = http://a:1\n", 0666);
	source.only_policy = true;
	reports[0] = '\0';
	conf = conf_load(&source, report, reports);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_STRING_EQUAL(conf->proxy.server[0].host, "b");
	CU_ASSERT_STRING_EQUAL(reports, "");
	conf_free(conf);
	unlink(path("b.conf"));
	reports[0] = '\0';
	CU_ASSERT_PTR_NULL(conf_load(&source, report, reports));
	CU_ASSERT_STRING_EQUAL(reports, "b.conf: No such file or directory\n");
	unlink(path("a.conf"));
}

/* ---- the sample and the manual page ---- */

/* The whole file, from the source tree. */
static char *slurp(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char file[4096], *text = calloc(1, 65536);
	FILE *f;

	snprintf(file, sizeof(file), "%s/../%s", srcdir ? srcdir : "tests",
		 name);
	f = fopen(file, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

/* From the line `start` on, up to the next line that starts as it does. */
static char *part(const char *text, const char *start, const char *stop)
{
	const char *from = strstr(text, start), *to;

	if (from == NULL)
		return NULL;
	from += strlen(start);
	to = strstr(from, stop);
	return to ? strndup(from, (size_t)(to - from)) : strdup(from);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text++;
	}
	return n;
}

static void test_sample(void)
{
	char *text = slurp("conf/tunneld.conf"), *section, start[64], line[200];
	struct conf *conf = loads(text), *bare = loads("");

	/* Nothing but comments: the sample changes nothing. */
	CU_ASSERT_EQUAL(conf->media, bare->media);
	CU_ASSERT_EQUAL(conf->relay_count, 0);
	CU_ASSERT_EQUAL(conf->rules.count, 0);
	conf_free(conf);
	conf_free(bare);
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *k = &conf_keys[i];
		bool relay = strcmp(k->section, "relay") == 0;

		snprintf(start, sizeof(start), "\n%s[%s%s]\n", relay ? "#" : "",
			 k->section, relay ? " NAME" : "");
		section = part(text, start, "\n[");
		CU_ASSERT_PTR_NOT_NULL_FATAL(section);
		snprintf(line, sizeof(line), "\n#%s =%s%s\n", k->name,
			 k->initial[0] ? " " : "", k->initial);
		if (strstr(section, line) == NULL)
			printf("%s", line);
		CU_ASSERT_PTR_NOT_NULL(strstr(section, line));
		free(section);
	}
	CU_ASSERT_EQUAL(count(text, " =\n") + count(text, " = ") -
				count(text, "rule = "),
			conf_key_count);
	free(text);
}

static void test_manual(void)
{
	char *text = slurp("docs/man/tunneld.conf.5.in"), *section, *entry,
	     *from, *to, start[300];
	size_t defaults = 0;

	/* `\-` is how the page writes a hyphen. */
	for (from = to = text; *from != '\0'; from++)
		if (from[0] != '\\' || from[1] != '-')
			*to++ = *from;
	*to = '\0';
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *k = &conf_keys[i];
		bool relay = strcmp(k->section, "relay") == 0;

		snprintf(start, sizeof(start), "\n.SS [%s%s]\n", k->section,
			 relay ? " NAME" : "");
		section = part(text, start, "\n.S");
		CU_ASSERT_PTR_NOT_NULL_FATAL(section);
		snprintf(start, sizeof(start), "\n.B %s = %s\n", k->name,
			 k->form);
		entry = part(section, start, "\n.TP");
		if (entry == NULL)
			printf("%s", start);
		CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
		defaults += k->initial[0] != '\0';
		snprintf(start, sizeof(start), "Default: %s", k->initial);
		CU_ASSERT_EQUAL(strstr(entry, start) != NULL,
				k->initial[0] != '\0');
		free(entry);
		free(section);
	}
	CU_ASSERT_EQUAL(count(text, "Default: "), defaults);
	free(text);
}

static CU_TestInfo tests[] = {
	{ "defaults", test_defaults },
	{ "every key", test_full },
	{ "unknown sections and keys", test_names_of_things },
	{ "doubled sections and keys", test_doubles },
	{ "all problems at once", test_all_problems },
	{ "values: [proxy]", test_proxy_values },
	{ "proxies that are asked for", test_proxy_asked },
	{ "values: [relay NAME]", test_relay_values },
	{ "URIs of relays", test_relay_uris },
	{ "numbers and switches of relays", test_relay_settings },
	{ "credentials of relays", test_credentials },
	{ "no UDP through the proxy", test_path },
	{ "values: others", test_other_values },
	{ "files with secrets", test_secrets },
	{ "logging in at the proxy", test_login },
	{ "the environment", test_env },
	{ "the environment, by a table", test_env_table },
	{ "the environment, unusable", test_env_bad },
	{ "--set", test_settings },
	{ "conf.d", test_conf_d },
	{ "locks of policy.d", test_locks },
	{ "locks that are none", test_bad_locks },
	{ "files for another machine", test_only },
	{ "the sample holds every key with its default", test_sample },
	{ "so does tunneld.conf(5)", test_manual },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "conf",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
