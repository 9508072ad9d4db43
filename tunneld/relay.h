/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.h - the ways to the relays, in order of preference; one immutable set,
 * shared by reference count and replaced whole on a reload
 *
 * A candidate (struct relay) is one way to one server: a transport, a host and
 * port, directly or through the proxy. What threads learn about it is shared
 * with the sets that come later (relay_set_inherit()).
 */
#ifndef RELAY_H
#define RELAY_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct creds;
struct egress;
struct tls_ctx;

/* How long a way that failed is passed over while another is there. */
#define RELAY_PENALTY_MS 30000
/* … and one whose server does not take the credentials. */
#define RELAY_PENALTY_LOGIN_MS 60000
/* Credentials that a relay has refused are not sent to it for so long, and the
 * second time for RELAY_PENALTY_LOGIN_MS. */
#define RELAY_REFUSED_FIRST_MS 5000
/* How often a way that is preferred to the one in use is due again. */
#define RELAY_RETEST_MS (10 * 60 * 1000)
/* Keep-alive: no proxy cuts earlier by itself (px: 30 s), and none is worth
 * more than this many packets. */
#define RELAY_KEEPALIVE_S     20
#define RELAY_KEEPALIVE_MIN_S 2
#define RELAY_KEEPALIVE_MAX_S 25
#define RELAY_WARM_MAX        8

#define RELAY_NAME_MAX 63
/* NAME, transport, host, port, direct or proxy */
#define RELAY_KEY_MAX (RELAY_NAME_MAX + CONTROL_NAME_MAX + 32)

enum relay_transport {
	RELAY_TRANSPORT_UDP = 0,
	RELAY_TRANSPORT_DTLS,
	RELAY_TRANSPORT_TCP,
	RELAY_TRANSPORT_TLS,
	RELAY_NUM_TRANSPORTS,
};

enum relay_mobility {
	RELAY_MOBILITY_UNKNOWN = 0,
	RELAY_MOBILITY_NO,
	RELAY_MOBILITY_YES,
};

/* What a failure says about */
enum relay_blame {
	RELAY_BLAME_PATH = 0, /* this candidate */
	RELAY_BLAME_SERVER,   /* every candidate of this name and host */
	RELAY_BLAME_LOGIN, /* every candidate of this name: its credentials */
};

enum relay_order_mode {
	RELAY_ORDER_REMEMBERED = 0, /* the last winner first */
	RELAY_ORDER_RETEST,         /* as preferred, to find a better way */
};

struct relay_facts; /* what was learned; atomics, shared between sets */

struct relay {
	char name[RELAY_NAME_MAX + 1];   /* of [relay NAME]; all its ways' */
	char host[CONTROL_NAME_MAX + 1]; /* to connect to */
	uint16_t port;
	/* what the certificate must be for; empty: `host` (RFC 5928, 5: the
	 * target of an SRV record is found under the URI's host) */
	char tls_name[CONTROL_NAME_MAX + 1];
	enum relay_transport transport;
	struct tls_ctx *tls;   /* of TLS and DTLS */
	struct creds *creds;   /* own reference */
	struct egress *egress; /* NULL: directly */
	/* A mere chance beside a way that the configuration means (direct when
	 * it goes through the proxy, UDP beside TCP): that it fails is no
	 * news unless it has worked before. */
	bool optional;
	bool no_redirect;          /* 300 is not followed */
	bool no_mobility;          /* no ticket is asked for */
	uint8_t warm;              /* allocations to keep ready */
	uint8_t keepalive_s;       /* configured; 0: RELAY_KEEPALIVE_S */
	struct relay_facts *facts; /* private */
};

struct relay_set {
	_Atomic uint32_t refs;
	_Atomic uint64_t retest_ms;
	size_t count;
	struct relay relay[];
};

/* A set of `count` zeroed relays, one reference; the caller fills them in and
 * thereby gives each `tls`, `creds` and `proxy` to the set. */
struct relay_set *relay_set_new(size_t count) MUST_CHECK;
struct relay_set *relay_set_get(struct relay_set *set);
void relay_set_put(struct relay_set *set);
/* Before `set` is published: candidates that `old` has too (same key) share
 * what was learned about them, from now on both ways. `same_creds`: penalties
 * too; else (a reload) every way gets a new chance. `old` may be NULL. */
void relay_set_inherit(struct relay_set *set, const struct relay_set *old,
		       bool same_creds);
/* Another network: nothing is known of any way any more, but what the servers
 * themselves can do. */
void relay_set_forget(struct relay_set *set);

/* The candidates to try, one after another: the last winner (unless RETEST),
 * then as configured, and those under penalty behind, the one that is due
 * first first; none that has just refused the credentials. Borrowed from the
 * set. Returns how many, at most `max`. */
size_t relay_order(const struct relay_set *set, uint64_t now_ms,
		   enum relay_order_mode mode, struct relay *out[], size_t max);
/* True at most every RELAY_RETEST_MS and only when another way is in use than
 * the one preferred: the next race that nobody waits for should be in RETEST
 * order. */
bool relay_retest_due(struct relay_set *set, uint64_t now_ms);
/* Has it refused the credentials, and is it too early to ask again? */
bool relay_is_refused(const struct relay *relay, uint64_t now_ms);
/* Under penalty at this time? */
bool relay_is_penalised(const struct relay *relay, uint64_t now_ms);

/* Note the outcome of an attempt; `relay` is of `set`. True when it is news
 * (worth a log line): a failure for another cause than the last (`cause` is
 * not 0), or the first success after a failure that was news. */
bool relay_failed(struct relay_set *set, struct relay *relay,
		  enum relay_blame blame, uint32_t cause,
		  uint64_t now_ms) MUST_CHECK;
/* A connection that had worked has come to an end: no penalty, for the next
 * attempt will tell. True: news. */
bool relay_lost(struct relay *relay, uint32_t cause) MUST_CHECK;
bool relay_worked(struct relay_set *set, struct relay *relay,
		  uint64_t now_ms) MUST_CHECK;
/* The cause of the last attempt's failure; 0: none, or not tried. */
uint32_t relay_failing(const struct relay *relay);
bool relay_has_worked(const struct relay *relay);

/* A connection on this way was cut after `idle_ms` of silence: speak more
 * often, unless one that was in use (less than 3 s) is cut with it. */
void relay_learn_keepalive(struct relay *relay, uint64_t idle_ms,
			   uint64_t now_ms);
/* What was remembered of it (0: nothing). */
void relay_put_keepalive(struct relay *relay, uint32_t learned_s);
uint32_t relay_learned_keepalive_s(const struct relay *relay); /* or 0 */
uint32_t relay_keepalive_s(const struct relay *relay);         /* to be used */

void relay_put_mobility(struct relay_set *set, struct relay *relay,
			enum relay_mobility mobility); /* of the server */
enum relay_mobility relay_mobility(const struct relay *relay);
void relay_put_rtt(struct relay *relay, uint32_t rtt_us);
uint32_t relay_rtt_us(const struct relay *relay); /* 0: not known */
/* When the certificate that it showed last ends, in seconds since 1970; 0: not
 * known. */
void relay_put_cert_end(struct relay *relay, int64_t end_s);
int64_t relay_cert_end_s(const struct relay *relay);

/* "NAME udp relay.example:3478 direct": the same at every start */
void relay_key(const struct relay *relay, char key[RELAY_KEY_MAX + 1]);
struct relay *relay_find(struct relay_set *set, const char *key);
/* The way that worked last; NULL: none yet. */
struct relay *relay_set_winner(const struct relay_set *set);
/* What an earlier run has found. False: no such candidate. */
bool relay_set_put_winner(struct relay_set *set, const char *key,
			  uint64_t now_ms);

const char *relay_transport_name(enum relay_transport t); /* "dtls" */
bool relay_is_datagram(const struct relay *relay);        /* UDP, DTLS */
bool relay_is_secure(const struct relay *relay);          /* DTLS, TLS */

#endif
