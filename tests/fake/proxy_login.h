/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_login.h - how a proxy makes its clients log in: challenges, and
 * whether what comes is right
 */
#ifndef FAKE_PROXY_LOGIN_H
#define FAKE_PROXY_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

/* As bits. */
enum proxy_login_way {
	PROXY_LOGIN_BASIC = 1,
	PROXY_LOGIN_MD5 = 2, /* Digest */
	PROXY_LOGIN_SHA256 = 4,
	PROXY_LOGIN_NTLM = 8,
	PROXY_LOGIN_NEGOTIATE = 16, /* takes no token at all */
	PROXY_LOGIN_BEARER = 32,    /* what nobody knows */
	PROXY_LOGIN_NOTHING = 64,   /* 407, and no word about how */
};

struct proxy_login_opts {
	const char *login; /* "user:password"; NULL: everybody may */
	unsigned int ways; /* 0: Basic */
	bool one_line;     /* all challenges in one field */
	bool http10;
	bool close;      /* after each 407 */
	bool ntlm_wrong; /* refuses whatever the third message says */
	bool stale_once; /* the first nonce is too old */
	bool always_stale;
};

/* What one connection has been through. */
struct proxy_login_state {
	unsigned int nonce; /* Digest: how many were given out */
	bool ntlm_second;   /* the second message was sent */
};

/* False: `answer` is the 407 to say. */
bool proxy_login_check(const struct proxy_login_opts *opts,
		       struct proxy_login_state *state, const char *request,
		       char *answer, size_t max);
/* Does the request hold something that a password can be judged by? */
bool proxy_login_is_sent(const char *request);

#endif
