/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * page.h - the policy page: tunneld's compiled rules, mapped read-only by apps
 *
 * A file of fixed size in the runtime directory, next to the control socket
 * (path: PAGE_SUFFIX appended). tunneld keeps the inode over restarts, so that
 * running apps see each reload, and the new epoch after a restart, without a
 * system call. One writer; readers retry while `seq` is odd or has changed.
 */
#ifndef TURNOUT_PAGE_H
#define TURNOUT_PAGE_H

#include <turnout/endpoint.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PAGE_MAGIC   0x54524e50u /* "TRNP" */
#define PAGE_VERSION 1u
#define PAGE_BYTES   65536u
#define PAGE_SUFFIX  ".page"

enum policy_action {
	POLICY_DIRECT = 0, /* leave the call to the kernel */
	POLICY_PROXY = 1,  /* TCP: by tunneld (which may still refuse) */
	POLICY_TUNNEL = 2, /* UDP: through a flow of tunneld */
	POLICY_BLOCK = 3,  /* TCP: ECONNREFUSED; UDP: EPERM */
	/* UDP: it works directly in this network, so leave it to the kernel;
	 * but a socket that was tunnelled before goes on so: a change of
	 * networks must not change a call's addresses. */
	POLICY_PREFER_DIRECT = 4,
	POLICY_NUM_ACTIONS,
};

enum policy_protocol {
	POLICY_ANY = 0,
	POLICY_TCP = 1,
	POLICY_UDP = 2,
};

/* Who asks. */
struct policy_client {
	uint32_t uid;
	const char *program; /* path of the executable; NULL: not to be told */
};

struct page_rule {
	uint8_t action;      /* enum policy_action */
	uint8_t protocol;    /* enum policy_protocol */
	uint8_t family;      /* 4, 6, or 0: any address (prefix_bits 0) */
	uint8_t prefix_bits; /* of `ip`, in its family */
	uint16_t port_min;   /* host order, inclusive; 0 and 65535: any */
	uint16_t port_max;
	uint8_t ip[16];
};
_Static_assert(sizeof(struct page_rule) == 24, "rule layout");

enum page_state {
	PAGE_DOWN = 0, /* tunneld has ended; nothing answers */
	PAGE_UP = 1,
};

struct page {
	uint32_t magic;
	uint32_t version;
	_Atomic uint32_t seq;      /* odd while tunneld writes */
	_Atomic uint32_t state;    /* enum page_state */
	_Atomic uint64_t epoch;    /* random, new at each start; never 0 */
	uint64_t generation;       /* counts reloads, for people */
	uint8_t default_action[4]; /* by enum policy_protocol */
	uint32_t rule_count;
	uint8_t reserved[24];
	struct page_rule rules[]; /* first match wins */
};
_Static_assert(sizeof(struct page) == 64, "page layout");

#define PAGE_RULES_MAX ((PAGE_BYTES - sizeof(struct page)) / 24)

static inline bool page_rule_matches(const struct page_rule *r,
				     enum policy_protocol protocol,
				     const struct endpoint *dest)
{
	uint16_t port = endpoint_port(dest);
	unsigned int bytes = r->prefix_bits / 8, bits = r->prefix_bits % 8;

	if (r->protocol != POLICY_ANY && r->protocol != protocol)
		return false;
	if (port < r->port_min || port > r->port_max)
		return false;
	if (r->family == 0)
		return true;
	if (r->family != dest->family || bytes > 16 || (bits && bytes > 15))
		return false;
	if (memcmp(r->ip, dest->ip, bytes) != 0)
		return false;
	return bits == 0 ||
	       ((r->ip[bytes] ^ dest->ip[bytes]) >> (8 - bits)) == 0;
}

/* What to do with `dest`. Safe against a torn or hostile page: bounded reads,
 * and POLICY_BLOCK when the writer never comes to rest. */
static inline enum policy_action page_decide(const struct page *page,
					     enum policy_protocol protocol,
					     const struct endpoint *dest)
{
	for (int tries = 0; tries < 100000; tries++) {
		uint32_t seq = atomic_load_explicit(&page->seq,
						    memory_order_acquire);
		uint32_t n = page->rule_count, i;
		uint8_t action = page->default_action[protocol & 3];

		if (seq & 1)
			continue;
		if (n > PAGE_RULES_MAX)
			n = PAGE_RULES_MAX;
		for (i = 0; i < n; i++) {
			if (!page_rule_matches(&page->rules[i], protocol, dest))
				continue;
			action = page->rules[i].action;
			break;
		}
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&page->seq, memory_order_relaxed) !=
		    seq)
			continue;
		return action < POLICY_NUM_ACTIONS ? (enum policy_action)action
						   : POLICY_BLOCK;
	}
	return POLICY_BLOCK;
}

#endif
