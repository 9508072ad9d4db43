/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz_creds_json.c - what a service or a command says about credentials */
#include <config.h>

#include "../../tunneld/creds_json.h"
#include "../../tunneld/creds_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct creds_served s;
	const char *words = NULL;
	int rc = creds_json_parse_any((const char *)data, size, &s, &words);

	if (rc == 0 && (s.username[0] == '\0' || s.ttl_s < 0 ||
			strlen(s.username) > CREDS_USERNAME_MAX ||
			strlen(s.password) > CREDS_PASSWORD_MAX ||
			s.uri_count > CREDS_URIS_MAX))
		abort();
	if (rc != 0 && (words == NULL || s.username[0] != '\0'))
		abort();
	for (size_t i = 0; rc == 0 && i < s.uri_count; i++)
		if (strncasecmp(s.uri[i], "turn", 4) != 0)
			abort();
	return 0;
}
