/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * page.h - the policy page: tunneld's compiled rules, mapped read-only by apps
 *
 * A sparse file of fixed size in the runtime directory, next to the control
 * socket (path: PAGE_SUFFIX appended). tunneld keeps the inode over restarts,
 * so that running apps see each reload, and the new epoch after a restart,
 * without a system call.
 *
 * It holds two tables of rules. The last bit of `seq` says which one counts;
 * the one writer fills the other and adds one. A reader starts again when `seq`
 * has changed meanwhile, so it waits for nobody, however a writer ends.
 *
 * A table is an ordered list of rules, and an index of it, by which a decision
 * costs two binary searches and a few words, however many rules there are. All
 * addresses are one line of 128-bit numbers (IPv4 v4-mapped), cut where the set
 * of rules that match changes; the ports are another one. A set is a bit for
 * each rule, kept as one word that tells which words of 64 rules are not zero,
 * and these. The lowest bit that the sets of address, port, protocol and
 * client have in common is the first rule that matches.
 */
#ifndef TURNOUT_PAGE_H
#define TURNOUT_PAGE_H

#include <turnout/endpoint.h>
#include <turnout/glob.h>

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PAGE_MAGIC   0x54524e50u /* "TRNP" */
#define PAGE_VERSION 2u
#define PAGE_BYTES   (10u << 20)
#define PAGE_SUFFIX  ".page"

#define PAGE_WORDS     43u /* of 64 rules; a set's first word has room for 64 */
#define PAGE_RULES_MAX (PAGE_WORDS * 64u)
/* A rule begins somewhere and ends somewhere; IPv4 lies amid IPv6. */
#define PAGE_STEPS_MAX (2u * PAGE_RULES_MAX + 4u)
/* Both lines, no two sets alike, no word of them zero. */
#define PAGE_ARENA_WORDS (2u * PAGE_STEPS_MAX * (1u + PAGE_WORDS) + 64u)
#define PAGE_PROGRAM_MAX 239u
#define PAGE_TRIES_MAX   1000

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

/* Whom a rule is about. */
struct page_who {
	uint32_t uid;
	uint8_t by_user; /* 0: any user */
	uint8_t reserved[3];
	/* NAME or /PATH of the executable, a glob (glob.h); empty: any */
	char program[PAGE_PROGRAM_MAX + 1];
};
_Static_assert(sizeof(struct page_who) == 248, "who layout");

struct page_rule {
	uint8_t action;      /* enum policy_action */
	uint8_t protocol;    /* enum policy_protocol */
	uint8_t family;      /* 4, 6, or 0: any address (prefix_bits 0) */
	uint8_t prefix_bits; /* of `ip`, in its family */
	uint16_t port_min;   /* host order, inclusive; 0 and 65535: any */
	uint16_t port_max;
	uint8_t ip[16];
	uint16_t who; /* 0: everybody; else who[who - 1] */
	uint16_t reserved;
};
_Static_assert(sizeof(struct page_rule) == 28, "rule layout");

struct page_addr {
	uint64_t high, low; /* host order */
};

struct page_table {
	_Alignas(8) uint8_t default_action[4]; /* by enum policy_protocol */
	uint32_t rule_count;
	uint32_t who_count;
	uint32_t addr_steps; /* 0: there is no index */
	uint32_t port_steps;
	uint32_t arena_words; /* in use */
	uint8_t reserved[40];
	struct page_rule rules[PAGE_RULES_MAX]; /* first match wins */
	uint64_t protocol[2][PAGE_WORDS];       /* rules for TCP, for UDP */
	struct page_addr addr[PAGE_STEPS_MAX];  /* ascending, the first is 0 */
	uint64_t arena[PAGE_ARENA_WORDS];       /* sets */
	uint32_t addr_set[PAGE_STEPS_MAX];      /* where in the arena */
	uint32_t port_set[PAGE_STEPS_MAX];
	uint16_t port[PAGE_STEPS_MAX]; /* as addr */
	struct page_who who[PAGE_RULES_MAX];
};
_Static_assert(offsetof(struct page_table, rules) == 64, "table layout");
_Static_assert(offsetof(struct page_table, protocol) % 8 == 0, "the same for");
_Static_assert(sizeof(struct page_table) % 8 == 0, "32 and 64 bits");

enum page_state {
	PAGE_DOWN = 0, /* tunneld has ended; nothing answers */
	PAGE_UP = 1,
	/* It is restarted: until held_until_ms flows' ports are held for the
	 * next one, and what is sent there waits. */
	PAGE_HELD = 2,
};

struct page {
	/* Stay where they are in every version. */
	uint32_t magic;
	uint32_t version;
	_Atomic uint32_t seq;           /* its last bit: which table counts */
	_Atomic uint32_t state;         /* enum page_state */
	_Atomic uint64_t epoch;         /* random, new at each start; never 0 */
	uint64_t generation;            /* counts reloads, for people */
	_Atomic uint64_t held_until_ms; /* CLOCK_MONOTONIC */
	uint8_t reserved[24];
	struct page_table table[2];
};
_Static_assert(offsetof(struct page, table) == 64, "page layout");
_Static_assert(sizeof(struct page) <= PAGE_BYTES, "page size");

/* Which rules concern one client, as far as it has been found out: words of 32
 * rules, each under the tag of the page's contents. Whoever finds out the same
 * word writes the same, so threads, signal handlers and fork children need no
 * lock. Zero-initialised. */
struct page_mask {
	_Atomic uint64_t word[2 * PAGE_WORDS];
};

/* What bounds a read is itself read once: the compiler may not look again after
 * it was checked, for the page may change. */
static inline uint32_t page_once(const uint32_t *p)
{
	return *(const volatile uint32_t *)p;
}

static inline bool page_who_is_any(const struct page_who *who)
{
	return !who->by_user && who->program[0] == '\0';
}

/* A program that cannot be told may be the one that is to be blocked, and may
 * not be the one that is let through. */
static inline bool page_who_matches(const struct page_who *who,
				    const struct policy_client *client,
				    uint8_t action)
{
	char program[sizeof(who->program)];
	const char *name;

	if (client == NULL || (who->by_user && who->uid != client->uid))
		return false;
	/* The page may change, and need not end its strings. */
	memcpy(program, who->program, sizeof(program));
	program[PAGE_PROGRAM_MAX] = '\0';
	if (program[0] == '\0')
		return true;
	if (client->program == NULL)
		return action == POLICY_BLOCK;
	name = strrchr(client->program, '/');
	if (program[0] == '/' || name == NULL)
		return glob_matches(program, client->program);
	return glob_matches(program, name + 1);
}

static inline bool page_rule_concerns(const struct page_table *t,
				      const struct page_rule *r,
				      const struct policy_client *client)
{
	uint16_t who = *(const volatile uint16_t *)&r->who;

	if (who == 0)
		return true;
	return who <= PAGE_RULES_MAX &&
	       page_who_matches(&t->who[who - 1], client, r->action);
}

static inline bool page_rule_matches(const struct page_rule *r,
				     enum policy_protocol protocol,
				     const struct endpoint *dest)
{
	uint16_t port = endpoint_port(dest);
	uint8_t prefix_bits = *(const volatile uint8_t *)&r->prefix_bits;
	unsigned int bytes = prefix_bits / 8, bits = prefix_bits % 8;

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

static inline struct page_addr page_addr_of(const struct endpoint *e)
{
	struct page_addr a = { 0 };
	uint32_t ip4;

	if (e->family == ENDPOINT_IPV4) {
		memcpy(&ip4, e->ip, sizeof(ip4));
		a.low = UINT64_C(0xffff00000000) | be32toh(ip4);
		return a;
	}
	memcpy(&a.high, e->ip, 8);
	memcpy(&a.low, e->ip + 8, 8);
	a.high = be64toh(a.high);
	a.low = be64toh(a.low);
	return a;
}

/* The last of `steps` that is not above; no branches to mispredict. */
static inline uint32_t page_find_addr(const struct page_table *t,
				      uint32_t steps, struct page_addr at)
{
	uint32_t base = 0;

	while (steps > 1) {
		uint32_t half = steps / 2;
		const struct page_addr *a = &t->addr[base + half];

		base += half *
			(uint32_t)((a->high < at.high) |
				   ((a->high == at.high) & (a->low <= at.low)));
		steps -= half;
	}
	return base;
}

static inline uint32_t page_find_port(const struct page_table *t,
				      uint32_t steps, uint16_t port)
{
	uint32_t base = 0;

	while (steps > 1) {
		uint32_t half = steps / 2;

		base += half * (uint32_t)(t->port[base + half] <= port);
		steps -= half;
	}
	return base;
}

/* The set that stands where `place` says; never past the arena's end. */
static inline const uint64_t *page_set(const struct page_table *t,
				       const uint32_t *place)
{
	uint32_t at = page_once(place);

	return &t->arena[at < PAGE_ARENA_WORDS - 64 ? at : 0];
}

/* Word `w` of a set that is not zero there. */
static inline uint64_t page_set_word(const uint64_t *set, uint64_t present,
				     unsigned int w)
{
	uint64_t below = (UINT64_C(1) << w) - 1;

	return set[1 + __builtin_popcountll(present & below)];
}

static inline uint64_t page_mask_half(const struct page_table *t,
				      const struct policy_client *client,
				      struct page_mask *mask, uint32_t tag,
				      unsigned int i)
{
	uint64_t known = atomic_load_explicit(&mask->word[i],
					      memory_order_relaxed);
	uint32_t bits = 0;

	if (known >> 32 == tag)
		return known & UINT32_MAX;
	for (unsigned int k = 0; k < 32; k++)
		bits |= (uint32_t)page_rule_concerns(t, &t->rules[i * 32 + k],
						     client)
			<< k;
	atomic_store_explicit(&mask->word[i], (uint64_t)tag << 32 | bits,
			      memory_order_relaxed);
	return bits;
}

/* The rules of word `w` that match, but for whom they are about. Somebody
 * without a mask asks seldom: only these are looked at, up to the first. */
static inline uint64_t page_mask_word(const struct page_table *t,
				      const struct policy_client *client,
				      struct page_mask *mask, uint32_t tag,
				      unsigned int w, uint64_t bits)
{
	if (mask != NULL)
		return bits &
		       (page_mask_half(t, client, mask, tag, 2 * w) |
			page_mask_half(t, client, mask, tag, 2 * w + 1) << 32);
	for (; bits != 0; bits &= bits - 1) {
		unsigned int bit = (unsigned int)__builtin_ctzll(bits);

		if (page_rule_concerns(t, &t->rules[w * 64 + bit], client))
			break;
	}
	return bits;
}

/* By looking at every rule: for tables without an index, and what the index
 * has to say as well. */
static inline uint8_t page_table_scan(const struct page_table *t,
				      enum policy_protocol protocol,
				      const struct endpoint *dest,
				      const struct policy_client *client)
{
	uint32_t n = page_once(&t->rule_count);

	if (n > PAGE_RULES_MAX)
		n = PAGE_RULES_MAX;
	for (uint32_t i = 0; i < n; i++) {
		if (page_rule_matches(&t->rules[i], protocol, dest) &&
		    page_rule_concerns(t, &t->rules[i], client))
			return t->rules[i].action;
	}
	return t->default_action[protocol & 3];
}

/* An action, if the table is whole. `mask` is of this client and no other, or
 * NULL; `tag`, not 0, is of the table's contents. */
static inline uint8_t page_table_find(const struct page_table *t,
				      enum policy_protocol protocol,
				      const struct endpoint *dest,
				      const struct policy_client *client,
				      struct page_mask *mask, uint32_t tag)
{
	uint32_t addrs = page_once(&t->addr_steps);
	uint32_t ports = page_once(&t->port_steps);
	uint64_t in_addr, in_port, both, bits;
	const uint64_t *by_addr, *by_port;

	if (addrs == 0 || addrs > PAGE_STEPS_MAX || ports > PAGE_STEPS_MAX)
		return page_table_scan(t, protocol, dest, client);
	by_addr = page_set(
		t, &t->addr_set[page_find_addr(t, addrs, page_addr_of(dest))]);
	by_port = page_set(
		t, &t->port_set[page_find_port(t, ports, endpoint_port(dest))]);
	in_addr = by_addr[0];
	in_port = by_port[0];
	for (both = in_addr & in_port; both != 0; both &= both - 1) {
		unsigned int w = (unsigned int)__builtin_ctzll(both);

		if (w >= PAGE_WORDS)
			break;
		bits = page_set_word(by_addr, in_addr, w) &
		       page_set_word(by_port, in_port, w) &
		       t->protocol[protocol == POLICY_UDP][w];
		if (bits != 0 && t->who_count != 0)
			bits = page_mask_word(t, client, mask, tag, w, bits);
		if (bits != 0)
			return t->rules[w * 64 +
					(unsigned int)__builtin_ctzll(bits)]
				.action;
	}
	return t->default_action[protocol & 3];
}

static inline enum policy_action page_table_decide(
	const struct page_table *t, enum policy_protocol protocol,
	const struct endpoint *dest, const struct policy_client *client)
{
	uint8_t action = page_table_find(t, protocol, dest, client, NULL, 1);

	return action < POLICY_NUM_ACTIONS ? (enum policy_action)action
					   : POLICY_BLOCK;
}

/* What happens to what no rule matches. */
static inline uint8_t page_default(const struct page *page,
				   enum policy_protocol protocol)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_acquire);

	return page->table[seq & 1].default_action[protocol & 3];
}

/* What to do with `dest`. Safe against a torn or hostile page: bounded reads,
 * and POLICY_BLOCK when the writer never comes to rest. No system call. */
static inline enum policy_action page_decide(const struct page *page,
					     enum policy_protocol protocol,
					     const struct endpoint *dest,
					     const struct policy_client *client,
					     struct page_mask *mask)
{
	for (int tries = 0; tries < PAGE_TRIES_MAX; tries++) {
		uint32_t seq = atomic_load_explicit(&page->seq,
						    memory_order_acquire);
		uint64_t epoch = atomic_load_explicit(&page->epoch,
						      memory_order_relaxed);
		/* Not 0, and another one for the next generations. */
		uint32_t tag = ((uint32_t)epoch + seq) | 0x80000000u;
		uint8_t action = page_table_find(&page->table[seq & 1],
						 protocol, dest, client, mask,
						 tag);

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
