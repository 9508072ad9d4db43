/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_words.c - what a STUN error code means to the person who reads the log
 */
#include <config.h>

#include "turn_words.h"

#include <turnout/compiler.h>

#include <stddef.h>

static const struct {
	unsigned int code;
	const char *before; /* an allocation was given */
	const char *after;  /* NULL: the same */
} words[] = {
	{ 300, "the relay sends clients to another server", NULL },
	{ 400, "the relay takes the request for malformed", NULL },
	{ 401, "the relay refuses this username or password",
	  "the relay does not accept the credentials any more" },
	{ 403, "the relay forbids this user to relay", NULL },
	{ 420, "the relay does not know an attribute that it must", NULL },
	{ 437, "the relay still holds an older allocation of this connection",
	  "the relay has lost the allocation" },
	{ 438, "the relay calls each of its own nonces stale", NULL },
	{ 440, "the relay has no address of the family asked for", NULL },
	{ 441, "the relay wants the credentials that the connection began with",
	  NULL },
	{ 442, "the relay does not relay UDP", NULL },
	{ 486, "this user's quota of allocations is used up", NULL },
	{ 500, "the relay has an internal error", NULL },
	{ 508, "the relay has no port left", NULL },
};

const char *turn_words(unsigned int code, bool allocated)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].code != code)
			continue;
		return allocated && words[i].after != NULL ? words[i].after
							   : words[i].before;
	}
	return "the relay refuses";
}
