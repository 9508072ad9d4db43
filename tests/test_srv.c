/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_srv.c - SRV and NAPTR records asked of a name server on loopback, and
 * what RFC 5928 makes of them
 */
#include <config.h>

#include "../tunneld/srv.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "../tunneld/conf_uri.h"
#include "../tunneld/locate.h"
#include "fake/dns_server.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/nameser.h>

static struct dns_server dns;
static struct srv_record srv[SRV_MAX];
static struct srv_naptr naptr[SRV_MAX];
static struct locate_target at[LOCATE_MAX];
static uint32_t ttl_s;

static void begin(void)
{
	dns_server_open(&dns);
	memset(srv, 0x5a, sizeof(srv));
	memset(naptr, 0x5a, sizeof(naptr));
	memset(at, 0x5a, sizeof(at));
	ttl_s = 7777;
}

static void end(void)
{
	dns_server_close(&dns);
}

static int ask(const char *name)
{
	struct srv_resolver *r = srv_resolver_new(&dns.at);
	int n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	n = srv_ask(r, name, srv, &ttl_s);
	srv_resolver_free(r);
	return n;
}

static int ask_naptr(const char *name)
{
	struct srv_resolver *r = srv_resolver_new(&dns.at);
	int n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	n = srv_ask_naptr(r, name, naptr, &ttl_s);
	srv_resolver_free(r);
	return n;
}

/* ---- records ---- */

static void test_answer(void)
{
	begin();
	dns_server_add_srv(&dns, "_turn._udp.a.test", 900, 10, 20, 3479,
			   "Relay.A.Test");
	dns_server_add_srv(&dns, "_turn._udp.a.test", 300, 11, 0, 443,
			   "b.test");
	CU_ASSERT_EQUAL_FATAL(ask("_turn._udp.a.test"), 2);
	CU_ASSERT_EQUAL(srv[0].priority, 10);
	CU_ASSERT_EQUAL(srv[0].weight, 20);
	CU_ASSERT_EQUAL(srv[0].port, 3479);
	CU_ASSERT_STRING_EQUAL(srv[0].target, "relay.a.test");
	CU_ASSERT_STRING_EQUAL(srv[1].target, "b.test");
	CU_ASSERT_EQUAL(ttl_s, 300);
	end();
}

static void test_none(void)
{
	begin();
	dns_server_add(&dns, "here.test", ns_t_txt, 60, "\1x", 2);
	CU_ASSERT_EQUAL(ask("here.test"), 0);
	CU_ASSERT_EQUAL(ask("nowhere.test"), 0);
	dns_server_add_srv(&dns, "not.test", 60, 0, 0, 0, ".");
	CU_ASSERT_EQUAL(ask("not.test"), 1);
	CU_ASSERT_STRING_EQUAL(srv[0].target, "");
	end();
}

static void test_no_answer(void)
{
	uint64_t start_ms;

	begin();
	dns_server_add_srv(&dns, "a.test", 60, 0, 0, 1, "b.test");
	dns.rcode = ns_r_servfail;
	CU_ASSERT_EQUAL(ask("a.test"), -EAGAIN);
	dns.rcode = ns_r_refused;
	CU_ASSERT_EQUAL(ask("a.test"), -EAGAIN);
	dns.rcode = 0;
	dns.silent = true;
	start_ms = clock_now_ms();
	CU_ASSERT_EQUAL(ask("a.test"), -EAGAIN);
	CU_ASSERT(clock_now_ms() - start_ms < 20000);
	end();
}

static void test_alias(void)
{
	begin();
	dns_server_add_cname(&dns, "_turn._tcp.a.test", "x.b.test");
	dns_server_add_srv(&dns, "x.b.test", 60, 1, 2, 3, "c.test");
	CU_ASSERT_EQUAL(ask("_turn._tcp.a.test"), 1);
	CU_ASSERT_STRING_EQUAL(srv[0].target, "c.test");
	end();
}

/* More than a datagram holds comes over TCP, and more than we want is left
 * out. */
static void test_long(void)
{
	char target[64];

	begin();
	for (unsigned int i = 0; i < 40; i++) {
		snprintf(target, sizeof(target),
			 "a-rather-long-label-of-relay-%u.example.test", i);
		dns_server_add_srv(&dns, "a.test", 60, 0, 0, 443, target);
	}
	dns.truncate = true;
	CU_ASSERT_EQUAL(ask("a.test"), SRV_MAX);
	CU_ASSERT(atomic_load(&dns.tcp_queries) > 0);
	CU_ASSERT_STRING_EQUAL(srv[SRV_MAX - 1].target,
			       "a-rather-long-label-of-relay-15.example.test");
	end();
}

static void test_naptr(void)
{
	begin();
	dns_server_add_naptr(&dns, "a.test", 60, 20, 1, "S",
			     "RELAY:turn.udp:turn.tcp", "_x._udp.a.test");
	dns_server_add_naptr(&dns, "a.test", 70, 10, 2, "a", "RELAY:turn.tls",
			     "b.test");
	dns_server_add_naptr(&dns, "a.test", 80, 10, 1, "", "relay:turn.tcp",
			     "c.test");
	/* of ENUM and the like */
	dns_server_add_naptr(&dns, "a.test", 1, 1, 1, "U", "E2U+sip", "d.test");
	CU_ASSERT_EQUAL_FATAL(ask_naptr("a.test"), 3);
	CU_ASSERT_EQUAL(ttl_s, 60);
	srv_sort_naptr(naptr, 3);
	CU_ASSERT_STRING_EQUAL(naptr[0].replacement, "c.test");
	CU_ASSERT_EQUAL(naptr[0].flag, '\0');
	CU_ASSERT_STRING_EQUAL(naptr[1].replacement, "b.test");
	CU_ASSERT_EQUAL(naptr[1].flag, 'a');
	CU_ASSERT_STRING_EQUAL(naptr[2].services, "relay:turn.udp:turn.tcp");
	CU_ASSERT_EQUAL(naptr[2].flag, 's');
	end();
}

static void test_hostile(void)
{
	static const struct {
		uint16_t type;
		const char *rdata;
		size_t len;
	} bad[] = {
		{ ns_t_srv, "", 0 },
		{ ns_t_srv, "\0\0\0\0\0\1", 6 },
		/* a label past the end, bytes behind the name */
		{ ns_t_srv, "\0\0\0\0\0\1\77a", 8 },
		{ ns_t_srv, "\0\0\0\0\0\1\1a\0x", 10 },
		/* a pointer to itself, ahead, and out of the message */
		{ ns_t_srv, "\0\0\0\0\0\1\300\220", 8 },
		{ ns_t_srv, "\0\0\0\0\0\1\377\377", 8 },
		/* what no host is called, and port 0 */
		{ ns_t_srv, "\0\0\0\0\0\1\3a b\0", 11 },
		{ ns_t_srv, "\0\0\0\0\0\1\1 \0", 9 },
		{ ns_t_srv, "\0\0\0\0\0\1\003127\1\060\1\060\1\061\0", 17 },
		{ ns_t_srv, "\0\0\0\0\0\0\1a\0", 9 },
		{ ns_t_naptr, "\0\0\0\0", 4 },
		{ ns_t_naptr, "\0\0\0\0\1", 5 },
		{ ns_t_naptr, "\0\0\0\0\1s\377relay:turn.udp", 21 },
		{ ns_t_naptr, "\0\0\0\0\1s\1r\0", 9 },
		{ ns_t_naptr, "\0\0\0\0\1s\1r\0\0", 10 },
		/* a regular expression */
		{ ns_t_naptr, "\0\0\0\0\1s\1r\3!a!\1a\0", 15 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		dns_server_add(&dns, "a.test", bad[i].type, 1, bad[i].rdata,
			       bad[i].len);
	CU_ASSERT_EQUAL(ask("a.test"), 0);
	CU_ASSERT_EQUAL(ask_naptr("a.test"), 0);
	/* What is well formed among them counts. */
	dns_server_add_srv(&dns, "a.test", 60, 1, 2, 3, "b.test");
	CU_ASSERT_EQUAL(ask("a.test"), 1);
	CU_ASSERT_EQUAL(ttl_s, 60);
	end();
	CU_ASSERT_EQUAL(srv_parse((const uint8_t *)"\0\0\0", 3, srv, &ttl_s),
			-EBADMSG);
	CU_ASSERT_EQUAL(srv_parse((const uint8_t *)"\0\1\2\3\0\0\0\1\0\0\0\0",
				  12, srv, &ttl_s),
			-EBADMSG);
}

/* RFC 2782: 3/4 and 1/4 of the clients, and a few for weight 0. */
static void test_weights(void)
{
	unsigned int first[4] = { 0 }, second = 0;

	for (uint32_t seed = 1; seed <= 4000; seed++) {
		struct srv_record r[] = {
			{ .priority = 2, .weight = 9, .port = 9 },
			{ .priority = 1, .weight = 30, .port = 1 },
			{ .priority = 1, .weight = 0, .port = 3 },
			{ .priority = 1, .weight = 10, .port = 2 },
		};

		srv_sort(r, 4, seed * 2654435761U);
		CU_ASSERT_EQUAL(r[3].port, 9);
		CU_ASSERT_FATAL(r[0].port >= 1 && r[0].port <= 3);
		first[r[0].port]++;
		second += r[0].port == 1 && r[1].port == 2;
	}
	CU_ASSERT(first[1] > 2600 && first[1] < 3200);
	CU_ASSERT(first[2] > 700 && first[2] < 1300);
	CU_ASSERT(first[3] > 10 && first[3] < 300);
	CU_ASSERT(second > 2200);
}

/* ---- RFC 5928 ---- */

static int find(const char *text)
{
	struct locate_opts opts = { .server = &dns.at,
				    .deadline_ms = clock_now_ms() + 20000,
				    .seed = 1 };
	struct conf_uri uri;
	char words[200];

	CU_ASSERT_EQUAL_FATAL(conf_uri_turn(text, &uri, words, sizeof(words)),
			      0);
	return locate(&uri, &opts, at, &ttl_s);
}

static bool is_at(size_t i, const char *host, uint16_t port,
		  enum relay_transport transport)
{
	bool same = at[i].port == port && at[i].transport == transport &&
		    strcmp(at[i].host, host) == 0;

	if (!same)
		printf("%s:%u %s\n", at[i].host, at[i].port,
		       relay_transport_name(at[i].transport));
	return same;
}

static void test_no_question(void)
{
	static const struct {
		const char *uri, *host;
		uint16_t port;
		int count;
		enum relay_transport transport[2];
	} rows[] = {
		{ "turn:a.test:1",
		  "a.test",
		  1,
		  2,
		  { RELAY_TRANSPORT_UDP, RELAY_TRANSPORT_TCP } },
		{ "turn:a.test:1?transport=tcp",
		  "a.test",
		  1,
		  1,
		  { RELAY_TRANSPORT_TCP } },
		{ "turn:a.test:1?transport=udp",
		  "a.test",
		  1,
		  1,
		  { RELAY_TRANSPORT_UDP } },
		{ "turns:a.test:1",
		  "a.test",
		  1,
		  2,
		  { RELAY_TRANSPORT_TLS, RELAY_TRANSPORT_DTLS } },
		{ "turns:a.test:1?transport=tcp",
		  "a.test",
		  1,
		  1,
		  { RELAY_TRANSPORT_TLS } },
		{ "turns:a.test:1?transport=udp",
		  "a.test",
		  1,
		  1,
		  { RELAY_TRANSPORT_DTLS } },
		{ "turn:192.0.2.1",
		  "192.0.2.1",
		  3478,
		  2,
		  { RELAY_TRANSPORT_UDP, RELAY_TRANSPORT_TCP } },
		{ "turns:[2001:db8::1]",
		  "2001:db8::1",
		  5349,
		  2,
		  { RELAY_TRANSPORT_TLS, RELAY_TRANSPORT_DTLS } },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_EQUAL(find(rows[i].uri), rows[i].count);
		for (int j = 0; j < rows[i].count; j++)
			CU_ASSERT(is_at((size_t)j, rows[i].host, rows[i].port,
					rows[i].transport[j]));
	}
	CU_ASSERT_EQUAL(atomic_load(&dns.queries), 0);
	end();
}

static void test_srv_records(void)
{
	begin();
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 2, 0, 10, "u2.test");
	dns_server_add_srv(&dns, "_turn._udp.a.test", 600, 1, 0, 11, "u1.test");
	dns_server_add_srv(&dns, "_turn._tcp.a.test", 500, 1, 0, 12, "t.test");
	dns_server_add_srv(&dns, "_turns._tcp.a.test", 400, 1, 0, 13, "s.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 3);
	CU_ASSERT(is_at(0, "u1.test", 11, RELAY_TRANSPORT_UDP));
	CU_ASSERT(is_at(1, "u2.test", 10, RELAY_TRANSPORT_UDP));
	CU_ASSERT(is_at(2, "t.test", 12, RELAY_TRANSPORT_TCP));
	CU_ASSERT_EQUAL(ttl_s, 500);
	CU_ASSERT_EQUAL(find("turn:a.test?transport=tcp"), 1);
	CU_ASSERT(is_at(0, "t.test", 12, RELAY_TRANSPORT_TCP));
	/* What DNS does not name is not there: no DTLS. */
	CU_ASSERT_EQUAL(find("turns:a.test"), 1);
	CU_ASSERT(is_at(0, "s.test", 13, RELAY_TRANSPORT_TLS));
	end();
}

static void test_last_resort(void)
{
	begin();
	CU_ASSERT_EQUAL(find("turns:a.test"), 2);
	CU_ASSERT(is_at(0, "a.test", 5349, RELAY_TRANSPORT_TLS));
	CU_ASSERT(is_at(1, "a.test", 5349, RELAY_TRANSPORT_DTLS));
	CU_ASSERT_EQUAL(ttl_s, UINT32_MAX);
	/* NAPTR, SRV, SRV */
	CU_ASSERT_EQUAL(atomic_load(&dns.queries), 3);
	CU_ASSERT_EQUAL(find("turn:a.test?transport=udp"), 1);
	CU_ASSERT(is_at(0, "a.test", 3478, RELAY_TRANSPORT_UDP));
	CU_ASSERT_EQUAL(atomic_load(&dns.queries), 4);
	end();
}

static void test_not_there(void)
{
	begin();
	dns_server_add_srv(&dns, "_turn._udp.a.test", 60, 0, 0, 0, ".");
	CU_ASSERT_EQUAL(find("turn:a.test?transport=udp"), 0);
	/* The other transport is not spoken of. */
	dns_server_add_srv(&dns, "_turn._tcp.a.test", 60, 0, 0, 1, "t.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 1);
	CU_ASSERT(is_at(0, "t.test", 1, RELAY_TRANSPORT_TCP));
	end();
}

static void test_unanswered(void)
{
	begin();
	dns.rcode = ns_r_servfail;
	CU_ASSERT_EQUAL(find("turn:a.test"), -EAGAIN);
	dns.rcode = 0;
	CU_ASSERT_EQUAL(find("turn:a.test"), 2);
	end();
}

static void test_naptr_leads(void)
{
	begin();
	dns_server_add_naptr(&dns, "a.test", 900, 2, 1, "s", "RELAY:turn.udp",
			     "_turn._udp.b.test");
	dns_server_add_naptr(&dns, "a.test", 900, 1, 1, "a",
			     "RELAY:turn.tcp:turn.tls", "c.test");
	dns_server_add_naptr(&dns, "a.test", 900, 0, 1, "s", "SIP+D2U",
			     "_sip._udp.a.test");
	dns_server_add_srv(&dns, "_turn._udp.b.test", 120, 1, 1, 99, "d.test");
	/* not asked: NAPTR has led to something */
	dns_server_add_srv(&dns, "_turn._udp.a.test", 1, 1, 1, 1, "x.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 2);
	CU_ASSERT(is_at(0, "c.test", 3478, RELAY_TRANSPORT_TCP));
	CU_ASSERT(is_at(1, "d.test", 99, RELAY_TRANSPORT_UDP));
	CU_ASSERT_EQUAL(ttl_s, 120);
	CU_ASSERT_EQUAL(find("turns:a.test"), 1);
	CU_ASSERT(is_at(0, "c.test", 5349, RELAY_TRANSPORT_TLS));
	/* The transport is chosen: SRV at once (RFC 5928, 3). */
	CU_ASSERT_EQUAL(find("turn:a.test?transport=udp"), 1);
	CU_ASSERT(is_at(0, "x.test", 1, RELAY_TRANSPORT_UDP));
	end();
}

/* "turn.udp" is not the beginning of another protocol's name. */
static void test_naptr_others(void)
{
	begin();
	dns_server_add_naptr(&dns, "a.test", 60, 1, 1, "a",
			     "RELAY:turn.udpx:xturn.udp", "b.test");
	dns_server_add_naptr(&dns, "a.test", 60, 1, 1, "a", "turn.udp",
			     "b.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 2);
	CU_ASSERT(is_at(0, "a.test", 3478, RELAY_TRANSPORT_UDP));
	end();
}

static void test_naptr_chain(void)
{
	begin();
	dns_server_add_naptr(&dns, "a.test", 900, 1, 1, "", "RELAY:turn.udp",
			     "b.test");
	dns_server_add_naptr(&dns, "b.test", 800, 1, 1, "a", "RELAY:turn.udp",
			     "c.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 1);
	CU_ASSERT(is_at(0, "c.test", 3478, RELAY_TRANSPORT_UDP));
	CU_ASSERT_EQUAL(ttl_s, 800);
	/* in a circle */
	dns_server_clear(&dns);
	dns_server_add_naptr(&dns, "a.test", 900, 1, 1, "", "RELAY:turn.udp",
			     "a.test");
	CU_ASSERT_EQUAL(find("turn:a.test"), 2);
	CU_ASSERT(is_at(0, "a.test", 3478, RELAY_TRANSPORT_UDP));
	CU_ASSERT(atomic_load(&dns.queries) < 20);
	end();
}

static void test_in_time(void)
{
	struct locate_opts opts = { .server = &dns.at };
	struct cancel cancel;
	struct conf_uri uri;
	char words[200];
	uint64_t start_ms;

	begin();
	CU_ASSERT_EQUAL(
		conf_uri_turn("turns:a.test", &uri, words, sizeof(words)), 0);
	dns.silent = true;
	start_ms = clock_now_ms();
	opts.deadline_ms = start_ms + 1;
	CU_ASSERT_EQUAL(locate(&uri, &opts, at, &ttl_s), -EAGAIN);
	CU_ASSERT(atomic_load(&dns.queries) <= 1);
	/* cancelled */
	dns.queries = 0;
	cancel_init(&cancel);
	cancel_now(&cancel);
	opts.cancel = &cancel;
	opts.deadline_ms = start_ms + 1000000;
	CU_ASSERT_EQUAL(locate(&uri, &opts, at, &ttl_s), -EAGAIN);
	CU_ASSERT_EQUAL(atomic_load(&dns.queries), 0);
	cancel_fini(&cancel);
	end();
}

static CU_TestInfo tests[] = {
	{ "an answer", test_answer },
	{ "no records", test_none },
	{ "no answer", test_no_answer },
	{ "an alias", test_alias },
	{ "a long answer comes over TCP", test_long },
	{ "NAPTR", test_naptr },
	{ "hostile records", test_hostile },
	{ "priorities and weights", test_weights },
	{ "ports and addresses ask nobody", test_no_question },
	{ "SRV records say where", test_srv_records },
	{ "nobody says where", test_last_resort },
	{ "DNS says that it is not there", test_not_there },
	{ "DNS does not answer", test_unanswered },
	{ "NAPTR records lead", test_naptr_leads },
	{ "NAPTR records of others", test_naptr_others },
	{ "NAPTR records in a chain", test_naptr_chain },
	{ "bounded time", test_in_time },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "srv", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
