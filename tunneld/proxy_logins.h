/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_logins.h - the logins that proxies have judged: a table, and the file
 * that all processes of one user share
 *
 * Not thread-safe: proxy_auth.c locks. Blocks as files do.
 */
#ifndef PROXY_LOGINS_H
#define PROXY_LOGINS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct proxy_login;
struct proxy_logins;

#define PROXY_LOGINS_MAX  64
#define PROXY_LOGIN_BYTES 32 /* SHA-256 */

enum proxy_login_state {
	PROXY_LOGIN_UNTRIED = 0,
	PROXY_LOGIN_ACCEPTED,
	PROXY_LOGIN_REFUSED,
	PROXY_LOGIN_NUM_STATES,
};

struct proxy_login_known {
	unsigned char hash[PROXY_LOGIN_BYTES];
	bool used; /* false: a free place */
	bool kept; /* in the file, too */
	enum proxy_login_state state;
	int64_t since_s; /* of the state: seconds since 1970 */
	uint64_t seen;   /* for the choice of what to forget */
	/* proxy_auth.c's own */
	bool trying;             /* one dial is finding out; not forgotten */
	uint64_t trial_until_ms; /* 0: nobody tries it anew */
	uint64_t proven_ms;      /* accepted last; 0: not by us */
};

struct proxy_logins *proxy_logins_new(void) MUST_CHECK;
void proxy_logins_free(struct proxy_logins *l);

/* From now on, keep them in the file at `path`, which is made (with the
 * directories above it) at the first proxy_logins_refresh(). When it cannot be
 * read or written, nothing is kept, but until the end. */
int proxy_logins_keep(struct proxy_logins *l, const char *path) MUST_CHECK;
/* What others have written since is taken in: entries may have moved. */
void proxy_logins_refresh(struct proxy_logins *l);

/* The entry of a login; a new one is untried. NULL: no memory, or no place. */
struct proxy_login_known *proxy_logins_find(struct proxy_logins *l,
					    const struct proxy_login *login,
					    bool make);
/* Tells logins apart, and nothing else about them; 0: it cannot. */
uint64_t proxy_logins_fingerprint(const struct proxy_logins *l,
				  const struct proxy_login *login);
/* As it was known last; the file is not looked at. */
bool proxy_logins_state(const struct proxy_logins *l, uint64_t fingerprint,
			enum proxy_login_state *state, int64_t *since_s);
/* Sets and writes down, unless it was refused; entries may have moved then. */
void proxy_logins_put(struct proxy_logins *l, const struct proxy_login *login,
		      enum proxy_login_state state, int64_t now_s);
/* All that were refused are untried again. How many; or -errno: the file still
 * says that they were refused. */
int proxy_logins_forgive(struct proxy_logins *l) MUST_CHECK;

/* Only one process may try an untried login: 0, or -EAGAIN while another one
 * does. The kernel unlocks for a process that ends. */
int proxy_logins_lock(struct proxy_logins *l,
		      const struct proxy_login_known *k) MUST_CHECK;
void proxy_logins_unlock(struct proxy_logins *l,
			 const struct proxy_login_known *k);

#endif
