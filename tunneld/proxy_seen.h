/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_seen.h - what each proxy has shown: the scheme that worked, what it
 * offers, and how many 407s it may still be made to say
 */
#ifndef PROXY_SEEN_H
#define PROXY_SEEN_H

#include "proxy.h"
#include "proxy_challenge.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct proxy_seen;

/* 407s in a row, and how soon one more is allowed. */
#define PROXY_SEEN_BUDGET    10
#define PROXY_SEEN_REFILL_MS 6000

struct proxy_seen *proxy_seen_new(void) MUST_CHECK;
void proxy_seen_free(struct proxy_seen *s);

/* The scheme that worked last, in the realm if one is given (NULL: in any);
 * PROXY_SCHEME_NONE: no login was needed. False: nothing is known. `realm_out`
 * may be NULL. */
bool proxy_seen_scheme(struct proxy_seen *s, const struct proxy *p,
		       const char *realm, enum proxy_scheme *scheme,
		       char realm_out[PROXY_REALM_MAX + 1]);
void proxy_seen_worked(struct proxy_seen *s, const struct proxy *p,
		       enum proxy_scheme scheme, const char *realm);
void proxy_seen_failed(struct proxy_seen *s, const struct proxy *p,
		       enum proxy_scheme scheme);

/* What a 407 of the last minute has offered; false: nothing. */
bool proxy_seen_offer(struct proxy_seen *s, const struct proxy *p,
		      struct proxy_challenge *out);
void proxy_seen_offered(struct proxy_seen *s, const struct proxy *p,
			const struct proxy_challenge *c);

/* Another login than before is worth another try: the budget is full again.
 * `login` is a fingerprint of it. */
void proxy_seen_login(struct proxy_seen *s, const struct proxy *p,
		      uint64_t login);

uint64_t proxy_seen_last_login(struct proxy_seen *s, const struct proxy *p);
/* Somebody says that it is worth a try: all budgets are full again. */
void proxy_seen_forgive(struct proxy_seen *s);

/* The proxy is about to be contacted: 0, and proxy_seen_leave() follows.
 * -EBUSY: it has said 407 too often. Until it has let somebody through, no more
 * dials are under way at once than it may refuse: then it waits a little.
 * -ECANCELED, -ETIMEDOUT, -ENOMEM. */
int proxy_seen_enter(struct proxy_seen *s, const struct proxy *p,
		     uint64_t deadline_ms, struct cancel *cancel) MUST_CHECK;

enum proxy_seen_end {
	PROXY_SEEN_UNKNOWN = 0, /* it said nothing about logins */
	PROXY_SEEN_PASSED,
	PROXY_SEEN_407,
};
void proxy_seen_leave(struct proxy_seen *s, const struct proxy *p,
		      enum proxy_seen_end end);

#endif
