/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.c - (protocol, destination) -> direct | proxy | tunnel | block
 *
 * The policy page decides. Around it stand two rules that no page changes:
 * what goes to this machine itself stays here, and without a page nothing but
 * the local network is reached (RFC 1918, 3927, 4193, 4291, 5771).
 */
#include <config.h>

#include "policy.h"

#include "client.h"
#include "trace.h"

#include <turnout/compiler.h>

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <sys/auxv.h>

#define DNS_PORT 53
#define SELF_EXE "/proc/self/exe"
#define DELETED  " (deleted)"

struct range {
	uint8_t family;
	uint8_t prefix_bits;
	uint8_t ip[16];
};

/* This machine: loopback, and the unspecified address, which the kernel
 * connects to loopback. */
static const struct range loopback_ranges[] = {
	{ ENDPOINT_IPV4, 8, { 127 } },
	{ ENDPOINT_IPV4, 32, { 0 } },
	{ ENDPOINT_IPV6, 128, { [15] = 1 } },
	{ ENDPOINT_IPV6, 128, { 0 } },
};

static const struct range local_ranges[] = {
	{ ENDPOINT_IPV4, 8, { 10 } },
	{ ENDPOINT_IPV4, 12, { 172, 16 } },
	{ ENDPOINT_IPV4, 16, { 192, 168 } },
	{ ENDPOINT_IPV4, 16, { 169, 254 } },
	{ ENDPOINT_IPV4, 4, { 224 } },
	{ ENDPOINT_IPV4, 32, { 255, 255, 255, 255 } },
	{ ENDPOINT_IPV6, 7, { 0xfc } },
	{ ENDPOINT_IPV6, 10, { 0xfe, 0x80 } },
	{ ENDPOINT_IPV6, 8, { 0xff } },
};

/* Written by policy_init() only. */
static struct policy_client self;
static char self_program[PATH_MAX];

/* What the page says about us, by and by. */
static struct page_mask self_mask;

void policy_init(void)
{
	ssize_t n = readlink(SELF_EXE, self_program, sizeof(self_program) - 1);
	size_t tail = strlen(DELETED), len = n > 0 ? (size_t)n : 0;

	self.uid = (uint32_t)getauxval(AT_EUID);
	/* An update has replaced it since. */
	if (len > tail && memcmp(self_program + len - tail, DELETED, tail) == 0)
		len -= tail;
	self_program[len] = '\0';
	if (self_program[0] != '/')
		return;
	self.program = self_program;
	client_set_program(self_program);
}

static bool in_ranges(const struct range *ranges, size_t n,
		      const struct endpoint *dest)
{
	struct page_rule rule = { .port_max = 65535 };
	size_t i;

	for (i = 0; i < n; i++) {
		rule.family = ranges[i].family;
		rule.prefix_bits = ranges[i].prefix_bits;
		memcpy(rule.ip, ranges[i].ip, sizeof(rule.ip));
		if (page_rule_matches(&rule, POLICY_ANY, dest))
			return true;
	}
	return false;
}

/* A rule for any protocol may name the other one's way out. */
static enum policy_action fit(enum policy_protocol protocol,
			      enum policy_action action)
{
	if (protocol == POLICY_TCP && action == POLICY_TUNNEL)
		return POLICY_PROXY;
	if (protocol == POLICY_UDP && action == POLICY_PROXY)
		return POLICY_TUNNEL;
	return action;
}

static enum policy_action decide(enum policy_protocol protocol,
				 const struct endpoint *dest, bool loopback)
{
	const struct page *page = client_page();

	if (page != NULL)
		return fit(protocol, page_decide(page, protocol, dest, &self,
						 &self_mask));
	if (loopback || in_ranges(local_ranges, ARRAY_SIZE(local_ranges), dest))
		return POLICY_DIRECT;
	return POLICY_BLOCK;
}

enum policy_action policy_decide(enum policy_protocol protocol,
				 const struct endpoint *dest)
{
	bool dns = endpoint_port(dest) == DNS_PORT;
	bool loopback = in_ranges(loopback_ranges, ARRAY_SIZE(loopback_ranges),
				  dest);
	enum policy_action action;

	if (!client_active() || (loopback && !dns))
		return POLICY_DIRECT;
	action = decide(protocol, dest, loopback);
	trace_tell(protocol, dest, action);
	return action;
}
