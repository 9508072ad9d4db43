/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_challenge.h - what a proxy's 407 says about how to log in */
#ifndef PROXY_CHALLENGE_H
#define PROXY_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_REALM_MAX 63

struct proxy_challenge {
	uint8_t offered; /* enum proxy_scheme, as bits */
	bool other;      /* a scheme that we do not know */
	bool stale;      /* Digest: the nonce was too old, not the login bad */
	char realm[PROXY_REALM_MAX + 1]; /* the first; printable; "": none */
};

/* One Proxy-Authenticate field (its value, `len` bytes, from the network) more;
 * `c` starts zeroed. */
void proxy_challenge_add(struct proxy_challenge *c, const char *value,
			 size_t len);

#endif
