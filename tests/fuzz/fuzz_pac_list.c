/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_pac_list.c - any bytes as a list of proxies
 *
 * What comes out is within its bounds, and names only what can be dialed.
 */
#include <config.h>

#include "../../tunneld/hostname.h"
#include "../../tunneld/pac_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_hop(const struct pac_hop *hop)
{
	char again[CONTROL_NAME_MAX + 1];
	struct in6_addr ip;

	if (hop->kind == PAC_HOP_DIRECT)
		return;
	if (hop->kind >= PAC_NUM_HOP_KINDS || hop->port == 0)
		abort();
	if (hostname_normalise(hop->host, again) &&
	    strcmp(hop->host, again) == 0)
		return;
	if (inet_pton(AF_INET, hop->host, &ip) != 1 &&
	    inet_pton(AF_INET6, hop->host, &ip) != 1)
		abort();
}

static void check(int rc, const struct pac_list *list)
{
	if ((rc == 0) != (list->count > 0) || list->count > PAC_HOPS_MAX)
		abort();
	if (memchr(list->first_skipped, '\0', sizeof(list->first_skipped)) ==
	    NULL)
		abort();
	for (size_t i = 0; i < list->count; i++)
		check_hop(&list->hop[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct pac_list list;
	char *text = malloc(bytes + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	check(pac_list_parse(text, &list), &list);
	check(pac_list_parse_urls(text, &list), &list);
	free(text);
	return 0;
}
