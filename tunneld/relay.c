/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.c - which way to a relay to take: what has worked, then what is
 * preferred, and what has just failed last
 */
#include <config.h>

#include "relay.h"

#include "creds.h"
#include "dial.h"
#include "egress.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody cuts for less silence than that. */
#define IDLE_MIN_MS 3000
/* Connections that end together have one cause: a proxy that starts anew. */
#define COMPANY_MS 1000

/* Written by every worker. */
struct relay_facts {
	_Atomic uint32_t refs;
	_Atomic uint64_t penalty_until_ms;
	_Atomic uint64_t refused_until_ms; /* its credentials were */
	_Atomic uint32_t refusals;         /* in a row */
	_Atomic uint32_t failing; /* 0, or the cause of the last failure */
	_Atomic uint32_t told;    /* 0, or the cause that the log has told */
	_Atomic uint64_t won_ms;  /* 0: never worked here */
	_Atomic uint32_t keepalive_s; /* 0: not learned */
	_Atomic uint32_t before_s;    /* … and what it was until … */
	_Atomic uint64_t learned_ms;  /* 0: nothing to take back */
	_Atomic uint64_t busy_cut_ms; /* a connection in use ended; 0: none */
	_Atomic uint32_t mobility;
	_Atomic uint32_t rtt_us;
	_Atomic int64_t cert_end_s; /* 0: none was seen */
};

/* Sets */

static struct relay_facts *facts_new(void)
{
	struct relay_facts *f = calloc(1, sizeof(*f));

	if (f != NULL)
		atomic_store(&f->refs, 1);
	return f;
}

static void facts_put(struct relay_facts *f)
{
	if (f != NULL && atomic_fetch_sub(&f->refs, 1) == 1)
		free(f);
}

struct relay_set *relay_set_new(size_t count)
{
	struct relay_set *set = calloc(
		1, sizeof(*set) + count * sizeof(set->relay[0]));

	if (set == NULL)
		return NULL;
	atomic_store(&set->refs, 1);
	set->count = count;
	for (size_t i = 0; i < count; i++) {
		set->relay[i].facts = facts_new();
		if (set->relay[i].facts == NULL) {
			relay_set_put(set);
			errno = ENOMEM;
			return NULL;
		}
	}
	return set;
}

struct relay_set *relay_set_get(struct relay_set *set)
{
	if (set != NULL)
		atomic_fetch_add(&set->refs, 1);
	return set;
}

void relay_set_put(struct relay_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	for (size_t i = 0; i < set->count; i++) {
		tls_ctx_put(set->relay[i].tls);
		creds_put(set->relay[i].creds);
		egress_put(set->relay[i].egress);
		facts_put(set->relay[i].facts);
	}
	free(set);
}

static bool same_way(const struct relay *a, const struct relay *b)
{
	return a->transport == b->transport && a->port == b->port &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 &&
	       egress_same(a->egress, b->egress);
}

static void give_new_chance(struct relay_facts *f)
{
	atomic_store(&f->penalty_until_ms, 0);
	atomic_store(&f->refused_until_ms, 0);
	atomic_store(&f->refusals, 0);
	atomic_store(&f->told, 0);
}

void relay_set_inherit(struct relay_set *set, const struct relay_set *old,
		       bool same_creds)
{
	if (old == NULL)
		return;
	atomic_store(&set->retest_ms, atomic_load(&old->retest_ms));
	for (size_t i = 0; i < set->count; i++) {
		struct relay *relay = &set->relay[i];

		for (size_t j = 0; j < old->count; j++) {
			if (!same_way(relay, &old->relay[j]))
				continue;
			facts_put(relay->facts);
			relay->facts = old->relay[j].facts;
			atomic_fetch_add(&relay->facts->refs, 1);
			break;
		}
		if (!same_creds)
			give_new_chance(relay->facts);
	}
}

void relay_set_forget(struct relay_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct relay_facts *f = set->relay[i].facts;

		give_new_chance(f);
		atomic_store(&f->failing, 0);
		atomic_store(&f->won_ms, 0);
		atomic_store(&f->keepalive_s, 0);
		atomic_store(&f->rtt_us, 0);
	}
}

/* Order */

bool relay_is_penalised(const struct relay *relay, uint64_t now_ms)
{
	return atomic_load(&relay->facts->penalty_until_ms) > now_ms;
}

bool relay_is_refused(const struct relay *relay, uint64_t now_ms)
{
	return atomic_load(&relay->facts->refused_until_ms) > now_ms;
}

struct relay *relay_set_winner(const struct relay_set *set)
{
	const struct relay *best = NULL;
	uint64_t best_ms = 0;

	for (size_t i = 0; i < set->count; i++) {
		uint64_t won = atomic_load(&set->relay[i].facts->won_ms);

		if (won > best_ms) {
			best = &set->relay[i];
			best_ms = won;
		}
	}
	return (struct relay *)best;
}

/* Behind those of an earlier or equal penalty: few of them, so by insertion. */
static size_t append_penalised(const struct relay_set *set, uint64_t now_ms,
			       struct relay *out[], size_t n, size_t max)
{
	size_t first = n;

	for (size_t i = 0; i < set->count; i++) {
		const struct relay *r = &set->relay[i];
		uint64_t until = atomic_load(&r->facts->penalty_until_ms);
		size_t at = n;

		if (until <= now_ms || relay_is_refused(r, now_ms))
			continue;
		while (at > first &&
		       atomic_load(&out[at - 1]->facts->penalty_until_ms) >
			       until) {
			if (at < max)
				out[at] = out[at - 1];
			at--;
		}
		if (at < max)
			out[at] = (struct relay *)r;
		if (n < max)
			n++;
	}
	return n;
}

size_t relay_order(const struct relay_set *set, uint64_t now_ms,
		   enum relay_order_mode mode, struct relay *out[], size_t max)
{
	struct relay *winner = NULL;
	size_t n = 0;

	if (mode == RELAY_ORDER_REMEMBERED)
		winner = relay_set_winner(set);
	if (winner != NULL && relay_is_penalised(winner, now_ms))
		winner = NULL;
	if (winner != NULL && max > 0)
		out[n++] = winner;
	for (size_t i = 0; i < set->count && n < max; i++) {
		const struct relay *r = &set->relay[i];

		if (r != winner && !relay_is_penalised(r, now_ms))
			out[n++] = (struct relay *)r;
	}
	return append_penalised(set, now_ms, out, n, max);
}

bool relay_retest_due(struct relay_set *set, uint64_t now_ms)
{
	const struct relay *winner = relay_set_winner(set);
	uint64_t last = atomic_load(&set->retest_ms);

	if (winner == NULL || winner == &set->relay[0])
		return false;
	if (last == 0) /* the winner has just been found */
		last = atomic_load(&winner->facts->won_ms);
	if (now_ms < last + RELAY_RETEST_MS)
		return false;
	atomic_store(&set->retest_ms, now_ms);
	return true;
}

/* Outcomes */

static bool is_blamed(const struct relay *r, const struct relay *failed,
		      enum relay_blame blame)
{
	if (r == failed || blame == RELAY_BLAME_PATH)
		return r == failed;
	if (strcmp(r->name, failed->name) != 0)
		return false;
	return blame == RELAY_BLAME_LOGIN || strcmp(r->host, failed->host) == 0;
}

/* The first refusal may be a passing fault of the server; a password that is
 * wrong must not be sent again and again. */
static void refuse(struct relay_facts *f, uint64_t now_ms)
{
	uint64_t hold_ms = atomic_fetch_add(&f->refusals, 1) == 0
				   ? RELAY_REFUSED_FIRST_MS
				   : RELAY_PENALTY_LOGIN_MS;

	atomic_store(&f->refused_until_ms, now_ms + hold_ms);
}

bool relay_failed(struct relay_set *set, struct relay *relay,
		  enum relay_blame blame, uint32_t cause, uint64_t now_ms)
{
	uint64_t until = now_ms + (blame == RELAY_BLAME_LOGIN
					   ? RELAY_PENALTY_LOGIN_MS
					   : RELAY_PENALTY_MS);

	for (size_t i = 0; i < set->count; i++) {
		struct relay_facts *f = set->relay[i].facts;

		if (!is_blamed(&set->relay[i], relay, blame))
			continue;
		atomic_store(&f->penalty_until_ms, until);
		if (blame == RELAY_BLAME_LOGIN)
			refuse(f, now_ms);
	}
	atomic_store(&relay->facts->failing, cause);
	if (relay->optional && blame == RELAY_BLAME_PATH &&
	    !relay_has_worked(relay))
		return false;
	return atomic_exchange(&relay->facts->told, cause) != cause;
}

bool relay_lost(struct relay *relay, uint32_t cause)
{
	atomic_store(&relay->facts->failing, cause);
	return atomic_exchange(&relay->facts->told, cause) != cause;
}

bool relay_worked(struct relay_set *set, struct relay *relay, uint64_t now_ms)
{
	(void)set;
	atomic_store(&relay->facts->penalty_until_ms, 0);
	atomic_store(&relay->facts->refused_until_ms, 0);
	atomic_store(&relay->facts->refusals, 0);
	atomic_store(&relay->facts->failing, 0);
	atomic_store(&relay->facts->won_ms, now_ms > 0 ? now_ms : 1);
	return atomic_exchange(&relay->facts->told, 0) != 0;
}

uint32_t relay_failing(const struct relay *relay)
{
	return atomic_load(&relay->facts->failing);
}

bool relay_has_worked(const struct relay *relay)
{
	return atomic_load(&relay->facts->won_ms) != 0;
}

/* What was learned */

uint32_t relay_keepalive_s(const struct relay *relay)
{
	uint32_t learned = relay_learned_keepalive_s(relay);
	uint32_t set = relay->keepalive_s ? relay->keepalive_s
					  : RELAY_KEEPALIVE_S;

	return learned != 0 && learned < set ? learned : set;
}

uint32_t relay_learned_keepalive_s(const struct relay *relay)
{
	return atomic_load(&relay->facts->keepalive_s);
}

void relay_put_keepalive(struct relay *relay, uint32_t learned_s)
{
	if (learned_s != 0 && learned_s < RELAY_KEEPALIVE_MIN_S)
		learned_s = RELAY_KEEPALIVE_MIN_S;
	if (learned_s > RELAY_KEEPALIVE_MAX_S)
		learned_s = RELAY_KEEPALIVE_MAX_S;
	atomic_store(&relay->facts->keepalive_s, learned_s);
}

static bool is_company(uint64_t other_ms, uint64_t now_ms)
{
	return other_ms != 0 && now_ms < other_ms + COMPANY_MS;
}

void relay_learn_keepalive(struct relay *relay, uint64_t idle_ms,
			   uint64_t now_ms)
{
	struct relay_facts *f = relay->facts;
	uint64_t wanted_s = idle_ms / 1500; /* two thirds */

	if (idle_ms < IDLE_MIN_MS) {
		atomic_store(&f->busy_cut_ms, now_ms);
		if (is_company(atomic_exchange(&f->learned_ms, 0), now_ms))
			relay_put_keepalive(relay, atomic_load(&f->before_s));
		return;
	}
	if (is_company(atomic_load(&f->busy_cut_ms), now_ms))
		return;
	/* Never longer again: the cut may have had another cause. */
	if (wanted_s >= relay_keepalive_s(relay))
		return;
	if (!is_company(atomic_load(&f->learned_ms), now_ms))
		atomic_store(&f->before_s, relay_learned_keepalive_s(relay));
	atomic_store(&f->learned_ms, now_ms);
	relay_put_keepalive(relay, (uint32_t)wanted_s);
}

void relay_put_mobility(struct relay_set *set, struct relay *relay,
			enum relay_mobility mobility)
{
	for (size_t i = 0; i < set->count; i++)
		if (is_blamed(&set->relay[i], relay, RELAY_BLAME_SERVER))
			atomic_store(&set->relay[i].facts->mobility, mobility);
}

enum relay_mobility relay_mobility(const struct relay *relay)
{
	return (enum relay_mobility)atomic_load(&relay->facts->mobility);
}

void relay_put_rtt(struct relay *relay, uint32_t rtt_us)
{
	atomic_store(&relay->facts->rtt_us, rtt_us);
}

uint32_t relay_rtt_us(const struct relay *relay)
{
	return atomic_load(&relay->facts->rtt_us);
}

void relay_put_cert_end(struct relay *relay, int64_t end_s)
{
	atomic_store(&relay->facts->cert_end_s, end_s);
}

int64_t relay_cert_end_s(const struct relay *relay)
{
	return atomic_load(&relay->facts->cert_end_s);
}

/* Names */

const char *relay_transport_name(enum relay_transport t)
{
	static const char *const names[] = {
		[RELAY_TRANSPORT_UDP] = "udp",
		[RELAY_TRANSPORT_DTLS] = "dtls",
		[RELAY_TRANSPORT_TCP] = "tcp",
		[RELAY_TRANSPORT_TLS] = "tls",
	};

	_Static_assert(ARRAY_SIZE(names) == RELAY_NUM_TRANSPORTS,
		       "a name for each");
	return names[t];
}

bool relay_is_datagram(const struct relay *relay)
{
	return relay->transport == RELAY_TRANSPORT_UDP ||
	       relay->transport == RELAY_TRANSPORT_DTLS;
}

bool relay_is_secure(const struct relay *relay)
{
	return relay->transport == RELAY_TRANSPORT_TLS ||
	       relay->transport == RELAY_TRANSPORT_DTLS;
}

void relay_key(const struct relay *relay, char key[RELAY_KEY_MAX + 1])
{
	snprintf(key, RELAY_KEY_MAX + 1, "%s %s %s:%u %s", relay->name,
		 relay_transport_name(relay->transport), relay->host,
		 relay->port, relay->egress != NULL ? "proxy" : "direct");
}

struct relay *relay_find(struct relay_set *set, const char *key)
{
	char own[RELAY_KEY_MAX + 1];

	for (size_t i = 0; i < set->count; i++) {
		relay_key(&set->relay[i], own);
		if (strcmp(own, key) == 0)
			return &set->relay[i];
	}
	return NULL;
}

bool relay_set_put_winner(struct relay_set *set, const char *key,
			  uint64_t now_ms)
{
	struct relay *relay = relay_find(set, key);

	if (relay != NULL)
		atomic_store(&relay->facts->won_ms, now_ms > 0 ? now_ms : 1);
	return relay != NULL;
}
