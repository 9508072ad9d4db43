/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_dns.c - queries and answers, byte for byte */
#include <config.h>

#include "../tunneld/dns.h"

#include "../tunneld/addr.h"
#include "../tunneld/buf.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

/* www.Example.com A, recursion desired. */
static const uint8_t query_a[] = {
	0x12, 0x34, 0x01, 0x00, 0,   1,   0,   0,   0,   0,   0,
	0,    3,    'w',  'w',  'w', 7,   'E', 'x', 'a', 'm', 'p',
	'l',  'e',  3,    'c',  'o', 'm', 0,   0,   1,   0,   1,
};

static uint8_t packet[600];

/* A query for `name` (dots between labels) in `packet`. Its length. */
static size_t make(const char *name, uint16_t type)
{
	size_t n = 12;

	memset(packet, 0, sizeof(packet));
	packet[2] = 1;
	packet[5] = 1;
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		packet[n++] = (uint8_t)len;
		memcpy(packet + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	n++;
	packet[n++] = (uint8_t)(type >> 8);
	packet[n++] = (uint8_t)type;
	packet[n++] = 0;
	packet[n++] = 1;
	return n;
}

static int answer(const struct dns_query *q, const uint8_t *query,
		  enum dns_rcode rcode, const struct endpoint *addr,
		  const char *name, uint32_t ttl_s, struct buf *out)
{
	struct dns_reply reply = { .rcode = rcode,
				   .name = name,
				   .ttl_s = ttl_s };

	if (addr != NULL && addr->family == ENDPOINT_IPV4)
		reply.ipv4 = addr;
	else
		reply.ipv6 = addr;
	return dns_answer(q, query, &reply, out);
}

static void test_parse(void)
{
	struct dns_query q;

	CU_ASSERT_EQUAL(dns_parse(query_a, sizeof(query_a), &q), 0);
	CU_ASSERT_EQUAL(q.id, 0x1234);
	CU_ASSERT_EQUAL(q.flags, 0x0100);
	CU_ASSERT_EQUAL(q.type, DNS_TYPE_A);
	CU_ASSERT_EQUAL(q.class, 1);
	CU_ASSERT_STRING_EQUAL(q.name, "www.example.com");
	CU_ASSERT_EQUAL(q.question_bytes, sizeof(query_a));
	CU_ASSERT_EQUAL(q.reverse.family, ENDPOINT_NONE);
	for (size_t n = 0; n < sizeof(query_a); n++) {
		uint8_t copy[sizeof(query_a)];

		memcpy(copy, query_a, n);
		CU_ASSERT_EQUAL(dns_parse(copy, n, &q), -EBADMSG);
	}
	CU_ASSERT_EQUAL(dns_parse(packet, make("", DNS_TYPE_A), &q), 0);
	CU_ASSERT_STRING_EQUAL(q.name, "");
	CU_ASSERT_EQUAL(dns_parse(packet, make("a.b", DNS_TYPE_HTTPS), &q), 0);
	CU_ASSERT_EQUAL(q.type, 65);
}

/* query_a with these records behind it; the parsed query. */
static size_t with_records(const void *records, size_t len, uint8_t count,
			   struct dns_query *q)
{
	memcpy(packet, query_a, sizeof(query_a));
	memcpy(packet + sizeof(query_a), records, len);
	packet[11] = count;
	CU_ASSERT_EQUAL(dns_parse(packet, sizeof(query_a) + len, q), 0);
	CU_ASSERT_EQUAL(q->question_bytes, sizeof(query_a));
	return sizeof(query_a) + len;
}

#define RECORDS(text, count, q) \
	with_records("" text, sizeof(text) - 1, (count), (q))

/* RFC 6891: a query with an OPT record is answered with one, of version 0,
 * without options, and with DO as it was. */
static void test_edns(void)
{
	static const uint8_t opt[] = { 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0 };
	uint8_t out[512];
	struct dns_query q;
	struct buf b;

	RECORDS("\0\0\x29\x10\0\0\0\x80\0\0\x0c\0\x0a\0\x08"
		"COOKIE78",
		1, &q);
	CU_ASSERT_EQUAL(q.edns, DNS_EDNS_GOOD);
	CU_ASSERT_TRUE(q.dnssec_ok);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, NULL, NULL, 5, &b), 0);
	CU_ASSERT_EQUAL_FATAL(b.len, sizeof(query_a) + sizeof(opt));
	CU_ASSERT_EQUAL(out[11], 1);
	out[sizeof(query_a) + 7] ^= 0x80; /* DO */
	CU_ASSERT_EQUAL(memcmp(out + sizeof(query_a), opt, sizeof(opt)), 0);
	CU_ASSERT_EQUAL(out[3] & 0x20, 0); /* never authentic (AD) */

	/* Behind another record, whose owner is a pointer; without DO. */
	RECORDS("\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x02\x01x"
		"\0\0\x29\x02\0\0\0\0\0\0\0",
		2, &q);
	CU_ASSERT_EQUAL(q.edns, DNS_EDNS_GOOD);
	CU_ASSERT_FALSE(q.dnssec_ok);
	/* Records without an OPT. */
	RECORDS("\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x02\x01x", 1, &q);
	CU_ASSERT_EQUAL(q.edns, DNS_EDNS_NONE);
}

static void bad_edns(const void *records, size_t len, uint8_t count)
{
	uint8_t out[512];
	struct endpoint addr;
	struct dns_query q;
	struct buf b;

	with_records(records, len, count, &q);
	CU_ASSERT_EQUAL(q.edns, DNS_EDNS_BAD);
	CU_ASSERT_TRUE(addr_parse_ip("198.18.1.2", &addr));
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, &addr, NULL, 5, &b),
			0);
	CU_ASSERT_EQUAL(b.len, sizeof(query_a));
	CU_ASSERT_EQUAL(out[3] & 15, DNS_RCODE_FORMAT);
}

#define BAD(text, count) bad_edns("" text, sizeof(text) - 1, (count))
#define OPT              "\0\0\x29\x10\0\0\0\0\0\0\0"

static void test_bad_edns(void)
{
	uint8_t out[512];
	struct dns_query q;
	struct buf b;

	BAD(OPT OPT, 2);                              /* two of them */
	BAD("\x01x" OPT, 1);                          /* not the root's */
	BAD("", 1);                                   /* not there */
	BAD("\0\0\x29\x10\0\0\0\0\0\0\x04\0\0\0", 1); /* cut short */
	BAD(OPT, 17);                                 /* how many? */
	/* A version that is not ours: BADVERS, half of it in the OPT. */
	RECORDS("\0\0\x29\x10\0\0\x01\x80\0\0\0", 1, &q);
	CU_ASSERT_EQUAL(q.edns, DNS_EDNS_VERSION);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, NULL, NULL, 5, &b), 0);
	CU_ASSERT_EQUAL(b.len, sizeof(query_a) + 11);
	CU_ASSERT_EQUAL(out[3] & 15, 0);
	CU_ASSERT_EQUAL(out[sizeof(query_a) + 5], 1); /* 16 >> 4 */
	CU_ASSERT_EQUAL(out[sizeof(query_a) + 6], 0); /* our version */
}

static void refused(size_t at, uint8_t value)
{
	uint8_t copy[sizeof(query_a)];
	struct dns_query q;

	memcpy(copy, query_a, sizeof(copy));
	copy[at] = value;
	CU_ASSERT_EQUAL(dns_parse(copy, sizeof(copy), &q), -EBADMSG);
}

static void packet_of_kind(uint8_t flags, int err)
{
	struct dns_query q;

	memcpy(packet, query_a, sizeof(query_a));
	packet[2] = flags;
	CU_ASSERT_EQUAL(dns_parse(packet, sizeof(query_a), &q), err);
}

static void test_refuse(void)
{
	struct dns_query q;
	char name[300];
	size_t n;

	refused(2, 0x81);                  /* a response */
	packet_of_kind(0x29, -EOPNOTSUPP); /* opcode 5, update */
	packet_of_kind(0xa9, -EBADMSG);    /* and its response */
	refused(5, 0);                     /* no question */
	refused(5, 2);                     /* two */
	refused(7, 1);                     /* with answers */
	refused(9, 1);                     /* with authorities */
	refused(12, 0xc0);                 /* a pointer */
	refused(12, 64);                   /* a label too long */
	refused(12, 0x40);                 /* a reserved label type */
	refused(13, '.');                  /* ambiguous as text */
	refused(13, 0);
	refused(13, '\n');
	refused(13, 0x7f);
	refused(28, 200); /* runs out of the packet */

	/* 255 bytes on the wire pass, one more does not. */
	memset(name, 'a', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	name[253] = '\0';
	n = make(name, DNS_TYPE_A);
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	CU_ASSERT_EQUAL(strlen(q.name), 253);
	name[253] = 'a';
	name[254] = '\0';
	n = make(name, DNS_TYPE_A);
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), -EBADMSG);
}

static void test_answer_a(void)
{
	static const uint8_t tail[] = { 0xc0, 12, 0, 1, 0,   1,  0, 0,
					0,    60, 0, 4, 198, 18, 1, 2 };
	uint8_t out[512];
	struct endpoint addr;
	struct dns_query q;
	struct buf b;

	CU_ASSERT_EQUAL(dns_parse(query_a, sizeof(query_a), &q), 0);
	CU_ASSERT_TRUE(addr_parse_ip("198.18.1.2", &addr));
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, query_a, DNS_RCODE_OK, &addr, NULL, 60, &b),
			0);
	CU_ASSERT_EQUAL_FATAL(b.len, sizeof(query_a) + sizeof(tail));
	CU_ASSERT_EQUAL(memcmp(out, query_a, 2), 0);
	CU_ASSERT_EQUAL(out[2], 0x81); /* QR, RD */
	CU_ASSERT_EQUAL(out[3], 0x80); /* RA, no error */
	CU_ASSERT_EQUAL(out[7], 1);
	/* The question as it was asked, upper case too. */
	CU_ASSERT_EQUAL(memcmp(out + 12, query_a + 12, sizeof(query_a) - 12),
			0);
	CU_ASSERT_EQUAL(memcmp(out + sizeof(query_a), tail, sizeof(tail)), 0);

	buf_init(&b, out, sizeof(query_a) + sizeof(tail) - 1);
	CU_ASSERT_EQUAL(answer(&q, query_a, DNS_RCODE_OK, &addr, NULL, 60, &b),
			-ENOBUFS);
	buf_init(&b, out, 5);
	CU_ASSERT_EQUAL(answer(&q, query_a, DNS_RCODE_OK, &addr, NULL, 60, &b),
			-ENOBUFS);
}

static void test_answer_others(void)
{
	size_t n = make("a.example", DNS_TYPE_AAAA);
	uint8_t out[512];
	struct endpoint addr, v4;
	struct dns_query q;
	struct buf b;

	CU_ASSERT_TRUE(addr_parse_ip("fd74::1", &addr));
	CU_ASSERT_TRUE(addr_parse_ip("198.18.1.2", &v4));
	packet[3] = 0x10; /* CD */
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, &addr, NULL, 1, &b),
			0);
	CU_ASSERT_EQUAL(b.len, n + 12 + 16);
	CU_ASSERT_EQUAL(out[3], 0x90); /* RA, CD */
	CU_ASSERT_EQUAL(memcmp(out + n + 12, addr.ip, 16), 0);

	/* The wrong family is none; errors carry no answer. */
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, &v4, NULL, 1, &b), 0);
	CU_ASSERT_EQUAL(b.len, n);
	CU_ASSERT_EQUAL(out[7], 0);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(
		answer(&q, packet, DNS_RCODE_NXDOMAIN, &addr, NULL, 1, &b), 0);
	CU_ASSERT_EQUAL(b.len, n);
	CU_ASSERT_EQUAL(out[3] & 15, 3);
	/* HTTPS (65) gets NODATA: no address hints past the pool. */
	n = make("a.example", DNS_TYPE_HTTPS);
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, &v4, NULL, 1, &b), 0);
	CU_ASSERT_EQUAL(b.len, n);
}

/* What each type gets of a name that has addresses of both families. */
static void test_types(void)
{
	static const struct {
		uint16_t type;
		size_t answers, bytes;
	} rows[] = {
		{ DNS_TYPE_A, 1, 16 },
		{ DNS_TYPE_AAAA, 1, 28 },
		{ DNS_TYPE_ANY, 2, 44 },
		{ DNS_TYPE_HTTPS, 0, 0 },
		{ DNS_TYPE_SVCB, 0, 0 },
		{ DNS_TYPE_DNSKEY, 0, 0 },
		{ DNS_TYPE_PTR, 0, 0 },
		{ 2, 0, 0 },  /* NS */
		{ 5, 0, 0 },  /* CNAME */
		{ 6, 0, 0 },  /* SOA */
		{ 15, 0, 0 }, /* MX */
		{ 16, 0, 0 }, /* TXT */
		{ 33, 0, 0 }, /* SRV */
		{ 35, 0, 0 }, /* NAPTR */
		{ 0xffff, 0, 0 },
	};
	struct endpoint v4, v6;
	uint8_t out[512];

	CU_ASSERT_TRUE(addr_parse_ip("198.18.1.2", &v4));
	CU_ASSERT_TRUE(addr_parse_ip("fd74::1", &v6));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_reply reply = { .ipv4 = &v4, .ipv6 = &v6 };
		size_t n = make("a.example", rows[i].type);
		struct dns_query q;
		struct buf b;

		CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
		buf_init(&b, out, sizeof(out));
		CU_ASSERT_EQUAL(dns_answer(&q, packet, &reply, &b), 0);
		CU_ASSERT_EQUAL(out[7], rows[i].answers);
		CU_ASSERT_EQUAL(b.len, n + rows[i].bytes);
		CU_ASSERT_EQUAL(out[3] & 15, 0);
	}
	CU_ASSERT_TRUE(dns_type_is_dnssec(DNS_TYPE_DNSKEY));
	CU_ASSERT_FALSE(dns_type_is_dnssec(DNS_TYPE_HTTPS));
}

static void test_ptr(void)
{
	static const uint8_t rdata[] = { 0,   11,  1,   'a', 7,   'e', 'x',
					 'a', 'm', 'p', 'l', 'e', 0 };
	size_t n = make("2.1.18.198.in-addr.arpa", DNS_TYPE_PTR);
	uint8_t out[512];
	struct dns_query q;
	struct buf b;

	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	CU_ASSERT_EQUAL(q.reverse.family, ENDPOINT_IPV4);
	CU_ASSERT_EQUAL(memcmp(q.reverse.ip, "\xc6\x12\x01\x02", 4), 0);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(
		answer(&q, packet, DNS_RCODE_OK, NULL, "a.example", 1, &b), 0);
	CU_ASSERT_EQUAL_FATAL(b.len, n + 10 + sizeof(rdata));
	CU_ASSERT_EQUAL(memcmp(out + n + 10, rdata, sizeof(rdata)), 0);
	buf_init(&b, out, sizeof(out));
	CU_ASSERT_EQUAL(answer(&q, packet, DNS_RCODE_OK, NULL, "a..b", 1, &b),
			-EINVAL);
}

static void test_reverse(void)
{
	static const char *const bad[] = {
		"1.18.198.in-addr.arpa",
		"3.2.1.18.198.in-addr.arpa",
		"256.1.18.198.in-addr.arpa",
		"02.1.18.198.in-addr.arpa",
		"x.1.18.198.in-addr.arpa",
		"2.1.18.198.in-addr.arpa.x",
		"2.1.18.198xin-addr.arpa",
		"in-addr.arpa",
		"1.0.ip6.arpa",
	};
	struct dns_query q;
	char ip[ADDR_TEXT_MAX];
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		n = make(bad[i], DNS_TYPE_PTR);
		CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
		CU_ASSERT_EQUAL(q.reverse.family, ENDPOINT_NONE);
	}
	n = make("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.7.5.7.4.7."
		 "d.F.IP6.arpa",
		 DNS_TYPE_PTR);
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	CU_ASSERT_EQUAL(q.reverse.family, ENDPOINT_IPV6);
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&q.reverse, ip), "fd74:7572::1");
	/* Only for PTR. */
	n = make("2.1.18.198.in-addr.arpa", DNS_TYPE_A);
	CU_ASSERT_EQUAL(dns_parse(packet, n, &q), 0);
	CU_ASSERT_EQUAL(q.reverse.family, ENDPOINT_NONE);
}

static CU_TestInfo tests[] = {
	{ "a query", test_parse },
	{ "EDNS is answered with EDNS", test_edns },
	{ "EDNS that is wrong", test_bad_edns },
	{ "a row for each type", test_types },
	{ "what is no query of ours", test_refuse },
	{ "the answer to A", test_answer_a },
	{ "the answers to others", test_answer_others },
	{ "PTR there and back", test_ptr },
	{ "reverse names", test_reverse },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "dns", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
