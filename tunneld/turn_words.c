/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_words.c - what a STUN error code means */
#include <config.h>

#include "turn_words.h"

#include <turnout/compiler.h>

#include <stddef.h>

struct meaning {
	unsigned int code;
	enum turn_blame blame;
	const char *before; /* an allocation was given */
	const char *after;  /* NULL: the same */
};

static const struct meaning meanings[] = {
	{ 300, TURN_BLAME_REDIRECT, "the relay sends clients to another server",
	  NULL },
	{ 400, TURN_BLAME_SERVER, "the relay takes the request for malformed",
	  NULL },
	{ 401, TURN_BLAME_LOGIN, "the relay refuses this username or password",
	  "the relay does not accept the credentials any more" },
	{ 403, TURN_BLAME_SERVER, "the relay forbids this user to relay",
	  NULL },
	{ 405, TURN_BLAME_SERVER, "the relay forbids mobility", NULL },
	{ 420, TURN_BLAME_SERVER,
	  "the relay does not know an attribute that it must", NULL },
	{ 437, TURN_BLAME_ALLOCATION,
	  "the relay still holds an older allocation of this connection",
	  "the relay has lost the allocation" },
	{ 438, TURN_BLAME_SERVER,
	  "the relay calls each of its own nonces stale", NULL },
	{ 440, TURN_BLAME_SERVER,
	  "the relay has no address of the family asked for", NULL },
	{ 441, TURN_BLAME_LOGIN,
	  "the relay wants the credentials that the connection began with",
	  NULL },
	{ 442, TURN_BLAME_SERVER, "the relay does not relay UDP", NULL },
	{ 443, TURN_BLAME_SERVER,
	  "the relay has no address of the peer's family", NULL },
	{ 486, TURN_BLAME_SERVER, "this user's quota of allocations is used up",
	  NULL },
	{ 500, TURN_BLAME_SERVER, "the relay has an internal error", NULL },
	{ 508, TURN_BLAME_SERVER, "the relay has no port left", NULL },
};

static const struct meaning *find(unsigned int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (meanings[i].code == code)
			return &meanings[i];
	}
	return NULL;
}

const char *turn_words(unsigned int code, bool allocated)
{
	const struct meaning *m = find(code);

	if (m == NULL)
		return "the relay refuses";
	return allocated && m->after != NULL ? m->after : m->before;
}

enum turn_blame turn_words_blame(unsigned int code)
{
	const struct meaning *m = find(code);

	return m != NULL ? m->blame : TURN_BLAME_SERVER;
}
