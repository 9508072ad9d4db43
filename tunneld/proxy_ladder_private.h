/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_ladder_private.h - for proxy_ladder*.c alone */
#ifndef PROXY_LADDER_PRIVATE_H
#define PROXY_LADDER_PRIVATE_H

#include "proxy_auth.h"
#include "proxy_creds.h"
#include "proxy_ladder.h"

#define PASSWORD_SCHEMES \
	(PROXY_SCHEME_NTLM | PROXY_SCHEME_DIGEST | PROXY_SCHEME_BASIC)

/* A step: it is over (see `result`), or the next one may be tried. */
enum step {
	STEP_END = 0,
	STEP_NEXT,
};

struct climb {
	struct proxy_ladder *l;
	int result; /* as proxy_ladder_climb() */
	struct proxy_try try;
	bool contacted;
	uint8_t tried;                /* schemes */
	struct proxy_challenge asked; /* by the last 407 */
	bool has_login, no_login;     /* asked for: there is one, or none */
	bool unfit; /* the login, for the scheme that was prepared last */
	bool stuck;
	struct proxy_login_text text;
	struct proxy_login login;
	char notes[PROXY_LADDER_WORDS_MAX];
};

/* Why a rung failed, for people. */
void proxy_ladder_note(struct climb *c, enum proxy_scheme scheme,
		       const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Always STEP_END, so that a step can end by it. */
enum step proxy_ladder_end(struct climb *c, int result, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* STEP_END: the proxy must not be asked now. */
enum step proxy_ladder_enter(struct climb *c) MUST_CHECK;

/* Was the login at hand refused before? Then there is no need to trouble the
 * proxy. */
bool proxy_ladder_is_hopeless(struct climb *c);
/* The password may go out, and the proxy may be asked; or it is noted why not
 * (`no_login`, `unfit`). proxy_ladder_judge_login() follows. */
enum step proxy_ladder_prepare(struct climb *c,
			       enum proxy_scheme scheme) MUST_CHECK;
/* By what came of `try`. */
void proxy_ladder_judge_login(struct climb *c);

#endif
