/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz_addr.c - any text is an address or is not; what is one survives being
 * written and read again */
#include <config.h>

#include "../../tunneld/addr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256], host[64], again[ADDR_TEXT_MAX];
	struct endpoint e, f;
	uint16_t port = 1;
	uint8_t bits;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (addr_parse_ip(text, &e) &&
	    (!addr_parse_ip(addr_format_ip(&e, again), &f) ||
	     !endpoint_equal(&e, &f)))
		abort();
	if (addr_parse_prefix(text, &e, &bits) && !addr_in_prefix(&e, &e, bits))
		abort();
	if (addr_split_host_port(text, host, sizeof(host), &port) &&
	    (port == 0 || host[0] == '\0' || strlen(host) >= sizeof(host)))
		abort();
	return 0;
}
