/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules_no_proxy.c - entries of no_proxy as rules
 *
 * Turns one entry into the direct rule that it means. There is no standard;
 * whatever any of libcurl, wget, Go, Java and Chromium takes is taken:
 *
 *	HOST .HOST *.HOST	the host and what is below it
 *	GLOB			names, as in *voip* or host-?.example
 *	IP CIDR [IPV6]		addresses, whatever the bits behind the prefix
 *	10.* 10.1.*.*		networks, as old lists write them
 *	*			everything
 *	<local>			names of one label
 *	<-loopback>		nothing: loopback never takes the proxy here
 *
 * each but the last two with :PORT or without, and behind SCHEME:// for the
 * port of that scheme. Names match names and networks match addresses: nobody
 * looks a name up for it.
 */
#include <config.h>

#include "rules_private.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRY_MAX 300 /* a name of 255 bytes, scheme, brackets and ports */

/* `10.*`, `10.1.*`, `10.*.*.*`, which end at `end`. */
static bool parse_octets(const char *text, const char *end, struct rule *rule)
{
	unsigned int octets = 0;
	uint8_t ip[4] = { 0 };

	while (*text >= '0' && *text <= '9' && octets < 3) {
		char *dot;
		unsigned long n = strtoul(text, &dot, 10);

		if (*dot != '.' || n > 255 || dot - text > 3)
			return false;
		ip[octets++] = (uint8_t)n;
		text = dot + 1;
	}
	if (octets == 0 || *text++ != '*')
		return false;
	for (unsigned int i = octets; strncmp(text, ".*", 2) == 0 && i < 3; i++)
		text += 2;
	if (text != end)
		return false;
	rule->ip.family = ENDPOINT_IPV4;
	memcpy(rule->ip.ip, ip, sizeof(ip));
	rule->prefix_bits = (uint8_t)(octets * 8);
	return true;
}

/* The default port of a scheme in front, which is cut off; 0: there is none.
 */
static int cut_scheme(char **text, uint16_t *port, const struct words *w)
{
	static const struct {
		const char *name;
		uint16_t port;
	} schemes[] = { { "http://", 80 },
			{ "https://", 443 },
			{ "ws://", 80 },
			{ "wss://", 443 },
			{ "ftp://", 21 } };
	char *end = strstr(*text, "://");

	*port = 0;
	if (end == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i].name);

		if (strncasecmp(*text, schemes[i].name, len) != 0)
			continue;
		*text += len;
		*port = schemes[i].port;
		return 0;
	}
	return words_wrong(w,
			   "`%s` has a scheme with no port that is known: "
			   "write HOST:PORT",
			   *text);
}

/* An entry for the machine's own network, which is no destination. */
static bool parse_word(const char *text, struct rule *rule)
{
	static const char *const known[] = { RULES_LOCAL, RULES_NOTHING };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(text, known[i]) != 0)
			continue;
		strcpy(rule->name, known[i]);
		return true;
	}
	return false;
}

static int parse_destination(char *text, struct rule *rule,
			     const struct words *w)
{
	char *colon = strchr(text, ':'), any[ENTRY_MAX] = "*";

	/* Only the port of `10.*:80` is left to read then. */
	if (!parse_octets(text, colon ? colon : text + strlen(text), rule))
		return rules_parse_target(text, true, rule, w);
	if (colon != NULL)
		strcpy(any + 1, colon);
	if (rules_parse_target(any, true, rule, w) < 0)
		return -EINVAL;
	rule->name[0] = '\0';
	return 0;
}

int rules_parse_no_proxy(const char *text, struct rule *rule, char *words,
			 size_t words_max)
{
	const struct words w = { words, words_max };
	char entry[ENTRY_MAX], *rest = entry;
	uint16_t port;

	*rule = (struct rule){ .action = POLICY_DIRECT,
			       .protocol = POLICY_TCP,
			       .port_max = UINT16_MAX };
	if (*text == '\0' || strlen(text) >= sizeof(entry) ||
	    strpbrk(text, RULES_NO_PROXY_BETWEEN) != NULL)
		return words_wrong(&w,
				   "an entry of no_proxy is HOST, .SUFFIX or "
				   "ADDRESS/BITS");
	if (parse_word(text, rule))
		return 0;
	strcpy(entry, text);
	if (cut_scheme(&rest, &port, &w) < 0 ||
	    parse_destination(rest, rule, &w) < 0)
		return -EINVAL;
	if (port != 0 && rules_any_port(rule))
		rule->port_min = rule->port_max = port;
	/* libcurl and wget: HOST stands for what is below it, too. */
	if (rule->name[0] != '\0' && rule->name[0] != '.' &&
	    strpbrk(rule->name, "*?") == NULL) {
		memmove(rule->name + 1, rule->name, strlen(rule->name) + 1);
		rule->name[0] = '.';
	}
	return 0;
}
