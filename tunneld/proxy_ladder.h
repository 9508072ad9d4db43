/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_ladder.h - which way to log in at a proxy: one after the other, until
 * it lets us through
 *
 * Knows what may be tried and what came of it; how a request is made is the
 * caller's business. Blocks, for pool threads only.
 */
#ifndef PROXY_LADDER_H
#define PROXY_LADDER_H

#include "proxy.h"
#include "proxy_challenge.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct proxy_auth;
struct proxy_login_text;

enum proxy_try_end {
	PROXY_TRY_OTHER = 0, /* nothing about logins: its own result counts */
	PROXY_TRY_PASSED,    /* the proxy is content with who we are */
	PROXY_TRY_407,
	PROXY_TRY_STUCK, /* the library that makes tokens is */
	PROXY_TRY_NUM_ENDS,
};

/* One attempt, on a connection of its own. */
struct proxy_try {
	enum proxy_scheme scheme;
	const struct proxy_login_text *login; /* NULL where it needs none */
	uint64_t deadline_ms;
	/* what came of it */
	enum proxy_try_end end;
	struct proxy_challenge asked; /* 407 */
	bool auth_sent;               /* there was something to log in with */
	bool login_sent;              /* the password has gone out */
	char ticket[96];              /* Kerberos: why there is no ticket */
	char words[120];              /* 407: its status line */
};
typedef void(proxy_try_fn)(void *arg, struct proxy_try *t);

#define PROXY_LADDER_WORDS_MAX 400
/* Among the words where it was so. */
#define PROXY_LADDER_TICKET_REFUSED "the proxy did not take the Kerberos ticket"

struct proxy_ladder {
	struct proxy_auth *auth;
	const struct proxy *proxy;
	uint64_t deadline_ms;
	struct cancel *cancel;
	proxy_try_fn *attempt;
	void *arg;
	/* what came of it */
	char words[PROXY_LADDER_WORDS_MAX];
};

/* 0: what the last attempt came to counts. Otherwise `words` say why:
 * -EACCES: there is no way to log in (407, or it was not even asked);
 * -ETIME: Kerberos did not answer; -ETIMEDOUT, -ECANCELED, -ENOMEM. */
int proxy_ladder_climb(struct proxy_ladder *l) MUST_CHECK;

#endif
