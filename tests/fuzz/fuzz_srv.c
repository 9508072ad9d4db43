/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_srv.c - any bytes as a name server's answer
 *
 * What comes out is within its bounds, and sorting loses nothing.
 */
#include <config.h>

#include "../../tunneld/hostname.h"
#include "../../tunneld/srv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_name(const char *name)
{
	char again[CONTROL_NAME_MAX + 1];

	if (name[0] != '\0' &&
	    (!hostname_normalise(name, again) || strcmp(name, again) != 0))
		abort();
}

static void check_srv(const uint8_t *data, size_t bytes)
{
	struct srv_record record[SRV_MAX];
	uint32_t ttl_s = 0, before = 0, after = 0;
	int n = srv_parse(data, bytes, record, &ttl_s);

	if (n > SRV_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		check_name(record[i].target);
		before += record[i].port;
	}
	if (n <= 0)
		return;
	srv_sort(record, (size_t)n, data[0]);
	for (int i = 0; i < n; i++) {
		after += record[i].port;
		if (i > 0 && record[i].priority < record[i - 1].priority)
			abort();
	}
	if (before != after)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct srv_naptr naptr[SRV_MAX];
	uint32_t ttl_s;
	int n;

	check_srv(data, bytes);
	n = srv_parse_naptr(data, bytes, naptr, &ttl_s);
	if (n > SRV_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		check_name(naptr[i].replacement);
		if (naptr[i].flag != 's' && naptr[i].flag != 'a' &&
		    naptr[i].flag != '\0')
			abort();
		if (strlen(naptr[i].services) >= sizeof(naptr[i].services))
			abort();
	}
	if (n > 0)
		srv_sort_naptr(naptr, (size_t)n);
	return 0;
}
