/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz_proxy_challenge.c - any bytes as a proxy's Proxy-Authenticate */
#include <config.h>

#include "../../tunneld/proxy_challenge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct proxy_challenge c = { .offered = 0 };
	size_t len;

	proxy_challenge_add(&c, (const char *)data, bytes);
	proxy_challenge_add(&c, (const char *)data, bytes);
	len = strnlen(c.realm, sizeof(c.realm));
	if (len == sizeof(c.realm) || c.offered > 15)
		abort();
	for (size_t i = 0; i < len; i++)
		if (c.realm[i] < ' ' || c.realm[i] > '~')
			abort();
	return 0;
}
