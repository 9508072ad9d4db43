/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_auth.h - which proxy passwords may be sent: one that a proxy has
 * refused is not sent to it again
 */
#ifndef PROXY_AUTH_H
#define PROXY_AUTH_H

#include "proxy.h"
#include "proxy_challenge.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct proxy_auth;
struct proxy_seen;

struct proxy_login {
	const char *host;
	uint16_t port;
	const char *username;
	const char *password;
};

enum proxy_auth_outcome {
	PROXY_AUTH_UNKNOWN = 0, /* the proxy said nothing about it */
	PROXY_AUTH_ACCEPTED,
	PROXY_AUTH_REFUSED, /* 407 */
};

struct proxy_auth *proxy_auth_new(void) MUST_CHECK;
void proxy_auth_free(struct proxy_auth *a);
/* What is found out is shared with the user's other processes, and kept over
 * restarts, in the file at `path`; before the first login is used. */
int proxy_auth_keep(struct proxy_auth *a, const char *path) MUST_CHECK;

/* What the proxies have shown; lives as long. */
struct proxy_seen *proxy_auth_seen(struct proxy_auth *a);
/* The scheme and the realm that worked last; false: nothing is known. */
bool proxy_auth_remembered(struct proxy_auth *a, const struct proxy *p,
			   enum proxy_scheme *scheme,
			   char realm[PROXY_REALM_MAX + 1]);

/* What there is to say about one proxy and the login for it: nothing of whose
 * it is. */
struct proxy_auth_facts {
	bool known; /* it has let somebody through, by `scheme` */
	enum proxy_scheme scheme;
	char realm[PROXY_REALM_MAX + 1]; /* as the proxy says it; or empty */
	const char *login; /* "unused", "untried", "accepted", "refused" */
	int64_t refused_s; /* since 1970; 0: it was not */
};
void proxy_auth_look(struct proxy_auth *a, const struct proxy *p,
		     struct proxy_auth_facts *out);
/* For people, the same. */
#define PROXY_AUTH_WORDS_MAX 192
void proxy_auth_describe(struct proxy_auth *a, const struct proxy *p,
			 char out[PROXY_AUTH_WORDS_MAX]);

/* Has it refused the login that was used there last? */
bool proxy_auth_is_locked_out(struct proxy_auth *a, const struct proxy *p);

/* Was this login refused before? */
bool proxy_auth_is_refused(struct proxy_auth *a,
			   const struct proxy_login *login);
/* When: seconds since 1970; 0: it was not. */
int64_t proxy_auth_refused_since_s(struct proxy_auth *a,
				   const struct proxy_login *login);
/* This is the login that is at hand for the proxy: one that is new may be tried
 * even where the budget of 407s is used up. */
void proxy_auth_have(struct proxy_auth *a, const struct proxy *p,
		     const struct proxy_login *login);
/* May this login be sent now? 0: yes, and proxy_auth_end() follows.
 * -EACCES: it was refused before. -ETIMEDOUT, -ECANCELED, -ENOMEM. Blocks when
 * somebody else is just finding out, in this process or another. */
int proxy_auth_begin(struct proxy_auth *a, const struct proxy_login *login,
		     uint64_t deadline_ms, struct cancel *cancel) MUST_CHECK;
void proxy_auth_end(struct proxy_auth *a, const struct proxy_login *login,
		    enum proxy_auth_outcome outcome);
/* Somebody says that the same passwords are right now: all that were refused
 * may be sent once more. How many; or -errno: the file could not be written. */
int proxy_auth_retry(struct proxy_auth *a) MUST_CHECK;

#endif
