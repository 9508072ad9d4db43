/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_network.c - any bytes as what the kernel tells of links, addresses and
 * routes
 *
 * What was read is summed up the same way twice, and addresses are addresses.
 */
#include <config.h>

#include "../../tunneld/network.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct network *n = network_new(NULL);
	struct endpoint *list;
	size_t count;
	int err;

	if (n == NULL)
		return 0;
	err = network_read(n, data, bytes, 0);
	if (err > 1)
		abort();
	(void)network_news(n, data, bytes);
	if (network_fingerprint(n) != network_fingerprint(n) ||
	    network_digest(n) != network_digest(n))
		abort();
	list = network_addresses(n, &count);
	for (size_t i = 0; list != NULL && i < count; i++) {
		if ((list[i].family != ENDPOINT_IPV4 &&
		     list[i].family != ENDPOINT_IPV6) ||
		    list[i].port_be != 0)
			abort();
	}
	free(list);
	network_free(n);
	return 0;
}
