/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_explain.c - any text as a destination to explain, and as a JSON string
 *
 * What is a destination has a host and a port, and is the same one when it is
 * written as these. What is printed is one line of printable characters.
 */
#include <config.h>

#include "../../tunneld/explain_target.h"
#include "../../tunneld/json_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const char *text)
{
	struct explain_target t, again;
	char words[160] = "", written[CONTROL_NAME_MAX + 32];
	bool brackets;

	if (explain_target_parse(text, &t, words, sizeof(words)) < 0) {
		if (words[0] == '\0')
			abort();
		return;
	}
	brackets = t.ip.family == ENDPOINT_IPV6;
	if (t.host[0] == '\0' || t.port == 0)
		abort();
	snprintf(written, sizeof(written), "%s://%s%s%s:%u",
		 t.protocol == POLICY_UDP ? "udp" : "tcp", brackets ? "[" : "",
		 t.host, brackets ? "]" : "", t.port);
	if (explain_target_parse(written, &again, words, sizeof(words)) < 0 ||
	    again.port != t.port || again.protocol != t.protocol ||
	    strcmp(again.host, t.host) != 0)
		abort();
}

static void check_json(const char *text)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&out, &bytes);

	if (to == NULL)
		return;
	json_text_put(to, text);
	fclose(to);
	if (bytes < 2 || out[0] != '"' || out[bytes - 1] != '"')
		abort();
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)out[i] < 0x20)
			abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512]; /* as struct control_explain has it */

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_target(text);
	check_json(text);
	return 0;
}
