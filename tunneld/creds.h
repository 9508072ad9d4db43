/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds.h - where a relay's username and password come from: the
 * configuration, or a shared secret (draft-uberti-behave-turn-rest-00, 2.2)
 */
#ifndef CREDS_H
#define CREDS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <time.h>

#define CREDS_USERNAME_MAX 508 /* RFC 8489, 14.3 */
#define CREDS_PASSWORD_MAX 511
/* How long REST credentials are good for. Only new allocations need them, so
 * this is how wrong the two clocks may be, too. */
#define CREDS_LIFETIME_S (12 * 3600)

enum creds_kind {
	CREDS_STATIC = 0,
	CREDS_REST, /* `secret` makes a password for a few hours */
};

/* Immutable after creds_init(), so that threads may share it. */
struct creds {
	enum creds_kind kind;
	char *username; /* REST: the id behind the time, may be empty */
	char *secret;   /* password, or shared secret */
};

struct creds_pair {
	char username[CREDS_USERNAME_MAX + 1];
	char password[CREDS_PASSWORD_MAX + 1];
	time_t expires; /* 0: never */
};

/* Copies. 0, -ENOMEM, or -EINVAL: a name or secret missing or too long. */
int creds_init(struct creds *c, enum creds_kind kind, const char *username,
	       const char *secret) MUST_CHECK;
void creds_fini(struct creds *c); /* wipes */

/* `now`: of the wall clock. 0, or -EIO when OpenSSL fails; then `out` is
 * empty. The caller wipes it. */
int creds_make(const struct creds *c, time_t now,
	       struct creds_pair *out) MUST_CHECK;
void creds_pair_wipe(struct creds_pair *pair);

#endif
