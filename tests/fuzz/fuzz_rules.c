/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_rules.c - any line as a rule, as a no_proxy entry and as the URI of a
 * proxy or relay
 *
 * What is accepted is compiled and asked; what is not has words.
 */
#include <config.h>

#include "../../tunneld/conf_uri.h"
#include "../../tunneld/hostname.h"
#include "../../tunneld/rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_uri(const char *text)
{
	struct conf_uri uri;
	char words[300] = "";

	for (int credentials = 0; credentials < 2; credentials++)
		if (conf_uri_proxy(text, credentials, &uri, words,
				   sizeof(words)) == 0 &&
		    (uri.host[0] == '\0' || uri.port == 0))
			abort();
	if (conf_uri_turn(text, &uri, words, sizeof(words)) == 0) {
		if (uri.host[0] == '\0' || uri.port == 0)
			abort();
	} else if (words[0] == '\0') {
		abort();
	}
}

static void check_rule(const struct rule *rule)
{
	char name[CONTROL_NAME_MAX + 1];
	const char *bare = rule->name;

	if (rule->port_min > rule->port_max)
		abort();
	if ((rule->name[0] == '\0') == (rule->ip.family == ENDPOINT_NONE))
		abort();
	if (rule->prefix_bits > (rule->ip.family == ENDPOINT_IPV4 ? 32 : 128))
		abort();
	if (*bare == '.')
		bare++;
	if (*bare != '\0' && strpbrk(bare, "*?<") == NULL &&
	    (!hostname_normalise(bare, name) || strcmp(name, bare) != 0))
		abort();
}

/* What is written is read as the same rule, but for words of no_proxy. */
static void check_format(const struct rule *rule)
{
	char text[RULES_TEXT_MAX], again[RULES_TEXT_MAX], words[300];
	struct rule back;

	rules_format(rule, text);
	if (rule->name[0] == '<')
		return;
	if (rules_parse_line(text, &back, words, sizeof(words)) < 0 ||
	    strcmp(rules_format(&back, again), text) != 0)
		abort();
}

static void ask(const struct rules *user, const char *text)
{
	static struct page_table table;
	const char *const no_proxy[] = { text, NULL };
	struct rules_context ctx = {
		.user = user,
		.no_proxy = no_proxy,
		.have_proxy = true,
		.tunnel_udp = true,
	};
	struct endpoint dest = { .family = ENDPOINT_IPV4 };

	if (rules_compile(&ctx, &table, NULL) < 0)
		abort();
	if (page_table_decide(&table, POLICY_TCP, &dest, NULL) !=
	    page_table_scan(&table, POLICY_TCP, &dest, NULL))
		abort();
	if (page_table_decide(&table, POLICY_TCP, &dest, NULL) >=
	    POLICY_NUM_ACTIONS)
		abort();
	if (rules_decide_name(&ctx, "a.example", 0, POLICY_ANY, false, NULL) >=
	    POLICY_NUM_ACTIONS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes + 1);
	struct rules user = { NULL, 0 };
	char words[300] = "";
	struct rule rule;

	if (text == NULL)
		return 0;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	if (rules_parse_line(text, &rule, words, sizeof(words)) == 0) {
		check_rule(&rule);
		check_format(&rule);
		if (rules_add(&user, &rule) < 0)
			abort();
	} else if (words[0] == '\0') {
		abort();
	}
	if (rules_parse_no_proxy(text, &rule, words, sizeof(words)) == 0) {
		check_rule(&rule);
		check_format(&rule);
	}
	check_uri(text);
	ask(&user, text);
	rules_fini(&user);
	free(text);
	return 0;
}
