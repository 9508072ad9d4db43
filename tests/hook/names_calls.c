/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names_calls.c - getaddrinfo(), getnameinfo() and gethostby*(), with names
 * that the daemon knows, refuses, or leaves to libc
 */
#include <config.h>

#include "udp_lib.h"

#include <netdb.h>
#include <resolv.h>

#define STUN    "stun.lab.test" /* 198.18.0.5, fd00:77::5 */
#define STUN4   "198.18.0.5"
#define STUN6   "fd00:77::5"
#define V4      "v4.lab.test" /* 198.18.0.6 */
#define NOBODY4 "198.18.0.99" /* of the pool, but no name's */

static int asked(void)
{
	return fake_count("resolved");
}

/* The only address of a name, as text; "" when there is another number. */
static const char *one_address(const char *name, int family, int flags,
			       int *err)
{
	static char text[INET6_ADDRSTRLEN];
	struct addrinfo hints = { .ai_family = family,
				  .ai_flags = flags,
				  .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list = NULL;

	text[0] = '\0';
	*err = getaddrinfo(name, "3478", &hints, &list);
	if (*err != 0)
		return text;
	CHECK_EQ(list->ai_socktype, SOCK_DGRAM);
	CHECK_EQ(((struct sockaddr_in *)list->ai_addr)->sin_port, htons(3478));
	if (list->ai_next == NULL)
		getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text),
			    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(list);
	return text;
}

static void test_families(void)
{
	int err, flags = AI_ADDRCONFIG;

	CHECK(strcmp(one_address(STUN, AF_UNSPEC, flags, &err), STUN4) == 0);
	CHECK(strcmp(one_address(STUN, AF_INET, 0, &err), STUN4) == 0);
	CHECK(strcmp(one_address(STUN, AF_INET6, 0, &err), STUN6) == 0);
	CHECK(strcmp(one_address(STUN ".", AF_INET, 0, &err), STUN4) == 0);
	CHECK(strcmp(one_address("STUN.lab.TEST", AF_INET, 0, &err), STUN4) ==
	      0);
	CHECK(strcmp(one_address(V4, AF_UNSPEC, 0, &err), "198.18.0.6") == 0);
	one_address(V4, AF_INET6, 0, &err);
	CHECK_EQ(err, EAI_NODATA);
	CHECK(strcmp(one_address(V4, AF_INET6, AI_V4MAPPED, &err),
		     "::ffff:198.18.0.6") == 0);
	CHECK(strcmp(one_address(STUN, AF_INET6, AI_V4MAPPED, &err), STUN6) ==
	      0);
}

/* The names table: what getaddrinfo() says, by name, family and flags. */
static void test_flags(void)
{
	static const struct {
		const char *name;
		int family, flags, err;
		const char *address;
	} rows[] = {
		{ STUN, AF_UNSPEC, AI_ADDRCONFIG | AI_V4MAPPED, 0, STUN4 },
		{ STUN, AF_UNSPEC, AI_PASSIVE, 0, STUN4 },
		{ STUN, AF_UNSPEC, AI_ALL, 0, STUN4 },
		{ STUN, AF_INET, AI_V4MAPPED | AI_ALL, 0, STUN4 },
		{ STUN, AF_INET6, AI_V4MAPPED | AI_ALL, 0, STUN6 },
		{ STUN, AF_INET6, AI_ADDRCONFIG, 0, STUN6 },
		{ V4, AF_INET6, AI_V4MAPPED | AI_ADDRCONFIG, 0,
		  "::ffff:198.18.0.6" },
		{ V4, AF_INET6, AI_ALL, EAI_NODATA, "" },
		{ STUN, AF_UNSPEC, AI_NUMERICSERV, 0, STUN4 },
		{ STUN, AF_UNSPEC, AI_NUMERICHOST, EAI_NONAME, "" },
		{ STUN4, AF_UNSPEC, AI_NUMERICHOST, 0, STUN4 },
		{ STUN4, AF_INET6, AI_NUMERICHOST | AI_V4MAPPED, 0,
		  "::ffff:198.18.0.5" },
		{ STUN6, AF_UNSPEC, AI_NUMERICHOST, 0, STUN6 },
		{ STUN4, AF_INET6, 0, EAI_ADDRFAMILY, "" },
		{ "blocked.test", AF_INET6, AI_V4MAPPED, EAI_NONAME, "" },
		{ "inhosts.test", AF_INET6, AI_V4MAPPED, 0,
		  "::ffff:10.99.0.9" },
	};
	int err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *found = one_address(rows[i].name, rows[i].family,
						rows[i].flags, &err);

		CHECK_EQ(err, rows[i].err);
		CHECK(strcmp(found, rows[i].address) == 0);
		if (err != rows[i].err || strcmp(found, rows[i].address) != 0)
			printf("  row %zu, %s: %s\n", i, rows[i].name, found);
	}
}

static void test_services(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV }, *list = NULL;

	CHECK_EQ(getaddrinfo(STUN, "https", &hints, &list), EAI_NONAME);
	CHECK_EQ(getaddrinfo(STUN, "443", &hints, &list), 0);
	CHECK_EQ(((struct sockaddr_in *)list->ai_addr)->sin_port, htons(443));
	freeaddrinfo(list);
	hints = (struct addrinfo){ .ai_socktype = SOCK_DGRAM,
				   .ai_protocol = IPPROTO_TCP };
	CHECK_EQ(getaddrinfo(STUN, "443", &hints, &list), EAI_SOCKTYPE);
}

static void test_no_hints(void)
{
	struct addrinfo *list = NULL;
	int n = 0;

	CHECK_EQ(getaddrinfo(STUN, NULL, NULL, &list), 0);
	for (struct addrinfo *a = list; a != NULL; a = a->ai_next)
		n++;
	CHECK_EQ(n, 3); /* stream, datagram, raw */
	CHECK(list != NULL && list->ai_canonname == NULL);
	freeaddrinfo(list);
	CHECK_EQ(getaddrinfo(STUN, "https", NULL, &list), 0);
	CHECK_EQ(((struct sockaddr_in *)list->ai_addr)->sin_port, htons(443));
	freeaddrinfo(list);
}

static void test_canonical_name(void)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME }, *list = NULL;

	CHECK_EQ(getaddrinfo(STUN ".", NULL, &hints, &list), 0);
	CHECK(list->ai_canonname != NULL &&
	      strcmp(list->ai_canonname, STUN) == 0);
	CHECK(list->ai_next == NULL || list->ai_next->ai_canonname == NULL);
	freeaddrinfo(list);
}

static void test_errors(void)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *list;
	int err;

	one_address("blocked.test", AF_UNSPEC, 0, &err);
	CHECK_EQ(err, EAI_NONAME);
	CHECK_EQ(getaddrinfo(STUN, NULL, &hints, &list), EAI_NONAME);
	hints.ai_flags = 0;
	CHECK_EQ(getaddrinfo(STUN, "no-such-service", &hints, &list),
		 EAI_SERVICE);
	hints.ai_family = AF_UNIX;
	CHECK_EQ(getaddrinfo(STUN, NULL, &hints, &list), EAI_FAMILY);
	hints = (struct addrinfo){ .ai_flags = 0x4000000 };
	CHECK_EQ(getaddrinfo(STUN, NULL, &hints, &list), EAI_BADFLAGS);
	CHECK_EQ(getaddrinfo(NULL, NULL, NULL, &list), EAI_NONAME);
}

/* Literals, this host and nonsense never reach the daemon. */
static void test_left_to_libc(void)
{
	static const char *const literals[][2] = {
		{ "10.99.0.2", "10.99.0.2" },
		{ "127.1", "127.0.0.1" },
		{ "0x7f000001", "127.0.0.1" },
		{ "fd99::2", "fd99::2" },
		{ "::1", "::1" },
		{ "localhost", "127.0.0.1" },
	};
	struct addrinfo *list;
	int err, before = asked();
	char longest[400];

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		CHECK(strcmp(one_address(literals[i][0], AF_UNSPEC, 0, &err),
			     literals[i][1]) == 0);
		CHECK_EQ(err, 0);
	}
	one_address("fe80::1%" DEVICE, AF_UNSPEC, 0, &err);
	CHECK_EQ(err, 0);
	CHECK(getaddrinfo("", NULL, NULL, &list) != 0);
	CHECK(getaddrinfo("two words", NULL, NULL, &list) != 0);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK(getaddrinfo(longest, NULL, NULL, &list) != 0);
	CHECK_EQ(getaddrinfo(NULL, "80", NULL, &list), 0);
	freeaddrinfo(list);
	CHECK_EQ(asked(), before);
	/* The daemon says: libc */
	CHECK(strcmp(one_address("inhosts.test", AF_INET, 0, &err),
		     "10.99.0.9") == 0);
	CHECK_EQ(asked(), before + 1);
	one_address("nowhere.test", AF_INET, 0, &err);
	CHECK_EQ(err, EAI_AGAIN); /* there is no name server */
}

static void expect_host(const struct hostent *h, const char *name, int family,
			const char *ip)
{
	char text[INET6_ADDRSTRLEN] = "";

	CHECK(h != NULL);
	if (h == NULL)
		return;
	CHECK(strcmp(h->h_name, name) == 0);
	CHECK_EQ(h->h_addrtype, family);
	CHECK_EQ(h->h_length, family == AF_INET ? 4 : 16);
	CHECK(h->h_aliases != NULL && h->h_aliases[0] == NULL);
	CHECK(h->h_addr_list[0] != NULL && h->h_addr_list[1] == NULL);
	inet_ntop(family, h->h_addr_list[0], text, sizeof(text));
	CHECK(strcmp(text, ip) == 0);
}

static void test_gethostbyname(void)
{
	expect_host(gethostbyname(STUN), STUN, AF_INET, STUN4);
	expect_host(gethostbyname(STUN "."), STUN, AF_INET, STUN4);
	expect_host(gethostbyname2(STUN, AF_INET6), STUN, AF_INET6, STUN6);
	expect_host(gethostbyname("10.1.2.3"), "10.1.2.3", AF_INET, "10.1.2.3");
	expect_host(gethostbyname("inhosts.test"), "inhosts.test", AF_INET,
		    "10.99.0.9");
	h_errno = 0;
	CHECK(gethostbyname("blocked.test") == NULL);
	CHECK_EQ(h_errno, HOST_NOT_FOUND);
	CHECK(gethostbyname2(V4, AF_INET6) == NULL);
	CHECK_EQ(h_errno, NO_DATA);
}

static void test_gethostbyname_r(void)
{
	struct hostent host, *result;
	char buf[512];
	int code = 0, ret;
	size_t size, first_fit = 0;

	for (size = 0; size < sizeof(buf); size++) {
		memset(buf, 0x55, sizeof(buf));
		ret = gethostbyname_r(STUN, &host, buf, size, &result, &code);
		for (size_t i = size; i < sizeof(buf); i++)
			CHECK_EQ(buf[i], 0x55);
		if (ret == 0)
			break;
		CHECK_EQ(ret, ERANGE);
		CHECK(result == NULL);
		CHECK_EQ(code, NETDB_INTERNAL);
		first_fit = size + 1;
	}
	CHECK(first_fit > sizeof(STUN) && size < 200);
	expect_host(result, STUN, AF_INET, STUN4);
	CHECK(result == &host);
	/* A buffer that is not aligned */
	CHECK_EQ(gethostbyname2_r(STUN, AF_INET6, &host, buf + 3,
				  sizeof(buf) - 3, &result, &code),
		 0);
	expect_host(result, STUN, AF_INET6, STUN6);
	CHECK_EQ(gethostbyname_r("blocked.test", &host, buf, sizeof(buf),
				 &result, &code),
		 0);
	CHECK(result == NULL);
	CHECK_EQ(code, HOST_NOT_FOUND);
	CHECK_EQ(gethostbyname_r("inhosts.test", &host, buf, sizeof(buf),
				 &result, &code),
		 0);
	expect_host(result, "inhosts.test", AF_INET, "10.99.0.9");
}

static void test_getnameinfo(void)
{
	struct sockaddr_in in = at4(STUN4, 443), own = at4("10.99.0.9", 443);
	struct sockaddr_in6 in6 = at6(STUN6, 80);
	char host[64], serv[16];
	int reversed = fake_count("reversed");

	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), host,
			     sizeof(host), serv, sizeof(serv), 0),
		 0);
	CHECK(strcmp(host, STUN) == 0);
	CHECK(strcmp(serv, "https") == 0);
	CHECK_EQ(getnameinfo((struct sockaddr *)&in6, sizeof(in6), host,
			     sizeof(host), NULL, 0, NI_NAMEREQD),
		 0);
	CHECK(strcmp(host, STUN) == 0);
	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), host, 5, NULL,
			     0, 0),
		 EAI_OVERFLOW);
	CHECK_EQ(fake_count("reversed"), reversed + 3);
	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), host,
			     sizeof(host), serv, sizeof(serv),
			     NI_NUMERICHOST | NI_NUMERICSERV),
		 0);
	CHECK(strcmp(host, STUN4) == 0 && strcmp(serv, "443") == 0);
	CHECK_EQ(getnameinfo((struct sockaddr *)&own, sizeof(own), host,
			     sizeof(host), NULL, 0, 0),
		 0);
	CHECK(strcmp(host, "inhosts.test") == 0);
	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), NULL, 0, serv,
			     sizeof(serv), NI_DGRAM | NI_NUMERICSERV),
		 0);
	CHECK_EQ(fake_count("reversed"), reversed + 3);
}

/* No name server is asked about an address that stands for a name. */
static void test_nobody(void)
{
	struct sockaddr_in in = at4(NOBODY4, 443);
	struct hostent host, *result = &host;
	char text[64], buf[512];
	int code = -1;

	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), text,
			     sizeof(text), NULL, 0, 0),
		 0);
	CHECK(strcmp(text, NOBODY4) == 0);
	CHECK_EQ(getnameinfo((struct sockaddr *)&in, sizeof(in), text,
			     sizeof(text), NULL, 0, NI_NAMEREQD),
		 EAI_NONAME);
	h_errno = 0;
	CHECK(gethostbyaddr(&in.sin_addr, 4, AF_INET) == NULL);
	CHECK_EQ(h_errno, HOST_NOT_FOUND);
	CHECK_EQ(gethostbyaddr_r(&in.sin_addr, 4, AF_INET, &host, buf,
				 sizeof(buf), &result, &code),
		 0);
	CHECK(result == NULL);
	CHECK_EQ(code, HOST_NOT_FOUND);
}

/* The only address in a message, as text. */
static const char *message_address(unsigned char *data, int len, ns_type type)
{
	static char text[INET6_ADDRSTRLEN];
	ns_msg m;
	ns_rr rr;

	text[0] = '\0';
	CHECK_EQ(ns_initparse(data, len, &m), 0);
	CHECK_EQ(ns_msg_count(m, ns_s_qd), 1);
	CHECK_EQ(ns_msg_count(m, ns_s_an), 1);
	CHECK_EQ(ns_parserr(&m, ns_s_an, 0, &rr), 0);
	CHECK_EQ(ns_rr_type(rr), type);
	CHECK(strcmp(ns_rr_name(rr), STUN) == 0);
	inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(rr), text,
		  sizeof(text));
	return text;
}

static void test_res_query(void)
{
	static struct __res_state state;
	unsigned char data[512];
	int len;

	len = res_query(STUN, ns_c_in, ns_t_a, data, sizeof(data));
	CHECK(len > 0 &&
	      strcmp(message_address(data, len, ns_t_a), STUN4) == 0);
	len = res_search(STUN ".", ns_c_in, ns_t_aaaa, data, sizeof(data));
	CHECK(len > 0 &&
	      strcmp(message_address(data, len, ns_t_aaaa), STUN6) == 0);
	/* As GLib asks for SRV: no records, and nobody is waited for. */
	CHECK_EQ(res_ninit(&state), 0);
	h_errno = 0;
	CHECK_EQ(
		res_nquery(&state, STUN, ns_c_in, ns_t_srv, data, sizeof(data)),
		-1);
	CHECK_EQ(h_errno, NO_DATA);
	CHECK_EQ(res_nsearch(&state, STUN, ns_c_in, ns_t_a, data, sizeof(data)),
		 len - 12);
	CHECK_EQ(res_nquery(&state, "blocked.test", ns_c_in, ns_t_txt, data,
			    sizeof(data)),
		 -1);
	CHECK_EQ(state.res_h_errno, HOST_NOT_FOUND);
	/* No room for it */
	CHECK_EQ(res_query(STUN, ns_c_in, ns_t_a, data, 30), -1);
	CHECK_EQ(h_errno, NO_RECOVERY);
	/* libc's: there is no name server */
	CHECK_EQ(res_query("nowhere.test", ns_c_in, ns_t_a, data, sizeof(data)),
		 -1);
	CHECK_EQ(h_errno, TRY_AGAIN);
	res_nclose(&state);
}

/* A name's address is a peer like any other. */
static void test_gethostbyaddr(void)
{
	struct sockaddr_in in = at4(STUN4, 0), own = at4("10.99.0.9", 0);
	struct sockaddr_in6 in6 = at6(STUN6, 0);
	struct hostent host, *result = &host;
	char buf[512];
	int code = -1, reversed = fake_count("reversed");

	expect_host(gethostbyaddr(&in.sin_addr, 4, AF_INET), STUN, AF_INET,
		    STUN4);
	expect_host(gethostbyaddr(&in6.sin6_addr, 16, AF_INET6), STUN, AF_INET6,
		    STUN6);
	CHECK_EQ(gethostbyaddr_r(&in.sin_addr, 4, AF_INET, &host, buf, 20,
				 &result, &code),
		 ERANGE);
	CHECK(result == NULL);
	CHECK_EQ(code, NETDB_INTERNAL);
	CHECK_EQ(gethostbyaddr_r(&in.sin_addr, 4, AF_INET, &host, buf,
				 sizeof(buf), &result, &code),
		 0);
	expect_host(result, STUN, AF_INET, STUN4);
	CHECK_EQ(fake_count("reversed"), reversed + 4);
	expect_host(gethostbyaddr(&own.sin_addr, 4, AF_INET), "inhosts.test",
		    AF_INET, "10.99.0.9");
	CHECK(gethostbyaddr(&in.sin_addr, 3, AF_INET) == NULL);
	CHECK_EQ(fake_count("reversed"), reversed + 4);
}

static void test_datagram_to_name(void)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list = NULL;
	int fd = udp_at(AF_INET, OWN4);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char c;

	CHECK_EQ(getaddrinfo(STUN, "3478", &hints, &list), 0);
	CHECK_EQ(sendto(fd, "x", 1, 0, list->ai_addr, list->ai_addrlen), 1);
	CHECK_EQ(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
	CHECK(memcmp(&from, list->ai_addr, sizeof(from)) == 0);
	freeaddrinfo(list);
	close(fd);
}

static const struct lib_test tests[] = {
	{ "families and flags", test_families },
	{ "the names table", test_flags },
	{ "services", test_services },
	{ "no hints", test_no_hints },
	{ "AI_CANONNAME", test_canonical_name },
	{ "error codes", test_errors },
	{ "left to libc", test_left_to_libc },
	{ "gethostbyname, gethostbyname2", test_gethostbyname },
	{ "gethostbyname_r, gethostbyname2_r", test_gethostbyname_r },
	{ "getnameinfo", test_getnameinfo },
	{ "gethostbyaddr, gethostbyaddr_r", test_gethostbyaddr },
	{ "an address that is nobody's", test_nobody },
	{ "res_query() and its family", test_res_query },
	{ "a datagram to a name", test_datagram_to_name },
};

int main(int argc, char **argv)
{
	return lib_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
