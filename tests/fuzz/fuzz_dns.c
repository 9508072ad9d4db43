/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_dns.c - any datagram as a DNS query, and as an answer to ours
 *
 * What is accepted is answered, and the answer echoes the question.
 */
#include <config.h>

#include "../../tunneld/buf.h"
#include "../../tunneld/dns.h"
#include "../../tunneld/dns_client.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void read_answer(const uint8_t *data, size_t bytes)
{
	struct endpoint addr[4];
	uint16_t id = bytes >= 2 ? be16_get(data) : 0;
	int n = dns_client_get(data, bytes, id, "www.example.com", DNS_TYPE_A,
			       addr, 4);

	if (n == 0 || n > 4)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct endpoint ipv4 = { .family = ENDPOINT_IPV4, .ip = { 198, 18 } };
	struct endpoint ipv6 = { .family = ENDPOINT_IPV6, .ip = { 0xfd, 1 } };
	struct dns_reply reply = { .ipv4 = &ipv4,
				   .ipv6 = &ipv6,
				   .name = "a.example" };
	struct dns_query q;
	uint8_t out[600];
	struct buf b;

	read_answer(data, bytes);
	if (dns_parse(data, bytes, &q) < 0)
		return 0;
	if (q.question_bytes > bytes || q.question_bytes < 17 ||
	    strlen(q.name) > 253)
		abort();
	buf_init(&b, out, sizeof(out));
	if (dns_answer(&q, data, &reply, &b) < 0)
		abort();
	if (b.len < q.question_bytes || (out[2] & 0x80) == 0 || b.len > 512 ||
	    memcmp(out + 12, data + 12, q.question_bytes - 12) != 0)
		abort();
	return 0;
}
